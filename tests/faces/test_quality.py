"""Quality in numbers: each one moves with what it measures, and with nothing else."""

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kerasface.faces import quality
from kerasface.faces.alignment import FACE_RESNET_TEMPLATE
from kerasface.faces.quality import head_pose, measure_quality, problems


@pytest.fixture
def good(portrait_face, portrait_crop):
    return measure_quality(portrait_face, portrait_crop)


def mirrored(landmarks):
    """What the landmarks are in the mirror image: the left eye is the right one there."""
    return (landmarks * (-1, 1))[[1, 0, 2, 4, 3]]


def turned(yaw=0.0, pitch=0.0, roll=0.0, scale=50.0):
    """Landmarks of a face of the module's own model, turned by degrees and seen from far away."""
    yaw, pitch, roll = np.radians([yaw, pitch, roll])
    template = FACE_RESNET_TEMPLATE.astype(float)
    flat = (template - template.mean(axis=0)) / np.linalg.norm(template[1] - template[0])
    flat = (flat + mirrored(flat)) / 2
    points = np.column_stack([flat, [0, 0, 0.4, 0, 0]])  # right, down, near
    about_down = [[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]]
    about_right = [[1, 0, 0], [0, np.cos(pitch), np.sin(pitch)], [0, -np.sin(pitch), np.cos(pitch)]]
    in_plane = [[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]]
    return 100 + scale * (points @ np.transpose(np.array(in_plane) @ about_down @ about_right))[:, :2]


def test_a_good_photo_has_no_problem(good):
    assert problems(good) == []
    assert abs(good.yaw) < 30
    assert good.visibility > 0.4
    json.dumps(good.to_dict(), allow_nan=False)


@given(st.floats(-70, 70), st.floats(-180, 179), st.floats(5, 500))
def test_yaw_and_roll_of_a_turned_model_are_found(yaw, roll, scale):
    found = head_pose(turned(yaw=yaw, roll=roll, scale=scale))
    assert found == pytest.approx((yaw, 0, roll), abs=1e-6) or abs(found[2] - roll) == pytest.approx(360, abs=1e-6)


@given(st.floats(-60, 60))
def test_pitch_of_a_tilted_model_is_found(pitch):
    assert head_pose(turned(pitch=pitch)) == pytest.approx((0, pitch, 0), abs=1e-6)


def test_signs_are_those_of_the_photo():
    """A nose to the right of the eyes' middle is a yaw above 0; a lower right eye a roll above 0."""
    right = turned(yaw=30)
    assert right[2, 0] > right[:2, 0].mean()
    clockwise = turned(roll=20)
    assert clockwise[1, 1] > clockwise[0, 1]
    down = turned(pitch=20)
    assert down[2, 1] - down[:2, 1].mean() > turned()[2, 1] - turned()[:2, 1].mean()


@given(st.floats(-70, 70), st.floats(-40, 40), st.floats(-80, 80), st.lists(st.floats(-3, 3), min_size=10, max_size=10))
def test_the_mirror_image_turns_yaw_and_roll_round(yaw, pitch, roll, noise):
    """Of any face, also one whose landmarks are not where the model has them."""
    points = turned(yaw, pitch, roll) + np.reshape(noise, (5, 2))
    found = head_pose(points)
    assert head_pose(mirrored(points)) == pytest.approx((-found[0], found[1], -found[2]), abs=1e-6)
    assert head_pose(points * 3 + (40, -7)) == pytest.approx(found, abs=1e-6)


@given(st.lists(st.tuples(st.floats(0, 200), st.floats(0, 200)), min_size=5, max_size=5))
def test_the_pose_of_any_five_points_is_a_number(points):
    yaw, pitch, roll = head_pose(np.array(points))
    assert abs(yaw) <= 90
    assert abs(pitch) <= 180
    assert abs(roll) <= 180


def test_the_mirror_image_of_a_crop_has_the_same_quality(portrait_face, portrait_crop, good):
    """All but the pose; the windows around the features are not quite symmetric."""
    other = measure_quality(replace(portrait_face, landmarks=mirrored(portrait_face.landmarks)), portrait_crop[:, ::-1])
    assert (other.yaw, other.pitch, other.roll) == pytest.approx((-good.yaw, good.pitch, -good.roll), abs=1e-3)
    for measure in ("side", "sharpness", "brightness", "clipped", "visibility"):
        assert getattr(other, measure) == pytest.approx(getattr(good, measure), rel=0.1, abs=0.01)


def test_more_of_a_damage_is_worse(portrait_face, portrait_crop, good):
    sharpness = [good.sharpness]
    sharpness += [
        measure_quality(portrait_face, cv2.GaussianBlur(portrait_crop, (0, 0), sigma)).sharpness
        for sigma in (0.7, 1, 2, 4, 8)
    ]
    assert sharpness == sorted(sharpness, reverse=True)
    darker = [
        measure_quality(portrait_face, (portrait_crop * factor).astype(np.uint8)) for factor in (1, 0.6, 0.3, 0.1)
    ]
    assert [quality.brightness for quality in darker] == pytest.approx(
        [good.brightness * factor for factor in (1, 0.6, 0.3, 0.1)],
        abs=1,  # grey levels were rounded down
    )


def test_each_damage_is_told_by_its_own_number(portrait_face, portrait_crop, good):
    blurred = measure_quality(portrait_face, cv2.GaussianBlur(portrait_crop, (0, 0), 5))
    assert blurred.sharpness < 0.4 * good.sharpness
    assert [name for name, _ in problems(blurred)] == ["sharpness"]
    dark = measure_quality(portrait_face, (portrait_crop * 0.08).astype(np.uint8))
    assert "brightness" in dict(problems(dark))
    white = measure_quality(portrait_face, np.clip(portrait_crop * 8.0, 0, 255).astype(np.uint8))
    assert white.clipped > good.clipped
    assert "clipped" in dict(problems(white))
    covered = portrait_crop.copy()
    covered[30:62, 20:130] = 25
    assert [name for name, _ in problems(measure_quality(portrait_face, covered))] == ["visibility"]
    masked = portrait_crop.copy()
    masked[88:150, 20:130] = 120
    assert "visibility" in dict(problems(measure_quality(portrait_face, masked)))


def test_sharpness_and_visibility_do_not_depend_on_contrast(portrait_face, portrait_crop, good):
    faint = measure_quality(portrait_face, (90 + portrait_crop * 0.3).astype(np.uint8))
    assert faint.sharpness == pytest.approx(good.sharpness, rel=0.1)
    assert faint.visibility == pytest.approx(good.visibility, rel=0.1)


def test_size_is_that_of_the_photo(portrait_face, portrait_crop, good):
    x, y, width, height = portrait_face.box
    small = measure_quality(replace(portrait_face, box=(x, y, width / 8, height / 8)), portrait_crop)
    assert small.side == pytest.approx(good.side / 8)
    assert problems(small)[0][0] == "side"
    assert f"at least {quality.MIN_SIDE:.0f} are needed" in problems(small)[0][1]


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_crop_of_one_grey_is_measured_and_refused(portrait_face, level):
    measured = measure_quality(portrait_face, np.full((150, 150, 3), level, dtype=np.uint8))
    assert all(np.isfinite(value) for value in measured.to_dict().values())
    assert {"sharpness", "visibility"} <= set(dict(problems(measured)))


def test_landmarks_in_one_point_have_no_pose():
    assert head_pose(np.full((5, 2), 7.0)) == (0, 0, 0)
