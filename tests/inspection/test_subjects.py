from dataclasses import replace

import cv2
import numpy as np
import pytest

from kerasface.faces.alignment import FACE_RESNET_CROP, FACE_RESNET_TEMPLATE
from kerasface.faces.detection import Face
from kerasface.inspection.subjects import model_square, squares_of
from kerasface.runs.card import ModelInput
from kerasface.runs.store import RunError


def taken(**asked):
    return ModelInput(**{"image_size": (40, 40), **asked})


@pytest.fixture
def photo():
    """Noise of 150 x 200 pixels."""
    return np.random.default_rng(0).integers(0, 256, (150, 200, 3), dtype=np.uint8)


@pytest.fixture
def face():
    return Face((40.0, 30.0, 60.0, 80.0), FACE_RESNET_TEMPLATE, 0.99)


def test_faces_are_looked_at_by_models_of_crops_and_of_squares():
    assert taken(alignment="five points").looks_at_faces
    assert taken(context=2.2).looks_at_faces
    assert not taken(kind="image").looks_at_faces


def test_a_model_of_pictures_sees_the_middle(photo, face):
    """Of 150 x 200 pixels the largest square has columns 25 to 174; at its own size nothing is resampled."""
    found = model_square(photo, taken(image_size=(150, 150)), face)
    np.testing.assert_array_equal(found, photo[:, 25:175])


def test_a_model_of_squares_sees_the_square_around_the_face(photo, face):
    """Its side is half of the box's height, 40 pixels around the box's centre at x 70, y 70."""
    found = model_square(photo, taken(context=0.5), face)
    np.testing.assert_array_equal(found, photo[50:90, 50:90])


def test_a_model_of_squares_sees_a_lying_face_upright(photo, face):
    """It lies with its head to the left, so its height, 60 pixels, is the box's width."""
    found = model_square(photo, taken(context=0.5, image_size=(30, 30)), replace(face, turned=90))
    np.testing.assert_array_equal(found, np.rot90(photo[55:85, 55:85], -1))


def test_a_model_of_crops_sees_the_aligned_face(photo, face):
    """Landmarks that lie on the template already move nothing: the crop is the photo's corner."""
    found = model_square(photo, taken(image_size=(150, 150), alignment=FACE_RESNET_CROP.fingerprint), face)
    assert abs(found.astype(int) - photo[:, :150])[2:-2, 2:-2].max() <= 2
    assert model_square(photo, taken(alignment=FACE_RESNET_CROP.fingerprint), face).shape == (40, 40, 3)


def test_what_is_missing_is_said(photo, face):
    with pytest.raises(ValueError, match="face=None"):
        model_square(photo, taken(context=2.0))
    for size in (None, (40, 30)):
        with pytest.raises(RunError, match="square of pixels"):
            model_square(photo, taken(image_size=size), face)


def test_squares_of_many_photos_name_what_cannot_be_used(photo, face, tmp_path):
    """A stand-in for the detector finds a face in photos of more than 100 rows."""

    class Detector:
        def detect(self, images):
            return [[face] if len(image) > 100 else [] for image in images]

    for name, image in (("a.png", photo), ("b.png", photo[:90])):
        cv2.imwrite(str(tmp_path / name), image)
    (tmp_path / "c.png").write_text("no picture")
    paths, counts = sorted(tmp_path.iterdir()), []
    squares, used, problems = squares_of(paths, taken(context=2.0), Detector(), on_progress=counts.append)
    assert squares.shape == (1, 40, 40, 3)
    assert used == paths[:1]
    assert ["c.png" in problems[0], "b.png: No face was found" in problems[1]] == [True, True]
    assert counts == [3]
    squares, used, problems = squares_of(paths, taken())
    assert (len(squares), used, len(problems)) == (2, paths[:2], 1)
    with pytest.raises(ValueError, match=r"None of 1 photos can be used.*b\.png"):
        squares_of(paths[1:2], taken(context=2.0), Detector())
