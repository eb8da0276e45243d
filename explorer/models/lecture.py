"""The other nets of the CS231n lecture on architectures: LeNet-5, AlexNet, ZFNet and GoogLeNet.

Each as in its paper, but for what is said here. As in all nets of this package every ReLU is a module of its own and
works out of place, and `explorer.create_model` builds a net and fills its weights.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from explorer.config import ModelConfig
from explorer.layouts import ChainLayout, Conv, InceptionLayout, InceptionPlan, Pool
from explorer.models.blocks import Device
from explorer.models.init import fill
from explorer.models.layers import BatchNorm2d, Conv2d, Linear
from explorer.models.net import Net


class ChainNet(Net):
    """Convolutions and poolings, then fully-connected layers: LeNet-5, AlexNet, ZFNet.

    - LeNet-5 in its usual modern form: three fully-connected layers (its C5, F6 and output) of which the last gives
      logits, every map of C3 connected to all of S2. As in the paper it has tanh and averages where later nets have
      ReLU and maxima (without the paper's scale of 1.7159 and its trainable averages).
    - AlexNet with its two groups, its overlapping poolings and its LRN.
    - ZFNet with the lecture's 512, 1024 and 512 maps, which the paper calls model (b); its figure 3 has 384, 384, 256.

    A picture of another size than the net's own leads to a map of another size, which is pooled to the one that the
    first fully-connected layer takes: the parameters stay the same.

    Args:
        config: a configuration of the family `lecture` whose layout is a chain.
        device: where to create the parameters; `meta` for shapes only.
    """

    def __init__(self, config: ModelConfig, device: Device = None) -> None:
        super().__init__()
        layout = config.entry.layout
        assert isinstance(layout, ChainLayout)
        self.config = config
        activation = nn.ReLU if layout.activation == "relu" else nn.Tanh
        pooling = nn.MaxPool2d if layout.pooling == "max" else nn.AvgPool2d
        features: list[nn.Module] = []
        channels = config.in_channels
        for feature in layout.features:
            if isinstance(feature, Conv):
                out, kernel, stride, padding, groups = feature
                features.append(Conv2d(channels, out, kernel, stride, padding, groups=groups, device=device))
                features.append(activation())
                channels = out
            elif isinstance(feature, Pool):
                features.append(pooling(feature.kernel, stride=2, ceil_mode=feature.ceil))
            else:
                features.append(nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=2.0))
        self.features = nn.Sequential(*features)
        self.avgpool = nn.AdaptiveAvgPool2d(layout.map_side)
        classifier: list[nn.Module] = []
        values = channels * layout.map_side**2
        for hidden in layout.hidden:
            if layout.dropout:
                classifier.append(nn.Dropout(layout.dropout))
            classifier += [Linear(values, hidden, device=device), activation()]
            values = hidden
        self.classifier = nn.Sequential(*classifier, Linear(values, config.num_classes, device=device))

    def forward(self, x: Tensor) -> Tensor:
        x = self.avgpool(self.features(x))  # (N, C, side, side)
        logits: Tensor = self.classifier(torch.flatten(x, 1))
        return logits  # (N, classes)


class ConvUnit(nn.Module):
    """A convolution, batch norm if the net has it, and ReLU.

    Args:
        in_channels: channels that it takes.
        out_channels: channels that it gives.
        kernel: side of the window; the size of the map is kept but for the stride.
        stride: step of the window.
        norm: `batch` or `none`; the convolution has a bias only without batch norm.
        device: where to create the parameters.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel: int, *, stride: int = 1, norm: str, device: Device = None
    ) -> None:
        super().__init__()
        bias = norm == "none"
        self.conv = Conv2d(in_channels, out_channels, kernel, stride, kernel // 2, bias=bias, device=device)
        self.bn = BatchNorm2d(out_channels, eps=1e-3, device=device) if norm == "batch" else nn.Identity()
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.relu(self.bn(self.conv(x)))
        return out  # (N, C_out, H/s, W/s)


LECTURE_PLAN = InceptionPlan(128, 64, 192, 64, 96, 64)
"""The lecture's example on 28×28×256: 1×1 with 128, 3×3 with 192, 5×5 with 96, bottlenecks of 64."""


class InceptionModule(nn.Module):
    """Windows of several sizes side by side, their maps one behind the other (Szegedy et al. 2014, figure 2).

    The naive module (a) lets the 3×3 and the 5×5 see all channels and passes all of them on through the pooling; the
    real one (b) reduces the channels by 1×1 convolutions first.

    Args:
        naive: figure 2a instead of 2b.
        in_channels: channels that it takes.
        plan: channels of the branches. Without one it is the lecture's example, its weights filled.
        large_kernel: kernel of the 5×5 branch.
        norm: `batch` or `none`.
        device: where to create the parameters.

    >>> InceptionModule(naive=True)(torch.zeros(1, 256, 28, 28)).shape
    torch.Size([1, 672, 28, 28])
    """

    kind = "inception"

    def __init__(
        self,
        naive: bool = False,
        in_channels: int = 256,
        plan: InceptionPlan | None = None,
        *,
        large_kernel: int = 5,
        norm: str = "none",
        device: Device = None,
    ) -> None:
        super().__init__()
        channels = plan or LECTURE_PLAN

        def unit(before: int, after: int, kernel: int) -> ConvUnit:
            return ConvUnit(before, after, kernel, norm=norm, device=device)

        def reduced(between: int, after: int, kernel: int) -> nn.Module:
            if naive:
                return unit(in_channels, after, kernel)
            return nn.Sequential(unit(in_channels, between, 1), unit(between, after, kernel))

        self.branch1 = unit(in_channels, channels.one, 1)
        self.branch2 = reduced(channels.before_three, channels.three, 3)
        self.branch3 = reduced(channels.before_five, channels.five, large_kernel)
        pool = nn.MaxPool2d(3, stride=1, padding=1)
        self.branch4 = pool if naive else nn.Sequential(pool, unit(in_channels, channels.after_pool, 1))
        if plan is None and (device is None or torch.device(device).type != "meta"):
            fill(self, "he", seed=0)

    def forward(self, x: Tensor) -> Tensor:
        branches = [self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)]
        return torch.cat(branches, 1)  # (N, C1 + C2 + C3 + C4, H, W)


