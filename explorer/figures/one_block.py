"""Blocks that learn the identity: error against steps."""

from __future__ import annotations

import statistics

import pandas as pd
import plotly.graph_objects as go

from explorer.figures import style
from explorer.language import text
from explorer.lesson_results import BLOCK_KINDS, BlockKind, OneBlockResult

FLOOR = 1e-16
"""Where an error of exactly 0 is drawn on the log axis: below all that float32 leaves."""

_LOOKS: dict[BlockKind, tuple[str, str]] = {
    "plain": (style.PLAIN, "solid"),
    "residual": (style.RESIDUAL, "solid"),
    "zero-init": (style.RESIDUAL, "dash"),
}


def one_block_data(result: OneBlockResult) -> pd.DataFrame:
    """One row for each kind of block, seed and point: kind, seed, steps, error (mean square); steps 0 is the start."""
    rows = [
        (curve.kind, seed, step, error)
        for curve in result.curves
        for seed, first, errors in zip(result.seeds, curve.first_errors, curve.errors, strict=True)
        for step, error in zip((0, *result.steps), (first, *errors), strict=True)
    ]
    return pd.DataFrame(rows, columns=["kind", "seed", "steps", "error"])


def plot_one_block(result: OneBlockResult, language: str = "en") -> go.Figure:
    """Mean squared error by steps, one line a seed; what is exactly 0 lies on the floor of the log axis."""
    data = one_block_data(result)
    figure = style.figure(360)
    for kind in BLOCK_KINDS:
        colour, dash = _LOOKS[kind]
        of_kind = data[data["kind"] == kind]
        name = text(f"oneblock.kind.{kind}", language)
        for number, (seed, rows) in enumerate(of_kind.groupby("seed")):
            which = f"<b>{name}</b>, {text('oneblock.hover', language, seed=seed)}"
            figure.add_scatter(
                x=rows["steps"],
                y=rows["error"].clip(lower=FLOOR),
                mode="lines",
                name=name,
                legendgroup=kind,
                showlegend=number == 0,
                line={"color": colour, "width": 2, "dash": dash},
                opacity=1.0 if number == 0 else 0.55,
                customdata=[f"{error:.2g}" for error in rows["error"]],
                hovertemplate=f"{which}<br>%{{x}}: %{{customdata}}<extra></extra>",
            )
    figure.update_layout(
        xaxis={"title": text("figure.axis.steps", language), "range": [0, result.total_steps]},
        yaxis={
            "title": text("figure.axis.identity_error", language),
            "type": "log",
            "range": [-16.4, 0.4],
            "tickvals": [1e-16, 1e-12, 1e-8, 1e-4, 1],
            "ticktext": ["0", "1e-12", "1e-8", "1e-4", "1"],
        },
        uirevision="one-block",
        margin={"t": 48},
    )
    return figure


def describe_one_block(result: OneBlockResult, language: str = "en") -> str:
    """What the curves show, in sentences computed from the plotted values (medians over the seeds)."""
    if not result.steps:
        return ""
    first = {curve.kind: statistics.median(curve.first_errors) for curve in result.curves}
    last = {curve.kind: statistics.median(errors[-1] for errors in curve.errors) for curve in result.curves}
    sentences = [
        text(
            "caption.oneblock.start",
            language,
            plain=_written(first["plain"]),
            residual=_written(first["residual"]),
            zero=_written(first["zero-init"]),
        ),
        text(
            "caption.oneblock.end",
            language,
            steps=result.steps[-1],
            plain=_written(last["plain"]),
            residual=_written(last["residual"]),
            zero=_written(last["zero-init"]),
        ),
        _verdict(result, last, language),
    ]
    scale = result.curve("residual").branch_scale
    if scale < 1 and last["residual"] < first["residual"]:  # otherwise it is not on its way to the identity
        sentences.append(text("caption.oneblock.scale", language, scale=f"{scale:.2g}"))
    sentences.append(text("caption.oneblock.by_hand", language, error=_written(result.by_hand_error)))
    sentences.append(text("caption.oneblock.limits", language))
    return " ".join(sentences)


def _verdict(result: OneBlockResult, last: dict[BlockKind, float], language: str) -> str:
    """Which of plain and residual came further, and when the faster one was where the slower one is now."""
    plain_wins = last["plain"] < last["residual"]
    if last["plain"] == last["residual"]:
        return text("caption.oneblock.same", language)
    faster: BlockKind = "plain" if plain_wins else "residual"
    slower: BlockKind = "residual" if plain_wins else "plain"
    medians = [statistics.median(errors) for errors in zip(*result.curve(faster).errors, strict=True)]
    reached = next(step for step, error in zip(result.steps, medians, strict=True) if error <= last[slower])
    if reached == result.steps[-1]:
        return text("caption.oneblock.close", language)
    values = {"steps": result.steps[-1], "reached": reached}
    return text("caption.oneblock.plain" if plain_wins else "caption.oneblock.residual", language, **values)


def _written(error: float) -> str:
    return "0" if error == 0 else f"{error:.2g}"
