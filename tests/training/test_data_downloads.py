"""What is fetched: from a server of our own, checked, renamed into place, checked again before it is used."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import inspect
import io
import struct
import tarfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.io
import torch
import torchvision.datasets
from picture_files import picture

from explorer.errors import ExplorerError, UnknownNameError
from explorer.training import downloads
from explorer.training.data import is_available, load_dataset
from explorer.training.datasets import DATASETS, DatasetInfo, RemoteFile, list_datasets
from explorer.training.downloads import fetch_dataset
from explorer.training.fetched import _READERS, open_fetched
from explorer.training.folders import Listing

LABELS = np.arange(40) % 10


class Server(http.server.ThreadingHTTPServer):
    """Serves what is in `files`; `cut` bytes of each answer are not sent."""

    files: dict[str, bytes]
    cut = 0
    asked: list[str]


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        content = self.server.files.get(self.path)
        if content is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) - self.server.cut])

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "*")
    running = Server(("127.0.0.1", 0), Handler)
    running.files, running.asked = {}, []
    thread = threading.Thread(target=running.serve_forever, daemon=True)
    thread.start()
    yield running
    running.shutdown()
    running.server_close()


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EXPLORER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("EXPLORER_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


def idx(array: np.ndarray) -> bytes:  # type: ignore[type-arg]
    """The format of MNIST's files: two zeros, the type (8: bytes), the number of sides, each side, the values."""
    header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    return gzip.compress(header + array.astype(np.uint8).tobytes())


@pytest.fixture
def fashion(server: Server, monkeypatch: pytest.MonkeyPatch) -> DatasetInfo:
    """Fashion-MNIST in small, on our own server."""
    pictures = np.random.default_rng(0).integers(0, 256, (40, 28, 28))
    contents = {
        "train-images-idx3": idx(pictures),
        "train-labels-idx1": idx(LABELS),
        "t10k-images-idx3": idx(pictures[:20]),
        "t10k-labels-idx1": idx(LABELS[:20]),
    }
    address = f"http://127.0.0.1:{server.server_port}"
    files = []
    for name, content in contents.items():
        server.files[f"/{name}-ubyte.gz"] = content
        md5, size = hashlib.md5(content).hexdigest(), len(content)
        files.append(RemoteFile(f"FashionMNIST/raw/{name}-ubyte.gz", f"{address}/{name}-ubyte.gz", md5, size))
    resources = [(Path(file.place).name, file.md5) for file in files]
    monkeypatch.setattr(torchvision.datasets.FashionMNIST, "resources", resources)
    monkeypatch.setattr(torchvision.datasets.FashionMNIST, "mirrors", [f"{address}/"])
    info = replace(DATASETS["fashion-mnist"], files=tuple(files))
    monkeypatch.setitem(DATASETS, "fashion-mnist", info)
    return info


def left_behind(folder: Path) -> list[Path]:
    return [file for file in folder.rglob("*") if file.is_file()] if folder.exists() else []


# ---------------------------------------------------------------- fetching


def test_what_is_fetched_is_read_and_not_fetched_again(fashion: DatasetInfo, server: Server, folder: Path) -> None:
    told: list[tuple[float, str]] = []
    fetch_dataset("fashion-mnist", lambda share, what: told.append((share, what)))
    assert is_available("fashion-mnist")
    assert list(folder.iterdir()) == [folder / "fashion-mnist"]
    assert not list(folder.rglob("*.gz"))  # the archives go
    shares = [share for share, _ in told]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert told[0][1].startswith("fetching Fashion-MNIST, ")

    data = load_dataset("fashion-mnist", download=True)
    assert len(server.asked) == 4
    assert data.summary.classes[9] == "Ankle boot"
    assert (data.summary.train_counts, data.summary.test_counts) == ((4,) * 10, (2,) * 10)
    expected = np.random.default_rng(0).integers(0, 256, (40, 28, 28))
    assert np.array_equal(data.train.pictures(torch.arange(40))[:, 0].numpy(), expected)
    assert data.train.labels.tolist() == LABELS.tolist()


def test_nothing_is_fetched_unless_asked(fashion: DatasetInfo, server: Server) -> None:
    with pytest.raises(ExplorerError, match="explorer data fetch fashion-mnist"):
        load_dataset("fashion-mnist")
    assert server.asked == []
    assert len(load_dataset("fashion-mnist", download=True).train) == 40


def test_a_file_that_was_cut_off_later_is_noticed_and_fetched_anew(fashion: DatasetInfo, folder: Path) -> None:
    fetch_dataset("fashion-mnist")
    victim = folder / "fashion-mnist" / "FashionMNIST" / "raw" / "train-images-idx3-ubyte"
    whole = victim.read_bytes()
    victim.write_bytes(whole[:-1])
    with pytest.raises(
        ExplorerError, match=r"no longer whole \(.*train-images-idx3-ubyte has .* of .* bytes\): explorer"
    ):
        load_dataset("fashion-mnist")
    victim.unlink()
    with pytest.raises(ExplorerError, match=r"train-images-idx3-ubyte is missing"):
        load_dataset("fashion-mnist")
    fetch_dataset("fashion-mnist")
    assert victim.read_bytes() == whole
    (folder / "fashion-mnist" / "manifest.json").write_text("{")
    with pytest.raises(ExplorerError, match=r"manifest\.json cannot be read"):
        load_dataset("fashion-mnist")


