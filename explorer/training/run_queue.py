"""Whose turn it is: runs wait for their devices in the order in which they came. No SQL and no clock here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from explorer.run_results import Status


@dataclass(frozen=True)
class Place:
    """A live run's place in the queue.

    Attributes:
        run_id: the run.
        status: `queued` or `running`.
        slots: the devices that it needs (`cpu`, `cuda:0`); empty while that is not known.
        number: rises with each run that queues.
        waits: whether a process waits for its turn, so that others wait behind it.
        alive: whether that process still runs.
    """

    run_id: str
    status: Status
    slots: frozenset[str]
    number: int
    waits: bool
    alive: bool


def runs_before(run: Place, places: Iterable[Place]) -> int:
    """How many runs `run` has to let pass: what trains on one of its devices, and who waits for one and came before.

    >>> cpu = frozenset({"cpu"})
    >>> first, second = Place("a", "running", cpu, 1, True, True), Place("b", "queued", cpu, 2, True, True)
    >>> runs_before(second, [first, second])
    1
    """
    return sum(
        other.run_id != run.run_id
        and other.alive
        and not other.slots.isdisjoint(run.slots)
        and (other.status == "running" or (other.waits and other.number < run.number))
        for other in places
    )
