"""A run from the queue to its end, in the present process."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import metadata
from typing import TYPE_CHECKING

from explorer.errors import ExplorerError, TrainingError
from explorer.jobs.slots import slots_of
from explorer.run_results import EpochMetrics, Run, StepMetrics
from explorer.training.runs import RunStore

if TYPE_CHECKING:
    from pathlib import Path

    from explorer.training.callbacks import Callback
    from explorer.training.loop import Training
    from explorer.training.probing import ProbeTraining
    from explorer.training.splits import DataSet

# Nothing above imports torch: while a run waits for its turn, its process is to be small.

WAIT_SECONDS = 0.2
"""Between two looks at the queue."""

LOOK_SECONDS = 0.1
"""Least time between two looks whether somebody asked to stop."""

PATIENCE_SECONDS = 5.0
"""For memory that another process gives back as it ends."""

Metrics = StepMetrics | EpochMetrics

_has_trained = False
"""Whether this process has trained before: what it holds since then serves the next run."""


def run_here(
    store: RunStore,
    run: str,
    on_metrics: Callable[[Metrics], None] | None = None,
    *,
    on_wait: Callable[[int], None] | None = None,
    on_progress: Callable[[float, str], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    callbacks: Sequence[Callback] = (),
    dataset: DataSet | None = None,
    adopt: bool = True,
) -> Run:
    """Wait for the turn of a queued run, train it and record what happens; a run with a checkpoint goes on from it.

    In the processes of further devices, which the first one starts, it trains along and records nothing.

    Args:
        store: where the run is.
        run: its id or its name.
        on_metrics: told every step and epoch, after they are recorded.
        on_wait: told now and again how many runs are before this one.
        on_progress: told the share done and what is being done while the data is read.
        should_stop: asked now and again, beside the store.
        callbacks: of the training.
        dataset: what `load_dataset` gave, instead of loading what the run names.
        adopt: take the run over from whichever process waits with it; without, it is left alone where another one
            has taken it over.

    Returns:
        The run as it has ended: `finished`, or `stopped` when somebody asked for it.

    Raises:
        ExplorerError: why it failed; the run says the same.
        KeyboardInterrupt: the run is stopped then.
    """
    if not is_first_process():
        return _train_along(store, store.get(run), callbacks, dataset)
    queued = store.get(run)
    looked = _Look(store, queued.run_id, should_stop)
    with _recorded(store, queued):
        if adopt:
            store.adopt(queued.run_id, slots=store.slots(queued.run_id) or slots_of(queued.train))
        if _wait(store, queued.run_id, looked, on_wait):
            _train(store, queued, looked, on_metrics, on_progress, callbacks, dataset)
    return store.get(queued.run_id)


def is_first_process() -> bool:
    """Whether this process reports; others train on further devices of the same run."""
    return int(os.environ.get("RANK") or os.environ.get("LOCAL_RANK") or 0) == 0


class _AskedToStop(Exception):
    """Somebody asked to stop before training had begun."""


class _Look:
    """Whether somebody asked to stop; the store is looked at ten times a second at most."""

    def __init__(self, store: RunStore, run_id: str, should_stop: Callable[[], bool] | None) -> None:
        self.store, self.run_id, self.ask = store, run_id, should_stop or (lambda: False)
        self._next = 0.0
        self._asked = False

    def __call__(self) -> bool:
        now = time.monotonic()
        if not self._asked and now >= self._next:
            self._next = now + LOOK_SECONDS
            self._asked = self.store.stop_requested(self.run_id)
        return self._asked or self.ask()


def _wait(store: RunStore, run_id: str, look: _Look, on_wait: Callable[[int], None] | None) -> bool:
    """Wait until it is this run's turn; False where it was stopped before."""
    while (state := store.claim(run_id)) == "waiting":
        if look.ask():
            raise _AskedToStop
        if on_wait is not None:
            on_wait(store.revision(run_id)[2])
        time.sleep(WAIT_SECONDS)
    return state == "claimed"


