"""A trained net understood: what it confuses, where it is wrong and sure, its features before and after training."""

from __future__ import annotations

import html
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import gradio as gr

from explorer import units
from explorer.app import training_data, training_store, widgets
from explorer.app.events import EXAMINING, QUICK
from explorer.app.predictions import answering
from explorer.app.problems import reported, sentence
from explorer.app.progressive import Report, progressive
from explorer.app.training_layout import hidden
from explorer.cards import shipped_cards
from explorer.errors import ConfigError, ExplorerError, UnknownNameError
from explorer.examination_results import METHODS, Examination, Method, Projection
from explorer.figures.confusion import confusion_data, describe_confusion, plot_confusion
from explorer.figures.examination_html import classes_html, mistakes_html, sentences_html
from explorer.figures.examined import describe_examination
from explorer.figures.projection import describe_projection, plot_projection, projection_data
from explorer.figures.weights_titles import weights_title
from explorer.language import text
from explorer.lessons.sentences import data_title
from explorer.run_results import Run
from explorer.training.data import is_available
from explorer.training.datasets import DATASETS
from explorer.training.projecting import MOST_PICTURES

_SHIPPED, _RUN = "shipped:", "run:"
_MISTAKES = 12
_MOST_TESTED = 5000
"""Test pictures that are examined on the page; of more, so many are drawn, each as likely as any other."""

_DOING = {
    "reading pictures": "reading",
    "testing": "testing",
    "computing features": "features",
    "projecting": "projecting",
}
_T = TypeVar("_T")


class _LeftError(Exception):
    """Nobody waits any more: the work ends."""


@dataclass(frozen=True)
class Shown:
    """What the page shows, in the order of its parts; what is None stays as it is."""

    busy: str | None = None
    problem: str | None = None
    summary: str | None = None
    confusion: str | None = None
    classes: str | None = None
    mistakes: str | None = None
    projection: str | None = None
    examined: str | None = None

    def values(self) -> list[Any]:
        """For the page: the parts, then the choice of method and the Stop button, each visible while it is of use."""
        parts = (self.busy, self.problem, self.summary, self.confusion, self.classes, self.mistakes, self.projection)
        method = gr.skip() if self.examined is None else gr.update(visible=bool(self.examined))
        stop = gr.skip() if self.busy is None else gr.update(visible=bool(self.busy))
        return [*(gr.skip() if part is None else part for part in (*parts, self.examined)), method, stop]


# ---------------------------------------------------------------- which nets


def examinable(owner: str, language: str) -> list[tuple[str, str]]:
    """The nets that can be examined: finished runs, the newest first, and shipped nets whose data is here.

    Examining shows pictures of the data: where the app is shared, of pictures that somebody brought only to them.
    """
    there = answering("", language)
    testable = {f"{_SHIPPED}{card.name}" for card in shipped_cards() if is_available(card.dataset)}
    testable |= {f"{_RUN}{run.run_id}" for run in training_store.store().list() if may_be_seen(run, owner)}
    found = [one for one in there if one[1] in testable]
    return sorted(found, key=lambda one: not one[1].startswith(_RUN))


def may_be_seen(run: Run, owner: str) -> bool:
    """Whether a visitor may see the pictures that a run has learned from."""
    own = bool(owner) and run.owner == owner
    return own or run.train.dataset in DATASETS or training_data.own_folders_allowed()


def listed(now: str | None, owner: str, language: str) -> Any:
    """The choice of nets as it is now; what is chosen stays."""
    there = examinable(owner, language)
    known = [value for _, value in there]
    return gr.update(choices=there, value=now if now in known else known[0] if known else None)


# ---------------------------------------------------------------- the work


