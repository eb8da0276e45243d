"""Augmentation of whole batches on the device, with every picture's own crop, flip and colours.

torchvision's transforms draw once for a batch; here each picture has its own draw. The draws come from a generator on
the CPU, whatever the device, so that a seed means the same pictures everywhere.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from explorer.train_config import TrainConfig

PAPER_CROP = 224
"""The side of the crop that the papers' short sides S refer to, in pixels."""

PADDED = 32
"""The side of the pictures that `crop_padding` refers to, in pixels."""

_AT_ONCE = 32
"""Pictures whose colours are looked at together: they take eight bytes a value."""

_GREY = (0.299, 0.587, 0.114)
"""Luma weights of ITU-R BT.601, for saturation."""


@dataclass(frozen=True)
class Draws:
    """What was drawn for each of N pictures; None where that kind of augmentation is off.

    Attributes:
        flip: whether to mirror, bool (N,).
        shift: row and column where a padded picture is cropped, int (N, 2).
        window: scale, row and column of a crop as shares, (N, 3).
        colour: standard normal numbers along the principal components, (N, C).
        jitter: factors of brightness, contrast and saturation, (N, 3).
    """

    flip: Tensor | None
    shift: Tensor | None
    window: Tensor | None
    colour: Tensor | None
    jitter: Tensor | None

    def part(self, rows: slice) -> Draws:
        """The draws of some of the pictures."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return Draws(**{name: None if value is None else value[rows] for name, value in values.items()})


class Augmentation:
    """From stored pictures to what the net sees: augmented for training, plain for testing, normalised for both.

    Args:
        train: which kinds, and how strong.
        mean: of each channel on a scale from 0 to 1.
        std: their standard deviation.
        image_size: side of what the net sees, in pixels.
        components: eigenvalues (C,) and eigenvectors (C, C) of the colours' covariance, see `colour_components`.
        device: where to compute.
        memory_format: of what the net sees: `torch.channels_last` or `torch.contiguous_format`.
    """

    def __init__(
        self,
        train: TrainConfig,
        mean: tuple[float, ...],
        std: tuple[float, ...],
        image_size: int,
        components: tuple[Tensor, Tensor] | None = None,
        device: torch.device | str = "cpu",
        memory_format: torch.memory_format = torch.channels_last,
    ) -> None:
        self.train = train
        self.size = image_size
        self.device = torch.device(device)
        self.memory_format = memory_format
        self.mean = torch.tensor(mean, device=device).view(1, -1, 1, 1) * 255  # (1, C, 1, 1)
        self.scale = 1 / (torch.tensor(std, device=device).clamp(min=1e-4).view(1, -1, 1, 1) * 255)  # (1, C, 1, 1)
        self.channels = len(mean)
        self.padding = round(train.crop_padding * image_size / PADDED)
        if train.colour_shift and components is None:
            raise ValueError("a colour shift needs the colours' components")
        self.components = None if components is None else tuple(part.to(device) for part in components)

    def draw(self, count: int, generator: Generator) -> Draws:
        """What happens to each of `count` pictures."""
        train = self.train
        flip = torch.rand(count, generator=generator) < 0.5 if train.flip else None  # (N,)
        shift = window = colour = jitter = None
        if train.scale_jitter:
            window = torch.rand(count, 3, generator=generator)  # (N, 3)
        if self.padding:
            shift = torch.randint(0, 2 * self.padding + 1, (count, 2), generator=generator)  # (N, 2)
        if train.colour_shift:
            colour = torch.randn(count, self.channels, generator=generator)  # (N, C)
        if train.colour_jitter:
            jitter = 1 + train.colour_jitter * (2 * torch.rand(count, 3, generator=generator) - 1)  # (N, 3)
        return Draws(flip, shift, window, colour, jitter)

    def __call__(self, pictures: Tensor, draws: Draws | None = None) -> Tensor:
        """Normalised pictures, float (N, C, H, W).

        Args:
            pictures: uint8 (N, C, S, S) on the device, as `stored_side` wants them.
            draws: what `draw` gave; None for testing: the middle, as it is.
        """
        if draws is None:
            return self.normalised(middle(pictures, self.size))
        x = middle(pictures, self.size) if draws.window is None else self._windows(pictures, draws.window)
        if draws.flip is not None or draws.shift is not None:
            x = self._shifted(x, draws)  # (N, C, size, size)
        if draws.jitter is not None:
            x = _jittered(x.float(), self._here(draws.jitter))  # (N, C, size, size)
        x = self.normalised(x)
        if draws.colour is not None:
            x = x + self._colour_shift(self._here(draws.colour))  # (N, C, size, size)
        return x

    def normalised(self, pictures: Tensor) -> Tensor:
        """Each channel with mean 0 and standard deviation 1 over the training pictures, (N, C, H, W)."""
        x = pictures.to(dtype=torch.float32, memory_format=self.memory_format)  # (N, C, H, W)
        return (x - self.mean) * self.scale

    def _here(self, drawn: Tensor) -> Tensor:
        """What was drawn, on the device; a GPU is not waited for."""
        return drawn.to(self.device, non_blocking=self.device.type == "cuda")

    def _shifted(self, x: Tensor, draws: Draws) -> Tensor:
        """Mirrored, and cropped out of a border of the mean colour: zeros once it is normalised."""
        count, _, height, width = x.shape
        rows = torch.arange(height, device=self.device).expand(count, -1)  # (N, H)
        columns = torch.arange(width, device=self.device).expand(count, -1)  # (N, W)
        if draws.flip is not None:
            flip = self._here(draws.flip)[:, None]  # (N, 1)
            columns = torch.where(flip, width - 1 - columns, columns)  # (N, W)
        if draws.shift is not None:
            padding = self.padding
            fill = self.mean.round().to(x.dtype).expand(count, -1, height + 2 * padding, width + 2 * padding)
            padded = fill.clone()  # (N, C, H + 2p, W + 2p)
            padded[:, :, padding : padding + height, padding : padding + width] = x
            x = padded
            shift = self._here(draws.shift)  # (N, 2)
            rows = rows + shift[:, :1]  # (N, H)
            columns = columns + shift[:, 1:]  # (N, W)
        picture = torch.arange(count, device=self.device)[:, None, None]  # (N, 1, 1)
        # The indexed dimensions come first, so the channels come last in memory.
        return x[picture, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)  # (N, C, H, W)

    def _windows(self, pictures: Tensor, window: Tensor) -> Tensor:
        """A random crop of 224 out of a picture whose short side is S, for each its own S."""
        assert self.train.scale_jitter
        low, high = self.train.scale_jitter
        window = self._here(window)  # (N, 3)
        short_side = torch.floor(low + window[:, 0] * (high - low + 1)).clamp(max=high)  # (N,)
        share = PAPER_CROP / short_side  # (N,), side of the crop in the picture
        centre = (1 - share)[:, None] * (2 * window[:, 1:] - 1)  # (N, 2), on a scale from -1 to 1
        zero = torch.zeros_like(share)  # (N,)
        rows = torch.stack([share, zero, centre[:, 1]], 1), torch.stack([zero, share, centre[:, 0]], 1)
        theta = torch.stack(rows, 1)  # (N, 2, 3)
        shape = [len(pictures), self.channels, self.size, self.size]
        grid = F.affine_grid(theta, shape, align_corners=False)  # (N, H, W, 2)
        # No place is outside of the picture, so that reflection repeats its border; MPS does not know `border`.
        return F.grid_sample(pictures.float(), grid, padding_mode="reflection", align_corners=False)  # (N, C, H, W)

    def _colour_shift(self, normal: Tensor) -> Tensor:
        """What is added to each picture's channels, (N, C, 1, 1), in normalised units."""
        assert self.components is not None
        values, vectors = self.components
        shift = (normal * self.train.colour_shift * values) @ vectors.T  # (N, C), on a scale from 0 to 1
        return shift[:, :, None, None] * 255 * self.scale


