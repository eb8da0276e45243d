"""What the Saliency tab shows of nets, answers and methods, in words and pictures."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

from explorer import units
from explorer.app import widgets
from explorer.app.predictions import answer_html
from explorer.attribution_results import Attribution
from explorer.figures.saliency import describe_saliency, method_notes
from explorer.figures.saliency_strip import map_title, plot_saliencies, saliencies_data
from explorer.language import text
from explorer.pictures import Pixels

_BARS = 5
_MOST_LISTED = 20


def about(method: str, language: str) -> str:
    """What a method claims, what it costs, and what is to be kept in mind."""
    names = (text("look.claim", language), text("look.cost", language), text("look.caveat", language))
    notes = zip(names, method_notes(method, language), strict=True)
    said = "".join(f"<li><b>{html.escape(name)}</b> {html.escape(note)}</li>" for name, note in notes)
    return f'<ul class="plain">{said}</ul>'


def class_choices(answers: list[tuple[str, float]], chosen: str, language: str) -> list[tuple[str, str]]:
    """The most probable classes with their probabilities, and what is chosen."""
    listed = []
    for rank, (name, share) in enumerate(answers):
        if rank < _MOST_LISTED or name == chosen:
            words = f"{name} · {units.percent(share)}"
            listed.append((words if rank else text("look.class.best", language, name=words), name))
    return listed


def answer_cards(nets: Sequence[Any], answers: list[list[tuple[str, float]]], picture: Pixels, language: str) -> str:
    """For each net the picture as it sees it and its most probable classes; an untrained one is marked."""
    cards = []
    for net, found in zip(nets, answers, strict=True):
        note = "" if net.is_trained else f'<p class="note">{html.escape(text("look.untrained", language))}</p>'
        bars = answer_html(found[:_BARS], picture, len(net.classes), language)
        cards.append(f"<section><h4>{html.escape(net.name(language))}</h4>{note}{bars}</section>")
    return f'<div class="looked">{"".join(cards)}</div>'


def maps_card(nets: Sequence[Any], maps: Sequence[Attribution], picture: Pixels, language: str) -> str:
    """The maps beside each other, as many as there are so far, and what each says."""
    from explorer.lessons.observed import as_seen

    shown = nets[: len(maps)]
    names = [net.name(language) for net in shown]
    said = [describe_saliency(one, language) for one in maps]
    caption = " ".join(f"{name}: {words}" for name, words in zip(names, said, strict=True))
    titles = [map_title(name, one, language, with_method=False) for name, one in zip(names, maps, strict=True)]
    figure = plot_saliencies([as_seen(net, picture) for net in shown], maps, titles, language)
    return widgets.chart_value(figure, caption, saliencies_data(maps, names), maps[0].method, language)


def short_names(nets: Sequence[Any], language: str) -> list[str]:
    """What charts with little room call the nets: by their titles, where those tell them apart."""
    short = [net.short_name(language) for net in nets]
    return short if len(set(short)) == len(short) else [net.name(language) for net in nets]
