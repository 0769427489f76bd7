"""Alignment: the right similarity, sub-pixel positions, no aliasing."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kerasface.faces.alignment import FACE_RESNET_TEMPLATE, TEMPLATES, align, similarity_transform

SIZE = (150, 150)


def similarity(scale, angle, shift):
    """`(2, 3)` matrix that scales, turns by `angle` radians and shifts."""
    turn = scale * np.array([(np.cos(angle), -np.sin(angle)), (np.sin(angle), np.cos(angle))])
    return np.column_stack([turn, shift])


def moved(points, matrix):
    return points @ matrix[:, :2].T + matrix[:, 2]


@given(st.floats(0.05, 20), st.floats(-np.pi, np.pi), st.tuples(st.floats(-500, 500), st.floats(-500, 500)))
def test_a_similarity_is_recovered(scale, angle, shift):
    expected = similarity(scale, angle, shift)
    found = similarity_transform(FACE_RESNET_TEMPLATE, moved(FACE_RESNET_TEMPLATE, expected))
    np.testing.assert_allclose(found, expected, atol=1e-6)


@given(st.integers(0, 2**32 - 1))
def test_no_other_similarity_fits_better(seed):
    """Least squares: a small change of any of the four parameters never lowers the sum of squares."""
    generator = np.random.default_rng(seed)
    points, template = generator.normal(0, 10, (2, 5, 2))
    found = similarity_transform(points, template)
    least = np.sum((moved(points, found) - template) ** 2)
    a, b, x, y = found[0, 0], found[1, 0], *found[:, 2]
    for change in 0.01 * np.vstack([np.eye(4), -np.eye(4)]):
        other_a, other_b, other_x, other_y = np.add((a, b, x, y), change)
        other = np.array([(other_a, -other_b, other_x), (other_b, other_a, other_y)])
        assert np.sum((moved(points, other) - template) ** 2) >= least


def test_mirrored_points_do_not_give_a_reflection():
    matrix = similarity_transform(FACE_RESNET_TEMPLATE * (-1, 1), FACE_RESNET_TEMPLATE)
    assert np.linalg.det(matrix[:, :2]) > 0


@pytest.mark.parametrize("place", [0.0, 7.0, 0.1, 4321.7])
def test_coinciding_points_are_refused(place):
    with pytest.raises(ValueError, match="landmarks at different places"):
        similarity_transform(np.full((5, 2), place), FACE_RESNET_TEMPLATE)


def test_landmarks_on_the_template_leave_the_image_as_it_is():
    image = np.random.default_rng(0).integers(0, 256, (150, 150, 3), dtype=np.uint8)
    np.testing.assert_array_equal(align(image, FACE_RESNET_TEMPLATE, FACE_RESNET_TEMPLATE, SIZE), image)


@pytest.mark.parametrize("shrink", [2, 8])
def test_a_face_several_times_the_crop_is_averaged_not_sampled(shrink):
    """One crop pixel covers `shrink` x `shrink` photo pixels of a black and white checkerboard: grey, 127.5."""
    side = 150 * shrink
    board = (np.indices((side, side)).sum(axis=0) % 2 * 255).astype(np.uint8)
    landmarks = (FACE_RESNET_TEMPLATE + 0.5) * shrink - 0.5
    crop = align(np.repeat(board[..., None], 3, axis=2), landmarks, FACE_RESNET_TEMPLATE, SIZE)
    assert crop.shape == (*SIZE, 3)
    inside = crop[2:-2, 2:-2].astype(int)
    assert inside.min() >= 126
    assert inside.max() <= 129


@pytest.mark.parametrize("angle", [0.0, 0.6, np.pi])
@pytest.mark.parametrize("scale", [0.4, 1.0, 1.3, 2.5, 7.0])
def test_landmarks_land_on_the_template(scale, angle):
    """A soft dot is drawn at a landmark; its centre of mass lies on the template's point within 0.1 pixels."""
    to_photo = similarity(scale, angle, (0, 0))
    corners = moved(np.array([(0, 0), (149, 0), (0, 149), (149, 149)], dtype=float), to_photo)
    to_photo[:, 2] = 20.3 - corners.min(axis=0)
    landmarks = moved(FACE_RESNET_TEMPLATE, to_photo)
    width, height = np.ceil(np.ptp(corners, axis=0) + 41).astype(int)
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    radius = max(2.0, 2.0 * scale)
    for landmark, target in zip(landmarks, FACE_RESNET_TEMPLATE, strict=True):
        dot = 255 * np.exp(-((x - landmark[0]) ** 2 + (y - landmark[1]) ** 2) / (2 * radius**2))
        photo = np.repeat(np.rint(dot).astype(np.uint8)[..., None], 3, axis=2)
        crop = align(photo, landmarks.astype(np.float32), FACE_RESNET_TEMPLATE, SIZE)[..., 0].astype(float)
        rows, cols = np.indices(crop.shape)
        centre = np.array([(cols * crop).sum(), (rows * crop).sum()]) / crop.sum()
        np.testing.assert_allclose(centre, target, atol=0.1)


