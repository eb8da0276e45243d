"""A linear probe as a training: features once, then the head in one go. `fit` makes it for the strategy `probe`."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from explorer.config import ModelConfig
from explorer.models.create import create_model
from explorer.models.stages import head_of
from explorer.run_results import EpochMetrics, Progress
from explorer.train_config import TrainConfig
from explorer.training import speed
from explorer.training.augment import Augmentation
from explorer.training.batches import on_device
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
from explorer.training.features import stage_features
from explorer.training.linear import fit_linear
from explorer.training.preparing import check_fit, load_for
from explorer.training.schedules import ScheduleState
from explorer.training.splits import DataSet, Split
from explorer.training.start import start_from

_PLAIN = {"flip": False, "crop_padding": 0, "scale_jitter": (), "colour_shift": 0.0, "colour_jitter": 0.0}
"""Features are computed once: nothing is drawn."""


class ProbeTraining:
    """A linear probe in progress, with the face of a `Training`. Made by `fit`; see there for the arguments.

    It has one step and one epoch: the head's best weights on the features of the training pictures, as they are,
    without augmentation.
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
        self.model_config, self.callbacks, self.folder = model_config, tuple(callbacks), folder
        self.config = train_config
        self.is_main, self.total_steps, self.start_epoch, self.step, self.epoch = True, 1, 0, 0, 0
        self.outcome: Literal["finished", "stopped"] | None = None
        self.history: list[EpochMetrics] = []
        self._stopped, self._asked_to_stop = False, should_stop or (lambda: False)
        self._on_progress = on_progress or (lambda share, what: None)
        plain = train_config.replace(**_PLAIN)
        self.dataset = dataset or load_for(model_config, plain, on_progress)
        check_fit(model_config, self.dataset)
        device = speed.resolve_device(train_config.device)
        self.resolved = {**speed.resolve(train_config, 0), "precision": "float32", "compile": "off"}
        self.device_name = speed.device_name(device)
        self.model = create_model(model_config)
        checkpoint = None if folder is None or not resume else folder / LAST
        going_on = checkpoint is not None and checkpoint.exists()
        if start_file is not None:
            self.started = start_from(self.model, model_config, start_file, self.dataset.summary.classes)
        if (source := checkpoint if going_on else start_file) is not None:
            header = read_header(source)
            if len(header["mean"]) == model_config.in_channels:
                mean, std = tuple(header["mean"]), tuple(header["std"])
                self.dataset = dataclasses.replace(self.dataset, mean=mean, std=std)
        if going_on and checkpoint is not None:
            state, _ = load_last(checkpoint, self.model, torch.optim.SGD(self.model.parameters()))
            self.start_epoch = self.epoch = self.step = state.epoch
            done = Progress(1.0, None, None)
            self.history = [EpochMetrics(**h, seconds=0.0, images_per_second=0.0, progress=done) for h in state.history]
        self.model.to(device)
        self.augmentation = Augmentation(
            plain, self.dataset.mean, self.dataset.std, model_config.image_size, device=device
        )

    def stop(self) -> None:
        """End before the next batch of features."""
        self._stopped = True

    def __iter__(self) -> Iterator[EpochMetrics]:
        """Fit the head; yields the one `EpochMetrics`."""
        self._tell("on_start")
        try:
            if not self.history:
                try:
                    metrics = self._fitted()
                except _StoppedError:
                    self.outcome = "stopped"
                    return
                for callback in self.callbacks:
                    callback.on_epoch(self, metrics)  # type: ignore[arg-type]
                yield metrics
            self.outcome = "finished"
        finally:
            self._tell("on_end")

    def _fitted(self) -> EpochMetrics:
        began, data = time.perf_counter(), self.dataset
        train = self._features(data.train, 0.0, 0.6)
        test = self._features(data.test, 0.6, 0.9)
        val = None if data.val is None else self._features(data.val, 0.9, 1.0)
        head = head_of(self.model)
        weight, bias = fit_linear(train, data.train.labels, self.model_config.num_classes)
        with torch.no_grad():
            head.weight.copy_(weight)
            head.bias.copy_(bias)
        train_loss, train_error, _ = _errors(train, data.train.labels, weight, bias)
        test_loss, test_error, test_top5 = _errors(test, data.test.labels, weight, bias)
        seconds = time.perf_counter() - began
        self.epoch = self.step = 1
        metrics = EpochMetrics(
            epoch=1,
            step=1,
            train_loss=train_loss,
            train_error=train_error,
            test_loss=test_loss,
            test_error=test_error,
            test_top5_error=test_top5,
            val_error=None if data.val is None or val is None else _errors(val, data.val.labels, weight, bias)[1],
            lr=0.0,
            seconds=seconds,
            images_per_second=len(data.train) / seconds,
            progress=Progress(1.0, len(data.train) / seconds, 0.0),
        )
        self.history.append(metrics)
        if self.folder is not None:
            self._save(self.folder, metrics)
        return metrics

    def _features(self, split: Split, low: float, high: float) -> Tensor:
        def report(share: float) -> None:
            if self._stopped or self._asked_to_stop():
                raise _StoppedError
            self._on_progress(low + share * (high - low), "computing features")

        report(0.0)  # also where the features are known already
        where = on_device(split, self.augmentation.device)
        [features] = stage_features(self.model, where, self.augmentation, on_progress=report).values()
        return features

    def _save(self, folder: Path, metrics: EpochMetrics) -> None:
        header: dict[str, Any] = run_header(
            self.model_config, self.config.replace(**_PLAIN), self.resolved, self.dataset
        )
        history = [without_times(metrics)]
        write_tensors(folder / BEST, self.model.state_dict(), {**header, "metrics": history[0]})
        state = TrainingState(1, 1, 1, metrics.watched_error, ScheduleState(), history)
        save_last(folder / LAST, self.model, None, state, header)

    def _tell(self, event: str) -> None:
        for callback in self.callbacks:
            getattr(callback, event)(self)


class _StoppedError(Exception):
    """Somebody asked to stop."""


def _errors(features: Tensor, labels: Tensor, weight: Tensor, bias: Tensor) -> tuple[float, float, float | None]:
    """Mean cross entropy, top-1 error and, with more than five classes, top-5 error."""
    logits = features @ weight.T + bias  # (N, classes)
    best = logits.topk(min(5, logits.shape[1]), dim=1).indices  # (N, up to 5)
    hits = best == labels[:, None]
    top5 = 1 - hits.any(1).double().mean().item() if logits.shape[1] > 5 else None
    return F.cross_entropy(logits, labels).item(), 1 - hits[:, 0].double().mean().item(), top5
