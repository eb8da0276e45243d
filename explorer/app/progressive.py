"""Long work that tells how far it is, as a generator: the page shows what it says while it goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from concurrent.futures import Future, wait
from typing import TypeVar

Report = Callable[[float, str], None]
_T = TypeVar("_T")
_EVERY_SECONDS = 0.25


def progressive(work: Callable[[Report], _T]) -> Generator[tuple[float, str], None, _T]:
    """Run `work` in a thread; yields (share done, what is being done) a few times a second, and returns its result.

    Work goes on to its end although nobody may wait for it any more: what it was for is kept.

    Args:
        work: is handed the function that it tells its progress.
    """
    said: list[tuple[float, str]] = [(0.0, "")]
    future: Future[_T] = Future()

    def report(share: float, what: str) -> None:
        said[0] = (share, what)

    def run() -> None:
        try:
            future.set_result(work(report))
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    while not wait([future], timeout=_EVERY_SECONDS).done:
        yield said[0]
    return future.result()
