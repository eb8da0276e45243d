"""The run store's file: opened once, by any number of threads and processes, and its troubles as sentences."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from explorer.errors import ExplorerError
from explorer.paths import HOME_VARIABLE, made
from explorer.training import run_schema

BUSY_SECONDS = 15.0
"""How long to wait for another program that writes."""

_FORKED: list[sqlite3.Connection] = []
"""Connections of a parent process: SQLite wants them neither used nor closed in the child."""


class StoreError(ExplorerError):
    """A run store that cannot do what it is asked to, or a run for which that makes no sense."""


class Database:
    """The file of a run store.

    One connection serves all threads of a process, one after the other. A file that cannot be written to is read; one
    that is not there reads as empty and is created by the first writer.

    Args:
        file: the SQLite file.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._connection: sqlite3.Connection | None = None
        self._inode = 0
        self._pid = os.getpid()
        self._lock = threading.RLock()

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """A view of one moment.

        Raises:
            StoreError: the file is damaged, busy, or of a newer version.
        """
        with self._transaction("BEGIN", reading=True) as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """All changes in the body, or none of them where it raises; nobody else writes meanwhile.

        Raises:
            StoreError: the same, or the file cannot be written.
        """
        with self._transaction("BEGIN IMMEDIATE", reading=False) as connection:
            yield connection

    @contextmanager
    def _transaction(self, begin: str, *, reading: bool) -> Iterator[sqlite3.Connection]:
        if self._pid != os.getpid():
            self._forget()
        with self._lock:
            try:
                connection = self._open(reading)
                try:
                    connection.execute(begin)
                    yield connection
                    connection.execute("COMMIT")
                finally:
                    # After a failure some transactions are still open, and some have been rolled back already.
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")
                    if connection is not self._connection:
                        connection.close()
            except sqlite3.DatabaseError as error:
                if isinstance(error, sqlite3.IntegrityError | sqlite3.ProgrammingError):
                    raise
                raise self._sentence(error) from error

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _forget(self) -> None:
        if self._connection is not None:
            _FORKED.append(self._connection)
        self._connection, self._pid, self._lock = None, os.getpid(), threading.RLock()

    def _open(self, reading: bool) -> sqlite3.Connection:
        try:
            inode = self.file.stat().st_ino
        except OSError:
            inode = 0
        if self._connection is not None and inode == self._inode and inode:
            return self._connection
        self.close()  # the file was removed or replaced meanwhile
        if not inode and reading:
            return self._ready(sqlite3.connect(":memory:", isolation_level=None))
        made(self.file.parent)
        try:
            connection = self._ready(self._connect("rwc"), write_ahead=True)
        except sqlite3.OperationalError as error:
            if not reading or not _is_forbidden(error):
                raise
            return self._open_read_only()
        self._connection, self._inode = connection, self.file.stat().st_ino
        return connection

    def _connect(self, mode: str) -> sqlite3.Connection:
        uri = f"{self.file.absolute().as_uri()}?{mode if '=' in mode else f'mode={mode}'}"
        return sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)

    def _open_read_only(self) -> sqlite3.Connection:
        try:
            return self._ready(self._connect("ro"))
        except sqlite3.OperationalError:
            # Without its side files, which cannot be created here; nobody writes to it either.
            return self._ready(self._connect("immutable=1"))

    def _ready(self, connection: sqlite3.Connection, *, write_ahead: bool = False) -> sqlite3.Connection:
        try:
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA foreign_keys = ON")
            if run_schema.version_of(connection) > len(run_schema.MIGRATIONS):
                message = f"The run store {self.file} was written by a newer version of explorer: update explorer."
                raise StoreError(message, key="store_newer", file=str(self.file))
            if write_ahead:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = NORMAL")
            run_schema.migrate(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _sentence(self, error: sqlite3.DatabaseError) -> StoreError:
        code = _code(error)
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            message = f"The run store {self.file} is held by another program: try again in a moment."
            return StoreError(message, key="store_busy", file=str(self.file))
        if _is_forbidden(error):
            message = (
                f"The run store {self.file} cannot be written to: "
                f"set {HOME_VARIABLE} to a folder that you can write to."
            )
            return StoreError(message, key="store_read_only", file=str(self.file), variable=HOME_VARIABLE)
        if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
            message = f"Nothing could be written to the run store {self.file} ({error}): is the disk full?"
            return StoreError(message, key="store_full", file=str(self.file), reason=str(error))
        message = (
            f"The run store {self.file} is damaged ({error}): move this file away and explorer begins a new one; "
            "the folders beside it hold the runs' weights."
        )
        return StoreError(message, key="store_damaged", file=str(self.file), reason=str(error))


def _code(error: sqlite3.DatabaseError) -> int:
    """SQLite's primary result code; the higher bits would say more exactly where."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def _is_forbidden(error: sqlite3.DatabaseError) -> bool:
    forbidden = (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH)
    return _code(error) in forbidden
