"""Resident memory of this process: now, and at its peak since a moment. Shared by the benchmarks' child processes."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

_STATUS = Path("/proc/self/status")
_RESET = Path("/proc/self/clear_refs")


class Peak:
    """Bytes by which the resident memory rose above its first value, at the most."""

    extra_bytes = 0


@contextmanager
def watched_peak() -> Iterator[Peak]:
    """Follow the resident memory of this process; the result is filled in at the end.

    On Linux the kernel keeps the peak and is asked to start anew (proc(5), clear_refs); elsewhere a thread looks every
    millisecond.
    """
    peak = Peak()
    start = psutil.Process().memory_info().rss
    if _RESET.exists():
        _RESET.write_text("5")
        yield peak
        line = next(line for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM"))
        peak.extra_bytes = max(0, int(line.split()[1]) * 1024 - start)
        return
    stop = threading.Event()

    def look() -> None:
        process = psutil.Process()
        while not stop.is_set():
            peak.extra_bytes = max(peak.extra_bytes, process.memory_info().rss - start)
            time.sleep(0.001)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        stop.set()
        thread.join()
