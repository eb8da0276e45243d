"""The user's own folders: what is read, what is skipped and named, what is refused, and what the second run saves."""

from __future__ import annotations

import os
import pickle
import re
import sys
import unicodedata
from pathlib import Path

import numpy as np
import pytest
import torch
from picture_files import make_folder, picture
from PIL import Image

from explorer.errors import ExplorerError
from explorer.pictures import PictureError, read_picture, square
from explorer.training import reading
from explorer.training.data import dataset_info, is_available, load_dataset
from explorer.training.loading import PICTURES
from explorer.training.reading import read_sized
from explorer.training.splits import FileSplit, MemorySplit


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EXPLORER_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_folder(tmp_path / "pictures", ["train", "test"], ["ant", "bee"])


# ---------------------------------------------------------------- what is read


def test_a_folder_with_two_parts_is_read_class_by_class(folder: Path) -> None:
    data = load_dataset(folder)
    summary = data.summary
    assert (summary.title, summary.classes) == ("pictures", ("ant", "bee"))
    assert (summary.train_counts, summary.test_counts) == ((6, 6), (6, 6))
    assert (summary.channels, summary.image_size, summary.skipped, summary.notes) == (3, 20, (), ())
    # 24 × 20: the middle 20 columns, as they are.
    expected = np.asarray(Image.open(folder / "train" / "bee" / "2.png"))[:, 2:22].transpose(2, 0, 1)
    assert data.train.labels[8] == 1
    assert np.array_equal(data.train.pictures(torch.tensor([8]))[0].numpy(), expected)
    assert is_available(folder)


def test_an_entry_is_known_before_anything_is_decoded(folder: Path) -> None:
    info = dataset_info(folder)
    assert (info.kind, info.num_classes, info.channels, info.image_size) == ("folder", 2, 3, 20)
    assert (info.train_pictures, info.test_pictures, info.download_bytes) == (12, 12, 0)
    assert not PICTURES.folder.exists()


@pytest.mark.parametrize("part", ["val", "valid", "Validation", "TEST"])
def test_the_other_part_may_have_several_names(tmp_path: Path, part: str) -> None:
    data = load_dataset(make_folder(tmp_path / "own", ["Train", part], ["a", "b"], 3))
    assert (len(data.train), len(data.test), data.val) == (6, 6, None)


def test_with_test_and_val_the_val_folder_is_held_out(tmp_path: Path) -> None:
    own = make_folder(tmp_path / "own", ["train", "test"], ["a", "b"], 4)
    make_folder(own, ["val"], ["a", "b"], 2)
    data = load_dataset(own, validation_share=0.5)
    assert data.val is not None
    assert (len(data.train), len(data.test), len(data.val)) == (8, 8, 4)
    assert data.summary.notes == ("4 more pictures are held out to validate on.",)


def test_one_folder_of_classes_is_divided_by_seed(tmp_path: Path) -> None:
    own = make_folder(tmp_path / "own", [""], ["a", "b", "c"], 10)
    one, same, other = (load_dataset(own, seed=seed) for seed in (3, 3, 4))
    assert one.summary.train_counts == (8, 8, 8)
    assert one.summary.test_counts == (2, 2, 2)
    assert "drawn with seed 3" in one.summary.notes[0]
    assert torch.equal(one.test.images, same.test.images)  # type: ignore[attr-defined]
    assert not torch.equal(one.test.images, other.test.images)  # type: ignore[attr-defined]
    both = torch.cat([one.train.images, one.test.images]).flatten(1)  # type: ignore[attr-defined]
    assert len(both.unique(dim=0)) == 30  # each is in one of the two


def test_a_train_folder_alone_is_divided_too_and_a_folder_around_it_is_passed_through(tmp_path: Path) -> None:
    make_folder(tmp_path / "outer" / "inner", ["train"], ["a", "b"], 5)
    data = load_dataset(tmp_path / "outer")
    assert (len(data.train), len(data.test)) == (8, 2)


