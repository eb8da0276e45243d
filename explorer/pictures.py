"""Pictures: the photographs that scikit-image ships, and files that somebody brings.

A file is untrusted: its header is read before its pixels, and what is too large or no picture is answered in a
sentence.
"""

from __future__ import annotations

import threading
import warnings
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from explorer.errors import ExplorerError, UnknownNameError

Pixels = npt.NDArray[np.uint8]

PHOTOGRAPHS: dict[str, str] = {
    "astronaut": "astronaut.png",
    "chelsea": "chelsea.png",
    "coffee": "coffee.png",
    "rocket": "rocket.jpg",
    "retina": "retina.jpg",
    "hubble": "hubble_deep_field.jpg",
    "camera": "camera.png",
    "coins": "coins.png",
}
"""The photographs that come with scikit-image, by name; nothing is fetched."""

_READING = threading.Lock()

MAX_PIXELS = 64_000_000
MAX_BYTES = 64_000_000


_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "DIB", "TIFF")
"""What is read, and no other of Pillow's formats: some of those start a program (EPS: Ghostscript)."""


class PictureError(ExplorerError):
    """A file that is no picture, or one too large to open."""


def photograph(name: str) -> Pixels:
    """One of `PHOTOGRAPHS`, (H, W, 3).

    Raises:
        UnknownNameError: there is no photograph of that name.
    """
    if name not in PHOTOGRAPHS:
        raise UnknownNameError("photograph", name, PHOTOGRAPHS)
    return _photograph(name)


@lru_cache(maxsize=len(PHOTOGRAPHS))
def _photograph(name: str) -> Pixels:
    import skimage  # only its data folder is wanted: its readers take a second to import

    return read_picture(Path(skimage.__file__).parent / "data" / PHOTOGRAPHS[name])


def read_picture(path: str | Path) -> Pixels:
    """The picture in a file, (H, W, 3), upright.

    Of an animation the first frame is taken, transparency becomes white, 16 bits a channel become 8, and CMYK and
    grey become RGB.

    Raises:
        PictureError: the file is missing, no picture, damaged, or too large.
    """
    file = Path(path)
    name = file.name[:60]
    try:
        size = file.stat().st_size
    except OSError as error:
        raise PictureError(f"There is no file {name!r}.", key="picture_missing", name=name) from error
    if size > MAX_BYTES:
        message = f"{name} has {size / 1e6:.0f} MB: pictures may have up to {MAX_BYTES / 1e6:.0f} MB."
        raise PictureError(message, key="picture_bytes", name=name, most=f"{MAX_BYTES / 1e6:.0f}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the size is checked here
            # One at a time: a picture of 64 million pixels takes a gigabyte while it is converted.
            with _READING, Image.open(file, formats=_FORMATS) as image:
                width, height = image.size
                if width * height > MAX_PIXELS:
                    raise _too_many_pixels(name, f"{width} × {height}")
                image.seek(0)
                return _as_rgb(ImageOps.exif_transpose(image))
    except PictureError:
        raise
    except Image.DecompressionBombError as error:
        raise _too_many_pixels(name, "too many") from error
    except UnidentifiedImageError as error:
        message = f"{name} is no picture that can be read: use PNG, JPEG, WebP, GIF, BMP or TIFF."
        raise PictureError(message, key="picture_unreadable", name=name) from error
    except Exception as error:  # a damaged file makes Pillow's readers raise whatever they meet
        message = f"{name} is damaged and cannot be read as a picture."
        raise PictureError(message, key="picture_damaged", name=name) from error


def _too_many_pixels(name: str, claimed: str) -> PictureError:
    most = f"{MAX_PIXELS / 1e6:.0f}"
    message = f"{name} claims {claimed} pixels: pictures may have up to {most} million."
    return PictureError(message, key="picture_pixels", name=name, claimed=claimed, most=most)


def _as_rgb(image: Image.Image) -> Pixels:
    if image.mode in {"I;16", "I;16B", "I;16L", "I", "F"}:
        values = np.nan_to_num(np.asarray(image, dtype=np.float32))
        largest = 65535.0 if image.mode != "F" or values.max(initial=0) > 255 else 255.0
        grey = np.clip(values / largest * 255, 0, 255).astype(np.uint8)
        return np.repeat(grey[:, :, None], 3, axis=2)
    if image.mode in {"RGBA", "LA", "PA"} or "transparency" in image.info:
        layered = image.convert("RGBA")
        white = Image.new("RGBA", layered.size, (255, 255, 255, 255))
        image = Image.alpha_composite(white, layered)
    return np.asarray(image.convert("RGB"), dtype=np.uint8)


def square(picture: Pixels, side: int) -> Pixels:
    """The picture's middle as a square of `side` pixels, (side, side, 3): short side resized, long one cropped."""
    image = Image.fromarray(picture)
    return np.asarray(ImageOps.fit(image, (side, side), method=Image.Resampling.BICUBIC), dtype=np.uint8)
