"""Deletion and insertion: the probability of a class while its picture is taken away, and put back, by a map's order.

Petsiuk et al. 2018, arXiv 1806.07421, section 4.2 and figure 2. The control, a random order, is grey.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from explorer import units
from explorer.figures import style
from explorer.figures.saliency import method_name
from explorer.language import text
from explorer.saliency_check_results import PerturbationCurves

_HEIGHT = 400
_GAP = 0.1
_COLOURS = (style.RESIDUAL, style.PLAIN, style.VGG, style.OTHER)
_DASHES = ("solid", "dash", "dashdot", "longdash")
_SYMBOLS = ("circle", "square", "diamond", "cross")
_MOST_SQUARES = 1024
"""Of more squares it is said that they are single pixels."""

_MOST_AREAS = 2
"""Curves whose areas stand at the plot's lower axis; those of more are in the caption only, where there is room."""

_LITTLE_ROOM = 0.5
"""Of the whole picture's probability: where the baseline alone has more, there is little to lose."""

_COLUMNS = ["curve", "share_percent", "deletion", "insertion", "random_deletion", "random_insertion"]


def perturbation_curves_data(curves: Sequence[PerturbationCurves], names: Sequence[str] = ()) -> pd.DataFrame:
    """One row for each curve and share: the probabilities, those of the random orders in the mean.

    Args:
        curves: of one or several maps.
        names: what to call them; default: their methods.
    """
    parts = []
    for one, name in zip(curves, _names(curves, names, "en"), strict=True):
        means = one.random.mean(0), one.random_insertion.mean(0)
        columns = (name, 100 * one.shares, one.deletion, one.insertion, *means)
        parts.append(pd.DataFrame(dict(zip(_COLUMNS, columns, strict=True))))
    return pd.concat(parts, ignore_index=True).round(4) if parts else pd.DataFrame(columns=_COLUMNS)


def plot_perturbation_curves(
    curves: Sequence[PerturbationCurves], names: Sequence[str] = (), language: str = "en"
) -> go.Figure:
    """Deletion on the left, insertion on the right, on the same axes, with the areas under the curves.

    Args:
        curves: of one or several maps: several methods, or several nets.
        names: what to call them; default: their methods.
        language: `en` or `ko`.
    """
    figure = style.figure(_HEIGHT)
    labels = _names(curves, names, language)
    for panel, kind in enumerate(("deletion", "insertion")):
        suffix = "2" if panel else ""
        axes = {"xaxis": f"x{suffix}", "yaxis": f"y{suffix}"}
        for number, words in _controls(curves, labels, language).items():
            _add_control(figure, curves[number], kind, axes, words, "" if len(curves) == 1 else _COLOURS[number % 4])
        for number, (one, label) in enumerate(zip(curves, labels, strict=True)):
            figure.add_scatter(
                x=100 * one.shares,
                y=100 * getattr(one, kind),
                **axes,
                mode="lines+markers",
                name=label,
                legendgroup=str(number),
                showlegend=panel == 0,
                line={"color": _COLOURS[number % 4], "width": 2, "dash": _DASHES[number % 4]},
                marker={"size": 5, "symbol": _SYMBOLS[number % 4]},
                hovertemplate="%{x:.0f} %: %{y:.1f} %<extra>%{fullData.name}</extra>",
            )
        _lay_out(figure, curves, labels, panel, kind, language)
    # One below the other on a phone, they have room for the areas between them.
    figure.update_layout(showlegend=True, margin={"t": 56}, meta={"panels": 2, "between": 0.2})
    return figure


def _controls(curves: Sequence[PerturbationCurves], labels: Sequence[str], language: str) -> dict[int, str]:
    """Of which curves the random orders are drawn, and in which words: maps of one net may have them in common."""
    found: list[int] = []
    for number, one in enumerate(curves):
        if not any(np.array_equal(one.random, curves[other].random) for other in found):
            found.append(number)
    words = {}
    for number in found:
        rows, columns = curves[number].squares
        pixels = rows * columns > _MOST_SQUARES
        said = text(f"perturb.random.{'pixels' if pixels else 'squares'}", language, rows=rows, columns=columns)
        words[number] = said if len(found) == 1 else f"{said} ({labels[number]})"
    return words


