"""The building blocks of plain and residual nets: basic and bottleneck, original and pre-activation.

Plain against residual is `residual`: a plain block has the same layers and returns its branch alone. Every ReLU is a
module of its own and works out of place, so that hooks and attribution methods see each use.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from explorer.config import ModelConfig, bottleneck_width
from explorer.models.layers import BatchNorm2d, Conv2d, PaddingShortcut, ShortcutAdd, SqueezeExcitation

Device = torch.device | str | None


class ConvSpec(NamedTuple):
    """One convolution of a block."""

    out_channels: int
    kernel: int
    stride: int
    groups: int


def conv2d(in_channels: int, spec: ConvSpec, norm: str, device: Device) -> Conv2d:
    """A convolution that keeps the size at stride 1; it has a bias only where no batch norm follows."""
    return Conv2d(
        in_channels,
        spec.out_channels,
        spec.kernel,
        stride=spec.stride,
        padding=spec.kernel // 2,
        groups=spec.groups,
        bias=norm == "none",
        device=device,
    )


def norm2d(channels: int, norm: str, device: Device) -> nn.Module:
    return BatchNorm2d(channels, device=device) if norm == "batch" else nn.Identity()


class ResidualBlock(nn.Module):
    """A few convolutions and, unless the net is plain, a shortcut around them.

    Original order (He et al. 2015, arXiv 1512.03385, figure 2): conv-BN-ReLU ..., conv-BN, add, ReLU.
    Pre-activation (He et al. 2016, arXiv 1603.05027, figure 1b): BN-ReLU-conv ..., add. There a projection shortcut
    starts from the activated input, an identity or padding one from the input itself; the net's first block gets its
    input already activated (appendix, "Implementation details") and has no first BN-ReLU.

    Attributes:
        kind: `plain`, `identity` (ID block), `padding` (option A where dimensions grow) or `projection` (CONV block).
        downsample: the shortcut where it is not the identity.
    """

    bn1: nn.Module
    relu1: nn.Module

    def __init__(
        self,
        in_channels: int,
        specs: tuple[ConvSpec, ...],
        config: ModelConfig,
        *,
        activated: bool = False,
        device: Device = None,
    ) -> None:
        super().__init__()
        norm = config.norm
        self.length = len(specs)
        self.preact = bool(config.preact)
        self.residual = bool(config.residual)
        self.activated = activated
        channels = in_channels
        for number, spec in enumerate(specs, start=1):
            conv = conv2d(channels, spec, norm, device)
            if self.preact:
                first = number == 1 and activated
                setattr(self, f"bn{number}", nn.Identity() if first else norm2d(channels, norm, device))
                setattr(self, f"relu{number}", nn.Identity() if first else nn.ReLU())
                setattr(self, f"conv{number}", conv)
            else:
                setattr(self, f"conv{number}", conv)
                setattr(self, f"bn{number}", norm2d(spec.out_channels, norm, device))
                setattr(self, f"relu{number}", nn.ReLU())
            channels = spec.out_channels
        self.se = SqueezeExcitation(channels, device=device) if config.squeeze_excitation else nn.Identity()
        self.kind = "plain"
        self.downsample: nn.Module | None = None
        if self.residual:
            stride = max(spec.stride for spec in specs)
            self.kind, self.downsample = self._shortcut(in_channels, channels, stride, config, device)
            self.add = ShortcutAdd()

    @staticmethod
    def _shortcut(
        in_channels: int, out_channels: int, stride: int, config: ModelConfig, device: Device
    ) -> tuple[str, nn.Module | None]:
        grows = stride != 1 or in_channels != out_channels
        if not grows and config.shortcut != "C":
            return "identity", None
        if config.shortcut == "A":
            return "padding", PaddingShortcut(in_channels, out_channels, stride)
        norm = "none" if config.preact else config.norm
        projection = Conv2d(in_channels, out_channels, 1, stride=stride, bias=config.norm == "none", device=device)
        if norm == "none":
            return "projection", nn.Sequential(projection)
        return "projection", nn.Sequential(projection, norm2d(out_channels, norm, device))

    @property
    def last_norm(self) -> nn.Module:
        """The residual branch's last batch norm."""
        return self.get_submodule(f"bn{self.length}")

    def forward(self, x: Tensor) -> Tensor:
        return self._forward_preact(x) if self.preact else self._forward_original(x)

    def _forward_original(self, x: Tensor) -> Tensor:
        out = x  # (N, C_in, H, W)
        for number in range(1, self.length + 1):
            out = getattr(self, f"bn{number}")(getattr(self, f"conv{number}")(out))
            if number < self.length:
                out = getattr(self, f"relu{number}")(out)
        out = self.se(out)  # (N, C_out, H/s, W/s)
        if self.residual:
            out = self.add(out, x if self.downsample is None else self.downsample(x))
        last_relu: Tensor = getattr(self, f"relu{self.length}")(out)
        return last_relu  # (N, C_out, H/s, W/s)

    def _forward_preact(self, x: Tensor) -> Tensor:
        activated = out = self.relu1(self.bn1(x))  # (N, C_in, H, W)
        for number in range(1, self.length + 1):
            if number > 1:
                out = getattr(self, f"relu{number}")(getattr(self, f"bn{number}")(out))
            out = getattr(self, f"conv{number}")(out)
        out = self.se(out)  # (N, C_out, H/s, W/s)
        if self.residual:
            source = activated if self.kind == "projection" else x
            out = self.add(out, source if self.downsample is None else self.downsample(source))
        result: Tensor = out
        return result  # (N, C_out, H/s, W/s)


def basic_specs(channels: int, stride: int) -> tuple[ConvSpec, ...]:
    """Two 3x3 (He et al. 2015, figure 5, left)."""
    return ConvSpec(channels, 3, stride, 1), ConvSpec(channels, 3, 1, 1)


def bottleneck_specs(channels: int, stride: int, config: ModelConfig) -> tuple[ConvSpec, ...]:
    """1x1, 3x3, 1x1 with four times the channels at the end (He et al. 2015, figure 5, right)."""
    assert config.base_width is not None
    assert config.groups is not None
    inner = bottleneck_width(channels, config.base_width, config.groups)
    first_stride, middle_stride = (stride, 1) if config.stride_on == "1x1" else (1, stride)
    return (
        ConvSpec(inner, 1, first_stride, 1),
        ConvSpec(inner, 3, middle_stride, config.groups),
        ConvSpec(4 * channels, 1, 1, 1),
    )
