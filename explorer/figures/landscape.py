"""The loss around nets' weights, beside each other: along two lines, as contours or a surface, and on a path."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import pandas as pd
import plotly.graph_objects as go

from explorer.errors import ConfigError, join_or
from explorer.figures import style
from explorer.figures.net_titles import net_title
from explorer.landscape_results import Landscape, LandscapeSource, LossPath
from explorer.language import text
from explorer.units import percent

View = Literal["contour", "surface"]
VIEWS: tuple[View, ...] = ("contour", "surface")

_CLIP = 10
"""Times the loss of guessing: above it all looks alike, so that what is below can be told apart."""

_LEVELS = 16
_COLOURS = "Viridis"
_GAP = 0.1
_ROOM = 0.03
"""Powers of ten by which a surface's axis is longer than its scale: what lies on its end is drawn whole."""
_SURFACE_GRID = "#9AA0A6"
"""Seen on white and on black: lines in space are thin, and one that shines through is not seen at all."""

_DASHES = ("solid", "dash")
_SYMBOLS = ("circle", "square")
_FLOOR = 1e-3
"""A loss of 0 has no place on a logarithmic scale: it is drawn as this."""


def landscape_data(landscapes: Sequence[Landscape]) -> pd.DataFrame:
    """One row for each net and point: net, weights, first_step, second_step, loss, agreement."""
    rows = [
        (landscape.source.net, landscape.source.weights, point.a, point.b, point.loss, point.accuracy)
        for landscape in landscapes
        for point in sorted(landscape.points, key=lambda point: (point.b, point.a))
    ]
    return pd.DataFrame(rows, columns=["net", "weights", "first_step", "second_step", "loss", "agreement"])


def path_data(paths: Sequence[LossPath]) -> pd.DataFrame:
    """One row for each net and point: net, weights, t, loss, agreement."""
    rows = [
        (path.source.net, path.source.weights, point.t, point.loss, point.accuracy)
        for path in paths
        for point in path.points
    ]
    return pd.DataFrame(rows, columns=["net", "weights", "t", "loss", "agreement"])


def plot_landscape(landscapes: Sequence[Landscape], view: str = "contour", language: str = "en") -> go.Figure:
    """The square of one net or of two side by side: the same axes, levels and colours for both, on a logarithmic scale.

    Each net's finest complete grid is drawn. Losses above ten times that of guessing are drawn as that.

    Args:
        landscapes: one or two, each with a complete grid.
        view: `contour`, or `surface` for three dimensions.
        language: of the words.

    Raises:
        ConfigError: there is no such view, or more than two landscapes are given.
    """
    if view not in VIEWS:
        said = f"view={view[:40]!r}"
        message = f"{said} is not possible: use {join_or(VIEWS)}."
        raise ConfigError(message, key="choice", said=said, accepted=join_or(VIEWS))
    if not 1 <= len(landscapes) <= 2:
        message = f"{len(landscapes)} landscapes are not possible: draw 1 or 2 beside each other."
        raise ConfigError(message, key="landscape_nets", count=len(landscapes), most=2)
    figure = style.figure(460)
    low, high = _range(landscapes)
    ticks = _ticks(low, high)
    marks = [*(f"{value:g}" for value in ticks[:-1]), f"≥ {ticks[-1]:.2g}" if _clips(landscapes) else ""]
    bar = {
        "title": {"text": text("landscape.axis.loss", language), "side": "right"},
        "tickvals": [math.log10(value) for value in ticks],
        "ticktext": marks,
        "thickness": 14,
    }
    for number, landscape in enumerate(landscapes):
        steps, rows = landscape.grid()
        z = [[_height(point.loss, high) for point in row] for row in rows]
        common: dict[str, Any] = {"x": steps, "y": steps, "colorscale": _COLOURS}
        name = landscape_name(landscape.source, language)
        if view == "surface":
            _add_surface(figure, number, common, z, (low, high), name)
        else:
            common |= {
                "z": z,
                "showscale": number == 0,
                "colorbar": bar,
                "text": [[f"{point.loss:.3g}" for point in row] for row in rows],
            }
            common |= {"hovertemplate": f"(%{{x:.3~g}}, %{{y:.3~g}}): %{{text}}<extra>{name}</extra>"}
            _add_contours(figure, number, common, (low, high), math.log10(math.log(landscape.source.classes)))
    _lay_out(figure, landscapes, view, (low, high), dict(zip(ticks, marks, strict=True)), language)
    return figure


