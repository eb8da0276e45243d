"""A run in the present process: how it is recorded, and how it ends."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from explorer.config import ModelConfig
from explorer.errors import ExplorerError, TrainingError, UnknownNameError
from explorer.jobs import memory, running
from explorer.jobs.running import run_here
from explorer.run_results import EpochMetrics
from explorer.train_config import TrainConfig
from explorer.training.callbacks import Callback
from explorer.training.checkpoints import read_header
from explorer.training.loop import Training
from explorer.training.runs import RunStore


def test_a_run_is_recorded_from_beginning_to_end(store: RunStore, net: ModelConfig, short: TrainConfig) -> None:
    run = store.create(net, short, name="a")
    seen: list[object] = []
    ended = run_here(store, "a", seen.append)
    assert ended.status == "finished"
    assert [metrics for metrics in seen if isinstance(metrics, EpochMetrics)] == list(ended.epochs)
    assert [metrics.epoch for metrics in ended.epochs] == [1, 2, 3]
    assert (ended.total_steps, ended.progress.share, ended.position) == (15, 1.0, 0)
    assert ended.resolved["device"] == "cpu"
    assert "CPU" in ended.device
    assert set(ended.versions) == {"python", "torch", "explorer"}
    assert ended.wall_seconds > 0
    assert ended.epochs[ended.best_epoch - 1].test_error == min(metrics.test_error for metrics in ended.epochs)
    assert read_header(store.folder(run.run_id) / "best.safetensors")["metrics"]["epoch"] == ended.best_epoch
    assert run_here(store, "a") == ended  # there is nothing to do any more


def test_stop_ends_within_a_batch_and_keeps_the_best(
    store: RunStore, net: ModelConfig, endless: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = store.create(net, endless)
    batches_after = 0

    def at_the_second_epoch(metrics: object) -> None:
        if isinstance(metrics, EpochMetrics) and metrics.epoch == 2:
            RunStore(store.path).request_stop(run.run_id)  # as the page does

    class Count(Callback):
        def on_step(self, training: Training) -> None:
            nonlocal batches_after
            batches_after += store.stop_requested(run.run_id)

    monkeypatch.setattr(running, "LOOK_SECONDS", 0.0)
    stopped = run_here(store, run.run_id, at_the_second_epoch, callbacks=[Count()])
    assert stopped.status == "stopped"
    assert batches_after == 0
    assert len(stopped.epochs) == 2
    assert (store.folder(run.run_id) / "best.safetensors").exists()


def test_a_queued_run_that_is_stopped_never_begins(store: RunStore, net: ModelConfig, short: TrainConfig) -> None:
    store.create(net, short, name="before")
    store.adopt("before", slots={"cpu"})
    store.claim("before")
    run = store.create(net, short)
    positions: list[int] = []

    def wait(position: int) -> None:
        positions.append(position)
        store.request_stop(run.run_id)

    assert run_here(store, run.run_id, on_wait=wait).status == "stopped"
    assert positions == [1]
    again = store.requeue(run.run_id)
    assert run_here(store, again.run_id, should_stop=lambda: True).status == "stopped"
    assert again.total_steps == 0


def test_ctrl_c_leaves_a_stopped_run_that_goes_on(store: RunStore, net: ModelConfig, short: TrainConfig) -> None:
    run = store.create(net, short).run_id

    def interrupt(metrics: object) -> None:
        if isinstance(metrics, EpochMetrics):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_here(store, run, interrupt)
    stopped = store.get(run)
    assert (stopped.status, len(stopped.epochs)) == ("stopped", 1)
    store.requeue(run)
    ended = run_here(store, run)
    assert (ended.status, [metrics.epoch for metrics in ended.epochs]) == ("finished", [1, 2, 3])
    assert ended.epochs[0] == stopped.epochs[0]  # as it was measured, with its time
    assert ended.wall_seconds > stopped.wall_seconds


def test_a_loss_that_is_not_finite_fails_with_what_to_try(
    store: RunStore, net: ModelConfig, short: TrainConfig
) -> None:
    run = store.create(net.replace(norm="none"), short.replace(lr=1e6, schedule="constant"), name="wild")
    with pytest.raises(TrainingError, match="step"):
        run_here(store, "wild")
    failed = store.get(run.run_id)
    assert (failed.status, failed.error_key) == ("failed", "diverged")
    assert "try lr=" in failed.message
    assert failed.error_values["less"] == "1e+05"


def test_an_error_of_ours_is_told_apart_from_what_nobody_foresaw(
    store: RunStore, net: ModelConfig, short: TrainConfig
) -> None:
    store.create(net.replace(num_classes=7), short, name="seven")
    with pytest.raises(ExplorerError, match="num_classes=7 does not fit"):
        run_here(store, "seven")
    assert store.get("seven").error_key == "classes"

    def surprise(_: object) -> None:
        raise LookupError("nobody expects this")

    store.create(net, short, name="surprised")
    with pytest.raises(LookupError):
        run_here(store, "surprised", surprise)
    assert "(LookupError: nobody expects this)" in store.get("surprised").message


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory")])
def test_memory_that_runs_out_is_said_with_the_batch_that_fits(
    store: RunStore, net: ModelConfig, short: TrainConfig, error: Exception
) -> None:
    def run_out(_: object) -> None:
        raise error

    store.create(net, short, name="large")
    with pytest.raises(TrainingError, match=r"Batches of 16 pictures do not fit .* use batch_size=8 or less"):
        run_here(store, "large", run_out)
    assert store.get("large").error_key == "memory_ran_out"


def test_what_does_not_fit_is_refused_before_it_begins(
    store: RunStore, net: ModelConfig, short: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "PATIENCE_SECONDS", 0.0)
    monkeypatch.setattr(running, "_has_trained", False)
    monkeypatch.setattr(memory, "free_bytes", lambda device: 1_000_000)
    store.create(net, short, name="large")
    with pytest.raises(TrainingError, match=r"of memory, of which 1\.0 MB are free"):
        run_here(store, "large")
    assert store.get("large").status == "failed"


def test_memory_that_is_given_back_in_time_is_waited_for(
    store: RunStore, net: ModelConfig, short: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [1_000_000, 1_000_000]
    monkeypatch.setattr(running, "_has_trained", False)
    monkeypatch.setattr(memory, "free_bytes", lambda device: answers.pop() if answers else 10**12)
    store.create(net, short, name="a")
    assert run_here(store, "a").status == "finished"
    assert answers == []


def test_a_run_can_start_from_another_runs_best_epoch(store: RunStore, net: ModelConfig, short: TrainConfig) -> None:
    run_here(store, store.create(net, short, name="first").run_id)
    run_here(store, store.create(net, short.replace(start_from="first", lr=1e-9), name="second").run_id)
    first, second = store.get("first"), store.get("second")
    # With next to no learning it stays where the first one ended; only batch norm's running statistics move.
    assert second.epochs[0].train_error < first.epochs[0].train_error
    store.delete("first")
    assert running._start_file(store, second) is None  # what it goes on from is its own
    store.create(net, short.replace(start_from="nobody"), name="third")
    with pytest.raises(UnknownNameError, match="Unknown run 'nobody'"):
        run_here(store, "third")


def test_other_devices_processes_record_nothing(
    store: RunStore, net: ModelConfig, short: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = store.create(net, short).run_id
    before = store.revision()
    monkeypatch.setenv("LOCAL_RANK", "1")
    trained: list[int] = []
    monkeypatch.setattr(running, "_fit", lambda *_: trained)
    run_here(store, run)
    assert store.revision() == before


def test_a_process_that_waits_is_small() -> None:
    script = "import sys, explorer.jobs.worker, explorer.jobs.queue; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_remains_of_a_killed_write_are_cleared_away(store: RunStore, net: ModelConfig, short: TrainConfig) -> None:
    run = store.create(net, short.replace(epochs=1)).run_id
    remains: Path = store.folder(run) / ".last.safetensors.123.part"
    remains.write_bytes(b"half")
    run_here(store, run)
    assert not remains.exists()
