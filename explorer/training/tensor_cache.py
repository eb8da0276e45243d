"""Tensors that were long to compute, kept on disk: decoded pictures, a backbone's features."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from explorer import paths
from explorer.errors import ExplorerError


class TensorCache:
    """A bounded folder of tensors by key; it may be deleted at any time.

    Args:
        name: of the folder in explorer's cache.
        most_sets: sets of tensors that are kept, the newest used.
        most_bytes: that they take together.
    """

    def __init__(self, name: str, *, most_sets: int, most_bytes: int) -> None:
        self.name, self.most_sets, self.most_bytes = name, most_sets, most_bytes

    @property
    def folder(self) -> Path:
        """Where the files lie."""
        return paths.home_folder() / "cache" / self.name

    def load(self, key: str) -> tuple[dict[str, Tensor], dict[str, str]] | None:
        """The tensors kept under `key` with the notes beside them; None if there are none, or damaged ones."""
        file = self.folder / f"{key}.safetensors"
        try:
            with safe_open(file, "pt") as content:
                notes = dict(content.metadata() or {})
                tensors = {name: content.get_tensor(name) for name in content.keys()}  # noqa: SIM118 - it is no mapping
            if json.loads(notes.pop("sums")) != _sums(tensors):
                raise ValueError("the content has changed")
            os.utime(file)  # the newest are kept
        except FileNotFoundError:
            return None
        except Exception:  # damaged in whatever way: it is made anew
            with suppress(OSError):
                file.unlink()
            return None
        return tensors, notes

    def keep(self, key: str, tensors: Mapping[str, Tensor], notes: Mapping[str, str]) -> None:
        """Keep tensors under `key`; the oldest make way. Where that fails, there is no cache, and nothing is left."""
        if sum(tensor.nbytes for tensor in tensors.values()) > self.most_bytes:
            return
        file = self.folder / f"{key}.safetensors"
        partial = file.with_name(f".{key}.{os.getpid()}.partial")
        try:
            paths.made(file.parent)
            save_file(dict(tensors), partial, {**notes, "sums": json.dumps(_sums(tensors))})
            partial.replace(file)
        except (OSError, ExplorerError, RuntimeError):  # a full disk, a folder that is read-only
            return
        except Exception as error:
            if type(error).__name__ != "SafetensorError":  # how safetensors reports a full disk
                raise
        finally:
            with suppress(OSError):
                partial.unlink()
        self._make_room()

    def _make_room(self) -> None:
        found = []
        for file in self.folder.glob("*.safetensors"):
            try:
                stat = file.stat()
            except OSError:
                continue  # another process has removed it
            found.append((stat.st_mtime, stat.st_size, file))
        total = 0
        for count, (_, size, file) in enumerate(sorted(found, reverse=True), start=1):
            total += size
            if count > self.most_sets or (total > self.most_bytes and count > 1):
                with suppress(OSError):  # open in another process, on Windows
                    file.unlink()


def _sums(tensors: Mapping[str, Tensor]) -> dict[str, int]:
    return {name: zlib.crc32(tensor.contiguous().numpy().data) for name, tensor in sorted(tensors.items())}