def stream_examination(net: str | None, method: str, owner: str, language: str) -> Iterator[list[Any]]:
    """Test the net and show what came out, then project its features; what goes wrong is said, what is there stays."""
    try:
        weights, name = _weights(net, owner)
        found = yield from _worked(lambda report: _examined(weights, name, report), language)
        yield examined(found, net or "", language).values()
        yield from _stream_projected(weights, method, language)
    except ExplorerError as error:
        yield Shown(busy="", problem=widgets.problem(sentence(error, language))).values()
    except Exception:  # the page says that something is wrong; it must not look as if the work went on
        yield Shown(busy="").values()
        raise


def stream_projection(net: str, method: str, owner: str, language: str) -> Iterator[list[Any]]:
    """Project the features of the net that is shown in another way."""
    try:
        if net:
            yield from _stream_projected(_weights(net, owner)[0], method, language)
    except ExplorerError as error:
        yield Shown(busy="", problem=widgets.problem(sentence(error, language))).values()
    except Exception:
        yield Shown(busy="").values()
        raise


def _stream_projected(weights: str, method: str, language: str) -> Iterator[list[Any]]:
    way: Method = "tsne" if method == "tsne" else "pca"
    found = yield from _worked(lambda report: _projected(weights, way, report), language)
    yield Shown(busy="", problem="", projection=projection_card(found, language)).values()


def _worked(work: Callable[[Report], _T], language: str) -> Generator[list[Any], None, _T]:
    """Run `work`, show how far it is, and return what it gives; it ends soon after nobody waits any more."""
    left = threading.Event()

    def run(report: Report) -> _T:
        def tell(share: float, what: str) -> None:
            if left.is_set():
                raise _LeftError
            report(share, what)

        return work(tell)

    going = progressive(run)
    try:
        while True:
            try:
                share, what = next(going)
            except StopIteration as end:
                result: _T = end.value
                return result
            words = text(f"understand.busy.{_DOING.get(what, 'reading')}", language)
            yield Shown(busy=widgets.busy(share, words), problem="").values()
    finally:
        left.set()


def _weights(net: str | None, owner: str) -> tuple[str, str]:
    """What `load_trained` takes, of a run its id (there may be a file of its name), and what the page calls it."""
    if not net:
        raise ConfigError("No net is chosen: choose one first.", key="no_net_to_ask")
    if not net.startswith(_RUN):
        return net, net
    run = training_store.store().get(net.removeprefix(_RUN))
    if not may_be_seen(run, owner):
        message = f"{run.name} has learned pictures that another visitor brought: choose another net."
        raise ConfigError(message, key="run_of_others", name=run.name)
    return run.run_id, run.name


def _examined(weights: str, name: str, report: Report) -> Examination:
    from explorer.training.examining import examine
    from explorer.training.trained import load_trained

    trained = replace(load_trained(weights, training_store.store()), source=name)
    return examine(trained, mistakes=_MISTAKES, most=_MOST_TESTED, on_progress=report)


def _projected(weights: str, method: Method, report: Report) -> Projection:
    from explorer.training.projecting import before_training, project_features
    from explorer.training.trained import load_trained

    store = training_store.store()
    before, after = before_training(weights, store), load_trained(weights, store)
    with suppress(UnknownNameError):  # a run is known by its name, not by its id
        before = replace(before, source=store.get(before.source).name if before.source else "")
    return project_features(before, after, method=method, on_progress=report)


# ---------------------------------------------------------------- what is shown


def examined(found: Examination, net: str, language: str) -> Shown:
    """An examination on the page; the projection that was there before is another net's, and goes."""
    said = describe_examination(found, language, pairs=False)
    title = text(
        "examine.title", language, net=weights_title(found.weights, language), data=data_title(found.dataset, language)
    )
    figure = html.escape(units.percent(found.accuracy))
    between = f"{units.percent(found.low)} – {units.percent(found.high)}"
    summary = (
        f'<section class="examined"><h4>{html.escape(title)}</h4><p class="figure">{figure} '
        f"<small>{html.escape(between)}</small></p>{sentences_html(said)}</section>"
    )
    chart = widgets.chart_value(
        plot_confusion(found, language),
        describe_confusion(found, language),
        confusion_data(found),
        f"confusion-{found.weights.replace(':', '-')}",
        language,
    )
    return Shown(
        problem="",
        summary=summary,
        confusion=chart,
        classes=_part(text("examine.classes", language), f'<div class="scroll">{classes_html(found, language)}</div>'),
        mistakes=_part(text("examine.mistakes", language), mistakes_html(found, language)),
        projection="",
        examined=net,
    )


