"""The data sets by name: what each holds, where it comes from and what fetching it costs. Plain data, no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["built in", "download", "folder", "zip"]

TEST_SHARE = 0.2
"""Of the pictures of a folder without a test part, what is kept to test on."""


@dataclass(frozen=True)
class RemoteFile:
    """A file to be fetched.

    Attributes:
        place: where torchvision looks for it, below the data set's folder.
        url: its address.
        md5: checksum of its content.
        size_bytes: about how large it is.
    """

    place: str
    url: str
    md5: str
    size_bytes: int


@dataclass(frozen=True)
class DatasetInfo:
    """What is known of a data set before a picture is read.

    Attributes:
        name: to give to `load_dataset`.
        title: how it is called.
        source: where the pictures come from, with paper, licence or terms where known.
        kind: `built in`, `download`, or the user's own `folder` or `zip`.
        num_classes: how many classes.
        channels: 1 (grey) or 3.
        image_size: side in pixels that its pictures are brought to unless another is asked for.
        train_pictures: how many there are to train on.
        test_pictures: how many there are to test on; 0 in a folder without a test part, which `load_dataset` divides.
        files: what has to be fetched.
    """

    name: str
    title: str
    source: str
    kind: Kind
    num_classes: int
    channels: int
    image_size: int
    train_pictures: int
    test_pictures: int
    files: tuple[RemoteFile, ...] = ()

    @property
    def download_bytes(self) -> int:
        """About how much has to be fetched; 0 for what is there at once."""
        return sum(file.size_bytes for file in self.files)

    @property
    def per_class(self) -> float:
        """Training pictures of a class on average; of what has no test part, those that are left to train on."""
        share = 1.0 if self.test_pictures else 1.0 - TEST_SHARE
        return share * self.train_pictures / self.num_classes


_MNIST = "https://ossci-datasets.s3.amazonaws.com/mnist"
_FASHION = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com"
_HOUSE_NUMBERS = "http://ufldl.stanford.edu/housenumbers"
_OXFORD = "https://www.robots.ox.ac.uk/~vgg/data"
_EUROSAT = "https://huggingface.co/datasets/torchgeo/eurosat/resolve/c877bcd43f099cd0196738f714544e355477f3fd"


def _idx(folder: str, base: str, *files: tuple[str, str, int]) -> tuple[RemoteFile, ...]:
    return tuple(
        RemoteFile(f"{folder}/raw/{part}-ubyte.gz", f"{base}/{part}-ubyte.gz", md5, size) for part, md5, size in files
    )


DATASETS: dict[str, DatasetInfo] = {
    info.name: info
    for info in (
        DatasetInfo(
            "textures",
            "Textures",
            "32 × 32 patches of 14 photographs that come with scikit-image (public domain or CC0, most of them)",
            "built in",
            *(14, 3, 32, 5040, 1400),
        ),
        DatasetInfo(
            "digits",
            "Digits",
            "Alpaydin & Kaynak 1998, Optical Recognition of Handwritten Digits, as scikit-learn ships it (CC BY 4.0)",
            "built in",
            *(10, 1, 8, 1438, 359),
        ),
        DatasetInfo(
            "faces",
            "Faces",
            "200 pictures after Labelled Faces in the Wild (Huang et al. 2007), as scikit-image ships them",
            "built in",
            *(2, 1, 25, 100, 100),
        ),
        DatasetInfo(
            "cifar10",
            "CIFAR-10",
            "Krizhevsky 2009, Learning Multiple Layers of Features from Tiny Images",
            "download",
            *(10, 3, 32, 50_000, 10_000),
            files=(
                RemoteFile(
                    "cifar-10-python.tar.gz",
                    "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
                    "c58f30108f718f92721af3b95e74349a",
                    170_498_071,
                ),
            ),
        ),
        DatasetInfo(
            "cifar100",
            "CIFAR-100",
            "Krizhevsky 2009, Learning Multiple Layers of Features from Tiny Images",
            "download",
            *(100, 3, 32, 50_000, 10_000),
            files=(
                RemoteFile(
                    "cifar-100-python.tar.gz",
                    "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",
                    "eb9058c3a382ffc7106e4002c42a8d85",
                    169_001_437,
                ),
            ),
        ),
        DatasetInfo(
            "mnist",
            "MNIST",
            "LeCun, Cortes & Burges 1998 (CC BY-SA 3.0)",
            "download",
            *(10, 1, 28, 60_000, 10_000),
            files=_idx(
                "MNIST",
                _MNIST,
                ("train-images-idx3", "f68b3c2dcbeaaa9fbdd348bbdeb94873", 9_912_422),
                ("train-labels-idx1", "d53e105ee54ea40749a09fcbcd1e9432", 28_881),
                ("t10k-images-idx3", "9fb629c4189551a2d022fa330f9573f3", 1_648_877),
                ("t10k-labels-idx1", "ec29112dd5afa0611ce80d1b7f02629c", 4_542),
            ),
        ),
        DatasetInfo(
            "fashion-mnist",
            "Fashion-MNIST",
            "Xiao, Rasul & Vollgraf 2017, arXiv 1708.07747 (MIT)",
            "download",
            *(10, 1, 28, 60_000, 10_000),
            files=_idx(
                "FashionMNIST",
                _FASHION,
                ("train-images-idx3", "8d4fb7e6c68d591d4c3dfef9ec88bf0d", 26_421_880),
                ("train-labels-idx1", "25c81989df183df01b3e8a0aad5dffbe", 29_515),
                ("t10k-images-idx3", "bef4ecab320f06d8554ea6380940ec79", 4_422_102),
                ("t10k-labels-idx1", "bb300cfdad3c16e7a12a480ee83cd310", 5_148),
            ),
        ),
        DatasetInfo(
            "svhn",
            "SVHN",
            "Netzer et al. 2011, Reading Digits in Natural Images (non-commercial use)",
            "download",
            *(10, 3, 32, 73_257, 26_032),
            files=tuple(
                RemoteFile(f"{part}_32x32.mat", f"{_HOUSE_NUMBERS}/{part}_32x32.mat", md5, size)
                for part, md5, size in (
                    ("train", "e26dedcc434d2e4c54c9b2d4a06d8373", 182_040_794),
                    ("test", "eb5a983be6a315427106f1b164d9cef3", 64_275_384),
                )
            ),
        ),
        DatasetInfo(
            "flowers102",
            "Flowers-102",
            "Nilsback & Zisserman 2008, Automated Flower Classification over a Large Number of Classes",
            "download",
            *(102, 3, 224, 1020, 6149),
            files=tuple(
                RemoteFile(f"flowers-102/{part}", f"{_OXFORD}/flowers/102/{part}", md5, size)
                for part, md5, size in (
                    ("102flowers.tgz", "52808999861908f626f3c1f4e79d11fa", 344_862_509),
                    ("imagelabels.mat", "e0620be6f572b9609742df49c70aed4d", 502),
                    ("setid.mat", "a5357ecc9cb78c4bef273ce3793fc85c", 14_989),
                )
            ),
        ),
        DatasetInfo(
            "pets",
            "Oxford-IIIT Pet",
            "Parkhi et al. 2012, Cats and Dogs (CC BY-SA 4.0)",
            "download",
            *(37, 3, 224, 3680, 3669),
            files=tuple(
                RemoteFile(f"oxford-iiit-pet/{part}", f"{_OXFORD}/pets/data/{part}", md5, size)
                for part, md5, size in (
                    ("images.tar.gz", "5c4f3ee8e5d25df40f4fd59a7f44e54c", 791_918_971),
                    ("annotations.tar.gz", "95a8c909bbe2e81eed6a22bccdf3f68f", 19_173_078),
                )
            ),
        ),
        DatasetInfo(
            "eurosat",
            "EuroSAT",
            "Helber et al. 2019, arXiv 1709.00029 (MIT; Sentinel-2 data)",
            "download",
            *(10, 3, 64, 21_600, 5_400),
            files=(
                RemoteFile(
                    "eurosat/EuroSAT.zip",
                    f"{_EUROSAT}/EuroSAT.zip",
                    "c8fa014336c82ac7804f0398fcb19387",
                    94_280_567,
                ),
            ),
        ),
        DatasetInfo(
            "imagenette",
            "Imagenette",
            "fast.ai 2019: ten classes of ImageNet that are easily told apart, short side 320",
            "download",
            *(10, 3, 224, 9469, 3925),
            files=(
                RemoteFile(
                    "imagenette2-320.tgz",
                    "https://s3.amazonaws.com/fast-ai-imageclas/imagenette2-320.tgz",
                    "3df6f0d01a2c9592104656642f5e78a3",
                    341_663_724,
                ),
            ),
        ),
        DatasetInfo(
            "food101",
            "Food-101",
            "Bossard, Guillaumin & Van Gool 2014, Food-101: Mining Discriminative Components with Random Forests",
            "download",
            *(101, 3, 224, 75_750, 25_250),
            files=(
                RemoteFile(
                    "food-101.tar.gz",
                    "http://data.vision.ee.ethz.ch/cvl/food-101.tar.gz",
                    "85eeb15f3717b99a5da872d97d918f87",
                    4_996_278_331,
                ),
            ),
        ),
    )
}
"""The data sets that have a name, those first that are there at once."""


def list_datasets(kind: Kind | None = None) -> list[str]:
    """The names of the data sets, those first that are there at once, offline.

    Besides these, `load_dataset` takes the path of an image folder or of a zip of one.

    Args:
        kind: only those `built in`, or only those to `download`.

    >>> list_datasets("built in")
    ['textures', 'digits', 'faces']
    """
    return [name for name, info in DATASETS.items() if kind is None or info.kind == kind]
