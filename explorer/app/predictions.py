"""A trained net tried on a picture: its most probable classes as bars, where it saw them, and the net to take along."""

from __future__ import annotations

import functools
import html
import math
import threading
from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from explorer import units
from explorer.app import taking, training_store, uploads, widgets
from explorer.app.events import EXAMINING, QUICK, STREAMING
from explorer.app.problems import reported, sentence
from explorer.attribution_results import Attribution
from explorer.cards import shipped_cards
from explorer.errors import ConfigError, ExplorerError
from explorer.export_results import Format
from explorer.figures.examination_html import picture_source
from explorer.figures.saliency import describe_saliency, plot_saliency, saliency_data
from explorer.language import text
from explorer.pictures import PHOTOGRAPHS, Pixels, photograph, read_picture, square
from explorer.run_results import Run

_THUMB = 160
_SHOWN_PX = 448
"""The picture under the evidence is shown with at least so many pixels, however few the net sees."""

_MOST_KEPT_PX = 1024
"""Pictures that people brought are kept with at most so many on their short side."""

_TOP = 5
_MOST_RUNS = 40
_SHIPPED, _RUN = "shipped:", "run:"

_ASKING = threading.Lock()
"""One net is one object for all visitors: while hooks lie on it, it is not to be copied."""

# ---------------------------------------------------------------- what there is to ask


def answering(start: str, language: str, run: str = "") -> list[tuple[str, str]]:
    """The nets that can be asked: shipped ones, that which is started from first; then finished runs, newest first.

    Of many runs the oldest are left out, but not the one whose id is `run`.
    """
    shipped = [f"{_SHIPPED}{card.name}" for card in shipped_cards()]
    shipped.sort(key=lambda value: value != start)
    titles = {f"{_SHIPPED}{card.name}": card.model.entry.title for card in shipped_cards()}
    listed = [(text("transfer.use.source", language, net=titles[value]), value) for value in shipped]
    runs = training_store.store().list()
    for one in [*runs[:_MOST_RUNS], *(old for old in runs[_MOST_RUNS:] if old.run_id == run)]:
        if one.status == "finished" and one.best_epoch:
            listed.append((" · ".join((one.name, *_how(one, language))), f"{_RUN}{one.run_id}"))
    return listed


def _how(run: Run, language: str) -> list[str]:
    """How a run has learned: by which strategy, from how many pictures."""
    strategy = run.train.strategy if run.train.start_from else "scratch"
    words = [text(f"experiment.strategy.{strategy}", language)]
    if run.train.subset is not None:
        words.append(text("transfer.per_class", language, count=run.train.subset))
    return words


def pictures(own: str, language: str) -> list[tuple[str, str]]:
    """The pictures that it can be asked about: photographs, and the visitor's own."""
    listed = [(text(f"photo.{name}", language), name) for name in PHOTOGRAPHS]
    return [*listed, (text("field.own_picture", language), own)] if own else listed


def brought(file: str | None) -> str:
    """Keep a picture of the visitor's own; its name.

    Raises:
        ExplorerError: it cannot be read.
    """
    if not file:
        raise ConfigError("No picture was chosen.", key="no_picture")
    picture = read_picture(file)
    height, width = picture.shape[:2]
    if min(height, width) > _MOST_KEPT_PX:
        picture = square(picture, _MOST_KEPT_PX)
    return uploads.keep(picture)


def _picture(name: str) -> Pixels:
    found = uploads.find(name)
    if found is None and name.startswith(uploads.PREFIX):
        raise ConfigError("This picture is no longer there: bring it again.", key="picture_gone")
    return photograph(name) if found is None else found


@functools.lru_cache(maxsize=8)
def _trained(weights: str) -> Any:
    from explorer.training.trained import load_trained

    return load_trained(weights, training_store.store())


def _asked_for(net: str | None) -> Any:
    if not net:
        raise ConfigError("No net is chosen: choose one first.", key="no_net_to_ask")
    return _trained(net.removeprefix(_RUN))


# ---------------------------------------------------------------- what it says


def answers(net: str | None, picture: Pixels) -> list[tuple[str, float]]:
    """The net's most probable classes, the best first.

    Raises:
        ExplorerError: the net is not there any more.
    """
    from explorer.training.predicting import predict

    trained = _asked_for(net)
    with _ASKING:
        return predict(trained, [picture], top=_TOP, device="cpu")[0]


def answer_html(found: list[tuple[str, float]], picture: Pixels, classes: int, language: str) -> str:
    """The picture as the net sees it, its most probable classes, and of how many it had to choose."""
    rows = "".join(_row(name, share) for name, share in found)
    source = picture_source(square(picture, _THUMB))
    alt = html.escape(text("transfer.use.seen", language))
    return (
        f'<figure class="answers"><img alt="{alt}" src="{source}" width="{_THUMB}" height="{_THUMB}">'
        f"<table><tbody>{rows}</tbody></table></figure>"
        f'<p class="must">{html.escape(text("transfer.use.must", language, count=classes))}</p>'
    )