def test_korean_names_are_read_however_they_are_written(tmp_path: Path) -> None:
    decomposed = unicodedata.normalize("NFD", "고양이")
    own = make_folder(tmp_path / "동물 사진", ["train"], [decomposed, "강아지"], 5, ".jpg")
    make_folder(own, ["test"], ["고양이", "강아지"], 2, ".jpg")
    (own / "train" / "강아지" / "산책.jpg").write_bytes((own / "train" / "강아지" / "0.jpg").read_bytes())
    summary = load_dataset(own).summary
    assert summary.classes == ("강아지", "고양이")
    assert (summary.train_counts, summary.test_counts) == ((6, 5), (2, 2))


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    names = ("bus", "car", "train")
    assert load_dataset(make_folder(tmp_path / "vehicles", [""], names)).summary.classes == names


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names are text")
def test_a_name_that_is_no_text_is_made_one(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "old", [""], ["ant", "na\udcefve"])
    (folder / "ant" / "\udcef.png").write_bytes(b"bad")
    summary = load_dataset(folder).summary
    assert summary.classes == ("ant", "na?ve")
    assert [file for file, _ in summary.skipped] == ["ant/?.png"]
    str(summary).encode()


def test_hidden_files_and_what_file_managers_leave_are_ignored(folder: Path) -> None:
    for place in (".DS_Store", "train/.DS_Store", "train/ant/._0.png", "train/ant/Thumbs.db", "__MACOSX/train/ant/x"):
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / place).write_bytes(b"x")
    (folder / "train" / ".ipynb_checkpoints").mkdir()
    assert load_dataset(folder).summary.skipped == ()
    assert load_dataset(folder).summary.classes == ("ant", "bee")


def test_pictures_may_lie_deeper_and_links_do_not_lead_in_circles(folder: Path) -> None:
    (folder / "train" / "ant" / "more").mkdir()
    picture(99).save(folder / "train" / "ant" / "more" / "far.png")
    (folder / "train" / "ant" / "more" / "round").symlink_to(folder / "train" / "ant")
    assert load_dataset(folder).summary.train_counts == (7, 6)


def test_grey_folders_are_grey_unless_colour_is_asked_for(tmp_path: Path) -> None:
    own = make_folder(tmp_path / "own", [""], ["a", "b"], 5)
    for file in own.rglob("*.png"):
        Image.open(file).convert("L").save(file)
    data, colour = load_dataset(own), load_dataset(own, channels=3)
    assert data.summary.channels == 1
    assert data.train.pictures(torch.tensor([0])).shape == (1, 1, 20, 20)
    assert torch.equal(colour.train.images, data.train.images.repeat(1, 3, 1, 1))  # type: ignore[attr-defined]


def test_the_side_is_the_median_short_side_and_224_at_most(tmp_path: Path) -> None:
    own = make_folder(tmp_path / "own", ["train", "test"], ["a", "b"], 1)
    for name, size in (("s", (30, 90)), ("m", (60, 50)), ("l", (400, 300))):
        picture(1, *size).save(own / "train" / "a" / f"{name}.png")
    (own / "train" / "a" / "0.png").unlink()
    (own / "train" / "b" / "0.png").unlink()
    picture(2, 40, 45).save(own / "train" / "b" / "0.png")
    assert dataset_info(own).image_size == 45  # of 30, 40, 50 and 300: (40 + 50) / 2
    for file in own.rglob("*.png"):
        Image.open(file).resize((500, 400)).save(file)
    assert dataset_info(own).image_size == 224


# ---------------------------------------------------------------- single pictures


@pytest.mark.parametrize("size", [(24, 20), (300, 500), (3000, 2000)])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_jpeg_that_is_shrunk_while_decoded_looks_as_if_it_were_not(
    tmp_path: Path, size: tuple[int, int], channels: int
) -> None:
    picture(3, *size).save(tmp_path / "x.jpg", quality=95)
    quick = read_sized(tmp_path / "x.jpg", 64, channels)
    careful = Image.fromarray(square(read_picture(tmp_path / "x.jpg"), 64)).convert("RGB" if channels == 3 else "L")
    expected = np.asarray(careful).reshape(64, 64, channels).transpose(2, 0, 1)
    assert quick.shape == (channels, 64, 64)
    assert np.abs(quick.astype(int) - expected.astype(int)).max() <= 3


