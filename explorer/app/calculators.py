"""The calculators as small lessons: why three 3×3, why bottlenecks, why depthwise separable convolutions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from explorer.analysis.calculators import bottleneck_block, depthwise_separable, stacked_convs
from explorer.app import widgets
from explorer.app.events import QUICK
from explorer.app.problems import reported
from explorer.cost_results import DesignComparison
from explorer.figures.designs import describe_design, design_data, plot_design
from explorer.language import text

Slider = tuple[str, int, int, int, int]
"""A slider as (argument, least, most, step, value)."""


def stacked(count: int, channels: int) -> DesignComparison:
    """The same map throughout, 56 px, as in VGG's third stage."""
    return stacked_convs(3, int(count), int(channels))


def bottleneck(channels: int, reduced: int) -> DesignComparison:
    """More reduced channels than channels would be no bottleneck: they are held down to them."""
    return bottleneck_block(int(channels), min(int(reduced), int(channels)))


def separable(in_channels: int, out_channels: int, kernel: int) -> DesignComparison:
    return depthwise_separable(int(in_channels), int(out_channels), int(kernel))


LESSONS: dict[str, tuple[Callable[..., DesignComparison], tuple[Slider, ...]]] = {
    "stacked": (stacked, (("count", 1, 5, 1, 3), ("channels", 8, 512, 8, 256))),
    "bottleneck": (bottleneck, (("channels", 16, 1024, 16, 256), ("reduced", 8, 512, 8, 64))),
    "separable": (
        separable,
        (("in_channels", 8, 512, 8, 256), ("out_channels", 8, 512, 8, 256), ("kernel", 3, 7, 2, 3)),
    ),
}
"""Each lesson's calculation and its sliders."""


def design_chart(comparison: DesignComparison, language: str) -> str:
    """The chart card of a comparison."""
    data = design_data(comparison)
    caption = f"{describe_design(data, language)} ({comparison.source})"
    return widgets.chart_value(plot_design(data, language), caption, data, "designs", language)


def build_calculators(language: str) -> None:
    """Lay the lessons out, each folded but the first; a chart is drawn when it is first seen."""
    for name, (calculate, sliders) in LESSONS.items():
        with gr.Accordion(text(f"lesson.{name}", language), open=name == "stacked", elem_id=f"lesson-{name}"):
            gr.Markdown(text(f"lesson.{name}.info", language))
            with gr.Row(elem_classes="sliders"):
                inputs = [
                    gr.Slider(
                        least,
                        most,
                        value=value,
                        step=step,
                        label=text(f"lesson.{argument}", language),
                        elem_id=f"{name}-{argument}",
                        buttons=[],
                    )
                    for argument, least, most, step, value in sliders
                ]
            chart = widgets.chart(elem_id=f"chart-{name}", height=240, asks=True)
            redraw = reported(language)(_redraw(calculate, language))
            chart.submit(redraw, inputs, chart, **QUICK)
            for slider in inputs:
                slider.input(redraw, inputs, chart, **QUICK)


def _redraw(calculate: Callable[..., DesignComparison], language: str) -> Callable[..., str]:
    def redraw(*values: Any) -> str:
        return design_chart(calculate(*values), language)

    return redraw
