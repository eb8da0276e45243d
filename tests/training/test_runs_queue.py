"""Whose turn it is, and what a run whose process has died looks like."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from explorer.config import ModelConfig
from explorer.train_config import TrainConfig
from explorer.training.processes import is_same_process, process_mark
from explorer.training.run_database import StoreError
from explorer.training.runs import RunStore

NET, TRAIN = ModelConfig("resnet20"), TrainConfig("digits")


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path)


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process
    process.kill()
    process.wait()


def queued(store: RunStore, name: str, *slots: str) -> str:
    store.create(NET, TRAIN, name=name)
    store.adopt(name, slots=slots)
    return name


def test_first_come_first_served_on_each_device(store: RunStore) -> None:
    a, b, c = (queued(store, name, "cpu") for name in "abc")
    gpu = queued(store, "gpu", "cuda:0")
    assert [store.get(name).position for name in (a, b, c, gpu)] == [0, 1, 2, 0]
    assert [store.claim(name) for name in (c, b, gpu, a)] == ["waiting", "waiting", "claimed", "claimed"]
    assert store.claim(b) == "waiting"  # a trains
    store.finish(a, "finished")
    assert [store.get(name).position for name in (b, c)] == [0, 1]
    assert store.claim(b) == "claimed"


def test_a_run_on_two_devices_waits_for_both_and_is_not_overtaken(store: RunStore) -> None:
    first = queued(store, "first", "cuda:1")
    both = queued(store, "both", "cuda:0", "cuda:1")
    late = queued(store, "late", "cuda:0")
    assert [store.claim(name) for name in (first, both, late)] == ["claimed", "waiting", "waiting"]
    store.finish(first, "stopped")
    assert [store.claim(name) for name in (late, both)] == ["waiting", "claimed"]


def test_nobody_waits_behind_a_run_for_which_nobody_waits(store: RunStore) -> None:
    store.create(NET, TRAIN, name="only created")
    assert store.claim(queued(store, "waits", "cpu")) == "claimed"


def test_a_run_that_is_queued_again_stands_at_the_end(store: RunStore) -> None:
    a, b = queued(store, "a", "cpu"), queued(store, "b", "cpu")
    store.request_stop(a)
    assert store.get(a).status == "stopped"
    assert store.claim(a) == "gone"
    store.requeue(a)
    store.adopt(a)  # its devices are known already
    assert [store.get(name).position for name in (a, b)] == [1, 0]
    assert store.slots(a) == {"cpu"}


def test_what_can_be_queued_again(store: RunStore) -> None:
    run = queued(store, "a", "cpu")
    with pytest.raises(StoreError, match="The run a is queued already"):
        store.requeue(run)
    store.claim(run)
    with pytest.raises(StoreError, match="The run a is running already"):
        store.requeue(run)
    store.finish(run, "failed", error=ValueError("x"))
    assert store.requeue(run).message == ""
    store.finish(run, "finished")
    with pytest.raises(StoreError, match="The run a has finished: there is nothing to go on with"):
        store.requeue(run)


def test_stopping(store: RunStore) -> None:
    run = queued(store, "a", "cpu")
    store.claim(run)
    assert not store.stop_requested(run)
    store.request_stop(run)
    assert store.stop_requested(run)
    assert store.get(run).status == "running"  # until it has looked
    store.finish(run, "stopped")
    store.request_stop(run)  # too late: nothing to do
    assert not store.stop_requested(run)
    store.requeue(run)
    assert store.claim(run) == "claimed"


# ---------------------------------------------------------------- processes that die


def test_a_process_that_was_killed_leaves_an_interrupted_run(store: RunStore, child: subprocess.Popen[bytes]) -> None:
    a, b = queued(store, "a", "cpu"), queued(store, "b", "cpu")
    store.adopt(a, pid=child.pid)
    assert store.claim(a) == "gone"  # it is the other process's now
    assert (store.get(a).status, store.get(b).position) == ("queued", 1)
    before = store.revision(), store.revision(a)
    child.kill()
    psutil.wait_procs([psutil.Process(child.pid)], timeout=0.5)  # dead, though nobody has asked about it yet
    assert store.get(a).status == "interrupted"
    assert not store.get(a).is_live
    assert [run.status for run in store.list()] == ["queued", "interrupted"]
    assert store.revision() != before[0]
    assert store.revision(a) != before[1]
    child.wait()
    assert store.get(a).status == "interrupted"
    assert store.claim(b) == "claimed"  # nobody waits for the dead
    assert store.requeue(a).status == "queued"


def test_a_process_that_got_a_dead_ones_number_is_another(store: RunStore) -> None:
    run = queued(store, "a", "cpu")
    store.claim(run)
    assert store.get(run).status == "running"
    with sqlite3.connect(store.path / "runs.sqlite") as connection:
        connection.execute("UPDATE runs SET process_mark = '1@another-boot'")
    assert store.get(run).status == "interrupted"
    store.delete(run)


def test_marks_of_processes(child: subprocess.Popen[bytes]) -> None:
    mark = process_mark(child.pid)
    assert mark == process_mark(child.pid) != process_mark(os.getpid())
    assert is_same_process(child.pid, mark)
    assert not is_same_process(child.pid, "")
    assert not is_same_process(None, mark)
    child.kill()
    child.wait()
    assert process_mark(child.pid) == ""
    assert not is_same_process(child.pid, mark)
