"""Activation functions against Keras, their slopes against differences."""

import keras
import numpy as np
import pytest

from kerasface.inspection.teaching.worked.activation_functions import ACTIVATIONS, maxout

X = np.linspace(-6, 6, 240)  # 0, where some have a corner, is not among them
KERAS = {
    "sigmoid": keras.ops.sigmoid,
    "tanh": keras.ops.tanh,
    "ReLU": keras.ops.relu,
    "leaky ReLU": lambda x: keras.ops.leaky_relu(x, negative_slope=0.1),
    "ELU": keras.ops.elu,
    "maxout": lambda x: keras.ops.maximum(-0.5 * x - 0.5, x),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_it_is_what_keras_computes(name):
    expected = keras.ops.convert_to_numpy(KERAS[name](X.astype(np.float32)))
    np.testing.assert_allclose(ACTIVATIONS[name].of(X), expected, atol=1e-6)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_slope_is_the_derivative(name):
    activation, step = ACTIVATIONS[name], 1e-6
    numeric = (activation.of(X + step) - activation.of(X - step)) / (2 * step)
    np.testing.assert_allclose(activation.slope(X), numeric, atol=1e-5)


def test_numbers_of_the_lecture():
    assert ACTIVATIONS["leaky ReLU"].of(np.array(-1.0)) == -0.1
    assert ACTIVATIONS["sigmoid"].slope(np.array(0.0)) == 0.25
    assert np.isfinite([entry.of(np.array([-1e4, 1e4])) for entry in ACTIVATIONS.values()]).all()


def test_maxout_takes_lines():
    with pytest.raises(ValueError, match="a slope and an offset"):
        maxout([(1, 2, 3)])
