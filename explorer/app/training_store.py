"""The runs as the page's functions ask for them: one store for all of them, and whose run is whose."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from pathlib import Path

from explorer import paths
from explorer.app.problems import said
from explorer.language import text
from explorer.run_results import Run
from explorer.training.runs import RunStore

_OWNER = re.compile(r"[0-9a-f]{16,64}")


def store() -> RunStore:
    """The run store of this machine's user."""
    return _store(paths.runs_folder())


@functools.lru_cache(maxsize=4)
def _store(folder: Path) -> RunStore:
    return RunStore(folder)


def owner_of(token: str | None) -> str:
    """Who is at the page: the random token that their browser keeps; empty where it keeps none."""
    return token if token and _OWNER.fullmatch(token) else ""


def run_shown(wanted: str, owner: str, runs: Sequence[Run]) -> Run | None:
    """The run that the Train tab shows: the one that its address names, or the visitor's own that trains or waits.

    Args:
        wanted: id from the address; empty where it names none.
        owner: whose runs are one's own.
        runs: all runs, the newest first.
    """
    if wanted:
        return next((run for run in runs if run.run_id == wanted), None)
    own = [run for run in runs if owner and run.owner == owner and run.is_live and not run.group]
    return next((run for run in own if run.status == "running"), own[-1] if own else None)


def status_words(run: Run, language: str) -> str:
    """What a run is doing, in a word."""
    return text(f"status.{run.status}", language)


def message_of(run: Run, language: str) -> str:
    """Why a run failed, in the page's language; empty where it did not."""
    return said(run.message, run.error_key, run.error_values, language)
