"""Files that somebody brings: each is either read as it should look, or answered in one sentence."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from explorer.errors import UnknownNameError
from explorer.pictures import MAX_BYTES, PHOTOGRAPHS, PictureError, photograph, read_picture, square

Pixels = npt.NDArray[np.uint8]
RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def quarters(width: int = 40, height: int = 20) -> Image.Image:
    """Red and green above blue and white: what is turned or mirrored shows at once."""
    image = Image.new("RGB", (width, height))
    for box, colour in (
        ((0, 0, width // 2, height // 2), RED),
        ((width // 2, 0, width, height // 2), GREEN),
        ((0, height // 2, width // 2, height), BLUE),
        ((width // 2, height // 2, width, height), WHITE),
    ):
        image.paste(colour, box)
    return image


def corners(picture: Pixels) -> list[tuple[int, ...]]:
    """The colours near the corners, row by row, each channel rounded to 0 or 255."""
    height, width = picture.shape[:2]
    places = [(y, x) for y in (height // 8, height - 1 - height // 8) for x in (width // 8, width - 1 - width // 8)]
    return [tuple(255 if value > 127 else 0 for value in picture[y, x]) for y, x in places]


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png_that_claims(width: int, height: int) -> bytes:
    """A PNG of a few bytes whose header says that it is large."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


# ---------------------------------------------------------------- what is read


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_photographs_are_colour_pictures(name: str) -> None:
    picture = photograph(name)
    assert picture.dtype == np.uint8
    assert picture.ndim == 3
    assert picture.shape[2] == 3
    assert min(picture.shape[:2]) >= 224  # no smaller than what most nets look at


def test_an_unknown_photograph_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UnknownNameError, match="Unknown photograph 'astronauts'; did you mean astronaut"):
        photograph("astronauts")


@pytest.mark.parametrize("ending", ["png", "bmp", "webp", "tiff"])
def test_a_plain_picture_comes_back_as_it_is(tmp_path: Path, ending: str) -> None:
    file = tmp_path / f"plain.{ending}"
    quarters().save(file, **({"lossless": True} if ending == "webp" else {}))
    picture = read_picture(file)
    assert picture.shape == (20, 40, 3)
    assert corners(picture) == [RED, GREEN, BLUE, WHITE]
    assert (picture == np.asarray(quarters())).all()


# What a camera writes when it is held so; `stored` is what the file holds, from which the tag leads back to upright.
TURNED: dict[int, Callable[[Image.Image], Image.Image]] = {
    3: lambda image: image.transpose(Image.Transpose.ROTATE_180),
    6: lambda image: image.transpose(Image.Transpose.ROTATE_90),
    8: lambda image: image.transpose(Image.Transpose.ROTATE_270),
    2: lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
}


@pytest.mark.parametrize("orientation", TURNED)
def test_a_turned_photograph_stands_upright(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = TURNED[orientation](quarters())
    file = tmp_path / "turned.jpg"
    stored.save(file, exif=exif, quality=95)
    assert corners(np.asarray(stored)) != [RED, GREEN, BLUE, WHITE]
    picture = read_picture(file)
    assert picture.shape == (20, 40, 3)
    assert corners(picture) == [RED, GREEN, BLUE, WHITE]


def test_of_an_animation_the_first_frame_is_taken(tmp_path: Path) -> None:
    file = tmp_path / "animated.gif"
    frames = [Image.new("RGB", (12, 8), colour) for colour in (GREEN, RED, BLUE)]
    frames[0].save(file, save_all=True, append_images=frames[1:], duration=50)
    with Image.open(file) as image:
        assert image.n_frames == 3  # type: ignore[attr-defined]
    picture = read_picture(file)
    assert picture.shape == (8, 12, 3)
    assert set(map(tuple, picture.reshape(-1, 3).tolist())) == {GREEN}


def test_cmyk_becomes_rgb(tmp_path: Path) -> None:
    file = tmp_path / "print.jpg"
    Image.new("CMYK", (10, 10), (0, 255, 255, 0)).save(file, quality=95)  # no cyan, all magenta and yellow: red
    red, green, blue = read_picture(file)[5, 5]
    assert red > 220
    assert max(green, blue) < 60


def test_sixteen_bits_become_eight(tmp_path: Path) -> None:
    file = tmp_path / "deep.png"
    values = np.array([[0, 256, 32768, 65535]], dtype=np.uint16)
    Image.fromarray(values).save(file)
    with Image.open(file) as image:
        assert image.mode.startswith("I")
    # 256/65535 is one 255th, 32768/65535 a half: 0, 0.996, 127.5, 255, rounded down.
    picture = read_picture(file)
    assert picture[0, :, 0].tolist() == [0, 0, 127, 255]
    assert (picture == picture[:, :, :1]).all()


def test_one_bit_and_grey_become_rgb(tmp_path: Path) -> None:
    file = tmp_path / "fax.png"
    Image.new("1", (4, 4), 1).save(file)
    assert read_picture(file).tolist() == np.full((4, 4, 3), 255).tolist()
    Image.new("L", (4, 4), 77).save(file)
    assert read_picture(file).tolist() == np.full((4, 4, 3), 77).tolist()


def test_one_pixel_is_a_picture(tmp_path: Path) -> None:
    file = tmp_path / "dot.png"
    Image.new("RGB", (1, 1), BLUE).save(file)
    picture = read_picture(file)
    assert picture.tolist() == [[list(BLUE)]]
    assert square(picture, 32).tolist() == np.full((32, 32, 3), BLUE).tolist()


def test_transparency_becomes_white(tmp_path: Path) -> None:
    file = tmp_path / "cut-out.png"
    image = Image.new("RGBA", (4, 2), (255, 0, 0, 255))
    image.paste((0, 0, 0, 0), (2, 0, 4, 2))  # the right half: invisible black
    image.save(file)
    assert read_picture(file)[0].tolist() == [list(RED), list(RED), list(WHITE), list(WHITE)]


def test_a_palette_with_a_transparent_colour(tmp_path: Path) -> None:
    file = tmp_path / "palette.png"
    image = Image.new("P", (4, 1))
    image.putpalette([*RED, *BLUE])
    image.putdata([0, 0, 1, 1])
    image.save(file, transparency=1)
    assert read_picture(file)[0].tolist() == [list(RED), list(RED), list(WHITE), list(WHITE)]


def test_a_picture_of_thirty_megabytes_is_read(tmp_path: Path) -> None:
    file = tmp_path / "large.bmp"
    Image.new("RGB", (4000, 2500), GREEN).save(file)
    assert 30_000_000 <= file.stat().st_size < MAX_BYTES
    picture = read_picture(file)
    assert picture.shape == (2500, 4000, 3)
    assert (picture[::500, ::500] == GREEN).all()


# ---------------------------------------------------------------- what is answered in a sentence


def only_a_name(tmp_path: Path) -> Path:
    file = tmp_path / "notes.png"
    file.write_text("This is no picture at all.\n" * 20, encoding="utf-8")
    return file


def empty(tmp_path: Path) -> Path:
    file = tmp_path / "empty.jpg"
    file.write_bytes(b"")
    return file


def cut_short(tmp_path: Path) -> Path:
    file = tmp_path / "cut.jpg"
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    Image.fromarray(noise).save(file)
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 3])
    return file


