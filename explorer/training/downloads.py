"""Data sets that are fetched: only when asked, checked, and renamed into place when they are whole."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from explorer import paths, units
from explorer.errors import ExplorerError, UnknownNameError
from explorer.training.datasets import DATASETS, DatasetInfo, RemoteFile, list_datasets
from explorer.training.reading import Report, seldom
from explorer.training.receiving import ReceiveError, receive
from explorer.training.storage import (
    MANIFEST,
    complete,
    damage,
    disk_error,
    partial_folder,
    put_in_place,
    require_room,
    write_manifest,
)

_ARCHIVES = (".gz", ".tgz", ".zip")
_UNPACKED_RATIO = 2.5
"""Room that is asked for, as a multiple of the download: the archive, and what is in it."""
_SHARE_OF_FETCHING = 0.95


def fetch_dataset(name: str, on_progress: Report | None = None) -> Path:
    """Fetch a data set, unless it is there already.

    It is written below `EXPLORER_DATA` (or `data/` in `EXPLORER_HOME`), under a temporary name first; every file is
    held against its checksum.

    Args:
        name: a name of `list_datasets("download")`.
        on_progress: is told the share that is done and what is being done; what it raises ends the download.

    Returns:
        The data set's folder.

    Raises:
        UnknownNameError: no such data set can be fetched.
        ExplorerError: it is there anyway, no network, an answer that is not the file, or no room on the disk. Nothing
            is left behind.
    """
    if name in list_datasets("built in"):
        title = DATASETS[name].title
        message = f"{title} comes with explorer: there is nothing to fetch."
        raise ExplorerError(message, key="data_built_in", title=title)
    if name not in list_datasets("download"):
        raise UnknownNameError("data set to fetch", name, list_datasets("download"))
    info, folder = DATASETS[name], paths.data_folder() / name
    if complete(folder):
        return folder
    report = seldom(on_progress)
    what = f"fetching {info.title}, {units.size(info.download_bytes)}"
    require_room(folder.parent, int(_UNPACKED_RATIO * info.download_bytes), info.title)
    with partial_folder(folder.parent) as partial:
        done = 0
        for file in info.files:
            before = done

            def received(count: int, before: int = before) -> None:
                share = (before + count) / max(1, info.download_bytes)
                report(_SHARE_OF_FETCHING * min(1.0, share), what)

            done += _fetch(file, partial / file.place, info, received)
        report(_SHARE_OF_FETCHING, f"unpacking {info.title}")
        _unpack(info, partial)
        write_manifest(partial)
        put_in_place(partial, folder)
    report(1.0, f"{info.title} is there")
    return folder


def is_fetched(name: str) -> bool:
    """Whether a data set was fetched; `fetched_folder` checks that all of it is still there."""
    return (paths.data_folder() / name / MANIFEST).is_file()


def fetched_folder(name: str) -> Path:
    """The folder of a data set that was fetched, all of whose files are there in full.

    Raises:
        ExplorerError: it was not fetched, or a file has gone or been cut off since.
    """
    info, folder = DATASETS[name], paths.data_folder() / name
    if not is_fetched(name):
        size = units.size(info.download_bytes)
        message = (
            f"{info.title} has to be fetched first, about {size}: explorer data fetch {name}, "
            f'or load_dataset("{name}", download=True).'
        )
        raise ExplorerError(message, key="data_not_fetched", title=info.title, name=name, size=size)
    found = damage(folder)
    if found is not None:
        message = f"{info.title} is no longer whole ({found}): explorer data fetch {name} fetches it anew."
        raise ExplorerError(message, key="data_damaged", title=info.title, name=name)
    return folder


def _fetch(file: RemoteFile, to: Path, info: DatasetInfo, received: Callable[[int], None]) -> int:
    """Write one file and hold it against its checksum; returns its bytes."""
    try:
        return receive(file.url, to, hashlib.md5(usedforsecurity=False), file.md5, received)
    except ReceiveError as error:
        raise _in_words(error, info) from error


def _in_words(error: ReceiveError, info: DatasetInfo) -> ExplorerError:
    title, host = info.title, error.host
    if error.kind == "server":
        message = f"{title} cannot be fetched: {host} answered with {error.code} ({error.reason})."
        return ExplorerError(message, key="data_server", title=title, host=host, code=error.code)
    if error.kind == "network":
        message = (
            f"{title} cannot be fetched: {host} cannot be reached; without a network, use "
            f"{', '.join(list_datasets('built in'))} or a folder of your own."
        )
        return ExplorerError(message, key="data_network", title=title, host=host)
    if error.kind == "incomplete":
        arrived = f"{units.size(error.count)} of {units.size(error.expected)}"
        message = f"{title} arrived incomplete from {host}, {arrived}: try again."
        return ExplorerError(message, key="data_incomplete", title=title, host=host)
    message = f"{title}: what {host} sent is not the file that was expected; try again later."
    return ExplorerError(message, key="data_checksum", title=title, host=host)


def _unpack(info: DatasetInfo, folder: Path) -> None:
    """Let torchvision unpack and read what was fetched; the archives go."""
    from explorer.training.fetched import open_fetched, unpack

    try:
        unpack(info.name, folder)
        open_fetched(info.name, folder)
    except OSError as error:
        raise disk_error(error, folder) from error
    for file in info.files:
        if file.place.endswith(_ARCHIVES):
            (folder / file.place).unlink(missing_ok=True)
