"""Linear probes on every stage of a net: accuracy against depth."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go

from explorer import units
from explorer.catalog import find_entry
from explorer.figures import style
from explorer.language import text
from explorer.transfer_results import StageProbe, StageProbes

_FIELDS = ("stage", "depth", "features", "train_accuracy", "validated", "accuracy", "low", "high")
_DASHES = ("solid", "dash", "dot", "dashdot")


def stage_probes_data(results: Sequence[StageProbes]) -> pd.DataFrame:
    """One row for each net and stage: net, weights, and what `StageProbe` has of it."""
    rows = [
        (result.net, result.weights, *(getattr(probe, name) for name in _FIELDS))
        for result in results
        for probe in result.probes
    ]
    return pd.DataFrame(rows, columns=["net", "weights", *_FIELDS])


def plot_stage_probes(results: Sequence[StageProbes], language: str = "en") -> go.Figure:
    """Test accuracy of each stage's probe with its 95 % interval, by the layers before it; chance is grey.

    Args:
        results: probes of one or several nets on the same data; one with initial weights is the control.
        language: of the words.
    """
    figure = style.figure(380)
    for number, result in enumerate(results):
        colour = style.net_colour(result.net) if result.weights else style.OTHER
        probes = result.probes
        figure.add_scatter(
            x=[probe.depth for probe in probes],
            y=[100 * probe.accuracy for probe in probes],
            error_y={
                "array": [100 * (probe.high - probe.accuracy) for probe in probes],
                "arrayminus": [100 * (probe.accuracy - probe.low) for probe in probes],
                "thickness": 1,
                "width": 4,
            },
            mode="lines+markers+text",
            text=[probe.stage for probe in probes] if number == 0 else None,  # the others' points lie below
            textposition="top left",
            name=_name(result, language),
            line={"color": colour, "width": 2, "dash": _DASHES[number % len(_DASHES)]},
            marker={"size": 8},
            customdata=[[probe.stage, probe.features, 100 * probe.train_accuracy] for probe in probes],
            hovertemplate=text("stageprobes.hover", language) + "<extra></extra>",
        )
    if results:
        chance = 100 * results[0].chance
        said = text("stageprobes.chance", language)
        figure.add_hline(y=chance, line={"color": style.REFERENCE, "dash": "dash", "width": 1}, annotation_text=said)
    figure.update_layout(
        xaxis={"title": text("stageprobes.axis.depth", language), "rangemode": "tozero"},
        yaxis={"title": text("stageprobes.axis.accuracy", language), "range": [0, 102]},
        showlegend=True,
        margin={"t": 48},
    )
    return figure


def describe_stage_probes(results: Sequence[StageProbes], language: str = "en") -> str:
    """What the points show, in sentences computed from them: the stage to take, the last one, and the control.

    The stage to take is chosen by the training pictures; where they are too few to choose, it is the best on the test
    pictures.
    """
    sentences = []
    for result in results:
        taken, last = _taken(result), result.probes[-1]
        words = {
            "net": _name(result, language),
            "stage": taken.stage,
            "depth": taken.depth,
            "accuracy": _with_interval(taken),
            "last": _with_interval(last),
        }
        how = "best" if taken.validated is None else "chosen"
        key = _compared(taken, last)
        sentences.append(text(f"caption.stageprobes.{how}.{key}", language, **words))
    trained = [result for result in results if result.weights]
    controls = [result for result in results if not result.weights]
    if trained and controls:
        ours, theirs = _taken(trained[0]), _taken(controls[0])
        gain = ours.accuracy - theirs.accuracy
        gained = "gain" if ours.low > theirs.high else "no_gain"
        sentences.append(text(f"caption.stageprobes.{gained}", language, points=f"{100 * gain:+.1f}"))
    return " ".join(sentences)


def _compared(taken: StageProbe, last: StageProbe) -> str:
    """The stage to take against the deepest one, as far as the test pictures can tell."""
    if taken is last:
        return "last"
    if taken.validated is not None and last.accuracy > taken.high:
        return "worse"
    return "tie" if last.accuracy >= taken.low else "earlier"


def _taken(result: StageProbes) -> StageProbe:
    return result.chosen if result.chosen.validated is not None else result.best


def _name(result: StageProbes, language: str) -> str:
    net = find_entry(result.net.split()[0]).title
    return text("stageprobes.trained" if result.weights else "stageprobes.random", language, net=net)


def _with_interval(probe: StageProbe) -> str:
    return f"{units.percent(probe.accuracy)} ({units.percent(probe.low)} – {units.percent(probe.high)})"
