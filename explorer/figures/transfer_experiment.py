"""Transfer against scratch: accuracy by the number of training pictures, or, of one number alone, by strategy."""

from __future__ import annotations

import statistics

import pandas as pd
import plotly.graph_objects as go

from explorer import units
from explorer.figures import style
from explorer.language import text
from explorer.transfer_results import TransferExperiment

_LOOKS = {
    "scratch": (style.REFERENCE, "dash", "x"),
    "probe": (style.VGG, "solid", "circle"),
    "last": (style.OTHER, "dashdot", "diamond"),
    "layerwise": (style.PLAIN, "dot", "triangle-up"),
    "gradual": (style.PLAIN, "dash", "triangle-down"),
    "all": (style.RESIDUAL, "solid", "square"),
}


def experiment_data(experiment: TransferExperiment) -> pd.DataFrame:
    """One row for each training: strategy, per_class (empty for all), seed, status, accuracy (a share), seconds."""
    fields = ("strategy", "per_class", "seed", "status", "accuracy", "seconds")
    rows = [[getattr(cell, name) for name in fields] for cell in experiment.cells]
    return pd.DataFrame(rows, columns=list(fields)).astype({"per_class": "Int64"})


def plot_experiment(experiment: TransferExperiment, language: str = "en") -> go.Figure:
    """Mean test accuracy over the seeds by training pictures per class, with a band from the worst to the best seed.

    With one amount there are no lines to draw: the strategies stand along an axis instead, each with its seeds.
    """
    return _by_amount(experiment, language) if len(experiment.sizes) > 1 else _by_strategy(experiment, language)


def _by_amount(experiment: TransferExperiment, language: str) -> go.Figure:
    figure = style.figure(400)
    for strategy in experiment.strategies:
        colour, dash, symbol = _LOOKS[strategy]
        points = [
            (_position(experiment, size), found)
            for size in experiment.sizes
            if (found := experiment.accuracies(strategy, size))
        ]
        if not points:
            continue
        x = [position for position, _ in points]
        low, high = [100 * min(found) for _, found in points], [100 * max(found) for _, found in points]
        band = {"fillcolor": colour, "opacity": 0.15, "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False}
        if any(len(found) > 1 for _, found in points):
            figure.add_scatter(x=[*x, *x[::-1]], y=[*high, *low[::-1]], fill="toself", mode="lines", **band)
        figure.add_scatter(
            x=x,
            y=[100 * statistics.mean(found) for _, found in points],
            mode="lines+markers",
            name=text(f"experiment.strategy.{strategy}", language),
            line={"color": colour, "width": 2, "dash": dash},
            marker={"size": 8, "symbol": symbol},
            customdata=[[one, other, len(found)] for one, other, (_, found) in zip(low, high, points, strict=True)],
            hovertemplate=text("experiment.hover", language) + "<extra>%{fullData.name}</extra>",
        )
    ticks = [_position(experiment, size) for size in experiment.sizes]
    figure.update_layout(
        xaxis={
            "title": text("experiment.axis.pictures", language),
            "type": "log",
            "tickvals": ticks,
            "ticktext": [units.exact(round(tick)) for tick in ticks],
        },
        yaxis={"title": text("experiment.axis.accuracy", language), "range": [0, 102]},
        showlegend=True,
        uirevision=experiment.group,
        margin={"t": 48},
    )
    return figure


def _by_strategy(experiment: TransferExperiment, language: str) -> go.Figure:
    """A row for each strategy: a band from the worst to the best seed, a small mark for each, a large one for all."""
    strategies, sizes = experiment.strategies, experiment.sizes
    figure = style.figure(96 + 44 * max(2, len(strategies)))
    for strategy in strategies:
        found = [100 * one for size in sizes for one in experiment.accuracies(strategy, size)]
        if not found:
            continue
        colour, _, symbol = _LOOKS[strategy]
        name, low, high = _name(strategy, language), min(found), max(found)
        if len(found) > 1:
            band = {"color": colour, "width": 14}
            figure.add_scatter(x=[low, high], y=[name] * 2, mode="lines", line=band, opacity=0.2, hoverinfo="skip")
            seeds = {"size": 6, "symbol": f"{symbol}-open", "color": colour}
            figure.add_scatter(x=found, y=[name] * len(found), mode="markers", marker=seeds, hoverinfo="skip")
        figure.add_scatter(
            x=[statistics.mean(found)],
            y=[name],
            mode="markers",
            name=name,
            marker={"size": 12, "symbol": symbol, "color": colour},
            customdata=[[low, high, len(found)]],
            hovertemplate=text("experiment.hover.one", language) + "<extra>%{y}</extra>",
        )
    names = [_name(strategy, language) for strategy in strategies]
    amount = "".join(units.exact(round(_position(experiment, size))) for size in sizes)
    figure.update_layout(
        xaxis={"title": text("experiment.axis.accuracy", language), "range": [0, 102]},
        yaxis={
            "title": text("experiment.axis.strategy", language),
            "type": "category",
            "categoryorder": "array",
            "categoryarray": names,
            "range": [len(names) - 0.5, -0.5],
        },
        annotations=[
            {
                "text": text("experiment.amount", language, size=amount),
                "x": 0,
                "xref": "paper",
                "xanchor": "left",
                "y": 1,
                "yref": "paper",
                "yanchor": "bottom",
                "showarrow": False,
            }
        ],
        showlegend=False,
        uirevision=experiment.group,
    )
    return figure


def describe_experiment(experiment: TransferExperiment, language: str = "en") -> str:
    """For each amount, which strategy is best on average, and whether the seeds let one say so."""
    sentences = []
    for size in experiment.sizes:
        found = {one: experiment.accuracies(one, size) for one in experiment.strategies}
        found = {strategy: values for strategy, values in found.items() if values}
        seeds = set(map(len, found.values()))
        if len(found) < 2 or len(seeds) > 1:  # wait until all have had the same seeds
            continue
        [count] = seeds
        means = {strategy: statistics.mean(values) for strategy, values in found.items()}
        best, *others = sorted(means, key=lambda strategy: -means[strategy])
        close = min(found[best]) <= max(max(found[other]) for other in others)
        listed = []
        for one in others:
            words = {"strategy": _name(one, language), "accuracy": units.percent(means[one])}
            listed.append(text("caption.experiment.other", language, **words))
        verdict = "single" if count == 1 else "close" if close else "best"
        sentences.append(
            text(
                f"caption.experiment.{verdict}",
                language,
                size=units.exact(round(_position(experiment, size))),
                strategy=_name(best, language),
                accuracy=units.percent(means[best]),
                seeds=count,
                others=", ".join(listed),
            )
        )
    return " ".join(sentences)


def _name(strategy: str, language: str) -> str:
    return text(f"experiment.strategy.{strategy}", language)


def _position(experiment: TransferExperiment, size: int | None) -> float:
    """Training pictures of a class; no more than there are."""
    return experiment.most_per_class if size is None else min(size, experiment.most_per_class)
