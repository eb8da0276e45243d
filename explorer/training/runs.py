"""The run store: every training run with its configurations, its curves and its checkpoints.

`RunStore` holds one SQLite file and, beside it, one folder a run for checkpoints. Any number of processes use a store
at once: the page that shows runs, the workers that train them, the command line. All runs of a store train on one
machine, because a run whose process has died is recognised by that process.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import sqlite3
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from explorer import paths
from explorer.config import ModelConfig
from explorer.errors import ExplorerError
from explorer.run_results import EpochMetrics, Run, StepMetrics
from explorer.train_config import TrainConfig
from explorer.training import run_names, run_rows, run_sql
from explorer.training.processes import process_mark
from explorer.training.run_database import Database, StoreError


class RunStore:
    """Training runs in a folder.

    Creating the object touches nothing: a store that is not there yet has no runs, and the first run creates it.

    Every method raises a `StoreError` where the file is damaged, held by another program, or of a newer version, and
    those that change something also where it cannot be written (a full disk, a read-only folder); a change is made
    completely or not at all. A run is named by its id or its name; one that is not there is an `UnknownNameError`.

    Args:
        path: the folder; default: `runs/` in explorer's home.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = (paths.runs_folder() if path is None else Path(path)).absolute()
        self._database = Database(self.path / "runs.sqlite")
        self._seen: dict[str, tuple[int, Run]] = {}

    def folder(self, run_id: str) -> Path:
        """Where a run's checkpoints and its log lie."""
        return self.path / run_id

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        self._database.close()

    # ---------------------------------------------------------------- looking

    def get(self, run: str) -> Run:
        """A run with all that was measured.

        Args:
            run: its id or its name.
        """
        return self.since(run)

    def since(self, run: str, *, step: int = 0, epoch: int = 0) -> Run:
        """A run with what was measured after a step and an epoch, for a page that has the rest already."""
        with self._database.read() as connection:
            row = run_sql.find_row(connection, run)
            places = run_sql.Places(connection)
            epochs, steps = run_sql.epochs_of(connection, row, epoch), run_sql.steps_of(connection, row, step)
            return run_rows.run_from_row(row, places.status(row), places.position(row), epochs, steps)

    def list(self, *, group: str | None = None, owner: str | None = None) -> list[Run]:
        """Runs with their epochs but without steps, the newest first.

        Runs of nets or options that this version of explorer does not know are left out.

        Args:
            group: only runs of this group.
            owner: only runs of this owner.
        """
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT * FROM runs WHERE (:group IS NULL OR run_group = :group) "
                "AND (:owner IS NULL OR owner = :owner) ORDER BY created_at DESC, queue_number DESC",
                {"group": group, "owner": owner},
            ).fetchall()
            places, runs = run_sql.Places(connection), []
            for row in rows:
                try:
                    runs.append(self._listed(connection, row, places))
                except (ExplorerError, TypeError):
                    continue
            return runs

    def _listed(self, connection: sqlite3.Connection, row: sqlite3.Row, places: run_sql.Places) -> Run:
        """A run without steps. One that has not changed since it was last listed is not put together again: a page
        that follows a training lists all runs again and again.
        """
        known = self._seen.get(row["run_id"])
        status, position = places.status(row), places.position(row)
        if known is None or known[0] != row["revision"]:
            run = run_rows.run_from_row(row, status, position, run_sql.epochs_of(connection, row), ())
            self._seen[row["run_id"]] = (row["revision"], run)
            return run
        run = known[1]
        same = (run.status, run.position) == (status, position)
        return run if same else dataclasses.replace(run, status=status, position=position)

    def revision(self, run: str | None = None) -> tuple[int, str, int]:
        """What is different whenever a run, or any run of the store, has changed: cheap to ask again and again.

        It notices also that a process has died and that a place in the queue has moved.
        """
        with self._database.read() as connection:
            places = run_sql.Places(connection)
            if run is None:
                return run_sql.store_revision(connection), "", places.alive
            row = run_sql.find_row(connection, run)
            return row["revision"], places.status(row), places.position(row)

    # ---------------------------------------------------------------- creating and deleting

    def create(
        self, model: ModelConfig, train: TrainConfig, *, name: str | None = None, group: str = "", owner: str = ""
    ) -> Run:
        """A new run, queued, with an empty folder. This process answers for it until a worker does.

        Args:
            model: the net.
            train: how to train it.
            name: unique in the store; default: made from the net's, `resnet20-1`.
            group: what it belongs to.
            owner: who starts it.

        Raises:
            StoreError: the name is taken or not usable, or the store cannot be written.
        """
        name = None if name is None else run_names.usable_name(name)
        run_id = ""
        try:
            with self._database.write() as connection:
                names = {row["name"] for row in connection.execute("SELECT name FROM runs")}
                ids = {row["run_id"] for row in connection.execute("SELECT run_id FROM runs")}
                if name is not None and name in names | ids:
                    message = f"There is a run {name!r} already: choose another name, or delete that run first."
                    raise StoreError(message, key="run_name_taken", name=name)
                run_id = run_names.new_id(self.path, names | ids)
                values = {
                    "run_id": run_id,
                    "name": name or run_names.made_name(model.arch, names | ids),
                    "created_at": time.time(),
                    "status": "queued",
                    "model": run_rows.model_json(model),
                    "train": run_rows.train_json(train),
                    "run_group": group,
                    "owner": owner,
                    "queue_number": run_sql.next_number(connection),
                    "pid": os.getpid(),
                    "process_mark": process_mark(os.getpid()),
                }
                run_sql.insert(connection, "runs", values)
                run_sql.change(connection, run_id)
                paths.made(self.folder(run_id))
        except BaseException:
            if run_id:
                shutil.rmtree(self.folder(run_id), ignore_errors=True)
            raise
        return self.get(run_id)

    def delete(self, run: str) -> None:
        """Remove a run with its folder.

        Raises:
            StoreError: it is training or waiting, or its folder cannot be removed.
        """
        moved: Path | None = None
        folder = self.path
        try:
            with self._database.write() as connection:
                row = run_sql.find_row(connection, run)
                if run_sql.is_live(run_sql.Places(connection).status(row)):
                    message = f"The run {row['name']} is {row['status']}: stop it before you delete it."
                    raise StoreError(message, key="run_live", name=row["name"])
                folder = self.folder(row["run_id"])
                connection.execute("DELETE FROM runs WHERE run_id = ?", (row["run_id"],))
                run_sql.count_change(connection)
                if folder.is_dir():
                    moved = _renamed(folder, folder.with_name(f".deleted-{folder.name}"))
                self._seen.pop(row["run_id"], None)
        except BaseException:
            if moved is not None:
                moved.rename(folder)  # the row is still there, so the folder has to be
            raise
        # Also what an earlier deletion left behind because its process was killed.
        for left in self.path.glob(".deleted-*"):
            shutil.rmtree(left, ignore_errors=True)

    # ---------------------------------------------------------------- the queue

    def adopt(self, run: str, *, pid: int | None = None, slots: Iterable[str] | None = None) -> None:
        """Note which process waits with a queued run for its turn, and for which devices.

        Args:
            run: its id or its name; one that is not queued any more is left alone.
            pid: the process to which this one hands it over; default: this process takes it.
            slots: the devices, `cpu` or `cuda:0`; default: as noted before.
        """
        new = os.getpid() if pid is None else pid
        with self._database.write() as connection:
            row = run_sql.find_row(connection, run)
            # The other process may have taken it already, under another number where a launcher stands before it.
            if row["status"] == "queued" and (pid is None or row["pid"] == os.getpid()):
                values = {"waits": 1, "pid": new, "process_mark": process_mark(new)}
                noted = row["slots"] if slots is None else ",".join(sorted(slots))
                run_sql.change(connection, row["run_id"], **values, slots=noted)

    def slots(self, run: str) -> frozenset[str]:
        """The devices that were noted for a run; none while they are not known."""
        with self._database.read() as connection:
            return run_sql.slots_of(run_sql.find_row(connection, run))

    def claim(self, run: str) -> Literal["claimed", "waiting", "gone"]:
        """Begin a queued run of this process if it is its turn.

        Returns:
            `gone` where the run was stopped meanwhile, or another process has taken it over.
        """
        with self._database.read() as connection:  # most questions end here, without keeping others from writing
            state = run_sql.turn(connection, run)
        if state != "claimed":
            return state
        with self._database.write() as connection:
            state = run_sql.turn(connection, run)
            if state == "claimed":
                run_sql.change(
                    connection, run_sql.find_row(connection, run)["run_id"], status="running", stop_requested=0
                )
            return state

    def requeue(self, run: str) -> Run:
        """Queue a run again that was stopped, has failed, or whose process has died.

        Raises:
            StoreError: it has finished, or is training or waiting.
        """
        with self._database.write() as connection:
            row = run_sql.find_row(connection, run)
            status = run_sql.Places(connection).status(row)
            if status == "finished":
                message = f"The run {row['name']} has finished: there is nothing to go on with; start a new one."
                raise StoreError(message, key="run_finished", name=row["name"])
            if run_sql.is_live(status):
                message = f"The run {row['name']} is {status} already."
                raise StoreError(message, key="run_live_already", name=row["name"])
            values = {
                "status": "queued",
                "queue_number": run_sql.next_number(connection),
                "stop_requested": 0,
                "waits": 0,
            }
            values |= {"pid": os.getpid(), "process_mark": process_mark(os.getpid())}
            run_sql.change(
                connection, row["run_id"], **values, message="", error_key="", error_values="{}", seconds_left=None
            )
            run_id: str = row["run_id"]
        return self.get(run_id)

    def request_stop(self, run: str) -> None:
        """Ask a run to stop: a queued one is stopped at once, a running one within a batch, others are left alone."""
        with self._database.write() as connection:
            row = run_sql.find_row(connection, run)
            status = run_sql.Places(connection).status(row)
            if status == "queued":
                run_sql.change(connection, row["run_id"], status="stopped", waits=0, pid=None)
            elif status == "running":
                run_sql.change(connection, row["run_id"], stop_requested=1)

    def stop_requested(self, run: str) -> bool:
        """Whether somebody asked the run to stop."""
        with self._database.read() as connection:
            return bool(run_sql.find_row(connection, run)["stop_requested"])

    # ---------------------------------------------------------------- recording

    def begin(
        self,
        run: str,
        *,
        total_steps: int,
        device: str = "",
        resolved: Mapping[str, str | int] | None = None,
        versions: Mapping[str, str] | None = None,
        epoch: int = 0,
        step: int = 0,
        history: Sequence[EpochMetrics] = (),
    ) -> None:
        """Note what a run is trained with; what was recorded after the checkpoint that it goes on from is dropped.

        Args:
            run: its id or its name.
            total_steps: batches of the whole run.
            device: in words.
            resolved: what `auto` came to.
            versions: of the software.
            epoch: finished epochs of the checkpoint; 0 at the start.
            step: its batches.
            history: its epochs; those that were not recorded before the process died are filled in.
        """
        with self._database.write() as connection:
            run_id = run_sql.find_row(connection, run)["run_id"]
            connection.execute("DELETE FROM epochs WHERE run_id = ? AND epoch > ?", (run_id, epoch))
            connection.execute("DELETE FROM steps WHERE run_id = ? AND step > ?", (run_id, step))
            for metrics in history:
                run_sql.insert(connection, "epochs", {"run_id": run_id, **run_rows.epoch_values(metrics)}, "OR IGNORE")
            run_sql.change(
                connection,
                run_id,
                total_steps=total_steps,
                device=device,
                resolved=json.dumps(dict(resolved or {})),
                versions=json.dumps(dict(versions or {})),
                best_epoch=run_sql.best_epoch(connection, run_id),
                share=step / total_steps if total_steps else 0.0,
                images_per_second=None,
                seconds_left=None,
            )

    def record_step(self, run: str, metrics: StepMetrics, *, wall_seconds: float | None = None) -> None:
        """Note a step and how far the run is; of each thousandth of the run the first step that comes is kept.

        Args:
            run: its id or its name.
            metrics: of the step.
            wall_seconds: spent on the run so far, over all resumptions; default: leave that as it is.
        """
        with self._database.write() as connection:
            row = run_sql.find_row(connection, run)
            sample = run_sql.sample_of(metrics.step, row["total_steps"])
            values = {"run_id": row["run_id"], "sample": sample, **run_rows.step_values(metrics)}
            run_sql.insert(connection, "steps", values, "OR IGNORE")
            run_sql.advance(connection, row["run_id"], metrics.progress, wall_seconds)

    def record_epoch(self, run: str, metrics: EpochMetrics, *, wall_seconds: float | None = None) -> None:
        """Note a finished epoch; one that was noted before is replaced.

        Args:
            run: its id or its name.
            metrics: of the epoch.
            wall_seconds: as for `record_step`.
        """
        with self._database.write() as connection:
            run_id = run_sql.find_row(connection, run)["run_id"]
            run_sql.insert(connection, "epochs", {"run_id": run_id, **run_rows.epoch_values(metrics)}, "OR REPLACE")
            run_sql.advance(
                connection, run_id, metrics.progress, wall_seconds, best_epoch=run_sql.best_epoch(connection, run_id)
            )

    def finish(
        self,
        run: str,
        status: Literal["finished", "stopped", "failed"],
        *,
        error: Exception | None = None,
        wall_seconds: float | None = None,
    ) -> None:
        """Note that a run has come to an end, and how.

        Args:
            run: its id or its name.
            status: how.
            error: why it failed.
            wall_seconds: as for `record_step`.
        """
        values: run_rows.Values = {"status": status, "waits": 0, "stop_requested": 0, "pid": None, "seconds_left": None}
        if status == "finished":
            values |= {"share": 1.0, "seconds_left": 0.0}
        if wall_seconds is not None:
            values["wall_seconds"] = wall_seconds
        if error is not None:
            sentence = error if isinstance(error, ExplorerError) else _broke_off(error)
            values |= {"message": str(sentence), "error_key": sentence.key}
            values["error_values"] = run_rows.values_json(sentence.values)
        with self._database.write() as connection:
            run_sql.change(connection, run_sql.find_row(connection, run)["run_id"], **values)


def _broke_off(error: Exception) -> StoreError:
    reason = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
    message = f"Training broke off unexpectedly ({reason}); the run's log says where."
    return StoreError(message, key="run_broke_off", reason=reason)


def _renamed(folder: Path, to: Path) -> Path:
    try:
        return folder.rename(to)
    except OSError as error:
        message = f"The folder {folder} cannot be removed ({error.strerror}): the run is kept."
        raise StoreError(message, key="run_folder", folder=str(folder), reason=error.strerror) from error
