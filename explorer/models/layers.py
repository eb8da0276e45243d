"""The layers that the nets are made of.

Layers with weights leave their initial values to `explorer.models.init.initialise`: the scheme is an option of the
net, and on the meta device, where nets are built for their shapes only, initial values would be work for nothing.
Each is a subclass of the `torch.nn` layer of its name and behaves like it in every other respect.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Conv2d(nn.Conv2d):
    """`torch.nn.Conv2d` without initial values."""

    def reset_parameters(self) -> None:
        """Leave the weights to `initialise`."""


class Linear(nn.Linear):
    """`torch.nn.Linear` without initial values."""

    def reset_parameters(self) -> None:
        """Leave the weights to `initialise`."""


class BatchNorm2d(nn.BatchNorm2d):
    """`torch.nn.BatchNorm2d` without initial values."""

    def reset_parameters(self) -> None:
        """Leave weights and statistics to `initialise`."""

    def reset_running_stats(self) -> None:
        """Leave weights and statistics to `initialise`."""


class ShortcutAdd(nn.Module):
    """The addition that ends a residual block, F(x) + x: a module, so that hooks can see both of its inputs.

    He et al. 2015, arXiv 1512.03385, equation 1. Out of place, as attribution methods need it.
    """

    is_leaf = True

    def forward(self, residual: Tensor, shortcut: Tensor) -> Tensor:
        return residual + shortcut  # (N, C, H, W)


class PaddingShortcut(nn.Module):
    """Shortcut option A: the identity, sub-sampled by `stride`, its missing channels filled with zeros.

    He et al. 2015, arXiv 1512.03385, section 3.3: no parameters.
    """

    is_leaf = True

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.extra_channels = out_channels - in_channels

    def forward(self, x: Tensor) -> Tensor:
        x = x[:, :, :: self.stride, :: self.stride]  # (N, C_in, H/s, W/s)
        return F.pad(x, (0, 0, 0, 0, 0, self.extra_channels))  # (N, C_out, H/s, W/s)

    def extra_repr(self) -> str:
        return f"stride={self.stride}, extra_channels={self.extra_channels}"


class SqueezeExcitation(nn.Module):
    """A gate between 0 and 1 for each channel, computed from the channels' means.

    Hu et al. 2017, arXiv 1709.01507, section 3; reduction 16 as there.
    """

    def __init__(self, channels: int, reduction: int = 16, device: torch.device | str | None = None) -> None:
        super().__init__()
        squeezed = max(1, channels // reduction)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc1 = Conv2d(channels, squeezed, 1, device=device)
        self.relu = nn.ReLU()
        self.fc2 = Conv2d(squeezed, channels, 1, device=device)
        self.sigmoid = nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        gate = self.sigmoid(self.fc2(self.relu(self.fc1(self.avgpool(x)))))  # (N, C, 1, 1)
        gated: Tensor = x * gate
        return gated  # (N, C, H, W)
