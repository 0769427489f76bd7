"""Photos that lie on their side or stand on their head: faces found, told, and placed on the photo as it was given."""

import numpy as np
import pytest

from kerasface.faces.detection import Face
from kerasface.faces.turns import stands, turn_note, turned, turned_back

UPRIGHT = np.array([(30, 40), (70, 40), (50, 60), (35, 80), (65, 80)], dtype=np.float32)


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_turned_photo_has_its_face_where_it_is(portrait, portrait_face, detector, degrees):
    """The photo was turned by `-degrees`, so it must be turned by `degrees` to stand."""
    photo = turned(portrait, -degrees)
    (face,) = detector.detect([photo])[0]
    assert face.turned == degrees
    there = turned_back(portrait_face, degrees, photo.shape)
    np.testing.assert_allclose(face.box, there.box, atol=0.1)
    np.testing.assert_allclose(face.landmarks, there.landmarks, atol=0.1)


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_the_crop_of_a_turned_photo_is_that_of_the_photo_that_stands(portrait, analyzer, degrees):
    (upright,), (lying,) = analyzer.analyze([portrait, turned(portrait, -degrees)])
    assert np.abs(upright.crop.astype(int) - lying.crop).max() <= 3  # rounding
    assert float(upright.embedding @ lying.embedding) > 0.999


def test_a_photo_that_stands_is_looked_at_once(portrait, detector, monkeypatch):
    looks = []
    upright = detector._upright

    def counted(photos):
        looks.append(len(photos))
        return upright(photos)

    monkeypatch.setattr(detector, "_upright", counted)
    blank = np.full((90, 333, 3), 200, dtype=np.uint8)
    found = detector.detect([portrait, blank])
    assert [[face.turned for face in faces] for faces in found] == [[0], []]
    assert looks == [2, 1, 1, 1]  # only the one without a face is turned


def test_turning_can_be_left_out(portrait, detector):
    lying = turned(portrait, 90)
    assert [face.turned for face in detector.detect([lying])[0]] == [270]
    assert {face.turned for face in detector.detect([lying], turns=False)[0]} <= {0}


def test_photos_without_faces_have_none_however_they_are_turned(detector):
    rng = np.random.default_rng(0)
    photos = [rng.integers(0, 256, (120, 200, 3), dtype=np.uint8), np.full((90, 40, 3), 90, dtype=np.uint8)]
    assert detector.detect(photos) == [[], []]


def test_each_photo_of_a_batch_has_its_own_turn(portrait, detector):
    blank = np.full((90, 333, 3), 200, dtype=np.uint8)
    photos = [turned(portrait, 90), portrait, blank, turned(portrait, 180)]
    assert [[face.turned for face in faces] for faces in detector.detect(photos)] == [[270], [0], [], [180]]


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_pixels_marked_on_the_turned_photo_are_the_same_on_the_photo(degrees):
    """A dot and a rectangle drawn on 60 x 40, looked for on the picture that is turned by `degrees`."""
    photo = np.zeros((40, 60), dtype=np.uint8)
    photo[7, 50] = 1
    upright = turned(photo, degrees)
    row, column = np.argwhere(upright)[0]
    point = np.array([(column, row)] * 5, dtype=np.float32)
    face = turned_back(Face((column, row, 1, 1), point, 0.9), degrees, photo.shape)
    np.testing.assert_allclose(face.landmarks, [(50, 7)] * 5)
    assert face.box == (50, 7, 1, 1)
    assert face.turned == degrees


@pytest.mark.parametrize(("angle", "standing"), [(0, True), (45, True), (-45, True), (80, False), (180, False)])
def test_a_face_stands_while_its_mouth_is_below_its_eyes(angle, standing):
    turn = np.deg2rad(angle)
    rotation = np.array([(np.cos(turn), np.sin(turn)), (-np.sin(turn), np.cos(turn))])
    assert stands((UPRIGHT @ rotation).astype(np.float32)) == standing


def test_the_note_names_the_turn():
    assert turn_note(0) == ""
    assert turn_note(90) == "turned by 90 degrees clockwise"
