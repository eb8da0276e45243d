"""Results about what layers and training steps cost: frozen, plain data, no torch in them.

MACs are multiply-adds; FLOPs would be twice that. Ratios are always the second design over the first.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ConvCost:
    """One convolution that keeps the picture's size, stride 1.

    Attributes:
        in_channels: channels that it reads.
        out_channels: channels that it writes.
        kernel: side of its window.
        groups: into how many parts the channels are split; as many as channels in a depthwise convolution.
        side_px: side of the square map that it works on.
    """

    in_channels: int
    out_channels: int
    kernel: int
    groups: int
    side_px: int

    @property
    def label(self) -> str:
        """As the papers write it: `3×3, 64→64`."""
        name = f"{self.kernel}×{self.kernel}, {self.in_channels}→{self.out_channels}"
        return f"{name}, depthwise" if self.groups > 1 else name

    @property
    def weights(self) -> int:
        """Weights without biases."""
        return self.kernel**2 * (self.in_channels // self.groups) * self.out_channels

    @property
    def biases(self) -> int:
        return self.out_channels

    @property
    def macs(self) -> int:
        """Multiply-adds for one picture: each weight once for each position."""
        return self.weights * self.side_px**2


@dataclass(frozen=True)
class DesignCost:
    """A few convolutions one after the other.

    Attributes:
        name: how the lecture or the paper calls the design.
        convs: its convolutions in order.
        nonlinearities: ReLUs, one after each convolution that has one.
    """

    name: str
    convs: tuple[ConvCost, ...]
    nonlinearities: int

    @property
    def receptive_field(self) -> int:
        """Side in pixels of what one output position sees: each window adds its side less one."""
        return 1 + sum(conv.kernel - 1 for conv in self.convs)

    @property
    def weights(self) -> int:
        """Weights without biases."""
        return sum(conv.weights for conv in self.convs)

    @property
    def biases(self) -> int:
        return sum(conv.biases for conv in self.convs)

    @property
    def params(self) -> int:
        """Weights and biases."""
        return self.weights + self.biases

    @property
    def macs(self) -> int:
        """Multiply-adds for one picture."""
        return sum(conv.macs for conv in self.convs)


@dataclass(frozen=True)
class DesignComparison:
    """Two designs for the same job.

    Attributes:
        first: the design that the lesson argues for.
        second: what it replaces.
        source: paper and section, or the lecture.
    """

    first: DesignCost
    second: DesignCost
    source: str

    @property
    def weights_ratio(self) -> float:
        """How many times the weights (without biases) of the first design the second one has."""
        return self.second.weights / self.first.weights

    @property
    def params_ratio(self) -> float:
        """The same with biases."""
        return self.second.params / self.first.params

    @property
    def macs_ratio(self) -> float:
        """How many times the multiply-adds of the first design the second one takes."""
        return self.second.macs / self.first.macs
