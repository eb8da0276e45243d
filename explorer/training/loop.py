"""The training loop: `fit`."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from explorer.config import ModelConfig
from explorer.errors import CheckpointError, TrainingError
from explorer.models.create import create_model
from explorer.run_results import EpochMetrics, StepMetrics
from explorer.train_config import TrainConfig
from explorer.training import speed
from explorer.training.augment import Augmentation, colour_components
from explorer.training.batches import epoch_generator, on_device, read_batches
from explorer.training.callbacks import Callback
from explorer.training.checkpoints import (
    BEST,
    LAST,
    TrainingState,
    load_last,
    read_header,
    run_header,
    save_last,
    without_times,
    write_tensors,
)
from explorer.training.evaluation import Counts, count_errors
from explorer.training.flow_recording import FlowRecorder
from explorer.training.preparing import check_fit, fabric_for, load_for, plan
from explorer.training.probing import ProbeTraining
from explorer.training.progress import Pace
from explorer.training.randomness import OwnRandomNumbers
from explorer.training.schedules import Schedule
from explorer.training.splits import DataSet
from explorer.training.start import start_from
from explorer.training.strategies import Strategy

STEP_SECONDS = 0.25
"""Least time between two `StepMetrics`."""

_COLOUR_SAMPLE = 1000
"""Pictures from which the colours' principal components are computed."""


def fit(
    model_config: ModelConfig,
    train_config: TrainConfig,
    callbacks: Sequence[Callback] = (),
    *,
    folder: Path | None = None,
    resume: bool = False,
    should_stop: Callable[[], bool] | None = None,
    dataset: DataSet | None = None,
    start_file: Path | None = None,
    on_progress: Callable[[float, str], None] | None = None,
) -> Training | ProbeTraining:
    """Train a net. Iterating over the result trains; it yields `StepMetrics` and `EpochMetrics`.

    The same configurations give the same curve on the same machine, bit for bit on a CPU, whether the training was
    interrupted and resumed or not.

    On several devices each has its part of every batch, and the gradients are averaged: without batch norm the curve
    is that of one device. Batch norm takes its statistics from a device's own part, so that with it the curve is
    another one; what is tested and saved has the first device's statistics.

    Args:
        model_config: the net; its classes, channels and picture size have to fit the data.
        train_config: how to train it.
        callbacks: told what happens.
        folder: where to write checkpoints: `last` after each epoch, `best` when the watched error improves.
        resume: go on from the folder's last checkpoint.
        should_stop: asked before each batch.
        dataset: what `load_dataset` gave, instead of loading `train_config.dataset`.
        start_file: file of weights to start from, where `train_config.start_from` names a run.
        on_progress: told the share done and what is being done while the data is read.

    Raises:
        ConfigError: net and data do not fit, or this machine has no such device.
        CheckpointError: a checkpoint that cannot be read or does not belong to this training.
        TrainingError: while training, a loss that is not finite or too little memory.

    >>> training = fit(ModelConfig("resnet8", image_size=8, in_channels=1), TrainConfig("digits", epochs=1, subset=20))
    >>> [metrics.epoch for metrics in training if isinstance(metrics, EpochMetrics)]
    [1]
    """
    if train_config.record_flow:
        callbacks = (*callbacks, FlowRecorder())
    kind: type[Training] | type[ProbeTraining] = ProbeTraining if train_config.strategy == "probe" else Training
    return kind(
        model_config,
        train_config,
        callbacks,
        folder=folder,
        resume=resume,
        should_stop=should_stop,
        dataset=dataset,
        start_file=start_file,
        on_progress=on_progress,
    )


