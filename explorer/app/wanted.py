"""What each open page looks at now, so that work ends which nobody waits for any more."""

from __future__ import annotations

import threading
from collections import OrderedDict

_MOST_VISITORS = 256


class Wanted:
    """What each open page looks at now: what it has left is not computed on."""

    def __init__(self) -> None:
        self._chosen: OrderedDict[str, str] = OrderedDict()
        self._lock = threading.Lock()

    def choose(self, visitor: str, chosen: str) -> None:
        """From now on the page wants `chosen`; nothing where that is empty."""
        with self._lock:
            self._chosen[visitor] = chosen
            self._chosen.move_to_end(visitor)
            while len(self._chosen) > _MOST_VISITORS:
                self._chosen.popitem(last=False)

    def is_wanted(self, visitor: str, chosen: str) -> bool:
        """Whether the page still wants `chosen`."""
        with self._lock:
            return self._chosen.get(visitor, chosen) == chosen
