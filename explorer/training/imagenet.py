"""torchvision's ImageNet weights for our nets: which file, from where, whether it is here. Only fetched when asked.

Their names, addresses and sizes are torchvision's own (`get_model_weights`); a file's name ends with the beginning of
its SHA-256. They are the first weights of each net (`IMAGENET1K_V1`), trained by the recipes of the papers' time; the
later ones of some nets (`_V2`) fit as well, as files. torchvision's AlexNet and GoogLeNet are left out: the one is
another net than the paper's, the other comes with classifiers and a scale of pictures of its own.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from explorer import paths, units
from explorer.cards import checksum
from explorer.catalog import entries, find_entry
from explorer.errors import CheckpointError
from explorer.training.reading import Report, seldom
from explorer.training.receiving import ReceiveError, receive
from explorer.training.storage import disk_error, partial_folder, require_room

_VERSION = "IMAGENET1K_V1"
_PREFIX = re.compile(r"-([0-9a-f]{8,64})\.pth$")
_MEBIBYTE = 2**20


@dataclass(frozen=True)
class ImageNetWeights:
    """A file of torchvision's weights for one of our nets.

    Attributes:
        net: name of the net.
        file: name of the file.
        folder: where it is looked for.
        url: where it comes from.
        size_bytes: about how large it is.
        sha256: how its SHA-256 begins, as its name says.
        there: whether a file of that name is in the folder; `imagenet_file` checks what is in it.
    """

    net: str
    file: str
    folder: Path
    url: str
    size_bytes: int
    sha256: str
    there: bool

    @property
    def path(self) -> Path:
        """Where the file is, or belongs."""
        return self.folder / self.file


@dataclass(frozen=True)
class ImageNetPictures:
    """What the weights expect of pictures, and what the net's outputs mean.

    Attributes:
        classes: names of the 1000 outputs.
        mean: to be subtracted from each channel, on a scale from 0 to 1.
        std: to divide by.
        image_size: side of the pictures, in pixels.
    """

    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    image_size: int


def imagenet_weights() -> tuple[ImageNetWeights, ...]:
    """The files of ImageNet weights that our nets can take, in the catalog's order, and which of them are here.

    >>> [weights.net for weights in imagenet_weights()][:2]
    ['vgg_a', 'vgg_b']
    """
    return tuple(_described(net) for net in _theirs())


def imagenet_of(net: str) -> ImageNetWeights:
    """The file of ImageNet weights of one net.

    Args:
        net: its name; an alias will do.

    Raises:
        UnknownNameError: no net has that name.
        CheckpointError: torchvision has no weights of it.

    >>> imagenet_of("vgg16").file
    'vgg16-397923af.pth'
    """
    arch = find_entry(net).name
    if arch not in _theirs():
        listed = ", ".join(_theirs())
        message = f"torchvision has no ImageNet weights of {arch}: {listed} have some."
        raise CheckpointError(message, key="no_imagenet", net=arch, there=listed)
    return _described(arch)


def imagenet_pictures(net: str) -> ImageNetPictures:
    """What a net's ImageNet weights expect of pictures, by torchvision's own preparation.

    Args:
        net: its name; it has such weights.
    """
    weights = _enum(find_entry(net).name)
    preparation = weights.transforms()
    return ImageNetPictures(
        tuple(weights.meta["categories"]),
        tuple(preparation.mean),
        tuple(preparation.std),
        int(preparation.crop_size[0]),
    )


def imagenet_file(net: str) -> Path:
    """The file of a net's ImageNet weights, fetched or put there by hand, once it is known to be the right one.

    Args:
        net: its name; an alias will do.

    Raises:
        UnknownNameError: no net has that name.
        CheckpointError: torchvision has no weights of it, the file is not there, or it is another one.
    """
    weights = imagenet_of(net)
    size = units.size(weights.size_bytes)
    if not weights.there:
        message = (
            f"The ImageNet weights of {weights.net} are not here: explorer weights fetch {weights.net} fetches about "
            f"{size}; without a network, put {weights.file} into {weights.folder} (from {weights.url})."
        )
        raise CheckpointError(
            message,
            key="imagenet_missing",
            net=weights.net,
            size=size,
            file=weights.file,
            folder=str(weights.folder),
            url=weights.url,
        )
    if not _is_right(weights):
        message = (
            f"{weights.file} in {weights.folder} is not the file that its name says (another checksum): "
            f"explorer weights fetch {weights.net} fetches it anew, about {size}."
        )
        raise CheckpointError(
            message,
            key="imagenet_other",
            net=weights.net,
            size=size,
            file=weights.file,
            folder=str(weights.folder),
        )
    return weights.path


def fetch_imagenet(net: str, on_progress: Report | None = None) -> Path:
    """Fetch a net's ImageNet weights, unless they are there already.

    The file is written below `EXPLORER_HOME`, under a temporary name first, and held against the beginning of its
    SHA-256; one of the same name that is not the right one is replaced.

    Args:
        net: name of a net of `imagenet_weights()`; an alias will do.
        on_progress: is told the share that is done and what is being done; what it raises ends the download.

    Returns:
        The file.

    Raises:
        UnknownNameError: no net has that name.
        CheckpointError: torchvision has no weights of it, there is no network, or the answer is not the file. The
            message says which file to put where by hand. Nothing is left behind.
        ExplorerError: there is no room on the disk, or the folder cannot be written to.
    """
    weights = imagenet_of(net)
    if weights.there and _is_right(weights):
        return weights.path
    report = seldom(on_progress)
    what = f"fetching {weights.file}, {units.size(weights.size_bytes)}"
    require_room(weights.folder, weights.size_bytes, weights.file)

    def received(count: int) -> None:
        report(min(0.999, count / max(1, weights.size_bytes)), what)

    with partial_folder(weights.folder) as partial:
        try:
            receive(weights.url, partial / weights.file, hashlib.sha256(), weights.sha256, received)
        except ReceiveError as error:
            raise _in_words(error, weights) from error
        try:
            (partial / weights.file).replace(weights.path)
        except OSError as error:
            raise disk_error(error, weights.folder) from error
    report(1.0, f"{weights.file} is there")
    return weights.path


def _in_words(error: ReceiveError, weights: ImageNetWeights) -> CheckpointError:
    happened = {
        "network": "cannot be reached",
        "server": f"answered with {error.code} ({error.reason})",
        "incomplete": f"hung up after {units.size(error.count)} of {units.size(error.expected)}",
        "checksum": "sent something else (another checksum)",
    }[error.kind]
    message = (
        f"{weights.file} cannot be fetched: {error.host} {happened}. Try again, or fetch {weights.url} on another "
        f"machine and put it into {weights.folder}."
    )
    file, url, folder, host = weights.file, weights.url, str(weights.folder), error.host
    if error.kind == "network":
        return CheckpointError(message, key="imagenet_network", file=file, host=host, url=url, folder=folder)
    if error.kind == "server":
        return CheckpointError(
            message, key="imagenet_server", file=file, host=host, code=error.code, url=url, folder=folder
        )
    return CheckpointError(message, key="imagenet_arrived", file=file, host=host, url=url, folder=folder)


def _is_right(weights: ImageNetWeights) -> bool:
    try:
        return checksum(weights.path).startswith(weights.sha256)
    except OSError as error:
        message = f"{weights.path} cannot be read ({error.strerror})."
        raise CheckpointError(
            message, key="weights_unreadable", file=str(weights.path), reason=error.strerror
        ) from error


def _described(net: str) -> ImageNetWeights:
    weights = _enum(net)
    file, folder = weights.url.rpartition("/")[2], paths.weights_folder()
    prefix = _PREFIX.search(file)
    assert prefix is not None, f"torchvision's {file} does not say its checksum"
    # torchvision says megabytes and means mebibytes: resnet18's 44.661 are 46.8 million bytes.
    size = round(weights.meta["_file_size"] * _MEBIBYTE)
    return ImageNetWeights(net, file, folder, weights.url, size, prefix.group(1), (folder / file).is_file())


@lru_cache(maxsize=1)
def _theirs() -> dict[str, str]:
    """Torchvision's name of each of our nets that it has weights of."""
    models = _models()
    known = set(models.list_models(module=models))
    named = {entry.name: known & {entry.name, *entry.aliases} for entry in entries() if entry.family != "lecture"}
    return {net: names.pop() for net, names in named.items() if names}


def _enum(net: str) -> Any:
    """Torchvision's description of a net's weights."""
    return _models().get_model_weights(_theirs()[net])[_VERSION]


def _models() -> Any:
    import torchvision.models  # type: ignore[import-untyped]

    return torchvision.models
