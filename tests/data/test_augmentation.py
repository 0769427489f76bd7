"""Augmentation: a function of images and key, with the effects that its policies name."""

import importlib.util
import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from kerasface.data.augmentation import (
    MIXES,
    POLICIES,
    augment_image,
    batch_key,
    build_augmentation,
    move_images,
    preview_sheet,
    transform_geometry,
)

STILL = {"flip": False, "rotation": 0.0, "zoom": 1.0, "shift": (0.0, 0.0)}
RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (8, 16, 16, 3), dtype=np.uint8)
ONE_HOT = np.eye(4, dtype=np.float32)[np.arange(8) % 4]


def augmented(policy, mix, key, images=IMAGES, one_hot=ONE_HOT):
    moved = move_images(images, policy, key)
    changed, labels = build_augmentation(policy, mix)(tf.constant(moved), tf.constant(one_hot), tf.constant(key))
    return changed.numpy(), labels.numpy()


def dot(x, y, size=33):
    """A black picture with a white square of 5 x 5 pixels around (x, y)."""
    image = np.zeros((size, size, 3), dtype=np.uint8)
    image[y - 2 : y + 3, x - 2 : x + 3] = 255
    return image


def middle(image):
    """Centre of mass (x, y) of the bright pixels."""
    y, x = np.indices(image.shape[:2])
    weight = image[..., 0].astype(float)
    return (x * weight).sum() / weight.sum(), (y * weight).sum() / weight.sum()


def test_without_a_change_the_image_stays():
    np.testing.assert_array_equal(transform_geometry(IMAGES[0], **STILL), IMAGES[0])


@pytest.mark.parametrize("side", [15, 16])
def test_a_flip_is_the_mirror_image_to_the_last_bit(side):
    image = IMAGES[0, :, :side]
    np.testing.assert_array_equal(transform_geometry(image, **STILL | {"flip": True}), image[:, ::-1])


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"shift": (3.0, 0.0)}, (26 + 3, 16)),
        ({"shift": (0.0, -4.0)}, (26, 16 - 4)),
        ({"rotation": 90.0}, (16, 16 - 10)),  # right of the centre (16, 16) goes above it
        ({"rotation": -90.0}, (16, 16 + 10)),
        ({"zoom": 1.25}, (16 + 12.5, 16)),
        ({"zoom": 0.9}, (16 + 9, 16)),
        ({"flip": True}, (16 - 10, 16)),
        ({"flip": True, "rotation": 90.0}, (16, 16 + 10)),  # mirrored first
        ({"rotation": 90.0, "shift": (2.0, 0.0)}, (18, 6)),  # shifted last
    ],
)
def test_a_point_goes_where_the_change_says(change, expected):
    """The point (26, 16) lies 10 pixels to the right of the centre."""
    assert middle(transform_geometry(dot(26, 16), **STILL | change)) == pytest.approx(expected, abs=0.3)


def test_what_comes_in_over_the_edge_is_the_reflected_picture():
    image = np.broadcast_to(np.arange(8, dtype=np.uint8)[None, :, None], (8, 8, 3)).copy()
    shifted = transform_geometry(image, **STILL | {"shift": (2.0, 0.0)})
    np.testing.assert_array_equal(shifted[0, :, 0], [2, 1, 0, 1, 2, 3, 4, 5])


def test_flips_come_in_about_half_of_the_images_and_can_be_turned_off():
    """Shift and zoom of `light` keep the left half of this picture darker than the right one."""
    image = np.zeros((32, 32, 3), dtype=np.uint8)
    image[:, 16:] = 255
    key = batch_key(0, 0, 0)
    many = np.repeat(image[None], 200, axis=0)

    def mirrored(moved):
        return moved[:, :, :16].mean(axis=(1, 2, 3)) > moved[:, :, 16:].mean(axis=(1, 2, 3))

    assert 70 <= mirrored(move_images(many, "light", key)).sum() <= 130  # 100 +- 4 standard deviations
    assert not mirrored(move_images(many, "light", key, flip=False)).any()


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("mix", MIXES)
def test_the_key_alone_decides(policy, mix):
    first, first_labels = augmented(policy, mix, batch_key(1, 2, 3))
    augmented(policy, mix, batch_key(1, 2, 4))  # a layer with a state would now be somewhere else
    again, again_labels = augmented(policy, mix, batch_key(1, 2, 3))
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(first_labels, again_labels)
    assert first.dtype == np.uint8
    assert first.shape == IMAGES.shape
    np.testing.assert_allclose(first_labels.sum(axis=1), 1, atol=1e-6)
    if (policy, mix) != ("none", "none"):
        for other in [(2, 2, 3), (1, 3, 3), (1, 2, 4)]:
            assert (augmented(policy, mix, batch_key(*other))[0] != first).any()


def test_none_changes_nothing():
    images, labels = augmented("none", "none", batch_key(0, 0, 0))
    np.testing.assert_array_equal(images, IMAGES)
    np.testing.assert_array_equal(labels, ONE_HOT)


def test_policies_differ():
    results = [augmented(policy, "none", batch_key(0, 0, 0))[0] for policy in POLICIES]
    for index, one in enumerate(results):
        assert all((one != other).any() for other in results[index + 1 :])


def test_each_image_of_a_batch_is_changed_differently():
    same = np.repeat(IMAGES[:1], 8, axis=0)
    changed, _ = augmented("strong", "none", batch_key(0, 0, 0), images=same)
    assert len(np.unique(changed.reshape(8, -1), axis=0)) == 8


