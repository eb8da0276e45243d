"""Train the weights that come with explorer, by its own `explorer train`, and write their cards.

    make weights DATA=FOLDER [NETS="resnet20 plain20"]

FOLDER holds `imagenette` and `cifar10`, image folders with train/CLASS and val/CLASS or test/CLASS, or their archives
(`imagenette.tar`, `cifar10.tar.xz`). What is interrupted goes on where it was; what is trained is not trained again.
Runs and unpacked data lie in build/weights.
"""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

from explorer import units
from explorer.cards import shipped_cards
from explorer.errors import UnknownNameError
from explorer.run_results import Run
from explorer.training.runs import RunStore
from explorer.training.shipping import Origin, ship

TOP = Path(__file__).resolve().parents[1]
WEIGHTS = TOP / "weights"
BUILD = TOP / "build" / "weights"
README = WEIGHTS / "README.md"
MARK = "<!-- cards -->"
MOST_BYTES = 25_000_000

CIFAR_PICTURES = (
    "CIFAR-10 (Krizhevsky 2009) as JPEG files: all training pictures, half of the test pictures. The recompression "
    "costs accuracy: what others report of the original pictures is no measure for these."
)
IMAGENETTE_PICTURES = (
    "Imagenette (fast.ai 2019), ten classes of ImageNet that are easily told apart, with a short side of 128 pixels: "
    "all training pictures, half of the validation pictures."
)
CIFAR_LICENCE = "MIT for the weights; CIFAR-10's pictures come without a licence, for research and teaching."
IMAGENETTE_LICENCE = (
    "MIT for the weights; Imagenette is Apache-2.0, its pictures are ImageNet's: for non-commercial research and "
    "teaching (image-net.org/download)."
)


@dataclass(frozen=True)
class Wanted:
    """One net to train.

    Attributes:
        net: as `explorer train` takes it.
        data: folder of the pictures below DATA.
        options: of `explorer train`.
    """

    net: str
    data: str
    options: str

    @property
    def name(self) -> str:
        return self.net.partition(":")[0]

    def command(self, data: str) -> list[str]:
        """The words of the command, after `explorer`."""
        return ["train", self.net, "--data", data, *self.options.split()]

    def origin(self) -> Origin:
        """What the card says beyond the run."""
        cifar = self.data == "cifar10"
        return Origin(
            dataset=self.data,
            pictures=CIFAR_PICTURES if cifar else IMAGENETTE_PICTURES,
            licence=CIFAR_LICENCE if cifar else IMAGENETTE_LICENCE,
            command=shlex.join(["explorer", *self.command(f"DATA/{self.data}")]),
        )


_PHOTOGRAPHS = "--epochs 30 --batch-size 64 --lr 0.1 --scale-jitter 256,384 --colour-jitter 0.2 --crop-padding 0"
_SHORT = "--epochs 8 --batch-size 64 --lr 0.1 --crop-padding 8"  # it takes thrice resnet18's time an epoch
_SMALL = ""  # the fast recipe as it is
_DEEP = "--epochs 5"  # half of it: an epoch takes more than twice as long

ALL = (
    Wanted("resnet18:width=0.5,image_size=112", "imagenette", _PHOTOGRAPHS),
    Wanted("plain18:width=0.5,image_size=112", "imagenette", _PHOTOGRAPHS),
    Wanted("resnet20", "cifar10", _SMALL),
    Wanted("plain20", "cifar10", _SMALL),
    Wanted("resnet56", "cifar10", _DEEP),
    Wanted("plain56", "cifar10", _DEEP),
    Wanted("vgg_a:norm=batch,head=slim,width=0.5,image_size=96", "imagenette", _SHORT),
)
"""In the order of their use: what is shipped at any time should help most."""


def main() -> None:
    """Train what is missing, one net after the other."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    names = [wanted.name for wanted in ALL]
    parser.add_argument("--nets", nargs="*", choices=names, default=names)
    asked = parser.parse_args()
    os.environ["EXPLORER_HOME"] = str(BUILD / "home")
    store = RunStore()
    try:
        for wanted in ALL:
            if wanted.name in asked.nets:
                run = _trained(wanted, _pictures(asked.data, wanted.data), store)
                card = ship(run, store, WEIGHTS, wanted.origin())
                _list_cards()
                right = units.percent(card.top1)
                print(f"{card.name}: {right} of {units.exact(card.test_pictures)} test pictures", flush=True)
    finally:
        store.close()
    total = sum(card.bytes for card in shipped_cards())
    if total > MOST_BYTES:
        raise SystemExit(f"The weights take {units.size(total)} together, more than {units.size(MOST_BYTES)}.")


def _pictures(data: Path, name: str) -> Path:
    """The folder of a data set, unpacked if it is an archive."""
    folder, unpacked = data / name, BUILD / "data" / name
    if folder.is_dir():
        return folder.resolve()
    if unpacked.is_dir():
        return unpacked
    archives = sorted(data.glob(f"{name}.tar*"))
    if not archives:
        raise SystemExit(f"{data} has neither a folder {name} nor an archive {name}.tar.")
    partial = unpacked.with_name(f".{name}.partial")
    with tarfile.open(archives[0]) as archive:
        archive.extractall(partial, filter="data")
    inner = partial / name
    (inner if inner.is_dir() else partial).rename(unpacked)
    return unpacked


def _trained(wanted: Wanted, folder: Path, store: RunStore) -> Run:
    """The finished run of a net: what was interrupted goes on, what is finished stays."""
    explorer = [sys.executable, "-m", "explorer"]
    try:
        run = store.get(wanted.name)
    except UnknownNameError:
        subprocess.run([*explorer, *wanted.command(str(folder)), "--name", wanted.name], check=True)
    else:
        if run.status != "finished":
            subprocess.run([*explorer, "train", "--resume", wanted.name], check=True)
    return store.get(wanted.name)


def _list_cards() -> None:
    """Put the table of the cards into the folder's README."""
    listed = [sys.executable, "-m", "explorer", "weights", "list", "--format", "markdown"]
    table = subprocess.run(listed, check=True, capture_output=True, text=True, encoding="utf-8").stdout
    before, _, rest = README.read_text(encoding="utf-8").partition(MARK)
    after = rest.partition(MARK)[2]
    README.write_text(f"{before}{MARK}\n{table.strip()}\n{MARK}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
