"""How the tab **Saliency** is laid out, and what asks for what."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from explorer.app import saliency, saliency_cards, saliency_choice, widgets
from explorer.app.address import PageState, from_query
from explorer.app.events import QUICK, STREAMING
from explorer.app.problems import reported, sentence
from explorer.app.saliency_choice import SaliencyChoice
from explorer.app.saliency_parts import build_parts
from explorer.app.tab import Binding, Tab
from explorer.app.training_layout import hidden
from explorer.attribution_results import METHODS
from explorer.errors import ExplorerError
from explorer.language import text


def build_saliency_tab(state: PageState, language: str) -> Tab:
    """Lay the tab out: picture and nets, method, class and layer, the maps, what the nets answer, and more below."""
    chosen, guard = state.saliency, reported(language)

    def words(key: str) -> str:
        return text(f"look.{key}", language)

    gr.Markdown(words("question"), elem_classes="question")
    picture, upload, camera = _build_picture(chosen, language)
    with gr.Row(elem_id="saliency-nets", elem_classes="choices"):
        weights = gr.Dropdown(
            saliency_choice.weights_choices(chosen.weights, language),
            value=chosen.weights,
            allow_custom_value=True,
            label=words("weights"),
            info=text("look.weights.info", language),
            elem_id="saliency-weights",
        )
        beside = gr.Dropdown(
            saliency_choice.beside_choices(chosen, language),
            value=chosen.beside,
            allow_custom_value=True,
            label=words("beside"),
            info=text("look.beside.info", language),
            elem_id="saliency-beside",
        )
    with gr.Row(elem_id="saliency-options", elem_classes="choices"):
        method = gr.Dropdown(
            [(text(f"saliency.method.{name}", language), name) for name in METHODS],
            value=chosen.method,
            label=words("method"),
            elem_id="saliency-method",
        )
        target = gr.Dropdown(
            [(text("look.class.first", language), "")],
            value="",
            allow_custom_value=True,
            label=words("class"),
            elem_id="saliency-class",
        )
        layer = gr.Dropdown(
            [(text("look.layer.first", language), "")],
            value="",
            allow_custom_value=True,
            label=words("layer"),
            elem_id="saliency-layer",
        )
    claims = gr.HTML(saliency_cards.about(chosen.method, language), apply_default_css=False, elem_id="saliency-about")
    problem = gr.HTML("", apply_default_css=False, elem_id="saliency-problem")
    busy = gr.HTML("", apply_default_css=False, elem_id="saliency-going")
    with gr.Row(elem_id="saliency-buttons"):
        stop = gr.Button(text("train.stop", language), size="sm", visible=False, elem_id="saliency-stop")
        more = gr.Button(words("go"), size="sm", visible=False, elem_id="saliency-go")
    maps = widgets.chart(elem_id="saliency-maps", height=480)
    answers = gr.HTML("", apply_default_css=False, elem_id="saliency-answers")
    request, subject = hidden("saliency-request"), hidden("saliency-subject")
    outputs = [busy, problem, maps, answers, picture, target, layer, subject, stop, more]

    def looked(query: str, visitor: gr.Request) -> Iterator[list[Any]]:
        try:
            asked = from_query(query, ("saliency",)).saliency
            for shown in saliency.stream_saliency(asked, language, str(visitor.session_hash)):
                yield shown.values()
        except ExplorerError as error:
            yield saliency.Shown(problem=widgets.problem(sentence(error, language)), more=True).values()
        except Exception:  # the page says that something is wrong; it must not look as if the work went on
            yield saliency.Shown(more=True).values()
            raise

    def chosen_now(asked: str, visitor: gr.Request) -> None:
        saliency.wanted.choose(str(visitor.session_hash), asked)

    def stopped(visitor: gr.Request) -> None:
        saliency.wanted.choose(str(visitor.session_hash), "")

    request.change(guard(chosen_now), [request], None, **QUICK)  # what is computed for another choice ends
    asking = STREAMING | {"trigger_mode": "multiple"}
    for asked in (request.change, more.click):
        asked(guard(looked), [request], outputs, js="() => [location.search]", **asking)
    stop.click(guard(stopped), None, None, **QUICK)
    features = build_parts(chosen, subject, language)
    bindings = (
        Binding(picture.input, [picture], saliency.choose_picture, problem),
        Binding(upload.upload, [upload], saliency.bring_picture, problem),
        Binding(camera.input, [camera], saliency.take_picture, problem),
        Binding(weights.input, [weights], saliency.choose_weights, problem),
        Binding(beside.input, [beside], saliency.choose_beside, problem),
        Binding(method.input, [method], saliency.choose_method, problem),
        Binding(target.input, [target], saliency.choose_target, problem),
        Binding(layer.input, [layer], saliency.choose_layer, problem),
        Binding(features.input, [features], saliency.choose_features, problem),
    )
    followed = [weights, beside, method, claims, features, request]
    return Tab("saliency", followed, saliency.show, bindings, own=tuple(followed))


def _build_picture(chosen: SaliencyChoice, language: str) -> tuple[gr.Dropdown, gr.UploadButton, gr.Image]:
    """What to look at: a photograph, a file, or the camera where the browser lends it."""

    def words(key: str) -> str:
        return text(f"transfer.use.{key}", language)

    with gr.Row(elem_id="saliency-pictures"):
        picture = gr.Dropdown(
            saliency_choice.picture_choices(chosen.picture, "", (), language),
            value=chosen.picture,
            allow_custom_value=True,
            label=text("look.picture", language),
            elem_id="saliency-picture",
        )
        upload = gr.UploadButton(words("upload"), file_types=["image"], size="sm", elem_id="saliency-upload")
    camera = widgets.camera("saliency", words("camera"), words("no_camera"))
    return picture, upload, camera
