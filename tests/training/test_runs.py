"""The run store: what is put in comes out, and no trouble leaves anything half-done."""

from __future__ import annotations

import math
import sqlite3
import threading
from pathlib import Path

import pytest

from explorer.catalog import Entry, entries
from explorer.config import ModelConfig
from explorer.errors import ExplorerError, UnknownNameError
from explorer.run_results import EpochMetrics, Progress, StepMetrics
from explorer.train_config import TrainConfig
from explorer.training import run_rows
from explorer.training.run_database import StoreError
from explorer.training.run_sql import MOST_STEPS, sample_of
from explorer.training.runs import RunStore

NET = ModelConfig("resnet20", shortcut="B", width=0.5)
TRAIN = TrainConfig("digits", epochs=3, milestones=(0.5, 0.75), scale_jitter=(256, 480), seed=7)


def epoch(number: int, test_error: float = 0.5, val_error: float | None = None) -> EpochMetrics:
    progress = Progress(number / 10, 100 / 3, None)
    return EpochMetrics(
        number, 10 * number, 1 / 3, 0.25, 0.1 + 0.2, test_error, None, val_error, 0.1, 1.5, 99.5, progress
    )


def step(number: int, loss: float = 2.0) -> StepMetrics:
    return StepMetrics(number, 1, loss, 0.75, 0.05, Progress(number / 5000, None, 12.5))


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs with # and %")


# ---------------------------------------------------------------- what is put in comes out


def test_a_store_that_nobody_wrote_to_is_empty_and_stays_unmade(store: RunStore) -> None:
    assert store.list() == []
    with pytest.raises(UnknownNameError, match="Unknown run 'x'"):
        store.get("x")
    assert not store.path.exists()


def test_a_run_comes_back_as_it_was_recorded(store: RunStore) -> None:
    run = store.create(NET, TRAIN, name="first", group="lesson", owner="ann")
    assert (run.status, run.model, run.train, run.group, run.owner) == ("queued", NET, TRAIN, "lesson", "ann")
    assert store.folder(run.run_id).is_dir()
    store.adopt("first", slots={"cpu"})
    assert store.claim("first") == "claimed"
    resolved: dict[str, str | int] = {"device": "cpu", "threads": 2}
    store.begin("first", total_steps=5000, device="a CPU", resolved=resolved, versions={"torch": "2"})
    store.record_step("first", step(1), wall_seconds=0.5)
    store.record_step("first", step(7, math.nan), wall_seconds=0.75)
    store.record_epoch("first", epoch(1), wall_seconds=1.5)
    found = RunStore(store.path).get(run.run_id)  # as another process sees it
    assert found.epochs == (epoch(1),)
    assert found.steps[0] == step(1)
    assert math.isnan(found.steps[1].loss)
    assert (found.status, found.device, found.resolved, found.versions) == (
        "running", "a CPU", resolved, {"torch": "2"},
    )  # fmt: skip
    assert (found.total_steps, found.wall_seconds, found.progress) == (5000, 1.5, epoch(1).progress)
    store.finish("first", "finished", wall_seconds=2.0)
    ended = store.get("first")
    assert (ended.status, ended.wall_seconds, ended.progress.share, ended.progress.seconds_left) == (
        "finished",
        2,
        1,
        0,
    )


@pytest.mark.parametrize("entry", list(entries()), ids=lambda entry: entry.name)
def test_every_net_survives_its_way_through_json(entry: Entry) -> None:
    config = ModelConfig(entry.name, num_classes=7, seed=3)
    assert run_rows.model_from_json(run_rows.model_json(config)) == config


def test_what_is_new_since_a_step_and_an_epoch(store: RunStore) -> None:
    run = store.create(NET, TRAIN).run_id
    store.begin(run, total_steps=10)
    for number in (1, 2, 3):
        store.record_step(run, step(number))
        store.record_epoch(run, epoch(number))
    news = store.since(run, step=2, epoch=1)
    assert [metrics.step for metrics in news.steps] == [3]
    assert [metrics.epoch for metrics in news.epochs] == [2, 3]


