"""What becomes of a map while a net's weights are made random from the top: the maps in a strip, and how like they are.

Adebayo et al. 2018, arXiv 1810.03292, figures 2 and 4.
"""

from __future__ import annotations

import math
from itertools import pairwise, takewhile

import numpy as np
import numpy.typing as npt
import pandas as pd
import plotly.graph_objects as go

from explorer import units
from explorer.figures import style
from explorer.figures.saliency import method_name
from explorer.figures.saliency_scale import PIXELS_ABOVE, colour_bar, colours, source
from explorer.language import text
from explorer.saliency_check_results import SanityCheck, SanityStep

_HEIGHT = 700
_ROWS = 2
_STRIP = 0.48
"""Where the tiles begin, above the lines."""

_MOST_PX = 96
"""Side of a map as it is drawn: as many pixels as it gets on a large screen."""

_GAP, _LABEL = 0.06, 0.18
"""Between two maps, and above one for its name: in widths of a map."""

_SAME, _CHANGED = 0.9, 0.5
"""From which rank correlation on a map is said not to change, and below which it is said to change."""

_FEW_PLACES = 100
_WIDE = 1.96
"""Standard deviations on either side that hold 95 % of what chance does."""

_LINES = (
    ("rank_correlation_absolute", style.RESIDUAL, "solid", "circle"),
    ("rank_correlation", style.PLAIN, "dash", "square"),
    ("ssim", style.VGG, "dot", "diamond"),
)
_COLUMNS = ["step", "stage", "probability", "rank_correlation", "rank_correlation_absolute", "ssim"]


def sanity_check_data(check: SanityCheck) -> pd.DataFrame:
    """One row for each step: step, stage (the one made random last), probability, and the three similarities."""
    rows = [
        (number, step.stage or "-", step.probability, step.rank_correlation, step.rank_correlation_absolute, step.ssim)
        for number, step in enumerate(check.steps)
    ]
    return pd.DataFrame(rows, columns=_COLUMNS).round(4)


def plot_sanity_check(picture: npt.NDArray[np.uint8], check: SanityCheck, language: str = "en") -> go.Figure:
    """The picture and its maps, each on its own scale; below them their similarity to the untouched net's map.

    The picture does not shine through the maps: its edges would make all of them look alike.

    What is still to come has its place already: nothing moves when it comes.

    Args:
        picture: what the net saw, (side, side, 3), at its size or a finer one.
        check: what `explorer.sanity_check` found so far.
        language: `en` or `ko`.
    """
    figure = style.figure(_HEIGHT)
    _add_strip(figure, picture, check, language)
    _add_lines(figure, check, language)
    return figure


def _add_strip(figure: go.Figure, picture: npt.NDArray[np.uint8], check: SanityCheck, language: str) -> None:
    height, width = check.steps[0].values.shape
    tall = height / width  # a map is 1 wide
    columns = math.ceil((len(check.stages) + 2) / _ROWS)
    corners = [
        (column * (1 + _GAP), row * (tall + _GAP + _LABEL) + _LABEL)
        for row in range(_ROWS)
        for column in range(columns)
    ]
    (left, top), *others = corners
    wide, rows = columns * (1 + _GAP) - _GAP, _ROWS * (tall + _GAP + _LABEL) - _GAP
    fine = 1 / picture.shape[1]
    figure.add_image(source=source(picture), x0=left + fine / 2, dx=fine, y0=top + fine / 2, dy=fine, hoverinfo="skip")
    labels, empty = [text("sanity.picture", language)], []
    for number, (step, (left, top)) in enumerate(zip(check.steps, others, strict=False)):
        shown, name = _drawn(step.values), _label(number, step, language)
        fine = 1 / shown.shape[1]
        figure.add_heatmap(
            z=shown,
            x0=left + fine / 2,
            dx=fine,
            y0=top + fine / 2,
            dy=tall / shown.shape[0],
            coloraxis="coloraxis",
            name=name,
            hovertemplate="%{z} %<extra>%{fullData.name}</extra>",
        )
        labels.append(text("sanity.label", language, number=number, name=step.stage) if step.stage else name)
        if step.is_empty:
            empty.append((left + 0.5, top + tall / 2))
    for label, (left, top) in zip(labels, corners, strict=False):
        place = {"x": left, "y": top, "xref": "x", "yref": "y", "xanchor": "left", "yanchor": "bottom"}
        figure.add_annotation(text=label, showarrow=False, font={"size": 11}, borderpad=0, **place)
    for x, y in empty:  # the tile is as dark as the scale's 0; above a narrow one there is no room for it
        said = {"text": text("sanity.empty", language), "font": {"size": 11, "color": "#FFFFFF"}}
        figure.add_annotation(x=x, y=y, xref="x", yref="y", showarrow=False, **said)
    ends = colours(check.signed)
    bar = colour_bar(text("saliency.scale.each", language), check.signed, language)
    bar["title"]["side"] = "top"
    figure.update_layout(
        xaxis={"visible": False, "constrain": "domain", "range": [0, wide]},
        yaxis={
            "visible": False,
            "constrain": "domain",
            "domain": [_STRIP, 1],
            "range": [rows, 0],
            "scaleanchor": "x",
            "constraintoward": "top",
        },
        coloraxis={
            "colorscale": ends["colorscale"],
            "cmin": ends["zmin"],
            "cmax": ends["zmax"],
            "colorbar": {**bar, "yref": "paper", "y": _STRIP - 0.01, "yanchor": "top"},
        },
        margin={"t": 8},
        meta={"strip": [rows / wide, _STRIP]},  # on a narrow page no higher than its tiles are
    )


