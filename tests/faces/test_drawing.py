import numpy as np
import pytest

from kerasface.faces.detection import Face
from kerasface.faces.drawing import CHOSEN, OTHER, draw_faces, draw_mask

COLOURS = ((10, 20, 30), (200, 0, 0), (0, 200, 0))


def face(x, y, width, height):
    landmarks = np.array([(0.3, 0.4), (0.7, 0.4), (0.5, 0.6), (0.35, 0.8), (0.65, 0.8)]) * (width, height) + (x, y)
    return Face(box=(x, y, width, height), landmarks=landmarks.astype(np.float32), detection_score=0.9)


def pixels_of(image, color):
    """Number of pixels that have exactly this colour."""
    return int((image == np.array(color, dtype=np.uint8)).all(axis=-1).sum())


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


def test_each_class_is_laid_over_in_its_colour():
    """Half of 100 and half of 200 or 0; the background stays, and no line is drawn."""
    image = np.full((6, 9, 3), 100, dtype=np.uint8)
    mask = np.repeat(np.array([[0, 1, 2]], dtype=np.uint8), 3, axis=1).repeat(6, axis=0)
    drawn = draw_mask(image, mask, COLOURS, opacity=0.5, outlines=False)
    assert drawn[2, [0, 4, 8]].tolist() == [[100, 100, 100], [150, 50, 50], [50, 150, 50]]
    assert (image == 100).all()
    only = draw_mask(image, mask, COLOURS, opacity=1, shown=[0, 2], outlines=False)
    assert only[2, [0, 4, 8]].tolist() == [[10, 20, 30], [100, 100, 100], [0, 200, 0]]


def test_outlines_run_along_the_inner_edge_of_what_is_shown():
    """A part of 10 x 20 pixels has an edge of 56, a thin one of 2 pixels is all edge; the background has none."""
    mask = np.zeros((50, 60), dtype=np.uint8)
    mask[10:20, 10:30] = 1
    mask[30:32, 40:50] = 2
    drawn = draw_mask(np.full((50, 60, 3), 90, dtype=np.uint8), mask, COLOURS, opacity=0)
    assert pixels_of(drawn, COLOURS[1]) == 2 * 10 + 2 * 18
    assert pixels_of(drawn, COLOURS[2]) == 20
    assert (drawn[mask == 0] == 90).all()
    assert (drawn[12, 15] == 90).all()
    assert pixels_of(draw_mask(drawn * 0, mask, COLOURS, opacity=0, shown=[2]), COLOURS[1]) == 0


def test_outlines_do_not_show_where_the_work_was_divided():
    """Rows come in strips of 256, where classes meet; turned by 90 degrees they meet elsewhere."""
    mask = np.random.default_rng(0).integers(0, 3, (25, 32)).astype(np.uint8).repeat(32, axis=0).repeat(25, axis=1)
    image = np.full((*mask.shape, 3), 90, dtype=np.uint8)
    turned = draw_mask(np.rot90(image), np.rot90(mask), COLOURS)
    np.testing.assert_array_equal(np.rot90(turned, -1), draw_mask(image, mask, COLOURS))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mask": np.zeros((4, 5), dtype=np.uint8)}, "as large as the image"),
        ({"mask": np.zeros((5, 5), dtype=np.int64)}, "int64"),
        ({"mask": np.full((5, 5), 3, dtype=np.uint8)}, "3 colours, ids up to 3"),
        ({"opacity": 1.5}, "opacity=1.5"),
        ({"shown": [3]}, r"shown=\[3\]"),
        ({"shown": [-1]}, r"shown=\[-1\]"),
    ],
)
def test_masks_that_cannot_be_drawn_are_refused(changes, message):
    arguments = {"mask": np.zeros((5, 5), dtype=np.uint8), "colors": COLOURS} | changes
    with pytest.raises(ValueError, match=message):
        draw_mask(np.zeros((5, 5, 3), dtype=np.uint8), **arguments)