def _train(
    store: RunStore,
    run: Run,
    look: _Look,
    on_metrics: Callable[[Metrics], None] | None,
    on_progress: Callable[[float, str], None] | None,
    callbacks: Sequence[Callback],
    dataset: DataSet | None,
) -> None:
    began = time.monotonic()  # before the imports: they are a part of what a run takes
    from explorer.jobs.memory import out_of_memory

    def spent() -> float:
        return run.wall_seconds + time.monotonic() - began

    def reading(share: float, what: str) -> None:
        if look():  # reading may mean fetching gigabytes
            raise _AskedToStop
        if on_progress is not None:
            on_progress(share, what)

    global _has_trained
    _check_memory(run, look)
    _has_trained = True
    folder = store.folder(run.run_id)
    for left in folder.glob(".*.part"):  # of a process that was killed while it wrote a checkpoint
        left.unlink(missing_ok=True)
    try:
        training = _fit(store, run, callbacks, dataset, look, reading)
        _begin(store, run, training)
        for metrics in training:
            if isinstance(metrics, EpochMetrics):
                store.record_epoch(run.run_id, metrics, wall_seconds=spent())
            else:
                store.record_step(run.run_id, metrics, wall_seconds=spent())
            if on_metrics is not None:
                on_metrics(metrics)
    except (TrainingError, RuntimeError, MemoryError) as error:
        if not _is_out_of_memory(error):
            raise
        raise out_of_memory(run.model, run.train) from error
    store.finish(run.run_id, training.outcome or "stopped", wall_seconds=spent())


def _check_memory(run: Run, look: _Look) -> None:
    """The run before this one may just be about to end, so it gets a few seconds to give back what it has."""
    from explorer.jobs.memory import check_memory

    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return check_memory(run.model, run.train, held=_has_trained)
        except TrainingError:
            if time.monotonic() > end:
                raise
        if look():
            raise _AskedToStop
        time.sleep(WAIT_SECONDS)


def _fit(
    store: RunStore,
    run: Run,
    callbacks: Sequence[Callback],
    dataset: DataSet | None,
    should_stop: Callable[[], bool] | None = None,
    on_progress: Callable[[float, str], None] | None = None,
) -> Training | ProbeTraining:
    from explorer.training.loop import fit

    return fit(
        run.model,
        run.train,
        callbacks,
        folder=store.folder(run.run_id),
        resume=True,  # where there is no checkpoint, this is the beginning
        should_stop=should_stop,
        dataset=dataset,
        start_file=_start_file(store, run),
        on_progress=on_progress,
    )


def _train_along(store: RunStore, run: Run, callbacks: Sequence[Callback], dataset: DataSet | None) -> Run:
    for _ in _fit(store, run, callbacks, dataset):
        pass
    return run


def _start_file(store: RunStore, run: Run) -> Path | None:
    """The file to start from; none where the run goes on from a checkpoint of its own."""
    from explorer.training.checkpoints import LAST
    from explorer.training.trained import weights_file

    if run.train.start_from is None or (store.folder(run.run_id) / LAST).exists():
        return None
    return weights_file(run.train.start_from, store)


def _begin(store: RunStore, run: Run, training: Training | ProbeTraining) -> None:
    store.begin(
        run.run_id,
        total_steps=training.total_steps,
        device=training.device_name,
        resolved=training.resolved,
        versions=versions(),
        epoch=training.start_epoch,
        step=training.step,
        history=training.history,
    )


def versions() -> dict[str, str]:
    """What a run is trained with."""
    return {
        "python": platform.python_version(),
        "torch": metadata.version("torch"),
        "explorer": metadata.version("explorer"),
    }


def _is_out_of_memory(error: Exception) -> bool:
    if isinstance(error, TrainingError):
        return error.key == "out_of_memory"
    named = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
    # The words of torch's allocators: on a CPU, there on Windows, on MPS and for a GPU's libraries.
    words = ("can't allocate memory", "not enough memory", "out of memory")
    return named or (isinstance(error, RuntimeError) and any(some in str(error) for some in words))


@contextmanager
def _recorded(store: RunStore, run: Run) -> Iterator[None]:
    """Note in the store how the body has ended, if it has not ended by itself."""
    try:
        yield
    except _AskedToStop:
        store.finish(run.run_id, "stopped")
    except (KeyboardInterrupt, SystemExit):
        with suppress(ExplorerError):
            store.finish(run.run_id, "stopped")
        raise
    except Exception as error:
        with suppress(ExplorerError):  # where the store itself is the trouble, the first error says more
            store.finish(run.run_id, "failed", error=error)
        raise