class Training:
    """A training in progress. Made by `fit`; see there for the arguments.

    Attributes:
        model: the net that learns.
        optimizer: SGD over its parameters.
        dataset: what it learns from.
        augmentation: from stored pictures to what the net sees.
        resolved: what `auto` came to.
        device_name: the device in words.
        total_steps: batches of the whole run.
        start_epoch: epochs that were done before, when resumed.
        epoch: the epoch that is running, from 1.
        step: batches trained so far.
        history: the finished epochs; those before a resumption without their times.
        outcome: `finished` or `stopped` once iteration has ended by itself.
        is_main: whether this process is the one that reports; others are further devices' processes.
    """

    def __init__(
        self,
        model_config: ModelConfig,
        train_config: TrainConfig,
        callbacks: Sequence[Callback] = (),
        *,
        folder: Path | None = None,
        resume: bool = False,
        should_stop: Callable[[], bool] | None = None,
        dataset: DataSet | None = None,
        start_file: Path | None = None,
        on_progress: Callable[[float, str], None] | None = None,
    ) -> None:
        self.model_config, self.config, self.callbacks = model_config, train_config, tuple(callbacks)
        self.folder = folder
        self.outcome: Literal["finished", "stopped"] | None = None
        self._asked_to_stop = should_stop or (lambda: False)
        self._stop = False
        self.fabric = fabric_for(train_config)
        self.fabric.launch()
        self.is_main: bool = self.fabric.is_global_zero
        self.dataset = dataset or load_for(model_config, train_config, on_progress)
        check_fit(model_config, self.dataset)
        planned = plan(train_config, len(self.dataset.train), self.fabric.world_size)
        self.resolved, self._bounds, self.total_steps = planned.resolved, planned.bounds, planned.total_steps
        self.device_name = speed.device_name(self.fabric.device)
        self.model = create_model(model_config)
        if start_file is not None:
            self.started = start_from(self.model, model_config, start_file, self.dataset.summary.classes)
            self._normalise_as(read_header(start_file))
        elif train_config.start_from is not None and resume and folder is not None and (folder / LAST).exists():
            self._normalise_as(read_header(folder / LAST))
        self._set_up()
        self._open_checkpoint(resume)

    # ------------------------------------------------------------ before the first batch

    def _set_up(self) -> None:
        """The net on its device, the optimizer, the augmentation and the data."""
        train, device, data = self.config, self.fabric.device, self.dataset
        self.model.to(device)
        in_channels_last = self.resolved["memory_format"] == "channels_last"
        memory_format = torch.channels_last if in_channels_last else torch.contiguous_format
        if in_channels_last:
            self.model.to(memory_format=torch.channels_last)
        self.strategy = Strategy(self.model, train)
        self.optimizer = torch.optim.SGD(
            self.strategy.parameter_groups(),
            lr=train.lr,
            momentum=train.momentum,
            weight_decay=train.weight_decay,
            nesterov=train.nesterov and train.momentum > 0,
        )
        self.strategy.begin_epoch(0.0)  # several devices share the gradients of what is not frozen
        compiled = self.resolved["compile"] == "on"
        module = torch.compile(self.model, dynamic=False) if compiled else self.model
        self._module, self._optimizer = self.fabric.setup(module, self.optimizer, move_to_device=False)
        components = None
        if train.colour_shift:
            # From all over the data: pictures of one class stand together.
            some = torch.linspace(0, len(data.train) - 1, min(_COLOUR_SAMPLE, len(data.train))).long()
            components = colour_components(data.train.pictures(some))
        self.augmentation = Augmentation(
            train, data.mean, data.std, self.model_config.image_size, components, device, memory_format
        )
        self._train_split, self._test_split = on_device(data.train, device), on_device(data.test, device)
        self._val_split = None if data.val is None else on_device(data.val, device)
        self._random = OwnRandomNumbers(device)

    def _normalise_as(self, header: Mapping[str, Any]) -> None:
        """A net that has learned already sees its pictures as it has seen them: not by the new data's figures."""
        mean, std = tuple(header["mean"]), tuple(header["std"])
        if len(mean) == self.model_config.in_channels:
            self.dataset = dataclasses.replace(self.dataset, mean=mean, std=std)

    def _open_checkpoint(self, resume: bool) -> None:
        """Where training is: at its beginning, or where the folder's last checkpoint was written."""
        self.start_epoch, self.step, self.epoch = 0, 0, 0
        self.best_epoch, self.best_error = 0, math.inf
        self.history: list[EpochMetrics] = []
        self.schedule = Schedule(self.config, self.total_steps)
        if resume and self.folder is not None and (self.folder / LAST).exists():
            state, header = load_last(self.folder / LAST, self.model, self.optimizer)
            if not _same_settings(header, self._header()):
                message = f"The checkpoint in {self.folder} was written with other settings: start a new run."
                raise CheckpointError(message, key="checkpoint_settings", folder=str(self.folder))
            self.start_epoch = self.epoch = state.epoch
            self.step = state.step
            self.best_epoch, self.best_error = state.best_epoch, state.best_error
            self.schedule = Schedule(self.config, self.total_steps, state.schedule)
            self.history = [self._remembered(fields) for fields in state.history]
        self._pace = Pace(self.step, self.total_steps)

    def _header(self) -> dict[str, Any]:
        return run_header(self.model_config, self.config, self.resolved, self.dataset)

    # ------------------------------------------------------------ training

    def stop(self) -> None:
        """End the training before the next batch."""
        self._stop = True

    def __iter__(self) -> Iterator[StepMetrics | EpochMetrics]:
        """Train; yields `StepMetrics` a few times a second and `EpochMetrics` after each epoch."""
        self._tell("on_start")
        try:
            while self.step < self.total_steps and not self.schedule.state.ended:
                self.epoch += 1
                began = time.perf_counter()
                sums = yield from self._train_epoch()
                if sums is None:
                    break
                trained_seconds = time.perf_counter() - began
                metrics = self._end_epoch(sums, began, trained_seconds)
                if metrics is None:
                    break
                yield metrics
            else:
                self.outcome = "finished"
            self.outcome = self.outcome or "stopped"
        except torch.OutOfMemoryError as error:
            size = self.config.batch_size
            message = (
                f"A batch of {size} pictures does not fit into the memory of {self.device_name}: use a smaller one."
            )
            raise TrainingError(message, key="out_of_memory", size=size, device=self.device_name) from error
        except ValueError as error:
            if "more than 1 value per channel" not in str(error):
                raise
            message = "Batch norm needs more than one value per channel: use batch_size=2 or more, or larger pictures."
            raise TrainingError(message, key="one_value") from error
        finally:
            self._tell("on_end")

    def _train_epoch(self) -> Generator[StepMetrics, None, Tensor | None]:
        """Train one epoch; returns the sums of loss and errors and the number of pictures, None when stopped."""
        self.strategy.begin_epoch(self.step / self.total_steps)
        self._pace.start()
        rank, world = self.fabric.global_rank, self.fabric.world_size
        order = torch.randperm(len(self.dataset.train), generator=epoch_generator(self.config.seed, self.epoch))
        draws_from = epoch_generator(self.config.seed, self.epoch, purpose=1)
        self._random.seed(epoch_generator(self.config.seed, self.epoch, purpose=2).initial_seed() + rank)
        bounds = self._bounds[: self.total_steps - self.step]
        parts = [_part(start, end, rank, world) for start, end in bounds]
        batches = [order[part] for part in parts]
        sums = torch.zeros(3, dtype=self._sum_dtype, device=self.fabric.device)
        last_told = -math.inf
        reader = read_batches(self._train_split, batches, self.fabric.device)
        for (start, end), part in zip(bounds, parts, strict=True):
            if self._should_stop():
                return None
            pictures, labels = next(reader)
            draws = self.augmentation.draw(end - start, draws_from)
            draws = draws.part(slice(part.start - start, part.stop - start))
            lr = self.schedule.lr(self.step + 1)
            with self._random():
                batch_sums = self.train_batch(self.augmentation(pictures, draws), labels, lr)
            self.step += 1
            self._pace.step(end - start)
            sums += batch_sums
            now = time.perf_counter()
            due = now - last_told >= STEP_SECONDS
            if world > 1:  # a warm-up, and training itself, have to end at the same step in every process
                batch_sums = self._summed(batch_sums)
            if due or world > 1 or self.schedule.state.warming or self.fabric.device.type == "cpu":
                loss, error = self._checked(batch_sums)
                if self.schedule.state.warming:
                    self.schedule.after_step(error)
                if due:
                    last_told = now
                    yield StepMetrics(self.step, self.epoch, loss, error, lr, self._pace.progress())
            self._tell("on_step")
        self._checked(sums)
        return sums

    def train_batch(self, x: Tensor, labels: Tensor, lr: float) -> Tensor:
        """One step of the optimizer; sums of loss, wrong answers and pictures of this process's part, (3,)."""
        for group in self.optimizer.param_groups:
            group["lr"] = lr * group["scale"]
        logits = self._module(x)  # (n, classes)
        loss = F.cross_entropy(logits, labels, label_smoothing=self.config.label_smoothing)
        self.fabric.backward(loss)
        self._tell("on_backward")
        self._optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        with torch.no_grad():
            wrong = (logits.argmax(1) != labels).sum()
            count = torch.full_like(wrong, len(labels))
            return torch.stack([loss.detach() * len(labels), wrong, count]).to(self._sum_dtype)

    @property
    def _sum_dtype(self) -> torch.dtype:
        return torch.float32 if self.fabric.device.type == "mps" else torch.float64

    def _checked(self, sums: Tensor) -> tuple[float, float]:
        """Mean loss and error.

        Raises:
            TrainingError: the loss is not finite.
        """
        loss, wrong, count = sums.tolist()
        if not math.isfinite(loss):
            shown, lr = f"{loss / count:g}", self.schedule.lr(self.step)
            message = (
                f"The loss became {shown} by step {self.step} (epoch {self.epoch}), at a learning rate of {lr:.3g}: "
                f"try lr={self.config.lr / 10:.3g}, or batch norm if the net has none."
            )
            less = f"{self.config.lr / 10:.3g}"
            raise TrainingError(
                message, key="diverged", loss=shown, step=self.step, epoch=self.epoch, lr=f"{lr:.3g}", less=less
            )
        return loss / count, wrong / count

    # ------------------------------------------------------------ after an epoch

    def _end_epoch(self, sums: Tensor, began: float, trained_seconds: float) -> EpochMetrics | None:
        """Test, remember, write the checkpoint and tell; None when stopped meanwhile."""
        self._share_statistics()
        train_loss, wrong, count = self._summed(sums).tolist()
        test = self._test(self._test_split)
        val = None if self._val_split is None else self._test(self._val_split)
        if test is None or (self._val_split is not None and val is None):
            return None
        metrics = EpochMetrics(
            epoch=self.epoch,
            step=self.step,
            train_loss=train_loss / count,
            train_error=wrong / count,
            test_loss=test.loss / test.pictures,
            test_error=test.error,
            test_top5_error=test.top5_error(self.model_config.num_classes),
            val_error=None if val is None else val.error,
            lr=self.schedule.lr(self.step),
            seconds=time.perf_counter() - began,
            images_per_second=count / trained_seconds,
            progress=self._pace.progress(),
        )
        self.history.append(metrics)
        self.schedule.after_epoch(metrics.watched_error)
        improved = metrics.watched_error < self.best_error
        if improved:
            self.best_epoch, self.best_error = self.epoch, metrics.watched_error
        if self.folder is not None and self.is_main:
            self._save(self.folder, improved)
        for callback in self.callbacks:
            callback.on_epoch(self, metrics)
        return metrics

    def _test(self, split: Any) -> Counts | None:
        fabric = self.fabric
        counts = count_errors(
            self.model,
            split,
            self.augmentation,
            rank=fabric.global_rank,
            world_size=fabric.world_size,
            # Every process has to come to the sum below, so with several none leaves early.
            should_stop=self._should_stop if fabric.world_size == 1 else lambda: False,
        )
        if self._stop and fabric.world_size == 1:
            return None
        numbers = torch.tensor(dataclasses.astuple(counts), dtype=self._sum_dtype, device=fabric.device)
        pictures, loss, wrong, wrong_in_five = self._summed(numbers).tolist()
        return Counts(round(pictures), loss, round(wrong), round(wrong_in_five))

    def _share_statistics(self) -> None:
        """Test with one net: the batch statistics of the first process, which are those that a checkpoint keeps."""
        if self.fabric.world_size > 1:
            for buffer in self.model.buffers():
                torch.distributed.broadcast(buffer, src=0)

    def _summed(self, values: Tensor) -> Tensor:
        """The sum over all processes."""
        if self.fabric.world_size == 1:
            return values
        total = self.fabric.all_reduce(values, reduce_op="sum")
        assert isinstance(total, Tensor)
        return total

    def _save(self, folder: Path, improved: bool) -> None:
        header = self._header()
        # Times are left out: they differ between runs that are otherwise the same, byte for byte.
        history = [without_times(metrics) for metrics in self.history]
        if improved:
            write_tensors(folder / BEST, self.model.state_dict(), {**header, "metrics": history[-1]})
        state = TrainingState(self.epoch, self.step, self.best_epoch, self.best_error, self.schedule.state, history)
        save_last(folder / LAST, self.model, self.optimizer, state, header)

    def _remembered(self, fields: dict[str, Any]) -> EpochMetrics:
        progress = dataclasses.replace(Pace(fields["step"], self.total_steps).progress(), seconds_left=None)
        return EpochMetrics(**fields, seconds=0.0, images_per_second=0.0, progress=progress)

    # ------------------------------------------------------------ helpers

    def _should_stop(self) -> bool:
        """Whether to end now; all processes come to the same answer."""
        self._stop = self._stop or (self.is_main and self._asked_to_stop())
        if self.fabric.world_size > 1:
            asked = torch.tensor(float(self._stop), device=self.fabric.device)
            self._stop = bool(self._summed(asked).item())
        return self._stop

    def _tell(self, event: str) -> None:
        for callback in self.callbacks:
            getattr(callback, event)(self)


def _same_settings(written: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Whether two headers agree in what both of them say: a later version may know more figures."""
    for name, value in now.items():
        if isinstance(value, Mapping) and isinstance(written.get(name), Mapping):
            if any(written[name].get(key, own) != own for key, own in value.items()):
                return False
        elif written.get(name) != value:
            return False
    return True


def _part(start: int, end: int, rank: int, world_size: int) -> slice:
    """This process's part of a batch."""
    size = (end - start) // world_size
    return slice(start + rank * size, start + (rank + 1) * size)
