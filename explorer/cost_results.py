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


@dataclass(frozen=True)
class Calibration:
    """How fast a device does what training consists of, forward and backward together.

    Attributes:
        device: as torch names it, `cpu` or `cuda:0`.
        threads: CPU threads that torch used.
        macs_per_second: multiply-adds in wide convolutions.
        conv_seconds_per_byte: beside the multiply-adds, for each byte that a convolution reads or writes.
        norm_seconds_per_byte: batch norm, for each byte of its output.
        activation_seconds_per_byte: ReLU, for each byte of its output.
        add_seconds_per_byte: addition of two branches, for each byte of its output.
        pool_seconds_per_byte: pooling, for each byte of its input.
        linear_seconds_per_byte: a fully-connected layer, for each byte of its weights.
        optimizer_seconds_per_byte: SGD with momentum, for each byte of trainable weights.
        operation_seconds: for each operation, however small.
        took_seconds: how long the calibration took.
    """

    device: str
    threads: int
    macs_per_second: float
    conv_seconds_per_byte: float
    norm_seconds_per_byte: float
    activation_seconds_per_byte: float
    add_seconds_per_byte: float
    pool_seconds_per_byte: float
    linear_seconds_per_byte: float
    optimizer_seconds_per_byte: float
    operation_seconds: float
    took_seconds: float


@dataclass(frozen=True)
class TrainingCost:
    """What one training step will take: forward, cross entropy, backward and optimizer, in float32.

    Memory on a CPU is what the net, its batch and its steps add to the process's resident memory at their peak, in a
    process in which torch has computed before; on a GPU, what is allocated at the peak.

    Attributes:
        name: label of the net.
        device: as torch names it.
        batch_size: pictures in the step.
        seconds: for one step.
        seconds_by_op: the same by operation (`conv`, `norm`, ..., `optimizer`), the slowest first.
        memory_bytes: at the peak; the parts below do not all stand at that moment, so that they may add up to more.
        weights_bytes: parameters and buffers.
        gradients_bytes: of the trainable parameters.
        optimizer_bytes: the optimizer's state.
        activations_bytes: kept from the forward to the backward pass, with the batch itself.
        overhead_bytes: that the memory allocator cannot use, and the libraries' working memory.
    """

    name: str
    device: str
    batch_size: int
    seconds: float
    seconds_by_op: tuple[tuple[str, float], ...]
    memory_bytes: int
    weights_bytes: int
    gradients_bytes: int
    optimizer_bytes: int
    activations_bytes: int
    overhead_bytes: int

    @property
    def pictures_per_second(self) -> float:
        return self.batch_size / self.seconds

    def epoch_seconds(self, pictures: int) -> float:
        """Seconds of training for one pass over `pictures`, the loading of data aside."""
        return self.seconds * pictures / self.batch_size