def _add_contours(
    figure: go.Figure, number: int, common: dict[str, Any], ends: tuple[float, float], guess: float
) -> None:
    suffix = "2" if number else ""
    axes: dict[str, Any] = {"xaxis": f"x{suffix}", "yaxis": f"y{suffix}"}
    low, high = ends
    levels = {"start": low, "end": high, "size": (high - low) / _LEVELS}
    line = {"color": "rgba(255, 255, 255, 0.45)", "width": 0.7}
    figure.add_contour(**common, **axes, zmin=low, zmax=high, autocontour=False, contours=levels, line=line)
    figure.add_contour(  # where the loss is that of guessing
        **{**common, "showscale": False, "hovertemplate": None, "text": None, "colorscale": [[0, "#fff"], [1, "#fff"]]},
        **axes,
        autocontour=False,
        contours={"start": guess, "end": guess, "size": 1, "coloring": "lines"},
        line={"dash": "dash", "width": 2},
        hoverinfo="skip",
    )
    figure.add_scatter(
        **axes,
        x=[0],
        y=[0],
        mode="markers",
        marker={"symbol": "cross-thin", "size": 12, "line": {"color": "#fff", "width": 3}},
        showlegend=False,
        hoverinfo="skip",
    )


def _add_surface(
    figure: go.Figure,
    number: int,
    common: dict[str, Any],
    heights: list[list[float]],
    ends: tuple[float, float],
    name: str,
) -> None:
    figure.add_surface(
        **common,
        z=[[10**height for height in row] for row in heights],  # its axis is logarithmic: hover says the loss itself
        surfacecolor=heights,
        cmin=ends[0],
        cmax=ends[1],
        showscale=False,  # the colour is the height, which has an axis
        scene="scene2" if number else "scene",
        hovertemplate=f"(%{{x:.3~g}}, %{{y:.3~g}}): %{{z:.3~g}}<extra>{name}</extra>",
    )


def _lay_out(
    figure: go.Figure,
    landscapes: Sequence[Landscape],
    view: str,
    ends: tuple[float, float],
    ticks: dict[float, str],
    language: str,
) -> None:
    two = len(landscapes) == 2
    for number, landscape in enumerate(landscapes):
        suffix = "2" if number else ""
        domain = ([1 - (1 - _GAP) / 2, 1] if number else [0, (1 - _GAP) / 2]) if two else [0, 1]
        titles = [text("landscape.axis.step", language, number=which) for which in (1, 2)]
        if view == "surface":
            plain: dict[str, Any] = {
                "gridcolor": _SURFACE_GRID,
                "gridwidth": 1.5,
                "showbackground": False,
                "zeroline": False,
                "tickfont": {"size": 11},
            }
            height = plain | {"type": "log", "tickvals": list(ticks), "range": [ends[0] - _ROOM, ends[1] + _ROOM]}
            height |= {"ticktext": [mark or f"{value:g}" for value, mark in ticks.items()]}
            names = [*titles, text("landscape.axis.loss.short", language)]  # there is little room beside the axis
            named = [{"title": {"text": name, "font": {"size": 12}}} for name in names]
            scene = {"domain": {"x": domain, "y": [0, 1]}, "aspectratio": {"x": 1, "y": 1, "z": 0.8}}
            scene |= {"xaxis": plain | named[0], "yaxis": plain | named[1], "zaxis": height | named[2]}
            scene["camera"] = {"eye": {"x": 1.3, "y": -1.46, "z": 0.9}, "center": {"x": 0, "y": 0, "z": -0.12}}
            figure.update_layout({f"scene{suffix}": scene})
            place: dict[str, Any] = {"x": domain[0], "xref": "paper", "y": 1, "yref": "paper"}
        else:
            sides = {"constrain": "domain", "range": [-landscape.reach, landscape.reach], "showgrid": False}
            figure.update_layout(
                {
                    f"xaxis{suffix}": sides | {"domain": domain, "anchor": f"y{suffix}", "title": titles[0]},
                    f"yaxis{suffix}": sides
                    | {"anchor": f"x{suffix}", "title": titles[1], "scaleanchor": f"x{suffix}", "scaleratio": 1},
                }
            )
            place = {"x": 0, "xref": f"x{suffix} domain", "y": 1.01, "yref": f"y{suffix} domain"}
        # In two lines: on a phone one is wider than the square, and would run into the scale.
        name = f"<b>{landscape_name(landscape.source, language).replace(', ', ',<br>', 1)}</b>"
        figure.add_annotation(text=name, align="left", xanchor="left", yanchor="bottom", showarrow=False, **place)
    margin = {"t": 52, "l": 8, "r": 8, "b": 8} if view == "surface" else {"t": 52}
    figure.update_layout(margin=margin, meta={"panels": 2} if two else None, showlegend=False)


