"""The run store's tables, and how an older store becomes one of today."""

from __future__ import annotations

import sqlite3

_FIRST = (
    """
    CREATE TABLE runs (
        run_id TEXT PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        created_at REAL NOT NULL,
        status TEXT NOT NULL
            CHECK (status IN ('queued', 'running', 'finished', 'stopped', 'failed', 'interrupted')),
        model TEXT NOT NULL,                    -- JSON
        train TEXT NOT NULL,                    -- JSON
        resolved TEXT NOT NULL DEFAULT '{}',    -- JSON
        versions TEXT NOT NULL DEFAULT '{}',    -- JSON
        device TEXT NOT NULL DEFAULT '',
        wall_seconds REAL NOT NULL DEFAULT 0,
        message TEXT NOT NULL DEFAULT '',
        error_key TEXT NOT NULL DEFAULT '',
        error_values TEXT NOT NULL DEFAULT '{}',    -- JSON
        best_epoch INTEGER NOT NULL DEFAULT 0,
        total_steps INTEGER NOT NULL DEFAULT 0,
        share REAL NOT NULL DEFAULT 0,
        images_per_second REAL,
        seconds_left REAL,
        run_group TEXT NOT NULL DEFAULT '',
        owner TEXT NOT NULL DEFAULT '',
        slots TEXT NOT NULL DEFAULT '',         -- devices that it needs, with commas between; empty: not known yet
        queue_number INTEGER NOT NULL,
        waits INTEGER NOT NULL DEFAULT 0,       -- whether a process waits for its turn
        stop_requested INTEGER NOT NULL DEFAULT 0,
        pid INTEGER,                            -- the process that answers for it while it is queued or running
        process_mark TEXT NOT NULL DEFAULT '',
        revision INTEGER NOT NULL DEFAULT 0     -- of the store, when this row changed last
    )
    """,
    """
    CREATE TABLE epochs (
        run_id TEXT NOT NULL REFERENCES runs ON DELETE CASCADE,
        epoch INTEGER NOT NULL,
        step INTEGER NOT NULL,
        train_loss REAL,                        -- NULL where the loss was not a number
        train_error REAL NOT NULL,
        test_loss REAL,
        test_error REAL NOT NULL,
        test_top5_error REAL,
        val_error REAL,
        lr REAL NOT NULL,
        seconds REAL NOT NULL,
        images_per_second REAL NOT NULL,
        share REAL NOT NULL,
        recent_images_per_second REAL,
        seconds_left REAL,
        PRIMARY KEY (run_id, epoch)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE steps (
        run_id TEXT NOT NULL REFERENCES runs ON DELETE CASCADE,
        sample INTEGER NOT NULL,                -- at most one step in each part of the run
        step INTEGER NOT NULL,
        epoch INTEGER NOT NULL,
        loss REAL,
        error REAL NOT NULL,
        lr REAL NOT NULL,
        share REAL NOT NULL,
        recent_images_per_second REAL,
        seconds_left REAL,
        PRIMARY KEY (run_id, sample)
    ) WITHOUT ROWID
    """,
    "CREATE TABLE store (revision INTEGER NOT NULL)",
    "INSERT INTO store VALUES (0)",
)

MIGRATIONS: tuple[tuple[str, ...], ...] = (_FIRST,)
"""Statements that lead from each version to the next. What stands here stays; a change is a further entry."""


def version_of(connection: sqlite3.Connection) -> int:
    """The version of the tables; 0: there are none yet."""
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the tables up to date, all or nothing, whoever else tries the same at this moment."""
    if version_of(connection) == len(MIGRATIONS):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statements in MIGRATIONS[version_of(connection) :]:
            for statement in statements:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
