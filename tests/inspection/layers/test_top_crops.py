"""Pictures of bright squares on black, of which it is known how much they excite which filter."""

import keras
import numpy as np
import pytest
from keras import layers

from kerasface.inspection.layers.top_crops import top_crops

BRIGHTNESS = [10, 200, 30, 90, 0, 150, 60]


def model():
    """Filters of 3 x 3 ones on red and on green; behind them their largest answers, as a vector."""
    inputs = keras.Input((10, 12, 3))
    conv = layers.Conv2D(2, 3, use_bias=False, name="sums")
    x = layers.ReLU(name="relu")(conv(inputs))
    kernel = np.zeros((3, 3, 3, 2), dtype=np.float32)
    kernel[:, :, 0, 0] = kernel[:, :, 1, 1] = 1
    conv.set_weights([kernel])
    return keras.Model(inputs, layers.GlobalMaxPooling2D(name="largest")(x))


def squares():
    """Picture i has one red square of 3 x 3 pixels at row i and column i + 1, and one green pixel elsewhere."""
    images = np.zeros((len(BRIGHTNESS), 10, 12, 3), dtype=np.uint8)
    for index, value in enumerate(BRIGHTNESS):
        images[index, index : index + 3, index + 1 : index + 4, 0] = value
        images[index, 9, 11, 1] = 255 - value
    return images


def test_the_brightest_squares_are_found_and_cut_out():
    """A filter of ones answers 9 times the brightness; its receptive field is the square."""
    images, counts = squares(), []
    found = top_crops(
        model(), "relu", images, [0], count=3, max_batch=2, on_progress=lambda *count: counts.append(count)
    )[0]
    assert [crop.index for crop in found] == [1, 5, 3]
    assert [crop.score for crop in found] == pytest.approx([9 * 200, 9 * 150, 9 * 90])
    assert [crop.box for crop in found] == [(2, 1, 3, 3), (6, 5, 3, 3), (4, 3, 3, 3)]
    for crop in found:
        assert crop.patch.shape == (3, 3, 3)
        assert (crop.patch[..., 0] == BRIGHTNESS[crop.index]).all()
    assert counts == [(2, 7), (4, 7), (6, 7), (7, 7)]


def test_every_channel_has_its_own_pictures():
    """Green is bright where red is dark."""
    found = top_crops(model(), "relu", squares(), [1, 0], count=2)
    assert {channel: [crop.index for crop in crops] for channel, crops in found.items()} == {1: [4, 0], 0: [1, 5]}


def test_equal_pictures_stay_in_order_and_silent_ones_are_cut_out_whole():
    black = np.zeros((3, 10, 12, 3), dtype=np.uint8)
    found = top_crops(model(), "relu", black, [0], max_batch=2)[0]
    assert [crop.index for crop in found] == [0, 1, 2]
    assert {crop.box for crop in found} == {(0, 0, 12, 10)}


def test_the_numbers_of_a_vector_are_channels_too():
    found = top_crops(model(), "largest", squares(), [0], count=1)[0]
    assert [(crop.index, crop.box) for crop in found] == [(1, (2, 1, 3, 3))]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"channels": [2]}, r"channels 0 to 1. Received: channels=\[2\]"),
        ({"channels": []}, r"channels=\[\]"),
        ({"layer": "rleu"}, r"layer='rleu'.*relu"),
        ({"count": 0}, "count=0"),
        ({"images": squares()[:0]}, "10 x 12 x 3"),
    ],
)
def test_what_cannot_be_done_is_refused(arguments, message):
    arguments = {"layer": "relu", "images": squares(), "channels": [0], **arguments}
    with pytest.raises(ValueError, match=message):
        top_crops(model(), **arguments)
