"""What a training step costs: by hand on small nets, and memory against what torch's allocator is asked for."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile

from explorer.analysis.calibration import calibrate
from explorer.analysis.cost import training_cost
from explorer.cost_results import Calibration
from explorer.errors import ExplorerError, TraceError, UnknownNameError
from explorer.models.create import create_model

SPEED = Calibration(
    device="cpu",
    threads=1,
    macs_per_second=1e9,
    conv_seconds_per_byte=1e-9,
    norm_seconds_per_byte=2e-9,
    activation_seconds_per_byte=3e-9,
    add_seconds_per_byte=4e-9,
    pool_seconds_per_byte=5e-9,
    linear_seconds_per_byte=6e-9,
    optimizer_seconds_per_byte=7e-9,
    operation_seconds=1e-3,
    took_seconds=0.0,
)


def test_time_by_hand() -> None:
    net = nn.Sequential(
        nn.Conv2d(16, 32, 3, padding=1, bias=False),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(32 * 4 * 4, 10, bias=False),
    )
    cost = training_cost(net, 2, image_size=8, calibration=SPEED)
    seconds = dict(cost.seconds_by_op)
    # The picture needs no gradient: forward and weights only, 2 passes of 9·16·32 multiply-adds at 64 places.
    macs = 2 * 2 * 9 * 16 * 32 * 64
    moved = (2 * 16 * 64 + 2 * 32 * 64 + 9 * 16 * 32) * 4 * 2 / 3
    assert seconds["conv"] == pytest.approx(1e-3 + macs / 1e9 + moved * 1e-9)
    assert seconds["activation"] == pytest.approx(1e-3 + 2 * 32 * 64 * 4 * 3e-9)
    assert seconds["pool"] == pytest.approx(1e-3 + 2 * 32 * 64 * 4 * 5e-9)
    assert seconds["flatten"] == pytest.approx(1e-3)
    # Few pictures: reading the weights takes longer than multiplying by them.
    assert seconds["linear"] == pytest.approx(1e-3 + 5120 * 4 * 6e-9)
    weights = 9 * 16 * 32 + 5120
    assert seconds["optimizer"] == pytest.approx(weights * 4 * 7e-9)
    assert cost.seconds == pytest.approx(sum(seconds.values()))
    assert cost.seconds_by_op[0][0] == "conv"
    assert cost.pictures_per_second == pytest.approx(2 / cost.seconds)
    assert cost.epoch_seconds(50_000) == pytest.approx(25_000 * cost.seconds)


def test_memory_by_hand() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1, bias=False), nn.ReLU(), nn.Conv2d(4, 5, 3, padding=1, bias=False))
    cost = training_cost(net, 10, image_size=8, calibration=SPEED)
    weights = 4 * (9 * 3 * 4 + 9 * 4 * 5)
    assert cost.weights_bytes == cost.gradients_bytes == cost.optimizer_bytes == weights
    # Kept: the picture and the ReLU's output, for the two convolutions.
    assert cost.activations_bytes == 10 * (3 + 4) * 64 * 4
    without = training_cost(net, 10, image_size=8, optimizer="sgd", calibration=SPEED)
    adam = training_cost(net, 10, image_size=8, optimizer="adam", calibration=SPEED)
    assert cost.memory_bytes - without.memory_bytes == adam.memory_bytes - cost.memory_bytes == weights
    assert (without.optimizer_bytes, adam.optimizer_bytes) == (0, 2 * weights)


def test_frozen_weights_have_no_gradient() -> None:
    net = create_model("resnet20")
    free = training_cost(net, 8, image_size=32, calibration=SPEED)
    for parameter in net.get_submodule("layer3").parameters():
        parameter.requires_grad_(False)
    frozen = training_cost(net, 8, image_size=32, calibration=SPEED)
    assert frozen.weights_bytes == free.weights_bytes == 269_722 * 4
    assert frozen.gradients_bytes < free.gradients_bytes / 2
    assert frozen.memory_bytes < free.memory_bytes
    assert dict(frozen.seconds_by_op)["optimizer"] < dict(free.seconds_by_op)["optimizer"] / 2


def allocated_peak(net: nn.Module, x: torch.Tensor, classes: int) -> int:
    """Bytes of tensors that are alive at once in a training step, at the most, as torch's allocator counts them."""
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
    labels = torch.zeros(len(x), dtype=torch.long)  # (N,)

    def step() -> None:
        torch.autograd.backward(nn.functional.cross_entropy(net(x), labels))
        optimizer.step()

    step()
    optimizer.zero_grad(set_to_none=True)
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as record:
        step()
    assert record.profiler is not None
    events = record.profiler.kineto_results.events()
    changes = sorted((event.start_ns(), event.nbytes()) for event in events if event.name() == "[memory]")
    alive = peak = 0
    for _, change in changes:
        alive += change
        peak = max(peak, alive)
    weights = sum(value.numel() * value.element_size() for value in net.parameters())
    return peak + 2 * weights + x.numel() * 4


