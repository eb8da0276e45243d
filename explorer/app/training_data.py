"""The data to train on: what there is to choose from, what visitors may bring, and what nets are fitted to."""

from __future__ import annotations

import hashlib
import html
import os
import shutil
import threading
import time
import uuid
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path

from explorer import paths, units
from explorer.app.training_store import store
from explorer.errors import ConfigError
from explorer.language import strings, text
from explorer.training.data import is_available
from explorer.training.datasets import DATASETS, DatasetInfo

UPLOADS_BYTES = 2 * 10**9
"""What all zips that visitors have brought may take together; a few large ones, or hundreds of small ones."""

_MOST_KEPT = 32

_infos: OrderedDict[str, DatasetInfo] = OrderedDict()
_lock = threading.Lock()
_own_folders = True


def allow_own_folders(allowed: bool) -> None:
    """Whether visitors may name folders of this machine: they should not where it serves others, too."""
    global _own_folders
    _own_folders = allowed


def own_folders_allowed() -> bool:
    """Whether visitors may name folders of this machine."""
    return _own_folders


def checked(name: str) -> str:
    """The name of a data set, a folder or a zip that may be read here.

    Raises:
        ConfigError: a folder, where visitors may not name one.
    """
    name = name.strip()
    if name in DATASETS or _own_folders or _uploaded(name):
        return name
    message = f"{name[-60:]!r} cannot be used: this app is shared, so upload a zip of your pictures instead."
    raise ConfigError(message, key="data_shared", name=repr(name[-60:]))


def check_start(name: str | None) -> None:
    """Check what a visitor wants a training to start from.

    Raises:
        ConfigError: a file, where visitors may not name one.
        UnknownNameError: there is no such run.
    """
    if name and not _own_folders and not name.startswith("shipped:"):
        if Path(name).suffix or Path(name).parent != Path():
            message = f"{name[-60:]!r} cannot be started from: this app is shared, so name a run or a shipped net."
            raise ConfigError(message, key="start_shared", name=repr(name[-60:]))
        store().get(name)


def _uploads() -> Path:
    return paths.home_folder() / "uploads"


def _uploaded(name: str) -> bool:
    return Path(name).parent == _uploads() and Path(name).suffix == ".zip"


def keep_upload(file: str) -> str:
    """Keep a zip that was brought, under its content's name, and give its path; the oldest ones make room.

    Raises:
        ConfigError: nothing was brought.
    """
    if not file:
        raise ConfigError("No file was chosen.", key="no_file")
    with Path(file).open("rb") as stream:
        key = hashlib.file_digest(stream, "sha256").hexdigest()[:12]
    kept = paths.made(_uploads()) / f"{Path(file).stem[:40]}-{key}.zip"
    if kept.exists():
        # Brought again is as new as new; the time of its content stays, by which it is known (`state_of`).
        os.utime(kept, ns=(time.time_ns(), kept.stat().st_mtime_ns))
    else:
        partial = kept.with_name(f"{uuid.uuid4().hex}.partial")  # others may bring the same at the same time
        try:
            shutil.copyfile(file, partial)
            partial.replace(kept)
        finally:
            partial.unlink(missing_ok=True)
    _make_room(kept)
    return str(kept)


def _make_room(newest: Path) -> None:
    """Delete the oldest zips until the others take no more than they may, but none that a live run needs."""
    with _lock:
        in_use = {Path(run.train.dataset) for run in store().list() if run.is_live} | {newest}
        found = [(file, file.stat()) for file in _uploads().glob("*.zip")]
        total = 0
        for file, facts in sorted(found, key=lambda one: max(one[1].st_atime, one[1].st_mtime), reverse=True):
            total += facts.st_size
            if total > UPLOADS_BYTES and file not in in_use:
                total -= facts.st_size
                with suppress(OSError):  # somebody reads it, where that keeps a file from going: next time, then
                    file.unlink(missing_ok=True)


# ---------------------------------------------------------------- what there is


def choices(current: str, language: str) -> list[tuple[str, str]]:
    """The data sets to pick from, those first that are there at once; with the user's own, if that is chosen."""
    listed = [(_choice(info, language), name) for name, info in DATASETS.items()]
    if current not in DATASETS:
        listed.append((text("train.data.own", language, name=Path(current).name[:40]), current))
    return listed


def _choice(info: DatasetInfo, language: str) -> str:
    if info.kind == "built in":
        return title(info, language)
    if is_available(info.name):
        return f"{title(info, language)} · {text('train.data.there', language)}"
    return f"{title(info, language)} · {text('train.data.fetch_size', language, size=units.size(info.download_bytes))}"


def title(info: DatasetInfo, language: str) -> str:
    """How a data set is called."""
    return strings(language).get(f"data.{info.name}", info.title)


def known_info(name: str) -> DatasetInfo | None:
    """What nets are fitted to, as far as it is known without reading anything.

    Raises:
        ConfigError: a folder, where visitors may not name one.
    """
    name = checked(name)
    if name in DATASETS:
        return DATASETS[name]
    with _lock:
        return _infos.get(state_of(name))


def known_info_or_none(name: str) -> DatasetInfo | None:
    """The same; None also for what may not be read."""
    try:
        return known_info(name)
    except ConfigError:
        return None


def remember(name: str, info: DatasetInfo) -> None:
    """Keep what was found out about a data set."""
    with _lock:
        _infos[state_of(name)] = info
        while len(_infos) > _MOST_KEPT:
            _infos.popitem(last=False)


def state_of(name: str) -> str:
    """The name, and for what is the user's own or may be fetched, what changes with its content."""
    if name in DATASETS:
        return name
    try:
        return f"{name}@{Path(name).expanduser().stat().st_mtime_ns}"
    except (OSError, ValueError, RuntimeError):  # not there, no path at all, or the home of nobody
        return name


def must_be_fetched(name: str) -> DatasetInfo | None:
    """The data set of that name, if it has to be downloaded before it can be used."""
    info = DATASETS.get(name)
    return info if info is not None and not is_available(name) else None


def check_there(name: str) -> None:
    """Check that data need not be downloaded first.

    Raises:
        ConfigError: it must.
    """
    missing = must_be_fetched(name)
    if missing is not None:
        message = f"{missing.title} is not on this machine yet: download it first."
        raise ConfigError(message, key="data_fetch_first", title=missing.title)


def about(info: DatasetInfo, language: str) -> str:
    """What a data set holds, in one line, and where it comes from."""
    colours = text(f"train.data.channels.{info.channels}", language)
    values = {"classes": info.num_classes, "train": units.exact(info.train_pictures), "colours": colours}
    tested = units.exact(info.test_pictures) if info.test_pictures else text("train.data.divided", language)
    line = text("train.data.about", language, **values, test=tested, side=info.image_size)
    source = strings(language).get(f"data.{info.name}.source", info.source)
    return f'<p class="data-about">{html.escape(line)}</p><p class="source">{html.escape(source)}</p>'
