"""Where lectures, notes and papers contradict each other: the cases of `data/disagreements.json`. No torch here.

A case is a question, what each source says, and who is right. What can be counted is counted by
`explorer.analysis.disagreements`, under the name that the case gives; nothing in the data file says how a count ends,
only what to say if it agrees with the sources and what if it does not.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Literal, get_args

from explorer import units
from explorer.errors import ConfigError
from explorer.language import LANGUAGES
from explorer.papers.loader import papers

Words = Mapping[str, str]
"""A text by language."""

Settled = Literal["arithmetic", "original", "both", "open"]
"""How a case is settled: by counting, by the source that the others cite, because both are right, or not at all."""

Outcome = Literal["agrees", "differs", "stated"]
"""Whether all claims that can be counted hold, one does not, or there is nothing to count."""

_SCALES = {"": 1, "%": 1, "M": 10**6, "MB": 10**6}


@dataclass(frozen=True)
class Source:
    """Who says something.

    Attributes:
        key: short key.
        name: how the page names it.
        citation: one line with what is needed to find it.
    """

    key: str
    name: Words
    citation: str


@dataclass(frozen=True)
class Claim:
    """What one source says.

    Attributes:
        source: who says it.
        where: section, table or slide; empty where the source has none.
        says: what, in quotation marks where it is literal.
        printed: its figure, with the digits that were printed; empty where it has none.
        unit: `M`, `MB`, `%` or nothing.
        name: under which a count gets the printed figure; empty where it needs none.
        figure: name of the counted figure to hold it against; empty where nothing is counted.
        at_least, at_most: bounds for that figure where the claim prints none; otherwise it has to round to `printed`.
        holds: whether the original bears it out, for claims that cannot be counted.
    """

    source: Source
    where: Words
    says: Words
    printed: str = ""
    unit: str = ""
    name: str = ""
    figure: str = ""
    at_least: float | None = None
    at_most: float | None = None
    holds: bool | None = None

    @property
    def value(self) -> float:
        """The printed figure without its prefix: 24 M is 24e6; percentages stay percentages."""
        return float(self.printed) * _SCALES[self.unit]

    @property
    def text(self) -> str:
        """The figure as printed, with its unit and its thousands apart."""
        digits = units.exact(int(self.printed)) if self.printed.isdecimal() else self.printed
        return f"{digits} {self.unit}".strip()

    def agrees_with(self, counted: float) -> bool:
        """Whether `counted` is within the claim's bounds, or, without any, rounds to what was printed.

        >>> claim = Claim(Source("s", {}, ""), {}, {}, printed="24", unit="M")
        >>> claim.agrees_with(23_700_000), claim.agrees_with(15_237_608)
        (True, False)
        """
        if self.at_least is not None or self.at_most is not None:
            low = -float("inf") if self.at_least is None else self.at_least
            high = float("inf") if self.at_most is None else self.at_most
            return low <= counted <= high
        decimals = -int(Decimal(self.printed).as_tuple().exponent)
        return round(counted / _SCALES[self.unit], decimals) == float(self.printed)


@dataclass(frozen=True)
class Disagreement:
    """One case.

    Attributes:
        key: its name in links and tests.
        topic: heading under which it is listed.
        question: what the sources answer differently.
        claims: what they say.
        settled: how it is settled.
        arithmetic: name of the count in `explorer.analysis.disagreements`; empty where nothing is counted.
        labels: names of the count's steps.
        verdict: what to say for an outcome, with the counted figures' names in braces.
        lesson: what to take from it, in the same way.
    """

    key: str
    topic: str
    question: Words
    claims: tuple[Claim, ...]
    settled: Settled
    arithmetic: str
    labels: Mapping[str, Words]
    verdict: Mapping[Outcome, Words]
    lesson: Words

    @property
    def given(self) -> dict[str, float]:
        """The printed figures that the count starts from, by name."""
        return {claim.name: claim.value for claim in self.claims if claim.name}


@dataclass(frozen=True)
class Disagreements:
    """All cases, in the order in which to show them.

    Attributes:
        topics: headings by key.
        cases: the cases, topic by topic.
    """

    topics: Mapping[str, Words]
    cases: tuple[Disagreement, ...]

    def case(self, key: str) -> Disagreement:
        """The case of that key."""
        return next(case for case in self.cases if case.key == key)


@cache
def disagreements() -> Disagreements:
    """The package's cases."""
    return read((files("explorer.papers") / "data" / "disagreements.json").read_text(encoding="utf-8"))


