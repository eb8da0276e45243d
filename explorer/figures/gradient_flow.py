"""Signal and gradient by depth, several nets on one pair of axes."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go

from explorer.errors import ConfigError, join_or
from explorer.figures import style
from explorer.figures.net_titles import net_title
from explorer.flow_results import GradientFlow, LayerFlow
from explorer.language import text
from explorer.units import magnitude, percent

QUANTITIES = ("weight_gradient", "activation_gradient", "relative_gradient", "std", "mean", "zeros", "dead")
"""What can be drawn; the norms and deviations on a logarithmic axis."""

NEED_LABELS = ("weight_gradient", "activation_gradient", "relative_gradient")
"""Of these there is nothing where a trained net's own data is not at hand: no labels, no loss, no gradient."""

_LOGARITHMIC = ("weight_gradient", "activation_gradient", "relative_gradient", "std")
_FIELDS = ("layer", "depth", "shortcut", "weight_norm", *QUANTITIES)
_DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
_SYMBOLS = ("circle", "square", "diamond", "cross", "x", "triangle-up")
_HEIGHT = 440
_ALIKE = 1.1
"""Ratio below which two values are not told apart in words."""

_NO_MEAN = 1e-4
"""Below it a mean is what rounding left of 0, where batch norm has taken it away."""


def flow_data(flows: Sequence[GradientFlow]) -> pd.DataFrame:
    """One row for each net and layer: net, weights, layer, depth, shortcut, weight_norm and every quantity."""
    rows = [
        (flow.net, flow.weights, *(getattr(layer, name) for name in _FIELDS)) for flow in flows for layer in flow.layers
    ]
    return pd.DataFrame(rows, columns=["net", "weights", *_FIELDS])


def plot_flow(flows: Sequence[GradientFlow], quantity: str = "weight_gradient", language: str = "en") -> go.Figure:
    """One quantity along the main path of each net; shortcuts' projections are left to the table.

    Args:
        flows: of the nets, on one batch.
        quantity: one of `QUANTITIES`.
        language: of the words.

    Raises:
        ConfigError: there is no such quantity.
    """
    if quantity not in QUANTITIES:
        said = f"quantity={quantity[:40]!r}"
        message = f"{said} is not possible: use {join_or(QUANTITIES)}."
        raise ConfigError(message, key="choice", said=said, accepted=join_or(QUANTITIES))
    figure = style.figure(_HEIGHT)
    for number, flow in enumerate(flows):
        layers = [layer for layer in flow.main_path if getattr(layer, quantity) is not None]
        if not layers:
            continue  # the words say why
        figure.add_scatter(
            x=[layer.depth for layer in layers],
            y=[_drawn(layer, quantity) for layer in layers],
            mode="lines+markers",
            name=flow_name(flow, language),
            line={"color": _colours(flows)[number], "width": 2, "dash": _DASHES[number % len(_DASHES)]},
            marker={"size": 5, "symbol": _SYMBOLS[number % len(_SYMBOLS)]},
            customdata=[layer.layer for layer in layers],
            hovertemplate="%{customdata}: %{y:.3~g}<extra>%{fullData.name}</extra>",
        )
    title = text(f"flow.axis.{quantity}", language)
    axis: dict[str, object] = {"title": title}
    if quantity in _LOGARITHMIC:
        title = text("figure.axis.log", language, title=title)
        drawn = [getattr(layer, quantity) for flow in flows for layer in flow.main_path]
        axis = {"title": title, **style.logarithmic(drawn)}
    elif quantity != "mean":
        axis |= {"range": [0, 102]}
    figure.update_layout(
        xaxis={"title": text("flow.axis.depth", language), "rangemode": "tozero"},
        yaxis=axis,
        showlegend=True,
        margin={"t": 56},
    )
    return figure


def _drawn(layer: LayerFlow, quantity: str) -> float | None:
    value: float = getattr(layer, quantity)
    if quantity in ("zeros", "dead"):
        return 100 * value
    return value if value or quantity not in _LOGARITHMIC else None  # a logarithmic axis has no 0


def _colours(flows: Sequence[GradientFlow]) -> list[str]:
    """The family's colour; several nets of one family in its shades."""
    families = [style.net_colour(flow.net.split()[0]) for flow in flows]
    shades = {colour: style.shades(colour, families.count(colour)) for colour in set(families)}
    return [shades[colour].pop(0) for colour in families]


def flow_name(flow: GradientFlow, language: str) -> str:
    """How a net is called in a legend: its title, what of it is not usual, and whether it has learned."""
    named = net_title(flow.net, language)
    if not flow.weights:
        return text("flow.initial", language, net=named)
    if flow.weights.startswith("shipped:"):
        return text("flow.shipped", language, net=named)
    return text("flow.trained", language, net=named, weights=flow.weights)


def describe_flow(flows: Sequence[GradientFlow], quantity: str = "weight_gradient", language: str = "en") -> str:
    """What the curves show, computed from them: the first layer against the last before the head, net against net."""
    sentences = []
    for flow in flows:
        name = flow_name(flow, language)
        if quantity in NEED_LABELS and flow.loss is None:
            sentences.append(text("caption.flow.unlabelled", language, net=name, data=flow.dataset))
            continue
        layers = [layer for layer in flow.main_path[:-1] if getattr(layer, quantity) is not None]
        if len(layers) < 2:
            continue
        first, last = (getattr(layer, quantity) for layer in (layers[0], layers[-1]))
        if quantity not in _LOGARITHMIC:
            sentences.append(_farthest(name, layers, quantity, language))
            continue
        values = {"net": name, "first": magnitude(first), "last": magnitude(last)}
        if not first or not last:
            sentences.append(text("caption.flow.nothing", language, **values))
            continue
        ratio = first / last
        key = "alike" if max(ratio, 1 / ratio) < _ALIKE else "larger" if ratio > 1 else "smaller"
        values["times"] = magnitude(max(ratio, 1 / ratio))
        sentences.append(text(f"caption.flow.{key}", language, **values))
    if quantity in _LOGARITHMIC and len(flows) > 1:
        measured = [flow for flow in flows if getattr(flow.main_path[0], quantity) is not None]
        firsts = [(getattr(flow.main_path[0], quantity), flow_name(flow, language)) for flow in measured]
        high, low = max(firsts, default=(0.0, "")), min(firsts, default=(0.0, ""))
        if low[0] > 0 and high[0] / low[0] >= _ALIKE:
            values = {"high": high[1], "low": low[1], "times": magnitude(high[0] / low[0])}
            sentences.append(text("caption.flow.between", language, **values))
    return " ".join(sentences)


def _farthest(name: str, layers: Sequence[LayerFlow], quantity: str, language: str) -> str:
    """Where a share is highest, or a mean farthest from 0; or that there is nothing anywhere."""
    top = max(layers, key=lambda layer: abs(getattr(layer, quantity)))
    value = getattr(top, quantity)
    if quantity == "mean":
        if abs(value) < _NO_MEAN:
            return text("caption.flow.no_mean", language, net=name, most=magnitude(abs(value)))
        return text("caption.flow.farthest", language, net=name, value=f"{value:.2g}", layer=top.layer)
    if not value:
        return text("caption.flow.none", language, net=name)
    return text("caption.flow.highest", language, net=name, value=percent(value), layer=top.layer)
