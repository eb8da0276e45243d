"""Values of steps, as many as are worth keeping, and how often it is affordable to look."""

from __future__ import annotations

import statistics
import time
from collections import deque

import torch
from torch import Tensor

_TIMES = 31
"""Steps whose times are remembered, so that a median follows the training."""

_LOOKS = 7
_LEAST_GAP = 5
"""Steps from one look to the next, at least: however cheap a look seems to be."""

_SECOND_LOOK = 10
"""The first step's time means nothing; this one's says what a look costs."""


class Series:
    """Tensors of steps, `most` at most: of more, every second one is left out.

    They stay where they are, on the device, until they are read all at once.

    >>> series = Series(4)
    >>> for step in range(1, 12):
    ...     if series.wants(step):
    ...         series.add(step, torch.tensor([float(step)]))
    >>> series.steps, series.stride
    ([1, 5, 9], 4)
    """

    def __init__(self, most: int) -> None:
        self.most, self.stride = most, 1
        self.steps: list[int] = []
        self._values: list[Tensor] = []

    def wants(self, step: int) -> bool:
        """Whether this step is one of those that are kept, if they are to be evenly spaced."""
        return (step - 1) % self.stride == 0

    def add(self, step: int, value: Tensor) -> None:
        """Keep a step's value."""
        self.steps.append(step)
        self._values.append(value)
        if len(self.steps) > self.most:
            self.steps, self._values = self.steps[::2], self._values[::2]
            self.stride *= 2

    def read(self) -> Tensor:
        """All values on the CPU, (steps, ...), in one transfer; (0,) where there are none."""
        return torch.stack(self._values).cpu() if self._values else torch.zeros(0)

    def restore(self, steps: list[int], values: Tensor, stride: int, until: int) -> None:
        """What was read before, up to a step."""
        kept = [at for at, step in enumerate(steps) if step <= until]
        self.steps, self.stride = [steps[at] for at in kept], stride
        self._values = [values[at].clone() for at in kept]


class Budget:
    """Whether another look is within a share of the training's time, from the times of steps with a look and without.

    What a look costs has to be known first: the first step is always looked at, and one of the next. In a training of
    a few dozen steps these two alone may take more than their share. A step after a pause has no time: if it was that
    one, another is looked at, and ever more rarely where no step has one, as in epochs of a single batch.

    Args:
        share: of the time that all looks together may take.
        device: that computes: a GPU's steps are timed on the GPU, without waiting for it.
    """

    def __init__(self, share: float, device: torch.device) -> None:
        self.share, self._cuda = share, device.type == "cuda"
        self.looks = self.steps = 0
        self._with: deque[float] = deque(maxlen=_LOOKS)
        self._without: deque[float] = deque(maxlen=_TIMES)
        self._last: float | torch.cuda.Event | None = None
        self.last_look = -_LEAST_GAP
        self._running: deque[tuple[torch.cuda.Event, torch.cuda.Event, bool]] = deque()

    def pause(self) -> None:
        """Something else comes before the next step, such as testing."""
        self._last = None

    def step(self, looked: bool) -> None:
        """A step is over."""
        self.steps += 1
        if looked:
            self.looks += 1
            self.last_look = self.steps
        now: float | torch.cuda.Event = time.perf_counter()
        if self._cuda:
            now = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
            now.record()
        if self._last is not None and self.steps > 2:
            if isinstance(now, float) and isinstance(self._last, float):
                self._took(now - self._last, looked)
            elif not isinstance(now, float) and not isinstance(self._last, float):
                self._running.append((self._last, now, looked))
        self._last = now
        while self._running and self._running[0][1].query():  # type: ignore[no-untyped-call]  # what the GPU has done
            before, after, had = self._running.popleft()
            self._took(before.elapsed_time(after) / 1000, had)

    def _took(self, seconds: float, looked: bool) -> None:
        (self._with if looked else self._without).append(seconds)

    def allows(self) -> bool:
        """Whether to look at the next step."""
        if not self.steps:
            return True
        if not self._with and not any(looked for _, _, looked in self._running):
            gap = _LEAST_GAP * ((1 << max(0, self.looks - 1)) - 1)
            return self.steps + 1 >= _SECOND_LOOK + gap
        cost = self.cost
        if cost is None or self.steps + 1 - self.last_look < _LEAST_GAP:
            return False
        return (self.looks + 1) * cost <= self.share * (self.steps + 1)

    @property
    def cost(self) -> float | None:
        """What a look takes, in steps without one; None as long as that is not known."""
        if not self._with or not self._without:
            return None
        usual = statistics.median(self._without)
        return max(0.0, statistics.median(self._with) / usual - 1) if usual else None

    @property
    def overhead(self) -> float | None:
        """What all looks have taken, as a share of the steps' time without them; None as long as that is not known."""
        return None if self.cost is None or not self.steps else self.looks * self.cost / self.steps
