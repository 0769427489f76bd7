"""Calculators for convolutions: sizes, weights and multiply-adds by hand, without a model."""

import itertools
import math
from collections.abc import Sequence

MEBIBYTE = 2**20  # bytes
FLOAT32 = 4  # bytes


def conv_output_size(
    size: int, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1, *, strict: bool = True
) -> int:
    """Returns how many places a kernel takes along one side: `floor((N + 2P - D(F - 1) - 1) / S) + 1`.

    Args:
        size: `N`, pixels of the side.
        kernel: `F`, weights of the kernel along the side.
        stride: `S`, pixels from one place to the next.
        padding: `P`, pixels added at each end.
        dilation: `D`, pixels from one weight of the kernel to the next.
        strict: Refuse a stride that does not end at the last pixel. Keras rounds down instead, as `strict=False` does:
            the last pixels are then not looked at.

    Raises:
        ValueError: If a number is out of range, the kernel is larger than the padded side, or, where strict, the
            places do not fit.
    """
    for name, value, least in (
        ("size", size, 1),
        ("kernel", kernel, 1),
        ("stride", stride, 1),
        ("padding", padding, 0),
        ("dilation", dilation, 1),
    ):
        if value < least:
            raise ValueError(f"{name} must be at least {least}. Received: {name}={value}.")
    room = size + 2 * padding - dilation * (kernel - 1) - 1
    if room < 0:
        raise ValueError(
            f"The kernel spans {dilation * (kernel - 1) + 1} pixels and the padded side has {size + 2 * padding}. "
            f"Received: size={size}, kernel={kernel}, padding={padding}, dilation={dilation}. "
            "Pad more, or take a smaller kernel."
        )
    if strict and room % stride:
        raise ValueError(
            f"The kernel does not fit a whole number of times: (N + 2P - D(F - 1) - 1) / S + 1 = "
            f"{room} / {stride} + 1 = {room / stride + 1:.2f}. "
            f"Received: size={size}, kernel={kernel}, stride={stride}, padding={padding}, dilation={dilation}. "
            "Change stride or padding, or pass strict=False to leave the last pixels out, as Keras does."
        )
    return room // stride + 1


def check_groups(channels: int, filters: int, groups: int) -> None:
    """Refuses groups into which channels or filters cannot be divided evenly.

    Raises:
        ValueError: If so, with the numbers that fit.
    """
    if min(channels, filters) < 1:
        raise ValueError(f"There is at least one channel and one filter. Received: {channels}, {filters}.")
    if groups < 1 or channels % groups or filters % groups:
        fit = [count for count in range(1, channels + 1) if not channels % count and not filters % count]
        raise ValueError(
            f"{channels} channels and {filters} filters are divided evenly into {', '.join(map(str, fit))} groups. "
            f"Received: groups={groups}."
        )


def conv_parameters(
    kernel: int | tuple[int, int], in_channels: int, filters: int, bias: bool = True, *, groups: int = 1
) -> int:
    """Returns the weights of a convolution: `F * F * C_in / G` per filter, and one more for its bias.

    Args:
        kernel: `F`, or rows and columns.
        in_channels: `C_in`, channels of the input.
        filters: `C_out`, channels of the output.
        bias: Whether each filter has a bias.
        groups: `G`; as many as channels make it depthwise, and filters per channel are then the depth multiplier.

    Raises:
        ValueError: If channels or filters cannot be divided into the groups.
    """
    check_groups(in_channels, filters, groups)
    return (_area(kernel) * (in_channels // groups) + bias) * filters


def dense_parameters(widths: Sequence[int], bias: bool = True) -> int:
    """Returns the weights of dense layers in a row.

    Args:
        widths: Numbers that go in, units of every layer: `(3072, 100, 10)` has one hidden layer.
        bias: Whether each unit has a bias.
    """
    return sum((before + bias) * after for before, after in itertools.pairwise(widths))


def conv_multiply_adds(
    output_size: tuple[int, int], kernel: int | tuple[int, int], in_channels: int, filters: int, *, groups: int = 1
) -> int:
    """Returns the multiply-adds of a convolution: those of one place, times the places. Biases are not counted.

    Args:
        output_size: Rows and columns of the output: the places that the kernel takes.
        kernel: Side of the kernel, or rows and columns.
        in_channels: Channels of the input.
        filters: Channels of the output.
        groups: Parts that channels and filters are divided into.

    Raises:
        ValueError: If they cannot be divided evenly.
    """
    return math.prod(output_size) * conv_parameters(kernel, in_channels, filters, bias=False, groups=groups)


def separable_multiply_adds(
    output_size: tuple[int, int], kernel: int | tuple[int, int], in_channels: int, filters: int
) -> int:
    """Returns the multiply-adds of a depthwise separable convolution with the arguments of `conv_multiply_adds`.

    A kernel of one channel for each channel of the input, then `filters` kernels of 1x1 over all of them.
    """
    depthwise = conv_multiply_adds(output_size, kernel, 1, in_channels)
    return depthwise + conv_multiply_adds(output_size, 1, in_channels, filters)


def separable_ratio(kernel: int | tuple[int, int], filters: int) -> float:
    """Returns what a depthwise separable convolution costs as a share of the normal one: `1 / C_out + 1 / F^2`.

    Reference: Howard et al. 2017, "MobileNets" (arXiv:1704.04861), section 3.1.
    """
    return 1 / filters + 1 / _area(kernel)


def weights_mebibytes(parameters: int) -> float:
    """Returns the size of float32 weights in MiB (2^20 bytes), which tables of model sizes mostly call MB."""
    return FLOAT32 * parameters / MEBIBYTE


def _area(kernel: int | tuple[int, int]) -> int:
    rows, cols = (kernel, kernel) if isinstance(kernel, int) else kernel
    return rows * cols
