"""Augmentation: every picture has its own draw, and what it does is what it says."""

from __future__ import annotations

import json

import pytest
import torch

from explorer.train_config import TrainConfig
from explorer.training.augment import Augmentation, Draws, colour_components, stored_side

MEAN, STD = (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)
OFF = {"flip": False, "crop_padding": 0}
NOTHING = Draws(None, None, None, None, None)


def augmentation(size: int = 32, **figures: object) -> Augmentation:
    components = (torch.tensor([0.01, 0.02, 0.1]), torch.eye(3))
    return Augmentation(TrainConfig("cifar10", **{**OFF, **figures}), MEAN, STD, size, components)


def picture(side: int = 32) -> torch.Tensor:
    return torch.randint(0, 256, (3, side, side), generator=torch.Generator().manual_seed(3)).to(torch.uint8)


def different(x: torch.Tensor) -> int:
    return len({tuple(row.flatten().tolist()) for row in x})


@pytest.mark.parametrize(
    ("figures", "least"),
    [
        ({"flip": True}, 2),
        ({"crop_padding": 4}, 12),
        ({"scale_jitter": (256, 512)}, 16),
        ({"colour_shift": 0.1}, 16),
        ({"colour_jitter": 0.4}, 16),
    ],
)
def test_sixteen_identical_pictures_come_out_differently(figures: dict[str, object], least: int) -> None:
    augment = augmentation(**figures)
    side = stored_side(augment.train, 32)
    same = picture(side).expand(16, -1, -1, -1)
    out = augment(same, augment.draw(16, torch.Generator().manual_seed(0)))
    assert out.shape == (16, 3, 32, 32)
    assert different(out) >= least


def test_nothing_asked_for_is_the_normalised_picture() -> None:
    pixels = picture()
    out = augmentation()(pixels[None], NOTHING)[0]
    torch.testing.assert_close(out, (pixels / 255 - 0.5) / 0.25, rtol=0, atol=1e-5)


def test_a_flip_mirrors_columns_and_a_crop_moves_into_the_mean_colour() -> None:
    augment = augmentation(flip=True, crop_padding=4)
    pixels = picture()
    draws = Draws(torch.tensor([True, False]), torch.tensor([[4, 4], [0, 7]]), None, None, None)
    out = augment(pixels.expand(2, -1, -1, -1), draws)
    plain = augment(pixels[None])[0]
    torch.testing.assert_close(out[0], plain.flip(2), rtol=0, atol=1e-6)
    # Row 0 of the padded picture is 4 above the first one; column 7 is the 4th of the picture.
    torch.testing.assert_close(out[1, :, 4:, :-3], plain[:, :-4, 3:], rtol=0, atol=1e-6)
    assert out[1, :, :4].abs().max() < 0.01
    assert out[1, :, :, -3:].abs().max() < 0.01


