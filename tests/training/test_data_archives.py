"""Zips of image folders: unpacked once, or refused with the reason before anything is written."""

from __future__ import annotations

import io
import os
import stat
import struct
import zipfile
from pathlib import Path

import pytest
import torch
from picture_files import make_folder, picture

from explorer.errors import ExplorerError
from explorer.training import archives, storage
from explorer.training.archives import ArchiveError
from explorer.training.data import dataset_info, load_dataset

Content = dict[str, bytes]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EXPLORER_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def png(seed: int = 0) -> bytes:
    buffer = io.BytesIO()
    picture(seed).save(buffer, "PNG")
    return buffer.getvalue()


def pictures(prefix: str = "", count: int = 5) -> Content:
    return {f"{prefix}{name}/{number}.png": png(number) for name in ("ant", "bee") for number in range(count)}


def zipped(file: Path, content: Content) -> Path:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return file


def assert_nothing_written(home: Path) -> None:
    assert not home.exists() or not [file for file in home.rglob("*") if file.is_file()]


# ---------------------------------------------------------------- what is read


@pytest.mark.parametrize("prefix", ["", "insects/", "train/", "insects/train/"])
def test_a_zip_is_the_folder_in_it(tmp_path: Path, prefix: str) -> None:
    file = zipped(tmp_path / "insects.zip", pictures(prefix))
    data = load_dataset(file)
    assert data.summary.title == "insects"
    assert data.summary.classes == ("ant", "bee")
    assert (data.summary.train_counts, data.summary.test_counts) == ((4, 4), (1, 1))
    assert dataset_info(file).kind == "zip"


