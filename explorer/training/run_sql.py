"""What the run store asks of its tables, inside a transaction of `RunStore`."""

from __future__ import annotations

import os
import sqlite3
from typing import Any, Literal

from explorer.errors import UnknownNameError
from explorer.run_results import EpochMetrics, Progress, Status, StepMetrics
from explorer.training import run_rows
from explorer.training.processes import is_same_process
from explorer.training.run_queue import Place, runs_before

MOST_STEPS = 1000
"""Sampled steps of a run."""

_COUNTED = "UPDATE store SET revision = revision + 1"
_REVISION = "revision = (SELECT revision FROM store)"


class Places:
    """The live runs of a store at one moment."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        rows = connection.execute("SELECT * FROM runs WHERE status IN ('queued', 'running')").fetchall()
        self._places = {row["run_id"]: _place(row) for row in rows}
        self.alive = sum(place.alive for place in self._places.values())

    def status(self, row: sqlite3.Row) -> Status:
        """As stored, but `interrupted` where the process has died."""
        status: Status = row["status"]
        if not is_live(status):
            return status
        return status if self._places[row["run_id"]].alive else "interrupted"

    def position(self, row: sqlite3.Row) -> int:
        """Runs before a queued one; 0 for others."""
        if self.status(row) != "queued":
            return 0
        return runs_before(self._places[row["run_id"]], self._places.values())


def _place(row: sqlite3.Row) -> Place:
    alive = is_same_process(row["pid"], row["process_mark"])
    return Place(row["run_id"], row["status"], slots_of(row), row["queue_number"], bool(row["waits"]), alive)


def slots_of(row: sqlite3.Row) -> frozenset[str]:
    """The devices that a run needs."""
    return frozenset(slot for slot in row["slots"].split(",") if slot)


def is_live(status: Status) -> bool:
    """Whether it trains or waits."""
    return status in ("queued", "running")


def turn(connection: sqlite3.Connection, run: str) -> Literal["claimed", "waiting", "gone"]:
    """Whether it is the turn of a run that waits in this process."""
    row = find_row(connection, run)
    if row["status"] != "queued" or row["pid"] != os.getpid():
        return "gone"
    return "waiting" if Places(connection).position(row) else "claimed"


def find_row(connection: sqlite3.Connection, run: str) -> sqlite3.Row:
    """The row of a run by its id or its name."""
    found: sqlite3.Row | None = connection.execute(
        "SELECT * FROM runs WHERE run_id = :run OR name = :run", {"run": run}
    ).fetchone()
    if found is None:
        raise UnknownNameError("run", run, [row["name"] for row in connection.execute("SELECT name FROM runs")])
    return found


def epochs_of(connection: sqlite3.Connection, run: sqlite3.Row, after: int = 0) -> list[EpochMetrics]:
    """Its epochs after one of them."""
    asked = (run["run_id"], after)
    rows = connection.execute("SELECT * FROM epochs WHERE run_id = ? AND epoch > ? ORDER BY epoch", asked)
    return [run_rows.epoch_from_row(row) for row in rows]


def steps_of(connection: sqlite3.Connection, run: sqlite3.Row, after: int = 0) -> list[StepMetrics]:
    """Its sampled steps after one of them."""
    asked = (run["run_id"], after)
    rows = connection.execute("SELECT * FROM steps WHERE run_id = ? AND step > ? ORDER BY step", asked)
    return [run_rows.step_from_row(row) for row in rows]


def best_epoch(connection: sqlite3.Connection, run_id: str) -> int:
    """The first epoch with the smallest watched error; 0 where there is none."""
    found = connection.execute(
        "SELECT epoch FROM epochs WHERE run_id = ? ORDER BY coalesce(val_error, test_error), epoch LIMIT 1", (run_id,)
    ).fetchone()
    return found["epoch"] if found else 0


def sample_of(step: int, total_steps: int) -> int:
    """Which thousandth of the run a step is in."""
    return min((step - 1) * MOST_STEPS // max(total_steps, MOST_STEPS), MOST_STEPS - 1)


def advance(
    connection: sqlite3.Connection, run_id: str, progress: Progress, wall_seconds: float | None, **values: Any
) -> None:
    """Note how far a run is, and other columns with it."""
    if wall_seconds is not None:
        values["wall_seconds"] = wall_seconds
    figures = {"images_per_second": progress.images_per_second, "seconds_left": progress.seconds_left}
    change(connection, run_id, share=progress.share, **figures, **values)


def insert(connection: sqlite3.Connection, table: str, values: run_rows.Values, conflict: str = "") -> None:
    """Add a row; `conflict` says what to do where there is one already."""
    marks = ", ".join(f":{name}" for name in values)
    connection.execute(f"INSERT {conflict} INTO {table} ({', '.join(values)}) VALUES ({marks})", values)


def count_change(connection: sqlite3.Connection) -> None:
    """Count a change of the store."""
    connection.execute(_COUNTED)


def change(connection: sqlite3.Connection, run_id: str, **values: Any) -> None:
    """Set columns of a run, and count the change."""
    count_change(connection)
    columns = ", ".join([*(f"{name} = :{name}" for name in values), _REVISION])
    connection.execute(f"UPDATE runs SET {columns} WHERE run_id = :_run", {**values, "_run": run_id})


def store_revision(connection: sqlite3.Connection) -> int:
    """How many changes there were."""
    revision: int = connection.execute("SELECT revision FROM store").fetchone()["revision"]
    return revision


def next_number(connection: sqlite3.Connection) -> int:
    """The number of the next run that queues."""
    number: int = connection.execute("SELECT coalesce(max(queue_number), 0) + 1 AS next FROM runs").fetchone()["next"]
    return number