def _row(name: str, share: float) -> str:
    bar = f'<td class="bar-cell"><i style="width:{100 * share:.1f}%"></i></td>'
    return f'<tr><th scope="row">{html.escape(name)}</th>{bar}<td>{units.percent(share)}</td></tr>'


def evidence_chart(net: str | None, picture: Pixels, target: str | None, language: str) -> str:
    """Where the net sees a class, over the picture; by default the most probable one.

    Raises:
        ExplorerError: the net is not there any more, or has no such class.
    """
    from explorer.analysis.saliency import saliency
    from explorer.training.predicting import prepare

    trained = _asked_for(net)
    with _ASKING:
        found = saliency(trained.model, prepare(trained, [picture]), target=target, classes=trained.classes)
    figure = plot_saliency(_as_seen(trained, picture, found), found, language)
    return widgets.chart_value(figure, describe_saliency(found, language), saliency_data(found), "grad-cam", language)


def _as_seen(trained: Any, picture: Pixels, found: Attribution) -> Pixels:
    """The part of a picture that the net sees, finer than it sees it."""
    size = found.values.shape[0]
    side = trained.side or size
    times = math.ceil(_SHOWN_PX / size)
    start = times * ((side - size) // 2)
    return square(picture, times * side)[start : start + times * size, start : start + times * size]


# ---------------------------------------------------------------- the step


def best_offer(run_id: str, now: str | None, language: str) -> tuple[str, Any]:
    """What is said of an experiment's best run, and the button that asks it, hidden where it is asked anyway.

    Args:
        run_id: of the run; empty where no experiment has ended.
        now: the net that the visitor has chosen; None where it is the run.
        language: `en` or `ko`.

    Raises:
        ExplorerError: the run is not there any more.
    """
    if not run_id:
        return "", gr.update(visible=False)
    run = training_store.store().get(run_id)
    how = _how(run, language)
    accuracy = units.percent(1 - run.epochs[-1].test_error)
    said = text("transfer.use.best", language, how=", ".join(how), accuracy=accuracy)
    return f'<p class="note">{html.escape(said)}</p>', gr.update(visible=now not in (None, f"{_RUN}{run_id}"))


def stream_answers(net: str | None, name: str, language: str) -> Iterator[tuple[Any, ...]]:
    """First the bars, then the evidence: answers, evidence, the classes to choose from, what was asked, a problem."""
    try:
        picture = _picture(name)
        found = answers(net, picture)
        classes = gr.update(choices=[one for one, _ in found], value=found[0][0])
        said = answer_html(found, picture, len(_asked_for(net).classes), language)
        yield said, gr.skip(), classes, [net, name], widgets.busy(0.0, text("transfer.use.looking", language))
        yield gr.skip(), evidence_chart(net, picture, None, language), gr.skip(), gr.skip(), ""
    except ExplorerError as error:
        yield gr.skip(), gr.skip(), gr.skip(), gr.skip(), widgets.problem(sentence(error, language))


def stream_file(net: str | None, kind: Format, language: str) -> Iterator[tuple[Any, str]]:
    """Write the net to a file: the file, and what goes on or what went wrong."""
    try:
        if not net:
            raise ConfigError("No net is chosen: choose one first.", key="no_net_to_ask")
        yield gr.update(value=None), widgets.busy(0.0, text("transfer.use.writing", language)) if kind == "onnx" else ""
        yield gr.update(value=taking.exported(net.removeprefix(_RUN), kind)), ""
    except ExplorerError as error:
        yield gr.update(value=None), widgets.problem(sentence(error, language))


def build_predictions(start: gr.Dropdown, best: gr.HTML, language: str) -> None:
    """Lay it out: which net, which picture, the answer, the evidence, the net as a file.

    Args:
        start: the weights to start from. They are what is asked until a run is chosen.
        best: id of an experiment's best run once it has ended. It is asked then, unless the visitor has chosen a net.
        language: `en` or `ko`.
    """

    def words(key: str) -> str:
        return text(f"transfer.use.{key}", language)

    def button(name: str) -> gr.Button:
        return gr.Button(text(f"transfer.use.{name}", language), size="sm", elem_id=f"use-{name}")

    with gr.Row(elem_id="use-choices", elem_classes="choices"):
        there = answering(start.value, language)
        net = gr.Dropdown(there, value=there[0][1], label=words("net"), elem_id="use-net")
        sample = gr.Dropdown(
            pictures("", language),
            value=next(iter(PHOTOGRAPHS)),
            label=words("photograph"),
            elem_id="use-photograph",
        )
    offered = gr.HTML("", apply_default_css=False, padding=False, elem_id="use-best")
    take_best = gr.Button(text("transfer.use.best.take", language), size="sm", visible=False, elem_id="use-best-take")
    with gr.Row(elem_id="use-buttons"):
        ask = button("ask")
        upload = gr.UploadButton(words("upload"), file_types=["image"], size="sm", elem_id="use-upload")
    camera = widgets.camera("use", words("camera"), words("no_camera"))
    problem = gr.HTML("", apply_default_css=False, elem_id="use-problem")
    with gr.Row(elem_id="use-result"):
        with gr.Column(min_width=320):
            said = gr.HTML("", apply_default_css=False, padding=False, elem_id="use-answers")
            which = gr.Radio([], label=words("class"), elem_id="use-class")  # hidden by its style while it is empty
        with gr.Column(min_width=320):
            evidence = widgets.chart(elem_id="use-evidence", height=0)
    with gr.Row(elem_id="use-files"):
        weights, onnx = button("weights"), button("onnx")
        file = gr.DownloadButton("", visible="hidden", elem_id="use-file")
    taking_problem = gr.HTML("", apply_default_css=False, elem_id="use-file-problem")
    note = html.escape(words("taking"))
    gr.HTML(f"<p>{note}</p>", apply_default_css=False, padding=False, elem_id="use-taking")
    asked, own = gr.State([None, ""]), gr.State(False)
    guard = reported(language)

    def listed(chosen: str | None, now: str | None) -> Any:
        there = answering(chosen or "", language, (now or "").removeprefix(_RUN))
        known = [value for _, value in there]
        return gr.update(choices=there, value=now if now in known else known[0] if known else None)

    def followed(chosen: str | None, now: str | None) -> Any:
        return listed(chosen, now if (now or "").startswith(_RUN) else None)

    def ended(run: str, chosen: str | None, now: str | None, kept: bool) -> tuple[Any, str, Any]:
        return (
            listed(chosen, f"{_RUN}{run}" if run and not kept else now),
            *best_offer(run, now if kept else None, language),
        )

    def took(run: str, chosen: str | None) -> tuple[Any, Any, bool]:
        return listed(chosen, f"{_RUN}{run}"), gr.update(visible=False), False

    def chose(run: str, now: str | None) -> tuple[Any, bool]:
        return best_offer(run, now, language)[1], True

    def answered(chosen: str | None, name: str) -> Iterator[tuple[Any, ...]]:
        yield from stream_answers(chosen, name, language)

    def taken(chosen: str | None, path: str | None) -> Iterator[tuple[Any, ...]]:
        if path is None:  # a photograph was put away
            return
        try:
            name = brought(path)
        except ExplorerError as error:
            yield *(gr.skip() for _ in range(5)), widgets.problem(sentence(error, language))
            return
        shown = gr.update(choices=pictures(name, language), value=name)
        for part in stream_answers(chosen, name, language):
            yield shown, *part

    def looked(what: list[Any], target: str) -> tuple[Any, str]:
        try:
            return evidence_chart(what[0], _picture(what[1]), target, language), ""
        except ExplorerError as error:
            return gr.skip(), widgets.problem(sentence(error, language))

    def filed(kind: Format) -> Callable[[str | None], Iterator[tuple[Any, str]]]:
        def written(chosen: str | None) -> Iterator[tuple[Any, str]]:
            yield from stream_file(chosen, kind, language)

        return written

    result = [said, evidence, which, asked, problem]
    net.focus(guard(listed), [start, net], [net], **QUICK)
    start.change(guard(followed), [start, net], [net], **QUICK)
    best.change(guard(ended), [best, start, net, own], [net, offered, take_best], **QUICK)
    take_best.click(guard(took), [best, start], [net, take_best, own], **QUICK)
    net.input(guard(chose), [best, net], [take_best, own], **QUICK)
    ask.click(guard(answered), [net, sample], result, **STREAMING)
    for event in (upload.upload, camera.input):
        source = upload if event == upload.upload else camera
        event(guard(taken), [net, source], [sample, *result], **STREAMING)
    which.input(guard(looked), [asked, which], [evidence, problem], **STREAMING)
    for pressed, kind in ((weights, "safetensors"), (onnx, "onnx")):
        done = pressed.click(guard(filed(kind)), [net], [file, taking_problem], **EXAMINING)  # type: ignore[arg-type]
        done.success(guard(_nothing), [], [], js="() => window.explorer.save('use-file')", **QUICK)


def _nothing() -> None:
    """What the page's script does needs no answer."""
