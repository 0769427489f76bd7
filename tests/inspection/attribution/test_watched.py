import numpy as np
import pytest

from kerasface.inspection.attribution.faithfulness import deletion_insertion
from kerasface.inspection.attribution.methods import METHODS
from kerasface.inspection.attribution.targets import ClassTarget
from kerasface.inspection.attribution.watched import Watched
from kerasface.inspection.stitched import Stitched


@pytest.fixture(scope="module")
def stitched(flat_model):
    return Stitched(flat_model)


@pytest.mark.parametrize(
    ("method", "options", "pictures"),
    [
        ("occlusion", {"grid": 5}, 1 + 5 * 5),  # the picture itself, and hidden at every place
        ("rise", {"num_masks": 40}, 40 + 1),
        ("integrated-gradients", {"steps": 20}, 20 + 2),  # the way, and the scores at both ends
        ("smooth-grad", {"samples": 20}, 20 + 1),
    ],
)
def test_every_picture_is_counted_and_the_map_is_the_same(stitched, small_image, method, options, pictures):
    told = []
    found = METHODS[method](Watched(stitched, told.append), small_image, ClassTarget(1), **options)
    expected = METHODS[method](stitched, small_image, ClassTarget(1), **options)
    np.testing.assert_array_equal(found.map, expected.map)
    assert told == sorted(told)
    assert told[-1] == pictures


def test_faithfulness_is_counted(stitched, small_image):
    """Two curves, for the map and for each of 2 random ones, at 3 shares."""
    told = []
    watched = Watched(stitched, told.append)
    deletion_insertion(watched, small_image, np.ones((12, 10)), ClassTarget(1), steps=2, num_random=2)
    assert told == list(range(1, 2 * 3 * 3 + 1))


def test_methods_that_need_no_pictures_pass_through(stitched, small_image):
    watched = Watched(stitched, lambda done: pytest.fail("No picture was scored."))
    found = METHODS["grad-cam"](watched, small_image, ClassTarget(1))
    np.testing.assert_array_equal(found.map, METHODS["grad-cam"](stitched, small_image, ClassTarget(1)).map)
    assert watched.layer == "maps"


def test_who_is_told_can_stop_it(stitched, small_image):
    def stop(done):
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        METHODS["rise"](Watched(stitched, stop), small_image, ClassTarget(1))
