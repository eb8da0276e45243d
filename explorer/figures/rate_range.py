"""A learning-rate range test: loss against the learning rate, and the rate that it suggests."""

from __future__ import annotations

import math

import pandas as pd
import plotly.graph_objects as go

from explorer.figures import style
from explorer.language import text
from explorer.transfer_results import RateRange


def rate_range_data(result: RateRange) -> pd.DataFrame:
    """One row for each step: lr, loss, smoothed."""
    rows = [(trial.lr, trial.loss, trial.smoothed) for trial in result.trials]
    return pd.DataFrame(rows, columns=["lr", "loss", "smoothed"])


def plot_rate_range(result: RateRange, language: str = "en") -> go.Figure:
    """Loss of each batch, thin, and smoothed, bold, on a logarithmic axis of learning rates."""
    data, figure = rate_range_data(result), style.figure(340)
    for column, width, opacity in (("loss", 1, 0.5), ("smoothed", 3, 1.0)):
        figure.add_scatter(
            x=data["lr"],
            y=data[column],
            mode="lines",
            name=text(f"rates.{column}", language),
            line={"color": style.RESIDUAL, "width": width},
            opacity=opacity,
            hovertemplate="%{x:.2g}: %{y:.3f}<extra>%{fullData.name}</extra>",
        )
    if result.suggestion is not None:
        said = text("rates.suggested", language, lr=f"{result.suggestion:.2g}")
        line = {"color": style.REFERENCE, "dash": "dash", "width": 1}
        figure.add_vline(x=result.suggestion, line=line)
        # An annotation's place on a logarithmic axis is an exponent, a line's is a value.
        place = {"x": math.log10(result.suggestion), "xanchor": "right", "y": 1, "yref": "paper", "yanchor": "bottom"}
        figure.add_annotation(text=said, showarrow=False, **place)
    figure.update_layout(
        xaxis={"title": text("rates.axis.lr", language), "type": "log", "exponentformat": "power"},
        yaxis={"title": text("rates.axis.loss", language), "rangemode": "tozero"},
        showlegend=True,
        margin={"t": 48},
    )
    return figure


def describe_rate_range(result: RateRange, language: str = "en") -> str:
    """Where the smoothed loss is smallest, and what follows; computed from the plotted values."""
    if not result.trials:
        return ""
    best = min(result.trials, key=lambda trial: trial.smoothed)
    words = {"first": f"{result.trials[0].smoothed:.2f}", "best": f"{best.smoothed:.2f}", "at": f"{best.lr:.2g}"}
    if result.suggestion is None:
        return text("caption.rates.none", language, **words)
    return text("caption.rates.found", language, **words, lr=f"{result.suggestion:.2g}")
