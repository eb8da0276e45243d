"""Deletion and insertion of nets whose answers are known, their ends, their control, and that a net stays as it was."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor, nn

from explorer.analysis import perturbation_curves as module
from explorer.analysis.perturbation_curves import perturbation_curves
from explorer.analysis.saliency import saliency
from explorer.attribution_results import Attribution
from explorer.errors import ConfigError, ExplorerError
from explorer.models.create import create_model
from explorer.options import read_net

Values = npt.NDArray[np.float32]


class OnePixel(nn.Module):
    """Its first class's logit is the value of one pixel, its second's is 0."""

    def forward(self, x: Tensor) -> Tensor:
        value = x[:, 0, 1, 2]  # (N,)
        return torch.stack([value, torch.zeros_like(value)], 1)


class Brightness(nn.Module):
    """Its first class's logit is the sum of all pixels."""

    def forward(self, x: Tensor) -> Tensor:
        value = x.sum((1, 2, 3))  # (N,)
        return torch.stack([value, torch.zeros_like(value)], 1)


def sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value))


def a_map(values: npt.ArrayLike, coarse: npt.ArrayLike | None = None) -> Attribution:
    fine = np.asarray(values, np.float32)
    return Attribution(
        "grad-cam", 0, "dog", 0.5, "layer3", fine if coarse is None else np.asarray(coarse, np.float32), fine
    )


def one_bright(height: float = 3.0) -> Tensor:
    picture = torch.zeros(1, 4, 4)
    picture[0, 1, 2] = height
    return picture


HIGH, LOW = sigmoid(3.0), sigmoid(3.0 / 16)  # the pixel, and the mean colour of the picture


def test_the_pixel_that_decides_is_taken_first() -> None:
    found = perturbation_curves(OnePixel(), one_bright(), a_map(one_bright()[0]), steps=16, baseline="mean")
    assert found.shares.tolist() == [number / 16 for number in range(17)]
    np.testing.assert_allclose(found.deletion, [HIGH] + 16 * [LOW], atol=1e-6)
    np.testing.assert_allclose(found.insertion, [LOW] + 16 * [HIGH], atol=1e-6)
    assert found.deletion_area == pytest.approx((HIGH + LOW) / 32 + 15 * LOW / 16)
    assert found.insertion_area == pytest.approx((HIGH + LOW) / 32 + 15 * HIGH / 16)
    assert found.deletion_area < min(found.random_areas)
    assert found.insertion_area >= max(found.random_areas)


def test_the_pixel_that_decides_is_taken_last() -> None:
    """Signed values: what speaks against the class goes last."""
    found = perturbation_curves(OnePixel(), one_bright(), a_map(-one_bright()[0]), steps=16, baseline="mean")
    np.testing.assert_allclose(found.deletion, 16 * [HIGH] + [LOW], atol=1e-6)
    np.testing.assert_allclose(found.insertion, 16 * [LOW] + [HIGH], atol=1e-6)
    assert found.deletion_area == pytest.approx((HIGH + LOW) / 32 + 15 * HIGH / 16)


def test_every_step_of_a_net_that_adds_up_is_known() -> None:
    """24 pixels in 6 steps of 4, the brightest first; what is gone has the mean colour."""
    values = np.random.default_rng(2).permutation(np.linspace(-0.3, 0.5, 24)).reshape(4, 6)
    ordered, mean = np.sort(values, axis=None)[::-1], values.mean()
    found = perturbation_curves(
        Brightness(), torch.tensor(values, dtype=torch.float64)[None], a_map(values), steps=6, baseline="mean"
    )
    deletion = [sigmoid(4 * step * mean + ordered[4 * step :].sum()) for step in range(7)]
    insertion = [sigmoid((24 - 4 * step) * mean + ordered[: 4 * step].sum()) for step in range(7)]
    np.testing.assert_allclose(found.deletion, deletion, atol=1e-9)
    np.testing.assert_allclose(found.insertion, insertion, atol=1e-9)
    by_hand = sum((one + other) / 2 / 6 for one, other in pairwise(deletion))
    assert found.deletion_area == pytest.approx(by_hand, abs=1e-12)


