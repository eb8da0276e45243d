"""Whether a process that was noted down is still there, and is still the same one."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import psutil


def process_mark(pid: int) -> str:
    """What tells a process from a later one with the same number; empty where there is none.

    A number is given again once its process has died. On Linux the mark is the kernel's count of ticks at which the
    process started, and which start of the machine it counts from: the creation time that psutil computes from it
    shifts when the clock is set. A process that has died and that nobody has asked about yet counts as dead.

    >>> import os
    >>> process_mark(os.getpid()) != ""
    True
    """
    try:
        process = psutil.Process(pid)
        if process.status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD):
            return ""
        return _start_ticks(pid) or f"{process.create_time():.0f}"
    except psutil.AccessDenied:
        return "unreadable"
    except (psutil.Error, OSError, ValueError, OverflowError):
        return ""


def is_same_process(pid: int | None, mark: str) -> bool:
    """Whether the process that had this number and mark still runs."""
    return pid is not None and mark != "" and process_mark(pid) == mark


def _start_ticks(pid: int) -> str:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    # After the name, which stands in brackets and may hold anything: field 3 of proc(5) first, 22 is the start.
    return f"{stat.rpartition(')')[2].split()[19]}@{_boot()}"


@cache
def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
    except OSError:
        return ""