# ---------------------------------------------------------------- trouble


def test_without_a_network_one_sentence_says_so(fashion: DatasetInfo, server: Server, folder: Path) -> None:
    server.shutdown()
    server.server_close()
    with pytest.raises(ExplorerError, match=r"127\.0\.0\.1 cannot be reached; without a network, use textures, digits"):
        fetch_dataset("fashion-mnist")
    assert left_behind(folder) == []


def test_an_answer_that_is_not_the_file_is_refused(fashion: DatasetInfo, server: Server, folder: Path) -> None:
    path = "/t10k-labels-idx1-ubyte.gz"
    whole = server.files[path]
    server.files[path] = whole[:-1] + b"x"
    with pytest.raises(ExplorerError, match=r"what 127\.0\.0\.1 sent is not the file that was expected"):
        fetch_dataset("fashion-mnist")
    del server.files[path]
    with pytest.raises(ExplorerError, match=r"127\.0\.0\.1 answered with 404"):
        fetch_dataset("fashion-mnist")
    server.files[path] = whole
    server.cut = 10
    with pytest.raises(ExplorerError, match=r"arrived incomplete from 127\.0\.0\.1|cannot be reached"):
        fetch_dataset("fashion-mnist")
    assert left_behind(folder) == []
    assert not is_available("fashion-mnist")


