"""Where the cells of maps look."""

import keras
import numpy as np
import pytest

from kerasface.inspection.placement import Axis, merge_views, placements, to_image
from kerasface.models.face_resnet import build_face_resnet
from kerasface.models.layers import AddMirrored, AddZoomed


def centre_by_gradient(model, image_size, row, col):
    """Middle of the pixels that a cell of a model's map depends on, from an image of ones and positive weights."""
    import tensorflow as tf

    image = tf.Variable(tf.ones((1, *image_size, 1)))
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(model(image)[0, row, col])
    touched = np.argwhere(np.asarray(tape.gradient(value, image))[0, ..., 0] != 0)
    return (touched.min(axis=0) + touched.max(axis=0)) / 2


@pytest.mark.parametrize("image_size", [(41, 36), (40, 43)])
@pytest.mark.parametrize("padding", ["same", "valid"])
def test_cells_look_where_their_pixels_are(padding, image_size):
    """Against the pixels on which an inner cell of the map really depends, strides, dilation and borders included."""
    inputs = keras.Input((*image_size, 1))
    ones = {"kernel_initializer": "ones", "padding": padding}
    x = keras.layers.Conv2D(1, 5, strides=2, **ones)(inputs)
    x = keras.layers.ZeroPadding2D(((1, 0), (2, 1)))(x)
    x = keras.layers.AveragePooling2D(2, padding=padding)(x)
    x = keras.layers.Conv2D(1, 2, dilation_rate=2, **ones)(x)
    x = keras.layers.Cropping2D(((1, 0), (0, 1)))(x)
    model = keras.Model(inputs, keras.layers.Conv2D(1, 3, name="last", padding=padding, kernel_initializer="ones")(x))
    placement = placements(model, image_size)["last"]
    row, col = (axis.cells // 2 for axis in (placement.rows, placement.cols))
    found = placement.rows.start + row * placement.rows.step, placement.cols.start + col * placement.cols.step
    np.testing.assert_allclose(found, centre_by_gradient(model, image_size, row, col))


def test_the_embedders_cells_lie_off_an_even_division():
    """Without padding: 7/2, 3/2, 3/2 and 3/2 windows start at 3, 3 + 2, 5 + 4 and 9 + 8 pixels, 16 apart."""
    placement = placements(build_face_resnet(None), (150, 150))["stage3_block3_relu2"]
    assert placement.rows == placement.cols == Axis(17, 16, 8)


def test_maps_that_are_enlarged_cover_the_same_pixels():
    inputs = keras.Input((8, 8, 1))
    x = keras.layers.MaxPooling2D(2)(inputs)
    model = keras.Model(inputs, keras.layers.UpSampling2D(2, name="up")(x))
    assert placements(model, (8, 8))["up"].rows == Axis(0, 1, 8)


def test_views_are_known_until_they_are_merged():
    found = placements(build_face_resnet(None, views=6), (150, 150))
    assert [type(view) for view in found["stage1_block1_conv1"].views] == [AddZoomed, AddMirrored]
    assert found["mean_of_views"].views == ()


def test_a_map_is_interpolated_between_the_centres_of_its_cells():
    """Cells at the pixels 1 and 3 of 5: their own values there, the mean between, their values beyond."""
    cells = np.array([[0.0, 4.0], [8.0, 12.0]])
    axis = Axis(1, 2, 2)
    expected = [[0, 0, 2, 4, 4], [0, 0, 2, 4, 4], [4, 4, 6, 8, 8], [8, 8, 10, 12, 12], [8, 8, 10, 12, 12]]
    assert to_image(cells, axis, axis, (5, 5)).tolist() == expected


def test_views_come_back_to_where_they_came_from():
    """A map that is the picture itself, seen through the layers that make the views, is the picture again."""
    rows, cols = np.mgrid[:40, :40]
    picture = np.float32(rows + 3 * cols)
    zoomed, mirrored = AddZoomed(border=4, cut=7), AddMirrored()
    views = np.asarray(mirrored(zoomed(picture[None, ..., None])))[..., 0]
    merged = merge_views(views, (zoomed, mirrored))
    inner = (slice(9, 31),) * 2  # beyond it the larger view shows nothing
    np.testing.assert_allclose(merged[inner], picture[inner], atol=0.6)