def test_the_revision_tells_whether_anything_is_new(store: RunStore) -> None:
    one, other = store.create(NET, TRAIN).run_id, store.create(NET, TRAIN).run_id
    before, all_before = store.revision(one), store.revision()
    assert store.revision(one) == before
    store.record_epoch(other, epoch(1))
    assert store.revision(one) == before
    assert store.revision() != all_before
    store.record_step(one, step(1))
    assert store.revision(one) != before
    again = store.revision()
    store.finish(other, "failed")
    store.delete(other)
    assert store.revision() != again


def test_lists_are_the_newest_first_and_by_group_and_owner(store: RunStore) -> None:
    for name, group, owner in (("a", "lesson", "ann"), ("b", "", "ann"), ("c", "lesson", "bob")):
        store.create(NET, TRAIN, name=name, group=group, owner=owner)
    store.record_step("a", step(1))
    store.record_epoch("a", epoch(1))
    assert [run.name for run in store.list()] == ["c", "b", "a"]
    assert [run.name for run in store.list(group="lesson")] == ["c", "a"]
    assert [run.name for run in store.list(group="lesson", owner="ann")] == ["a"]
    assert (store.list()[-1].epochs, store.list()[-1].steps) == ((epoch(1),), ())


def test_a_run_of_another_version_does_not_hide_the_others(store: RunStore) -> None:
    store.create(NET, TRAIN, name="known")
    store.create(NET, TRAIN, name="unknown")
    with sqlite3.connect(store.path / "runs.sqlite") as connection:
        connection.execute("""UPDATE runs SET train = '{"of_tomorrow": 1}' WHERE name = 'unknown'""")
    assert [run.name for run in store.list()] == ["known"]
    with pytest.raises(UnknownNameError, match="of_tomorrow"):
        store.get("unknown")


# ---------------------------------------------------------------- curves


def test_steps_are_sampled_by_their_number_alone(store: RunStore) -> None:
    run = store.create(NET, TRAIN).run_id
    store.begin(run, total_steps=3 * MOST_STEPS)
    for number in range(1, 31):
        store.record_step(run, step(number))
    # Three steps in each thousandth of the run, and the first that comes is kept.
    assert [metrics.step for metrics in store.get(run).steps] == list(range(1, 31, 3))
    assert store.get(run).progress == step(30).progress  # how far it is does not wait for a sample


@pytest.mark.parametrize("total", [0, 1, 999, 1000, 1001, 64_000, 600_000])
def test_there_are_never_more_samples_than_said(total: int) -> None:
    samples = [sample_of(number, total) for number in range(1, total + 3)]
    assert samples == sorted(samples)
    assert 0 <= samples[0] <= samples[-1] < MOST_STEPS
    if 0 < total <= MOST_STEPS:
        assert len(set(samples[:total])) == total  # a short run keeps every step


def test_the_best_epoch_is_the_first_with_the_smallest_watched_error(store: RunStore) -> None:
    run = store.create(NET, TRAIN).run_id
    for number, error in enumerate((0.5, 0.3, 0.3, 0.4), start=1):
        store.record_epoch(run, epoch(number, error))
    assert store.get(run).best_epoch == 2
    store.record_epoch(run, epoch(5, 0.9, val_error=0.1))  # held-out pictures decide where there are any
    assert store.get(run).best_epoch == 5


def test_going_on_drops_what_came_after_the_checkpoint_and_fills_in_what_is_missing(store: RunStore) -> None:
    run = store.create(NET, TRAIN).run_id
    store.begin(run, total_steps=100)
    for number in (1, 3):  # the second was in the checkpoint, but the process died before it was noted
        store.record_epoch(run, epoch(number, 0.1 * number))
        store.record_step(run, step(10 * number))
    store.begin(run, total_steps=100, epoch=2, step=20, history=[epoch(1, 0.9), epoch(2, 0.05)])
    found = store.get(run)
    assert found.epochs == (epoch(1, 0.1), epoch(2, 0.05))
    assert [metrics.step for metrics in found.steps] == [10]
    assert (found.best_epoch, found.progress.share) == (2, 0.2)
    store.record_epoch(run, epoch(2, 0.06))  # recorded once more: replaced
    assert store.get(run).epochs[-1] == epoch(2, 0.06)


# ---------------------------------------------------------------- names, deleting, failing


