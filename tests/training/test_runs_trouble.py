"""The run store on a full disk, in a folder of somebody else's, damaged, busy, older and newer: one sentence each."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from explorer.config import ModelConfig
from explorer.errors import ExplorerError
from explorer.train_config import TrainConfig
from explorer.training import run_database, run_schema
from explorer.training.run_database import StoreError
from explorer.training.runs import RunStore

NET, TRAIN = ModelConfig("resnet20"), TrainConfig("digits")


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    store = RunStore(tmp_path)
    store.create(NET, TRAIN, name="first")
    store.close()
    return store


def whole(path: Path) -> bool:
    with sqlite3.connect(path / "runs.sqlite") as connection:
        return bool(connection.execute("PRAGMA integrity_check").fetchone() == ("ok",))


# ---------------------------------------------------------------- a full disk


def test_a_full_disk_loses_nothing_that_was_there(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    ready = run_database.Database._ready

    def full(self: run_database.Database, connection: sqlite3.Connection, **options: bool) -> sqlite3.Connection:
        ready(self, connection, **options)
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages + 2}")
        return connection

    monkeypatch.setattr(run_database.Database, "_ready", full)
    created = ["first"]
    with pytest.raises(StoreError, match=r"Nothing could be written .*full.*: is the disk full\?") as caught:  # noqa: PT012
        while True:
            created.append(store.create(NET, TRAIN).name)
    assert caught.value.key == "store_full"
    assert 1 < len(created) < 50
    monkeypatch.undo()
    store.close()
    assert sorted(run.name for run in store.list()) == sorted(created)
    assert {path.name for path in store.path.iterdir() if path.is_dir()} == {run.run_id for run in store.list()}
    assert whole(store.path)
    store.create(NET, TRAIN)  # there is room again


FILLED = """
import resource, sys
from pathlib import Path
from explorer.config import ModelConfig
from explorer.train_config import TrainConfig
from explorer.training.runs import RunStore
store = RunStore(Path(sys.argv[1]))
created = []
resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, 150_000))
try:
    for _ in range(500):
        created.append(store.create(ModelConfig("resnet20"), TrainConfig("digits")).name)
except ValueError as error:
    print(type(error).__name__, error.key)
