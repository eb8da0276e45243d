"""Where a net's parameters, multiply-adds and activation memory are: three charts over one axis."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from explorer import units
from explorer.figures import style
from explorer.figures.steps import steps
from explorer.language import operation_name, text
from explorer.results import LayerTable

_MEASURES = ("params", "macs", "activation_bytes")


def layer_costs_data(table: LayerTable) -> pd.DataFrame:
    """One row a step: number, path, op, block, shape, params, macs, activation_bytes."""
    return pd.DataFrame(
        [
            {
                "number": step.number,
                "path": step.path,
                "op": step.op,
                "block": step.block,
                "shape": units.shape(step.output_shape),
                "params": step.params,
                "macs": step.macs,
                "activation_bytes": step.activation_bytes,
            }
            for step in steps(table)
        ]
    )


def plot_layer_costs(net: LayerTable | pd.DataFrame, language: str = "en") -> go.Figure:
    """Three bar charts, one above the other, sharing the axis of layers from input to output.

    Args:
        net: a layer table, or what `layer_costs_data` gave of one.
        language: `en` or `ko`.
    """
    data = _data(net)
    figure = style.figure(430)
    shown = {
        "params": [units.count(value) for value in data["params"]],
        "macs": [units.count(value) for value in data["macs"]],
        "activation_bytes": [units.size(value) for value in data["activation_bytes"]],
    }
    for index, measure in enumerate(_MEASURES, start=1):
        axis = "" if index == 1 else str(index)
        for op in data["op"].unique():
            part = data[data["op"] == op]
            figure.add_bar(
                x=part["number"],
                y=part[measure],
                xaxis="x",
                yaxis=f"y{axis}",
                name=operation_name(op, language),
                legendgroup=op,
                width=0.86,
                showlegend=index == 1,
                marker={
                    "color": style.OPERATIONS.get(op, style.OTHER),
                    "line": {"width": 0},
                    "pattern": {"shape": style.PATTERNS.get(op, ""), "solidity": 0.4, "size": 5},
                },
                customdata=list(zip(part["path"], part["shape"], [shown[measure][i] for i in part.index], strict=True)),
                hovertemplate="<b>%{customdata[0]}</b><br>%{customdata[1]}<br>%{customdata[2]}<extra></extra>",
            )
    tops = ((0.71, 1.0), (0.36, 0.64), (0.0, 0.29))
    for index, (measure, domain) in enumerate(zip(_MEASURES, tops, strict=True), start=1):
        settings = {
            "domain": domain,
            "title": {"text": text(f"figure.costs.{measure}", language), "font": {"size": 12}},
            "rangemode": "tozero",
            "nticks": 4,
            "anchor": "x",
            "tickformat": "~s",
            "ticksuffix": "B" if measure == "activation_bytes" else "",
        }
        figure.update_layout({f"yaxis{'' if index == 1 else index}": settings})
    figure.update_layout(
        barmode="overlay",
        xaxis={
            "title": text("figure.axis.layer", language),
            "anchor": "y3",
            "range": [0.4, len(data) + 0.6],
            "showgrid": False,
        },
        margin={"t": 36},
    )
    return figure


def _data(net: LayerTable | pd.DataFrame) -> pd.DataFrame:
    return layer_costs_data(net) if isinstance(net, LayerTable) else net


def describe_layer_costs(net: LayerTable | pd.DataFrame, language: str = "en") -> str:
    """What the charts show, in sentences computed from the plotted values."""
    data = _data(net)
    if data.empty:
        return ""
    half = len(data) // 2
    sentences = []
    for measure in _MEASURES:
        total = data[measure].sum()
        if not total:
            continue
        first = data[measure].iloc[:half].sum() / total
        where = "first" if first >= 0.5 else "second"
        largest = data.iloc[int(data[measure].to_numpy().argmax())]
        sentences.append(
            text(
                f"caption.costs.{measure}.{where}",
                language,
                share=units.percent(max(first, 1 - first)),
                layer=largest["path"],
                most=units.percent(largest[measure] / total),
            )
        )
    return " ".join(sentences)
