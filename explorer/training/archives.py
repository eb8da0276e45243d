"""Zips of image folders: judged before anything is written, then unpacked once and kept by their content."""

from __future__ import annotations

import hashlib
import re
import shutil
import stat
import zipfile
from pathlib import Path, PurePosixPath

from explorer import paths, units
from explorer.errors import ExplorerError
from explorer.training.reading import Report
from explorer.training.storage import complete, disk_error, partial_folder, put_in_place, require_room, write_manifest

MAX_ENTRIES = 200_000
MAX_BYTES = 50_000_000_000
MAX_RATIO = 1000
_BLOCK = 1 << 20
_UTF8_FLAG = 0x800
_ENCRYPTED_FLAG = 0x1


class ArchiveError(ExplorerError):
    """A zip that is not opened, and why."""


def unpacked(file: Path, report: Report) -> Path:
    """The folder with what is in a zip; the same content is unpacked only once.

    Raises:
        ArchiveError: it is damaged, encrypted or unsafe: with absolute paths, `..`, links, a ratio of compression that
            no picture has, too many entries or too many bytes. Nothing has been written then.
        ExplorerError: there is no room for it on the disk.
    """
    name = file.name[:60]
    report(0.0, f"checking {name}")
    try:
        with file.open("rb") as stream:
            key = hashlib.file_digest(stream, "sha256").hexdigest()[:24]
    except OSError as error:
        raise ArchiveError(f"{name} cannot be read: {error.strerror}.", key="zip_unreadable", name=name) from error
    folder = paths.home_folder() / "unpacked" / key
    if complete(folder):
        return folder / "pictures"
    try:
        with zipfile.ZipFile(file) as archive:
            members = _judged(archive, file)
            require_room(folder.parent, sum(member.file_size for member, _ in members), name)
            with partial_folder(folder.parent) as partial:
                _extract(archive, members, partial / "pictures", name, report)
                write_manifest(partial)
                put_in_place(partial, folder)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        if isinstance(error, ExplorerError):
            raise
        raise _damaged(name) from error
    return folder / "pictures"


def _judged(archive: zipfile.ZipFile, file: Path) -> list[tuple[zipfile.ZipInfo, PurePosixPath]]:
    """The files in a zip that are to be written, with their places, if all of it is safe."""
    name, infos = file.name[:60], archive.infolist()
    if len(infos) > MAX_ENTRIES:
        message = f"{name} has {units.exact(len(infos))} entries: up to {units.exact(MAX_ENTRIES)} are opened."
        raise ArchiveError(message, key="zip_entries", name=name, most=units.exact(MAX_ENTRIES))
    total = sum(info.file_size for info in infos)
    if total > MAX_BYTES:
        message = f"{name} would take {units.size(total)}: up to {units.size(MAX_BYTES)} are unpacked."
        raise ArchiveError(message, key="zip_bytes", name=name, size=units.size(total), most=units.size(MAX_BYTES))
    members = []
    for info in infos:
        place = _place(info, name)
        if info.flag_bits & _ENCRYPTED_FLAG:
            raise ArchiveError(f"{name} is encrypted: unpack it first.", key="zip_encrypted", name=name)
        if info.file_size > MAX_RATIO * max(1, info.compress_size):
            raise _too_dense(name)
        if place.parts and not info.is_dir() and not any(_is_hidden(part) for part in place.parts):
            members.append((info, place))
    if total > MAX_RATIO * max(1, file.stat().st_size):  # entries that share their bytes
        raise _too_dense(name)
    if not any(len(place.parts) > 1 for _, place in members):
        message = f"{name} has no classes: zip a folder that holds a folder of pictures for each class."
        raise ArchiveError(message, key="zip_no_classes", name=name)
    return members


def _place(info: zipfile.ZipInfo, name: str) -> PurePosixPath:
    """Where an entry is to be written, below the folder."""
    written = _decoded_name(info)
    shown = repr(written[:60])
    place = PurePosixPath(written.replace("\\", "/"))
    if place.is_absolute() or ".." in place.parts or re.match(r"[A-Za-z]:", written) or "\0" in written:
        message = f"{name} is refused: its entry {shown} would be written outside of the folder."
        raise ArchiveError(message, key="zip_path", name=name, entry=shown)
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        message = f"{name} is refused: its entry {shown} is a link or a device, not a file."
        raise ArchiveError(message, key="zip_link", name=name, entry=shown)
    return place


def _decoded_name(info: zipfile.ZipInfo) -> str:
    """The entry's name; Windows writes Korean names in its own code page, and says nothing of it."""
    # `orig_filename`, because `filename` ends at the first zero byte.
    name = info.orig_filename
    if info.flag_bits & _UTF8_FLAG or name.isascii():
        return name
    raw = name.encode("cp437")
    for encoding in ("utf-8", "cp949"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return name


def _is_hidden(part: str) -> bool:
    return part.startswith(".") or part == "__MACOSX"


def _extract(
    archive: zipfile.ZipFile,
    members: list[tuple[zipfile.ZipInfo, PurePosixPath]],
    to: Path,
    name: str,
    report: Report,
) -> None:
    total, done = sum(info.file_size for info, _ in members) or 1, 0
    for info, place in members:
        target = to / place
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            # zipfile reads no more than `file_size`, and checks the content's sum at its end.
            with archive.open(info) as source, target.open("wb") as sink:
                shutil.copyfileobj(source, sink, _BLOCK)
        except zipfile.BadZipFile as error:
            raise _damaged(name) from error
        except OSError as error:
            raise disk_error(error, to) from error
        done += info.file_size
        report(done / total, f"unpacking {name}")


def _too_dense(name: str) -> ArchiveError:
    message = f"{name} is refused: it grows more than {MAX_RATIO}-fold when unpacked, which no pictures do."
    return ArchiveError(message, key="zip_ratio", name=name, most=MAX_RATIO)


def _damaged(name: str) -> ArchiveError:
    return ArchiveError(f"{name} is damaged, or no zip that can be read.", key="zip_damaged", name=name)
