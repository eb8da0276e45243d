"""How long training takes here, measured by a little of it: `python -m explorer.lessons.pace` in a process of its own.

What is measured is what a worker does: the process starts, reads the data, builds the net, trains batches with the
loop's own settings, tests, and writes checkpoints. A process of its own keeps the page quick meanwhile, and what it
takes to start is measured with it.
"""

from __future__ import annotations

import dataclasses
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from explorer.config import ModelConfig
from explorer.errors import ExplorerError
from explorer.jobs.worker import NICER
from explorer.train_config import TrainConfig
from explorer.training.callbacks import Callback

if TYPE_CHECKING:
    from explorer.training.loop import Training
    from explorer.training.splits import DataSet

SECONDS_A_NET = 2.0
"""About what measuring a net may take."""

_WARM_UP = 2
"""Batches that do not count: the first ones plan their convolutions and take memory from the system."""

_LEAST_BATCHES = 3
_TEST_PICTURES = 128
_GIVE_UP_SECONDS = 600.0


@dataclass(frozen=True)
class Pace:
    """What the parts of a training take, in seconds.

    Attributes:
        begin: building the net and whatever the first batches take longer than later ones.
        batch: a batch.
        test: a test picture.
        save: writing an epoch's checkpoints.
    """

    begin: float
    batch: float
    test: float
    save: float


@dataclass(frozen=True)
class Paces:
    """What a lesson's nets take here.

    Attributes:
        start: starting a process and importing what trains, in seconds.
        load: reading the data, in seconds.
        loaded_pictures: how many training pictures were read for that.
        nets: one for each net, in their order.
        device: in words.
        seconds: what measuring took.
    """

    start: float
    load: float
    loaded_pictures: int
    nets: tuple[Pace, ...]
    device: str
    seconds: float


def measure_paces(nets: Sequence[tuple[ModelConfig, TrainConfig]], seconds: float = SECONDS_A_NET) -> Paces:
    """Measure in a new process; it takes some seconds.

    Args:
        nets: each with its training; of that, data, batch size, augmentation, precision and device matter.
        seconds: about what measuring a net may take; some batches have to be trained in any case.

    Raises:
        ExplorerError: the data cannot be read, or measuring failed; the sentence says why.
    """
    nets_asked = [{"model": _fields(model), "train": train.as_dict()} for model, train in nets]
    asked = {"seconds": seconds, "nets": nets_asked}
    began = time.time()
    command = [sys.executable, "-m", "explorer.lessons.pace"]
    done = subprocess.run(
        command, input=json.dumps(asked), capture_output=True, text=True, timeout=_GIVE_UP_SECONDS, check=False
    )
    try:
        answer = json.loads(done.stdout.strip().splitlines()[-1])
    except (IndexError, ValueError) as error:
        reason = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1][:200]
        message = f"How fast this machine trains could not be measured ({reason})."
        raise ExplorerError(message, key="no_pace", reason=reason) from error
    if "error" in answer:
        refused = ExplorerError(answer["error"])  # as it was raised there
        refused.key, refused.values = answer["key"], answer["values"]
        raise refused
    return Paces(
        start=answer["ready"] - began,
        load=answer["load"],
        loaded_pictures=answer["loaded_pictures"],
        nets=tuple(Pace(**net) for net in answer["nets"]),
        device=answer["device"],
        seconds=time.time() - began,
    )


class _Clock(Callback):
    """Notes when batches and epochs end, and says when there are enough of them."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.batches: list[float] = []
        self.after_epoch: list[float] = []
        self._last = self._began = time.perf_counter()

    def on_start(self, training: Training) -> None:
        self._last = self._began = time.perf_counter()

    def on_step(self, training: Training) -> None:
        self.batches.append(self._elapsed())

    def on_epoch(self, training: Training, metrics: object) -> None:
        self.after_epoch.append(self._elapsed())

    def _elapsed(self) -> float:
        now = time.perf_counter()
        self._last, elapsed = now, now - self._last
        return elapsed

    def enough(self) -> bool:
        counted = len(self.batches) - _WARM_UP
        late = time.perf_counter() - self._began > self.seconds
        return late and counted >= _LEAST_BATCHES and bool(self.after_epoch)


def measure_pace(model: ModelConfig, train: TrainConfig, dataset: DataSet, seconds: float = SECONDS_A_NET) -> Pace:
    """Train a little, in this process.

    Args:
        model: the net.
        train: how to train it.
        dataset: a few batches of its data.
        seconds: about what it may take.
    """
    from explorer.training.evaluation import count_errors
    from explorer.training.loop import fit

    began = time.perf_counter()
    clock = _Clock(seconds)
    with tempfile.TemporaryDirectory() as folder:
        training = fit(
            model,
            train.replace(epochs=1000),
            [clock],
            folder=Path(folder),
            dataset=dataset,
            should_stop=clock.enough,
        )
        begin = time.perf_counter() - began
        for _ in training:
            pass
    tested = time.perf_counter()
    count_errors(training.model, dataset.test, training.augmentation)
    test = time.perf_counter() - tested
    batch = statistics.median(clock.batches[_WARM_UP:])
    slow_start = sum(clock.batches[:_WARM_UP]) - _WARM_UP * batch
    return Pace(
        begin=begin + max(0.0, slow_start),
        batch=batch,
        test=test / len(dataset.test),
        save=max(0.0, statistics.median(clock.after_epoch) - test),
    )


def _main() -> dict[str, Any]:
    """Measure what standard input asks for."""
    asked = json.loads(sys.stdin.read())
    if hasattr(os, "nice"):
        os.nice(NICER)  # as the worker is
    import torch

    from explorer.training import loop, speed  # noqa: F401  what a worker imports before it trains
    from explorer.training.augment import stored_side
    from explorer.training.data import load_dataset

    ready = time.time()
    speed.keep_freed_memory()
    nets = [(ModelConfig(**net["model"]), TrainConfig.from_dict(net["train"])) for net in asked["nets"]]
    model, train = nets[0]
    began = time.perf_counter()
    dataset = load_dataset(
        train.dataset,
        image_size=stored_side(train, model.image_size),
        channels=model.in_channels,
        subset=max(1, round(_LEAST_BATCHES * train.batch_size / model.num_classes)),
        test_subset=max(1, _TEST_PICTURES // model.num_classes),
        seed=train.seed,
    )
    load = time.perf_counter() - began
    return {
        "ready": ready,
        "load": load,
        "loaded_pictures": len(dataset.train),
        "nets": [dataclasses.asdict(measure_pace(model, train, dataset, asked["seconds"])) for model, train in nets],
        "device": speed.device_name(torch.device(str(speed.resolve(train, 0)["device"]))),
    }


def _fields(model: ModelConfig) -> Mapping[str, Any]:
    return {"arch": model.arch, **model.overrides()}


def _answer() -> dict[str, Any]:
    try:
        return _main()
    except ExplorerError as error:
        values = {name: str(value) for name, value in error.values.items()}
        return {"error": str(error), "key": error.key, "values": values}


if __name__ == "__main__":
    print(json.dumps(_answer()))