@pytest.mark.parametrize("ending", ["jpg", "png", "tiff"])
def test_a_picture_that_lies_on_its_side_is_set_upright(tmp_path: Path, ending: str) -> None:
    image = picture(4, 40, 40)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90° clockwise
    image.save(tmp_path / f"x.{ending}", exif=exif)
    upright = np.asarray(image.rotate(-90)).transpose(2, 0, 1)
    assert np.abs(read_sized(tmp_path / f"x.{ending}", 40, 3).astype(int) - upright).max() <= 6


@pytest.mark.parametrize(
    ("mode", "ending"), [("P", "gif"), ("RGBA", "png"), ("CMYK", "jpg"), ("L", "png"), ("1", "bmp")]
)
def test_every_kind_of_picture_is_read(tmp_path: Path, mode: str, ending: str) -> None:
    picture(5).convert(mode).save(tmp_path / f"x.{ending}")
    expected = square(read_picture(tmp_path / f"x.{ending}"), 20).transpose(2, 0, 1)
    assert np.abs(read_sized(tmp_path / f"x.{ending}", 20, 3).astype(int) - expected).max() <= 2


# ---------------------------------------------------------------- what is skipped


def test_broken_pictures_are_named_and_skipped(folder: Path) -> None:
    ant = folder / "train" / "ant"
    picture(1, 200, 200).save(ant / "cut.jpg")
    (ant / "cut.jpg").write_bytes((ant / "cut.jpg").read_bytes()[:-500])
    (ant / "empty.png").write_bytes(b"")
    (ant / "letter.jpg").write_text("Dear ants")
    (ant / "notes.txt").write_text("ants")
    for memory in (10**9, 0):
        data = load_dataset(folder, memory_bytes=memory)
        assert data.summary.train_counts == (6, 6)
        assert len(data.train) == len(data.train.labels) == 12
        skipped = dict(data.summary.skipped)
        assert set(skipped) == {f"train/ant/{name}" for name in ("cut.jpg", "empty.png", "letter.jpg", "notes.txt")}
        assert skipped["train/ant/cut.jpg"] == "cut.jpg is damaged and cannot be read as a picture."
        assert "letter.jpg is no picture that can be read" in skipped["train/ant/letter.jpg"]
        assert skipped["train/ant/notes.txt"] == "is no picture, by the end of its name"
        data.train.pictures(torch.arange(12))


def test_a_broken_picture_is_replaced_by_the_next_one_drawn(folder: Path) -> None:
    for number in range(3):
        (folder / "train" / "ant" / f"{number}.png").write_bytes(b"broken")
    counts = {load_dataset(folder, subset=3, seed=seed).summary.train_counts for seed in range(5)}
    assert counts == {(3, 3)}
    assert load_dataset(folder, subset=4).summary.train_counts == (3, 4)
    assert load_dataset(folder, subset=4, memory_bytes=0).summary.train_counts == (3, 4)


def test_a_file_without_permission_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forbidden = folder / "train" / "ant" / "0.png"
    forbidden.chmod(0)
    opened = Image.open

    def refuse(file: Path, **options: object) -> Image.Image:  # root may read everything
        if file == forbidden:
            raise PermissionError(13, "Permission denied")
        return opened(file, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Image, "open", refuse)
    [(name, reason)] = load_dataset(folder).summary.skipped
    assert (name, reason) == ("train/ant/0.png", "0.png may not be read by this user.")


# ---------------------------------------------------------------- what is refused


