"""Recording the flow through training: the very numbers of autograd, nothing of the training changed."""

from __future__ import annotations

import copy
import functools
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from explorer.config import ModelConfig
from explorer.errors import CheckpointError
from explorer.flow_results import RECORDED, FlowRecord
from explorer.models.create import create_model
from explorer.run_results import EpochMetrics
from explorer.train_config import TrainConfig
from explorer.training import flow_recording
from explorer.training.flow_recording import FLOW, FlowRecorder, flow_record
from explorer.training.flow_series import Budget, Series
from explorer.training.loop import Training, fit
from explorer.training.runs import RunStore
from explorer.training.splits import DataSet

HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


class Always(FlowRecorder):
    """Looks at the signal at every step, whatever it takes."""

    def _prepare(self, model: torch.nn.Module) -> None:
        self._budget.allows = lambda: True  # type: ignore[method-assign]
        super()._prepare(model)


def trained(net: ModelConfig, train: TrainConfig, data: DataSet, recorder: FlowRecorder) -> Training:
    training = fit(net, train, [recorder], dataset=data)
    assert isinstance(training, Training)
    list(training)
    return training


def keep(
    seen: dict[str, torch.Tensor], name: str, module: torch.nn.Module, given: object, output: torch.Tensor
) -> None:
    seen[name] = output


def row(record: FlowRecord, quantity: str, step: int) -> list[float]:
    steps, rows = record.of(quantity)
    return [float("nan") if value is None else value for value in rows[steps.index(step)]]


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("arch", ["plain8", "resnet8"])
def test_the_numbers_are_those_of_autograd(
    arch: str, nesterov: bool, net: ModelConfig, short: TrainConfig, data: DataSet
) -> None:
    """Two steps of SGD by hand: of the second one everything is compared, before and after it."""
    config = short.replace(iterations=2, batch_size=60, weight_decay=0.01 * (not nesterov), nesterov=nesterov)
    net = ModelConfig(arch, num_classes=3, in_channels=1, image_size=8, width=0.5)
    recorder = Always()
    training = trained(net, config, data, recorder)
    record = recorder.record()
    model = create_model(net).train()
    x = (data.train.pictures(torch.arange(60)).float() / 255 - 0.2) / 0.2
    optimizer = torch.optim.SGD(
        model.parameters(), lr=0, momentum=config.momentum, weight_decay=config.weight_decay, nesterov=nesterov
    )
    for step in (1, 2):
        seen: dict[str, torch.Tensor] = {}
        places = {"conv1": "bn1", "layer3.0.conv2": "layer3.0.bn2", "fc": "fc"}
        handles = [
            model.get_submodule(place).register_forward_hook(functools.partial(keep, seen, name))
            for name, place in places.items()
        ]
        logits = model(x)
        for handle in handles:
            handle.remove()
        loss = F.cross_entropy(logits, data.train.labels, label_smoothing=config.label_smoothing)
        weights = {layer.layer: model.get_submodule(layer.layer).weight for layer in record.layers}
        responses = torch.autograd.grad(loss, list(seen.values()), retain_graph=True)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        gradients = {name: weight.grad.clone() for name, weight in weights.items()}
        before = {name: weight.detach().clone() for name, weight in weights.items()}
        for group in optimizer.param_groups:
            group["lr"] = training.schedule.lr(step)
        optimizer.step()
        expected = {
            "weight_norm": [value.norm() for value in before.values()],
            "weight_gradient": [value.norm() for value in gradients.values()],
            "update": [(weights[name].detach() - value).norm() for name, value in before.items()],
            "update_ratio": [(weights[name].detach() - value).norm() / value.norm() for name, value in before.items()],
        }
        for quantity, values in expected.items():
            assert row(record, quantity, step) == pytest.approx([float(value) for value in values], rel=2e-3), quantity
        names = [layer.layer for layer in record.layers]
        for name, gradient in zip(seen, responses, strict=True):
            at, value = names.index(name), seen[name].detach()
            assert row(record, "mean", step)[at] == pytest.approx(float(value.mean()), rel=1e-3, abs=1e-6)
            assert row(record, "std", step)[at] == pytest.approx(float(value.std(correction=0)), rel=1e-3)
            assert row(record, "activation_gradient", step)[at] == pytest.approx(float(gradient.norm()), rel=2e-3)
        zeros = seen["conv1"].detach() <= 0
        assert row(record, "zeros", step)[0] == pytest.approx(float(zeros.float().mean()), abs=1e-3)
    assert row(record, "zeros", 2)[-1] != row(record, "zeros", 2)[-1], "no ReLU behind the head"