print(*created)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits of file sizes are not there")
def test_a_write_that_the_system_refuses_loses_nothing(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", FILLED, str(tmp_path)], capture_output=True, text=True, check=True)
    said, names = done.stdout.splitlines()
    assert said == "StoreError store_full"
    store = RunStore(tmp_path)
    assert sorted(names.split()) == sorted(run.name for run in store.list())
    assert {path.name for path in tmp_path.iterdir() if path.is_dir()} == {run.run_id for run in store.list()}
    assert whole(tmp_path)


# ---------------------------------------------------------------- a folder that cannot be written to


@pytest.fixture
def unprivileged() -> Iterator[Path]:
    """A folder of ours, while we are somebody whom permissions hold back."""
    if sys.platform == "win32":
        pytest.skip("permissions are others there")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        user = os.geteuid()
        if user == 0:
            path.chmod(0o777)
            os.seteuid(65534)
        yield path
        path.chmod(0o777) if os.geteuid() == path.stat().st_uid else None
        os.seteuid(user)
        for inside in [path, *path.rglob("*")]:
            inside.chmod(0o777)


def test_a_read_only_store_can_be_read_and_says_that_it_cannot_be_written(unprivileged: Path) -> None:
    folder = unprivileged / "runs"
    store = RunStore(folder)
    store.create(NET, TRAIN, name="first")
    store.finish("first", "stopped")
    store.close()
    (folder / "runs.sqlite").chmod(0o444)
    folder.chmod(0o555)
    before = sorted(folder.iterdir())
    store = RunStore(folder)
    assert [run.name for run in store.list()] == ["first"]
    assert store.get("first").status == "stopped"
    for change in (lambda: store.create(NET, TRAIN), lambda: store.delete("first"), lambda: store.requeue("first")):
        with pytest.raises(StoreError, match=r"cannot be written to: set EXPLORER_HOME to a folder") as caught:
            change()
        assert caught.value.key == "store_read_only"
    assert sorted(folder.iterdir()) == before


def test_a_store_that_cannot_be_made_says_so(unprivileged: Path) -> None:
    (unprivileged / "closed").mkdir(mode=0o555)
    store = RunStore(unprivileged / "closed" / "runs")
    assert store.list() == []
    with pytest.raises(ExplorerError, match=r"cannot be created \(Permission denied\): set EXPLORER_HOME"):
        store.create(NET, TRAIN)


# ---------------------------------------------------------------- busy, damaged, gone


def test_a_store_that_another_program_holds(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_database, "BUSY_SECONDS", 0.05)
    other = sqlite3.connect(store.path / "runs.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="is held by another program: try again in a moment") as caught:
        store.create(NET, TRAIN)
    assert caught.value.key == "store_busy"
    assert [run.name for run in store.list()] == ["first"]  # looking needs nobody's permission
    other.close()
    store.create(NET, TRAIN)
    assert len([path for path in store.path.iterdir() if path.is_dir()]) == 2


@pytest.mark.parametrize(
    "damage", [b"no database at all, but long enough to be one" * 100, b"SQLite format 3\x00" * 300]
)
def test_a_damaged_store_is_left_as_it_is(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "runs.sqlite").write_bytes(damage)
    store = RunStore(tmp_path)
    for use in (store.list, lambda: store.create(NET, TRAIN)):
        with pytest.raises(StoreError, match=r"is damaged \(.*\): move this file away") as caught:
            use()
        assert caught.value.key == "store_damaged"
    assert (tmp_path / "runs.sqlite").read_bytes() == damage


def test_a_store_that_is_removed_while_it_is_open_begins_anew(store: RunStore) -> None:
    assert len(store.list()) == 1
    for file in store.path.glob("runs.sqlite*"):
        file.unlink()
    assert store.list() == []
    store.create(NET, TRAIN, name="second")
    assert [run.name for run in RunStore(store.path).list()] == ["second"]


# ---------------------------------------------------------------- versions


def test_a_store_of_a_newer_version_is_left_alone(store: RunStore) -> None:
    file = store.path / "runs.sqlite"
    with sqlite3.connect(file) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    content = file.read_bytes()
    for use in (store.list, lambda: store.create(NET, TRAIN)):
        with pytest.raises(StoreError, match="was written by a newer version of explorer: update explorer") as caught:
            use()
        assert caught.value.key == "store_newer"
    assert file.read_bytes() == content


def test_an_older_store_is_brought_up_to_date(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    more = ("ALTER TABLE runs ADD COLUMN note TEXT NOT NULL DEFAULT 'none'", "CREATE TABLE notes (note TEXT)")
    monkeypatch.setattr(run_schema, "MIGRATIONS", (*run_schema.MIGRATIONS, more))
    assert [run.name for run in store.list()] == ["first"]
    with sqlite3.connect(store.path / "runs.sqlite") as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (len(run_schema.MIGRATIONS),)
        assert connection.execute("SELECT note FROM runs").fetchone() == ("none",)


def test_a_migration_that_fails_changes_nothing(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    version = len(run_schema.MIGRATIONS)
    broken = ("CREATE TABLE notes (note TEXT)", "INSERT INTO nowhere VALUES (1)")
    monkeypatch.setattr(run_schema, "MIGRATIONS", (*run_schema.MIGRATIONS, broken))
    with pytest.raises(StoreError):
        store.list()
    monkeypatch.undo()
    assert [run.name for run in store.list()] == ["first"]
    with sqlite3.connect(store.path / "runs.sqlite") as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (version,)
        assert connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'notes'").fetchone() == (0,)


MAKING = """
import sys
from pathlib import Path
from explorer.config import ModelConfig
from explorer.train_config import TrainConfig
from explorer.training.runs import RunStore
store = RunStore(Path(sys.argv[1]))
input()
for _ in range(5):
    store.create(ModelConfig("resnet20"), TrainConfig("digits"))
"""


def test_processes_that_make_a_store_at_the_same_moment_share_it(tmp_path: Path) -> None:
    makers = [
        subprocess.Popen([sys.executable, "-c", MAKING, str(tmp_path / "new")], stdin=subprocess.PIPE) for _ in range(3)
    ]
    for maker in makers:
        assert maker.stdin is not None
        maker.stdin.write(b"\n")
        maker.stdin.flush()
    assert [maker.wait(60) for maker in makers] == [0, 0, 0]
    assert {run.name for run in RunStore(tmp_path / "new").list()} == {f"resnet20-{n}" for n in range(1, 16)}
