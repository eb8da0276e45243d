"""The Sources tab: every case on it, safe to show, and published figures unlike counted ones."""

from __future__ import annotations

import html
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from explorer.analysis.disagreements import judge, judgements
from explorer.app.address import PageState
from explorer.app.sources import case_html, cases_html, claim_html, show, step_html, tally, verdict
from explorer.config import ModelConfig
from explorer.language import LANGUAGES, text
from explorer.papers.disagreements import disagreements


class Outline(HTMLParser):
    """Elements in order, and whether each one that was opened was closed."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(content)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_case_is_shown_once_and_the_first_is_open(language: str) -> None:
    outline = Outline(cases_html(language))
    cards = outline.all("details")
    assert [card["id"] for card in cards] == [f"case-{case.key}" for case in disagreements().cases]
    assert ["open" in card for card in cards] == [True] + [False] * (len(cards) - 1)
    shown = " ".join(outline.words)
    for judgement in judgements():
        assert judgement.case.question[language] in shown
        assert verdict(judgement, language) in shown
        for claim in judgement.case.claims:
            assert claim.says[language] in shown
            assert claim.source.name[language] in shown
    assert "{" not in shown.replace("{224", "")


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_tally_adds_up(language: str) -> None:
    said = tally(judgements(), language)
    numbers = [int(word) for word in "".join(c if c.isdigit() else " " for c in said).split()]
    assert numbers[0] == len(disagreements().cases) == sum(numbers[1:])


def test_the_tab_is_the_same_for_every_configuration() -> None:
    first = show(PageState("sources"), "en")
    assert first == show(PageState("sources", model=ModelConfig("resnet18")), "en")
    assert first != show(PageState("sources"), "ko")


def test_what_is_written_in_the_data_is_only_text_on_the_page() -> None:
    case = disagreements().case("vgg_memory")
    nasty = dict.fromkeys(LANGUAGES, "<script>alert('&')</script>")
    claim = replace(case.claims[0], says=nasty, where=nasty, source=replace(case.claims[0].source, name=nasty))
    labels = {**case.labels, "values": nasty}
    shown = case_html(judge(replace(case, question=nasty, lesson=nasty, claims=(claim,), labels=labels)), "en")
    assert "<script" not in shown
    assert shown.count(html.escape(nasty["en"])) == 6


def test_published_figures_look_published_and_counted_ones_do_not() -> None:
    memory = judge(disagreements().case("vgg_memory"))
    claim = claim_html(memory.case.claims[0], False, "en")
    assert '<span class="published" title="published, not counted here">24 M</span>' in claim
    assert text("sources.fails", "en") in claim
    assert memory.count is not None
    assert not any("published" in step_html(memory.case, step, "en") for step in memory.count.steps)
    depth = judge(disagreements().case("resnet_1202"))
    assert depth.count is not None
    rows = [step_html(depth.case, step, "ko") for step in depth.count.steps]
    assert 'title="ResNet, table 6">7.93 %<' in rows[1]
    assert "class=result" in rows[3]
    assert "published" not in rows[3]


def test_a_claim_that_is_not_the_question_has_no_mark() -> None:
    claim = disagreements().case("alexnet_input").claims[-1]
    assert "mark" not in claim_html(claim, None, "en")


def test_a_claim_says_where_and_in_whose_words() -> None:
    claim = disagreements().case("resnet_weight_decay").claims[-1]
    shown = claim_html(claim, True, "en")
    assert "ResNet paper, section 3.4" in shown
    assert "arXiv 1512.03385" in shown
    assert "ResNet 논문, 3.4절" in claim_html(claim, True, "ko")
