"""Many picture files as small squares, quickly: JPEGs are shrunk while they are decoded, several files at once."""

from __future__ import annotations

import os
import statistics
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from explorer.errors import Remark
from explorer.pictures import MAX_BYTES, PictureError, Pixels, read_picture

Report = Callable[[float, str], None]
"""Is told the share that is done, between 0 and 1, and what is being done."""

ENDINGS = frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".bmp", ".dib", ".tif", ".tiff"})
"""How the names of picture files end, in lower case."""

_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "DIB", "TIFF")
_QUICK_FORMATS = ("JPEG", "PNG", "WEBP", "BMP")
_QUICK_PIXELS = {"JPEG": 64_000_000}
_QUICK_PIXELS_OTHERS = 4_000_000
_ORIENTATION = 0x0112
_TURNING = frozenset({"exif", "xmp", "Raw profile type exif", "XML:com.adobe.xmp"})
"""What a picture's header may say its orientation in."""

_SAMPLE = 400
_REPORTS_A_SECOND = 10


def seldom(report: Report | None) -> Report:
    """`report`, or nothing, called ten times a second at most, and whenever something else is being done or all is."""
    last, doing = 0.0, ""

    def tell(share: float, what: str) -> None:
        nonlocal last, doing
        now = time.monotonic()
        if report is not None and (what != doing or share >= 1 or now - last > 1 / _REPORTS_A_SECOND):
            last, doing = now, what
            report(share, what)

    return tell


def part_of(report: Report, low: float, high: float) -> Report:
    """What tells `report` of a part of its work, from the share `low` to `high` of all of it.

    >>> part_of(lambda share, what: print(share, what), 0.5, 1.0)(0.5, "testing")
    0.75 testing
    """
    return lambda share, what: report(low + share * (high - low), what)


def read_sized(path: Path, side: int, channels: int) -> Pixels:
    """The middle square of the picture in a file, its short side resized, (channels, side, side).

    Raises:
        PictureError: the file is missing, may not be read, is no picture, damaged, or too large.
    """
    pixels = _quickly(path, side, channels)
    if pixels is None:
        image = Image.fromarray(read_picture(path))  # knows every kind of picture, and says what is wrong with one
        pixels = _squared(image if channels == 3 else image.convert("L"), side)
    return pixels[None] if channels == 1 else np.ascontiguousarray(pixels.transpose(2, 0, 1))


def _quickly(path: Path, side: int, channels: int) -> Pixels | None:
    """The square, (side, side) or (side, side, 3), of a plain picture; None for one that needs more care."""
    mode = "L" if channels == 1 else "RGB"
    try:
        if path.stat().st_size > MAX_BYTES:
            return None
        with Image.open(path, formats=_QUICK_FORMATS) as image:
            most = _QUICK_PIXELS.get(str(image.format), _QUICK_PIXELS_OTHERS)
            plain = image.mode in ("L", "RGB") and "transparency" not in image.info
            if not plain or image.width * image.height > most or getattr(image, "n_frames", 1) != 1:
                return None
            turned = _is_turned(image)
            # The decoder halves the sides as long as they stay this long.
            image.draft(mode, (side, side))
            upright = ImageOps.exif_transpose(image) if turned else image
            return _squared(upright.convert(mode), side)
    except PermissionError as error:
        message = f"{path.name[:60]} may not be read by this user."
        raise PictureError(message, key="picture_permission", name=path.name[:60]) from error
    except Exception:  # a damaged file makes Pillow's readers raise whatever they meet
        return None


def _is_turned(image: Image.Image) -> bool:
    if image.format == "JPEG" and _TURNING.isdisjoint(image.info):
        return False  # most pictures: reading what there is not takes time, too
    return bool(image.getexif().get(_ORIENTATION, 1) != 1)


def _squared(image: Image.Image, side: int) -> Pixels:
    if image.size != (side, side):
        image = ImageOps.fit(image, (side, side), method=Image.Resampling.BICUBIC)
    return np.array(image, dtype=np.uint8)  # a copy, which may be written to


def read_all(
    paths: Sequence[Path], into: Callable[[int, Pixels], None], side: int, channels: int, report: Callable[[int], None]
) -> dict[int, Remark]:
    """Read many files, several at once.

    Args:
        paths: the files.
        into: is handed the position and the pixels (channels, side, side) of each picture, in no order.
        side: height and width to bring them to, in pixels.
        channels: 1 or 3.
        report: is told every now and then how many are done; what it raises ends the reading.

    Returns:
        Position and reason of each file that could not be read.
    """
    broken: dict[int, Remark] = {}

    def read(position: int) -> None:
        try:
            into(position, read_sized(paths[position], side, channels))
        except PictureError as error:
            broken[position] = Remark.known(str(error), error.key, error.values)

    at_once = 256
    with _large_ones_are_refused_here(), ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
        for start in range(0, len(paths), at_once):
            stop = min(start + at_once, len(paths))
            for _ in pool.map(read, range(start, stop)):
                pass
            report(stop)
    return dict(sorted(broken.items()))


@contextmanager
def _large_ones_are_refused_here() -> Iterator[None]:
    """Without Pillow's own warning: what is too large is named among what cannot be read."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        yield


@dataclass(frozen=True)
class Look:
    """What the headers of some pictures say.

    Attributes:
        short_side: median of the short sides, in pixels; None where no header could be read.
        channels: 1 if all are grey, else 3.
    """

    short_side: int | None
    channels: int


def look_at(paths: Sequence[Path]) -> Look:
    """The size and the channels of a sample of the pictures, from their headers."""
    step = max(1, len(paths) // _SAMPLE)
    sides, grey = [], True
    with _large_ones_are_refused_here():
        for path in paths[::step]:
            try:
                with Image.open(path, formats=_FORMATS) as image:
                    sides.append(min(image.size))
                    grey = grey and image.mode in ("1", "L", "LA", "I", "I;16", "F")
            except Exception:  # it will be named when it is read
                continue
    return Look(round(statistics.median(sides)) if sides else None, 1 if sides and grey else 3)