def test_no_bit_of_the_training_is_changed(net: ModelConfig, short: TrainConfig, data: DataSet) -> None:
    config = short.replace(flip=True, crop_padding=4, precision="bf16")
    recorder = Always()
    one, other = fit(net, config, [recorder], dataset=data), fit(net, config, dataset=data)
    list(one)
    list(other)
    assert [m.train_loss for m in one.history] == [m.train_loss for m in other.history]
    assert [m.test_error for m in one.history] == [m.test_error for m in other.history]
    theirs = other.model.state_dict()
    assert all(torch.equal(value, theirs[name]) for name, value in one.model.state_dict().items())
    record = recorder.record()
    assert record.steps == record.seen_steps == tuple(range(1, 13))
    assert all(value is not None for value in record.values["activation_gradient"][-1])


@pytest.mark.parametrize("ends", ["finished", "stopped", "failed"])
def test_nothing_is_left_hooked(ends: str, net: ModelConfig, short: TrainConfig, data: DataSet) -> None:
    recorder = Always()
    training = fit(net, short, [recorder], dataset=data, should_stop=lambda: ends == "stopped" and training.step == 2)
    assert isinstance(training, Training)
    metrics = iter(training)
    next(metrics)
    assert any(module._forward_hooks for module in training.model.modules()), "laid for the next step"
    if ends == "failed":
        with torch.no_grad():
            training.model.fc.weight.fill_(float("nan"))
        with pytest.raises(Exception, match="loss became nan"):
            list(metrics)
    else:
        list(metrics)
    assert not any(getattr(module, hooks) for module in training.model.modules() for hooks in HOOKS)
    assert recorder.record().steps


def test_what_is_frozen_has_neither_gradient_nor_update(net: ModelConfig, short: TrainConfig, data: DataSet) -> None:
    recorder = Always()
    trained(net, short.replace(strategy="last", trained_stages=1, epochs=1), data, recorder)
    record = recorder.record()
    names = [layer.layer for layer in record.layers]
    assert row(record, "weight_gradient", 2)[0] == row(record, "update", 2)[0] == 0
    assert row(record, "update", 2)[names.index("fc")] > 0
    assert record.of("activation_gradient")[1][1][0] is None
    assert record.of("std")[1][1][0] is not None


def test_a_run_that_was_interrupted_goes_on_recording(
    net: ModelConfig, short: TrainConfig, data: DataSet, tmp_path: Path
) -> None:
    """Interrupted within its second epoch, which is trained again from its beginning: no step is there twice."""
    config = short.replace(record_flow=True)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    whole.mkdir()
    parts.mkdir()
    list(fit(net, config, folder=whole, dataset=data))
    training = fit(net, config, folder=parts, dataset=data, should_stop=lambda: training.step == 6)
    list(training)
    assert flow_recording._record("", *flow_recording.read_tensors(parts / FLOW)).steps == tuple(range(1, 7))
    list(fit(net, config, folder=parts, resume=True, dataset=data))
    one, other = (flow_recording._record("", *flow_recording.read_tensors(path / FLOW)) for path in (whole, parts))
    assert one.steps == other.steps == tuple(range(1, 13))
    for quantity in RECORDED[:3]:
        assert one.values[quantity] == other.values[quantity]
    assert list(other.seen_steps) == sorted(set(other.seen_steps))
    (parts / FLOW).write_bytes(b"damaged")
    list(fit(net, config, folder=parts, resume=True, dataset=data))  # finished: nothing to do, and nothing in the way


def test_of_a_training_that_one_waits_for_every_step_is_kept(
    net: ModelConfig, short: TrainConfig, data: DataSet
) -> None:
    recorder = FlowRecorder()
    trained(net, short.replace(epochs=75), data, recorder)  # 300 steps
    record = recorder.record()
    assert record.steps == tuple(range(1, 301))
    assert len(record.seen_steps) < 300


def test_long_runs_are_thinned_out_evenly(net: ModelConfig, short: TrainConfig, data: DataSet) -> None:
    recorder = Always(most=8)
    trained(net, short.replace(epochs=5), data, recorder)  # 20 steps
    record = recorder.record()
    assert record.steps == (1, 5, 9, 13, 17)
    assert len(record.seen_steps) <= 8
    assert record.seen_steps[0] == 1


def test_a_long_run_that_goes_on_is_looked_at_again(
    net: ModelConfig, short: TrainConfig, data: DataSet, tmp_path: Path
) -> None:
    """What was thinned out is spaced so widely that the first step after the interruption is not looked at."""
    config = short.replace(epochs=15)  # 60 steps
    first = FlowRecorder()
    training = fit(net, config, [first], folder=tmp_path, dataset=data, should_stop=lambda: training.step == 8)
    list(training)
    first._signal.stride = 32
    first._save(tmp_path / FLOW)
    again = FlowRecorder(share=1.0)
    list(fit(net, config, [again], folder=tmp_path, resume=True, dataset=data))
    assert again.record().seen_steps[-1] > 8