def test_a_full_disk_is_said(fashion: DatasetInfo, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type("Usage", (), {"free": 100})
    with monkeypatch.context() as patched:
        patched.setattr("explorer.training.storage.shutil.disk_usage", lambda _: usage)
        with pytest.raises(ExplorerError, match=r"Fashion-MNIST needs .* on the disk, and 100 B are free"):
            fetch_dataset("fashion-mnist")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(downloads.hashlib, "md5", lambda **_: type("Digest", (), {"update": full})())
    with pytest.raises(ExplorerError, match="The disk is full"):
        fetch_dataset("fashion-mnist")
    assert left_behind(folder) == []


def test_an_end_while_fetching_leaves_nothing(fashion: DatasetInfo, folder: Path) -> None:
    def stop(share: float, what: str) -> None:
        if what.startswith("unpacking"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch_dataset("fashion-mnist", stop)
    assert left_behind(folder) == []


def test_what_cannot_be_fetched_is_said(folder: Path) -> None:
    with pytest.raises(ExplorerError, match="Digits comes with explorer: there is nothing to fetch"):
        fetch_dataset("digits")
    with pytest.raises(UnknownNameError, match="did you mean cifar10"):
        fetch_dataset("cifar-10")
    assert not folder.exists()


# ---------------------------------------------------------------- torchvision's own figures and formats


@pytest.mark.parametrize("name", list_datasets("download"))
def test_addresses_and_checksums_are_torchvisions(name: str) -> None:
    cls = getattr(torchvision.datasets, _READERS[name].cls)
    source = inspect.getsource(inspect.getmodule(cls))  # type: ignore[arg-type]
    for file in DATASETS[name].files:
        assert file.md5 in source
        assert Path(file.place).name in source or Path(file.place).name == Path(file.url).name
        assert file.url.split("/")[2] in source


def save(folder: Path, names: list[str]) -> None:
    for seed, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        picture(seed, 30, 30).save(folder / name)


def flowers(root: Path) -> None:
    save(root / "flowers-102" / "jpg", [f"image_{number:05d}.jpg" for number in range(1, 7)])
    for name, values in (
        ("imagelabels.mat", {"labels": [[1, 2, 1, 2, 102, 1]]}),
        ("setid.mat", {"trnid": [[1, 2]], "valid": [[3, 4]], "tstid": [[5, 6]]}),
    ):
        scipy.io.savemat(root / "flowers-102" / name, values)


def pets(root: Path) -> None:
    save(root / "oxford-iiit-pet" / "images", ["Abyssinian_1.jpg", "yorkshire_terrier_2.jpg", "Abyssinian_3.jpg"])
    (root / "oxford-iiit-pet" / "annotations").mkdir()
    (root / "oxford-iiit-pet" / "annotations" / "trainval.txt").write_text(
        "Abyssinian_1 1 1 1\nyorkshire_terrier_2 2 2 1\n"
    )
    (root / "oxford-iiit-pet" / "annotations" / "test.txt").write_text("Abyssinian_3 1 1 1\n")


def food(root: Path) -> None:
    save(root / "food-101" / "images", ["pie/1.jpg", "soup/2.jpg", "soup/3.jpg"])
    (root / "food-101" / "meta").mkdir()
    (root / "food-101" / "meta" / "train.json").write_text('{"soup": ["soup/2"], "pie": ["pie/1"]}')
    (root / "food-101" / "meta" / "test.json").write_text('{"soup": ["soup/3"], "pie": []}')


def eurosat(root: Path) -> None:
    save(root / "eurosat" / "2750", [f"{name}/{number}.jpg" for name in ("Forest", "River") for number in range(5)])


def imagenette(root: Path) -> None:
    names = ["train/n01440764/1.JPEG", "train/n03888257/2.JPEG", "val/n03888257/3.JPEG", "val/n01440764/4.JPEG"]
    save(root / "imagenette2-320", names)


@pytest.mark.parametrize(
    ("name", "make", "train", "test", "val", "some_classes"),
    [
        ("flowers102", flowers, [0, 1], [101, 0], [0, 1], {"pink primrose"}),
        ("pets", pets, [0, 1], [0], None, {"Abyssinian", "Yorkshire Terrier"}),
        ("food101", food, [1, 0], [1], None, {"pie", "soup"}),
        ("eurosat", eurosat, [0] * 4 + [1] * 4, [0, 1], None, {"Forest", "River"}),
        ("imagenette", imagenette, [0, 1], [0, 1], None, {"tench", "parachute"}),
    ],
)
def test_what_torchvision_lists_is_read(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    make: Callable[[Path], None],
    train: list[int],
    test: list[int],
    val: list[int] | None,
    some_classes: set[str],
) -> None:
    monkeypatch.setattr(torchvision.datasets.Flowers102, "_check_integrity", lambda self: True)
    make(tmp_path / name)
    listing = open_fetched(name, tmp_path / name)
    assert isinstance(listing, Listing)
    assert some_classes <= set(listing.classes)
    assert listing.train.labels.tolist() == train
    assert listing.test is not None
    assert listing.test.labels.tolist() == test
    assert (listing.val.labels.tolist() if listing.val else None) == val
    for files in (listing.train, listing.test):
        assert all((listing.root / file).is_file() for file in files.names)
        assert len(files.names) == len(files.labels)
    assert not set(listing.train.names) & set(listing.test.names)


def test_cifar_is_unpacked_and_read(folder: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """CIFAR-100's archive in small: 20 pictures, whose rows are red, green and blue planes one after the other."""
    import pickle

    planes = np.random.default_rng(0).integers(0, 256, (20, 3072), dtype=np.uint8)
    members = {
        "train": pickle.dumps({"data": planes, "fine_labels": list(range(20))}),
        "test": pickle.dumps({"data": planes[:5], "fine_labels": list(range(5))}),
        "meta": pickle.dumps({"fine_label_names": [f"class {number}" for number in range(100)]}),
    }
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(f"cifar-100-python/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    content = buffer.getvalue()
    server.files["/cifar.tgz"] = content
    sums = {name: hashlib.md5(member).hexdigest() for name, member in members.items()}
    cls = torchvision.datasets.CIFAR100
    monkeypatch.setattr(cls, "tgz_md5", hashlib.md5(content).hexdigest())
    monkeypatch.setattr(cls, "train_list", [["train", sums["train"]]])
    monkeypatch.setattr(cls, "test_list", [["test", sums["test"]]])
    monkeypatch.setattr(cls, "meta", {"filename": "meta", "key": "fine_label_names", "md5": sums["meta"]})
    url, md5 = f"http://127.0.0.1:{server.server_port}/cifar.tgz", hashlib.md5(content).hexdigest()
    remote = RemoteFile("cifar-100-python.tar.gz", url, md5, len(content))
    monkeypatch.setitem(DATASETS, "cifar100", replace(DATASETS["cifar100"], files=(remote,)))
    data = load_dataset("cifar100", download=True)
    assert np.array_equal(data.train.pictures(torch.arange(20)).numpy(), planes.reshape(20, 3, 32, 32))
    assert data.summary.classes[7] == "class 7"
    assert data.train.labels.tolist() == list(range(20))
    assert not (folder / "cifar100" / "cifar-100-python.tar.gz").exists()


def test_svhn_is_read(folder: Path) -> None:
    """Its labels are 1 to 10, where 10 means 0; its pictures' number is the last side."""
    from explorer.training.fetched import _labels, _opened, _pictures

    pictures = np.random.default_rng(0).integers(0, 256, (32, 32, 3, 4), dtype=np.uint8)
    folder.mkdir()
    scipy.io.savemat(folder / "train_32x32.mat", {"X": pictures, "y": np.array([[10], [1], [9], [2]])})
    md5 = hashlib.md5((folder / "train_32x32.mat").read_bytes()).hexdigest()
    before = torchvision.datasets.SVHN.split_list["train"]
    torchvision.datasets.SVHN.split_list["train"] = [before[0], before[1], md5]
    try:
        dataset = _opened("svhn", folder, {"split": "train"}, download=False)
    finally:
        torchvision.datasets.SVHN.split_list["train"] = before
    assert _labels(dataset, _READERS["svhn"]).tolist() == [0, 1, 9, 2]
    assert np.array_equal(_pictures(dataset.data), pictures.transpose(3, 2, 0, 1))
