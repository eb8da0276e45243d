"""The names of runs: chosen ones, and made ones."""

from __future__ import annotations

import secrets
from pathlib import Path

from explorer.training.run_database import StoreError

MOST_NAME = 80


def new_id(folder: Path, taken: set[str]) -> str:
    """An id that no run has; it is the name of the run's folder, too."""
    while (run_id := secrets.token_hex(4)) in taken or (folder / run_id).exists():
        pass
    return run_id


def made_name(arch: str, taken: set[str]) -> str:
    """A name for a run without one: `resnet20-1`, `resnet20-2`."""
    number = 1
    while f"{arch}-{number}" in taken:
        number += 1
    return f"{arch}-{number}"


def usable_name(name: str) -> str:
    """The name that somebody chose, without spaces around it.

    Raises:
        StoreError: it cannot be a run's name.
    """
    usable = name.strip()
    if not usable or len(usable) > MOST_NAME or not usable.isprintable() or usable[0] in "-." or set("/\\") & {*usable}:
        shown = repr(name[:40])
        message = (
            f"{shown} is no name for a run: use up to {MOST_NAME} letters, digits, spaces and signs, without slashes, "
            "beginning neither with a dot nor with a hyphen."
        )
        raise StoreError(message, key="run_name", name=shown, most=MOST_NAME)
    return usable
