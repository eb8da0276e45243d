"""Tab **Sources**: where lectures, notes and papers contradict each other, counted here and now."""

from __future__ import annotations

import html
from collections import Counter
from functools import cache
from itertools import groupby
from typing import get_args

import gradio as gr

from explorer.analysis.counting import Count, Step
from explorer.analysis.disagreements import Judgement, judgements
from explorer.app.address import PageState
from explorer.app.tab import Tab
from explorer.language import text
from explorer.papers.disagreements import Claim, Disagreement, Settled, disagreements


@cache
def cases_html(language: str) -> str:
    """All cases by topic, the first one open."""
    judged = judgements()
    topics = disagreements().topics
    parts = [f'<div class="cases"><p class="tally">{html.escape(tally(judged, language))}</p>']
    for topic, group in groupby(judged, key=lambda judgement: judgement.case.topic):
        parts.append(f"<h3>{html.escape(topics[topic][language])}</h3>")
        parts += [case_html(judgement, language, is_open=judgement is judged[0]) for judgement in group]
    return "".join([*parts, f'<p class="tally">{html.escape(text("sources.translated", language))}</p></div>'])


def tally(judged: tuple[Judgement, ...], language: str) -> str:
    """How many cases there are and how they are settled, in a sentence."""
    settled = Counter(judgement.case.settled for judgement in judged)
    counts = {name: settled[name] for name in get_args(Settled)}
    return text("sources.tally", language, total=len(judged), **counts)


def case_html(judgement: Judgement, language: str, *, is_open: bool = False) -> str:
    """One case: the question, what each source says, what is counted, and who is right."""
    case = judgement.case
    badge = html.escape(text(f"sources.settled.{case.settled}", language))
    said = "".join(
        claim_html(claim, holds, language) for claim, holds in zip(case.claims, judgement.holds, strict=True)
    )
    counted = "" if judgement.count is None else count_html(case, judgement.count, language)
    lesson = case.lesson[language].format(**judgement.figures)
    return (
        f'<details class="case" id="case-{html.escape(case.key)}"{" open" if is_open else ""}>'
        f'<summary><span class="asked">{html.escape(case.question[language])}</span>'
        f'<span class="badge {case.settled}">{badge}</span></summary>'
        f'<div class="sides"><section><h4>{html.escape(text("sources.claims", language))}</h4>'
        f'<ul class="claims">{said}</ul></section>{counted}</div>'
        f'<p class="verdict">{html.escape(verdict(judgement, language))}</p>'
        + (f'<p class="lesson">{html.escape(lesson)}</p>' if lesson else "")
        + "</details>"
    )


def verdict(judgement: Judgement, language: str) -> str:
    """What the case has to say about the outcome of its count, with the counted figures."""
    words = judgement.case.verdict.get(judgement.outcome)
    if words is None:
        return text(f"sources.verdict.{judgement.outcome}", language)
    return words[language].format(**judgement.figures)


def claim_html(claim: Claim, holds: bool | None, language: str) -> str:
    """What a source says, its figure as published, and whether that holds."""
    where = claim.where[language]
    figure = mark = ""
    if claim.printed:
        hint = html.escape(text("sources.published.hint", language))
        figure = f'<span class="published" title="{hint}">{html.escape(claim.text)}</span>'
    if holds is not None:
        name = "holds" if holds else "fails"
        mark = f'<span class="mark {name}">{html.escape(text(f"sources.{name}", language))}</span>'
    return (
        f'<li><cite title="{html.escape(claim.source.citation)}">{html.escape(claim.source.name[language])}'
        f"{html.escape(f', {where}') if where else ''}</cite>"
        f'<span class="says">{html.escape(claim.says[language])}</span>{figure}{mark}</li>'
    )


def count_html(case: Disagreement, count: Count, language: str) -> str:
    """The steps of a count as a table; what was published looks published."""
    rows = "".join(step_html(case, step, language) for step in count.steps)
    title = "sources.figures" if all(step.source or step.result for step in count.steps) else "sources.counted"
    return (
        f"<section><h4>{html.escape(text(title, language))}</h4>"
        f'<table class="steps"><tbody>{rows}</tbody></table></section>'
    )


def step_html(case: Disagreement, step: Step, language: str) -> str:
    """One line of a count: name, how it comes about, figure."""
    label = case.labels[step.label][language] if step.named else step.label
    figure = html.escape(step.figure.text)
    if step.source:
        figure = f'<span class="published" title="{html.escape(step.source)}">{figure}</span>'
    return (
        f"<tr{' class=result' if step.result else ''}><th scope='row'>{html.escape(label)}</th>"
        f"<td class='formula'>{html.escape(step.formula)}</td><td class='number'>{figure}</td></tr>"
    )


def show(state: PageState, language: str) -> list[str]:
    """Everything on the tab, in the order of its outputs; it is the same for every configuration."""
    return [cases_html(language)]


def build_sources_tab(state: PageState, language: str) -> Tab:
    """Lay the tab out; the cases are counted when it is first opened."""
    gr.Markdown(text("sources.question", language), elem_classes="question")
    cases = gr.HTML("", apply_default_css=False, padding=False, elem_id="sources")
    return Tab("sources", [cases], show, own=(cases,))
