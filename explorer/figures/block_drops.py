"""Blocks dropped: each by itself, by depth, and several at random, by their number."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go

from explorer import units
from explorer.figures import style
from explorer.figures.surgery import measured, subject_name
from explorer.language import text
from explorer.surgery_results import BlockDrops, DroppedBlock, RandomDrops, Subject

_HEIGHT = 400
_DASHES = ("solid", "dash", "dot", "dashdot")
_SYMBOLS = ("circle", "square", "diamond", "cross")


def block_drops_data(drops: Sequence[BlockDrops]) -> pd.DataFrame:
    """One row for each net and block: net, weights, block_number, block, kind, untouched_percent and left_percent.

    What cannot be dropped is empty there.
    """
    rows = [
        (
            *(of.subject.net, of.subject.weights, number, one.block, one.kind),
            *(round(100 * of.whole, 2), None if one.share is None else round(100 * one.share, 2)),
        )
        for of in drops
        for number, one in enumerate(of.blocks, start=1)
    ]
    columns = ["net", "weights", "block_number", "block", "kind", "untouched_percent", "left_percent"]
    return pd.DataFrame(rows, columns=columns)


def plot_block_drops(drops: Sequence[BlockDrops], language: str = "en") -> go.Figure:
    """What is left when each block is dropped by itself; larger marks where the size changes; dashed: untouched.

    Args:
        drops: of one net, or of a residual and a plain one beside each other.
        language: of the words.
    """
    figure = style.figure(_HEIGHT)
    for index, of in enumerate(drops):
        colour = style.net_colour(of.subject.net.split()[0])
        figure.add_scatter(
            x=list(range(1, len(of.blocks) + 1)),
            y=[None if one.share is None else 100 * one.share for one in of.blocks],
            mode="lines+markers",
            name=subject_name(of.subject, language),
            line={"color": colour, "width": 2, "dash": _DASHES[index % len(_DASHES)]},
            marker={
                "size": [11 if one.kind in ("padding", "projection") else 7 for one in of.blocks],
                "symbol": _SYMBOLS[index % len(_SYMBOLS)],
            },
            customdata=[f"{one.block} ({text(f'drops.kind.{one.kind}', language)})" for one in of.blocks],
            hovertemplate="%{customdata}: %{y:.1f} %<extra>%{fullData.name}</extra>",
        )
        if of.subject.measure == "accuracy":
            figure.add_hline(y=100 * of.whole, line={"color": colour, "dash": "dash", "width": 1}, opacity=0.6)
    total = max((of.total for of in drops), default=1)
    figure.update_layout(
        xaxis={"title": text("drops.axis.block", language), "range": [0.5, total + 0.5]},
        yaxis=_share_axis([of.subject for of in drops], language),
        showlegend=True,
        margin={"t": 56},
    )
    _mark_chance(figure, [of.subject for of in drops], language)
    return figure


def _share_axis(subjects: Sequence[Subject], language: str) -> dict[str, object]:
    title = measured(subjects[0], language) if subjects else ""
    return {"title": title, "range": [0, 102]}


def _mark_chance(figure: go.Figure, subjects: Sequence[Subject], language: str) -> None:
    """Where guessing leads; of agreement that is not known."""
    if subjects and all(subject.measure == "accuracy" for subject in subjects):
        line = {"color": style.REFERENCE, "dash": "dot", "width": 1}
        said = text("drops.chance", language)
        figure.add_hline(y=100 / subjects[0].classes, line=line, annotation_text=said, annotation_position="top right")


def describe_block_drops(drops: Sequence[BlockDrops], language: str = "en") -> str:
    """The least and the most that a dropped block leaves, where the size changes and elsewhere; from the values."""
    sentences = []
    for of in drops:
        able = [(one.share, one.block) for one in of.blocks if one.share is not None]
        if not able:
            continue
        (low, worst), (high, best) = min(able), max(able)
        values = {"low": units.percent(low), "worst": worst, "high": units.percent(high), "best": best}
        values |= {"net": subject_name(of.subject, language), "whole": units.percent(of.whole)}
        mean = sum(share for share, _ in able) / len(able)
        key = f"caption.drops.{of.subject.measure}"
        sentences.append(text(key, language, **values, mean=units.percent(mean), done=len(of.blocks), total=of.total))
        changing, same = (_mean(of.blocks, kinds) for kinds in (("padding", "projection"), ("identity",)))
        if changing is not None and same is not None:
            means = {"changing": units.percent(changing), "same": units.percent(same)}
            sentences.append(text("caption.drops.kinds", language, **means))
        not_possible = [one.block for one in of.blocks if one.share is None]
        if not_possible:
            sentences.append(text("caption.drops.not_possible", language, listed=", ".join(not_possible)))
    return " ".join(sentences)


def _mean(blocks: Sequence[DroppedBlock], kinds: tuple[str, ...]) -> float | None:
    shares = [one.share for one in blocks if one.kind in kinds and one.share is not None]
    return sum(shares) / len(shares) if shares else None


def random_drops_data(drops: RandomDrops) -> pd.DataFrame:
    """One row for each draw: dropped, draw and left_percent."""
    rows = [
        (point.count, draw, round(100 * share, 2))
        for point in drops.points
        for draw, share in enumerate(point.shares, start=1)
    ]
    return pd.DataFrame(rows, columns=["dropped", "draw", "left_percent"])


def plot_random_drops(drops: RandomDrops, language: str = "en") -> go.Figure:
    """What is left by the number of dropped blocks: each draw, their mean, and from the smallest to the largest."""
    figure = style.figure(_HEIGHT)
    counts = [point.count for point in drops.points]
    colour = style.net_colour(drops.subject.net.split()[0])
    ends = [[100 * end(point.shares) for point in drops.points] for end in (min, max)]
    for values, fill in zip(ends, ("none", "tonexty"), strict=True):
        figure.add_scatter(
            x=counts,
            y=values,
            mode="lines",
            fill=fill,
            fillcolor="rgba(0, 114, 178, 0.18)",
            name=text("drops.range", language),
            line={"width": 0, "color": colour},
            showlegend=fill != "none",
            hoverinfo="skip",
        )
    figure.add_scatter(
        x=counts,
        y=[100 * sum(point.shares) / len(point.shares) for point in drops.points],
        mode="lines+markers",
        name=text("drops.mean", language),
        line={"color": colour, "width": 2},
        marker={"size": 7},
        hovertemplate="%{x}: %{y:.1f} %<extra>%{fullData.name}</extra>",
    )
    figure.add_scatter(
        x=[point.count for point in drops.points for _ in point.shares],
        y=[100 * share for point in drops.points for share in point.shares],
        mode="markers",
        name=text("drops.draw", language),
        marker={"size": 5, "symbol": "x-thin", "line": {"width": 1.5, "color": style.REFERENCE}},
        hovertemplate="%{x}: %{y:.1f} %<extra>%{fullData.name}</extra>",
    )
    figure.update_layout(
        xaxis={"title": text("drops.axis.count", language), "range": [-0.3, drops.total + 0.3]},
        yaxis=_share_axis([drops.subject], language),
        showlegend=True,
        margin={"t": 56},
    )
    _mark_chance(figure, [drops.subject], language)
    return figure


def describe_random_drops(drops: RandomDrops, language: str = "en") -> str:
    """The mean after one, after about half and after all that were tried, and the widest range; from the values."""
    tried = [point for point in drops.points if point.count]
    if not tried:
        return ""
    half = min(tried, key=lambda point: abs(point.count - drops.total / 2))
    shown = {point.count: point for point in (tried[0], half, tried[-1])}
    listed = ", ".join(
        text("caption.several.one", language, count=count, mean=units.percent(sum(point.shares) / len(point.shares)))
        for count, point in sorted(shown.items())
    )
    name = subject_name(drops.subject, language)
    sentences = [text(f"caption.several.{drops.subject.measure}", language, net=name, listed=listed)]
    widest = max(tried, key=lambda point: max(point.shares) - min(point.shares))
    if max(widest.shares) > min(widest.shares):
        ends = {"low": units.percent(min(widest.shares)), "high": units.percent(max(widest.shares))}
        values = {"count": widest.count, "draws": len(widest.shares), **ends}
        sentences.append(text("caption.several.range", language, **values))
    return " ".join(sentences)