def test_outside_the_photo_is_black():
    crop = align(np.full((40, 40, 3), 200, dtype=np.uint8), FACE_RESNET_TEMPLATE, FACE_RESNET_TEMPLATE, SIZE)
    assert (crop[:39, :39] == 200).all()
    assert (crop[42:] == 0).all()
    assert (crop[:, 42:] == 0).all()


def test_a_face_of_a_photo_longer_than_opencv_takes():
    """The same face at the far end of 40,000 pixels, and of a photo of its own."""
    face = np.random.default_rng(0).integers(0, 256, (150, 150, 3), dtype=np.uint8)
    photo = np.zeros((150, 40_000, 3), dtype=np.uint8)
    photo[:, -150:] = face
    crop = align(photo, FACE_RESNET_TEMPLATE + np.array([39_850, 0]), FACE_RESNET_TEMPLATE, SIZE)
    np.testing.assert_allclose(crop.astype(int), align(face, FACE_RESNET_TEMPLATE, FACE_RESNET_TEMPLATE, SIZE), atol=2)
    assert (align(photo, FACE_RESNET_TEMPLATE + np.array([60_000, 0]), FACE_RESNET_TEMPLATE, SIZE) == 0).all()


def test_channels_stay_in_order_and_the_photo_is_not_written_to():
    photo = np.zeros((300, 300, 3), dtype=np.uint8)
    photo[...] = (10, 120, 230)
    before = photo.copy()
    crop = align(photo, FACE_RESNET_TEMPLATE * 1.7, FACE_RESNET_TEMPLATE, (100, 80))
    assert crop.shape == (100, 80, 3)
    assert tuple(crop[50, 40]) == (10, 120, 230)
    np.testing.assert_array_equal(photo, before)


def test_a_view_that_is_not_contiguous_gives_the_same_crop(portrait):
    landmarks = FACE_RESNET_TEMPLATE * 1.5 + (100, 20)
    mirrored = portrait[:, ::-1]
    expected = align(np.ascontiguousarray(mirrored), landmarks, FACE_RESNET_TEMPLATE, SIZE)
    np.testing.assert_array_equal(align(mirrored, landmarks, FACE_RESNET_TEMPLATE, SIZE), expected)
    assert cv2.Laplacian(expected, cv2.CV_64F).var() > 0  # something is to be seen


@pytest.mark.parametrize("template", TEMPLATES.values(), ids=TEMPLATES)
def test_templates_are_upright_faces_in_the_middle_of_their_crops(template):
    """Eyes level within 1 % of the side, above the nose, that above the mouth; left and right as far from the nose."""
    side = template.image_size[0]
    left_eye, right_eye, nose, left_mouth, right_mouth = template.points
    assert abs(left_eye[1] - right_eye[1]) < 0.01 * side
    assert max(left_eye[1], right_eye[1]) < nose[1] < min(left_mouth[1], right_mouth[1]) < side
    for left, right in ((left_eye, right_eye), (left_mouth, right_mouth)):
        assert left[0] < nose[0] < right[0]
        assert abs((left[0] + right[0]) / 2 - side / 2) < 0.01 * side