def test_standard_makes_pictures_brighter_and_darker_and_of_more_and_less_contrast():
    wave = (128 + 60 * np.sign(np.sin(np.arange(32)))).astype(np.uint8)
    images = np.broadcast_to(wave[None, :, None, None], (200, 32, 32, 3)).copy()
    changed, _ = build_augmentation("standard", "none")(
        tf.constant(images), tf.zeros((200, 2)), tf.constant(batch_key(0, 0, 0))
    )
    means, deviations = changed.numpy().mean(axis=(1, 2, 3)), changed.numpy().std(axis=(1, 2, 3))
    for values, before in ((means, images[0].mean()), (deviations, images[0].std())):
        assert 30 < (values > before).sum() < 170


def test_mixup_is_the_same_convex_combination_of_images_and_labels():
    """Each image has one grey value of its own and one class of its own, so the labels tell the weights."""
    grey = np.arange(8) * 36
    images = np.broadcast_to(grey[:, None, None, None], (8, 4, 4, 3)).astype(np.uint8)
    changed, labels = augmented("none", "mixup", batch_key(0, 0, 0), images, np.eye(8, dtype=np.float32))
    assert (labels >= 0).all()
    assert ((labels > 0).sum(axis=1) <= 2).all()
    assert (labels > 0).sum() > 8  # some are mixed
    expected = labels @ grey
    np.testing.assert_allclose(changed, np.broadcast_to(expected[:, None, None, None], changed.shape), atol=0.51)


def test_a_larger_alpha_mixes_halves():
    """The beta distribution of 50 and 50 has half its mass within 0.05 of a half; that of 0.2 and 0.2 at its ends."""
    images, labels = np.zeros((64, 4, 4, 3), dtype=np.uint8), np.eye(64, dtype=np.float32)
    arguments = tf.constant(images), tf.constant(labels), tf.constant(batch_key(0, 0, 0))
    largest = {
        alpha: np.asarray(build_augmentation("none", "mixup", mixup_alpha=alpha)(*arguments)[1]).max(axis=1)
        for alpha in (None, 0.2, 50.0)
    }
    np.testing.assert_array_equal(largest[None], largest[0.2])
    assert np.median(largest[50.0]) < 0.6 < 0.9 < np.median(largest[0.2])


def test_cutmix_weighs_labels_by_area():
    """As above; an image then holds two grey values, each in the share of pixels that its label says."""
    grey = np.arange(8) * 36
    images = np.broadcast_to(grey[:, None, None, None], (8, 64, 64, 3)).astype(np.uint8)
    changed, labels = augmented("none", "cutmix", batch_key(0, 0, 0), images, np.eye(8, dtype=np.float32))
    shares = (changed[..., :1] == grey).mean(axis=(1, 2))  # (8 images, 8 grey values)
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    assert (shares > 0).sum() > 8
    np.testing.assert_allclose(shares, labels, atol=2 / 64)  # the patch's edges are cut at whole pixels


def test_the_mirror_image_is_a_choice_but_the_rest_of_the_draws_stays():
    key = batch_key(0, 0, 0)
    with_flip, without = move_images(IMAGES, "light", key), move_images(IMAGES, "light", key, flip=False)
    same = (with_flip == without).all(axis=(1, 2, 3))
    assert 0 < same.sum() < len(IMAGES)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("flip", [True, False])
def test_one_image_is_augmented_by_both_halves(policy, flip):
    key = batch_key(4, 5, 6)
    moved = move_images(IMAGES[:1], policy, key, flip=flip)
    changed, _ = build_augmentation(policy)(tf.constant(moved), tf.zeros((1, 1)), tf.constant(key))
    np.testing.assert_array_equal(augment_image(IMAGES[0], policy, key, flip=flip), changed[0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(("medium", "none"), "policy='medium'"), (("light", "blend"), "mix='blend'")],
)
def test_unknown_names_are_refused_with_the_choice(arguments, message):
    with pytest.raises(ValueError, match=message):
        build_augmentation(*arguments)


def test_the_sheet_shows_every_image_with_its_soft_label():
    sheet = preview_sheet(IMAGES, np.arange(8) % 4, ["Ada", "Zoë", "a name far too long for the picture", "D"], "none")
    assert sheet.dtype == np.uint8
    assert sheet.shape == (36 + 128 + 8 + 8, 8 * (128 + 8) + 8, 3)
    tile = sheet[8 : 8 + 128, 8 : 8 + 128].reshape(16, 8, 16, 8, 3)[:, 4, :, 4]
    np.testing.assert_allclose(tile.astype(int), IMAGES[0], atol=40)  # enlarged without being moved
    text = sheet[8 + 128 : 8 + 128 + 36]
    assert (text < 100).any()
    mixed = preview_sheet(IMAGES, np.arange(8) % 4, list("abcd"), "strong", mix="mixup", num_columns=3)
    assert mixed.shape == (3 * (36 + 128 + 8) + 8, 3 * (128 + 8) + 8, 3)


@pytest.mark.slow
def test_another_backend_gets_the_same_pictures():
    """Keras's layers must compute with TensorFlow inside tf.data whatever backend trains."""
    if importlib.util.find_spec("jax") is None:
        pytest.skip("JAX is not installed: pip install jax.")
    code = (
        "import numpy as np, tensorflow as tf\n"
        "from kerasface.data.pipelines import training_batches\n"
        "images = np.random.default_rng(0).integers(0, 256, (8, 16, 16, 3), dtype=np.uint8)\n"
        "batches = training_batches(images, np.arange(8), batch_size=8, num_classes=8, policy='strong', mix='cutmix',\n"
        "                           seed=1, epoch=0)\n"
        "images, labels = next(iter(batches))\n"
        "print(int(images.numpy().sum()), round(float((labels.numpy() ** 2).sum()), 4))\n"
    )

    def run(backend):
        environment = os.environ | {"KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert run("jax") == run("tensorflow") != ""