def _add_control(
    figure: go.Figure, one: PerturbationCurves, kind: str, axes: dict[str, str], words: str, colour: str
) -> None:
    """The mean of the random orders, dotted, in a curve's colour; without one in grey, and all of them as a band."""
    control = one.random if kind == "deletion" else one.random_insertion  # (orders, n)
    common = {"x": 100 * one.shares, **axes, "mode": "lines", "legendgroup": words, "hoverinfo": "skip"}
    if not colour:
        for end, fill in ((control.min(0), "none"), (control.max(0), "tonexty")):
            figure.add_scatter(
                **common, y=100 * end, fill=fill, fillcolor=style.GRID, line={"width": 0}, showlegend=False
            )
    line = {"color": colour or style.REFERENCE, "width": 2, "dash": "dot"}
    said = {"hoverinfo": None, "hovertemplate": "%{x:.0f} %: %{y:.1f} %<extra>%{fullData.name}</extra>"}
    first = axes["xaxis"] == "x"
    figure.add_scatter(**{**common, **said}, y=100 * control.mean(0), name=words, line=line, showlegend=first)


def _lay_out(
    figure: go.Figure,
    curves: Sequence[PerturbationCurves],
    labels: Sequence[str],
    panel: int,
    kind: str,
    language: str,
) -> None:
    suffix = "2" if panel else ""
    middle = (1 - _GAP) / 2
    targets = {one.target_name or str(one.target) for one in curves}
    name = targets.pop() if len(targets) == 1 else text("perturb.its_class", language)
    # Below the axis, not in the plot, where curves go anywhere.
    areas = [
        text("perturb.area", language, curve=label, area=_share(getattr(one, f"{kind}_area")), random=_mean(one))
        for one, label in zip(curves, labels, strict=True)
        if len(curves) <= _MOST_AREAS
    ]
    figure.update_layout(
        {
            f"xaxis{suffix}": {
                "domain": [1 - middle, 1] if panel else [0, middle],
                "anchor": f"y{suffix}",
                "title": "<br>".join([text(f"perturb.axis.{kind}", language), *areas]),
                "range": [-2, 102],
            },
            f"yaxis{suffix}": {
                "anchor": f"x{suffix}",
                "title": text("perturb.axis.probability", language, name=name),
                "range": [0, 104],
            },
        }
    )


def describe_perturbation_curves(
    curves: Sequence[PerturbationCurves], names: Sequence[str] = (), language: str = "en"
) -> str:
    """Whether the maps' orders do more than random ones, with the areas; computed from the plotted values."""
    sentences = []
    for one, label in zip(curves, _names(curves, names, language), strict=True):
        name = one.target_name or str(one.target)
        low, high = min(one.random_areas), max(one.random_areas)
        values: dict[str, object] = {"curve": label, "name": name, "orders": len(one.random)}
        values |= {"low": _share(low), "high": _share(high)}
        for kind, area in (("deletion", one.deletion_area), ("insertion", one.insertion_area)):
            better, worse = (area < low, area > high) if kind == "deletion" else (area > high, area < low)
            verdict = "sooner" if better else "later" if worse else "alike"
            sentences.append(text(f"perturb.{kind}.{verdict}", language, **values, area=_share(area)))
        ends = {"whole": units.percent(one.whole), "emptied": units.percent(one.emptied)}
        sentences.append(text(f"perturb.ends.{one.baseline}", language, **values, **ends))
        if one.emptied > _LITTLE_ROOM * one.whole:
            sentences.append(text("perturb.little", language))
    if sentences:
        sentences.append(text("perturb.claim", language))
    return " ".join(sentences)


def _names(curves: Sequence[PerturbationCurves], names: Sequence[str], language: str) -> list[str]:
    return list(names) or [method_name(one.method, language) for one in curves]


def _mean(one: PerturbationCurves) -> str:
    return _share(float(np.mean(one.random_areas)))


def _share(area: float) -> str:
    return f"{area:.3f}"
