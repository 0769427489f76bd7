import numpy as np
import pytest

from kerasface.faces.detection import Face
from kerasface.faces.drawing import CHOSEN, OTHER, draw_faces


def face(x, y, width, height):
    landmarks = np.array([(0.3, 0.4), (0.7, 0.4), (0.5, 0.6), (0.35, 0.8), (0.65, 0.8)]) * (width, height) + (x, y)
    return Face(box=(x, y, width, height), landmarks=landmarks.astype(np.float32), detection_score=0.9)


def pixels_of(image, colour):
    """Number of pixels that have exactly this colour."""
    return int((image == np.array(colour, dtype=np.uint8)).all(axis=-1).sum())


@pytest.mark.parametrize("side", [64, 250, 4000])
def test_the_same_face_is_as_visible_at_any_photo_size(side):
    """A box over the middle half has a perimeter of 2 * side, which is 2,000 pixels on a picture of 1,000."""
    image = np.full((side, side, 3), 200, dtype=np.uint8)
    drawn = draw_faces(image, [face(side / 4, side / 4, side / 2, side / 2)], longest_side=1000)
    assert drawn.shape == (1000, 1000, 3)
    assert pixels_of(drawn, CHOSEN) > 2000


def test_proportions_stay_and_the_photo_is_not_written_to():
    image = np.full((300, 600, 3), 90, dtype=np.uint8)
    drawn = draw_faces(image, [face(10, 10, 50, 50)], longest_side=800)
    assert drawn.shape == (400, 800, 3)
    assert (image == 90).all()


def test_the_box_stands_where_the_face_is():
    drawn = draw_faces(np.zeros((500, 500, 3), dtype=np.uint8), [face(100, 200, 150, 100)], longest_side=500)
    rows, columns = np.nonzero((drawn == np.array(CHOSEN, dtype=np.uint8)).all(axis=-1))
    assert abs(int(columns.max()) - 250) <= 3
    assert abs(int(rows.max()) - 300) <= 3


def test_faces_that_were_not_chosen_have_another_colour():
    image = np.zeros((400, 400, 3), dtype=np.uint8)
    faces = [face(20, 60, 120, 150), face(240, 60, 120, 150)]
    drawn = draw_faces(image, faces, chosen=[1], longest_side=400)
    assert pixels_of(drawn[:, :200], OTHER) > 0
    assert pixels_of(drawn[:, :200], CHOSEN) == 0
    assert pixels_of(drawn[:, 200:], CHOSEN) > 0


@pytest.mark.parametrize("box", [(-40, -40, 90, 90), (380, 380, 90, 90), (0, 0, 400, 400)])
def test_boxes_may_reach_beyond_the_photo_and_keep_their_number_inside(box):
    drawn = draw_faces(np.zeros((400, 400, 3), dtype=np.uint8), [face(*box)], longest_side=400)
    assert pixels_of(drawn, CHOSEN) > 100  # the filled tag alone has more


def test_no_face_leaves_the_photo_as_it_is(portrait):
    assert (draw_faces(portrait, [], longest_side=512) == portrait).all()


def test_a_size_too_small_to_read_is_refused(portrait):
    with pytest.raises(ValueError, match="longest_side=10"):
        draw_faces(portrait, [], longest_side=10)