def plot_landscape_lines(landscapes: Sequence[Landscape], language: str = "en") -> go.Figure:
    """The loss along each of the two directions, a line for each net, on one logarithmic axis.

    Args:
        landscapes: of the nets, each with some points along the lines through its weights.
        language: of the words.
    """
    figure = style.figure(380)
    for direction in (0, 1):
        suffix = "2" if direction else ""
        for number, (landscape, colour) in enumerate(zip(landscapes, _family_colours(landscapes), strict=True)):
            line = landscape.line(direction)
            figure.add_scatter(
                x=[step for step, _ in line],
                y=[_drawn(point.loss) for _, point in line],
                xaxis=f"x{suffix}",
                yaxis=f"y{suffix}",
                name=landscape_name(landscape.source, language),
                showlegend=direction == 0,
                **_line(number, colour),
                hovertemplate="%{x:.3~g}: %{y:.3~g}<extra>%{fullData.name}</extra>",
            )
        middle = (1 - _GAP) / 2
        figure.update_layout(
            {
                f"xaxis{suffix}": {
                    "domain": [1 - middle, 1] if direction else [0, middle],
                    "anchor": f"y{suffix}",
                    "title": text("landscape.axis.step", language, number=direction + 1),
                },
                f"yaxis{suffix}": _loss_axis(landscapes, language)
                | {"anchor": f"x{suffix}", "matches": "y" if direction else None, "showticklabels": True},
            }
        )
    for guess, words in _guesses([landscape.source for landscape in landscapes], language):
        for suffix in ("", "2"):
            figure.add_hline(y=guess, yref=f"y{suffix}", xref=f"x{suffix}", line=_dotted())
        note: dict[str, Any] = {"x": 1, "xref": "x domain", "y": math.log10(guess), "yref": "y"}
        figure.add_annotation(text=words, xanchor="right", yanchor="top", showarrow=False, font={"size": 11}, **note)
    figure.update_layout(showlegend=True, margin={"t": 56}, meta={"panels": 2})
    return figure


def plot_loss_path(paths: Sequence[LossPath], language: str = "en") -> go.Figure:
    """The loss on the straight line from initial to trained weights, a line for each net.

    Args:
        paths: of the nets.
        language: of the words.
    """
    figure = style.figure(340)
    for number, (path, colour) in enumerate(zip(paths, _family_colours(paths), strict=True)):
        figure.add_scatter(
            x=[point.t for point in path.points],
            y=[_drawn(point.loss) for point in path.points],
            name=landscape_name(path.source, language),
            **_line(number, colour),
            customdata=[percent(point.accuracy) for point in path.points],
            hovertemplate="%{x:.3~g}: %{y:.3~g}, %{customdata}<extra>%{fullData.name}</extra>",
        )
    for guess, _ in _guesses([path.source for path in paths], language):
        figure.add_hline(y=guess, line=_dotted())
    figure.update_layout(
        xaxis={"title": text("landscape.axis.t", language)},
        yaxis={"title": text("landscape.axis.loss.linear", language), "rangemode": "tozero"},
        showlegend=True,
        margin={"t": 56},
    )
    return figure