def test_folders_that_cannot_be_used_say_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(ExplorerError, match="empty has no classes: put a folder of pictures for each class into it"):
        load_dataset(empty)
    flat = tmp_path / "flat"
    flat.mkdir()
    picture().save(flat / "0.png")
    with pytest.raises(ExplorerError, match="flat has no classes"):
        load_dataset(flat)
    with pytest.raises(ExplorerError, match="single has one class only, 'ant'"):
        load_dataset(make_folder(tmp_path / "single", ["train", "test"], ["ant"]))
    hollow = make_folder(tmp_path / "hollow", [""], ["a", "b"])
    (hollow / "c").mkdir()
    with pytest.raises(ExplorerError, match="The class 'c' has no picture: put some into its folder, or remove it"):
        load_dataset(hollow)
    with pytest.raises(ExplorerError, match="testing has no train folder beside val or test"):
        load_dataset(make_folder(tmp_path / "testing", ["test", "val"], ["a", "b"]))
    with pytest.raises(ExplorerError, match="neither a folder nor a zip"):
        load_dataset(flat / "0.png")
    monkeypatch.setattr(os, "scandir", lambda _: (_ for _ in ()).throw(PermissionError(13, "Permission denied")))
    with pytest.raises(ExplorerError, match="The folder flat cannot be read: Permission denied"):
        load_dataset(flat)


def test_a_class_that_is_only_tested_on_is_refused(folder: Path) -> None:
    make_folder(folder, ["test"], ["wasp"], 1)
    with pytest.raises(ExplorerError, match="The folder test has a class 'wasp' that train does not have"):
        load_dataset(folder)


def test_a_class_of_which_nothing_can_be_read_is_refused(folder: Path) -> None:
    for file in (folder / "train" / "bee").iterdir():
        file.write_bytes(b"broken")
    with pytest.raises(ExplorerError, match=r"No training picture of the class 'bee' can be read: 0\.png is no"):
        load_dataset(folder)


def test_an_empty_test_part_is_refused(folder: Path) -> None:
    for file in (folder / "test").rglob("*.png"):
        file.unlink()
    with pytest.raises(ExplorerError, match="There is no picture to test on"):
        load_dataset(folder)


# ---------------------------------------------------------------- files that do not fit


def test_what_does_not_fit_is_read_when_asked_for_and_is_the_same(folder: Path) -> None:
    # 24 pictures of 3 × 20 × 20 bytes are 28 800 bytes.
    fits, tight = load_dataset(folder, memory_bytes=28_800), load_dataset(folder, memory_bytes=28_799)
    assert isinstance(fits.train, MemorySplit)
    assert isinstance(tight.train, FileSplit)
    assert isinstance(tight.test, FileSplit)
    assert torch.equal(tight.train.pictures(torch.arange(12)), fits.train.images)
    assert torch.equal(tight.train.labels, fits.train.labels)
    assert (tight.mean, tight.std) == (fits.mean, fits.std)
    elsewhere = pickle.loads(pickle.dumps(tight.train))  # as a worker of a DataLoader gets it
    assert torch.equal(elsewhere.pictures(torch.tensor([7, 2])), fits.train.images[[7, 2]])


def test_files_can_be_held_out_and_mislabelled(folder: Path) -> None:
    data = load_dataset(folder, memory_bytes=0, validation_share=0.5, label_noise=1.0)
    assert isinstance(data.train, FileSplit)
    assert isinstance(data.val, FileSplit)
    assert data.train.labels.tolist() == [1, 1, 1, 0, 0, 0]
    assert data.val.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert not set(data.train.files) & set(data.val.files)


def test_a_file_that_goes_away_is_named(folder: Path) -> None:
    data = load_dataset(folder, memory_bytes=0)
    (folder / "train" / "ant" / "0.png").unlink()
    with pytest.raises(PictureError, match=r"There is no file '0\.png'"):
        data.train.pictures(torch.tensor([0]))


