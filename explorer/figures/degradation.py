"""The degradation lesson's curves: training and test error as the nets learn, as the ResNet paper draws them."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from explorer import units
from explorer.figures import style
from explorer.language import text
from explorer.lesson_results import LessonCurve, LessonResult

_DASHES = ("solid", "dash", "dot", "dashdot")
"""The deepest net of a family first."""

_TRAIN_WIDTH, _TEST_WIDTH = 1.3, 3.2
_GAP = 0.05

_MOST_TICKS = 6
"""Epochs up to which each has its tick: there are no half epochs, and a panel is narrow."""


def degradation_data(lesson: LessonResult) -> pd.DataFrame:
    """One row for each net and finished epoch.

    Columns: net, family (`plain`, `residual` or `other`), epoch, train_error and test_error as shares.
    """
    columns = ["net", "family", "epoch", "train_error", "test_error"]
    rows = [
        (curve.title, _family(curve), epoch, train, test)
        for curve in lesson.curves
        for epoch, train, test in zip(curve.epochs, curve.train_errors, curve.test_errors, strict=True)
    ]
    return pd.DataFrame(rows, columns=columns)


def lesson_frame(lesson: LessonResult) -> pd.DataFrame:
    """One row a net: net, status, epoch, train_error and test_error of it, published (a percentage) and its source."""
    rows = []
    for curve in lesson.curves:
        figure = next((figure for figure in lesson.published if figure.arch == curve.net), None)
        rows.append(
            {
                "net": curve.title,
                "status": curve.status,
                "epoch": curve.epochs[-1] if curve.epochs else 0,
                "train_error": curve.final("train"),
                "test_error": curve.final("test"),
                "published": None if figure is None else figure.value,
                "source": "" if figure is None else f"{figure.source}, {figure.dataset}",
            }
        )
    return pd.DataFrame(rows)


def plot_degradation(lesson: LessonResult, language: str = "en") -> go.Figure:
    """Error by epoch, plain nets on the left and residual ones on the right, on one scale.

    Thin lines are training errors, bold ones test errors; the deeper net is darker, and solid. What the ResNet paper
    published of these nets on CIFAR-10 is drawn in grey.

    Args:
        lesson: as far as it has come; the axes are those of the whole lesson from the beginning.
        language: `en` or `ko`.
    """
    figure = style.figure(420)
    families = [family for family in ("plain", "residual", "other") if _of(lesson, family)]
    width = 1 / max(1, len(families))
    longest = max([lesson.epochs, 1, *(curve.epochs[-1] for curve in lesson.curves if curve.epochs)])
    for number, family in enumerate(families):
        suffix = "" if number == 0 else str(number + 1)
        by_depth = sorted(_of(lesson, family), key=lambda curve: curve.depth, reverse=True)
        shades = style.shades(style.net_colour(by_depth[0].net), len(by_depth))[::-1]
        for index, curve in enumerate(by_depth):
            _add_curve(figure, curve, shades[index], _DASHES[index % len(_DASHES)], suffix, language)
        _add_published(figure, lesson, [curve.net for curve in by_depth], longest, suffix, language)
        figure.add_annotation(
            text=f"<b>{text(f'degradation.family.{family}', language)}</b>",
            x=0.98,
            xref=f"x{suffix} domain",
            y=1,
            yref=f"y{suffix} domain",
            xanchor="right",
            yanchor="top",
            showarrow=False,
        )
        left = number * width + (_GAP / 2 if number else 0)
        right = (number + 1) * width - (_GAP / 2 if number < len(families) - 1 else 0)
        figure.update_layout(
            {
                f"xaxis{suffix}": {
                    "domain": [left, right],
                    "anchor": f"y{suffix}",
                    "title": text("figure.axis.epoch", language),
                    "range": [0, longest * 1.04],
                    "dtick": 1 if longest <= _MOST_TICKS else None,
                },
                f"yaxis{suffix}": {
                    "anchor": f"x{suffix}",
                    "title": text("figure.axis.error", language) if number == 0 else None,
                    "range": [0, 100],
                    "showticklabels": number == 0,
                    **({"matches": "y"} if number else {}),
                },
            }
        )
    figure.update_layout(
        # The zoom stays while points are added.
        uirevision=lesson.group,
        margin={"t": 64},
        legend={"y": 1.03},
        meta={"panels": len(families)},
    )
    return figure


def _add_curve(figure: go.Figure, curve: LessonCurve, colour: str, dash: str, suffix: str, language: str) -> None:
    for kind, width in (("train", _TRAIN_WIDTH), ("test", _TEST_WIDTH)):
        errors = [100 * error for error in curve.errors("train" if kind == "train" else "test")]
        name = text(f"degradation.curve.{kind}", language, net=curve.title)
        figure.add_scatter(
            x=list(curve.epochs),
            y=errors,
            mode="lines+markers",
            name=name,
            line={"color": colour, "width": width, "dash": dash},
            marker={"size": 3 if kind == "train" else 6},
            xaxis=f"x{suffix}",
            yaxis=f"y{suffix}",
            customdata=[units.percent(error / 100) for error in errors],
            hovertemplate=f"<b>{name}</b><br>%{{x}}: %{{customdata}}<extra></extra>",
        )


def _add_published(
    figure: go.Figure, lesson: LessonResult, nets: list[str], longest: int, suffix: str, language: str
) -> None:
    figures = [figure for net in nets for figure in lesson.published if figure.arch == net]
    for published in figures:
        figure.add_scatter(
            x=[0, longest * 1.04],
            y=[published.value] * 2,
            mode="lines",
            line={"color": style.REFERENCE, "width": 1.2, "dash": "dot"},
            xaxis=f"x{suffix}",
            yaxis=f"y{suffix}",
            showlegend=False,
            hovertemplate=(
                f"{published.net}: {published.text}<br>{published.source}, {published.dataset}<extra></extra>"
            ),
        )
    if figures:
        figure.add_annotation(
            text=text("degradation.published", language),
            x=0.02,
            xref=f"x{suffix} domain",
            y=min(published.value for published in figures),
            yref=f"y{suffix}",
            yanchor="top",
            xanchor="left",
            showarrow=False,
            font={"size": 11, "color": style.REFERENCE},
        )


def describe_degradation(lesson: LessonResult, language: str = "en") -> str:
    """Where each net's curves have come to, computed from the plotted values."""
    sentences = [
        text(
            "caption.degradation.net",
            language,
            net=curve.title,
            epoch=curve.epochs[-1],
            epochs=max(lesson.epochs, curve.epochs[-1]),
            train=units.percent(curve.final("train")),
            test=units.percent(curve.final("test")),
        )
        for curve in lesson.curves
        if curve.epochs
    ]
    return " ".join(sentences) or text("caption.degradation.nothing", language)


def _family(curve: LessonCurve) -> str:
    if curve.residual is None:
        return "other"
    return "residual" if curve.residual else "plain"


def _of(lesson: LessonResult, family: str) -> list[LessonCurve]:
    return [curve for curve in lesson.curves if _family(curve) == family]