class GoogLeNet(Net):
    """Three convolutions, nine Inception modules, global average pooling and one linear layer: 22 layers.

    Szegedy et al. 2014, arXiv 1409.4842, table 1, without the two auxiliary classifiers, and with batch norm, which
    is a year younger, unless `norm` is `none`. The names of its parameters are torchvision's, and so is one change:
    the 5×5 branches of `googlenet` have 3×3 windows (and the last pooling 2×2); `googlenet_5x5` has the paper's.

    Args:
        config: a configuration of the family `lecture` whose layout is an inception layout.
        device: where to create the parameters; `meta` for shapes only.
    """

    def __init__(self, config: ModelConfig, device: Device = None) -> None:
        super().__init__()
        layout = config.entry.layout
        assert isinstance(layout, InceptionLayout)
        self.config = config
        norm = config.norm
        self.conv1 = ConvUnit(config.in_channels, 64, 7, stride=2, norm=norm, device=device)
        self.maxpool1 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.conv2 = ConvUnit(64, 64, 1, norm=norm, device=device)
        self.conv3 = ConvUnit(64, 192, 3, norm=norm, device=device)
        channels = 192
        order = ["conv1", "maxpool1", "conv2", "conv3"]
        for number, stage in enumerate(layout.stages, start=3):
            kernel = layout.last_pool if stage is layout.stages[-1] else 3
            order.append(f"maxpool{number - 1}")
            self.add_module(order[-1], nn.MaxPool2d(kernel, stride=2, ceil_mode=True))
            for letter, plan in zip("abcde", stage, strict=False):
                order.append(f"inception{number}{letter}")
                module = InceptionModule(
                    False, channels, plan, large_kernel=layout.large_kernel, norm=norm, device=device
                )
                self.add_module(order[-1], module)
                channels = plan.out_channels
        self.order = tuple(order)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(0.4)
        self.fc = Linear(channels, config.num_classes, device=device)

    def forward(self, x: Tensor) -> Tensor:
        for name in self.order:
            x = self.get_submodule(name)(x)  # (N, C, H/s, W/s)
        x = torch.flatten(self.avgpool(x), 1)  # (N, 1024)
        logits: Tensor = self.fc(self.dropout(x))
        return logits  # (N, classes)