# ---------------------------------------------------------------- the second run


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that were decoded."""
    seen: list[Path] = []
    read = reading.read_sized
    monkeypatch.setattr(reading, "read_sized", lambda path, *rest: (seen.append(path), read(path, *rest))[1])
    return seen


def test_the_second_run_decodes_nothing(folder: Path, reads: list[Path]) -> None:
    (folder / "train" / "ant" / "broken.png").write_bytes(b"broken")
    first = load_dataset(folder)
    assert len(reads) == 25
    second = load_dataset(folder)
    assert len(reads) == 25
    assert torch.equal(first.train.images, second.train.images)  # type: ignore[attr-defined]
    assert first.summary == second.summary
    load_dataset(folder, memory_bytes=0)  # looked through, not kept as pictures
    load_dataset(folder, memory_bytes=0)
    assert len(reads) == 50


@pytest.mark.parametrize("change", ["content", "new", "gone", "side", "channels", "subset"])
def test_what_changes_the_pictures_is_decoded_anew(folder: Path, reads: list[Path], change: str) -> None:
    load_dataset(folder, subset=5)
    before = len(reads)
    file = folder / "train" / "bee" / "5.png"
    match change:
        case "content":
            picture(77).save(file)
            os.utime(file, ns=(1, 1))
        case "new":
            picture(77).save(file.with_name("6.png"))
        case "gone":
            file.unlink()
    options = {"side": {"image_size": 16}, "channels": {"channels": 1}}.get(change, {})
    data = load_dataset(folder, subset=4 if change == "subset" else 5, **options)  # type: ignore[arg-type]
    assert len(reads) == before + len(data.train) + len(data.test)


@pytest.mark.parametrize("damage", ["cut", "flipped", "garbage", "empty"])
def test_a_damaged_cache_is_made_anew(folder: Path, reads: list[Path], damage: str) -> None:
    first = load_dataset(folder)
    [file] = PICTURES.folder.iterdir()
    content = bytearray(file.read_bytes())
    content[-100] ^= 0xFF
    damaged = {"cut": content[:-50], "flipped": content, "garbage": b"\xff" * 64, "empty": b""}[damage]
    file.write_bytes(damaged)
    again = load_dataset(folder)
    assert len(reads) == 48
    assert torch.equal(first.train.images, again.train.images)  # type: ignore[attr-defined]
    load_dataset(folder)
    assert len(reads) == 48


def test_the_newest_sets_are_kept(folder: Path) -> None:
    for side in range(10, 16):
        load_dataset(folder, image_size=side)
        newest = max(PICTURES.folder.iterdir(), key=lambda file: file.stat().st_mtime_ns)
        os.utime(newest, (side, side))
    kept = sorted(file.stat().st_mtime for file in PICTURES.folder.iterdir())
    assert kept == [12, 13, 14, 15]


def test_what_is_too_large_to_keep_is_not_kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PICTURES, "most_bytes", 1000)
    load_dataset(folder)
    assert not PICTURES.folder.exists()


def test_without_a_place_for_the_cache_the_pictures_are_read_all_the_same(
    folder: Path, home: Path, reads: list[Path]
) -> None:
    home.write_text("a file where a folder should be")
    assert len(load_dataset(folder).train) == 12
    assert len(load_dataset(folder).train) == 12
    assert len(reads) == 48


def test_progress_rises_and_what_it_raises_ends_the_reading(folder: Path, home: Path) -> None:
    told: list[tuple[float, str]] = []
    load_dataset(folder, on_progress=lambda share, what: told.append((share, what)))
    shares = [share for share, _ in told]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert {what for _, what in told} == {"reading pictures"}

    def stop(share: float, what: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load_dataset(folder, image_size=12, on_progress=stop)
    assert len(list(PICTURES.folder.iterdir())) == 1


@pytest.mark.parametrize("again", [False, True], ids=["read", "kept"])
def test_what_is_wrong_can_be_said_in_korean(tmp_path: Path, again: bool) -> None:
    """From the files and from what was kept of them."""
    from explorer.language import text

    root = make_folder(tmp_path / "pets", [""], ["ant", "bee"])
    (root / "ant" / "0.png").write_bytes(b"no picture")
    (root / "bee" / "list.csv").write_text("a,b", encoding="utf-8")
    if again:
        load_dataset(root)
    summary = load_dataset(root).summary
    said = [text(f"error.{reason.key}", "ko", **reason.values) for _, reason in summary.skipped]
    assert len(said) == 2
    assert all(re.search("[가-힣]", sentence) for sentence in said)
    [note] = summary.notes
    assert text(f"error.{note.key}", "ko", **note.values) == (
        "테스트 폴더가 없어 각 클래스의 20%를 시드 0에 따라 뽑아 테스트에 씁니다."
    )