def landscape_name(source: LandscapeSource, language: str) -> str:
    """How a net is called: its title, what of it is not usual, and where its weights come from."""
    named = net_title(source.net, language)
    if not source.weights:
        return text("flow.initial", language, net=named)
    if source.weights.startswith("shipped:"):
        return text("flow.shipped", language, net=named)
    return text("flow.trained", language, net=named, weights=source.weights)


def highest_drawn(source: LandscapeSource) -> float:
    """The loss from which on all looks alike: ten times that of guessing."""
    return _CLIP * math.log(source.classes)


def _range(landscapes: Sequence[Landscape]) -> tuple[float, float]:
    """Ends of the common scale, as logarithms."""
    losses = [point.loss for one in landscapes for row in one.grid()[1] for point in row if math.isfinite(point.loss)]
    low, top = max(min(losses, default=1), _FLOOR), max(highest_drawn(one.source) for one in landscapes)
    high = min(max(losses, default=10), top)
    return math.log10(low), math.log10(max(high, 1.1 * low))


def _clips(landscapes: Sequence[Landscape]) -> bool:
    top = max(highest_drawn(one.source) for one in landscapes)
    return any(not point.loss <= top for one in landscapes for row in one.grid()[1] for point in row)


def _ticks(low: float, high: float) -> list[float]:
    """1, 2 and 5 times powers of ten between the ends, and the upper end."""
    nice = [digit * 10.0**power for power in range(math.floor(low), math.ceil(high) + 1) for digit in (1, 2, 5)]
    inside = [value for value in nice if low <= math.log10(value) < high - 0.15]
    return [*inside, float(f"{10**high:.3g}")]


def _height(loss: float, high: float) -> float:
    return min(math.log10(max(loss, _FLOOR)), high) if math.isfinite(loss) else high


def _drawn(loss: float) -> float | None:
    return max(loss, _FLOOR) if math.isfinite(loss) else None


def _line(number: int, colour: str) -> dict[str, Any]:
    return {
        "mode": "lines+markers",
        "line": {"color": colour, "width": 2, "dash": _DASHES[number % 2]},
        "marker": {"size": 6, "symbol": _SYMBOLS[number % 2]},
    }


def _loss_axis(landscapes: Sequence[Landscape], language: str) -> dict[str, Any]:
    lines = [landscape.line(direction) for landscape in landscapes for direction in (0, 1)]
    drawn = [_drawn(point.loss) for line in lines for _, point in line]
    guesses = [guess for guess, _ in _guesses([landscape.source for landscape in landscapes], language)]
    return {"title": text("landscape.axis.loss", language), **style.logarithmic([*drawn, *guesses])}


def _dotted() -> dict[str, Any]:
    return {"color": style.REFERENCE, "dash": "dot", "width": 1}


def _guesses(sources: Sequence[LandscapeSource], language: str) -> Iterator[tuple[float, str]]:
    """The loss of guessing, once for each number of classes."""
    for classes in sorted({source.classes for source in sources}):
        guess = math.log(classes)
        yield guess, text("landscape.guess", language, loss=f"{guess:.2f}")


def _family_colours(ones: Sequence[Landscape] | Sequence[LossPath]) -> list[str]:
    """The family's colour; several nets of one family in its shades."""
    families = [style.net_colour(one.source.net.split()[0]) for one in ones]
    shades = {colour: style.shades(colour, families.count(colour)) for colour in set(families)}
    return [shades[colour].pop(0) for colour in families]
