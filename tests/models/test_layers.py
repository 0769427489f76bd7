"""Layers of our own, against NumPy."""

import numpy as np
import pytest

from kerasface.models.layers import PaddedAdd


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
