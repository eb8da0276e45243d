"""What a training will take, before it begins: its time, from what this machine has shown it can do, and its memory.

Time is computed from the layer table and a calibration of this machine in float32, and then corrected by what
trainings took here: those of the store, or, where there are none yet, a few seconds of a small one in a process of
its own.
"""

from __future__ import annotations

import functools
import logging
import math
import statistics
import subprocess
import threading
from collections import OrderedDict
from dataclasses import dataclass

from explorer import units
from explorer.analysis.cost import training_cost
from explorer.app.training_store import store
from explorer.config import ModelConfig
from explorer.errors import ExplorerError
from explorer.jobs.memory import free_bytes, needed_bytes
from explorer.jobs.slots import slots_of
from explorer.language import text
from explorer.lessons.pace import measure_paces
from explorer.progress import duration
from explorer.run_results import Run
from explorer.train_config import TrainConfig
from explorer.training.datasets import DATASETS, DatasetInfo
from explorer.training.speed import resolve

_RECENT = 8
_MOST_KNOWN = 512
"""Forecasts that are remembered; each figure that somebody tries out makes one."""

_FORWARD_SHARE = 1 / 3
"""Of a training step: the backward pass takes about twice as long as the forward pass."""


@dataclass(frozen=True)
class Forecast:
    """What a training will take.

    Attributes:
        pictures: training pictures in an epoch.
        epochs: passes over them; a part of one counts as a part.
        seconds: from start to end, without waiting.
        measured: whether `seconds` rests on trainings of this machine; without, it is what float32 would take.
        needed_bytes: of memory, at its peak.
        free_bytes: of memory, now.
    """

    pictures: int
    epochs: float
    seconds: float
    measured: bool
    needed_bytes: int
    free_bytes: int


@dataclass(frozen=True)
class _Experience:
    """What trainings took here.

    Attributes:
        factor: seconds of a batch, as a multiple of what was computed for it in float32.
        overhead: seconds beside the epochs: the process, the data, the first batches.
    """

    factor: float
    overhead: float


_known: OrderedDict[tuple[ModelConfig, TrainConfig], float] = OrderedDict()
_tried: dict[tuple[str, str], _Experience] = {}
_trying: dict[tuple[str, str], threading.Thread] = {}
_lock = threading.Lock()
_log = logging.getLogger("explorer.app")


def pictures_in_epoch(train: TrainConfig, info: DatasetInfo) -> tuple[int, int]:
    """Training and test pictures of an epoch, as far as the data's description says."""
    count = info.train_pictures if info.test_pictures else round(0.8 * info.train_pictures)
    tested = info.test_pictures or info.train_pictures - count
    if train.subset is not None:
        count = min(count, train.subset * info.num_classes)
    if train.test_subset is not None:
        tested = min(tested, train.test_subset * info.num_classes)
    return max(1, round(count * (1 - train.validation_share))), tested + round(count * train.validation_share)


def forecast(model: ModelConfig, train: TrainConfig, info: DatasetInfo) -> Forecast:
    """What a training will take. The first one in a process calibrates it, which takes one to three seconds.

    Args:
        model: the net, fitted to the data.
        train: how to train it.
        info: the data.

    Raises:
        ExplorerError: the net cannot be traced, or this machine has no such device.
    """
    count, tested = pictures_in_epoch(train, info)
    per_epoch = math.ceil(count / train.batch_size)
    epochs = train.epochs or (train.iterations or 1) / per_epoch
    device = min(slots_of(train))
    experience = experience_of(device, _precision(train))
    batch = min(train.batch_size, count)
    step = float32_seconds(model, batch, device) * (1.0 if experience is None else experience.factor)
    test = tested * step / batch * _FORWARD_SHARE
    seconds = epochs * (per_epoch * step + test) + (0.0 if experience is None else experience.overhead)
    with _lock:
        _known[model, train] = seconds
        _known.move_to_end((model, train))
        while len(_known) > _MOST_KNOWN:
            _known.popitem(last=False)
    needed, free = needed_bytes(model, train, device), free_bytes(device)
    return Forecast(count, epochs, seconds, experience is not None, needed, free)


def _precision(train: TrainConfig) -> str:
    return str(resolve(train, 0)["precision"])


def known_seconds(run: Run) -> float | None:
    """What was forecast for a run before it was started in this process; of what nobody asked for long, nothing."""
    key = run.model, run.train
    with _lock:
        if key in _known:
            _known.move_to_end(key)
        return _known.get(key)


@functools.lru_cache(maxsize=512)
def float32_seconds(model: ModelConfig, batch_size: int, device: str) -> float:
    """Seconds of a training step in float32, as computed."""
    return training_cost(model, batch_size, device=device).seconds


def experience_of(device: str, precision: str) -> _Experience | None:
    """What this machine's trainings say, or else what was tried out; None where nothing is known."""
    similar = [run for run in store().list() if _counts(run, device, precision)][:_RECENT]
    if not similar:
        return _tried.get((device, precision))
    factors, overheads = [], []
    for run in similar:
        batch = run.train.batch_size
        rate = statistics.median(metrics.images_per_second for metrics in run.epochs if metrics.images_per_second)
        factors.append(batch / rate / float32_seconds(run.model, batch, device))
        if run.status == "finished":
            overheads.append(max(0.0, run.wall_seconds - sum(metrics.seconds for metrics in run.epochs)))
    return _Experience(statistics.median(factors), statistics.median(overheads) if overheads else 0.0)


def try_out_meanwhile(train: TrainConfig) -> bool:
    """Train a small net for a few seconds, in a process of its own, where nothing is known of this machine.

    Args:
        train: what will be trained; its device and precision matter.

    Returns:
        Whether that goes on: not where something trains, which it would disturb, nor where it has failed before.
    """
    key = min(slots_of(train)), _precision(train)
    with _lock:
        if key in _trying:
            return _trying[key].is_alive()
        if any(run.is_live for run in store().list()):
            return False
        _trying[key] = threading.Thread(target=_try_out, args=(train, *key), daemon=True)
        _trying[key].start()
        return True


def _try_out(train: TrainConfig, device: str, precision: str) -> None:
    model = ModelConfig("resnet20", num_classes=DATASETS["textures"].num_classes)
    small = TrainConfig("textures", device=train.device, precision=train.precision)
    try:
        paces = measure_paces([(model, small)])
    except (ExplorerError, OSError, subprocess.SubprocessError):
        _log.exception("trying out how fast %s trains failed", device)
        return
    factor = paces.nets[0].batch / float32_seconds(model, small.batch_size, device)
    _tried[device, precision] = _Experience(factor, paces.start + paces.load + paces.nets[0].begin)


def _counts(run: Run, device: str, precision: str) -> bool:
    measured = any(metrics.images_per_second for metrics in run.epochs)
    alike = run.resolved.get("device") == device and run.resolved.get("precision") == precision
    return measured and alike and run.train.devices == 1


def sentences(found: Forecast, language: str) -> tuple[str, str]:
    """Time and memory, in a sentence each."""
    key = "train.forecast.time" if found.measured else "train.forecast.most"
    time = text(
        key,
        language,
        time=duration(found.seconds, language),
        pictures=units.exact(found.pictures),
        epochs=f"{found.epochs:.3g}" if found.epochs < 100 else units.exact(round(found.epochs)),
    )
    key = "train.forecast.memory" if found.needed_bytes <= found.free_bytes else "train.forecast.too_much"
    return time, text(key, language, needed=units.size(found.needed_bytes), free=units.size(found.free_bytes))