def plain_preparation(
    mean: tuple[float, ...], std: tuple[float, ...], image_size: int, device: torch.device | str = "cpu"
) -> Augmentation:
    """From stored pictures to what a net takes, nothing drawn: the middle, normalised."""
    mps = torch.device(device).type == "mps"
    memory_format = torch.contiguous_format if mps else torch.channels_last
    nothing_drawn = TrainConfig("digits", flip=False, crop_padding=0)
    return Augmentation(nothing_drawn, mean, std, image_size, device=device, memory_format=memory_format)


def stored_side(train: TrainConfig, image_size: int) -> int:
    """Side at which to keep the pictures, in pixels.

    With scale jitter, that at which a crop of the net's own size is the paper's crop at the smallest S; crops at a
    larger S are enlarged from there.
    """
    return side_for(train.scale_jitter, image_size)


def side_for(scale_jitter: Sequence[int] | None, image_size: int) -> int:
    """The same where only the scale jitter is known."""
    return max(image_size, round(image_size * scale_jitter[0] / PAPER_CROP)) if scale_jitter else image_size


def colour_components(pictures: Tensor) -> tuple[Tensor, Tensor]:
    """Principal components of the colours: eigenvalues (C,) and eigenvectors (C, C) of their covariance.

    Krizhevsky et al. 2012 (NIPS 25), section 4.1, with colours on a scale from 0 to 1.

    Args:
        pictures: uint8 (N, C, H, W).
    """
    channels = pictures.shape[1]
    count, total, products = 0, torch.zeros(channels).double(), torch.zeros(channels, channels).double()
    for some in torch.split(pictures, _AT_ONCE):
        colours = some.permute(1, 0, 2, 3).flatten(1).double() / 255  # (C, pixels)
        count += colours.shape[1]
        total += colours.sum(1)
        products += colours @ colours.T
    covariance = (products - total.outer(total) / count) / max(1, count - 1)  # (C, C)
    values, vectors = torch.linalg.eigh(covariance)
    return values.clamp(min=0).float(), vectors.float()


def middle(pictures: Tensor, size: int) -> Tensor:
    """What a net sees of stored pictures (N, C, S, S) when nothing is drawn: the middle, (N, C, size, size)."""
    start = (pictures.shape[-1] - size) // 2
    return pictures[:, :, start : start + size, start : start + size]  # (N, C, size, size)


def _jittered(x: Tensor, factors: Tensor) -> Tensor:
    """Brightness, then contrast, then saturation, each picture by its own factors (N, 3); values stay in 0 to 255."""
    brightness, contrast, saturation = (factors[:, i, None, None, None] for i in range(3))  # (N, 1, 1, 1) each
    x = (x * brightness).clamp(0, 255)  # (N, C, H, W)
    grey = _grey(x)  # (N, 1, H, W)
    middle = grey.mean((1, 2, 3), keepdim=True)  # (N, 1, 1, 1)
    x = (middle + (x - middle) * contrast).clamp(0, 255)  # (N, C, H, W)
    if x.shape[1] == 3:
        grey = _grey(x)  # (N, 1, H, W)
        x = (grey + (x - grey) * saturation).clamp(0, 255)  # (N, C, H, W)
    return x


def _grey(x: Tensor) -> Tensor:
    if x.shape[1] != 3:
        return x.mean(1, keepdim=True)  # (N, 1, H, W)
    weights = torch.tensor(_GREY, device=x.device).view(1, 3, 1, 1)  # (1, 3, 1, 1)
    return (x * weights).sum(1, keepdim=True)  # (N, 1, H, W)
