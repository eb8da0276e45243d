"""How the receptive field grows with depth."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from explorer import units
from explorer.figures import style
from explorer.figures.steps import steps
from explorer.language import text
from explorer.results import LayerTable, Size


def field_growth_data(table: LayerTable) -> pd.DataFrame:
    """One row for each step on the main path whose units have a bounded field.

    Columns: number, path, op, size (px), min_size (px, of the smallest path), stride (px), shape.
    """
    rows = []
    for step in steps(table):
        field = step.receptive_field
        if step.parallel or field is None or len(step.output_shape) != 3:
            continue
        if field.is_global and field.min_size is None:
            continue
        rows.append(
            {
                "number": step.number,
                "path": step.path,
                "op": step.op,
                "size": None if field.size is None else _side(field.size),
                "min_size": None if field.min_size is None else _side(field.min_size),
                "stride": None if field.stride is None else float(_side_of_stride(field.stride)),
                "shape": units.shape(step.output_shape),
            }
        )
    return pd.DataFrame(rows, columns=["number", "path", "op", "size", "min_size", "stride", "shape"])


def _side(size: Size) -> int:
    return size if isinstance(size, int) else max(size)


def _side_of_stride(stride: float | tuple[float, float]) -> float:
    return max(stride) if isinstance(stride, tuple) else stride


def plot_field_growth(
    net: LayerTable | pd.DataFrame, arch: str | None = None, image_size: int | None = None, language: str = "en"
) -> go.Figure:
    """The field's side by layer: through all layers, and on the smallest path where shortcuts leave one.

    Args:
        net: a layer table, or what `field_growth_data` gave of one.
        arch: the net, for its colour; default: the layer table's own.
        image_size: side of the picture in pixels, drawn as the reference; default: the layer table's own, and none
            with data alone.
        language: `en` or `ko`.
    """
    data, arch, image_size = _data(net, arch, image_size)
    figure = style.figure(330)
    colour = style.net_colour(arch or "")
    hover = "<b>%{customdata[0]}</b><br>%{customdata[1]}<br>%{y} px<extra></extra>"
    custom = data[["path", "shape"]].to_numpy()
    figure.add_scatter(
        x=data["number"],
        y=data["size"],
        mode="lines+markers" if len(data) < 60 else "lines",
        line={"color": colour, "width": 2.5, "shape": "hv"},
        marker={"size": 6},
        name=text("figure.field.largest", language),
        customdata=custom,
        hovertemplate=hover,
    )
    # Within a block the smallest path is the branch's own; where blocks end, the shortcuts'.
    ends = data[(data["op"] == "add") | ~data["op"].eq("add").cummax()]
    if (ends["size"] != ends["min_size"]).any():
        figure.add_scatter(
            x=ends["number"],
            y=ends["min_size"],
            mode="lines",
            line={"color": colour, "width": 2, "dash": "dash", "shape": "hv"},
            name=text("figure.field.smallest", language),
            customdata=ends[["path", "shape"]].to_numpy(),
            hovertemplate=hover,
        )
    if image_size is not None:
        figure.add_hline(
            y=image_size,
            line={"color": style.REFERENCE, "dash": "dot", "width": 1.5},
            annotation={
                "text": text("figure.field.picture", language, size=units.pixels(image_size)),
                "font": {"size": 12},
            },
            annotation_position="top left",
        )
    highest = max([image_size or 1, *data["size"].dropna()])
    figure.update_layout(
        xaxis={"title": text("figure.axis.layer", language), "rangemode": "tozero"},
        yaxis={"title": text("figure.axis.field", language), "range": [0, highest * 1.1]},
    )
    return figure


def _data(
    net: LayerTable | pd.DataFrame, arch: str | None, image_size: int | None
) -> tuple[pd.DataFrame, str | None, int | None]:
    """What is not given is a layer table's own."""
    if not isinstance(net, LayerTable):
        return net, arch, image_size
    own = net.name if net.config is None else net.config.arch
    return field_growth_data(net), arch or own, image_size or max(net.input_shape[-2:])


def describe_field_growth(net: LayerTable | pd.DataFrame, image_size: int | None = None, language: str = "en") -> str:
    """What the chart shows, in sentences computed from the plotted values."""
    data, _, image_size = _data(net, None, image_size)
    known = data.dropna(subset=["size"])
    if known.empty:
        last = data["min_size"].dropna()
        if last.empty:
            return ""
        return text("caption.field.gated", language, smallest=units.pixels(int(last.iloc[-1])))
    first, last = known.iloc[0], known.iloc[-1]
    values = {
        "first": units.pixels(int(first["size"])),
        "last": units.pixels(int(last["size"])),
        "steps": len(known),
    }
    trend = "grows" if last["size"] > first["size"] else "shrinks" if last["size"] < first["size"] else "constant"
    sentences = [text(f"caption.field.{trend}", language, **values)]
    if image_size is not None:
        picture, covering = units.pixels(image_size), known[known["size"] >= image_size]
        if covering.empty:
            share = units.percent((float(known["size"].max()) / image_size) ** 2)
            sentences.append(text("caption.field.never_covers", language, share=share, picture=picture))
        else:
            layer = covering.iloc[0]["path"]
            sentences.append(text("caption.field.covers", language, layer=layer, picture=picture))
    if last["min_size"] != last["size"]:
        smallest = units.pixels(int(last["min_size"]))
        sentences.append(text("caption.field.smallest", language, smallest=smallest))
    if len(known) < len(data):
        sentences.append(text("caption.field.then_global", language))
    return " ".join(sentences)
