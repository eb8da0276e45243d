"""Published figures: read from the data files beside this one, frozen, each with its source. No torch here.

A figure keeps the digits that were printed, so that a count made here can be compared at the precision that the
paper gives. What is measured here and what a paper published must never look alike: these are the published ones.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

from explorer.catalog import OPTION_CHOICES, find_entry
from explorer.config import ModelConfig
from explorer.errors import UnknownNameError

_SCALES = {"": 1.0, "%": 1.0, "M": 1e6, "G": 1e9, "MB": 1e6}
_FILES = ("vgg", "resnet", "identity", "lecture", "torchvision")


@dataclass(frozen=True)
class Paper:
    """Where figures come from.

    Attributes:
        key: short key, the name of its data file.
        short: how a claim cites it, as in `VGG, table 3`.
        authors: surnames.
        title: full title.
        venue: where it was presented.
        year: of its first version; None for what is no paper.
        arxiv: its number there, or None.
    """

    key: str
    short: str
    authors: str
    title: str
    venue: str
    year: int | None
    arxiv: str | None

    @property
    def citation(self) -> str:
        """One line with all that is needed to find it."""
        parts = [self.authors, str(self.year) if self.year else "", self.title, self.venue]
        if self.arxiv:
            parts.append(f"arXiv {self.arxiv}")
        return ". ".join(part for part in parts if part)


@dataclass(frozen=True)
class PublishedFigure:
    """One number as it was printed.

    Attributes:
        paper: its source.
        where: table or section there.
        net: the net as the source writes it.
        arch: the catalog's name of that net, or None where it has none.
        options: in what the net differs from the catalog's defaults, as (option, value).
        quantity: `params`, `macs`, `top1_error`, `top5_error`, `error`, ...
        printed: the digits.
        unit: `M`, `G`, `%`, `MB` or nothing.
        dataset: on which pictures, for errors.
        protocol: how it was tested.
        note: what a reader has to know, as where sources disagree.
    """

    paper: Paper
    where: str
    net: str
    arch: str | None
    options: tuple[tuple[str, Any], ...] = field(default=())
    quantity: str = ""
    printed: str = ""
    unit: str = ""
    dataset: str = ""
    protocol: str = ""
    note: str = ""

    @property
    def value(self) -> float:
        """The number without its prefix: 138 M is 138e6; percentages stay percentages."""
        return float(self.printed) * _SCALES[self.unit]

    @property
    def text(self) -> str:
        """As printed, with its unit."""
        return f"{self.printed} {self.unit}".strip()

    @property
    def source(self) -> str:
        """How a claim cites it: `VGG, table 3`."""
        return f"{self.paper.short}, {self.where}"

    @property
    def config(self) -> ModelConfig | None:
        """The net as a configuration, or None where the catalog has none."""
        return None if self.arch is None else ModelConfig(self.arch, **dict(self.options))

    def agrees_with(self, measured: float) -> bool:
        """Whether `measured`, rounded as the figure is, gives what was printed.

        >>> [params] = published("vgg_d", "params", paper="vgg")
        >>> params.text, params.agrees_with(138_357_544), params.agrees_with(139_000_000)
        ('138 M', True, False)
        """
        decimals = len(self.printed.partition(".")[2])
        return round(measured / _SCALES[self.unit], decimals) == float(self.printed)


def published(
    net: str | ModelConfig, quantity: str | None = None, *, paper: str | None = None
) -> tuple[PublishedFigure, ...]:
    """What was published about a net of the catalog, in the order of the sources.

    Args:
        net: a name gives the figures of all its variants; a configuration only those of that very net (its seed and
            initial weights aside).
        quantity: only this one, such as `params` or `top1_error`.
        paper: only of this source, by its key.

    Raises:
        UnknownNameError: no net or source has that name.

    >>> [figure.text for figure in published("resnet56", "error")]
    ['6.97 %']
    """
    if paper is not None and paper not in papers():
        raise UnknownNameError("paper", paper, papers())
    config = _as_published(net) if isinstance(net, ModelConfig) else None
    arch = net.arch if isinstance(net, ModelConfig) else find_entry(net).name
    return tuple(
        figure
        for figure in all_figures()
        if figure.arch == arch
        and quantity in (None, figure.quantity)
        and paper in (None, figure.paper.key)
        and (config is None or figure.config == config)
    )


def _as_published(config: ModelConfig) -> ModelConfig:
    return config.replace(seed=0, init="he", **({"zero_init_last_bn": False} if config.zero_init_last_bn else {}))


@cache
def papers() -> dict[str, Paper]:
    """All sources by key."""
    return {
        row["key"]: Paper(
            **{**row, "year": int(row["year"]) if row["year"] else None, "arxiv": row["arxiv"] or None}  # type: ignore[arg-type]
        )
        for row in _rows("papers")
    }


@cache
def all_figures() -> tuple[PublishedFigure, ...]:
    """Every published figure, in the order of the sources and their tables."""
    return tuple(_figure(row) for name in _FILES for row in _rows(name))


def _figure(row: dict[str, str]) -> PublishedFigure:
    return PublishedFigure(
        paper=papers()[row["paper"]],
        where=row["where"],
        net=row["net"],
        arch=row["arch"] or None,
        options=tuple(_option(text) for text in row["options"].split(";") if text),
        quantity=row["quantity"],
        printed=row["printed"],
        unit=row["unit"],
        dataset=row["dataset"],
        protocol=row["protocol"],
        note=row["note"],
    )


def _option(text: str) -> tuple[str, Any]:
    name, _, value = text.partition("=")
    if name not in OPTION_CHOICES:
        raise UnknownNameError("option", name, OPTION_CHOICES)
    return name, value


def _rows(name: str) -> Iterator[dict[str, str]]:
    text = (files("explorer.papers") / "data" / f"{name}.csv").read_text(encoding="utf-8")
    return csv.DictReader(text.splitlines())