def read(content: str) -> Disagreements:
    """Cases from JSON, checked.

    Raises:
        ConfigError: something is missing, unknown or not in every language; the message says where.
    """
    data = json.loads(content)
    sources = {key: _source(key, fields) for key, fields in data["sources"].items()}
    topics = {key: _words(value, f"topic {key}") for key, value in data["topics"].items()}
    cases = tuple(_case(fields, sources) for fields in data["cases"])
    _require(len({case.key for case in cases}) == len(cases), "the cases", "two have the same key")
    order = [case.topic for case in cases]
    _require(list(dict.fromkeys(order)) == list(topics), "the topics", f"expected {list(topics)} in this order")
    _require(order == sorted(order, key=list(topics).index), "the cases", "those of a topic have to be together")
    used = {claim.source.key for case in cases for claim in case.claims}
    _require(used == set(sources), "the sources", f"not used: {sorted(set(sources) - used)}")
    return Disagreements(MappingProxyType(topics), cases)


def _source(key: str, fields: dict[str, Any]) -> Source:
    citation = papers()[fields["paper"]].citation if "paper" in fields else fields["citation"]
    return Source(key, _words(fields["name"], f"source {key}"), citation)


def _case(fields: dict[str, Any], sources: dict[str, Source]) -> Disagreement:
    key = fields["key"]
    known = {"key", "topic", "question", "claims", "settled", "arithmetic", "labels", "verdict", "lesson"}
    _require(set(fields) <= known, key, f"unknown fields {sorted(set(fields) - known)}")
    case = Disagreement(
        key=key,
        topic=fields["topic"],
        question=_words(fields["question"], key),
        claims=tuple(_claim(claim, sources, key) for claim in fields["claims"]),
        settled=fields["settled"],
        arithmetic=fields.get("arithmetic", ""),
        labels=MappingProxyType({name: _words(label, key) for name, label in fields.get("labels", {}).items()}),
        verdict=MappingProxyType({outcome: _words(said, key) for outcome, said in fields["verdict"].items()}),
        lesson=_words(fields["lesson"], key) if "lesson" in fields else _EMPTY,
    )
    _require(len(case.claims) > 1, key, "a disagreement takes two claims")
    _require(case.settled in get_args(Settled), key, f"settled={case.settled!r} is unknown")
    outcomes = set(get_args(Outcome))
    _require(bool(case.verdict) and set(case.verdict) <= outcomes, key, "no verdict, or an unknown outcome")
    checked = any(claim.figure for claim in case.claims)
    _require(not checked or bool(case.arithmetic), key, "a claim is held against a count that the case does not name")
    _require(checked or case.settled != "arithmetic", key, "settled by arithmetic without a count to hold against")
    return case


def _claim(fields: dict[str, Any], sources: dict[str, Source], case: str) -> Claim:
    _require(fields["source"] in sources, case, f"unknown source {fields['source']!r}")
    claim = Claim(
        **{
            **fields,
            "source": sources[fields["source"]],
            "where": _words(fields["where"], case) if "where" in fields else _EMPTY,
            "says": _words(fields["says"], case),
        }
    )
    _require(claim.unit in _SCALES, case, f"unit {claim.unit!r} is unknown")
    bounded = claim.at_least is not None or claim.at_most is not None
    _require(not claim.figure or bool(claim.printed) or bounded, case, f"nothing to hold against {claim.figure!r}")
    _require(not claim.name or bool(claim.printed), case, f"{claim.name!r} has no figure")
    _require(not (claim.figure and claim.holds is not None), case, "what is counted is not judged beforehand")
    if claim.printed:
        try:
            Decimal(claim.printed)
        except InvalidOperation:
            _require(False, case, f"{claim.printed!r} is no number")
    return claim


_EMPTY: Words = MappingProxyType(dict.fromkeys(LANGUAGES, ""))


def _words(value: dict[str, str], where: str) -> Words:
    _require(set(value) == set(LANGUAGES) and all(value.values()), where, f"a text is not in {', '.join(LANGUAGES)}")
    names = [set(re.findall(r"{(\w+)}", said)) for said in value.values()]
    _require(all(found == names[0] for found in names), where, f"the languages have different figures: {names}")
    return MappingProxyType(value)


def _require(fine: bool, where: str, problem: str) -> None:
    if not fine:
        raise ConfigError(f"disagreements.json, {where}: {problem}.")
