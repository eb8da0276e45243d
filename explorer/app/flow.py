"""Tab **Gradient flow**: signal and gradient by depth, the "1 +" of the identity, and net after net of every depth."""

from __future__ import annotations

import functools
import html
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import gradio as gr

from explorer.app import flow_choice, training_store, widgets
from explorer.app.address import PageState, from_query
from explorer.app.events import QUICK, STREAMING
from explorer.app.flow_choice import INITS, NORMS, SHIPPED, FlowChoice, read_nets, run_of
from explorer.app.flow_history import build_history, history_shown
from explorer.app.flow_trends import build_trends
from explorer.app.problems import reported, sentence
from explorer.app.tab import Binding, Tab
from explorer.app.training_layout import hidden
from explorer.cards import shipped_card
from explorer.config import ModelConfig
from explorer.errors import ConfigError, ExplorerError
from explorer.figures.gradient_flow import QUANTITIES, describe_flow, flow_data, flow_name, plot_flow
from explorer.figures.identity_flow import describe_identity, identity_data, plot_identity
from explorer.flow_results import GradientFlow, IdentityFlow
from explorer.language import text
from explorer.options import read_net
from explorer.training.data import is_available

_PICTURES = 32
"""In the batch: what is to be seen is seen with as many, and soon."""

Charts = tuple[str, str, str]
"""Flow, identity and what goes on."""

# ---------------------------------------------------------------- what is shown


def show(state: PageState, language: str) -> list[Any]:
    """What follows the address; the charts come when the page asks for them, which it does at once."""
    chosen = state.flow
    return [
        gr.update(value=list(chosen.nets), choices=flow_choice.choices(chosen.nets, language)),
        gr.update(value=chosen.norm),
        gr.update(value=chosen.init),
        gr.update(value=chosen.quantity),
        gr.update(value=chosen.history),
        repr(chosen),
    ]


def stream_flow(chosen: FlowChoice, language: str) -> Iterator[Charts]:
    """Measure net after net; the gradient by depth once all are there, then the split at every block.

    Raises:
        ExplorerError: a net is not there, or its layers cannot be told apart.
    """
    for number in range(len(chosen.nets)):
        yield "", "", widgets.busy(number / len(chosen.nets), text("flow.busy", language))
        _flow(chosen, number)
    flows = [_flow(chosen, number) for number in range(len(chosen.nets))]
    curves = _flow_card(flows, chosen.quantity, language)
    yield curves, "", widgets.busy(1.0, text("flow.busy", language))
    yield curves, _identity_card(_identities(chosen), language), ""


def _flow(chosen: FlowChoice, number: int) -> GradientFlow:
    return _flow_of(*_subject(chosen.nets[number], chosen.norm, chosen.init))


def _identities(chosen: FlowChoice) -> Iterator[IdentityFlow]:
    for net in chosen.nets:
        identity = _identity_of(*_subject(net, chosen.norm, chosen.init))
        if identity is not None:
            yield identity


def _subject(net: str, norm: str, init: str) -> tuple[ModelConfig, str, str]:
    """The net, the weights that it takes, and what these depend on."""
    run = run_of(net)
    if run.startswith(SHIPPED):
        card = shipped_card(run.removeprefix(SHIPPED))
        return card.model, run, str(is_available(card.dataset))  # its data may be fetched meanwhile
    if run:
        found = training_store.store().get(run)  # one that was trained on may have other weights now
        return found.model, found.name, f"{run} {found.best_epoch}"
    return read_net(net).replace(norm=norm, init=init), "", ""


@functools.lru_cache(maxsize=64)
def _flow_of(model: ModelConfig, run: str, state: str) -> GradientFlow:
    """Of the same net and weights the answer is the same."""
    from explorer.lessons.flow import flow_of

    return flow_of(model, run=run, pictures=_PICTURES, store=training_store.store())


@functools.lru_cache(maxsize=64)
def _identity_of(model: ModelConfig, run: str, state: str) -> IdentityFlow | None:
    """None of a net without shortcuts, or on pictures without labels."""
    from explorer.lessons.flow import identity_of

    try:
        return identity_of(model, run=run, pictures=_PICTURES, store=training_store.store())
    except ConfigError as error:
        if error.key not in ("flow_no_shortcut", "flow_no_labels"):
            raise
        return None


def _flow_card(flows: list[GradientFlow], quantity: str, language: str) -> str:
    data = flow_data(flows)
    names = {(flow.net, flow.weights): flow_name(flow, language) for flow in flows}
    data = data.assign(net=[names[pair] for pair in zip(data["net"], data["weights"], strict=True)])
    shown = data[["net", "layer", "depth", quantity]]
    caption = f"{describe_flow(flows, quantity, language)} {_batches(flows, language)}"
    return widgets.chart_value(plot_flow(flows, quantity, language), caption, shown, "gradient_flow", language)


def _batches(flows: list[GradientFlow], language: str) -> str:
    """On which pictures it was measured; which net on which, where they are not the same for all."""
    seen: dict[str, list[GradientFlow]] = {}
    for flow in flows:
        seen.setdefault(flow.dataset, []).append(flow)
    said = []
    for data, those in seen.items():
        values = {"pictures": those[0].pictures, "data": data, "seed": those[0].seed}
        if len(seen) == 1:
            said.append(text("caption.flow.batch", language, **values))
        else:
            nets = ", ".join(flow_name(flow, language) for flow in those)
            said.append(text("caption.flow.batch_of", language, nets=nets, **values))
    return " ".join(said)


