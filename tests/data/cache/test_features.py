"""Features: each computed once, copies that depend on nothing but seed, number and content, going on where it ended."""

import hashlib

import numpy as np
import pytest

from kerasface.data.augmentation import augment_image, batch_key
from kerasface.data.cache import features
from kerasface.data.cache.features import cached_features

IMAGES = np.random.default_rng(0).integers(0, 256, (10, 12, 12, 3), dtype=np.uint8)
KEYS = [hashlib.sha256(image.tobytes()).hexdigest() for image in IMAGES]
DIM = 7


def look(images):
    """A network of no weights: mean, deviation, and an off-centre pixel, so that mirroring shows."""
    channels = images.reshape(len(images), -1, 3).astype(np.float32)
    return np.concatenate([channels.mean(axis=1), channels.std(axis=1), images[:, 3, 2, :1]], axis=1, dtype=np.float32)


class Network:
    """Computes `look`, notes how many images it was given, and fails before the call number `fails_at`."""

    def __init__(self, fails_at=None):
        self.counts = []
        self.fails_at = fails_at

    def __call__(self, images):
        if len(self.counts) == self.fails_at:
            raise KeyboardInterrupt
        self.counts.append(len(images))
        return (look(images),)


def test_each_image_is_computed_once(tmp_path):
    network, reports = Network(), []
    first = cached_features(IMAGES, KEYS, network, DIM, tmp_path, on_progress=lambda *counts: reports.append(counts))
    assert (first.shape, first.dtype) == ((10, DIM), np.float32)
    np.testing.assert_array_equal(first[:], look(IMAGES))
    assert (network.counts, reports) == ([10], [(0, 10), (10, 10)])
    again = cached_features(IMAGES[::-1], KEYS[::-1], network, DIM, tmp_path)
    assert network.counts == [10]
    np.testing.assert_array_equal(again[:], first[:][::-1])


def test_only_what_is_new_is_computed(tmp_path):
    network = Network()
    cached_features(IMAGES[2:5], KEYS[2:5], network, DIM, tmp_path)
    found = cached_features(IMAGES, KEYS, network, DIM, tmp_path)
    assert network.counts == [3, 7]
    np.testing.assert_array_equal(found[:], look(IMAGES))


def test_images_of_one_content_are_computed_once_and_stay_several(tmp_path):
    network, order = Network(), [0, 1, 0, 0]
    found = cached_features(IMAGES[order], [KEYS[index] for index in order], network, DIM, tmp_path)
    assert network.counts == [2]
    np.testing.assert_array_equal(found[:], look(IMAGES[order]))


def test_no_images_have_no_features(tmp_path):
    network = Network()
    assert cached_features(IMAGES[:0], [], network, DIM, tmp_path).shape == (0, DIM)
    assert network.counts == []


@pytest.mark.parametrize("copy", [0, 2])
def test_an_interrupted_computation_goes_on_to_the_same_values(tmp_path, monkeypatch, copy):
    """Blocks of 4, 4 and 2 images: the first is stored when the second fails."""
    monkeypatch.setattr(features, "_BLOCK", 4)
    settings = {"copy": copy, "policy": "light"}
    whole = cached_features(IMAGES, KEYS, Network(), DIM, tmp_path / "whole", **settings)
    with pytest.raises(KeyboardInterrupt):
        cached_features(IMAGES, KEYS, Network(fails_at=1), DIM, tmp_path / "cut", **settings)
    network = Network()
    rest = cached_features(IMAGES, KEYS, network, DIM, tmp_path / "cut", **settings)
    assert network.counts == [4, 2]
    np.testing.assert_array_equal(rest[:], whole[:])


@pytest.mark.parametrize("policy", ["light", "standard"])
def test_a_copy_is_the_image_augmented_by_seed_number_and_content(tmp_path, policy):
    """The key of its draws is that of batch (seed, copy, first 48 bits of the content's hash)."""
    found = cached_features(IMAGES[:3], KEYS[:3], Network(), DIM, tmp_path, copy=2, policy=policy, seed=5)
    changed = [
        augment_image(image, policy, batch_key(5, 2, int(key[:12], 16)))
        for image, key in zip(IMAGES[:3], KEYS[:3], strict=True)
    ]
    np.testing.assert_array_equal(found[:], look(np.stack(changed)))
    assert not np.array_equal(found[:], look(IMAGES[:3]))


def test_a_copy_does_not_depend_on_its_company(tmp_path):
    settings = {"copy": 1, "policy": "light"}
    together = cached_features(IMAGES, KEYS, Network(), DIM, tmp_path / "a", **settings)
    alone = cached_features(IMAGES[7:8], KEYS[7:8], Network(), DIM, tmp_path / "b", **settings)
    np.testing.assert_array_equal(alone[:], together[7:8])


@pytest.mark.parametrize("change", [{"copy": 2}, {"seed": 1}, {"policy": "standard"}, {"flip": False}])
def test_another_copy_has_features_of_its_own(tmp_path, change):
    """In one folder, and neither takes the other's; without mirroring, those that it would have mirrored differ."""
    network, settings = Network(), {"copy": 1, "policy": "light", "seed": 0, "flip": True}
    one = cached_features(IMAGES, KEYS, network, DIM, tmp_path, **settings)
    other = cached_features(IMAGES, KEYS, network, DIM, tmp_path, **settings | change)
    assert network.counts == [10, 10]
    assert not np.array_equal(one[:], other[:])


def test_plain_features_do_not_depend_on_the_augmentation(tmp_path):
    network = Network()
    cached_features(IMAGES, KEYS, network, DIM, tmp_path, policy="light", seed=0)
    cached_features(IMAGES, KEYS, network, DIM, tmp_path, policy="strong", seed=1, flip=False)
    assert network.counts == [10]