def cut_short_png(tmp_path: Path) -> Path:
    file = tmp_path / "cut.png"
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    Image.fromarray(noise).save(file)
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 3])
    return file


def claims_50000(tmp_path: Path) -> Path:
    file = tmp_path / "vast.png"
    file.write_bytes(png_that_claims(50_000, 50_000))
    return file


def claims_9000(tmp_path: Path) -> Path:
    """More than we open, less than Pillow refuses by itself."""
    file = tmp_path / "wide.png"
    file.write_bytes(png_that_claims(9000, 9000))
    return file


def too_many_bytes(tmp_path: Path) -> Path:
    file = tmp_path / "heavy.png"
    with file.open("wb") as stream:
        stream.truncate(MAX_BYTES + 1_000_000)  # sparse: it takes no room on the disk
    return file


def a_program(tmp_path: Path) -> Path:
    """Pillow would start Ghostscript to read it."""
    file = tmp_path / "program.png"
    Image.new("RGB", (10, 10), RED).save(file, format="EPS")
    return file


def missing(tmp_path: Path) -> Path:
    return tmp_path / "gone.png"


def folder(tmp_path: Path) -> Path:
    file = tmp_path / "folder.png"
    file.mkdir()
    return file


BAD: dict[Callable[[Path], Path], str] = {
    only_a_name: r"notes\.png is no picture that can be read: use PNG, JPEG",
    empty: r"empty\.jpg is no picture that can be read",
    cut_short: r"cut\.jpg is damaged",
    cut_short_png: r"cut\.png is damaged",
    claims_50000: r"vast\.png claims .*pixels.* up to 64 million\.",
    claims_9000: r"wide\.png claims 9000 × 9000 pixels: pictures may have up to 64 million\.",
    too_many_bytes: r"heavy\.png has 65 MB: pictures may have up to 64 MB\.",
    a_program: r"program\.png is no picture that can be read",
    missing: r"There is no file 'gone\.png'\.",
    folder: r"folder\.png",
}


@pytest.mark.parametrize("make", BAD, ids=lambda make: make.__name__)
def test_what_cannot_be_read_is_answered_in_one_sentence(make: Callable[[Path], Path], tmp_path: Path) -> None:
    with pytest.raises(PictureError, match=BAD[make]) as caught:
        read_picture(make(tmp_path))
    message = str(caught.value)
    assert message.endswith(".")
    assert "\n" not in message
    assert len(message) < 160
    assert str(tmp_path) not in message  # where the server keeps files is nobody's business
    assert len(re.findall(r"[.!?](?= [A-Z]|$)", message)) == 1


# ---------------------------------------------------------------- square


def test_square_takes_the_middle_of_the_long_side() -> None:
    picture = np.zeros((10, 30, 3), dtype=np.uint8)
    picture[:, 10:20] = RED
    cut = square(picture, 10)
    assert cut.shape == (10, 10, 3)
    assert (cut == RED).all()


def test_square_keeps_the_whole_short_side() -> None:
    cut = square(np.asarray(quarters(40, 40)), 8)
    assert cut.shape == (8, 8, 3)
    assert corners(cut) == [RED, GREEN, BLUE, WHITE]