def test_a_recorder_begins_anew_with_every_training(net: ModelConfig, short: TrainConfig, data: DataSet) -> None:
    recorder = FlowRecorder()
    trained(net, short.replace(epochs=1), data, recorder)
    other = ModelConfig("resnet14", num_classes=3, in_channels=1, image_size=8, width=0.5)
    trained(other, short.replace(epochs=2), data, recorder)
    record = recorder.record()
    assert record.steps == tuple(range(1, 9))
    assert {len(row) for rows in record.values.values() for row in rows} == {len(record.layers)}


def test_a_series_goes_on_where_it_was(tmp_path: Path) -> None:
    first = Series(4)
    for step in range(1, 8):
        if first.wants(step):
            first.add(step, torch.tensor([step]))
    assert first.steps == [1, 3, 5, 7]
    again = Series(4)
    again.restore(first.steps, first.read(), first.stride, until=5)
    for step in range(6, 12):
        if again.wants(step):
            again.add(step, torch.tensor([step]))
    assert again.steps == [1, 5, 9]
    assert again.read().flatten().tolist() == [1, 5, 9]


@pytest.mark.parametrize(("cost", "most"), [(0.5, 0.06), (4.0, 0.008), (0.0, 0.21)])
def test_looks_stay_within_their_share(cost: float, most: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """A step takes 1 s, and with a look 1 + cost: over a long training looks take 3 % and no more."""
    now = [0.0]
    monkeypatch.setattr("explorer.training.flow_series.time.perf_counter", lambda: now[0])
    budget = Budget(0.03, torch.device("cpu"))
    for step in range(2000):
        looked = budget.allows()
        now[0] += 1 + cost * looked
        budget.step(looked)
        if step % 100 == 99:
            now[0] += 60  # testing
            budget.pause()
    assert budget.looks / 2000 <= most
    assert budget.looks * cost / 2000 <= 0.03
    assert budget.looks >= 0.9 * 2000 * min(0.03 / max(cost, 1e-9), 0.2)
    assert budget.overhead == pytest.approx(budget.looks * cost / 2000)


@pytest.mark.parametrize(("batches", "looks"), [(1, range(8, 13)), (3, range(170, 190)), (9, range(170, 190))])
def test_looks_go_on_where_the_second_one_has_no_time(
    batches: int, looks: range, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first step of an epoch is not timed: with epochs of 3 or 9 batches the tenth step is one of those."""
    now = [0.0]
    monkeypatch.setattr("explorer.training.flow_series.time.perf_counter", lambda: now[0])
    budget = Budget(0.03, torch.device("cpu"))
    for step in range(1, 3001):
        looked = budget.allows()
        now[0] += 1 + 0.5 * looked
        budget.step(looked)
        if step % batches == 0:
            budget.pause()
    assert budget.looks in looks


def test_a_compiled_net_is_not_looked_into(net: ModelConfig, short: TrainConfig, data: DataSet) -> None:
    recorder = Always()
    training = fit(net, short.replace(epochs=1), [recorder], dataset=data)
    assert isinstance(training, Training)
    training.resolved = {**training.resolved, "compile": "on"}
    list(training)
    assert recorder.record().seen_steps == ()
    assert len(recorder.record().steps) == 4


def test_a_run_keeps_its_record(net: ModelConfig, short: TrainConfig, data: DataSet, tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs")
    run = store.create(net, short.replace(record_flow=True), name="kept")
    with pytest.raises(CheckpointError, match="The run kept has no record of its flow: train with record_flow"):
        flow_record("kept", store)
    epochs = [
        m for m in fit(net, run.train, folder=store.folder(run.run_id), dataset=data) if isinstance(m, EpochMetrics)
    ]
    record = flow_record("kept", store)
    assert (record.run, record.steps[-1]) == ("kept", epochs[-1].step)
    assert record.net == net.label()
    (store.folder(run.run_id) / FLOW).write_bytes(b"damaged")
    with pytest.raises(CheckpointError, match="damaged"):
        flow_record("kept", store)
    store.close()


def test_a_linear_probe_records_nothing(net: ModelConfig, short: TrainConfig, data: DataSet) -> None:
    recorder = FlowRecorder()
    list(fit(net, short.replace(strategy="probe"), [recorder], dataset=data))
    assert recorder.record().steps == ()


def test_the_option_changes_no_seed_and_no_settings(short: TrainConfig) -> None:
    assert TrainConfig("digits").record_flow is False
    assert copy.copy(short.replace(record_flow=True)).replace(record_flow=None) == short