def _add_lines(figure: go.Figure, check: SanityCheck, language: str) -> None:
    labels = [_label(number, step, language) for number, step in enumerate(check.steps)]
    said = [[label, units.percent(step.probability)] for label, step in zip(labels, check.steps, strict=True)]
    for name, colour, dash, symbol in _LINES:
        if name == "rank_correlation" and not check.signed:
            continue  # without signs it is that of the absolute values
        found = [getattr(step, name) for step in check.steps]
        figure.add_scatter(
            x=list(range(len(check.steps))),
            y=[value if math.isfinite(value) else None for value in found],
            yaxis="y2",
            xaxis="x2",
            mode="lines+markers",
            name=text(f"sanity.line.{name if check.signed or name == 'ssim' else 'rank_correlation'}", language),
            line={"color": colour, "width": 2, "dash": dash},
            marker={"size": 8, "symbol": symbol},
            customdata=said,
            hovertemplate=text("sanity.hover", language) + "<extra>%{fullData.name}</extra>",
        )
    stages = [text("sanity.untouched", language), *check.stages]
    figure.update_layout(
        xaxis2={
            "anchor": "y2",
            "title": text("sanity.axis.stages", language),
            "tickvals": list(range(len(stages))),
            "ticktext": stages,
            "range": [-0.3, len(stages) - 0.7],
        },
        yaxis2={
            "anchor": "x2",
            "domain": [0, 0.27],
            "title": text("sanity.axis.similarity", language),
            "range": [-1.05, 1.1],
            "dtick": 0.5,
        },
        showlegend=True,
        legend={"y": 0.28},
    )


def describe_sanity_check(check: SanityCheck, language: str = "en") -> str:
    """Whether the map depends on the weights, with the figures that say so; computed from the plotted values.

    Above a rank correlation of 0.9 with all weights random it is said not to change, below 0.5 to change.
    """
    last = check.steps[-1]
    values: dict[str, object] = {
        "method": method_name(check.method, language),
        "name": check.target_name or str(check.target),
        "done": len(check.steps) - 1,
        "total": len(check.stages),
        "stage": last.stage,
        "seed": check.seed,
    }
    if not check.steps[0].compared:
        return text("sanity.nothing", language, **values)
    sentences = [text("sanity.done", language, **values)]
    if not last.stage:
        return sentences[0]
    if not last.compared:
        return " ".join([*sentences, text("sanity.gone" if last.is_empty else "sanity.flat", language, **values)])
    found = _kept(last)
    values |= {"rank": f"{found:.2f}", "ssim": f"{last.ssim:.2f}"}
    sentences.append(text("sanity.last", language, **values))
    if check.is_complete:
        verdict = "same" if found >= _SAME else "partly" if found >= _CHANGED else "changes"
        sentences.append(text(f"sanity.verdict.{verdict}", language))
        if verdict != "same":
            sentences += _held_so_far(check, language) + _largest_fall(check, language)
    if check.places < _FEW_PLACES:
        chance = min(1.0, _WIDE / math.sqrt(max(1, check.places - 1)))
        sentences.append(text("sanity.chance", language, places=check.places, chance=f"{chance:.2f}"))
    return " ".join(sentences)


def _kept(step: SanityStep) -> float:
    """What is left of the untouched map, with signs or without."""
    return max(step.rank_correlation, step.rank_correlation_absolute)


def _held_so_far(check: SanityCheck, language: str) -> list[str]:
    """Down to which stage the map stayed as it was: what those above have learned has no part in it."""
    held = list(takewhile(lambda step: step.compared and _kept(step) >= _SAME, check.steps[1:]))
    if not held:
        return []
    lowest = min(_kept(step) for step in held)
    return [text("sanity.held", language, stage=held[-1].stage, lowest=f"{lowest:.2f}")]


def _largest_fall(check: SanityCheck, language: str) -> list[str]:
    """The stage that changed the map most."""
    compared = [step for step in check.steps if step.compared]
    falls = [
        (before.rank_correlation_absolute - after.rank_correlation_absolute, before, after)
        for before, after in pairwise(compared)
    ]
    fall, before, after = max(falls, key=lambda one: one[0])
    if fall <= 0:
        return []
    ends = {"before": f"{before.rank_correlation_absolute:.2f}", "after": f"{after.rank_correlation_absolute:.2f}"}
    return [text("sanity.fall", language, stage=after.stage, **ends)]


def _label(number: int, step: SanityStep, language: str) -> str:
    if not step.stage and not step.is_empty:
        return text("sanity.label.untouched", language, number=number)  # short: a tile is narrow on a phone
    name = step.stage or text("sanity.untouched", language)
    return text("sanity.label.empty" if step.is_empty else "sanity.label", language, number=number, name=name)


def _drawn(values: npt.NDArray[np.float32]) -> npt.NDArray[np.int8]:
    """In per cent of the end of the map's own scale, -100 to 100; large maps are averaged down."""
    factor = math.ceil(max(values.shape) / _MOST_PX)
    rows, columns = (side // factor for side in values.shape)
    squares = values[: rows * factor, : columns * factor].reshape(rows, factor, columns, factor)
    small = squares.mean((1, 3))  # (rows, columns)
    sizes = np.abs(small)
    end = float(np.quantile(sizes, 1 - PIXELS_ABOVE)) or float(sizes.max()) or 1.0
    drawn: npt.NDArray[np.int8] = np.round(100 * (small / end).clip(-1, 1)).astype(np.int8)
    return drawn
