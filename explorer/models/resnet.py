"""Plain and residual nets of every depth: one class, all differences are data."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from explorer.config import ModelConfig
from explorer.layouts import ResNetLayout
from explorer.models.blocks import ConvSpec, Device, ResidualBlock, basic_specs, bottleneck_specs, conv2d, norm2d
from explorer.models.layers import Linear
from explorer.models.net import Net


class ResNet(Net):
    """A stem, stages of blocks, global average pooling and one linear layer.

    He et al. 2015, arXiv 1512.03385: table 1 (ImageNet) and section 4.2 (CIFAR-10). The names of its parameters are
    torchvision's. `explorer.create_model` builds it and fills its weights.

    Args:
        config: a configuration of the family `resnet`.
        device: where to create the parameters; `meta` for shapes only.
    """

    def __init__(self, config: ModelConfig, device: Device = None) -> None:
        super().__init__()
        layout = config.entry.layout
        assert isinstance(layout, ResNetLayout)
        self.config = config
        channels = round(layout.stem_width * config.width)
        imagenet = layout.stem == "imagenet"
        stem = ConvSpec(channels, 7, 2, 1) if imagenet else ConvSpec(channels, 3, 1, 1)
        self.conv1 = conv2d(config.in_channels, stem, config.norm, device)
        self.bn1 = norm2d(channels, config.norm, device)
        self.relu = nn.ReLU()
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1) if imagenet else nn.Identity()
        stages: list[str] = []
        for stage, (depth, width) in enumerate(zip(layout.depths, layout.widths, strict=True), start=1):
            planes = round(width * config.width)
            blocks = []
            for index in range(depth):
                stride = 2 if stage > 1 and index == 0 else 1
                specs = (
                    basic_specs(planes, stride) if layout.block == "basic" else bottleneck_specs(planes, stride, config)
                )
                first = stage == 1 and index == 0
                blocks.append(ResidualBlock(channels, specs, config, activated=first, device=device))
                channels = specs[-1].out_channels
            stages.append(f"layer{stage}")
            self.add_module(stages[-1], nn.Sequential(*blocks))
        self.stages = tuple(stages)
        # A pre-activation net ends with the BN-ReLU that its last addition still needs.
        self.bn2 = norm2d(channels, config.norm, device) if config.preact else nn.Identity()
        self.relu2 = nn.ReLU() if config.preact else nn.Identity()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = Linear(channels, config.num_classes, device=device)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))  # (N, C, H/4, W/4), CIFAR: (N, C, H, W)
        for stage in self.stages:
            x = getattr(self, stage)(x)  # (N, C, H/s, W/s)
        x = self.avgpool(self.relu2(self.bn2(x)))  # (N, C, 1, 1)
        return self.fc(torch.flatten(x, 1))  # type: ignore[no-any-return]  # (N, classes)
