"""What a trained net takes for what: its confusion matrix, coloured by the shares of each row."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go

from explorer.examination_results import Confusion, Examination
from explorer.figures import style
from explorer.language import text

_MOST_WITH_COUNTS = 20
"""Classes up to which the counts stand in the cells."""

_MOST_NAMED = 34
"""Classes that are named along an axis; of more, every second or third one is."""

_LONGEST_NAME = 18
_AROUND_PX, _LETTER_PX, _CELL_PX = 60, 6, 26
"""What a matrix that can be read takes: a page that is narrower shows it in a box that scrolls."""

_SCALE = ((0.0, "rgba(128, 128, 128, 0.10)"), (0.001, "rgba(0, 114, 178, 0.16)"), (1.0, "rgba(0, 114, 178, 1)"))
"""The page's ground shows through the light end, so that it is light on white and dark on black."""

_WHITE_ABOVE = 70
"""Share of a row in percent from which its count is written in white."""

_NEXT = 3


def confusion_data(examination: Examination) -> pd.DataFrame:
    """One row for each cell that is not empty: true, answered, count, row_share (%)."""
    rows = [
        (score.name, answered, count, round(100 * count / score.pictures, 2))
        for score, counts in zip(examination.classes, examination.confusion, strict=True)
        for answered, count in zip(examination.names, counts, strict=True)
        if count
    ]
    return pd.DataFrame(rows, columns=["true", "answered", "count", "row_share"])


def plot_confusion(examination: Examination, language: str = "en") -> go.Figure:
    """The confusion matrix: true classes down, answered ones across, coloured by each row's shares.

    The counts stand in the cells of up to 20 classes. A row without test pictures stays blank.
    """
    names, count = examination.names, len(examination.names)
    shares = [
        [round(100 * number / score.pictures, 2) if score.pictures else None for number in numbers]
        for score, numbers in zip(examination.classes, examination.confusion, strict=True)
    ]
    figure = style.figure(max(340, min(760, 150 + 30 * count)))
    figure.add_heatmap(
        x=list(names),
        y=list(names),
        z=shares,
        zmin=0,
        zmax=100,
        xgap=1 if count <= _MOST_WITH_COUNTS else 0,
        ygap=1 if count <= _MOST_WITH_COUNTS else 0,
        colorscale=[list(step) for step in _SCALE],
        customdata=[list(numbers) for numbers in examination.confusion],
        hovertemplate=text("confusion.hover", language) + "<extra></extra>",
        hoverongaps=False,
        colorbar={
            "title": {"text": text("confusion.share", language), "side": "bottom", "font": {"size": 12}},
            "orientation": "h",
            "thickness": 10,
            "len": 0.5,
            "lenmode": "fraction",
            "x": 0,
            "xanchor": "left",
            # Bound to the whole figure: above the plot it would push it down after the axes have been named.
            "yref": "container",
            "y": 0.99,
            "yanchor": "top",
            "tickvals": [0, 50, 100],
            "tickangle": 0,
        },
    )
    if count <= _MOST_WITH_COUNTS:
        _add_counts(figure, examination, shares)
    axis = {"showgrid": False, "zeroline": False, **_named(names)}
    figure.update_layout(
        xaxis={"title": text("confusion.axis.answered", language), "range": [-0.5, count - 0.5], **axis},
        yaxis={"title": text("confusion.axis.true", language), "range": [count - 0.5, -0.5], **axis},
        showlegend=False,
        margin={"t": 72},
        meta={"least_px": _least_px(names)},
    )
    return figure


def _add_counts(figure: go.Figure, examination: Examination, shares: Sequence[Sequence[float | None]]) -> None:
    """The counts: white on the dark cells, elsewhere in the page's own ink."""
    names, size = examination.names, 12 if len(shares) <= 10 else 10
    for dark in (False, True):
        cells = [
            (column, row, number)
            for row, numbers in enumerate(examination.confusion)
            for column, number in enumerate(numbers)
            if number and ((shares[row][column] or 0) > _WHITE_ABOVE) is dark
        ]
        figure.add_scatter(
            x=[names[column] for column, _, _ in cells],
            y=[names[row] for _, row, _ in cells],
            text=[str(number) for _, _, number in cells],
            mode="text",
            textfont={"size": size, **({"color": "#ffffff"} if dark else {})},
            hoverinfo="skip",
        )


def _named(names: Sequence[str]) -> dict[str, object]:
    """An axis of classes, which may be called by figures, with as many of their names as there is room for."""
    shown = names[:: math.ceil(len(names) / _MOST_NAMED)]
    ticks = {"tickmode": "array", "tickvals": list(shown), "ticktext": list(map(_short, shown))}
    return {"type": "category", "categoryorder": "array", "categoryarray": list(names), **ticks}


def _least_px(names: Sequence[str]) -> int:
    return _AROUND_PX + _LETTER_PX * max(len(_short(name)) for name in names) + _CELL_PX * min(len(names), _MOST_NAMED)


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"


def describe_confusion(examination: Examination, language: str = "en") -> str:
    """Which classes are taken for which most often, in sentences computed from the cells."""
    return " ".join([*describe_pairs(examination, language), text("caption.confusion.scale", language)])


def describe_pairs(examination: Examination, language: str = "en") -> list[str]:
    """The pairs of classes that are confused most often, and the next ones."""
    pairs = examination.confusions()
    if not pairs:
        return [text("caption.confusion.none", language)]
    most = pairs[0].count
    if most == 1:
        return [text("caption.confusion.once", language)]
    first = [pair for pair in pairs if pair.count == most]
    if len(first) == 1:
        [pair] = first
        words = {"true": pair.true, "answered": pair.answered, "count": pair.count, "pictures": pair.pictures}
        said = [text("caption.confusion.most", language, **words)]
    else:
        listed = _listed(first, language)
        said = [text("caption.confusion.tied", language, number=len(first), count=most, pairs=listed)]
    after = [pair for pair in pairs if 1 < pair.count < most]
    if after and len(first) < _NEXT:
        said.append(text("caption.confusion.then", language, pairs=_listed(after[:_NEXT], language)))
    return said


def _listed(pairs: Sequence[Confusion], language: str) -> str:
    words = [
        text("confusion.pair", language, true=p.true, answered=p.answered, count=p.count, pictures=p.pictures)
        for p in pairs[:_NEXT]
    ]
    return ", ".join(words) + (", …" if len(pairs) > _NEXT else "")
