"""One block operated on: the gradient by depth before and after, and what the net still answers."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from explorer import units
from explorer.figures import style
from explorer.figures.net_titles import net_title
from explorer.flow_results import GradientFlow, LayerFlow
from explorer.language import text
from explorer.surgery_results import Subject, Surgery

_HEIGHT = 380
_ALIKE = 1.1
"""Ratio below which two values are not told apart in words."""


def subject_name(subject: Subject, language: str = "en") -> str:
    """How a net is called in a legend: its title, what of it is not usual, and its weights.

    >>> subject_name(Subject("resnet20 · preact True", "", "photographs", "agreement", 256, 10))
    'ResNet-20 (CIFAR) · pre-activation, initial weights'
    """
    named = net_title(subject.net, language)
    if not subject.weights:
        return text("surgery.initial", language, net=named)
    if subject.weights.startswith("shipped:"):
        return text("surgery.shipped", language, net=named)
    return text("surgery.run", language, net=named, run=subject.weights)


def measured(subject: Subject, language: str = "en") -> str:
    """What is counted, and on which pictures: the title of an axis."""
    return text(f"surgery.{subject.measure}", language, count=subject.pictures, data=subject.dataset)


def surgery_data(before: GradientFlow, after: GradientFlow) -> pd.DataFrame:
    """One row for each layer: layer, depth, and the norm of the gradient in its responses, before and after."""
    rows = [
        (one.layer, one.depth, one.activation_gradient, other.activation_gradient)
        for one, other in zip(before.layers, after.layers, strict=True)
    ]
    return pd.DataFrame(rows, columns=["layer", "depth", "before", "after"])


def plot_surgery(surgery: Surgery, before: GradientFlow, after: GradientFlow, language: str = "en") -> go.Figure:
    """The gradient in the responses by depth, untouched and operated on, on one pair of axes; the block is marked.

    Args:
        surgery: what was done.
        before: flow of the untouched net.
        after: flow of the net that was operated on, on the same pictures.
        language: of the words.
    """
    figure = style.figure(_HEIGHT)
    lines = (("before", before, style.REFERENCE, "dash", "circle"), ("after", after, style.RESIDUAL, "solid", "square"))
    for name, flow, colour, dash, symbol in lines:
        layers = flow.main_path
        figure.add_scatter(
            x=[layer.depth for layer in layers],
            y=[layer.activation_gradient or None for layer in layers],  # a logarithmic axis has no 0
            mode="lines+markers",
            name=text(f"surgery.{name}", language),
            line={"color": colour, "width": 2, "dash": dash},
            marker={"size": 6, "symbol": symbol},
            customdata=[layer.layer for layer in layers],
            hovertemplate="%{customdata}: %{y:.3~g}<extra>%{fullData.name}</extra>",
        )
    inside = [layer.depth for layer in _inside(surgery, before)]
    if inside:
        figure.add_vrect(
            x0=min(inside) - 0.5,
            x1=max(inside) + 0.5,
            fillcolor=style.OTHER,
            opacity=0.18,
            line_width=0,
            annotation_text=surgery.block,
            annotation_position="top left",
        )
    drawn = [layer.activation_gradient for flow in (before, after) for layer in flow.main_path]
    figure.update_layout(
        xaxis={"title": text("flow.axis.depth", language), "rangemode": "tozero"},
        yaxis={
            "title": text("figure.axis.log", language, title=text("flow.axis.activation_gradient", language)),
            **style.logarithmic(drawn),
        },
        showlegend=True,
        margin={"t": 56},
    )
    return figure


def describe_surgery(surgery: Surgery, before: GradientFlow, after: GradientFlow, language: str = "en") -> str:
    """What was done to the block, and what became of answers and gradient; computed from the plotted values."""
    subject = surgery.subject
    values: dict[str, object] = {"block": surgery.block, "number": surgery.number, "total": surgery.blocks}
    done = "kept" if surgery.branch == surgery.shortcut == 1 else "scaled"
    if surgery.branch == 0 and surgery.shortcut == 1:
        done = "dropped"
    values |= {"branch": f"{surgery.branch:g}", "shortcut": f"{surgery.shortcut:g}"}
    sentences = [subject_name(subject, language) + ".", text(f"caption.surgery.{done}", language, **values)]
    shares = {"before": units.percent(surgery.whole), "after": units.percent(surgery.share), "count": subject.pictures}
    sentences.append(text(f"caption.surgery.{subject.measure}", language, **shares, same=units.percent(surgery.same)))
    first, last = before.main_path[0].activation_gradient, after.main_path[0].activation_gradient
    if not first or not last:
        sentences.append(text("caption.surgery.nothing", language))
    elif max(first / last, last / first) < _ALIKE:
        sentences.append(text("caption.surgery.alike", language))
    else:
        key = "larger" if last > first else "smaller"
        times = units.magnitude(max(first / last, last / first))
        sentences.append(text(f"caption.surgery.{key}", language, times=times))
    return " ".join(sentences)


def _inside(surgery: Surgery, flow: GradientFlow) -> list[LayerFlow]:
    return [layer for layer in flow.main_path if layer.layer.startswith(f"{surgery.block}.")]
