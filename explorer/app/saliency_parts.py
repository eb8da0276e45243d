"""What the Saliency tab shows below the maps when it is asked: each part with its button, its progress and its Stop."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from explorer.app import saliency_checks, saliency_choice, saliency_features, widgets
from explorer.app.address import from_query
from explorer.app.events import QUICK, STREAMING
from explorer.app.problems import reported, sentence
from explorer.app.saliency_choice import SaliencyChoice
from explorer.app.wanted import Wanted
from explorer.errors import ExplorerError
from explorer.language import text

Stream = Callable[[SaliencyChoice, str], Iterator[tuple[Sequence[str], str]]]
"""From (choice, language) to the charts, where there is something new, and what goes on."""


@dataclass(frozen=True)
class Part:
    """One part.

    Attributes:
        name: of its strings and elements.
        stream: what computes it.
        heights: of its charts, in pixels.
    """

    name: str
    stream: Stream
    heights: tuple[int, ...]


PARTS = (
    Part("strip", saliency_checks.stream_strip, (320, 320)),
    Part("sanity", saliency_checks.stream_sanity, (420, 420)),
    Part("curves", saliency_checks.stream_curves, (400,)),
    Part("features", saliency_features.stream_features, (320, 240)),
    Part("units", saliency_features.stream_units, (320,)),
)

_running = Wanted()


def build_parts(chosen: SaliencyChoice, subject: gr.HTML, language: str) -> gr.Dropdown:
    """Lay the parts out; what they showed of another picture or net goes when `subject` changes.

    Returns:
        The choice of the stage whose features are shown.
    """
    guard = reported(language)
    shown: list[gr.HTML] = []
    stage = None
    for part in PARTS:
        title, info = text(f"look.{part.name}", language), text(f"look.{part.name}.info", language)
        gr.Markdown(f"### {title}\n{info}", elem_classes="step")
        if part.name == "features":
            with gr.Row(elem_id="saliency-stages", elem_classes="choices"):
                stage = gr.Dropdown(
                    saliency_choice.stage_choices(chosen, language),
                    value=chosen.features,
                    label=text("look.stage", language),
                    elem_id="saliency-stage",
                )
        with gr.Row(elem_id=f"saliency-{part.name}-buttons", elem_classes="part-buttons"):
            go = gr.Button(text(f"look.{part.name}.go", language), size="sm", elem_id=f"saliency-{part.name}-go")
            stop = gr.Button(
                text("train.stop", language), size="sm", visible=False, elem_id=f"saliency-{part.name}-stop"
            )
        busy = gr.HTML("", apply_default_css=False, elem_id=f"saliency-{part.name}-going")
        charts = [
            widgets.chart(elem_id=f"saliency-{part.name}-{number}", height=height)
            for number, height in enumerate(part.heights)
        ]
        go.click(
            guard(_asked(part, language)),
            [subject],
            [*charts, busy, stop],
            js="() => [location.search]",
            **STREAMING | {"trigger_mode": "once"},
        )
        stop.click(guard(_stopped(part)), None, None, **QUICK)
        shown += [*charts, busy]
    subject.change(guard(_emptied), [subject], shown, **QUICK)
    assert stage is not None
    return stage


def _asked(part: Part, language: str) -> Callable[[str, gr.Request], Iterator[tuple[Any, ...]]]:
    def streamed(query: str, visitor: gr.Request) -> Iterator[tuple[Any, ...]]:
        chosen = from_query(query, ("saliency",)).saliency
        whose, asked = _whose(part, visitor), repr(chosen)
        _running.choose(whose, asked)
        kept = [gr.skip() for _ in part.heights]
        try:
            for charts, busy in part.stream(chosen, language):
                new = [*charts, *kept[len(charts) :]]
                if busy and not _running.is_wanted(whose, asked):
                    yield (
                        *new,
                        f'<p class="note" role="status">{html.escape(text("look.stopped", language))}</p>',
                        _off(),
                    )
                    return
                yield *new, busy, gr.update(visible=bool(busy))
        except ExplorerError as error:
            yield *kept, widgets.problem(sentence(error, language)), _off()
        except Exception:  # the page says that something is wrong; it must not look as if the work went on
            yield *kept, "", _off()
            raise

    return streamed


def _stopped(part: Part) -> Callable[[gr.Request], None]:
    def stopped(visitor: gr.Request) -> None:
        _running.choose(_whose(part, visitor), "")

    return stopped


def _emptied(subject: str, visitor: gr.Request) -> list[str]:
    """What was shown is of another picture, net, method or class: it goes, and is not computed on."""
    for part in PARTS:
        _running.choose(_whose(part, visitor), subject)
    return ["" for part in PARTS for _ in (*part.heights, "busy")]


def _whose(part: Part, visitor: gr.Request) -> str:
    return f"{visitor.session_hash} {part.name}"


def _off() -> Any:
    return gr.update(visible=False)
