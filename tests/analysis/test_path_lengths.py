"""Paths by length: exact counts, and gradients that add up to the whole over all 2^n paths."""

from __future__ import annotations

import copy
import itertools
import math

import pytest
import torch
from torch import Tensor

from explorer import create_model
from explorer.analysis.path_lengths import gradients_by_length, path_counts, path_gradient, whole_gradient
from explorer.errors import ConfigError
from explorer.models.net import Net


def net_of(arch: str = "resnet8", **options: object) -> Net:
    return create_model(arch, num_classes=10, seed=0, **options).double()


def batch(count: int = 3) -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(1)
    return torch.randn(count, 3, 32, 32, generator=draw).double(), torch.arange(count)


def all_ways(blocks: int) -> list[Tensor]:
    return [torch.tensor(way) for way in itertools.product([False, True], repeat=blocks)]


@pytest.mark.parametrize(("arch", "blocks"), [("resnet8", 3), ("resnet14", 6), ("resnet20", 9), ("resnet110", 54)])
def test_paths_are_counted_exactly(arch: str, blocks: int) -> None:
    counts = path_counts(create_model(arch))
    assert sum(counts) == 2**blocks
    assert list(counts) == [math.comb(blocks, length) for length in range(blocks + 1)]
    if blocks <= 9:
        lengths = [int(way.sum()) for way in all_ways(blocks)]
        assert list(counts) == [lengths.count(length) for length in range(blocks + 1)]


def test_a_plain_net_has_one_path() -> None:
    assert path_counts(create_model("plain8")) == (0, 0, 0, 1)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(
    "options",
    [{"preact": True}, {"preact": True, "shortcut": "B"}, {"shortcut": "A"}, {"shortcut": "C"}, {"norm": "none"}],
)
def test_the_gradients_of_all_paths_add_up_to_the_whole(options: dict[str, object], training: bool) -> None:
    """The forward pass is kept, so the backward pass is linear in what each block lets through."""
    net, (x, y) = net_of(**options).train(training), batch()
    parts = torch.stack([path_gradient(net, x, y, way) for way in all_ways(3)])
    wanted = x.clone().requires_grad_()
    torch.nn.functional.cross_entropy(copy.deepcopy(net)(wanted), y, reduction="sum").backward()
    assert wanted.grad is not None
    assert (parts.sum(0) - wanted.grad).norm() < 1e-10 * wanted.grad.norm()
    assert torch.allclose(path_gradient(net, x, y), wanted.grad, rtol=1e-12)
    assert all(part.norm() > 0 for part in parts)


def test_every_picture_goes_its_own_path() -> None:
    net, (x, y) = net_of().eval(), batch()
    ways = torch.tensor([[True, False, True], [False, False, False], [True, True, True]])
    together = path_gradient(net, x, y, ways)
    for number, way in enumerate(ways):
        alone = path_gradient(net, x, y, way)
        assert torch.allclose(together[number], alone[number], rtol=1e-10)


def test_lengths_are_measured_as_enumerated() -> None:
    """Against all paths of each length; where there is but one, exactly."""
    net, (x, y) = net_of("resnet8").eval(), batch(4)
    whole = {
        length: torch.cat(
            [path_gradient(net, x, y, way).flatten(1).norm(dim=1) for way in all_ways(3) if way.sum() == length]
        )
        for length in range(4)
    }
    points = list(gradients_by_length(net, x, y, draws=64))
    assert [(point.length, point.paths) for point in points] == [(0, 1), (1, 3), (2, 3), (3, 1)]
    assert [point.sampled for point in points] == [4, 256, 256, 4]
    for point in points:
        exact = float(whole[point.length].mean())
        assert point.gradient == pytest.approx(exact, rel=1e-10 if point.paths == 1 else 0.1)
        assert float(whole[point.length].min()) * (1 - 1e-9) <= point.low <= point.high
        assert point.total == point.gradient * point.paths
    assert whole_gradient(net, x, y) == pytest.approx(float(path_gradient(net, x, y).flatten(1).norm(dim=1).mean()))


def test_a_seed_gives_the_same_and_the_net_is_left_alone() -> None:
    net, (x, y) = net_of("resnet14").train(), batch()
    before = copy.deepcopy(net.state_dict())
    first = list(gradients_by_length(net, x, y, draws=1, seed=3))
    assert list(gradients_by_length(net, x, y, draws=1, seed=3)) == first
    assert list(gradients_by_length(net, x, y, draws=1, seed=4)) != first
    assert net.training
    assert all(parameter.requires_grad for parameter in net.parameters())
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in net.modules())


def test_what_cannot_be_is_said() -> None:
    net, (x, y) = net_of(), batch()
    with pytest.raises(ConfigError, match="without shortcuts has one path only"):
        path_gradient(net_of("plain8"), x, y)
    with pytest.raises(ConfigError, match=r"ways=\(2,\) is not possible: use \(3,\) or \(3, 3\)"):
        path_gradient(net, x, y, torch.tensor([True, False]))
    with pytest.raises(ConfigError, match="draws=0 is not possible: use a whole number from 1 to 1000"):
        next(gradients_by_length(net, x, y, draws=0))
