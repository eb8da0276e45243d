"""How numbers are written, at the places where it is easy to go wrong."""

from __future__ import annotations

import pytest

from explorer import units


@pytest.mark.parametrize(
    ("number", "written"),
    [
        (0, "0"),
        (1, "1"),
        (999, "999"),
        (1000, "1.0 k"),
        (34_848, "34.8 k"),
        (999_949, "999.9 k"),
        (999_950, "1.0 M"),  # 999.95 k would round to 1000.0 k
        (138_357_544, "138.4 M"),
        (999_950_000, "1.0 G"),
        (19_632_062_464, "19.6 G"),
        (2.5, "2.5"),
        (-1500, "-1.5 k"),
        (10**21, "1000000.0 P"),
    ],
)
def test_count(number: float, written: str) -> None:
    assert units.count(number) == written
    assert units.macs(number) == written


@pytest.mark.parametrize(
    ("number", "written"),
    [
        (0, "0 B"),
        (4, "4 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (9_940_000, "9.9 MB"),
        (9_960_000, "10 MB"),
        (60_950_432, "61 MB"),
        (999_400_000, "999 MB"),
        (999_600_000, "1.0 GB"),
        (553_430_176, "553 MB"),
    ],
)
def test_size(number: float, written: str) -> None:
    assert units.size(number) == written


def test_exact_separates_thousands_by_narrow_no_break_spaces() -> None:
    assert units.exact(138357544) == "138\u202f357\u202f544"
    assert units.exact(999) == "999"
    assert units.exact(-1234) == "-1\u202f234"
    assert units.exact(1234.5) == "1\u202f234.5"


@pytest.mark.parametrize(
    ("share", "written"),
    [
        (0, "0 %"),
        (0.0004999, "< 0.1 %"),
        (0.0005, "0.1 %"),
        (0.5, "50.0 %"),
        (0.9994, "99.9 %"),
        (0.9995, "> 99.9 %"),
        (1, "100 %"),
        (1.25, "125.0 %"),
        (-0.1, "-10.0 %"),
    ],
)
def test_percent(share: float, written: str) -> None:
    assert units.percent(share) == written


@pytest.mark.parametrize(
    ("duration", "written"),
    [
        (0, "0 s"),
        (3e-7, "0.3 µs"),
        (0.000_25, "250 µs"),
        (0.0042, "4.2 ms"),
        (0.25, "250 ms"),
        (0.9994, "999 ms"),
        (0.9996, "1.0 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min 0 s"),
        (75.4, "1 min 15 s"),
        (3599.4, "59 min 59 s"),
        (3599.6, "1 h 0 min"),
        (90_000, "25 h 0 min"),
    ],
)
def test_seconds(duration: float, written: str) -> None:
    assert units.seconds(duration) == written


def test_shapes_and_pixels() -> None:
    assert units.shape((64, 224, 224)) == "64 × 224 × 224"
    assert units.shape((1000,)) == "1000"
    assert units.shape(()) == ""
    assert units.pixels(212) == "212 px"
    assert units.pixels((3, 5)) == "3 × 5 px"
    assert units.pixels(-0.5) == "-0.5 px"
    assert units.times((1, 7)) == "1 × 7"