def _identity_card(identities: Iterator[IdentityFlow], language: str) -> str:
    """Of the first residual net."""
    flow = next(identities, None)
    if flow is None:
        return ""
    data = identity_data(flow)[["block", "kind", "input", "through_shortcut", "through_branch", "cosine"]]
    caption = describe_identity(flow, language)
    if next(identities, None) is not None:
        caption = f"{caption} {text('flow.identity.first', language)}"
    return widgets.chart_value(plot_identity(flow, language), caption, data, "identity_flow", language)


# ---------------------------------------------------------------- choices


def choose_nets(state: PageState, nets: list[str] | None) -> PageState:
    """The nets that are shown beside each other."""
    return replace(state, flow=replace(state.flow, nets=read_nets(nets or [])))


def choose_norm(state: PageState, norm: str) -> PageState:
    return replace(state, flow=replace(state.flow, norm=norm))


def choose_init(state: PageState, init: str) -> PageState:
    return replace(state, flow=replace(state.flow, init=init))


def choose_quantity(state: PageState, quantity: str) -> PageState:
    return replace(state, flow=replace(state.flow, quantity=quantity))


def choose_history(state: PageState, quantity: str) -> PageState:
    return replace(state, flow=replace(state.flow, history=quantity))


# ---------------------------------------------------------------- the tab


def build_flow_tab(state: PageState, language: str) -> Tab:
    """Lay the tab out; the charts stream in."""
    chosen, guard = state.flow, reported(language)

    def words(key: str) -> str:
        return text(f"flow.{key}", language)

    gr.Markdown(words("question"), elem_classes="question")
    with gr.Row(elem_id="flow-choices", elem_classes="choices"):
        nets = gr.Dropdown(
            flow_choice.choices(chosen.nets, language),
            value=list(chosen.nets),
            multiselect=True,
            allow_custom_value=True,
            label=words("nets"),
            info=text("flow.nets.info", language),
            elem_id="flow-nets",
        )
        quantity = gr.Dropdown(
            [(text(f"flow.axis.{name}", language), name) for name in QUANTITIES],
            value=chosen.quantity,
            label=words("quantity"),
            info=text("flow.quantity.info", language),
            elem_id="flow-quantity",
        )
    with gr.Row(elem_id="flow-options", elem_classes="choices"):
        norm = gr.Radio(
            [(text(f"flow.norm.{name}", language), name) for name in NORMS],
            value=chosen.norm,
            label=words("norm"),
            info=text("flow.norm.info", language),
            elem_id="flow-norm",
        )
        init = gr.Radio(
            [(text(f"choice.init.{name}", language), name) for name in INITS],
            value=chosen.init,
            label=words("init"),
            info=text("flow.init.info", language),
            elem_id="flow-init",
        )
    problem = gr.HTML("", apply_default_css=False, elem_id="flow-problem")
    going = gr.HTML("", apply_default_css=False, elem_id="flow-going")
    curves = widgets.chart(elem_id="flow-curves", height=440)
    gr.Markdown(f"### {words('sources')}", elem_classes="step")
    gr.HTML(_sources(language), apply_default_css=False)
    gr.Markdown(f"### {words('identity')}\n{text('flow.identity.info', language)}", elem_classes="step")
    parts = widgets.chart(elem_id="flow-identity", height=400)
    build_trends(language)
    history, history_empty, maps = build_history(chosen, language)
    request = hidden("flow-request")

    def measured(query: str) -> Iterator[tuple[Any, Any, Any, Any]]:
        try:
            for shown in stream_flow(from_query(query, ("flow",)).flow, language):
                chart, identity, busy = shown
                yield (chart or gr.skip(), gr.skip() if busy else identity, busy, "")
        except ExplorerError as error:
            yield gr.skip(), gr.skip(), "", widgets.problem(sentence(error, language))

    request.change(
        guard(measured), [request], [curves, parts, going, problem], js="() => [location.search]", **STREAMING
    )

    def remembered(query: str) -> tuple[Any, Any]:
        try:
            return history_shown(from_query(query, ("flow",)).flow, language)
        except ExplorerError as error:
            return gr.update(visible=False), widgets.problem(sentence(error, language))

    request.change(guard(remembered), [request], [maps, history_empty], js="() => [location.search]", **QUICK)
    bindings = (
        Binding(nets.input, [nets], choose_nets, problem),
        Binding(quantity.input, [quantity], choose_quantity, problem),
        Binding(norm.input, [norm], choose_norm, problem),
        Binding(init.input, [init], choose_init, problem),
        Binding(history.input, [history], choose_history, problem),
    )
    outputs = [nets, norm, init, quantity, history, request]
    return Tab("flow", outputs, show, bindings, own=tuple(outputs))


def _sources(language: str) -> str:
    """Where the sources disagree: both, and what is measured here decides."""
    said = "".join(f"<li>{html.escape(text(f'flow.source.{name}', language))}</li>" for name in ("paper", "notes"))
    return f'<ul class="plain">{said}</ul><p class="note">{html.escape(text("flow.source.verdict", language))}</p>'
