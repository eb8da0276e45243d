"""The training loop: what it yields, that a seed is a curve, and how it ends."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from explorer.config import ModelConfig
from explorer.errors import CheckpointError, ConfigError, TrainingError
from explorer.models.create import create_model
from explorer.run_results import EpochMetrics, StepMetrics
from explorer.train_config import TrainConfig
from explorer.training import speed
from explorer.training.augment import Augmentation
from explorer.training.callbacks import Callback
from explorer.training.checkpoints import read_tensors, write_tensors
from explorer.training.data import load_dataset
from explorer.training.evaluation import count_errors
from explorer.training.loop import Training, fit
from explorer.training.splits import DataSet, MemorySplit
from explorer.training.trained import evaluate

BOTH = ("last.safetensors", "best.safetensors", "last.json", "best.json")


def epochs(training: Training) -> list[EpochMetrics]:
    return [metrics for metrics in training if isinstance(metrics, EpochMetrics)]


def same_curve(one: list[EpochMetrics], other: list[EpochMetrics]) -> bool:
    keys = ("epoch", "step", "train_loss", "train_error", "test_loss", "test_error", "lr")
    return [[getattr(m, key) for key in keys] for m in one] == [[getattr(m, key) for key in keys] for m in other]


def test_it_learns_and_says_how_far_it_is(net: ModelConfig, short: TrainConfig, data: DataSet) -> None:
    training = fit(net, short.replace(epochs=8), dataset=data)
    seen = list(training)
    last = seen[-1]
    assert isinstance(last, EpochMetrics)
    assert (last.epoch, last.step, training.total_steps) == (8, 32, 32)  # 60 pictures: 16, 16, 16 and 12
    assert last.test_error < 0.2 < training.history[0].test_error
    assert last.progress.share == 1
    assert last.test_top5_error is None  # three classes
    steps = [m for m in seen if isinstance(m, StepMetrics)]
    assert steps[0].step == 1
    assert 0 < steps[0].progress.share < 1
    assert training.outcome == "finished"


def test_one_step_is_sgd_with_momentum_by_hand(net: ModelConfig, short: TrainConfig, data: DataSet) -> None:
    config = short.replace(iterations=2, batch_size=60, weight_decay=0.01, nesterov=True, label_smoothing=0.1)
    training = fit(net, config, dataset=data)
    model = create_model(net)
    x = (data.train.pictures(torch.arange(60)).float() / 255 - 0.2) / 0.2
    velocity: dict[str, torch.Tensor] = {}
    model.train()
    for step in (1, 2):
        loss = torch.nn.functional.cross_entropy(model(x), data.train.labels, label_smoothing=0.1)
        model.zero_grad()
        torch.autograd.backward(loss)
        with torch.no_grad():
            for name, p in model.named_parameters():
                gradient = p.grad + 0.01 * p
                velocity[name] = gradient + 0.9 * velocity[name] if name in velocity else gradient
                p -= training.schedule.lr(step) * (gradient + 0.9 * velocity[name])
    list(training)
    for mine, theirs in zip(training.model.parameters(), model.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-3, atol=1e-5)


def test_a_seed_is_a_curve_bit_for_bit(net: ModelConfig, short: TrainConfig, data: DataSet) -> None:
    config = short.replace(flip=True, crop_padding=4, precision="bf16")
    torch.manual_seed(1)
    one = fit(net, config, dataset=data)
    first = epochs(one)
    torch.manual_seed(2)
    other = fit(net, config, dataset=data)
    assert same_curve(first, epochs(other))
    assert all(
        torch.equal(a, b)
        for a, b in zip(one.model.state_dict().values(), other.model.state_dict().values(), strict=True)
    )
    assert not same_curve(first, epochs(fit(net, config.replace(seed=1), dataset=data)))


def test_dropout_is_seeded_and_the_callers_random_numbers_go_on(short: TrainConfig, data: DataSet) -> None:
    net = ModelConfig("vgg_a", num_classes=3, in_channels=1, image_size=32, width=0.03125)
    big = MemorySplit(data.train.pictures(torch.arange(60)).repeat(1, 1, 4, 4), data.train.labels)
    wide = DataSet(data.summary, big, big, None, data.mean, data.std)
    curves = []
    for draws in (0, 5):
        torch.manual_seed(7)
        training = fit(net, short.replace(iterations=2, lr=1e-3), dataset=wide)
        for _ in training:
            torch.rand(draws)  # what a caller draws in between changes nothing
        curves.append(training.history)
    assert same_curve(*curves)
    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    for _ in fit(net, short.replace(iterations=1, lr=1e-3), dataset=wide):
        pass
    assert torch.equal(torch.rand(1), expected)


@pytest.mark.parametrize("after", [1, 2])
def test_stopped_and_resumed_ends_with_the_same_bytes(
    net: ModelConfig, short: TrainConfig, data: DataSet, tmp_path: Path, after: int
) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    whole.mkdir()
    parts.mkdir()
    uninterrupted = epochs(fit(net, short, folder=whole, dataset=data))
    training = fit(net, short, folder=parts, dataset=data)
    for metrics in training:
        if isinstance(metrics, EpochMetrics) and metrics.epoch == after:
            training.stop()
    assert training.outcome == "stopped"
    resumed = fit(net, short, folder=parts, dataset=data, resume=True)
    assert resumed.start_epoch == after
    list(resumed)
    assert same_curve(uninterrupted, resumed.history)
    for name in BOTH:
        assert (whole / name).read_bytes() == (parts / name).read_bytes(), name
    assert {path.name for path in parts.iterdir()} == set(BOTH)


def test_a_plateau_schedule_resumes_where_it_was(
    net: ModelConfig, short: TrainConfig, data: DataSet, tmp_path: Path
) -> None:
    config = short.replace(schedule="plateau", patience=1, most_drops=1, lr=1e-9, epochs=20)
    whole = fit(net, config, dataset=data)
    curve = epochs(whole)
    # At such a rate nothing improves once the batch statistics have settled: a drop, and then the end.
    assert [curve[0].lr, curve[-1].lr] == pytest.approx([1e-9, 1e-10])
    assert len(curve) < 20
    assert whole.outcome == "finished"
    first = fit(net, config, folder=tmp_path, dataset=data, should_stop=lambda: first.step >= 9)
    list(first)
    resumed = fit(net, config, folder=tmp_path, dataset=data, resume=True)
    list(resumed)
    assert same_curve(curve, resumed.history)


def test_stop_ends_within_one_batch(net: ModelConfig, short: TrainConfig, data: DataSet) -> None:
    training = fit(net, short, dataset=data, should_stop=lambda: training.step >= 5)
    curve = epochs(training)
    assert (training.step, len(curve), training.outcome) == (5, 1, "stopped")


def test_a_loss_that_is_not_finite_says_at_which_step_and_what_to_try(
    net: ModelConfig, short: TrainConfig, data: DataSet, tmp_path: Path
) -> None:
    wild = net.replace(norm="none")
    with pytest.raises(TrainingError, match=r"(nan|inf) by step \d+ \(epoch \d\).*try lr=") as caught:
        list(fit(wild, short.replace(lr=1e5, epochs=20), folder=tmp_path, dataset=data))
    assert caught.value.key == "diverged"


def test_held_out_pictures_choose_the_best_epoch(net: ModelConfig, short: TrainConfig, data: DataSet) -> None:
    val = MemorySplit(data.train.pictures(torch.arange(9)), data.train.labels[:9])
    training = fit(net, short, dataset=DataSet(data.summary, data.train, data.test, val, data.mean, data.std))
    curve = epochs(training)
    assert all(m.val_error is not None and m.watched_error == m.val_error for m in curve)
    best = min(curve, key=lambda m: (m.watched_error, m.epoch))
    assert (training.best_epoch, training.best_error) == (best.epoch, best.val_error)


def test_callbacks_see_the_gradients_of_every_step_and_the_end(
    net: ModelConfig, short: TrainConfig, data: DataSet
) -> None:
    class Recorder(Callback):
        def __init__(self) -> None:
            self.events: list[str] = []

        def on_start(self, training: Training) -> None:
            self.events.append("start")

        def on_backward(self, training: Training) -> None:
            assert all(p.grad is not None for p in training.model.parameters())
            self.events.append("backward")

        def on_step(self, training: Training) -> None:
            self.events.append(f"step {training.step}")

        def on_epoch(self, training: Training, metrics: EpochMetrics) -> None:
            self.events.append(f"epoch {metrics.epoch}")

        def on_end(self, training: Training) -> None:
            self.events.append("end")

    recorder = Recorder()
    list(fit(net, short.replace(epochs=1, batch_size=30), [recorder], dataset=data))
    assert recorder.events == ["start", "backward", "step 1", "backward", "step 2", "epoch 1", "end"]


def test_net_and_data_that_do_not_fit(net: ModelConfig, short: TrainConfig, data: DataSet) -> None:
    with pytest.raises(ConfigError, match="num_classes=10 does not fit stripes, which has 3 classes"):
        fit(net.replace(num_classes=10), short, dataset=data)


def test_a_checkpoint_of_other_settings_is_not_resumed(
    net: ModelConfig, short: TrainConfig, data: DataSet, tmp_path: Path
) -> None:
    list(fit(net, short.replace(epochs=1), folder=tmp_path, dataset=data))
    with pytest.raises(CheckpointError, match="other settings"):
        fit(net, short, folder=tmp_path, dataset=data, resume=True)
    with pytest.raises(CheckpointError, match="does not belong"):
        fit(net.replace(width=1.0), short, folder=tmp_path, dataset=data, resume=True)


def test_a_device_that_is_not_there(net: ModelConfig, short: TrainConfig, data: DataSet) -> None:
    with pytest.raises(ConfigError, match=r"device='cuda:99' is not on this machine: use .*cpu"):
        fit(net, short.replace(device="cuda:99"), dataset=data)


def test_what_only_some_devices_can(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    with pytest.raises(ConfigError, match=r"devices=2 is not possible: this machine has 1 of the kind mps"):
        speed.resolve(TrainConfig("digits", device="mps", devices=2), 0)
    # Batch norm's gradients fail there in channels_last.
    assert speed.resolve(TrainConfig("digits", device="mps"), 0)["memory_format"] == "contiguous"
    assert speed.resolve(TrainConfig("digits", device="cpu"), 0)["memory_format"] == "channels_last"


def test_large_pictures_are_tested_few_at_a_time() -> None:
    seen = []

    class Net(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            seen.append(len(x))
            return torch.zeros(len(x), 3)

    augment = Augmentation(TrainConfig("digits"), (0.5,), (0.5,), 1024)
    split = MemorySplit(torch.zeros(5, 1, 1024, 1024, dtype=torch.uint8), torch.zeros(5, dtype=torch.int64))
    assert count_errors(Net(), split, augment).pictures == 5
    assert seen == [2, 2, 1]


def test_an_evaluation_sees_what_the_training_tested_on(net: ModelConfig, short: TrainConfig, tmp_path: Path) -> None:
    config = short.replace(dataset="digits", subset=20, scale_jitter=(448, 448), epochs=1)
    training = fit(net.replace(num_classes=10), config, folder=tmp_path)
    (metrics,) = epochs(training)
    measured = evaluate(str(tmp_path / "best.safetensors"), device="cpu")
    assert 1 - measured.top1 == pytest.approx(metrics.test_error)
    assert measured.loss == pytest.approx(metrics.test_loss, rel=1e-5)


@pytest.mark.slow
def test_a_compiled_net_learns_the_same(net: ModelConfig, short: TrainConfig, data: DataSet) -> None:
    pytest.importorskip("torch._inductor")
    if not speed.can_compile(torch.device("cpu")):
        pytest.skip("no C++ compiler")
    config = short.replace(epochs=1, batch_size=30)
    plain, compiled = (fit(net, config.replace(compile=word), dataset=data) for word in ("off", "on"))
    list(plain)
    list(compiled)
    assert set(plain.model.state_dict()) == set(compiled.model.state_dict())
    assert compiled.history[0].train_loss == pytest.approx(plain.history[0].train_loss, rel=1e-3)


def test_pictures_that_do_not_fit_into_memory_are_read_meanwhile(
    net: ModelConfig, short: TrainConfig, tmp_path: Path
) -> None:
    from PIL import Image

    for split, count in (("train", 8), ("test", 2)):
        for label, shade in (("dark", 40), ("light", 200)):
            folder = tmp_path / split / label
            folder.mkdir(parents=True)
            for i in range(count):
                Image.new("L", (8, 8), shade + i).save(folder / f"{i}.png")
    wanted = net.replace(num_classes=2)
    config = short.replace(epochs=1, batch_size=8, flip=True)
    curves = []
    for memory_bytes in (None, 0):
        data = load_dataset(str(tmp_path), image_size=8, channels=1, memory_bytes=memory_bytes)
        assert isinstance(data.train, MemorySplit) == (memory_bytes is None)
        before = torch.get_rng_state()
        curves.append(epochs(fit(wanted, config, dataset=data)))
        assert torch.equal(torch.get_rng_state(), before)  # the caller's
    assert same_curve(*curves)


def test_one_value_per_channel_is_too_little_for_batch_norm(
    net: ModelConfig, short: TrainConfig, data: DataSet
) -> None:
    with pytest.raises(TrainingError, match="use batch_size=2 or more"):
        list(fit(net.replace(image_size=4), short.replace(batch_size=1), dataset=_cut(data)))


def _cut(data: DataSet) -> DataSet:
    """The data at 4 pixels: after two halvings one is left."""
    parts = [
        MemorySplit(part.pictures(torch.arange(9))[:, :, :4, :4], part.labels[:9]) for part in (data.train, data.test)
    ]
    return DataSet(data.summary, parts[0], parts[1], None, data.mean, data.std)


def test_a_checkpoint_of_an_earlier_version_goes_on_where_figures_were_added_since(
    net: ModelConfig, short: TrainConfig, data: DataSet, tmp_path: Path
) -> None:
    first = fit(net, short, folder=tmp_path, dataset=data, should_stop=lambda: first.step >= 5)
    list(first)
    tensors, header = read_tensors(tmp_path / "last.safetensors")
    del header["train"]["colour_jitter"]
    write_tensors(tmp_path / "last.safetensors", tensors, header)
    resumed = fit(net, short, folder=tmp_path, dataset=data, resume=True)
    assert resumed.start_epoch == 1
