"""A trained net tried on a picture: its five most probable classes as bars."""

from __future__ import annotations

import base64
import functools
import html
import io
from typing import Any

import gradio as gr
from PIL import Image

from explorer import units
from explorer.app import training_store, widgets
from explorer.app.events import QUICK, STREAMING
from explorer.app.problems import reported, sentence
from explorer.errors import ConfigError, ExplorerError
from explorer.language import text
from explorer.pictures import PHOTOGRAPHS, Pixels, photograph, read_picture, square

_THUMB = 160
_TOP = 5
_MOST_RUNS = 40
_SHIPPED, _RUN = "shipped:", "run:"


def answering(start: str, language: str) -> list[tuple[str, str]]:
    """The nets that can be asked: the one that is started from, and finished runs, the newest first."""
    listed = []
    if start.startswith(_SHIPPED):
        net = start.removeprefix(_SHIPPED)
        listed.append((text("transfer.use.source", language, net=net), start))
    for run in training_store.store().list()[:_MOST_RUNS]:
        if run.status == "finished" and run.best_epoch:
            way = text(f"experiment.strategy.{run.train.strategy if run.train.start_from else 'scratch'}", language)
            words = [run.name, way]
            if run.train.subset is not None:
                words.append(text("transfer.per_class", language, count=run.train.subset))
            listed.append((" · ".join(words), f"{_RUN}{run.run_id}"))
    return listed


def answer_html(net: str, picture: Pixels, language: str) -> str:
    """What a net says of a picture: the picture as the net sees it, and its most probable classes.

    Raises:
        ExplorerError: the net is not there any more.
    """
    from explorer.training.predicting import predict

    trained = _trained(net.removeprefix(_RUN))
    [found] = predict(trained, [picture], top=_TOP, device="cpu")
    rows = "".join(_row(name, share) for name, share in found)
    shown = Image.fromarray(square(picture, _THUMB))
    stream = io.BytesIO()
    shown.save(stream, "PNG")
    source = "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode()
    alt = html.escape(text("transfer.use.seen", language))
    return (
        f'<figure class="answers"><img alt="{alt}" src="{source}" width="{_THUMB}" height="{_THUMB}">'
        f"<table><tbody>{rows}</tbody></table></figure>"
    )


def _row(name: str, share: float) -> str:
    bar = f'<td class="bar-cell"><i style="width:{100 * share:.1f}%"></i></td>'
    return f'<tr><th scope="row">{html.escape(name)}</th>{bar}<td>{units.percent(share)}</td></tr>'


@functools.lru_cache(maxsize=8)
def _trained(weights: str) -> Any:
    from explorer.training.trained import load_trained

    return load_trained(weights, training_store.store())


def build_predictions(start: gr.Dropdown, language: str) -> gr.Dropdown:
    """Lay it out: which net (which is returned), which picture, the answer."""
    with gr.Row(elem_id="use-choices", elem_classes="choices"):
        net = gr.Dropdown([], label=text("transfer.use.net", language), elem_id="use-net")
        sample = gr.Dropdown(
            [(text(f"photo.{name}", language), name) for name in PHOTOGRAPHS],
            value=next(iter(PHOTOGRAPHS)),
            label=text("transfer.use.photograph", language),
            elem_id="use-photograph",
        )
    with gr.Row(elem_id="use-buttons"):
        ask = gr.Button(text("transfer.use.ask", language), size="sm", elem_id="use-ask")
        upload = gr.UploadButton(
            text("transfer.use.upload", language), file_types=["image"], size="sm", elem_id="use-upload"
        )
    problem = gr.HTML("", apply_default_css=False, elem_id="use-problem")
    answers = gr.HTML("", apply_default_css=False, elem_id="use-answers")
    guard = reported(language)

    def listed(chosen: str, now: str | None) -> Any:
        there = answering(chosen or "", language)
        known = [value for _, value in there]
        return gr.update(choices=there, value=now if now in known else known[0] if known else None)

    def asked(chosen: str | None, name: str) -> tuple[Any, str]:
        return _said(chosen, lambda: photograph(name), language)

    def brought(chosen: str | None, file: str) -> tuple[Any, str]:
        return _said(chosen, lambda: read_picture(file), language)

    net.focus(guard(listed), [start, net], [net], **QUICK)
    ask.click(guard(asked), [net, sample], [answers, problem], **STREAMING)
    upload.upload(guard(brought), [net, upload], [answers, problem], **STREAMING)
    return net


def _said(net: str | None, picture: Any, language: str) -> tuple[Any, str]:
    try:
        if not net:
            raise ConfigError("No net is chosen: choose one first.", key="no_net_to_ask")
        return answer_html(net, picture(), language), ""
    except ExplorerError as error:
        return gr.skip(), widgets.problem(sentence(error, language))