def test_scale_jitter_shows_224_of_s_pixels() -> None:
    # On a ramp along the columns a crop of 224 out of 448 spans half of the values.
    augment = augmentation(224, scale_jitter=(448, 448))
    ramp = (torch.arange(448) // 2).to(torch.uint8).expand(1, 3, 448, 448)
    draws = augment.draw(1, torch.Generator().manual_seed(5))
    out = augment(ramp, draws)[0] * 0.25 * 255 + 127.5  # back to pixel values
    span = out[0, 0, -1] - out[0, 0, 0]
    assert float(span) == pytest.approx(223 / 2, abs=1)
    assert draws.window is not None
    first = (448 - 224) * float(draws.window[0, 2])
    assert float(out[0, 0, 0]) == pytest.approx(first / 2, abs=1)


def test_scales_are_drawn_from_the_whole_range() -> None:
    augment = augmentation(32, scale_jitter=(256, 512))
    side = stored_side(augment.train, 32)
    assert side == round(32 * 256 / 224) == 37
    ramp = (torch.arange(side) * 5).to(torch.uint8).expand(400, 3, side, side)
    out = augment(ramp, augment.draw(400, torch.Generator().manual_seed(0))) * 0.25 * 255
    shares = (out[:, 0, 0, -1] - out[:, 0, 0, 0]) / 5 * 32 / 31 / side
    assert float(shares.max()) == pytest.approx(224 / 256, abs=0.03)
    assert float(shares.min()) == pytest.approx(224 / 512, abs=0.03)


def test_a_crop_at_the_edge_repeats_the_border() -> None:
    augment = augmentation(32, scale_jitter=(512, 512))
    pixels = picture(stored_side(augment.train, 32))
    corners = torch.tensor([[0.0, 0.0, 0.0], [0.0, 1.0, 1.0]])
    out = augment(pixels.expand(2, -1, -1, -1), Draws(None, None, corners, None, None))
    ends = augment.normalised(pixels[None])[0]
    torch.testing.assert_close(out[0, :, 0, 0], ends[:, 0, 0], rtol=0, atol=1e-5)
    torch.testing.assert_close(out[1, :, -1, -1], ends[:, -1, -1], rtol=0, atol=1e-5)


def test_a_paper_s_crop_can_be_left_out() -> None:
    train = TrainConfig("cifar10", recipe="vgg-paper", scale_jitter=(), colour_shift=0.0, flip=False)
    assert train.changed()["scale_jitter"] == ()
    assert TrainConfig.from_dict(json.loads(json.dumps(train.as_dict()))) == train
    assert stored_side(train, 32) == 32
    out = Augmentation(train, MEAN, STD, 32).draw(4, torch.Generator())
    assert out == NOTHING
    assert TrainConfig("cifar10", scale_jitter=()) == TrainConfig("cifar10")


@pytest.mark.parametrize("memory_format", [torch.channels_last, torch.contiguous_format])
def test_what_the_net_sees_has_the_memory_format_that_was_asked_for(memory_format: torch.memory_format) -> None:
    train = TrainConfig("cifar10")
    augment = Augmentation(train, MEAN, STD, 32, memory_format=memory_format)
    pixels = picture().expand(4, -1, -1, -1)
    for draws in (None, augment.draw(4, torch.Generator())):
        assert augment(pixels, draws).is_contiguous(memory_format=memory_format)


def test_a_colour_shift_moves_along_the_components() -> None:
    augment = augmentation(colour_shift=0.1)
    colour = torch.tensor([[1.0, -2.0, 3.0]])
    shifted = augment(picture()[None], Draws(None, None, None, colour, None))
    moved = (shifted - augment(picture()[None]))[0, :, 5, 5]
    # alpha times eigenvalue, over the standard deviation that normalises: 0.1 * 1 * 0.01 / 0.25 and so on.
    torch.testing.assert_close(moved, torch.tensor([0.004, -0.016, 0.12]), rtol=0, atol=1e-5)


def test_colour_components_of_a_known_covariance() -> None:
    generator = torch.Generator().manual_seed(0)
    grey = torch.randint(0, 256, (50, 1, 8, 8), generator=generator).expand(-1, 3, -1, -1).to(torch.uint8)
    values, vectors = colour_components(grey)
    variance = (grey[:, 0].double() / 255).var()
    torch.testing.assert_close(values, torch.tensor([0.0, 0.0, 3 * float(variance)]), rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(vectors[:, 2].abs(), torch.full((3,), 3**-0.5), rtol=1e-4, atol=1e-5)


def test_colour_jitter_scales_brightness_contrast_and_saturation() -> None:
    augment = augmentation(colour_jitter=0.5)
    pixels = torch.full((1, 3, 4, 4), 100, dtype=torch.uint8)
    pixels[:, 0] = 120
    augment.size = 4
    back = lambda x: x * 0.25 * 255 + 127.5  # noqa: E731
    brighter = back(augment(pixels, Draws(None, None, None, None, torch.tensor([[1.5, 1.0, 1.0]]))))
    torch.testing.assert_close(brighter[0, :, 0, 0], torch.tensor([180.0, 150.0, 150.0]), rtol=0, atol=1e-2)
    grey = back(augment(pixels, Draws(None, None, None, None, torch.tensor([[1.0, 1.0, 0.0]]))))
    # Luma: 0.299 * 120 + 0.701 * 100.
    torch.testing.assert_close(grey[0, :, 0, 0], torch.full((3,), 105.98), rtol=0, atol=1e-2)


def test_the_same_seed_draws_the_same_and_parts_are_parts() -> None:
    augment = augmentation(flip=True, crop_padding=4, colour_shift=0.1, colour_jitter=0.2)
    one, other = (augment.draw(8, torch.Generator().manual_seed(1)) for _ in range(2))
    pixels = picture().expand(8, -1, -1, -1)
    whole = augment(pixels, one)
    assert torch.equal(whole, augment(pixels, other))
    halves = torch.cat([augment(pixels[:4], other.part(slice(0, 4))), augment(pixels[4:], other.part(slice(4, 8)))])
    torch.testing.assert_close(whole, halves)
