"""Made-up pictures of filters whose best picture is known: bright where the weights are positive, black elsewhere."""

import keras
import numpy as np
import pytest
from keras import layers

from kerasface.inspection.layers.activations import feature_maps
from kerasface.inspection.layers.maximization import maximize, value_and_gradient

SIDE = 16
# A slanting edge, in all colours: 5 x 5 x 3.
ROWS, COLS = np.mgrid[-2:3, -2:3]
EDGE = np.repeat(np.sign(ROWS + 2 * COLS)[..., None], 3, axis=-1).astype(np.float32)


def model_of(bias=0.0, size=(SIDE, SIDE)):
    """The filter, then its rectified answer."""
    inputs = keras.Input((*size, 3))
    conv = layers.Conv2D(1, 5, name="edge")
    x = layers.ReLU(name="relu")(conv(inputs))
    conv.set_weights([EDGE[..., None], np.float32([bias])])
    return keras.Model(inputs, x)


def correlation(patch):
    """Between a 5 x 5 patch and the filter."""
    return np.corrcoef(patch.astype(float).ravel(), EDGE.ravel())[0, 1]


def test_one_place_gets_the_picture_of_its_filter():
    """No picture answers more than 255 times the sum of the positive weights; the place stands for rows 6 to 10."""
    model = model_of()
    picture = maximize(model, "edge", 0, place="centre", jitter=0, steps=100)
    assert picture.shape == (SIDE, SIDE, 3)
    assert picture.dtype == np.uint8
    bound = 255 * EDGE[EDGE > 0].sum()
    middle = (SIDE - 4) // 2
    assert feature_maps(model, picture, "edge")[middle, middle, 0] > 0.9 * bound
    assert correlation(picture[middle : middle + 5, middle : middle + 5]) > 0.9


def test_everywhere_the_answer_rises_far_above_that_to_noise():
    model = model_of()
    noise = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    picture = maximize(model, "relu", 0, steps=60)
    assert feature_maps(model, picture, "relu").mean() > 2 * feature_maps(model, noise, "relu").mean()


def test_a_rectifier_that_is_silent_at_first_is_woken():
    """Pictures of noise around grey answer about 0, the bias is -500, and so no gradient shows the way at first."""
    model = model_of(bias=-500.0)
    grey = np.full((SIDE, SIDE, 3), 128, dtype=np.uint8)
    assert not feature_maps(model, grey, "relu").any()
    assert feature_maps(model, maximize(model, "relu", 0, jitter=0, steps=80), "relu").any()


def classifier(nested=False, **dense):
    """Three classes: as much red, green or blue as there is."""
    inputs = keras.Input((8, 8, 3))
    x = layers.GlobalAveragePooling2D(name="pool")(layers.Rescaling(1 / 16)(inputs))
    head = layers.Dense(3, name="head", **dense)
    if nested:
        vector = keras.Input((3,))
        x = keras.Model(vector, layers.Softmax()(head(vector)), name="inner")(x)
    else:
        x = head(x) if dense else layers.Softmax()(head(x))
    head.set_weights([np.eye(3, dtype=np.float32), np.zeros(3, dtype=np.float32)])
    return keras.Model(inputs, x)


@pytest.mark.parametrize(
    "model",
    [classifier(), classifier(nested=True), classifier(activation="softmax"), classifier(activation="linear")],
    ids=["softmax layer", "nested", "softmax inside", "logits"],
)
def test_a_class_gets_the_picture_of_its_logit(model):
    """Brightness raises the logit of green and leaves its softmax as it is, which would only take red and blue away."""
    red, green, blue = maximize(model, None, 1).mean(axis=(0, 1))
    assert green > max(red, blue) + 10
    assert min(red, blue) > 160  # it begins at 128


def test_same_seed_same_picture():
    first, again, other = (maximize(model_of(), "relu", 0, steps=3, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_progress_and_size_of_models_of_any_size():
    counts = []
    model = model_of(size=(None, None))
    picture = maximize(
        model, "edge", 0, image_size=(9, 12), steps=2, on_progress=lambda done, total: counts.append((done, total))
    )
    assert picture.shape == (9, 12, 3)
    assert counts == [(1, 2), (2, 2)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"channel": 1}, "channels 0 to 0. Received: channel=1"),
        ({"layer": "ege"}, "Received: layer='ege'"),
        ({"place": "left"}, "Received: place='left'"),
        ({"steps": 0}, "steps=0"),
        ({"jitter": -1}, "jitter=-1"),
        ({"image_size": (9, 9)}, r"takes pictures of \(16, 16\)"),
    ],
)
def test_what_cannot_be_done_is_refused(arguments, message):
    arguments = {"layer": "edge", "channel": 0, **arguments}
    with pytest.raises(ValueError, match=message):
        maximize(model_of(), **arguments)


def test_value_and_gradient_of_a_square():
    """The sum of a x^2 has the gradient 2 a x."""
    graph = value_and_gradient(lambda x, factor: keras.ops.sum(factor * x * x))
    x, factor = np.float32([1, -2, 3]), np.float32(0.5)
    value, gradient = graph(x, factor)
    assert value == pytest.approx(0.5 * (1 + 4 + 9))
    np.testing.assert_allclose(gradient, [1, -2, 3])
