"""What `load_dataset` gives: counts, seeds, subsets, held-out pictures, wrong labels, sizes, channels, memory."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import skimage
import torch
from PIL import Image
from sklearn.datasets import load_digits

from explorer.errors import ConfigError, ExplorerError, UnknownNameError
from explorer.training import builtin_data
from explorer.training.data import dataset_info, is_available, list_datasets, load_dataset
from explorer.training.datasets import DATASETS
from explorer.training.draws import drawn, held_out, with_noise
from explorer.training.sizing import sized, with_channels
from explorer.training.splits import MemorySplit, ResizedSplit


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EXPLORER_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("EXPLORER_DATA", raising=False)
    return tmp_path / "home"


# ---------------------------------------------------------------- what is there at once


@pytest.mark.parametrize("name", list_datasets("built in"))
def test_what_is_built_in_is_as_its_entry_says(name: str) -> None:
    info, data = dataset_info(name), load_dataset(name)
    summary = data.summary
    assert (len(summary.classes), summary.channels, summary.image_size) == (
        info.num_classes,
        info.channels,
        info.image_size,
    )
    assert (sum(summary.train_counts), sum(summary.test_counts)) == (info.train_pictures, info.test_pictures)
    assert info.download_bytes == 0
    assert is_available(name)
    pictures = data.train.pictures(torch.tensor([0, 5]))
    assert pictures.dtype == torch.uint8
    assert pictures.shape == (2, info.channels, info.image_size, info.image_size)
    assert data.train.labels.dtype == torch.int64
    assert data.val is None
    assert torch.bincount(data.test.labels).tolist() == list(summary.test_counts)


def test_digits_are_scikit_learns_each_once() -> None:
    data, loaded = load_dataset("digits"), load_digits()
    theirs = sorted(np.rint(loaded.images * 255 / 16).astype(np.uint8).reshape(1797, 64).tolist())
    both = [split.pictures(torch.arange(len(split))) for split in (data.train, data.test)]
    assert sorted(torch.cat(both).reshape(1797, 64).tolist()) == theirs
    # 178 zeros, 182 ones, ...: 80 % of each, rounded.
    assert data.summary.train_counts == tuple(round(0.8 * count) for count in np.bincount(loaded.target))


def test_faces_are_half_faces_and_half_not() -> None:
    data = load_dataset("faces")
    assert data.summary.classes == ("face", "no face")
    assert (data.summary.train_counts, data.summary.test_counts) == ((50, 50), (50, 50))
    shipped = np.load(Path(skimage.__file__).parent / "data" / "lfw_subset.npy", allow_pickle=False)
    first = data.train.pictures(torch.tensor([0]))[0, 0].numpy()
    assert any(np.array_equal(first, np.rint(face * 255)) for face in shipped[:100])


def test_textures_are_patches_of_halves_that_do_not_touch() -> None:
    arrays = builtin_data.textures()
    folder = Path(skimage.__file__).parent / "data"
    for label, (name, file) in enumerate(builtin_data.TEXTURE_FILES.items()):
        picture = np.asarray(Image.open(folder / file).convert("RGB"))
        train, test = builtin_data.texture_halves(name)
        axis = 0 if name in builtin_data.UPPER_AND_LOWER else 1
        assert np.array_equal(np.concatenate([train, test], axis), picture)
        for half, pictures, labels in (
            (train, arrays.train, arrays.train_labels),
            (test, arrays.test, arrays.test_labels),
        ):
            patches = pictures[labels == label].transpose(0, 2, 3, 1)
            windows = np.lib.stride_tricks.sliding_window_view(half, (32, 32, 3))[:, :, 0]
            for patch in patches[:3]:
                places = np.argwhere((windows[:, :, 0, 0] == patch[0, 0]).all(-1))
                assert any(np.array_equal(windows[row, column], patch) for row, column in places)
            assert len({patch.tobytes() for patch in patches}) == len(patches)
            assert patches.mean(3).std((1, 2)).min() >= 8  # something is on it


def test_no_two_textures_are_one_picture_and_none_is_nearly_another() -> None:
    small = {}
    for name, file in builtin_data.TEXTURE_FILES.items():
        picture = Image.open(Path(skimage.__file__).parent / "data" / file).convert("RGB").resize((32, 32))
        small[name] = np.asarray(picture, dtype=np.float64)
    names = list(small)
    for index, one in enumerate(names):
        for other in names[index + 1 :]:
            assert np.abs(small[one] - small[other]).mean() > 10, (one, other)


def test_grey_textures_are_grey() -> None:
    arrays = builtin_data.textures()
    brick = arrays.train[arrays.train_labels == arrays.classes.index("brick")]
    assert (brick == brick[:, :1]).all()


# ---------------------------------------------------------------- what is drawn


def test_the_same_seed_gives_the_same_everything() -> None:
    options = {"subset": 20, "test_subset": 5, "label_noise": 0.3, "validation_share": 0.25}
    one, same = (load_dataset("digits", seed=7, **options) for _ in range(2))  # type: ignore[arg-type]
    other = load_dataset("digits", seed=8, **options)  # type: ignore[arg-type]
    for part in ("train", "test", "val"):
        a, b, c = (getattr(data, part) for data in (one, same, other))
        assert torch.equal(a.images, b.images)
        assert torch.equal(a.labels, b.labels)
        assert not torch.equal(a.images, c.images)
    assert (one.mean, one.std) == (same.mean, same.std)


def test_a_subset_is_so_many_of_each_class_and_part_of_a_larger_one() -> None:
    small, large = (load_dataset("digits", subset=count, test_subset=3) for count in (10, 25))
    assert small.summary.train_counts == (10,) * 10
    assert large.summary.train_counts == (25,) * 10
    assert small.summary.test_counts == (3,) * 10
    larger = {picture.tobytes() for picture in large.train.images.numpy()}  # type: ignore[attr-defined]
    assert all(picture.tobytes() in larger for picture in small.train.images.numpy())  # type: ignore[attr-defined]


def test_a_subset_of_more_than_there_are_is_all() -> None:
    assert load_dataset("faces", subset=1000).summary.train_counts == (50, 50)


def test_held_out_pictures_leave_training() -> None:
    whole, data = load_dataset("digits"), load_dataset("digits", validation_share=0.1)
    assert data.val is not None
    expected = [round(0.1 * count) for count in whole.summary.train_counts]
    assert torch.bincount(data.val.labels).tolist() == expected
    both = torch.cat([data.train.images, data.val.images]).reshape(-1, 64)  # type: ignore[attr-defined]
    assert sorted(both.tolist()) == sorted(whole.train.images.reshape(-1, 64).tolist())  # type: ignore[attr-defined]
    assert sum(data.summary.train_counts) == len(data.train)


def test_label_noise_changes_that_share_of_the_training_labels_and_nothing_else() -> None:
    clean = load_dataset("textures", validation_share=0.1)
    noisy = load_dataset("textures", validation_share=0.1, label_noise=0.4)
    assert torch.equal(clean.train.images, noisy.train.images)  # type: ignore[attr-defined]
    wrong = clean.train.labels != noisy.train.labels
    assert int(wrong.sum()) == round(0.4 * len(clean.train))
    assert torch.equal(clean.test.labels, noisy.test.labels)
    assert clean.val is not None
    assert noisy.val is not None
    assert torch.equal(clean.val.labels, noisy.val.labels)
    # Of 14 classes each of the 13 others is as likely: 1814 wrong labels, 140 ± 11 of each distance.
    distances = ((noisy.train.labels - clean.train.labels) % 14)[wrong].bincount(minlength=14)
    assert distances[0] == 0
    assert 95 < int(distances[1:].min()) <= int(distances[1:].max()) < 185


def test_draws_by_hand() -> None:
    labels = np.array([0, 0, 0, 0, 1, 1])
    assert drawn(labels, 2, None, 0, "train").tolist() == [0, 1, 2, 3, 4, 5]
    chosen = drawn(labels, 2, 1, 0, "train")
    assert len(chosen) == 2
    assert labels[chosen].tolist() == [0, 1]
    kept, out = held_out(labels, 2, 0.5, 0, "validation")
    assert sorted([*kept, *out]) == [0, 1, 2, 3, 4, 5]
    assert labels[out].tolist() == [0, 0, 1]
    # At least one of each class, and never the last.
    kept, out = held_out(np.array([0, 0, 1]), 2, 0.01, 0, "validation")
    assert (len(kept), len(out)) == (2, 1)
    assert with_noise(labels, 2, 1.0, 0).tolist() == [1, 1, 1, 1, 0, 0]
    assert with_noise(labels, 2, 0.0, 0).tolist() == labels.tolist()


# ---------------------------------------------------------------- sizes, channels, figures, memory


def test_pictures_are_brought_to_the_size_and_the_channels_that_are_asked_for() -> None:
    data = load_dataset("digits", subset=2, image_size=32, channels=3)
    pictures = data.train.pictures(torch.arange(20))
    assert pictures.shape == (20, 3, 32, 32)
    assert (pictures == pictures[:, :1]).all()
    assert (data.summary.image_size, data.summary.channels, len(data.mean)) == (32, 3, 3)
    assert load_dataset("textures", channels=1, subset=2).train.pictures(torch.tensor([0])).shape == (1, 1, 32, 32)


def test_grey_is_what_pillow_makes_of_colours() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    ours = with_channels(torch.from_numpy(pixels.transpose(2, 0, 1))[None], 1)[0, 0].numpy()
    assert np.array_equal(ours, np.asarray(Image.fromarray(pixels).convert("L")))


def test_resizing_is_near_what_pillow_does_and_cuts_to_the_middle() -> None:
    smooth = np.add.outer(np.arange(40) * 3, np.arange(60) * 2).astype(np.uint8)
    ours = sized(torch.from_numpy(smooth)[None, None], 20)[0, 0].numpy()
    theirs = np.asarray(Image.fromarray(smooth[:, 10:50]).resize((20, 20), Image.Resampling.BICUBIC))
    assert np.abs(ours.astype(int) - theirs.astype(int)).max() <= 1


def test_mean_and_standard_deviation_are_those_of_the_training_pictures() -> None:
    for name in ("digits", "faces"):
        data = load_dataset(name, validation_share=0.2)
        values = data.train.images.double() / 255  # type: ignore[attr-defined]
        assert data.mean == pytest.approx([float(values.mean())])
        assert data.std == pytest.approx([float(values.std(correction=0))])
    data = load_dataset("textures", subset=100)
    values = data.train.images.double() / 255  # type: ignore[attr-defined]
    assert data.mean == pytest.approx(values.mean((0, 2, 3)).tolist())
    assert data.std == pytest.approx(values.std((0, 2, 3), correction=0).tolist())


def test_what_does_not_fit_is_enlarged_when_asked_for() -> None:
    fits = load_dataset("digits", image_size=32, subset=10)
    # 100 training and 359 test pictures of 1024 bytes are 470 016 bytes.
    tight = load_dataset("digits", image_size=32, subset=10, memory_bytes=470_015)
    assert isinstance(fits.train, MemorySplit)
    assert isinstance(load_dataset("digits", image_size=32, subset=10, memory_bytes=470_016).train, MemorySplit)
    assert isinstance(tight.train, ResizedSplit)
    rows = torch.tensor([3, 99, 0])
    again = pickle.loads(pickle.dumps(tight.train))
    assert torch.equal(again.pictures(rows), fits.train.pictures(rows))
    assert (tight.mean, tight.std) == (fits.mean, fits.std)
    held = load_dataset("digits", image_size=32, subset=10, memory_bytes=0, validation_share=0.5, label_noise=0.5)
    assert len(held.train) == 50
    assert held.train.pictures(torch.tensor([0])).shape == (1, 1, 32, 32)


# ---------------------------------------------------------------- names and refusals


def test_the_names_are_listed_those_first_that_are_there_at_once() -> None:
    names = list_datasets()
    assert names[:3] == ["textures", "digits", "faces"] == list_datasets("built in")
    assert names[3:] == list_datasets("download")
    assert set(names) == set(DATASETS)
    assert len(names) == 13
    assert not is_available("cifar10")


@pytest.mark.parametrize("name", list_datasets("download"))
def test_what_is_not_fetched_says_its_size_and_how_to_fetch_it(name: str, home: Path) -> None:
    with pytest.raises(ExplorerError, match=rf"has to be fetched first, about .*B: explorer data fetch {name}"):
        load_dataset(name)
    assert not home.exists()
    assert dataset_info(name).download_bytes > 1e7


def test_an_unknown_name_offers_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="Unknown data set 'cifar-10'; did you mean cifar10"):
        load_dataset("cifar-10")
    with pytest.raises(ExplorerError, match=r"There is no folder and no zip 'no/such/folder'\."):
        load_dataset("no/such/folder")
    with pytest.raises(ExplorerError, match=r"There is no folder and no zip 'pets\.zip'\."):
        dataset_info("pets.zip")


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("channels", 2),
        ("image_size", 3),
        ("image_size", 32.0),
        ("image_size", True),
        ("subset", 0),
        ("test_subset", -1),
        ("label_noise", 1.1),
        ("label_noise", float("nan")),
        ("validation_share", 0.95),
        ("seed", -1),
    ],
)
def test_values_out_of_range_are_refused(option: str, value: object) -> None:
    with pytest.raises(ConfigError, match=rf"{option}=.* is not possible: use "):
        load_dataset("digits", **{option: value})  # type: ignore[arg-type]
