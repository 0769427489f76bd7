"""Three ways to convolve a map, and what each costs: normal, depthwise separable, reduced by 1x1 kernels first."""

from dataclasses import dataclass

from kerasface.inspection.cost.calculators import conv_multiply_adds, separable_multiply_adds


@dataclass(frozen=True)
class Way:
    """One way to get from a map to another.

    Attributes:
        name: What it is called.
        weights: Its weights, without biases.
        multiply_adds: Those of one map.
        share: Its multiply-adds as a share of those of the normal convolution.
        sum: How the weights come about; its multiply-adds are as many at every place.
    """

    name: str
    weights: int
    multiply_adds: int
    share: float
    sum: str


def ways_to_convolve(
    output_size: tuple[int, int], kernel: int, in_channels: int, filters: int, reduced: int
) -> tuple[Way, Way, Way]:
    """Compares a normal convolution, a depthwise separable one, and one behind a reduction by 1x1 kernels.

    Every part is counted at as many places as the output has: so it is where the map keeps its size, and so lectures
    count.

    Args:
        output_size: Rows and columns of the output.
        kernel: Side of the kernel, `F`.
        in_channels: Channels of the input.
        filters: Channels of the output.
        reduced: Channels that the 1x1 kernels leave for the large one.

    Raises:
        ValueError: If a number is below 1.

    Reference:
        Howard et al. 2017, "MobileNets" (arXiv:1704.04861); Szegedy et al. 2014, "Going Deeper with Convolutions"
        (arXiv:1409.4842), section 4.
    """
    if min(*output_size, kernel, in_channels, filters, reduced) < 1:
        raise ValueError(
            f"Sizes and channels must be at least 1. Received: output_size={output_size}, kernel={kernel}, "
            f"in_channels={in_channels}, filters={filters}, reduced={reduced}."
        )

    def cost(size: tuple[int, int]) -> tuple[int, int, int]:
        return (
            conv_multiply_adds(size, kernel, in_channels, filters),
            separable_multiply_adds(size, kernel, in_channels, filters),
            conv_multiply_adds(size, 1, in_channels, reduced) + conv_multiply_adds(size, kernel, reduced, filters),
        )

    side = f"{kernel}·{kernel}"
    sums = (
        f"{side}·{in_channels}·{filters}",
        f"{side}·{in_channels} + {in_channels}·{filters}",
        f"{in_channels}·{reduced} + {side}·{reduced}·{filters}",
    )
    names = ("normal", "depthwise separable", "1x1 first")
    counts = cost(output_size)
    return tuple(
        Way(name, weights, multiply_adds, multiply_adds / counts[0], text)
        for name, weights, multiply_adds, text in zip(names, cost((1, 1)), counts, sums, strict=True)
    )