def test_a_zip_gives_what_its_folder_gives(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "own", ["train", "test"], ["a", "b"])
    content = {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*.png"))}
    unzipped, data = load_dataset(folder), load_dataset(zipped(tmp_path / "own.zip", content))
    assert torch.equal(unzipped.train.images, data.train.images)  # type: ignore[attr-defined]


def test_the_same_content_is_unpacked_once_whatever_its_name(tmp_path: Path, home: Path) -> None:
    load_dataset(zipped(tmp_path / "one.zip", pictures()))
    [folder] = (home / "unpacked").iterdir()
    before = {file: file.stat().st_mtime_ns for file in folder.rglob("*")}
    (tmp_path / "one.zip").rename(tmp_path / "two.zip")
    assert load_dataset(tmp_path / "two.zip").summary.title == "two"
    assert {file: file.stat().st_mtime_ns for file in folder.rglob("*")} == before
    assert list((home / "unpacked").iterdir()) == [folder]


def test_what_was_unpacked_and_has_suffered_is_unpacked_anew(tmp_path: Path, home: Path) -> None:
    file = zipped(tmp_path / "one.zip", pictures())
    load_dataset(file)
    victim = next(home.rglob("ant/3.png"))
    victim.write_bytes(b"cut")
    assert load_dataset(file).summary.skipped == ()
    assert victim.read_bytes() == png(3)
    assert len(list((home / "unpacked").iterdir())) == 1


def test_what_a_mac_adds_is_left_out(tmp_path: Path, home: Path) -> None:
    extra = {"__MACOSX/ant/._0.png": b"x", ".DS_Store": b"x", "ant/.DS_Store": b"x"}
    assert load_dataset(zipped(tmp_path / "mac.zip", {**pictures(), **extra})).summary.skipped == ()
    assert not list(home.rglob("*.DS_Store"))


def test_broken_pictures_in_a_zip_are_named(tmp_path: Path) -> None:
    file = zipped(tmp_path / "some.zip", {**pictures(), "ant/bad.jpg": b"no picture", "bee/list.csv": b"1,2"})
    assert [name for name, _ in load_dataset(file).summary.skipped] == ["bee/list.csv", "ant/bad.jpg"]


@pytest.mark.parametrize("encoding", ["utf-8", "cp949"])
def test_korean_names_are_read_although_the_zip_does_not_say_how_they_are_written(
    tmp_path: Path, encoding: str
) -> None:
    content = {name.replace("ant", "개미").replace("bee", "꿀벌"): data for name, data in pictures().items()}
    assert load_dataset(zipped(tmp_path / "곤충.zip", content)).summary.classes == ("개미", "꿀벌")
    # As Windows or an old tool writes it: the bytes of another encoding, without the flag for UTF-8.
    plain = zipped(tmp_path / "plain.zip", {name.replace("개미", "AAAAAA").replace("꿀벌", "BBBBBB"): data
                                            for name, data in content.items()}).read_bytes()  # fmt: skip
    for placeholder, name in ((b"AAAAAA", "개미"), (b"BBBBBB", "꿀벌")):
        raw = name.encode(encoding)
        plain = plain.replace(placeholder, raw + b"_" * (6 - len(raw)))
    (tmp_path / "old.zip").write_bytes(plain)
    filler = "_" * (6 - len("개미".encode(encoding)))
    assert load_dataset(tmp_path / "old.zip").summary.classes == (f"개미{filler}", f"꿀벌{filler}")


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "../out.png", "ant/../../out.png", "..\\out.png", "C:\\out.png", "C:out.png", "\\out.png"]
)
def test_a_way_out_of_the_folder_is_refused(tmp_path: Path, home: Path, name: str) -> None:
    file = zipped(tmp_path / "evil.zip", {**pictures(), name: b"x"})
    with pytest.raises(
        ArchiveError, match=r"evil\.zip is refused: its entry .* would be written outside of the folder"
    ):
        load_dataset(file)
    assert_nothing_written(home)
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "home") == ["evil.zip"]


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_links_and_devices_are_refused(tmp_path: Path, home: Path, kind: int) -> None:
    file = zipped(tmp_path / "evil.zip", pictures())
    with zipfile.ZipFile(file, "a") as archive:
        link = zipfile.ZipInfo("ant/link.png")
        link.external_attr = (kind | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(ArchiveError, match="is a link or a device, not a file"):
        load_dataset(file)
    assert_nothing_written(home)


def test_a_thousandfold_ratio_is_refused(tmp_path: Path, home: Path) -> None:
    # Zeros are deflated about 1030-fold.
    file = zipped(tmp_path / "bomb.zip", {**pictures(), "ant/big.png": bytes(30_000_000)})
    with pytest.raises(ArchiveError, match="it grows more than 1000-fold when unpacked, which no pictures do"):
        load_dataset(file)
    assert_nothing_written(home)


def test_entries_that_share_their_bytes_are_refused(tmp_path: Path, home: Path) -> None:
    """One stored megabyte that the directory names 2000 times."""
    file = zipped(tmp_path / "shared.zip", {})
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("ant/0.png", os.urandom(1_000_000))
        first = archive.infolist()[0]
        for number in range(2000):
            copy = zipfile.ZipInfo(f"ant/{number}.png")
            copy.file_size, copy.compress_size = first.file_size, first.compress_size
            copy.CRC, copy.header_offset = first.CRC, first.header_offset
            archive.filelist.append(copy)
    with pytest.raises(ArchiveError, match="1000-fold"):
        load_dataset(file)
    assert_nothing_written(home)


def test_too_many_entries_or_bytes_are_refused(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = zipped(tmp_path / "many.zip", pictures())
    monkeypatch.setattr(archives, "MAX_ENTRIES", 9)
    with pytest.raises(ArchiveError, match=r"many\.zip has 10 entries: up to 9 are opened"):
        load_dataset(file)
    monkeypatch.setattr(archives, "MAX_ENTRIES", 10)
    monkeypatch.setattr(archives, "MAX_BYTES", 100)
    with pytest.raises(ArchiveError, match="up to 100 B are unpacked"):
        load_dataset(file)
    assert_nothing_written(home)


def test_an_encrypted_zip_is_refused(tmp_path: Path, home: Path) -> None:
    file = zipped(tmp_path / "secret.zip", pictures())
    content = bytearray(file.read_bytes())
    at = content.index(b"PK\x01\x02")  # the first entry of the directory; its flags are 8 bytes further
    content[at + 8 : at + 10] = struct.pack("<H", 1)
    file.write_bytes(content)
    with pytest.raises(ArchiveError, match=r"secret\.zip is encrypted: unpack it first"):
        load_dataset(file)
    assert_nothing_written(home)


def test_a_zip_without_classes_is_refused(tmp_path: Path, home: Path) -> None:
    file = zipped(tmp_path / "flat.zip", {f"{number}.png": png(number) for number in range(3)})
    with pytest.raises(ArchiveError, match=r"flat\.zip has no classes: zip a folder that holds a folder of pictures"):
        load_dataset(file)
    assert_nothing_written(home)
    with pytest.raises(ExplorerError, match=r"single\.zip has one class only, 'ant'"):
        load_dataset(zipped(tmp_path / "single.zip", {f"ant/{number}.png": png(number) for number in range(3)}))


def test_a_damaged_zip_is_refused_and_leaves_nothing(tmp_path: Path, home: Path) -> None:
    (tmp_path / "none.zip").write_text("not a zip")
    with pytest.raises(ArchiveError, match=r"none\.zip is damaged, or no zip that can be read"):
        load_dataset(tmp_path / "none.zip")
    file = zipped(tmp_path / "hurt.zip", pictures())
    content = bytearray(file.read_bytes())
    content[100] ^= 0xFF  # within the first picture
    file.write_bytes(content)
    with pytest.raises(ArchiveError, match=r"hurt\.zip is damaged"):
        load_dataset(file)
    assert_nothing_written(home)
    assert list((home / "unpacked").iterdir()) == []


def test_a_size_that_lies_is_found_out(tmp_path: Path, home: Path) -> None:
    file = zipped(tmp_path / "liar.zip", {**pictures(), "ant/big.png": os.urandom(5000)})
    content = bytearray(file.read_bytes())
    at = content.rindex(b"ant/big.png") - 46  # its entry in the directory; the size is 24 bytes in
    assert struct.unpack_from("<I", content, at + 24) == (5000,)
    struct.pack_into("<I", content, at + 24, 100)
    file.write_bytes(content)
    with pytest.raises(ArchiveError, match=r"liar\.zip is damaged"):
        load_dataset(file)
    assert_nothing_written(home)


# ---------------------------------------------------------------- the disk


def test_no_room_is_said_beforehand(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type("Usage", (), {"free": 10})
    monkeypatch.setattr(storage.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(ExplorerError, match=r"own\.zip needs .* on the disk, and 10 B are free"):
        load_dataset(zipped(tmp_path / "own.zip", pictures()))
    assert_nothing_written(home)


def test_a_disk_that_fills_up_leaves_nothing(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(archives.shutil, "copyfileobj", full)
    with pytest.raises(ExplorerError, match="The disk is full"):
        load_dataset(zipped(tmp_path / "own.zip", pictures()))
    assert list((home / "unpacked").iterdir()) == []


def test_what_a_killed_process_left_is_cleared_away_after_a_day(tmp_path: Path, home: Path) -> None:
    old, new = (home / "unpacked" / f".partial-{name}" for name in ("old", "new"))
    for folder in (old, new):
        folder.mkdir(parents=True)
        (folder / "0.png").write_bytes(b"x")
    os.utime(old, (0, 0))
    load_dataset(zipped(tmp_path / "own.zip", pictures()))
    assert not old.exists()
    assert new.exists()
