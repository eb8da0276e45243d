"""Directions and losses against direct computations, a landscape known by arithmetic, and nets that stay untouched."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from explorer import create_model
from explorer.analysis.loss_landscape import MovedNet, filter_normalised, random_directions
from explorer.landscape_results import SIZES, grid_stages, grid_steps


def stirred(arch: str = "resnet8") -> nn.Module:
    """A net whose batch norm has stored something."""
    net = create_model(arch, num_classes=4, image_size=8)
    generator = torch.Generator().manual_seed(3)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            module.running_mean.copy_(0.1 * torch.randn(module.num_features, generator=generator))
            module.running_var.copy_(0.5 + torch.rand(module.num_features, generator=generator))
    return net


def batch(count: int = 6) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(4)
    return torch.randn(count, 3, 8, 8, generator=generator), torch.arange(count) % 4


# ---------------------------------------------------------------- directions


def test_every_filter_of_a_direction_is_as_long_as_the_weights() -> None:
    net = stirred()
    weights = dict(net.named_parameters())
    for direction in random_directions(net, 0):
        for name, step in direction.items():
            for own, wanted in zip(step, weights[name], strict=True):
                assert own.norm().item() == pytest.approx(wanted.norm().item(), rel=1e-5)


def test_a_filter_by_hand() -> None:
    direction, weight = torch.tensor([[3.0, 4.0], [0.0, 2.0]]), torch.tensor([[6.0, 8.0], [0.0, 0.0]])
    assert filter_normalised(direction, weight).tolist() == [[6.0, 8.0], [0.0, 0.0]]
    assert filter_normalised(torch.zeros(1, 2), torch.ones(1, 2)).tolist() == [[0.0, 0.0]]


def test_biases_and_batch_norm_do_not_move() -> None:
    net = stirred()
    still = {name for name, value in net.named_parameters() if value.dim() == 1}
    assert {"fc.bias", "bn1.weight", "bn1.bias"} <= still
    first, second = random_directions(net, 0)
    assert first.keys() == second.keys() == dict(net.named_parameters()).keys() - still


def test_a_seed_gives_the_same_directions_and_leaves_the_random_numbers_alone() -> None:
    net, before = stirred(), torch.random.get_rng_state()
    first, second = random_directions(net, 7)
    again, _ = random_directions(net, 7)
    other, _ = random_directions(net, 8)
    name = "conv1.weight"
    assert torch.equal(first[name], again[name])
    assert not torch.equal(first[name], other[name])
    assert not torch.equal(first[name], second[name])
    assert torch.equal(before, torch.random.get_rng_state())


def test_plain_and_residual_nets_get_the_same_draws() -> None:
    plain, residual = (create_model(name, image_size=8) for name in ("plain8", "resnet8"))
    (one, _), (other, _) = random_directions(plain, 0), random_directions(residual, 0)
    assert one.keys() == other.keys()
    for name, step in one.items():
        # The same but for their lengths.
        assert F.cosine_similarity(step.flatten(1), other[name].flatten(1)).min().item() == pytest.approx(1, abs=1e-5)


def test_directions_are_where_the_weights_are() -> None:
    """As on a GPU: the meta device stands for one."""
    weights = dict(stirred().double().to("meta").named_parameters())
    for direction in random_directions(stirred().double().to("meta"), 0):
        for name, step in direction.items():
            assert (step.device, step.dtype) == (weights[name].device, weights[name].dtype)


# ---------------------------------------------------------------- losses


def test_the_middle_is_the_plain_loss() -> None:
    net = stirred().eval()
    pictures, labels = batch()
    with torch.no_grad():
        logits = net(pictures)
    loss, right = MovedNet(net, pictures, labels).at(0.0, 0.0, random_directions(net, 0))
    assert loss == pytest.approx(F.cross_entropy(logits, labels).item(), rel=1e-5)
    assert right == pytest.approx((logits.argmax(1) == labels).float().mean().item())


@pytest.mark.parametrize("batch_statistics", [False, True])
def test_a_point_is_what_a_net_with_those_weights_computes(batch_statistics: bool) -> None:
    net = stirred()
    pictures, labels = batch()
    directions = random_directions(net, 1)
    loss, _ = MovedNet(net, pictures, labels, batch_statistics=batch_statistics).at(0.3, -0.2, directions)
    other = copy.deepcopy(net).train(batch_statistics)
    with torch.no_grad():
        for name, value in other.named_parameters():
            if name in directions[0]:
                value.add_(0.3 * directions[0][name] - 0.2 * directions[1][name])
        expected = F.cross_entropy(other(pictures), labels).item()
    assert loss == pytest.approx(expected, rel=1e-4)


def test_what_is_not_a_number_is_no_right_answer() -> None:
    net, (pictures, _) = stirred(), batch()
    weights = {"fc.bias": torch.tensor([float("nan"), 0.0, 0.0, 0.0])}
    loss, right = MovedNet(net, pictures, torch.zeros(6, dtype=torch.long)).with_weights(weights)
    assert loss != loss
    assert right == 0


def test_the_net_is_never_touched() -> None:
    net = stirred().train()
    pictures, labels = batch()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    moved = MovedNet(net, pictures, labels, batch_statistics=True)
    directions = random_directions(net, 0)
    moved.at(1.0, -1.0, directions)
    assert net.training
    assert all(module.training for module in net.modules())
    assert all(value.requires_grad and value.grad is None for value in net.parameters())

    def broken(logits: Tensor, labels: Tensor) -> Tensor:
        raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError, match="in the middle"):
        MovedNet(net, pictures, labels, criterion=broken).at(0.5, 0.5, directions)
    assert torch.is_grad_enabled()
    for name, value in net.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_the_order_of_points_does_not_matter() -> None:
    net = stirred()
    moved, directions = MovedNet(net, *batch()), random_directions(net, 0)
    first = moved.at(0.25, 0.5, directions)
    moved.at(-1.0, 1.0, directions)
    assert moved.at(0.25, 0.5, directions) == first


def test_without_labels_they_are_the_nets_own_answers() -> None:
    net = stirred().eval()
    pictures, _ = batch()
    moved = MovedNet(net, pictures)
    with torch.no_grad():
        assert torch.equal(moved.labels, net(pictures).argmax(1))
    assert moved.at(0.0, 0.0, random_directions(net, 0))[1] == 1.0


def test_dropout_is_off() -> None:
    net = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.9), nn.Linear(8, 3)).train()
    moved = MovedNet(net, torch.randn(6, 4), torch.arange(6) % 3, batch_statistics=True)
    directions = random_directions(net, 0)
    assert moved.at(0.1, 0.1, directions) == moved.at(0.1, 0.1, directions)


def test_a_quadratic_bowl_is_what_arithmetic_says() -> None:
    """One weight row w = (3, 4), the squared length of its answers to the unit vectors: ‖w + a d + b e‖²."""
    net = nn.Linear(2, 1, bias=False)
    with torch.no_grad():
        net.weight.copy_(torch.tensor([[3.0, 4.0]]))

    def squares(answers: Tensor, labels: Tensor) -> Tensor:
        return answers.square().sum()

    moved = MovedNet(net, torch.eye(2), torch.zeros(2, dtype=torch.long), criterion=squares)
    directions = ({"weight": torch.tensor([[4.0, -3.0]])}, {"weight": torch.tensor([[3.0, 4.0]])})
    for a in (-1.0, 0.0, 0.5):
        for b in (-1.0, 0.0, 2.0):
            # Across it, 25 a²; along it, 25 (1 + b)².
            assert moved.at(a, b, directions)[0] == pytest.approx(25 * a**2 + 25 * (1 + b) ** 2, abs=1e-4)
    start = {"weight": torch.tensor([[1.0, 0.0]])}
    assert [moved.between(start, t)[0] for t in (0.0, 0.5, 1.0)] == pytest.approx([1, 2**2 + 2**2, 25])


# ---------------------------------------------------------------- the order of a grid


@pytest.mark.parametrize("size", SIZES)
def test_a_grid_has_every_point_once_and_the_coarse_ones_first(size: int) -> None:
    stages = grid_stages(size, 1.0)
    points = [pair for stage in stages for pair in stage]
    steps = grid_steps(size, 1.0)
    assert len(points) == len(set(points)) == size**2
    assert set(points) == {(a, b) for a in steps for b in steps}
    assert points[0] == (0.0, 0.0)
    assert set(points[:9]) == {pair for pair in points if 0 in pair and pair[0] * 2 % 1 == 0 and pair[1] * 2 % 1 == 0}
    for level in SIZES[: SIZES.index(size) + 1]:
        coarse = grid_steps(level, 1.0)
        assert set(points[: level**2]) == {(a, b) for a in coarse for b in coarse}
