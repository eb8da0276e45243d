"""The process of one run, or of several that belong together: `python -m explorer.jobs.worker STORE_FOLDER RUN_ID...`.

It waits for its turn, trains and ends. What it prints goes into the run's log. SIGTERM asks it to stop, as the button
does: within one batch, and the checkpoints are kept.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from explorer.errors import ExplorerError, UnknownNameError
from explorer.jobs.running import is_first_process, run_here
from explorer.training.callbacks import Callback
from explorer.training.runs import RunStore

if TYPE_CHECKING:
    from explorer.training.loop import Training

NICER = 5
"""The page that shows the run is to answer at once, however busy the processor is."""


class _KeepMemory(Callback):
    """This process does nothing but train, so memory that one step has freed is best kept for the next."""

    def on_start(self, training: Training) -> None:
        from explorer.training.speed import keep_freed_memory  # torch comes with the turn, not before

        keep_freed_memory()


def main(arguments: Sequence[str]) -> int:
    """Train one run, or several one after the other.

    Args:
        arguments: the store's folder and the runs' ids.

    Returns:
        The exit code: 0 when all have finished or were stopped, 1 when one has failed.
    """
    folder, *run_ids = arguments
    asked = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: asked.set())
    if hasattr(os, "nice"):
        os.nice(NICER)
    store = RunStore(Path(folder))
    for run_id in run_ids if is_first_process() else ():
        store.adopt(run_id)  # all of them now: one that is stopped and queued anew later is another process's
    codes, left = [0], list(run_ids)
    while left:
        # By the queue, not as they were named: one that was queued anew meanwhile stands behind the others, which
        # would wait for it in vain if it were waited for first.
        run_id = min(left, key=lambda each: _place(store, each))
        left.remove(run_id)
        codes.append(_train(store, run_id, asked))
    return max(codes)


def _place(store: RunStore, run_id: str) -> int:
    """How many runs are before it; of one that was deleted meanwhile, none."""
    try:
        return store.revision(run_id)[2]
    except UnknownNameError:
        return 0


def _train(store: RunStore, run_id: str, asked: threading.Event) -> int:
    try:
        run = run_here(store, run_id, should_stop=asked.is_set, callbacks=[_KeepMemory()], adopt=False)
    except ExplorerError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    except Exception:
        traceback.print_exc()
        return 1
    if is_first_process():
        print(f"{run.name}: {run.status}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