@pytest.mark.parametrize(
    ("name", "batch", "options"),
    [
        ("resnet20", 32, {}),
        ("plain20", 32, {"norm": "none"}),
        ("preact_resnet20", 16, {}),
        ("resnet18", 4, {"image_size": 64}),
        ("resnet50", 4, {"image_size": 64, "width": 0.5}),
        ("vgg_a_bn", 4, {"image_size": 64, "width": 0.5}),
        ("vgg_d", 4, {"image_size": 64, "head": "slim"}),
    ],
)
def test_memory_that_is_alive_agrees_with_torch(name: str, batch: int, options: dict[str, object]) -> None:
    side = int(options.get("image_size", 32))  # type: ignore[call-overload]
    net = create_model(name, **options)
    cost = training_cost(net, batch, image_size=side, calibration=SPEED)
    real = allocated_peak(net, torch.randn(batch, 3, side, side), 10)
    assert cost.memory_bytes - cost.overhead_bytes == pytest.approx(real, rel=0.06)


def test_a_bigger_batch_costs_more() -> None:
    costs = [training_cost("resnet20", batch, calibration=SPEED) for batch in (16, 32, 64)]
    assert costs[2].activations_bytes == 2 * costs[1].activations_bytes == 4 * costs[0].activations_bytes
    assert costs[0].memory_bytes < costs[1].memory_bytes < costs[2].memory_bytes
    assert costs[0].seconds < costs[1].seconds < costs[2].seconds
    assert costs[0].pictures_per_second < costs[2].pictures_per_second
    assert {cost.name for cost in costs} == {"resnet20"}


def test_other_devices_have_another_allocator() -> None:
    cpu = training_cost("resnet18", 64, calibration=SPEED)
    gpu = training_cost("resnet18", 64, calibration=dataclasses.replace(SPEED, device="cuda:0"))
    assert gpu.device == "cuda:0"
    assert gpu.overhead_bytes < 0.2 * gpu.memory_bytes
    assert gpu.memory_bytes - gpu.overhead_bytes == cpu.memory_bytes - cpu.overhead_bytes


@pytest.mark.parametrize(
    "name", ["vgg_a_lrn", "googlenet", "se_resnet50", "resnext50_32x4d", "lenet5", "preact_resnet164", "alexnet"]
)
def test_every_kind_of_net_has_a_cost(name: str) -> None:
    cost = training_cost(name, 2, calibration=SPEED)
    assert cost.seconds > 0
    assert cost.memory_bytes > cost.weights_bytes + cost.gradients_bytes + cost.optimizer_bytes


def test_the_calibration_is_measured_once() -> None:
    torch.manual_seed(0)
    expected = torch.rand(3)  # (3,)
    torch.manual_seed(0)
    first = calibrate("cpu")
    # The random numbers of the caller go on as if nothing had happened.
    assert torch.equal(torch.rand(3), expected)
    assert calibrate(torch.device("cpu")) is first
    assert first.device == "cpu"
    assert first.threads == torch.get_num_threads()
    figures = dataclasses.asdict(first)
    assert all(value > 0 for name, value in figures.items() if name not in {"device", "conv_seconds_per_byte"})
    assert training_cost("resnet20", 4) == training_cost("resnet20", 4, calibration=first)
    anew = calibrate("cpu", again=True)
    assert anew is not first
    assert calibrate("cpu") is anew


@pytest.mark.parametrize(
    ("arguments", "error", "sentence"),
    [
        (("resnet20", 0), ExplorerError, "batch_size=0 is not possible: use a whole number from 1 to 1000000"),
        (("resnet20", 2.0), ExplorerError, "batch_size=2.0 is not possible"),
        (("resnet20", True), ExplorerError, "batch_size=True is not possible"),
        (("resnet20x", 2), UnknownNameError, "resnet20"),
        ((nn.Linear(3, 4), 2), TraceError, "Linear does not take an input"),
    ],
)
def test_bad_values_are_answered_with_one_sentence(
    arguments: tuple[object, int], error: type[Exception], sentence: str
) -> None:
    with pytest.raises(error, match=sentence):
        training_cost(*arguments, calibration=SPEED)  # type: ignore[arg-type]


def test_unknown_devices_and_optimizers_are_refused() -> None:
    with pytest.raises(ExplorerError, match="device='abacus' is not on this machine: use 'cpu'"):
        training_cost("resnet20", 2, device="abacus")
    with pytest.raises(ExplorerError, match="device='meta' computes nothing"):
        calibrate("meta")
    if not torch.cuda.is_available():
        with pytest.raises(ExplorerError, match="device='cuda:0' is not on this machine"):
            calibrate("cuda:0")
    with pytest.raises(ExplorerError, match="optimizer='lion' is not possible: use 'sgd', 'momentum' or 'adam'"):
        training_cost("resnet20", 2, optimizer="lion", calibration=SPEED)  # type: ignore[arg-type]
