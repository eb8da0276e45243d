"""Paths through a residual net by length: how many there are, what gradient comes along one, and along all of them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from explorer import units
from explorer.figures import style
from explorer.figures.surgery import subject_name
from explorer.language import text
from explorer.surgery_results import PathGradients

_HEIGHT = 620
_WRITTEN_OUT = 1_000_000
"""Number of paths below which all its digits are said."""

_ALIKE = 2.0
"""Ratio of two gradients below which neither is called larger: single paths differ by far more."""

_POWERS = {"type": "log", "exponentformat": "power", "nticks": 5}


def path_lengths_data(paths: PathGradients) -> pd.DataFrame:
    """One row for each length: length, paths, along_one, tenth, ninetieth, sampled, paths_percent and gradient_percent.

    The shares are of all 2^n paths, and of the gradient of all lengths that have been measured.
    """
    counts, totals = _shares(paths)
    rows = [
        (one.length, float(one.paths), one.gradient, one.low, one.high, one.sampled, 100 * count, 100 * total)
        for one, count, total in zip(paths.lengths, counts, totals, strict=True)
    ]
    columns = ["length", "paths", "along_one", "tenth", "ninetieth", "sampled", "paths_percent", "gradient_percent"]
    return pd.DataFrame(rows, columns=columns)


def _shares(paths: PathGradients) -> tuple[list[float], list[float]]:
    """Of each length: its share of all paths, and of the gradient of what has been measured."""
    everything = 2**paths.blocks
    carried = sum(one.total for one in paths.lengths) or 1.0
    return [one.paths / everything for one in paths.lengths], [one.total / carried for one in paths.lengths]


def plot_path_lengths(paths: PathGradients, language: str = "en") -> go.Figure:
    """Three charts on one axis of length: number of paths, gradient along one, and the shares of paths and gradient.

    Args:
        paths: as far as it has been measured.
        language: of the words.
    """
    figure = make_subplots(rows=3, cols=1, shared_xaxes=True, vertical_spacing=0.05)
    figure.update_layout(template=style.template(), height=_HEIGHT)
    lengths = [one.length for one in paths.lengths]
    counts, totals = _shares(paths)
    reference = {"color": style.REFERENCE, "width": 2, "dash": "dash"}
    own = {"color": style.RESIDUAL, "width": 2}

    def add(row: int, values: Sequence[float | None], name: str, line: dict[str, object], **more: object) -> None:
        figure.add_scatter(
            **{"x": lengths, "y": values, "mode": "lines+markers", "line": line, "marker": {"size": 5}, **more},
            name=text(f"paths.{name}", language),
            hovertemplate="%{x}: %{y:.3~g}<extra>%{fullData.name}</extra>",
            row=row,
            col=1,
        )

    add(1, [float(one.paths) for one in paths.lengths], "count", {**own, "color": style.OTHER})
    band = {"mode": "lines", "showlegend": False, "fillcolor": "rgba(0, 114, 178, 0.18)"}
    add(2, [one.low or None for one in paths.lengths], "range", {"width": 0, "color": style.RESIDUAL}, **band)
    filled = {**band, "fill": "tonexty", "showlegend": True}
    add(2, [one.high or None for one in paths.lengths], "range", {"width": 0, "color": style.RESIDUAL}, **filled)
    add(2, [one.gradient or None for one in paths.lengths], "gradient", own)
    add(3, [100 * share for share in counts], "count_share", reference, marker={"size": 5, "symbol": "square"})
    # Drawn once all are there: before, it would be a share of what is not known yet.
    complete = len(paths.lengths) == paths.blocks + 1
    add(3, [100 * share for share in totals] if complete else [None] * len(totals), "total_share", own)
    figure.update_xaxes(range=[-0.5, paths.blocks + 0.5])
    figure.update_layout(
        xaxis3={"title": text("paths.axis.length", language)},
        yaxis={"title": text("paths.axis.count", language), **_POWERS},
        yaxis2={"title": text("paths.axis.gradient", language), **_POWERS},
        yaxis3={"title": text("paths.axis.share", language), "rangemode": "tozero"},
        showlegend=True,
        legend={"traceorder": "normal"},
        margin={"t": 56},
    )
    return figure


def describe_path_lengths(paths: PathGradients, language: str = "en") -> str:
    """How many paths there are, and up to which length half and 95 % of the gradient come; from the values."""
    everything = 2**paths.blocks
    values: dict[str, object] = {"net": subject_name(paths.subject, language), "blocks": paths.blocks}
    number = units.exact(everything) if everything < _WRITTEN_OUT else units.magnitude(everything)
    sentences = [text("caption.paths.count", language, paths=number, **values)]
    if len(paths.lengths) <= paths.blocks:
        return sentences[0]
    shortest, longest = paths.lengths[0].gradient, paths.lengths[-1].gradient
    if shortest and longest:
        ratio = max(shortest / longest, longest / shortest)
        key = "alike" if ratio < _ALIKE else "fades" if shortest > longest else "grows"
        times = units.magnitude(ratio)
        sentences.append(text(f"caption.paths.{key}", language, times=times, length=paths.blocks))
    counts, totals = _shares(paths)
    for wanted in (0.5, 0.95):
        at = next((index for index, share in enumerate(accumulate(totals)) if share >= wanted), None)
        if at is None:
            continue
        shares = {"length": at, "share": units.percent(sum(totals[: at + 1]))}
        sentences.append(text("caption.paths.up_to", language, **shares, paths=units.percent(sum(counts[: at + 1]))))
    carried = sum(one.total for one in paths.lengths)
    if paths.whole and carried:
        sentences.append(text("caption.paths.cancel", language, times=units.magnitude(carried / paths.whole)))
    return " ".join(sentences)