def _part(title: str, content: str) -> str:
    return f'<section class="examined"><h4>{html.escape(title)}</h4>{content}</section>'


def projection_card(projection: Projection, language: str) -> str:
    """Before and after training, side by side."""
    data = projection_data(projection)
    views = {view: text(f"understand.{view}", language) for view in ("before", "after")}
    return widgets.chart_value(
        plot_projection(projection, language),
        describe_projection(projection, language),
        data.assign(view=data["view"].map(views)),
        f"projection-{projection.method}",
        language,
    )


# ---------------------------------------------------------------- the step


def build_understanding(asked: Sequence[Callable[..., Any]], language: str) -> None:
    """Lay it out: which net, what came out, the projection with its choice of method.

    Args:
        asked: each binds what is done when the page has come, when an experiment has ended, and maybe again later.
        language: `en` or `ko`.
    """
    with gr.Row(elem_id="understand-choices", elem_classes="choices"):
        net = gr.Dropdown(
            [],
            label=text("understand.net", language),
            info=text("understand.net.info", language),
            elem_id="understand-net",
        )
    with gr.Row(elem_id="understand-buttons"):
        go = gr.Button(text("understand.go", language), size="sm", elem_id="understand-go")
        stop = gr.Button(text("lesson.stop", language), size="sm", visible=False, elem_id="understand-stop")
    busy = gr.HTML("", apply_default_css=False, elem_id="understand-busy")
    problem = gr.HTML("", apply_default_css=False, elem_id="understand-problem")
    summary = gr.HTML("", apply_default_css=False, elem_id="understand-summary")
    confusion = widgets.chart(elem_id="understand-confusion", height=340)
    classes = gr.HTML("", apply_default_css=False, elem_id="understand-classes")
    mistakes = gr.HTML("", apply_default_css=False, elem_id="understand-mistakes")
    with gr.Row(elem_id="understand-methods", elem_classes="choices"):
        method = gr.Radio(
            [(text(f"understand.method.{name}", language), name) for name in METHODS],
            value=METHODS[0],
            label=text("understand.method", language),
            info=text("understand.method.info", language, most=units.exact(MOST_PICTURES)),
            visible=False,
            elem_id="understand-method",
        )
    projection = widgets.chart(elem_id="understand-projection", height=440)
    shown, blank = gr.State(""), hidden("understand-blank")
    outputs = [busy, problem, summary, confusion, classes, mistakes, projection, shown, method, stop]
    guard = reported(language)

    def chosen(now: str | None, token: str) -> Any:
        return listed(now, training_store.owner_of(token), language)

    def examine(chosen: str | None, way: str, token: str) -> Iterator[list[Any]]:
        yield from stream_examination(chosen, way, training_store.owner_of(token), language)

    def project(chosen: str, way: str, token: str) -> Iterator[list[Any]]:
        yield from stream_projection(chosen, way, training_store.owner_of(token), language)

    owner = "window.explorer.owner()"  # in the place of `blank` the page's script gives whose browser it is
    for ask in (net.focus, *asked):  # a choice is there from the start, and what is chosen stays
        ask(guard(chosen), [net, blank], [net], js=f"(net) => [net, {owner}]", **QUICK)
    given = f"(net, way) => [net, way, {owner}]"
    events: list[dict[str, Any]] = [
        go.click(guard(examine), [net, method, blank], outputs, js=given, **EXAMINING | {"trigger_mode": "once"}),
        method.input(guard(project), [shown, method, blank], outputs, js=given, **EXAMINING),
    ]
    stop.click(guard(lambda: Shown(busy="").values()), None, outputs, cancels=events, **QUICK)