def test_random_orders_are_the_orders_they_say_from_either_end() -> None:
    """A map that is such an order gives its very curves."""
    picture = torch.randn(1, 6, 6, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    flat = a_map(np.zeros((6, 6)))
    control = perturbation_curves(Brightness(), picture, flat, steps=9, seed=5, orders=2)
    generator = np.random.default_rng(5)
    _, *orders = (module._random_ranks((6, 6), (6, 6), generator) for _ in range(3))
    assert control.random.shape == (2, 10)
    for row, order in enumerate(orders):
        found = perturbation_curves(Brightness(), picture, a_map(-order), steps=9)
        np.testing.assert_allclose(found.deletion, control.random[row], atol=1e-12)
        turned = perturbation_curves(Brightness(), picture, a_map(order), steps=9)
        np.testing.assert_allclose(turned.insertion, control.random_insertion[row], atol=1e-12)
        assert found.deletion_area == pytest.approx(control.random_areas[row])
        assert turned.insertion_area == pytest.approx(control.random_areas[row])
    assert not np.allclose(control.random[0], control.random[1])


def test_a_map_that_says_nothing_is_a_random_order_too() -> None:
    curves = [
        perturbation_curves(OnePixel(), one_bright(), a_map(np.zeros((4, 4))), steps=16, baseline="mean", seed=seed)
        for seed in range(6)
    ]
    falls = {int(np.argmin(one.deletion > (HIGH + LOW) / 2)) for one in curves}
    assert len(falls) > 2
    for one in curves:
        assert sorted(set(np.round(one.deletion, 6))) == sorted({round(HIGH, 6), round(LOW, 6)})


# ---------------------------------------------------------------- the orders


@pytest.mark.parametrize(("size", "places"), [((8, 8), (2, 2)), ((7, 5), (2, 3)), ((4, 4), (4, 4)), ((4, 6), (9, 9))])
def test_a_random_order_takes_square_by_square(size: tuple[int, int], places: tuple[int, int]) -> None:
    ranks = module._random_ranks(size, places, np.random.default_rng(0))
    assert sorted(ranks.ravel()) == list(range(size[0] * size[1]))
    rows, columns = (min(count, side) for count, side in zip(places, size, strict=True))
    for row in range(rows):
        for column in range(columns):
            inside = [
                ranks[y, x]
                for y in range(size[0])
                for x in range(size[1])
                if y * rows // size[0] == row and x * columns // size[1] == column
            ]
            assert inside == list(range(min(inside), min(inside) + len(inside)))  # one after the other, row by row


@pytest.mark.parametrize(("pixels", "steps"), [(16, 16), (24, 6), (49, 7), (49, 6), (50176, 28), (17, 5), (10, 3)])
def test_counts_are_the_same_from_either_end(pixels: int, steps: int) -> None:
    counts = module._counts(pixels, steps)
    assert (counts[0], counts[-1], len(counts)) == (0, pixels, steps + 1)
    assert (np.diff(counts) > 0).all()
    assert abs(counts + counts[::-1] - pixels).max() <= (1 if pixels % 2 and steps % 2 == 0 else 0)
    np.testing.assert_allclose(counts, np.linspace(0, pixels, steps + 1), atol=1)


# ---------------------------------------------------------------- the ends


@pytest.mark.parametrize("baseline", ["blur", "mean"])
def test_the_ends_are_the_whole_picture_and_the_baseline(baseline: str) -> None:
    net = create_model(read_net("resnet8"), seed=1).eval()
    picture = torch.randn(3, 32, 32, generator=torch.Generator().manual_seed(5))
    found = perturbation_curves(net, picture, saliency(net, picture, target=4), steps=4, baseline=baseline)
    planes = picture.double().numpy()
    if baseline == "blur":  # 32 / 20 px, cut after three of them, mirrored at the edges
        instead = np.stack([gaussian_filter(plane, 1.6, mode="mirror", radius=5) for plane in planes])
    else:
        instead = np.broadcast_to(planes.mean((1, 2), keepdims=True), planes.shape)
    with torch.no_grad():
        both = torch.stack([picture, torch.tensor(instead, dtype=torch.float32)])
        whole, emptied = net(both).softmax(1)[:, 4].tolist()
    assert (found.whole, found.deletion[0], found.insertion[-1]) == pytest.approx((whole,) * 3, abs=1e-5)
    assert (found.emptied, found.deletion[-1], found.insertion[0]) == pytest.approx((emptied,) * 3, abs=1e-5)
    assert (found.random[:, 0] == found.whole).all()
    assert (found.random[:, -1] == found.emptied).all()
    assert abs(whole - emptied) > 1e-3
    assert (found.method, found.layer, found.target, found.baseline) == ("grad-cam", "layer3", 4, baseline)
    assert found.squares == (8, 8)


def test_how_many_go_through_the_net_at_once_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    net, picture = create_model(read_net("resnet8"), seed=1).eval(), torch.randn(1, 3, 32, 32)
    found = saliency(net, picture, target=4)
    many = perturbation_curves(net, picture, found, steps=5)
    monkeypatch.setattr(module, "_PIXELS_AT_ONCE", 1)
    single = perturbation_curves(net, picture, found, steps=5)
    for name in ("deletion", "insertion", "random"):
        np.testing.assert_allclose(getattr(many, name), getattr(single, name), atol=1e-5)


# ---------------------------------------------------------------- what stays


def test_a_net_is_left_as_it_was_also_when_it_is_stopped() -> None:
    net, picture = create_model(read_net("resnet8"), seed=1).train(), torch.randn(3, 32, 32)
    net.layer1.eval()
    found = saliency(net, picture, target=4)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    modes = [one.training for one in net.modules()]
    shares: list[float] = []

    def stop(share: float) -> None:
        shares.append(share)
        if len(shares) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        perturbation_curves(net, picture, found, steps=20, on_progress=stop)
    assert 0 < shares[0] < shares[1] < 1
    perturbation_curves(net, picture, found, steps=20, on_progress=shares.append)  # nor is it locked
    assert shares[-1] == 1
    assert [one.training for one in net.modules()] == modes
    assert all(torch.equal(value, net.state_dict()[name]) for name, value in before.items())
    assert not any(one._forward_hooks or one._forward_pre_hooks or one._backward_hooks for one in net.modules())
    assert all(parameter.grad is None for parameter in net.parameters())


def test_also_after_an_error_of_the_net(monkeypatch: pytest.MonkeyPatch) -> None:
    net, picture = create_model(read_net("resnet8"), seed=1).train(), torch.randn(3, 32, 32)
    found = saliency(net, picture, target=4)

    def fails(given: Tensor) -> Tensor:
        raise RuntimeError("no memory")

    monkeypatch.setattr(net.avgpool, "forward", fails)
    with pytest.raises(RuntimeError, match="no memory"):
        perturbation_curves(net, picture, found)
    monkeypatch.undo()
    assert all(one.training for one in net.modules())
    assert perturbation_curves(net, picture, found, steps=2).deletion.shape == (3,)


def test_the_net_is_asked_as_it_is_used() -> None:
    """In evaluation mode: batch norm's statistics neither change nor depend on the other pictures of a batch."""
    net, picture = create_model(read_net("resnet8"), seed=1).train(), torch.randn(3, 32, 32)
    found = saliency(net, picture, target=4)
    curves = perturbation_curves(net, picture, found, steps=4)
    assert curves.whole == pytest.approx(found.probability, abs=1e-6)


def test_a_picture_of_one_row_is_blurred_along_it() -> None:
    picture = torch.zeros(1, 1, 60)
    picture[0, 0, 30] = 1.0
    net = nn.Sequential(nn.Conv2d(1, 2, 1), nn.AdaptiveMaxPool2d(1), nn.Flatten()).eval()
    with torch.no_grad():
        net[0].weight[:, 0, 0, 0], net[0].bias[:] = torch.tensor([0.0, 8.0]), 0.0
    values = picture[0].numpy()
    curves = perturbation_curves(net, picture, Attribution("gradient", 1, "", 1.0, "", values, values), steps=4)
    assert curves.whole == pytest.approx(1 / (1 + math.exp(-8)))
    assert curves.emptied <= curves.whole


def test_what_cannot_be_asked_is_answered_in_a_sentence() -> None:
    net, picture, found = OnePixel(), one_bright(), a_map(one_bright()[0])
    with pytest.raises(ConfigError, match="baseline='black' is not possible: use blur or mean"):
        perturbation_curves(net, picture, found, baseline="black")
    for steps in (1, 17, 2.5, True):
        with pytest.raises(ConfigError, match=r"steps=.* is not possible: use a whole number from 2 to 16"):
            perturbation_curves(net, picture, found, steps=steps)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="orders=0 is not possible: use a whole number from 1 to 50"):
        perturbation_curves(net, picture, found, steps=4, orders=0)
    with pytest.raises(ExplorerError, match="The picture is 1 × 5 × 4, its map 4 × 4: give the same picture"):
        perturbation_curves(net, torch.zeros(1, 5, 4), found)
    other = Attribution("grad-cam", 2, "", 0.5, "", found.coarse, found.values)
    with pytest.raises(ExplorerError, match="The map is of class 2, the net has 2: give the net of the map"):
        perturbation_curves(net, picture, other, steps=4)
    with pytest.raises(ExplorerError, match="is not a number"):
        perturbation_curves(net, one_bright(math.nan), found, steps=4)
