"""Convolutions over several channels against Keras and SciPy."""

import keras
import numpy as np
import pytest
import scipy.signal

from kerasface.inspection.teaching.worked.maps import ONE_CHANNEL, convolve_maps, group_table

GENERATOR = np.random.default_rng(0)
MAPS = GENERATOR.normal(size=(7, 6, 4))


@pytest.mark.parametrize(("stride", "padding", "groups"), [(1, 0, 1), (1, 1, 1), (1, 2, 2), (1, 0, 4), (2, 0, 1)])
def test_it_is_what_keras_computes(stride, padding, groups):
    kernels, biases = GENERATOR.normal(size=(3, 2, 4 // groups, 8)), GENERATOR.normal(size=8)
    found = convolve_maps(MAPS, kernels, biases, stride=stride, padding=padding, groups=groups)
    layer = keras.layers.Conv2D(8, (3, 2), strides=stride, groups=groups)
    padded = np.pad(MAPS, ((padding, padding), (padding, padding), (0, 0)))[None].astype(np.float32)
    layer.build(padded.shape)
    layer.set_weights([kernels, biases])
    np.testing.assert_allclose(found.output, keras.ops.convert_to_numpy(layer(padded))[0], atol=1e-4)
    np.testing.assert_allclose(found.parts.sum(axis=2) + biases, found.output)
    assert found.num_weights == 3 * 2 * 4 * 8 / groups


def test_a_depth_multiplier_is_filters_per_channel():
    kernels = GENERATOR.normal(size=(3, 3, 1, 8))  # two for each of four channels
    found = convolve_maps(MAPS, kernels, groups=4)
    layer = keras.layers.DepthwiseConv2D(3, depth_multiplier=2, use_bias=False)
    layer.build((1, *MAPS.shape))
    layer.set_weights([kernels.reshape(3, 3, 4, 2)])
    np.testing.assert_allclose(
        found.output, keras.ops.convert_to_numpy(layer(MAPS[None].astype(np.float32)))[0], atol=1e-4
    )
    np.testing.assert_array_equal(found.sources[0], [0, 0, 1, 1, 2, 2, 3, 3])


def test_the_one_by_one_kernel_of_the_lecture():
    found = convolve_maps(np.array(ONE_CHANNEL)[..., None], [[[[2]]]])
    np.testing.assert_array_equal(found.output[..., 0], [(6, 0, 2), (2, 10, 16), (4, 14, 4)])


def test_turned_round_it_is_the_convolution_of_mathematics():
    kernel = GENERATOR.normal(size=(3, 3))
    turned = convolve_maps(MAPS[..., :1], kernel[..., None, None], flip=True).output[..., 0]
    np.testing.assert_allclose(turned, scipy.signal.convolve2d(MAPS[..., 0], kernel, mode="valid"))
    plain = convolve_maps(MAPS[..., :1], kernel[..., None, None]).output[..., 0]
    np.testing.assert_allclose(plain, scipy.signal.correlate2d(MAPS[..., 0], kernel, mode="valid"))


def test_a_group_sees_its_own_channels_alone():
    np.testing.assert_array_equal(group_table(4, 2, 2).T, [(1, 1, 0, 0), (0, 0, 1, 1)])
    assert group_table(3, 5, 1).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: convolve_maps(np.ones((7, 7, 1)), np.ones((3, 3, 1, 1)), stride=3), "does not fit.*2.33"),
        (lambda: convolve_maps(np.ones((2, 2, 1)), np.ones((3, 3, 1, 1))), "spans 3 pixels"),
        (lambda: convolve_maps(MAPS, np.ones((3, 3, 3, 1))), "one layer for each channel"),
        (lambda: convolve_maps(MAPS, np.ones((1, 1, 4, 2)), [0]), "one bias for each filter"),
        (lambda: convolve_maps(MAPS, np.ones((1, 1, 1, 6)), groups=4), "into 1, 2 groups. Received: groups=4"),
        (lambda: group_table(3, 0, 1), "at least one"),
        (lambda: convolve_maps(MAPS[..., 0], np.ones((1, 1, 1, 1))), "maps must have 3 axes"),
    ],
)
def test_what_is_wrong_is_said(call, message):
    with pytest.raises(ValueError, match=message):
        call()
