"""Trainings in worker processes: submit, stop, resume, and end them all with the app that started them."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Sequence

from explorer.config import ModelConfig
from explorer.errors import ExplorerError
from explorer.jobs.slots import slots_of
from explorer.run_results import Run
from explorer.train_config import TrainConfig
from explorer.training.runs import RunStore

LOG = "log.txt"
"""What a worker printed, in the run's folder."""

_LOCK = threading.Lock()
_WORKERS: dict[tuple[str, str], subprocess.Popen[bytes]] = {}
"""The workers that this process has started, by store and run."""


def submit(
    store: RunStore,
    model: ModelConfig,
    train: TrainConfig,
    *,
    name: str | None = None,
    group: str = "",
    owner: str = "",
) -> Run:
    """Queue a training. A process of its own waits for the devices and trains, whatever becomes of this one.

    Args:
        store: where to record it.
        model: the net.
        train: how to train it.
        name: unique in the store; default: made from the net's.
        group: what it belongs to.
        owner: who starts it.

    Raises:
        TrainingError: it needs more memory than is free.
        StoreError: the name is taken, or the store cannot be written.
        ConfigError: this machine has no such device.
    """
    check(store, model, train)
    run = store.create(model, train, name=name, group=group, owner=owner)
    try:
        _start(store, run)
    except BaseException:
        store.request_stop(run.run_id)
        store.delete(run.run_id)
        raise
    return store.get(run.run_id)


def submit_all(
    store: RunStore, pairs: Sequence[tuple[ModelConfig, TrainConfig]], *, group: str, owner: str = ""
) -> list[Run]:
    """Queue trainings that belong together. One process trains them all, one after the other: many short ones.

    Args:
        store: where to record them.
        pairs: the nets, and how to train each.
        group: what they belong to.
        owner: who starts them.

    Raises:
        TrainingError: one needs more memory than is free.
        StoreError: the store cannot be written.
        ConfigError: this machine has no such device.
    """
    for model, train in dict.fromkeys(pairs):
        check(store, model, train)
    runs: list[Run] = []
    try:
        for model, train in pairs:
            runs.append(store.create(model, train, group=group, owner=owner))
        _start(store, *runs)
    except BaseException:
        for run in reversed(runs):
            store.request_stop(run.run_id)
            store.delete(run.run_id)
        raise
    return [store.get(run.run_id) for run in runs]


def resume(store: RunStore, run: str) -> Run:
    """Queue a run again that was stopped, has failed or was interrupted; it goes on from its last finished epoch.

    Raises:
        StoreError: it has finished, or is training or waiting.
        TrainingError: it needs more memory than is free.
    """
    old = store.get(run)
    if old.status in ("stopped", "failed", "interrupted"):
        check(store, old.model, old.train)
    again = store.requeue(run)
    try:
        _start(store, again)
    except BaseException:
        store.request_stop(again.run_id)
        raise
    return store.get(again.run_id)


def resume_all(store: RunStore, runs: Sequence[str]) -> None:
    """Queue runs again that belong together, in one process as `submit_all` does.

    Raises:
        StoreError: one has finished, or is training or waiting.
        TrainingError: one needs more memory than is free.
    """
    old = [store.get(run) for run in runs]
    for model, train in dict.fromkeys((run.model, run.train) for run in old):
        check(store, model, train)
    again: list[Run] = []
    try:
        for run in runs:
            again.append(store.requeue(run))
        if again:
            _start(store, *again)
    except BaseException:
        for requeued in reversed(again):
            store.request_stop(requeued.run_id)
        raise


def stop(store: RunStore, run: str) -> None:
    """Stop a run: a queued one at once, a running one within a batch; its checkpoints are kept. Others stay as is."""
    store.request_stop(run)


def stop_all(store: RunStore, *, within_seconds: float = 10.0) -> None:
    """Stop the runs of all workers that this process has started, and wait until they have ended.

    A worker that does not end in time is killed; its run shows as interrupted. All of them can be resumed.

    Args:
        store: their store.
        within_seconds: time for all of them together.
    """
    with _LOCK:
        workers = {key[1]: worker for key, worker in _WORKERS.items() if key[0] == str(store.path)}
    for run_id, worker in workers.items():
        if worker.poll() is None:
            try:
                store.request_stop(run_id)
            except ExplorerError:
                worker.terminate()
    end = time.monotonic() + within_seconds
    for worker in workers.values():
        try:
            worker.wait(max(0.0, end - time.monotonic()))
        except subprocess.TimeoutExpired:
            worker.kill()
            worker.wait()
    _forget_ended()


def check(store: RunStore, model: ModelConfig, train: TrainConfig) -> None:
    """Refuse what cannot fit; what trains now on the same devices will have ended when its turn comes.

    Raises:
        TrainingError: it needs more memory than will be free.
        ConfigError: this machine has no such device.
    """
    from explorer.jobs.memory import check_memory

    live = [run for run in store.list() if run.status == "running"]
    slots = slots_of(train) if live else frozenset()
    check_memory(model, train, running=tuple(run for run in live if slots & store.slots(run.run_id)))


def worker_of(store: RunStore, run_id: str) -> subprocess.Popen[bytes] | None:
    """The process that this one has started for a run, while it runs."""
    _forget_ended()
    return _WORKERS.get((str(store.path), run_id))


def _start(store: RunStore, *runs: Run) -> None:
    _forget_ended()
    for run in runs:
        store.adopt(run.run_id, slots=slots_of(run.train))  # its place in the queue is from now on
    ids = [run.run_id for run in runs]
    command = [sys.executable, "-u", "-m", "explorer.jobs.worker", str(store.path), *ids]
    try:
        with (store.folder(ids[0]) / LOG).open("ab") as log:
            # A session of its own: Ctrl-C in the app's terminal is for the app, which then stops its workers itself.
            worker = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
    except OSError as error:
        message = f"The training process could not be started ({error.strerror})."
        raise ExplorerError(message, key="worker_start", reason=error.strerror) from error
    with _LOCK:
        for run_id in ids:
            _WORKERS[str(store.path), run_id] = worker
    # So that the system forgets it when it ends, whether or not anybody asks for it then.
    threading.Thread(target=worker.wait, name=f"end-of-{ids[0]}", daemon=True).start()
    for run_id in ids:
        store.adopt(run_id, pid=worker.pid)


def _forget_ended() -> None:
    """Drop workers that have ended."""
    with _LOCK:
        for key in [key for key, worker in _WORKERS.items() if worker.poll() is not None]:
            del _WORKERS[key]
