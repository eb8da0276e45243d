"""One file from another machine, held against its checksum while it arrives. What went wrong is data, not words."""

from __future__ import annotations

import errno
import http.client
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Literal, Protocol

from explorer.training.storage import disk_error

_WAIT_SECONDS = 30
_BLOCK = 1 << 18
_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS, errno.EPERM)


class Digest(Protocol):
    """What `hashlib` gives: a checksum in the making."""

    def update(self, data: bytes, /) -> None:
        """Take in the next bytes."""

    def hexdigest(self) -> str:
        """The checksum so far."""


class ReceiveError(Exception):
    """A file did not arrive as it should; who asked for it says so in words of its own.

    Attributes:
        kind: `network`: the host cannot be reached; `server`: it answered with an error; `incomplete`: it hung up too
            early; `checksum`: it sent something else.
        host: who was asked.
        code: of a server's answer.
        reason: the server's word for it.
        count: bytes that arrived.
        expected: bytes that were announced.
    """

    def __init__(
        self,
        kind: Literal["network", "server", "incomplete", "checksum"],
        host: str,
        *,
        code: int = 0,
        reason: str = "",
        count: int = 0,
        expected: int = 0,
    ) -> None:
        super().__init__(f"{kind}: {host}")
        self.kind, self.host, self.code, self.reason = kind, host, code, reason
        self.count, self.expected = count, expected


def receive(url: str, to: Path, digest: Digest, checksum: str, received: Callable[[int], None]) -> int:
    """Write what lies at an address into a file.

    Args:
        url: the address.
        to: the file; its folder is created. What is in it after an error is of no use.
        digest: a fresh checksum.
        checksum: how the digest of the whole file begins, in hexadecimal.
        received: is told the bytes so far; what it raises ends the transfer.

    Returns:
        The file's bytes.

    Raises:
        ReceiveError: the file did not arrive as it should.
        ExplorerError: it cannot be written.
    """
    host, count = urllib.parse.urlsplit(url).hostname or url, 0
    request = urllib.request.Request(url, headers={"User-Agent": "explorer"})
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        with urllib.request.urlopen(request, timeout=_WAIT_SECONDS) as response, to.open("wb") as out:
            expected: int | None = response.length
            while block := response.read(_BLOCK):
                out.write(block)
                digest.update(block)
                count += len(block)
                received(count)
    except urllib.error.HTTPError as error:
        raise ReceiveError("server", host, code=error.code, reason=str(error.reason)) from error
    except (OSError, http.client.HTTPException) as error:
        if isinstance(error, OSError) and error.errno in _DISK:
            raise disk_error(error, to.parent) from error
        raise ReceiveError("network", host) from error
    if expected is not None and count < expected:
        raise ReceiveError("incomplete", host, count=count, expected=expected)
    if not digest.hexdigest().startswith(checksum):
        raise ReceiveError("checksum", host)
    return count
