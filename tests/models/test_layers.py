"""Layers of our own, against NumPy."""

import keras
import numpy as np
import pytest

from kerasface.inspection.teaching.worked.unpooling import max_pool, unpool
from kerasface.models.layers import (
    AddZoomed,
    CosineLogits,
    DropBlock2D,
    Maxout,
    MeanOfViews,
    PaddedAdd,
    ReverseChannels,
    UnpoolByIndex,
    UnpoolToCorner,
)


@pytest.mark.parametrize(
    ("first_shape", "second_shape"),
    [((2, 3, 4, 5), (2, 3, 4, 5)), ((1, 8, 8, 64), (1, 7, 9, 32)), ((1, 1, 1, 1), (1, 3, 2, 4))],
)
def test_padded_add_pads_the_smaller_operand_at_its_end(first_shape, second_shape):
    """The sum is that of both operands laid into zeros at the upper left corner and the first channels."""
    generator = np.random.default_rng(0)
    first = generator.normal(size=first_shape).astype(np.float32)
    second = generator.normal(size=second_shape).astype(np.float32)
    expected = np.zeros(np.maximum(first_shape, second_shape), dtype=np.float32)
    for operand in (first, second):
        expected[tuple(slice(extent) for extent in operand.shape)] += operand
    np.testing.assert_allclose(np.asarray(PaddedAdd()([first, second])), expected, rtol=1e-6)


def test_reversed_channels_are_bgr():
    inputs = np.random.default_rng(0).normal(size=(2, 3, 4, 3)).astype(np.float32)
    np.testing.assert_array_equal(np.asarray(ReverseChannels()(inputs)), inputs[..., [2, 1, 0]])


def test_zoomed_views_show_a_slope_flatter_and_steeper():
    """A ramp of slope 1: bordered by 2 on each side and brought back, 10 pixels show 14 of the picture; cut by 2, 6."""
    ramp = np.tile(np.arange(10, dtype=np.float32), (10, 1))[None, ..., None]
    image, smaller, larger = np.asarray(AddZoomed(border=2, cut=2)(ramp))[:, 5, 3:7, 0]
    np.testing.assert_allclose(image, [3, 4, 5, 6])
    # Pixel x of the view lies at (x + 0.5) * 1.4 - 0.5 - 2 of the picture, or at (x + 0.5) * 0.6 - 0.5 + 2.
    np.testing.assert_allclose(smaller, [(x + 0.5) * 1.4 - 2.5 for x in range(3, 7)], atol=1e-5)
    np.testing.assert_allclose(larger, [(x + 0.5) * 0.6 + 1.5 for x in range(3, 7)], atol=1e-5)


def test_the_mean_of_views_takes_each_image_with_its_own_views():
    """Two images in three views: rows 0, 2 and 4 belong to the first."""
    rows = np.eye(6, dtype=np.float32)
    means = np.asarray(MeanOfViews(3)(rows))
    np.testing.assert_allclose(means, np.array([[1, 0] * 3, [0, 1] * 3]) / np.sqrt(3), atol=1e-6)


def test_maxout_keeps_the_largest_of_neighbours():
    inputs = np.random.default_rng(0).normal(size=(2, 4, 5, 12)).astype(np.float32)
    expected = np.stack([inputs[..., start : start + 3].max(axis=-1) for start in range(0, 12, 3)], axis=-1)
    np.testing.assert_array_equal(np.asarray(Maxout(3)(inputs)), expected)


def test_cosine_logits_are_the_cosines_to_the_directions():
    """Features and directions of any length: only the angle counts. A zero vector has no direction and scores 0."""
    inputs = np.random.default_rng(0).normal(0, 9, size=(6, 5)).astype(np.float32)
    inputs[0] = 0
    layer = CosineLogits(4, scale=30.0)
    logits = np.asarray(layer(inputs))
    directions = np.asarray(layer.directions)
    expected = [
        [30 * (row @ column) / max(np.linalg.norm(row) * np.linalg.norm(column), 1e-12) for column in directions.T]
        for row in inputs
    ]
    np.testing.assert_allclose(logits, expected, atol=1e-4)


def dropped_maps(rate, block_size, shape=(8, 20, 24, 16), seed=0):
    return np.asarray(DropBlock2D(rate, block_size, seed=seed)(np.ones(shape, np.float32), training=True))


def test_dropblock_does_nothing_at_inference():
    inputs = np.random.default_rng(0).normal(size=(2, 9, 9, 3)).astype(np.float32)
    layer = DropBlock2D(0.5)
    np.testing.assert_array_equal(np.asarray(layer(inputs)), inputs)
    np.testing.assert_array_equal(np.asarray(layer(inputs, training=False)), inputs)


@pytest.mark.parametrize("rate", [0.05, 0.2])
def test_dropblock_keeps_the_mean_and_drops_about_the_rate(rate):
    """Whole blocks overlap, so that somewhat less than equation 1's share falls: within (1 - e^-r) and r, roughly."""
    maps = dropped_maps(rate, block_size=5)
    assert maps.mean() == pytest.approx(1, abs=1e-5)
    assert 1 - np.exp(-rate) - 0.02 < (maps == 0).mean() < rate + 0.02


