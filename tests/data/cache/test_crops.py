"""Crops and features are computed once per content, and every file that gives none is listed."""

import cv2
import numpy as np
import pytest
from PIL import Image

from kerasface.data.cache.crops import crop_faces, embed_crops
from kerasface.faces.detection import FaceDetector, central_face
from kerasface.faces.embedding import FaceEmbedder
from kerasface.images.decoding import decode

NAMES = ("copy.png", "cut.jpg", "face.png", "missing.png", "text.png", "turned.jpg", "wall.png")


@pytest.fixture
def paths(photo_folder):
    return [photo_folder / name for name in NAMES]


def test_crops_are_those_of_the_front_end(paths, detector, embedder, tmp_path):
    crops = crop_faces(paths, detector, embedder.template, tmp_path / "cache")
    assert [NAMES[position] for position in crops.positions] == ["copy.png", "face.png", "turned.jpg"]
    for position, crop in zip(crops.positions, crops.store.read(crops.keys), strict=True):
        image = decode(paths[position])
        face = central_face(detector.detect([image])[0], image.shape)
        difference = np.abs(crop.astype(int) - embedder.crop(image, face))
        assert difference.mean() < 0.5  # landmarks may differ in the last digits with the company in the batch


def test_files_without_a_crop_are_listed_with_reasons(paths, detector, embedder, tmp_path):
    for _ in range(2):  # computed, then from the cache
        rejected = crop_faces(paths, detector, embedder.template, tmp_path / "cache").rejected
        assert [path.name for path, _ in rejected] == ["cut.jpg", "missing.png", "text.png", "wall.png"]
        reasons = {path.name: reason for path, reason in rejected}
        assert all(str(path) in reasons[path.name] for path, _ in rejected)
        assert "truncated" in reasons["cut.jpg"]
        assert "No such file" in reasons["missing.png"]
        assert "Not an image" in reasons["text.png"]
        assert "no face was found" in reasons["wall.png"]


class Idle:
    """Stands for a network that must not be used."""

    def __init__(self, real):
        self.real = real

    def __getattr__(self, name):
        if name in ("detect", "embed"):
            raise AssertionError(f"{name} was called although everything is cached")
        return getattr(self.real, name)


def test_the_second_run_computes_nothing(photo_folder, detector, embedder, tmp_path):
    paths = [photo_folder / name for name in ("face.png", "turned.jpg", "wall.png")]
    first = crop_faces(paths, detector, embedder.template, tmp_path)
    features = embed_crops(first, embedder, tmp_path)
    assert first.num_computed == 3
    second = crop_faces(paths, Idle(detector), embedder.template, tmp_path)
    assert second.num_computed == 0
    assert second.rejected == first.rejected
    np.testing.assert_array_equal(second.store.read(second.keys), first.store.read(first.keys))
    np.testing.assert_array_equal(embed_crops(second, Idle(embedder), tmp_path), features)


def test_unreadable_files_are_not_counted_as_computed(paths, detector, embedder, tmp_path):
    """Of the seven, five can be decoded or are copies of such; cut, text and missing give nothing to compute."""
    assert crop_faces(paths, detector, embedder.template, tmp_path).num_computed == 4
    assert crop_faces(paths, detector, embedder.template, tmp_path).num_computed == 0


def test_a_file_moved_or_renamed_is_known_by_its_content(photo_folder, detector, embedder, tmp_path):
    crop_faces([photo_folder / "face.png"], detector, embedder.template, tmp_path)
    moved = (photo_folder / "face.png").rename(tmp_path / "другое имя.png")
    assert crop_faces([moved], Idle(detector), embedder.template, tmp_path).num_computed == 0


def test_duplicates_have_one_crop_and_stay_two_photos(paths, detector, embedder, tmp_path):
    crops = crop_faces(paths[:3], detector, embedder.template, tmp_path)
    assert crops.keys[0] == crops.keys[1]
    features = embed_crops(crops, embedder, tmp_path)
    assert features.shape == (2, 128)
    np.testing.assert_array_equal(features[0], features[1])


def test_features_are_the_embeddings_of_the_crops(paths, detector, embedder, tmp_path):
    crops = crop_faces(paths, detector, embedder.template, tmp_path)
    expected = embedder.embed(crops.store.read(crops.keys))
    np.testing.assert_allclose(embed_crops(crops, embedder, tmp_path), expected, atol=1e-5)


@pytest.mark.slow
def test_another_detector_or_embedder_has_its_own_cache(photo_folder, detector, embedder, tmp_path):
    paths = [photo_folder / "face.png"]
    crops = crop_faces(paths, detector, embedder.template, tmp_path)
    assert crop_faces(paths, FaceDetector(40), embedder.template, tmp_path).num_computed == 1
    mirrored = embed_crops(crops, embedder, tmp_path)
    plain = embed_crops(crops, FaceEmbedder(views=1, precision="float32"), tmp_path)
    assert np.abs(mirrored - plain).max() > 1e-3


def test_progress_ends_at_the_total(paths, detector, embedder, tmp_path):
    told = []
    crops = crop_faces(paths, detector, embedder.template, tmp_path, lambda *counts: told.append(counts))
    assert told[-1] == (7, 7)
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    told.clear()
    embed_crops(crops, embedder, tmp_path, lambda *counts: told.append(counts))
    assert told[-1] == (2, 2)  # three photos, two of them with the same content


def test_no_usable_photo_gives_no_features(photo_folder, detector, embedder, tmp_path):
    crops = crop_faces([photo_folder / "wall.png"], detector, embedder.template, tmp_path)
    assert crops.keys == []
    assert embed_crops(crops, embedder, tmp_path).shape == (0, 128)


def test_of_several_faces_the_one_nearest_the_centre_is_taken(portrait, detector, embedder, tmp_path):
    """A large head at the left edge, a smaller one in the middle."""
    canvas = np.full((240, 640, 3), 120, dtype=np.uint8)
    canvas[10:230, :180] = portrait[20:240, 130:310]
    canvas[50:200, 260:383] = cv2.resize(portrait[20:240, 130:310], (123, 150), interpolation=cv2.INTER_AREA)
    Image.fromarray(canvas).save(tmp_path / "two.png")
    crops = crop_faces([tmp_path / "two.png"], detector, embedder.template, tmp_path)
    note = crops.store.note(crops.keys[0])
    assert note["num_faces"] == 2
    x, _, width, _ = note["box"]
    assert 260 < x + width / 2 < 383
