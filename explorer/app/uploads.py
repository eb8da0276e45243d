"""Pictures that people brought, kept in memory for their links: the newest few.

The uploaded files themselves are gone after a few minutes (`main.UPLOADS_SECONDS`).
"""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict

from explorer.pictures import Pixels

PREFIX = "own-"
_MOST = 100

_pictures: OrderedDict[str, Pixels] = OrderedDict()
_lock = threading.Lock()


def keep(picture: Pixels) -> str:
    """Keep a picture and give its name, which nobody can guess; the oldest makes room."""
    name = PREFIX + secrets.token_urlsafe(9)
    with _lock:
        _pictures[name] = picture
        while len(_pictures) > _MOST:
            _pictures.popitem(last=False)
    return name


def find(name: str) -> Pixels | None:
    """The picture of that name, or None where it was never here or had to make room."""
    with _lock:
        return _pictures.get(name)