def test_names_are_unique_and_made_where_none_is_given(store: RunStore) -> None:
    assert [store.create(NET, TRAIN).name for _ in range(2)] == ["resnet20-1", "resnet20-2"]
    store.create(NET, TRAIN, name="  가장 좋은 것 ")
    with pytest.raises(StoreError, match="There is a run '가장 좋은 것' already: choose another name") as caught:
        store.create(NET, TRAIN, name="가장 좋은 것")
    assert (caught.value.key, caught.value.values) == ("run_name_taken", {"name": "가장 좋은 것"})
    some = store.list()[0].run_id
    with pytest.raises(StoreError, match="already"):
        store.create(NET, TRAIN, name=some)  # an id names a run, too
    assert len(store.list()) == 3
    assert len([path for path in store.path.iterdir() if path.is_dir()]) == 3
    with pytest.raises(UnknownNameError, match="did you mean resnet20-1 or resnet20-2"):
        store.get("resnet20-3")


@pytest.mark.parametrize("name", ["", "  ", "a/b", "..", "-x", "a\\b", "a\nb", "x" * 81])
def test_some_names_cannot_be_used(store: RunStore, name: str) -> None:
    with pytest.raises(StoreError, match="is no name for a run: use up to 80 letters"):
        store.create(NET, TRAIN, name=name)
    assert not store.path.exists()


def test_two_with_one_name_at_the_same_moment_are_one(store: RunStore) -> None:
    outcomes: list[str] = []

    def create() -> None:
        try:
            outcomes.append(RunStore(store.path).create(NET, TRAIN, name="same").name)
        except StoreError as error:
            outcomes.append(error.key)

    threads = [threading.Thread(target=create) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["run_name_taken"] * 5 + ["same"]


def test_deleting_takes_the_folder_along(store: RunStore) -> None:
    run = store.create(NET, TRAIN)
    with pytest.raises(StoreError, match="The run resnet20-1 is queued: stop it before you delete it"):
        store.delete(run.name)
    store.record_epoch(run.run_id, epoch(1))
    (store.folder(run.run_id) / "best.safetensors").write_bytes(b"weights")
    store.finish(run.run_id, "stopped")
    store.delete(run.name)
    assert store.list() == []
    assert not [path for path in store.path.iterdir() if path.is_dir()]
    with sqlite3.connect(store.path / "runs.sqlite") as connection:
        assert connection.execute("SELECT count(*) FROM epochs").fetchone() == (0,)


def test_a_folder_that_cannot_go_keeps_its_run(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    run = store.create(NET, TRAIN)
    store.finish(run.run_id, "stopped")

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(StoreError, match=r"cannot be removed \(Permission denied\): the run is kept"):
        store.delete(run.run_id)
    assert store.get(run.run_id).status == "stopped"
    assert store.folder(run.run_id).is_dir()


def test_why_a_run_failed_can_be_said_in_another_language(store: RunStore) -> None:
    run = store.create(NET, TRAIN).run_id
    store.finish(run, "failed", error=ExplorerError("It broke at 3.", key="broke", at=3))
    failed = store.get(run)
    assert (failed.status, failed.message, failed.error_key, failed.error_values) == (
        "failed", "It broke at 3.", "broke", {"at": 3},
    )  # fmt: skip
    store.finish(run, "failed", error=RuntimeError("shapes\n  differ"))
    failed = store.get(run)
    assert failed.message == (
        "Training broke off unexpectedly (RuntimeError: shapes differ); the run's log says where."
    )
    assert failed.error_key == "run_broke_off"


def test_a_list_that_was_kept_follows_what_changes(tmp_path: Path) -> None:
    store, other = RunStore(tmp_path), RunStore(tmp_path)
    first = store.create(ModelConfig("resnet20"), TrainConfig("digits"))
    second = store.create(ModelConfig("plain20"), TrainConfig("digits"))
    assert [run.status for run in store.list()] == ["queued", "queued"]
    other.request_stop(first.run_id)
    assert [(run.name, run.status) for run in store.list()] == [(second.name, "queued"), (first.name, "stopped")]
    other.delete(first.run_id)
    assert [run.name for run in store.list()] == [second.name]
