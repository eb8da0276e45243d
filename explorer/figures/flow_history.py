"""What went through nets while they were trained: layer by step, on one colour scale for all of them."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from explorer.errors import ConfigError, join_or
from explorer.figures import style
from explorer.figures.net_titles import net_title
from explorer.flow_results import FlowRecord
from explorer.language import text
from explorer.units import exact, magnitude

HISTORY = ("update_ratio", "weight_gradient", "weight_norm", "activation_gradient", "std", "zeros", "dead")
"""What can be drawn; the first five on a logarithmic colour scale."""

_SHARES = ("zeros", "dead")
_COLOURS = "Cividis"
_HEAD_PX, _ROW_PX = 110, 250
_MOST_COLUMNS = 150
_ALIKE = 1.1

_Point = tuple[float, str, int]
"""Value, layer, step."""


def flow_history_data(records: Sequence[FlowRecord], quantity: str = "update_ratio") -> pd.DataFrame:
    """One row for each net, step and layer: run, net, step, layer, depth, shortcut, value."""
    rows = []
    for record in records:
        steps, values = record.of(_checked(quantity))
        for step, row in zip(steps, values, strict=True):
            for layer, value in zip(record.layers, row, strict=True):
                rows.append((record.run, record.net, step, layer.layer, layer.depth, layer.shortcut, value))
    return pd.DataFrame(rows, columns=["run", "net", "step", "layer", "depth", "shortcut", "value"])


def flow_history_summary(records: Sequence[FlowRecord], quantity: str = "update_ratio") -> pd.DataFrame:
    """One row for each net and layer: run, layer, its value at the first and the last step, the median, the largest."""
    data = flow_history_data(records, quantity).dropna(subset=["value"])
    groups = data.groupby(["run", "layer"], sort=False)["value"]
    return groups.agg(["first", "last", "median", "max"]).reset_index().rename(columns={"max": "largest"})


def plot_flow_history(records: Sequence[FlowRecord], quantity: str = "update_ratio", language: str = "en") -> go.Figure:
    """A heat map for each net, one below the other: steps along, layers of the main path down, one colour scale.

    Args:
        records: of one or several trainings; plain nets are drawn first.
        quantity: one of `HISTORY`.
        language: of the words.

    Raises:
        ConfigError: there is no such quantity, or no record.
    """
    _checked(quantity)
    if not records:
        raise ConfigError("records=0 is not possible: name one or more.", key="flow_no_records")
    ordered = _plain_first(records)
    figure = make_subplots(
        rows=len(ordered),
        cols=1,
        vertical_spacing=min(0.16, 0.3 / len(ordered)),
        subplot_titles=[history_name(record, language) for record in ordered],
        figure=style.figure(_HEAD_PX + _ROW_PX * len(ordered)),
    )
    end = max((record.steps[-1] for record in ordered if record.steps), default=1)
    for number, record in enumerate(ordered, start=1):
        steps, rows = record.of(quantity)
        every = -(-len(steps) // _MOST_COLUMNS) or 1  # of more columns a page sees nothing
        steps, rows = steps[::every], rows[::every]
        main = [at for at, layer in enumerate(record.layers) if not layer.shortcut]
        columns = [[_drawn(row[at], quantity) for row in rows] for at in main]  # a row of the map is a layer
        figure.add_heatmap(
            x=[step - 0.5 for step in (*steps, max(end, steps[-1] if steps else 0) + 1)],  # each until the next one
            y=[record.layers[at].depth for at in main],
            z=columns,
            customdata=[list(steps)] * len(main),
            coloraxis="coloraxis",
            hoverongaps=False,
            hovertemplate=text("history.hover", language, value=_hovered(quantity)) + "<extra></extra>",
            row=number,
            col=1,
        )
        figure.update_yaxes(title=text("history.axis.layer", language), autorange="reversed", row=number, col=1)
    figure.update_xaxes(range=[0.5, end + 0.5])
    figure.update_xaxes(title=text("history.axis.step", language), row=len(ordered), col=1)
    figure.update_layout(coloraxis=_colour_axis(ordered, quantity, language), margin={"t": 52, "r": 8})
    figure.update_annotations(font={"size": 13}, x=0, xanchor="left")
    return figure


def _colour_axis(records: Sequence[FlowRecord], quantity: str, language: str) -> dict[str, object]:
    bar: dict[str, object] = {
        "title": {"text": text(f"history.{quantity}", language), "side": "right"},
        "thickness": 14,
    }
    found = [_drawn(value, quantity) for value, _, _ in _points(records, quantity)]
    shown = [value for value in found if value is not None]
    low, high = (min(shown), max(shown)) if shown else (0.0, 1.0)
    if quantity in _SHARES:
        low, high = 0.0, 100.0
    else:
        ticks: list[float] = [*range(math.ceil(low), math.floor(high) + 1)] or [round(low, 1), round(high, 1)]
        every = max(1, len(ticks) // 6)
        bar |= {"tickvals": ticks[::every], "ticktext": [f"10<sup>{tick}</sup>" for tick in ticks[::every]]}
    return {"colorscale": _COLOURS, "cmin": low, "cmax": high, "colorbar": bar}


def describe_flow_history(records: Sequence[FlowRecord], quantity: str = "update_ratio", language: str = "en") -> str:
    """What the maps show, computed from them: how far the layers lie apart at first and at last, net against net."""
    _checked(quantity)
    sentences, middles = [], []
    for record in _plain_first(records):
        points = [point for point in _points([record], quantity) if point[0] > 0 or quantity in _SHARES]
        name = history_name(record, language)
        if not points:
            sentences.append(text("caption.history.nothing", language, net=name))
        elif quantity in _SHARES:
            value, layer, step = max(points)
            if not value:
                sentences.append(text("caption.history.none", language, net=name))
                continue
            values = {"value": f"{100 * value:.0f}", "layer": layer, "step": exact(step)}
            sentences.append(text("caption.history.highest", language, net=name, **values))
        else:
            middles.append((statistics.median(value for value, _, _ in points), name))
            sentences += [_spread(points, name, which, language) for which in ("first", "last")]
    if len(middles) > 1:
        high, low = max(middles), min(middles)
        if high[0] >= _ALIKE * low[0]:
            values = {"high": high[1], "low": low[1], "times": magnitude(high[0] / low[0])}
            sentences.append(text("caption.history.between", language, **values))
        else:
            sentences.append(text("caption.history.alike", language))
    costs = [record.overhead for record in records if record.overhead is not None]
    if quantity in ("activation_gradient", "std", *_SHARES) and costs:
        sentences.append(text("caption.history.cost", language, share=f"{100 * max(costs):.1f}"))
    return " ".join(sentences)


def _spread(points: Sequence[_Point], name: str, which: str, language: str) -> str:
    """Smallest and largest layer at the first or the last step."""
    step = (min if which == "first" else max)(step for _, _, step in points)
    there = [point for point in points if point[2] == step]
    (low, lowest, _), (high, highest, _) = min(there), max(there)
    values = {"net": name, "step": exact(step), "low": f"{low:.1e}", "high": f"{high:.1e}"}
    values |= {"lowest": lowest, "highest": highest, "times": magnitude(high / low)}
    return text(f"caption.history.{which}", language, **values)


def _points(records: Sequence[FlowRecord], quantity: str) -> list[_Point]:
    """What is drawn: the main path's values."""
    found = []
    for record in records:
        for step, row in zip(*record.of(quantity), strict=True):
            for layer, value in zip(record.layers, row, strict=True):
                if value is not None and not layer.shortcut:
                    found.append((value, layer.layer, step))
    return found


def _drawn(value: float | None, quantity: str) -> float | None:
    """To three digits: a map has thousands of values. A logarithmic scale has no 0."""
    if value is None or (value <= 0 and quantity not in _SHARES):
        return None
    return round(100 * value, 1) if quantity in _SHARES else round(math.log10(value), 3)


def _hovered(quantity: str) -> str:
    return "%{z:.1f} %" if quantity in _SHARES else "10<sup>%{z:.2f}</sup>"


def history_name(record: FlowRecord, language: str) -> str:
    """How a record is called: its net's title, and its run."""
    title = net_title(record.net, language)
    return text("flow.trained", language, net=title, weights=record.run) if record.run else title


def _plain_first(records: Sequence[FlowRecord]) -> list[FlowRecord]:
    return sorted(records, key=lambda record: style.net_colour(record.net.split()[0]) == style.RESIDUAL)


def _checked(quantity: str) -> str:
    if quantity not in HISTORY:
        said = f"quantity={quantity[:40]!r}"
        message = f"{said} is not possible: use {join_or(HISTORY)}."
        raise ConfigError(message, key="choice", said=said, accepted=join_or(HISTORY))
    return quantity
