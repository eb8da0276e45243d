"""The net as a row of slabs from input to output, its shortcuts drawn as arcs above them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd
import plotly.graph_objects as go

from explorer import units
from explorer.figures import style
from explorer.figures.steps import Step, steps
from explorer.language import operation_name, text
from explorer.results import LayerTable

_ARC_POINTS = 13
_SHORTCUTS = {
    "identity": {"color": style.RESIDUAL, "width": 1.6},
    "padding": {"color": style.RESIDUAL, "width": 2, "dash": "dot"},
    "projection": {"color": style.PLAIN, "width": 2.2, "dash": "dash"},
}


@dataclass(frozen=True)
class Arc:
    """A shortcut from before the step `start` to the addition at `end`, both numbers of slabs."""

    start: int
    end: int
    kind: str
    block: str


def diagram_data(table: LayerTable) -> tuple[pd.DataFrame, tuple[Arc, ...]]:
    """The slabs on the main path (one row each) and the shortcuts over them.

    Columns: x, path, op, block, stage, shape, side (px), channels. What lies on a shortcut or in a gate is no slab.
    """
    kinds = {block.path: block.kind for block in table.blocks}
    shown = [step for step in steps(table) if not step.parallel and step.op not in {"pad"}]
    rows = [
        {
            "x": x,
            "path": step.path,
            "op": step.op,
            "block": step.block,
            "stage": _stage(step),
            "shape": units.shape(step.output_shape),
            "side": step.output_shape[-1] if len(step.output_shape) == 3 else 1,
            "channels": step.output_shape[0],
        }
        for x, step in enumerate(shown, start=1)
    ]
    data = pd.DataFrame(rows)
    arcs = []
    for block, part in data.groupby("block", sort=False):
        kind = kinds.get(str(block), "")
        if kind in _SHORTCUTS and (part["op"] == "add").any():
            arcs.append(Arc(int(part["x"].min()), int(part["x"].max()), kind, str(block)))
    return data, tuple(arcs)


def _stage(step: Step) -> str:
    """Steps of one stage share their resolution; the name is `56 × 56`, or nothing where there are no positions."""
    if len(step.output_shape) != 3:
        return ""
    return f"{step.output_shape[1]} × {step.output_shape[2]}"


def plot_diagram(net: LayerTable | pd.DataFrame, arcs: tuple[Arc, ...] = (), language: str = "en") -> go.Figure:
    """Slabs as high as the feature map's side (on a log scale), coloured by operation; arcs for shortcuts.

    Args:
        net: a layer table, which brings its arcs along, or the slabs that `diagram_data` gave of one.
        arcs: the arcs that `diagram_data` gave with the slabs.
        language: `en` or `ko`.
    """
    data, arcs = diagram_data(net) if isinstance(net, LayerTable) else (net, arcs)
    figure = style.figure(300)
    height = [math.log2(side) + 1 for side in data["side"]]
    for op in data["op"].unique():
        mask = data["op"] == op
        part = data[mask]
        tall = [value for value, keep in zip(height, mask, strict=True) if keep]
        figure.add_bar(
            x=part["x"],
            y=tall,
            base=[-value / 2 for value in tall],
            width=[0.55 if op == "add" else 0.82] * len(part),
            name=operation_name(op, language),
            marker={
                "color": style.OPERATIONS.get(op, style.OTHER),
                "line": {"width": 0},
                "pattern": {"shape": style.PATTERNS.get(op, ""), "solidity": 0.4, "size": 5},
            },
            customdata=part[["path", "shape"]].to_numpy(),
            hovertemplate="<b>%{customdata[0]}</b><br>%{customdata[1]}<extra></extra>",
        )
    top = max(height) / 2
    for kind, line in _SHORTCUTS.items():
        chosen = [arc for arc in arcs if arc.kind == kind]
        if chosen:
            figure.add_scatter(
                **_arc_points(chosen, dict(zip(data["x"], height, strict=True)), top),
                mode="lines",
                line=line,
                name=text(f"block.{kind}", language),
                hovertemplate="<b>%{text}</b><extra></extra>",
            )
    first_label = True
    for stage, part in data[data["stage"] != ""].groupby("stage", sort=False):
        if len(part) * 28 > len(data):  # else the name would not fit under its slabs
            figure.add_annotation(
                x=(part["x"].min() + part["x"].max()) / 2,
                y=-top - 0.4,
                text=units.pixels(int(str(stage).split(" ")[0])) if first_label else str(stage).split(" ")[0],
                showarrow=False,
                yanchor="top",
                font={"size": 11},
            )
            first_label = False
    figure.update_layout(
        barmode="overlay",
        xaxis={
            "title": text("figure.axis.diagram", language),
            "showgrid": False,
            "range": [0, len(data) + 1],
            "showticklabels": False,
            "ticks": "",
        },
        yaxis={"visible": False, "range": [-top - 1.4, top * 1.75 if arcs else top + 0.6]},
        margin={"l": 16, "r": 16, "b": 40},
    )
    return figure


def _arc_points(arcs: list[Arc], height: dict[int, float], top: float) -> dict[str, list[object]]:
    """Half ellipses, one line with gaps for all arcs of a kind."""
    x: list[object] = []
    y: list[object] = []
    names: list[object] = []
    for arc in arcs:
        left, right = arc.start - 0.5, float(arc.end)
        foot = max(height[at] for at in range(arc.start, arc.end + 1)) / 2 + 0.12
        rise = top * 0.55
        for point in range(_ARC_POINTS):
            angle = math.pi * (1 - point / (_ARC_POINTS - 1))
            x.append((left + right) / 2 + (right - left) / 2 * math.cos(angle))
            y.append(foot + rise * math.sin(angle))
            names.append(arc.block)
        x.append(None)
        y.append(None)
        names.append(None)
    return {"x": x, "y": y, "text": names}


def describe_diagram(net: LayerTable | pd.DataFrame, arcs: tuple[Arc, ...] = (), language: str = "en") -> str:
    """What the diagram shows, in sentences computed from the drawn values."""
    data, arcs = diagram_data(net) if isinstance(net, LayerTable) else (net, arcs)
    convolutions = int((data["op"] == "conv").sum())
    linear = int((data["op"] == "linear").sum())
    spatial = data[data["side"] > 1] if (data["side"] > 1).any() else data
    values = {
        "convolutions": convolutions,
        "linear": linear,
        "first_side": int(spatial["side"].iloc[0]),
        "last_side": int(spatial["side"].iloc[-1]),
        "first_channels": int(spatial["channels"].iloc[0]),
        "last_channels": int(spatial["channels"].iloc[-1]),
    }
    sentences = [text("caption.diagram.shape", language, **values)]
    space = values["last_side"] - values["first_side"]
    channels = values["last_channels"] - values["first_channels"]
    if space < 0 < channels:
        sentences.append(text("caption.diagram.narrows", language))
    elif channels < 0 < space:
        sentences.append(text("caption.diagram.widens", language))
    if arcs:
        counts = {kind: sum(arc.kind == kind for arc in arcs) for kind in _SHORTCUTS}
        named = [f"{count} × {text(f'block.{kind}', language)}" for kind, count in counts.items() if count]
        sentences.append(text("caption.diagram.shortcuts", language, count=len(arcs), kinds=", ".join(named)))
    else:
        sentences.append(text("caption.diagram.no_shortcuts", language))
    return " ".join(sentences)