def test_dropblock_drops_whole_blocks():
    """Every dropped place lies in some 4 x 4 square that is dropped as a whole, inside the map; channels differ."""
    dropped = dropped_maps(0.1, block_size=4) == 0
    squares = np.lib.stride_tricks.sliding_window_view(dropped, (4, 4), axis=(1, 2)).all(axis=(-1, -2))
    covered = np.zeros_like(dropped)
    for row in range(4):
        for col in range(4):
            covered[:, row : row + squares.shape[1], col : col + squares.shape[2]] |= squares
    np.testing.assert_array_equal(covered, dropped)
    assert (dropped[..., 0] != dropped[..., 1]).any()


def test_dropblock_of_one_pixel_is_dropout():
    """Equation 1 with block_size 1 gives gamma = rate; 61,440 places put the share within 0.01."""
    assert (dropped_maps(0.3, block_size=1) == 0).mean() == pytest.approx(0.3, abs=0.01)


def test_dropblock_takes_a_small_map_as_a_whole():
    maps = dropped_maps(0.5, block_size=7, shape=(64, 3, 2, 8))
    dropped = maps == 0
    assert (dropped.all(axis=(1, 2)) | ~dropped.any(axis=(1, 2))).all()
    assert 0.4 < dropped.mean() < 0.6


def test_the_rate_of_dropblock_can_rise_inside_a_compiled_step():
    """A schedule assigns the rate between steps; the traced step must follow: nothing is dropped before."""
    inputs = keras.Input((12, 12, 4))
    layer = DropBlock2D(0.0, 3, seed=0)
    same = keras.layers.DepthwiseConv2D(1, depthwise_initializer="ones", use_bias=False)  # something to train
    model = keras.Model(inputs, layer(same(inputs)))
    model.compile("sgd", "mean_absolute_error")
    images = np.ones((4, 12, 12, 4), np.float32)
    assert model.train_on_batch(images, images) == 0
    layer.rate.assign(0.3)
    assert model.train_on_batch(images, images) > 0.1


@pytest.mark.parametrize(
    "layer", [ReverseChannels(), Maxout(3), CosineLogits(4, scale=2.0), DropBlock2D(0.2, 3, seed=1)]
)
def test_a_layer_comes_back_from_its_config_and_knows_its_shape(layer):
    shape = (2, 6) if isinstance(layer, CosineLogits) else (2, 5, 5, 6)
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer), safe_mode=True)
    assert copy.get_config() == layer.get_config()
    output = layer(np.ones(shape, np.float32))
    assert tuple(output.shape) == tuple(layer.compute_output_shape(shape))
    assert layer(keras.KerasTensor((None, *shape[1:]))).shape == (None, *output.shape[1:])


@pytest.mark.parametrize(
    "build", [ReverseChannels, lambda: Maxout(3), lambda: DropBlock2D(0.2, 3), lambda: CosineLogits(4)]
)
def test_a_layer_computes_in_mixed_precision(build):
    layer = type(build()).from_config({**build().get_config(), "dtype": "mixed_bfloat16"})
    shape = (2, 6) if isinstance(layer, CosineLogits) else (2, 5, 5, 6)
    output = (
        layer(np.ones(shape, np.float32), training=True) if isinstance(layer, DropBlock2D) else layer(np.ones(shape))
    )
    assert keras.backend.standardize_dtype(output.dtype) == "bfloat16"
    assert np.isfinite(np.asarray(keras.ops.cast(output, "float32"))).all()


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: AddZoomed(border=0), "border=0"),
        (lambda: MeanOfViews(1), "views=1"),
        (lambda: Maxout(1), "pieces=1"),
        (lambda: Maxout(2)(np.ones((1, 3), np.float32)), "multiple of pieces=2"),
        (lambda: DropBlock2D(1.0), "rate=1.0"),
        (lambda: DropBlock2D(0.1, 0), "block_size=0"),
        (lambda: CosineLogits(0), "num_classes=0"),
        (lambda: CosineLogits(2, scale=0), "scale=0"),
    ],
)
def test_a_wrong_argument_is_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_unpooling_places_values_where_the_playground_does():
    """Channel by channel as by hand; of the larger map an odd row is missing."""
    before = np.random.default_rng(0).permutation(2 * 6 * 8 * 3).reshape(2, 6, 8, 3).astype(np.float32)
    x = np.random.default_rng(1).normal(size=(2, 3, 4, 3)).astype(np.float32)
    found, corners = np.asarray(UnpoolByIndex()([x, before])), np.asarray(UnpoolToCorner()(x))
    cut = np.asarray(UnpoolByIndex()([x, before[:, :5]]))
    for image, channel in np.ndindex(2, 3):
        values, pooled = x[image, ..., channel], max_pool(before[image, ..., channel])
        np.testing.assert_array_equal(found[image, ..., channel], unpool(values, pooled, "by index"))
        np.testing.assert_array_equal(corners[image, ..., channel], unpool(values, pooled, "placed"))
    assert not cut[:, 5].any()  # what lacks is never the largest
    np.testing.assert_array_equal(np.asarray(UnpoolByIndex()([x, 0 * before])), corners)  # of equal ones the first
