"""Trainings in processes of their own: one after the other, stopped, killed, resumed, and ended with the app."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import psutil
import pytest

from explorer.config import ModelConfig
from explorer.errors import ExplorerError, TrainingError
from explorer.jobs import memory, queue
from explorer.jobs.queue import resume, stop, stop_all, submit, worker_of
from explorer.run_results import Run
from explorer.train_config import TrainConfig
from explorer.training.run_database import StoreError
from explorer.training.runs import RunStore


@pytest.fixture(autouse=True)
def no_worker_is_left(store: RunStore) -> Iterator[None]:
    yield
    stop_all(store, within_seconds=5)


def wait_until(store: RunStore, run: Run, reached: Callable[[Run], bool], seconds: float = 90) -> Run:
    end = time.monotonic() + seconds
    while not reached(now := store.get(run.run_id)):
        log = (store.folder(run.run_id) / queue.LOG).read_text(encoding="utf-8")
        assert now.status != "failed", log
        assert time.monotonic() < end, f"{now.status} {log}"
        time.sleep(0.05)
    return now


def test_two_at_once_run_one_after_the_other(store: RunStore, net: ModelConfig, endless: TrainConfig) -> None:
    first, second = (submit(store, net, endless, owner="ann") for _ in range(2))
    assert (first.name, second.name, first.owner) == ("resnet8-1", "resnet8-2", "ann")
    assert (first.position, second.position) == (0, 1)
    wait_until(store, first, lambda run: len(run.epochs) >= 2)
    waiting = store.get(second.run_id)
    assert (waiting.status, waiting.position, waiting.steps) == ("queued", 1, ())
    worker = worker_of(store, second.run_id)
    assert worker is not None
    assert psutil.Process(worker.pid).memory_info().rss < 120e6  # without torch
    with pytest.raises(StoreError, match="The run resnet8-1 is running already"):
        resume(store, first.run_id)

    stop(store, first.run_id)
    stopped = wait_until(store, first, lambda run: not run.is_live, seconds=10)
    assert stopped.status == "stopped"
    assert (store.folder(first.run_id) / "best.safetensors").exists()

    wait_until(store, second, lambda run: run.status == "running")  # its turn has come
    worker.send_signal(signal.SIGKILL if sys.platform != "win32" else signal.SIGTERM)
    interrupted = wait_until(store, second, lambda run: not run.is_live, seconds=5)
    assert interrupted.status == "interrupted"

    again = resume(store, first.run_id)
    assert again.status == "queued"
    going_on = wait_until(store, first, lambda run: len(run.epochs) > len(stopped.epochs))
    assert going_on.epochs[: len(stopped.epochs)] == stopped.epochs
    began = time.monotonic()
    stop_all(store)
    assert time.monotonic() - began < 10
    assert store.get(first.run_id).status == "stopped"
    assert worker_of(store, first.run_id) is None
    assert [run.is_live for run in store.list()] == [False, False]


@pytest.mark.skipif(sys.platform == "win32", reason="SIGTERM ends a process at once there")
def test_sigterm_is_a_stop_while_waiting_too(store: RunStore, net: ModelConfig, endless: TrainConfig) -> None:
    store.create(net, endless, name="before")
    store.adopt("before", slots={"cpu"})
    assert store.claim("before") == "claimed"  # this process holds the device and never trains
    run = submit(store, net, endless)
    worker = worker_of(store, run.run_id)
    assert worker is not None
    time.sleep(1.0)  # it has to know what SIGTERM means by then, or it shows as interrupted
    worker.terminate()
    ended = wait_until(store, run, lambda run: not run.is_live, seconds=10)
    assert ended.status in ("stopped", "interrupted")
    assert ended.total_steps == 0


@pytest.mark.skipif(sys.platform == "win32", reason="nothing stays of a process there")
def test_nothing_stays_of_a_worker_that_nobody_asks_for(
    store: RunStore, net: ModelConfig, endless: TrainConfig
) -> None:
    run = submit(store, net, endless)
    worker = worker_of(store, run.run_id)
    assert worker is not None
    worker.kill()
    end = time.monotonic() + 10
    while psutil.pid_exists(worker.pid):  # so does a zombie
        assert time.monotonic() < end
        time.sleep(0.02)


def test_what_does_not_fit_is_not_even_queued(
    store: RunStore, net: ModelConfig, short: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "free_bytes", lambda device: 10**6)
    with pytest.raises(TrainingError, match="takes about"):
        submit(store, net, short)
    assert store.list() == []
    run = store.create(net, short)
    store.request_stop(run.run_id)
    with pytest.raises(TrainingError, match="takes about"):
        resume(store, run.run_id)
    assert store.get(run.run_id).status == "stopped"


def test_a_process_that_cannot_be_started_leaves_nothing(
    store: RunStore, net: ModelConfig, short: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(store.path / "no-such-python"))
    with pytest.raises(ExplorerError, match=r"The training process could not be started \(No such file"):
        submit(store, net, short)
    assert store.list() == []
    run = store.create(net, short)
    store.request_stop(run.run_id)
    with pytest.raises(ExplorerError, match="could not be started"):
        resume(store, run.run_id)
    assert store.get(run.run_id).status == "stopped"


def test_two_with_one_name(store: RunStore, net: ModelConfig, short: TrainConfig) -> None:
    store.create(net, short, name="mine")
    with pytest.raises(StoreError, match="There is a run 'mine' already"):
        submit(store, net, short, name="mine")
    assert len(store.list()) == 1
    assert not queue._WORKERS


def test_a_worker_goes_by_the_queue_not_by_the_order_that_it_was_given(
    store: RunStore, net: ModelConfig, short: TrainConfig
) -> None:
    """A run that was stopped and queued anew stands behind: waited for first, it would wait for the others in vain."""
    first, second = (store.create(net, short.replace(epochs=1), name=name) for name in ("first", "second"))
    store.request_stop(first.run_id)
    store.requeue(first.run_id)
    command = [sys.executable, "-m", "explorer.jobs.worker", str(store.path), "first", "second"]
    for run in (first, second):
        store.adopt(run.run_id, slots={"cpu"})
    worker = subprocess.run(command, timeout=120, capture_output=True, text=True, check=False)
    assert worker.returncode == 0, worker.stderr
    assert [store.get(name).status for name in ("first", "second")] == ["finished", "finished"]
    assert worker.stdout.split() == ["second:", "finished", "first:", "finished"]
