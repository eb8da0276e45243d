"""The lesson's sums: what a stack, a bottleneck and a depthwise separable convolution save.

All convolutions here have stride 1 and keep the map's size, so that each design reads and writes maps of the same
shape as the one that it is compared with.
"""

from __future__ import annotations

from explorer.cost_results import ConvCost, DesignComparison, DesignCost
from explorer.errors import ExplorerError

_CHANNELS = (1, 65_536)
_KERNELS = (1, 63)
_COUNTS = (1, 31)
_SIDES = (1, 16_384)


def stacked_convs(kernel: int = 3, count: int = 3, channels: int = 64, *, input_side: int = 56) -> DesignComparison:
    """`count` small convolutions one after the other against one large one that sees as much.

    Simonyan & Zisserman 2014, arXiv 1409.1556, section 2.3: three 3x3 have 27C² weights and three ReLUs, one 7x7 has
    49C² and one.

    Args:
        kernel: side of the small windows, odd.
        count: how many of them.
        channels: C, read and written by each.
        input_side: side of the map, in pixels.

    Raises:
        ExplorerError: a value out of range.

    >>> saving = stacked_convs(kernel=3, count=3, channels=10)
    >>> saving.first.weights, saving.second.weights, saving.second.receptive_field
    (2700, 4900, 7)
    """
    _check_kernel(kernel)
    _check("count", count, _COUNTS)
    _check("channels", channels, _CHANNELS)
    _check("input_side", input_side, _SIDES)
    large = count * (kernel - 1) + 1
    small = ConvCost(channels, channels, kernel, 1, input_side)
    return DesignComparison(
        DesignCost(f"{count} × {kernel}×{kernel}", (small,) * count, nonlinearities=count),
        DesignCost(f"{large}×{large}", (ConvCost(channels, channels, large, 1, input_side),), nonlinearities=1),
        source="Simonyan & Zisserman 2014, arXiv 1409.1556, section 2.3",
    )


def bottleneck_block(channels: int = 256, reduced: int = 64, *, input_side: int = 56) -> DesignComparison:
    """A bottleneck, 1x1 down, 3x3, 1x1 up, against two 3x3 at the full number of channels.

    He et al. 2015, arXiv 1512.03385, section 4.1 and figure 5.

    Args:
        channels: of the block's input and output.
        reduced: of the 3x3 in the middle; at most `channels`.
        input_side: side of the map, in pixels.

    Raises:
        ExplorerError: a value out of range.

    >>> saving = bottleneck_block(256, 64)
    >>> saving.first.weights, saving.second.weights, round(saving.weights_ratio, 1)
    (69632, 1179648, 16.9)
    """
    _check("channels", channels, _CHANNELS)
    _check("reduced", reduced, (1, channels))
    _check("input_side", input_side, _SIDES)
    bottleneck = (
        ConvCost(channels, reduced, 1, 1, input_side),
        ConvCost(reduced, reduced, 3, 1, input_side),
        ConvCost(reduced, channels, 1, 1, input_side),
    )
    return DesignComparison(
        DesignCost(f"{channels}→{reduced}→{reduced}→{channels}", bottleneck, nonlinearities=3),
        DesignCost(f"2 × 3×3 at {channels}", (ConvCost(channels, channels, 3, 1, input_side),) * 2, nonlinearities=2),
        source="He et al. 2015, arXiv 1512.03385, section 4.1",
    )


def depthwise_separable(
    in_channels: int = 256, out_channels: int = 256, kernel: int = 3, *, input_side: int = 56
) -> DesignComparison:
    """A K×K for each channel by itself and a 1x1 over the channels, against one ordinary K×K.

    Howard et al. 2017, arXiv 1704.04861, section 3.1: K·K·M + M·N weights against M·K·K·N, which is a saving of
    1/(1/N + 1/K²).

    Args:
        in_channels: M.
        out_channels: N.
        kernel: K, odd.
        input_side: side of the map, in pixels.

    Raises:
        ExplorerError: a value out of range.

    >>> saving = depthwise_separable(32, 64, 3)
    >>> saving.first.weights, saving.second.weights
    (2336, 18432)
    """
    _check("in_channels", in_channels, _CHANNELS)
    _check("out_channels", out_channels, _CHANNELS)
    _check_kernel(kernel)
    _check("input_side", input_side, _SIDES)
    separable = (
        ConvCost(in_channels, in_channels, kernel, in_channels, input_side),
        ConvCost(in_channels, out_channels, 1, 1, input_side),
    )
    return DesignComparison(
        DesignCost("depthwise separable", separable, nonlinearities=2),
        DesignCost(
            f"{kernel}×{kernel}", (ConvCost(in_channels, out_channels, kernel, 1, input_side),), nonlinearities=1
        ),
        source="Howard et al. 2017, arXiv 1704.04861, section 3.1",
    )


def _check(name: str, value: object, accepted: tuple[int, int]) -> None:
    low, high = accepted
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        said = f"{name}={str(value)[:40]}"
        message = f"{said} is not possible: use a whole number from {low} to {high}."
        raise ExplorerError(message, key="range", said=said, low=low, high=high)


def _check_kernel(kernel: object) -> None:
    low, high = _KERNELS
    if isinstance(kernel, bool) or not isinstance(kernel, int) or not low <= kernel <= high or kernel % 2 == 0:
        said, accepted = (
            f"kernel={str(kernel)[:40]}",
            ", ".join(str(size) for size in range(low, 8, 2)) + f", ..., {high}",
        )
        message = f"{said} is not possible: use an odd number from {low} to {high}, so that the map keeps its size."
        raise ExplorerError(message, key="choice", said=said, accepted=accepted)
