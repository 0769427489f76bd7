"""The reader of dlib's files against a writer that was made from the format's description alone."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kerasface.models.dlib_format import layer_records
from kerasface.models.pretrained import ModelFileError


def integer(value):
    """One byte (sign in bit 7, number of bytes in the low four bits), then the bytes, lowest first."""
    magnitude = abs(value)
    body = magnitude.to_bytes(max(1, (magnitude.bit_length() + 7) // 8), "little")
    return bytes([len(body) | (0x80 if value < 0 else 0)]) + body


def string(text):
    return integer(len(text)) + text.encode()


def tensor(values, shape, version=2):
    header = b"".join(integer(number) for number in (version, *shape))
    return header + b"".join(struct.pack("<f", value) for value in values)


def convolution(kernel, bias, stride=1, padding=0):
    """`kernel` is `(filters, channels, rows, cols)`, as dlib has it."""
    values = [*kernel.ravel(), *bias]
    geometry = (len(bias), *kernel.shape[2:], stride, stride, padding, padding)
    return string("con_4") + tensor(values, (1, len(values), 1, 1)) + b"".join(map(integer, geometry))


def affine(gamma, beta):
    return string("affine_") + tensor([*gamma, *beta], (1, 2 * len(gamma), 1, 1))


def dense(kernel):
    num_inputs, num_outputs = kernel.shape
    return string("fc_2") + integer(num_outputs) + integer(num_inputs) + tensor(kernel.ravel(), (*kernel.shape, 1, 1))


@pytest.fixture
def arrays():
    """Kernel, bias, gamma, beta and dense kernel with exactly representable values."""
    generator = np.random.default_rng(0)
    shapes = ((4, 3, 5, 2), (4,), (4,), (4,), (300, 6))
    return [generator.integers(-999, 999, shape).astype(np.float32) / 8 for shape in shapes]


@pytest.fixture
def content(arrays):
    """A small network between records that carry no weights."""
    kernel, bias, gamma, beta, matrix = arrays
    parts = [string("loss_"), convolution(kernel, bias, stride=2, padding=1), string("relu_"), affine(gamma, beta)]
    return b"".join([*parts, string("avg_pool_2"), integer(-3), dense(matrix), string("input_rgb")])


def test_records_come_in_order_with_keras_axes(content, arrays):
    kernel, bias, gamma, beta, matrix = arrays
    (kind1, conv), (kind2, scale), (kind3, full) = layer_records(content)
    assert (kind1, kind2, kind3) == ("conv", "affine", "dense")
    assert conv["kernel"].shape == (5, 2, 3, 4)
    for filters, channels, row, col in np.ndindex(kernel.shape):
        assert conv["kernel"][row, col, channels, filters] == kernel[filters, channels, row, col]
    np.testing.assert_array_equal(conv["bias"], bias)
    assert (conv["stride"], conv["padding"]) == (2, 1)
    np.testing.assert_array_equal(scale["gamma"], gamma)
    np.testing.assert_array_equal(scale["beta"], beta)
    np.testing.assert_array_equal(full["kernel"], matrix)
    assert all(array.dtype == np.float32 for array in (conv["kernel"], conv["bias"], scale["gamma"], full["kernel"]))


def test_weights_that_look_like_a_tag_are_weights():
    """Three of the gammas have the bytes of an affine record's own tag."""
    impostor = np.frombuffer(string("affine_") + bytes(3), dtype="<f4").astype(np.float64)
    (record,) = layer_records(affine(impostor, [1.0, 2.0, 3.0]))
    np.testing.assert_array_equal(record[1]["gamma"], impostor.astype(np.float32))


@given(st.integers(-(2**31), 2**31), st.integers(1, 200))
def test_integers_of_any_size_and_sign(stride, filters):
    record = convolution(np.ones((filters, 1, 1, 1), dtype=np.float32), np.zeros(filters), stride=stride)
    ((_, values),) = layer_records(record)
    assert values["stride"] == stride
    assert values["bias"].shape == (filters,)


@pytest.mark.parametrize("make", [lambda: affine([1.0], [2.0]), lambda: dense(np.ones((2, 3), dtype=np.float32))])
def test_a_record_cut_anywhere_says_where_the_file_ends(make):
    record = make()
    tag = 2 + record[1]  # the tag's length follows its own length byte
    for end in range(tag, len(record)):
        with pytest.raises(ModelFileError, match=f"ends early, at byte {end}"):
            list(layer_records(record[:end]))


def test_another_tensor_version_is_refused():
    with pytest.raises(ModelFileError, match="version=3"):
        list(layer_records(string("affine_") + tensor([1.0, 2.0], (1, 2, 1, 1), version=3)))


def test_a_file_without_layers_has_no_records():
    assert list(layer_records(b"")) == []
    assert list(layer_records(bytes(1000))) == []
