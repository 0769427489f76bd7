"""The passive sign on heads and prints whose geometry is known."""

import math

import numpy as np
import pytest

from kerasface.unlock.liveness import MIN_WIDTH, HeadWidth, relative_width

HEAD = np.array([(-0.5, 0, 0), (0.5, 0, 0), (0, 0.6, 0.4), (-0.45, 1.1, 0), (0.45, 1.1, 0)])


def seen(yaw, *, roll=0.0, size=60.0):
    """The landmarks of a head turned by `yaw` degrees about the vertical and by `roll` in the plane."""
    x, y, z = HEAD.T
    angle, turn = math.radians(yaw), math.radians(roll)
    points = np.column_stack([x * math.cos(angle) + z * math.sin(angle), y])
    return points @ np.array([(math.cos(turn), math.sin(turn)), (-math.sin(turn), math.cos(turn))]) * size + (300, 200)


def test_width_of_the_made_up_head():
    """Eyes 1 apart, corners of the mouth 0.9, the mouth 1.1 below: 0.95 / 1.1."""
    assert relative_width(seen(0)) == pytest.approx(0.95 / 1.1)


@pytest.mark.parametrize(("roll", "size"), [(0, 200), (25, 60), (-40, 31)])
def test_width_depends_on_neither_size_nor_roll(roll, size):
    assert relative_width(seen(20, roll=roll, size=size)) == pytest.approx(relative_width(seen(20)))


@pytest.mark.parametrize("yaw", [-45, -30, 30, 45])
def test_a_head_is_as_narrow_as_it_is_turned(yaw):
    width = HeadWidth([seen(0)] * 3, 0.0)
    width.observe(seen(yaw), yaw)
    assert width.ratio == pytest.approx(1)
    assert not width.is_flat


@pytest.mark.parametrize(("apparent", "turned"), [(28, 50), (-30, -60)])
def test_a_print_is_narrower_than_it_seems_turned(apparent, turned):
    width = HeadWidth([seen(0)] * 3, 0.0)
    width.observe(seen(turned), apparent)
    assert width.ratio == pytest.approx(math.cos(math.radians(turned)) / math.cos(math.radians(apparent)))
    assert width.ratio < MIN_WIDTH
    assert width.is_flat


def test_one_wrong_frame_of_many_decides_nothing():
    width = HeadWidth([seen(0)] * 3, 0.0)
    for yaw in (30, 32, 35):
        width.observe(seen(yaw), yaw)
    width.observe(seen(70), 30)
    assert not width.is_flat


def test_without_a_turned_frame_nothing_is_said():
    assert not HeadWidth([seen(0)] * 3, 0.0).is_flat
