"""A count that can be followed: its steps, and the figures that come of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from explorer import units
from explorer.papers import PublishedFigure
from explorer.results import LayerRow


@dataclass(frozen=True)
class Figure:
    """A number and how it is written.

    Attributes:
        value: the number.
        text: the number as it is shown.
    """

    value: float
    text: str


@dataclass(frozen=True)
class Step:
    """One line of a count.

    Attributes:
        label: key of the step's name in the case, or the name itself.
        formula: how the figure comes about; empty where there is nothing to work out.
        figure: what comes out.
        named: whether `label` is a key; otherwise it is the same in every language, such as a layer's path.
        source: where a published figure is from; empty for what is counted here.
        result: whether the step is what the ones before it come to.
    """

    label: str
    formula: str
    figure: Figure
    named: bool = True
    source: str = ""
    result: bool = False


@dataclass(frozen=True)
class Count:
    """A count.

    Attributes:
        steps: its lines, in order.
        figures: what claims are held against and verdicts quote, by name.
    """

    steps: tuple[Step, ...]
    figures: Mapping[str, Figure]


Counter = Callable[[Mapping[str, float]], Count]
"""A count as a function of the printed figures that it starts from."""


def exact(number: float) -> Figure:
    """All digits: 271 351 808."""
    return Figure(number, units.exact(number))


def millions(number: float) -> Figure:
    """Two decimals: 15.24 M."""
    return Figure(number, f"{number / 1e6:.2f} M")


def size(number_bytes: float) -> Figure:
    """Bytes: 61 MB."""
    return Figure(number_bytes, units.size(number_bytes))


def share(part: float, whole: float) -> Figure:
    """A share in percent: 23.5 %."""
    return Figure(100 * part / whole, units.percent(part / whole))


def decimal(number: float, places: int, unit: str = "") -> Figure:
    """A number to `places` decimals, with its unit if it has one."""
    return Figure(number, f"{number:.{places}f} {unit}".strip())


def signed(number: float, places: int) -> Figure:
    """The same with its sign, for differences."""
    return Figure(number, f"{number:+.{places}f}".replace("-", "−"))


def power(number: float) -> Figure:
    """A very large or very small number: 6 × 10⁵.

    >>> power(618_462).text, power(1e11).text
    ('6 × 10⁵', '10¹¹')
    """
    digit, _, exponent = f"{number:.0e}".partition("e")
    written = raised(10, int(exponent))
    return Figure(number, written if digit == "1" else f"{digit} × {written}")


def raised(base: object, exponent: int) -> str:
    """A power, written.

    >>> raised(2, 10)
    '2¹⁰'
    """
    return str(base) + str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def printed(figure: PublishedFigure) -> Figure:
    """A published figure, as printed."""
    return Figure(figure.value, figure.text)


def factors(row: LayerRow) -> str:
    """A convolution's multiply-adds as a product, as the lecture writes it: 28·28·128·1·1·256."""
    channels, height, width = row.output_shape
    kernel = row.kernel if isinstance(row.kernel, tuple) else (row.kernel, row.kernel)
    return "·".join(str(factor) for factor in (height, width, channels, *kernel, row.input_shape[0]))
