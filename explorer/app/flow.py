"""Tab **Gradient flow**: signal and gradient by depth, the "1 +" of the identity, and net after net of every depth."""

from __future__ import annotations

import functools
import html
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import gradio as gr

from explorer.app import flow_choice, training_store, widgets
from explorer.app.address import PageState, from_query
from explorer.app.events import QUICK, STREAMING
from explorer.app.flow_choice import INITS, NORMS, SHIPPED, FlowChoice, read_nets, run_of
from explorer.app.flow_history import build_history, history_shown
from explorer.app.problems import reported, sentence
from explorer.app.progressive import Report, progressive
from explorer.app.tab import Binding, Tab
from explorer.app.training_layout import hidden
from explorer.cards import shipped_card
from explorer.catalog import find_entry
from explorer.config import ModelConfig
from explorer.errors import ConfigError, ExplorerError
from explorer.figures.depth_sweep import Quantity, depth_sweep_data, describe_depth_sweep, plot_depth_sweep
from explorer.figures.gradient_flow import QUANTITIES, describe_flow, flow_data, flow_name, plot_flow
from explorer.figures.identity_flow import describe_identity, identity_data, plot_identity
from explorer.figures.layer_responses import describe_layer_responses, layer_responses_data, plot_layer_responses
from explorer.flow_results import DepthPoint, GradientFlow, IdentityFlow, LayerResponses
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
    """Measure net after net; the charts once all are there.

    Raises:
        ExplorerError: a net is not there, or its layers cannot be told apart.
    """
    going = progressive(lambda report: _measured(chosen, report))
    while True:
        try:
            share, _ = next(going)
        except StopIteration as end:
            flows, identities = end.value
            yield _flow_card(flows, chosen.quantity, language), _identity_card(identities, language), ""
            return
        yield "", "", widgets.busy(share, text("flow.busy", language))


def _measured(chosen: FlowChoice, report: Report) -> tuple[list[GradientFlow], list[IdentityFlow]]:
    flows, identities = [], []
    for number, net in enumerate(chosen.nets):
        flow, identity = _flows(net, chosen.norm, chosen.init)
        flows.append(flow)
        if identity is not None:
            identities.append(identity)
        report((number + 1) / len(chosen.nets), "")
    return flows, identities


def _flows(net: str, norm: str, init: str) -> tuple[GradientFlow, IdentityFlow | None]:
    run = run_of(net)
    if run.startswith(SHIPPED):
        card = shipped_card(run.removeprefix(SHIPPED))
        return _computed(card.model, run, str(is_available(card.dataset)))  # its data may be fetched meanwhile
    if run:
        found = training_store.store().get(run)  # one that was trained on may have other weights now
        return _computed(found.model, found.name, f"{run} {found.best_epoch}")
    return _computed(read_net(net).replace(norm=norm, init=init), "", "")


@functools.lru_cache(maxsize=64)
def _computed(model: ModelConfig, run: str, state: str) -> tuple[GradientFlow, IdentityFlow | None]:
    """Of the same net and weights the answer is the same."""
    from explorer.lessons.flow import flow_of, identity_of

    store = training_store.store()
    flow = flow_of(model, run=run, pictures=_PICTURES, store=store)
    try:
        return flow, identity_of(model, run=run, pictures=_PICTURES, store=store)
    except ConfigError as error:
        if error.key not in ("flow_no_shortcut", "flow_no_labels"):
            raise
        return flow, None


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


def _identity_card(identities: list[IdentityFlow], language: str) -> str:
    """Of the first residual net."""
    if not identities:
        return ""
    flow = identities[0]
    data = identity_data(flow)[["block", "kind", "input", "through_shortcut", "through_branch", "cosine"]]
    return widgets.chart_value(
        plot_identity(flow, language), describe_identity(flow, language), data, "identity_flow", language
    )


def stream_sweep(language: str) -> Iterator[Charts]:
    """Gradient and signal by depth, drawn anew with every depth: the shape first, then what lies between."""
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
            elem_id="flow-norm",
        )
        init = gr.Radio(list(INITS), value=chosen.init, label=words("init"), elem_id="flow-init")
    problem = gr.HTML("", apply_default_css=False, elem_id="flow-problem")
    going = gr.HTML("", apply_default_css=False, elem_id="flow-going")
    curves = widgets.chart(elem_id="flow-curves", height=440)
    gr.Markdown(f"### {words('sources')}", elem_classes="step")
    gr.HTML(_sources(language), apply_default_css=False)
    gr.Markdown(f"### {words('identity')}\n{text('flow.identity.info', language)}", elem_classes="step")
    parts = widgets.chart(elem_id="flow-identity", height=400)
    gr.Markdown(f"### {text('sweep.title', language)}\n{text('sweep.info', language)}", elem_classes="step")
    sweep = gr.Button(text("sweep.go", language), size="sm", elem_id="flow-sweep")
    sweeping = gr.HTML("", apply_default_css=False, elem_id="flow-sweeping")
    ratios = widgets.chart(elem_id="flow-ratios", height=380)
    signals = widgets.chart(elem_id="flow-signals", height=380)
    gr.Markdown(f"### {text('responses.title', language)}\n{text('responses.info', language)}", elem_classes="step")
    responding = gr.HTML("", apply_default_css=False, elem_id="flow-responding")
    responses = widgets.chart(elem_id="flow-responses", height=620)
    history, history_empty, maps = build_history(chosen, language)
    request = hidden("flow-request")

    def measured(query: str) -> Iterator[tuple[Any, Any, Any, Any]]:
        try:
            for shown in stream_flow(from_query(query, ("flow",)).flow, language):
                chart, identity, busy = shown
                yield (gr.skip() if busy else chart, gr.skip() if busy else identity, busy, "")
        except ExplorerError as error:
            yield gr.skip(), gr.skip(), "", widgets.problem(sentence(error, language))

    def swept() -> Iterator[tuple[Any, Any, Any]]:
        for ratio, signal, busy in stream_sweep(language):
            yield ratio or gr.skip(), signal or gr.skip(), busy

    def responded() -> Iterator[tuple[Any, Any]]:
        for shown, busy in stream_responses(language):
            yield shown or gr.skip(), busy

    responses.submit(guard(responded), None, [responses, responding], **STREAMING | {"trigger_mode": "once"})
    for look in (sweep.click, ratios.submit):  # the chart asks by itself when it is seen empty
        look(guard(swept), None, [ratios, signals, sweeping], **STREAMING | {"trigger_mode": "once"})
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
