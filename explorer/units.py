"""How numbers are written, in one place: for tables, figures, the app and the command line.

Prefixes are decimal (1 MB is a million bytes). Numbers are rounded for reading; `exact` writes the figure behind
them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

THIN_SPACE = "\u202f"
"""The narrow no-break space that separates thousands."""

_PREFIXES = ("", "k", "M", "G", "T", "P")
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def exact(number: float) -> str:
    """A number with all its digits, thousands separated by thin spaces; as many decimals as it has.

    >>> exact(138357544).replace(THIN_SPACE, "_")
    '138_357_544'
    """
    return f"{number:,}".replace(",", THIN_SPACE)


def count(number: float) -> str:
    """A number of things to one decimal, with a prefix from a thousand on.

    >>> count(138357544), count(999), count(0)
    ('138.4 M', '999', '0')
    """
    scaled, prefix = _scale(number, _one_decimal)
    return f"{scaled:.1f} {prefix}" if prefix else _plain(scaled)


def macs(number: float) -> str:
    """Multiply-adds, without the word: `f"{macs(n)} MACs"`.

    >>> macs(15470264320)
    '15.5 G'
    """
    return count(number)


def size(number_bytes: float) -> str:
    """Bytes in decimal units; a decimal only below 10.

    >>> size(60950432), size(9437184), size(512)
    ('61 MB', '9.4 MB', '512 B')
    """
    scaled, prefix = _scale(number_bytes, _two_digits)
    decimals = 1 if prefix and abs(scaled) < 10 else 0
    return f"{scaled:.{decimals}f} {prefix}B"


def pixels(number: float | Sequence[float]) -> str:
    """A length in pixels; two numbers are height × width.

    >>> pixels(212), pixels((5, 3)), pixels(1.5)
    ('212 px', '5 × 3 px', '1.5 px')
    """
    return f"{times(number)} px"


def times(sizes: float | Sequence[float]) -> str:
    """One number, or several with × between them: kernels, strides, paddings.

    >>> times(3), times((1, 7))
    ('3', '1 × 7')
    """
    return " × ".join(_plain(number) for number in (sizes if isinstance(sizes, Sequence) else [sizes]))


def shape(sizes: Sequence[int]) -> str:
    """A tensor's shape without its batch.

    >>> shape((64, 224, 224))
    '64 × 224 × 224'
    """
    return times(sizes)


def percent(share: float) -> str:
    """A share between 0 and 1 as a percentage to one decimal; what is there never shows as nothing.

    >>> percent(0.8934), percent(0), percent(0.0001), percent(0.9999), percent(1)
    ('89.3 %', '0 %', '< 0.1 %', '> 99.9 %', '100 %')
    """
    if share in (0, 1):
        return f"{share * 100:.0f} %"
    if 0 < share < 0.0005:
        return "< 0.1 %"
    if 0.9995 <= share < 1:
        return "> 99.9 %"
    return f"{share * 100:.1f} %"


def seconds(duration: float) -> str:
    """A duration, in the unit that suits it.

    >>> seconds(0.0042), seconds(12.34), seconds(75), seconds(3720)
    ('4.2 ms', '12.3 s', '1 min 15 s', '1 h 2 min')
    """
    if duration == 0:
        return "0 s"
    if duration < 0.001:
        return _short(duration * 1e6, "µs")
    # Decided on what is going to be written, so that 0.9996 s is 1.0 s and not 1000 ms.
    if round(duration, 3) < 1:
        return _short(duration * 1e3, "ms")
    if round(duration, 1) < 60:
        return f"{duration:.1f} s"
    if round(duration) < 3600:
        return f"{round(duration) // 60} min {round(duration) % 60} s"
    minutes = round(duration / 60)
    return f"{minutes // 60} h {minutes % 60} min"


def magnitude(number: float) -> str:
    """A ratio with two digits, in powers of ten where it is huge or tiny.

    >>> magnitude(6.25), magnitude(4213).replace(THIN_SPACE, "_"), magnitude(2.5e7), magnitude(0.00031)
    ('6.2', '4_200', '2.5 × 10⁷', '3.1 × 10⁻⁴')
    """
    if number and not 1e-3 <= abs(number) < 1e6:
        mantissa, _, exponent = f"{number:.1e}".partition("e")
        return f"{mantissa} × 10{str(int(exponent)).translate(_SUPERSCRIPTS)}"
    two = float(f"{number:.2g}")
    return exact(round(two)) if abs(two) >= 1000 else f"{two:g}"


def _short(duration: float, unit: str) -> str:
    return f"{duration:.0f} {unit}" if round(duration, 1) >= 100 else f"{duration:.1f} {unit}"


def _scale(number: float, rounded: Callable[[float], float]) -> tuple[float, str]:
    """`number` as it is going to be written, and its prefix: the first that leaves it below 1000 when rounded."""
    for prefix in _PREFIXES[:-1]:
        if abs(rounded(number)) < 1000:
            return rounded(number), prefix
        number /= 1000
    return rounded(number), _PREFIXES[-1]


def _one_decimal(number: float) -> float:
    return round(number, 1)


def _two_digits(number: float) -> float:
    return round(number, 1) if abs(round(number, 1)) < 10 else round(number)


def _plain(number: float) -> str:
    """Without the decimals of a whole number."""
    return f"{number:g}" if abs(number) < 1e6 else f"{number:.0f}"
