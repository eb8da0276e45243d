"""How far a training is, how fast it goes, and how long it will take: the same figures everywhere."""

from __future__ import annotations

import time
from collections import deque

from explorer.run_results import Progress

_SECONDS = 20.0
"""Images a second are a mean over about as long."""


class Pace:
    """Counts steps and seconds.

    Args:
        done: steps that were done before.
        total: steps of the whole run.
    """

    def __init__(self, done: int, total: int) -> None:
        self.done, self.total = done, total
        self._here = 0
        self._began = self._last = time.perf_counter()
        self._marks: deque[tuple[float, int]] = deque([(0.0, 0)])
        self._training = 0.0
        self._pictures = 0

    def start(self) -> None:
        """Training begins or goes on: what has been since the last step, such as testing, was none."""
        self._last = time.perf_counter()
        if not self._here:
            self._began = self._last

    def step(self, pictures: int) -> None:
        """A batch has been trained."""
        now = time.perf_counter()
        self._training += now - self._last
        self._last = now
        self.done += 1
        self._here += 1
        self._pictures += pictures
        self._marks.append((self._training, self._pictures))
        while len(self._marks) > 2 and self._training - self._marks[1][0] > _SECONDS:
            self._marks.popleft()

    def progress(self) -> Progress:
        """Now; the time left supposes that all goes on as since the training was begun or resumed."""
        share = self.done / self.total if self.total else 1.0
        if not self._here:
            return Progress(share, None, None)
        (then, before), (now, after) = self._marks[0], self._marks[-1]
        rate = (after - before) / (now - then) if now > then else None
        left = (time.perf_counter() - self._began) / self._here * (self.total - self.done)
        return Progress(share, rate, max(0.0, left))
