"""How strongly 3×3 layers respond, in the order of the layers and by magnitude: figure 7 of the ResNet paper."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from explorer.catalog import find_entry
from explorer.figures import style
from explorer.flow_results import LayerResponse, LayerResponses
from explorer.language import text

_HEIGHT = 620
_ALIKE = 1.05
"""Ratio of two means below which neither is called the smaller one."""

_DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
_SYMBOLS = ("circle", "square", "diamond", "cross", "x", "triangle-up")


def layer_responses_data(found: Sequence[LayerResponses]) -> pd.DataFrame:
    """One row for each net and layer: net, weights, layer, depth, std, by_norm, rank (1: the strongest of its net)."""
    rows = []
    for one in found:
        ranks = {layer.layer: rank for rank, layer in enumerate(_by_magnitude(one), start=1)}
        for depth, layer in enumerate(one.layers, start=1):
            rows.append((one.net, one.weights, layer.layer, depth, layer.std, layer.by_norm, ranks[layer.layer]))
    return pd.DataFrame(rows, columns=["net", "weights", "layer", "depth", "std", "by_norm", "rank"])


def plot_layer_responses(found: Sequence[LayerResponses], language: str = "en") -> go.Figure:
    """Standard deviations of the responses: above in the order of the layers, below sorted by magnitude.

    Args:
        found: of trained nets.
        language: of the words.
    """
    figure = make_subplots(rows=2, cols=1, vertical_spacing=0.16, figure=style.figure(_HEIGHT))
    for number, (one, colour) in enumerate(zip(found, _colours(found), strict=True)):
        for row, layers in ((1, one.layers), (2, _by_magnitude(one))):
            figure.add_scatter(
                x=list(range(1, len(layers) + 1)),
                y=[layer.std for layer in layers],
                mode="lines+markers",
                name=response_name(one, language),
                legendgroup=str(number),
                showlegend=row == 1,
                line={"color": colour, "width": 2, "dash": _DASHES[number % len(_DASHES)]},
                marker={"size": 5, "symbol": _SYMBOLS[number % len(_SYMBOLS)]},
                customdata=[layer.layer for layer in layers],
                hovertemplate="%{customdata}: %{y:.3~g}<extra>%{fullData.name}</extra>",
                row=row,
                col=1,
            )
    for row, key in ((1, "order"), (2, "magnitude")):
        figure.update_xaxes(title=text(f"responses.axis.{key}", language), rangemode="tozero", row=row, col=1)
        figure.update_yaxes(title=text("responses.axis.std", language), rangemode="tozero", row=row, col=1)
    figure.update_layout(showlegend=True, margin={"t": 76})
    return figure


def describe_layer_responses(found: Sequence[LayerResponses], language: str = "en") -> str:
    """What the curves show, computed from them, and whether it is what the paper says.

    He et al. 2015, section 4.2: residual nets have generally smaller responses than their plain counterparts, and a
    deeper residual net smaller ones than a shallower one.
    """
    if not found:
        return ""
    means = ", ".join(f"{response_name(one, language)} {one.mean:.2f}" for one in found)
    sentences = [text("caption.responses.means", language, listed=means)]
    for claim, first, second in _claims(found):
        key = "as_said" if _smaller(first.mean, second.mean) else "not_so"
        values = {"first": response_name(first, language), "second": response_name(second, language)}
        values |= {"share": f"{100 * first.mean / second.mean:.0f}"}
        sentences.append(text(f"caption.responses.{claim}.{key}", language, **values))
    return " ".join([*sentences, *_on_which_pictures(found, language)])


def _on_which_pictures(found: Sequence[LayerResponses], language: str) -> list[str]:
    sentences = []
    for data, own in dict.fromkeys((one.dataset, one.own) for one in found):
        those = [one for one in found if (one.dataset, one.own) == (data, own)]
        values = {"pictures": those[0].pictures, "data": data, "seed": those[0].seed}
        sentences.append(text(f"caption.responses.{'own' if own else 'foreign'}", language, **values))
        said = [(one, one.mean_by_norm) for one in those]
        if not own and all(mean is not None for _, mean in said):
            listed = ", ".join(f"{response_name(one, language)} {mean:.2f}" for one, mean in said)
            sentences.append(text("caption.responses.by_norm", language, listed=listed))
    return sentences


def _claims(found: Sequence[LayerResponses]) -> list[tuple[str, LayerResponses, LayerResponses]]:
    """What the paper says of two nets: (claim, the one with smaller responses, the other)."""
    claims = []
    nets = {(_is_plain(one), find_entry(_arch(one)).weight_layers): one for one in found}
    depths = sorted({depth for _, depth in nets})
    for depth in depths:
        if (True, depth) in nets and (False, depth) in nets:
            claims.append(("kind", nets[False, depth], nets[True, depth]))
    residual = [nets[False, depth] for depth in depths if (False, depth) in nets]
    if len(residual) > 1:
        claims.append(("depth", residual[-1], residual[0]))
    return claims


def _smaller(first: float, second: float) -> bool:
    return first * _ALIKE < second


def _is_plain(one: LayerResponses) -> bool:
    return style.net_colour(_arch(one)) != style.RESIDUAL


def _arch(one: LayerResponses) -> str:
    return one.net.split(" · ")[0]


def _by_magnitude(one: LayerResponses) -> list[LayerResponse]:
    return sorted(one.layers, key=lambda layer: -layer.std)


def _colours(found: Sequence[LayerResponses]) -> list[str]:
    """The family's colour; several nets of one family in its shades, deeper is darker."""
    families = [style.net_colour(_arch(one)) for one in found]
    order = sorted(range(len(found)), key=lambda at: len(found[at].layers))
    shades = {colour: style.shades(colour, families.count(colour)) for colour in set(families)}
    chosen = {at: shades[families[at]].pop(0) for at in order}
    return [chosen[at] for at in range(len(found))]


def response_name(one: LayerResponses, language: str) -> str:
    """How a net is called in the legend: its title, with its run where it is one."""
    title = find_entry(_arch(one)).title
    if one.weights.startswith("shipped:"):
        return title
    return text("flow.trained", language, net=title, weights=one.weights)
