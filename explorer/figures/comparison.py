"""Two nets beside each other: their totals as ratios, and their running sums layer by layer."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pandas as pd
import plotly.graph_objects as go

from explorer import units
from explorer.errors import ExplorerError
from explorer.figures import style
from explorer.figures.steps import steps
from explorer.language import text
from explorer.results import LayerTable

_RATIO_TICKS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100]
_MEASURES = ("params", "macs", "activation_bytes", "weight_layers")
_DASHES = ("solid", "dash", "dot", "dashdot", "8px,3px")

Nets = Mapping[str, LayerTable]
"""Layer tables, each under the name to show."""


def totals_data(a: LayerTable, b: LayerTable) -> pd.DataFrame:
    """One row a quantity: quantity, a, b, ratio (b / a)."""
    rows = []
    for measure in _MEASURES:
        of_a, of_b = getattr(a.totals, measure), getattr(b.totals, measure)
        rows.append({"quantity": measure, "a": of_a, "b": of_b, "ratio": of_b / of_a if of_a else None})
    return pd.DataFrame(rows)


def plot_totals(nets: Nets | pd.DataFrame, a: str = "", b: str = "", language: str = "en") -> go.Figure:
    """How many times as much of each the second net has as the first, on a log axis around 1.

    Args:
        nets: two layer tables by name, or what `totals_data` gave of them.
        a: name of the first net; default: as in `nets`.
        b: name of the second net; default: as in `nets`.
        language: `en` or `ko`.

    Raises:
        ExplorerError: `nets` are not two.
    """
    data, a, b = _pair(nets, a, b, language)
    known = data.dropna(subset=["ratio"]).iloc[::-1]
    figure = style.figure(250)
    more = known["ratio"] >= 1
    figure.add_bar(
        y=[text(f"quantity.{quantity}", language) for quantity in known["quantity"]],
        x=known["ratio"] - 1,
        base=1,
        orientation="h",
        marker={
            "color": [style.PLAIN if up else style.RESIDUAL for up in more],
            "pattern": {"shape": ["/" if up else "" for up in more], "solidity": 0.4},
        },
        text=[f"× {ratio:.3g}" for ratio in known["ratio"]],
        textposition="outside",
        cliponaxis=False,
        customdata=[
            [_written(quantity, a_value), _written(quantity, b_value)]
            for quantity, a_value, b_value in zip(known["quantity"], known["a"], known["b"], strict=True)
        ],
        hovertemplate=f"{a}: %{{customdata[0]}}<br>{b}: %{{customdata[1]}}<extra></extra>",
        showlegend=False,
    )
    lowest, highest = min([0.5, *known["ratio"]]), max([2.0, *known["ratio"]])
    figure.update_layout(
        xaxis={
            "type": "log",
            "title": text("figure.axis.ratio", language, a=a, b=b),
            "range": [math.log10(lowest) - 0.2, math.log10(highest) + 0.2],
            "tickvals": _RATIO_TICKS,
            "ticktext": [f"× {tick:g}" for tick in _RATIO_TICKS],
        },
        yaxis={"showgrid": False, "ticks": ""},
        margin={"t": 12},
    )
    figure.add_vline(x=1, line={"color": style.REFERENCE, "width": 1.5})
    return figure


def _written(quantity: str, value: float) -> str:
    return units.size(value) if quantity.endswith("bytes") else units.count(value)


def _pair(nets: Nets | pd.DataFrame, a: str, b: str, language: str) -> tuple[pd.DataFrame, str, str]:
    """The data of two nets, and what to call them."""
    if isinstance(nets, pd.DataFrame):
        return nets, a or text("column.a", language), b or text("column.b", language)
    if len(nets) != 2:
        raise ExplorerError(f"{len(nets)} nets are given: give two, as {{name: layer table}}.")
    (name_a, table_a), (name_b, table_b) = nets.items()
    return totals_data(table_a, table_b), a or name_a, b or name_b


def describe_totals(nets: Nets | pd.DataFrame, a: str = "", b: str = "", language: str = "en") -> str:
    """What the chart shows, in a sentence computed from the plotted values."""
    data, a, b = _pair(nets, a, b, language)
    known = data.dropna(subset=["ratio"])
    apart = known[(known["ratio"] - 1).abs() > 0.005]
    if apart.empty:
        return text("caption.totals.same", language, a=a, b=b)
    parts = [
        text(
            "caption.totals.more" if ratio > 1 else "caption.totals.less",
            language,
            ratio=f"{ratio:.3g}",
            what=text(f"quantity.{quantity}", language),
        )
        for quantity, ratio in zip(apart["quantity"], apart["ratio"], strict=True)
    ]
    return text("caption.totals.differs", language, a=a, b=b, parts=", ".join(parts))


def running_data(tables: Nets) -> pd.DataFrame:
    """Running sums by weight layer of the main path: net, number, path, macs, params."""
    rows = []
    for name, table in tables.items():
        number = macs = params = 0
        for step in steps(table):
            macs += step.macs
            params += step.params
            if step.op in {"conv", "linear"} and not step.parallel:
                number += 1
                rows.append({"net": name, "number": number, "path": step.path, "macs": macs, "params": params})
    return pd.DataFrame(rows)


def plot_running(
    nets: Nets | pd.DataFrame, colours: Mapping[str, str] | None = None, language: str = "en"
) -> go.Figure:
    """Multiply-adds done up to each weight layer, one line a net.

    Args:
        nets: layer tables by name, or what `running_data` gave of them.
        colours: colour of each net; default: its family's, the deeper the darker.
        language: `en` or `ko`.
    """
    data = _running(nets)
    if colours is None:
        colours = {} if isinstance(nets, pd.DataFrame) else _colours(nets)
    figure = style.figure(300)
    for index, (name, part) in enumerate(data.groupby("net", sort=False)):
        figure.add_scatter(
            x=part["number"],
            y=part["macs"],
            mode="lines",
            name=str(name),
            line={
                "color": colours.get(str(name)),
                "width": 2.5,
                "dash": _DASHES[index % len(_DASHES)],
                "shape": "hv",
            },
            customdata=[[path, units.macs(macs)] for path, macs in zip(part["path"], part["macs"], strict=True)],
            hovertemplate="<b>%{customdata[0]}</b><br>%{customdata[1]} MACs<extra></extra>",
        )
    figure.update_layout(
        xaxis={"title": text("figure.axis.weight_layer", language), "rangemode": "tozero"},
        yaxis={"title": text("figure.axis.running", language), "rangemode": "tozero", "tickformat": "~s"},
    )
    return figure


def _running(nets: Nets | pd.DataFrame) -> pd.DataFrame:
    return nets if isinstance(nets, pd.DataFrame) else running_data(nets)


def _colours(nets: Nets) -> dict[str, str]:
    """Each net's colour; nets of one family share its hue."""
    families: dict[str, list[str]] = {}
    for name, table in nets.items():
        arch = table.name if table.config is None else table.config.arch
        families.setdefault(style.net_colour(arch), []).append(name)
    chosen: dict[str, str] = {}
    for colour, names in families.items():
        by_depth = sorted(names, key=lambda name: nets[name].totals.weight_layers)
        chosen.update(zip(by_depth, style.shades(colour, len(names)), strict=True))
    return chosen


def describe_running(nets: Nets | pd.DataFrame, language: str = "en") -> str:
    """Where each net has done half of its work, computed from the plotted values."""
    data = _running(nets)
    sentences = []
    for name, part in data.groupby("net", sort=False):
        total = part["macs"].iloc[-1]
        if not total:
            continue
        at = part[part["macs"] >= total / 2].iloc[0]
        share = units.percent(at["number"] / len(part))
        sentences.append(text("caption.running", language, net=name, layer=at["path"], share=share))
    return " ".join(sentences)
