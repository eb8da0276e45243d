"""VGG nets A to E."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from explorer.config import ModelConfig
from explorer.layouts import VGGLayout
from explorer.models.blocks import Device
from explorer.models.layers import BatchNorm2d, Conv2d, Linear
from explorer.models.net import Net


class VGG(Net):
    """Stages of convolutions, each ended by a 2x2 max-pooling, and a classifier.

    Simonyan & Zisserman 2014, arXiv 1409.1556, table 1. The names of its parameters are torchvision's.
    `explorer.create_model` builds it and fills its weights.

    Args:
        config: a configuration of the family `vgg`.
        device: where to create the parameters; `meta` for shapes only.
    """

    def __init__(self, config: ModelConfig, device: Device = None) -> None:
        super().__init__()
        layout = config.entry.layout
        assert isinstance(layout, VGGLayout)
        self.config = config
        layers: list[nn.Module] = []
        ends: list[int] = []
        in_channels = config.in_channels
        for stage in layout.stages:
            for kernel, width in stage:
                out_channels = round(width * config.width)
                layers.append(Conv2d(in_channels, out_channels, kernel, padding=kernel // 2, device=device))
                if config.norm == "batch":
                    layers.append(BatchNorm2d(out_channels, device=device))
                layers.append(nn.ReLU())
                if layout.lrn and len(layers) == 2:
                    # AlexNet's constants, which the paper refers to (section 2.1).
                    layers.append(nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=2.0))
                in_channels = out_channels
            layers.append(nn.MaxPool2d(2, stride=2))
            ends.append(len(layers))
        self.stage_ends = tuple(ends)
        self.features = nn.Sequential(*layers)
        if config.head == "slim":
            self.avgpool = nn.AdaptiveAvgPool2d(1)
            self.classifier = nn.Sequential(Linear(in_channels, config.num_classes, device=device))
        else:
            self.avgpool = nn.AdaptiveAvgPool2d(7)
            self.classifier = nn.Sequential(
                Linear(in_channels * 7 * 7, 4096, device=device),
                nn.ReLU(),
                nn.Dropout(0.5),
                Linear(4096, 4096, device=device),
                nn.ReLU(),
                nn.Dropout(0.5),
                Linear(4096, config.num_classes, device=device),
            )

    def forward(self, x: Tensor) -> Tensor:
        x = self.avgpool(self.features(x))  # (N, 512, 7, 7)
        return self.classifier(torch.flatten(x, 1))  # type: ignore[no-any-return]  # (N, classes)
