"""Reads the layer records of a serialised dlib network, without dlib.

Integers are one byte (bit 7 is the sign, the low four bits count the bytes that follow) and that many little-endian
bytes; floating-point numbers are two integers, mantissa and binary exponent; strings are their length and bytes;
tensors are a version, four dimensions and raw little-endian float32 (dlib's `serialize.h` and `tensor.h`).
"""

import re
from collections.abc import Iterator

import numpy as np

from kerasface.models.pretrained import ModelFileError

_TENSOR_VERSION = 2
# A tag is a string: one byte that says the length takes one byte, the length, the characters.
_TAG = re.compile(rb"\x01(?:\x05(con_4)|\x07(affine_)|\x04(fc_2))")


class _Reader:
    """A cursor over the bytes of the file."""

    def __init__(self, content: bytes, position: int = 0):
        self.content = content
        self.position = position

    def take(self, count: int) -> bytes:
        taken = self.content[self.position : self.position + count]
        if len(taken) != count:
            raise ModelFileError(f"The dlib file ends early, at byte {len(self.content)}.")
        self.position += count
        return taken

    def integer(self) -> int:
        head = self.take(1)[0]
        value = int.from_bytes(self.take(head & 0x0F), "little")
        return -value if head & 0x80 else value

    def tensor(self) -> np.ndarray:
        if (version := self.integer()) != _TENSOR_VERSION:
            raise ModelFileError(f"Expected a dlib tensor of version {_TENSOR_VERSION}. Received: version={version}.")
        shape = [self.integer() for _ in range(4)]
        values = np.frombuffer(self.take(4 * int(np.prod(shape))), dtype="<f4")
        return values.astype(np.float32).reshape(shape)


def layer_records(content: bytes) -> Iterator[tuple[str, dict]]:
    """Yields the layers with weights, in forward order, as `(kind, values)`.

    Kinds and values: `("conv", {"kernel": (rows, cols, in, out), "bias": (out,), "stride": int, "padding": int})`,
    `("affine", {"gamma": (channels,), "beta": (channels,)})`, `("dense", {"kernel": (in, out)})`; float32 all.

    Raises:
        ModelFileError: If a record does not decode.
    """
    reader = _Reader(content)
    while (found := _TAG.search(content, reader.position)) is not None:
        reader.position = found.end()
        if found[1]:
            yield "conv", _convolution(reader)
        elif found[2]:
            weights = reader.tensor().reshape(2, -1)
            yield "affine", {"gamma": weights[0], "beta": weights[1]}
        else:
            num_outputs, num_inputs = reader.integer(), reader.integer()
            yield "dense", {"kernel": reader.tensor().reshape(num_inputs, num_outputs)}


def _convolution(reader: _Reader) -> dict:
    parameters = reader.tensor().ravel()
    filters, rows, cols, stride, _, padding, _ = (reader.integer() for _ in range(7))
    kernel, bias = parameters[:-filters], parameters[-filters:]
    return {
        # (out, in, rows, cols) in the file; Keras wants (rows, cols, in, out).
        "kernel": kernel.reshape(filters, -1, rows, cols).transpose(2, 3, 1, 0),
        "bias": bias,
        "stride": stride,
        "padding": padding,
    }
