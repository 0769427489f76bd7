"""The front end: detector and embedder side by side, one list of faces per photo."""

import cv2
import numpy as np
import pytest

from kerasface.faces.detection import central_face


@pytest.fixture(scope="module")
def blank():
    return np.full((120, 160, 3), 180, dtype=np.uint8)


@pytest.fixture(scope="module")
def couple(portrait):
    """One head at the left edge, a slightly smaller one in the middle."""
    canvas = np.full((300, 600, 3), 120, dtype=np.uint8)
    head = portrait[20:240, 130:310]  # (220, 180, 3)
    canvas[20:240, :180] = head
    canvas[60:260, 230:394] = cv2.resize(head, (164, 200), interpolation=cv2.INTER_AREA)
    return canvas


def test_each_photo_has_its_own_faces(analyzer, portrait, blank, couple):
    faces = analyzer.analyze([blank, couple, portrait, blank])
    assert [len(entries) for entries in faces] == [0, 2, 1, 0]
    assert faces[1][0].face.area >= faces[1][1].face.area


def test_crop_and_embedding_belong_to_the_face(analyzer, embedder, couple):
    (entries,) = analyzer.analyze([couple])
    for entry in entries:
        np.testing.assert_array_equal(entry.crop, embedder.crop(couple, entry.face))
        np.testing.assert_allclose(entry.embedding, embedder.embed(entry.crop[None])[0], atol=1e-5)


def test_pick_keeps_one_face_per_photo(analyzer, blank, couple):
    none, (entry,) = analyzer.analyze([blank, couple], pick=central_face)
    assert none == []
    x, _, width, _ = entry.face.box
    assert 230 < x + width / 2 < 394


@pytest.mark.parametrize("count", [0, 1, 2])
def test_without_faces_every_photo_has_an_empty_list(analyzer, blank, count):
    assert analyzer.analyze([blank] * count) == [[]] * count
    assert analyzer.analyze([blank] * count, pick=central_face) == [[]] * count
