"""In the Gradient flow tab: net after net of every depth, and how strongly the layers of trained nets respond."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from typing import Any

import gradio as gr

from explorer.app import widgets
from explorer.app.events import STREAMING
from explorer.app.flow_choice import SHIPPED
from explorer.app.problems import reported
from explorer.app.progressive import Report, progressive
from explorer.cards import shipped_card
from explorer.catalog import find_entry
from explorer.figures.depth_sweep import Quantity, depth_sweep_data, describe_depth_sweep, plot_depth_sweep
from explorer.figures.layer_responses import describe_layer_responses, layer_responses_data, plot_layer_responses
from explorer.flow_results import DepthPoint, LayerResponses
from explorer.language import text
from explorer.training.data import is_available

_PICTURES = 32
"""In the batch: what is to be seen is seen with as many, and soon."""


def build_trends(language: str) -> None:
    """Lay both sections out; the charts ask by themselves when they are seen empty."""
    guard = reported(language)
    gr.Markdown(f"### {text('sweep.title', language)}\n{text('sweep.info', language)}", elem_classes="step")
    sweep = gr.Button(text("sweep.go", language), size="sm", elem_id="flow-sweep")
    sweeping = gr.HTML("", apply_default_css=False, elem_id="flow-sweeping")
    ratios = widgets.chart(elem_id="flow-ratios", height=380, asks=True)
    signals = widgets.chart(elem_id="flow-signals", height=380, asks=True)
    gr.Markdown(f"### {text('responses.title', language)}\n{text('responses.info', language)}", elem_classes="step")
    responding = gr.HTML("", apply_default_css=False, elem_id="flow-responding")
    responses = widgets.chart(elem_id="flow-responses", height=620, asks=True)

    def swept() -> Iterator[tuple[Any, Any, Any]]:
        for ratio, signal, busy in stream_sweep(language):
            yield ratio or gr.skip(), signal or gr.skip(), busy

    def responded() -> Iterator[tuple[Any, Any]]:
        for shown, busy in stream_responses(language):
            yield shown or gr.skip(), busy

    once = STREAMING | {"trigger_mode": "once"}
    for look in (sweep.click, ratios.submit):
        look(guard(swept), None, [ratios, signals, sweeping], **once)
    responses.submit(guard(responded), None, [responses, responding], **once)


def stream_sweep(language: str) -> Iterator[tuple[str, str, str]]:
    """Gradient and signal by depth and what goes on, drawn anew with every depth: the shape first, then the rest."""
    from explorer.lessons.depth_sweep import DEPTHS, KINDS, NORMS

    total, at_once = len(DEPTHS) * len(KINDS) * len(NORMS), len(KINDS) * len(NORMS)
    going = progressive(lambda report: _swept(report, total))
    shown, done = 0, 0
    while True:
        try:
            share, _ = next(going)
        except StopIteration as end:
            yield *_sweep_cards(end.value, language), ""
            return
        done = round(share * total)
        busy = widgets.busy(share, text("sweep.busy", language, done=done, total=total))
        if done - shown >= 2 * at_once:  # two depths more
            shown = done
            yield *_sweep_cards(_points[:done], language), busy
        else:
            yield "", "", busy


_points: list[DepthPoint] = []
"""What has been measured so far: it is the same for everybody, and measured once."""

_sweeping = threading.Lock()


def _swept(report: Report, total: int) -> list[DepthPoint]:
    from explorer.lessons.depth_sweep import depth_sweep

    with _sweeping:
        if len(_points) < total:
            _points.clear()
            for point in depth_sweep():
                _points.append(point)
                report(len(_points) / total, "")
        return list(_points)


def _sweep_cards(points: list[DepthPoint], language: str) -> tuple[str, str]:
    data = depth_sweep_data(points)
    cards = []
    quantities: tuple[Quantity, ...] = ("ratio", "signal")
    for quantity in quantities:
        caption = describe_depth_sweep(points, quantity, language)
        shown = data[["kind", "norm", "depth", quantity]]
        figure = plot_depth_sweep(points, quantity, language)
        cards.append(widgets.chart_value(figure, caption, shown, f"depth_{quantity}", language))
    return cards[0], cards[1]


def stream_responses(language: str) -> Iterator[tuple[str, str]]:
    """How strongly the layers of the shipped nets respond, drawn anew with every net: chart and what goes on."""
    from explorer.lessons.flow import RESPONSE_NETS

    found = []
    for number, net in enumerate(RESPONSE_NETS, start=1):
        yield "", widgets.busy((number - 1) / len(RESPONSE_NETS), text("responses.busy", language))
        found.append(_responses(net, is_available(shipped_card(net.removeprefix(SHIPPED)).dataset)))
        figure, caption = plot_layer_responses(found, language), describe_layer_responses(found, language)
        data = layer_responses_data(found)[["net", "layer", "depth", "std", "by_norm", "rank"]]
        data["net"] = [find_entry(net).title for net in data["net"]]
        data = data.rename(columns={"depth": "layer_number"})
        yield widgets.chart_value(figure, caption, data, "layer_responses", language), ""


@functools.lru_cache(maxsize=16)
def _responses(net: str, own: bool) -> LayerResponses:
    """The same for everybody, until the net's own data is there."""
    from explorer.lessons.flow import responses_of

    return responses_of(net, pictures=_PICTURES)
