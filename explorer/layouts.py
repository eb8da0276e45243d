"""The skeletons of the nets, as plain data: what the classes in `explorer.models` interpret. No torch here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple


@dataclass(frozen=True)
class VGGLayout:
    """The convolutions of a VGG net, stage by stage; a 2x2 max-pooling ends each stage.

    Attributes:
        stages: for each stage its convolutions as (kernel size, channels).
        lrn: local response normalisation after the first convolution (configuration A-LRN).
    """

    stages: tuple[tuple[tuple[int, int], ...], ...]
    lrn: bool = False

    @property
    def weight_layers(self) -> int:
        return sum(len(stage) for stage in self.stages) + 3

    @property
    def narrowest(self) -> int:
        """Channels of the narrowest stage."""
        return min(channels for stage in self.stages for _, channels in stage)

    @property
    def least_image_size(self) -> int:
        """Each stage halves the side: a smaller picture would vanish."""
        return int(2 ** len(self.stages))


@dataclass(frozen=True)
class ResNetLayout:
    """The skeleton that a plain net and its residual twin share.

    Attributes:
        block: `basic` (two 3x3) or `bottleneck` (1x1, 3x3, 1x1 with four times the channels).
        depths: blocks in each stage.
        widths: channels of each stage's 3x3 convolutions.
        stem: `imagenet` (7x7 stride 2, then a 3x3 max-pooling stride 2) or `cifar` (one 3x3).
        stem_width: channels after the stem.
    """

    block: Literal["basic", "bottleneck"]
    depths: tuple[int, ...]
    widths: tuple[int, ...]
    stem: Literal["imagenet", "cifar"]
    stem_width: int

    @property
    def weight_layers(self) -> int:
        """Stem, blocks and classifier; WRN-28's name counts its three projections instead of the classifier."""
        per_block = 2 if self.block == "basic" else 3
        return per_block * sum(self.depths) + 2

    @property
    def narrowest(self) -> int:
        """Channels of the narrowest stage."""
        return min(self.stem_width, *self.widths)

    @property
    def least_image_size(self) -> int:
        """The product of all strides: on a smaller picture the last stages would see padding for the most part."""
        stem = 4 if self.stem == "imagenet" else 1
        return int(stem * 2 ** (len(self.depths) - 1))


class Conv(NamedTuple):
    """A convolution and its activation."""

    channels: int
    kernel: int
    stride: int = 1
    padding: int = 0
    groups: int = 1


class LRN(NamedTuple):
    """Local response normalisation over five channels."""


class Pool(NamedTuple):
    """A pooling with stride 2; with `ceil` its last window may reach over the border."""

    kernel: int
    ceil: bool = False


@dataclass(frozen=True)
class ChainLayout:
    """A net without branches: features, then fully-connected layers.

    Attributes:
        features: the convolutions, each followed by its activation, and what lies between them.
        map_side: side of the map that the first fully-connected layer takes; from pictures of another size than the
            net's own, maps are pooled to it.
        hidden: widths of the fully-connected layers before the last one.
        activation: what follows each layer but the last.
        pooling: how the features are pooled.
        dropout: before each hidden fully-connected layer.
        least_image_size: the smallest picture that leaves a map of one position.
    """

    features: tuple[Conv | LRN | Pool, ...]
    map_side: int
    hidden: tuple[int, ...]
    activation: Literal["relu", "tanh"]
    pooling: Literal["max", "average"]
    dropout: float
    least_image_size: int

    @property
    def weight_layers(self) -> int:
        return sum(isinstance(feature, Conv) for feature in self.features) + len(self.hidden) + 1

    @property
    def narrowest(self) -> int:
        """Channels of the narrowest convolution."""
        return min(feature.channels for feature in self.features if isinstance(feature, Conv))


class InceptionPlan(NamedTuple):
    """Channels of an Inception module's branches: 1x1; 1x1, 3x3; 1x1, 5x5; pooling, 1x1."""

    one: int
    before_three: int
    three: int
    before_five: int
    five: int
    after_pool: int

    @property
    def out_channels(self) -> int:
        return self.one + self.three + self.five + self.after_pool


@dataclass(frozen=True)
class InceptionLayout:
    """GoogLeNet: a stem of three convolutions, then stages of Inception modules with max-poolings between them.

    Attributes:
        stages: the modules, stage by stage.
        large_kernel: kernel of the branch that the paper calls 5x5.
        last_pool: kernel of the pooling before the last stage.
    """

    stages: tuple[tuple[InceptionPlan, ...], ...]
    large_kernel: int
    last_pool: int

    @property
    def weight_layers(self) -> int:
        return 3 + 2 * sum(len(stage) for stage in self.stages) + 1

    @property
    def narrowest(self) -> int:
        """Channels of the narrowest branch."""
        return min(width for stage in self.stages for plan in stage for width in plan)

    @property
    def least_image_size(self) -> int:
        """The product of all strides."""
        return 32


Layout = VGGLayout | ResNetLayout | ChainLayout | InceptionLayout

# ---------------------------------------------------------------- the lecture's nets

LENET5 = ChainLayout(
    (Conv(6, 5), Pool(2), Conv(16, 5), Pool(2)),
    map_side=5,
    hidden=(120, 84),
    activation="tanh",
    pooling="average",
    dropout=0.0,
    least_image_size=16,
)
# The groups of 2 are the two GPUs that the net was spread over.
ALEXNET = ChainLayout(
    (
        *(Conv(96, 11, stride=4), LRN(), Pool(3)),
        *(Conv(256, 5, padding=2, groups=2), LRN(), Pool(3)),
        *(Conv(384, 3, padding=1), Conv(384, 3, padding=1, groups=2), Conv(256, 3, padding=1, groups=2), Pool(3)),
    ),
    map_side=6,
    hidden=(4096, 4096),
    activation="relu",
    pooling="max",
    dropout=0.5,
    least_image_size=67,
)
# From 224 px: 110 after conv1, 55, 26 after conv2, 13, 6 (the paper's figure 3).
ZFNET = ChainLayout(
    (
        *(Conv(96, 7, stride=2, padding=1), Pool(3, ceil=True), LRN()),
        *(Conv(256, 5, stride=2), Pool(3, ceil=True), LRN()),
        *(Conv(512, 3, padding=1), Conv(1024, 3, padding=1), Conv(512, 3, padding=1), Pool(3)),
    ),
    map_side=6,
    hidden=(4096, 4096),
    activation="relu",
    pooling="max",
    dropout=0.5,
    least_image_size=63,
)
GOOGLENET = InceptionLayout(
    (
        (InceptionPlan(64, 96, 128, 16, 32, 32), InceptionPlan(128, 128, 192, 32, 96, 64)),
        (
            InceptionPlan(192, 96, 208, 16, 48, 64),
            InceptionPlan(160, 112, 224, 24, 64, 64),
            InceptionPlan(128, 128, 256, 24, 64, 64),
            InceptionPlan(112, 144, 288, 32, 64, 64),
            InceptionPlan(256, 160, 320, 32, 128, 128),
        ),
        (InceptionPlan(256, 160, 320, 32, 128, 128), InceptionPlan(384, 192, 384, 48, 128, 128)),
    ),
    large_kernel=3,
    last_pool=2,
)
