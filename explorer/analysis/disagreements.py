"""Who is right where the sources disagree: the claims held against what is counted here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from explorer.analysis import counts_earlier, counts_resnet, counts_vgg
from explorer.analysis.counting import Count, Counter
from explorer.errors import UnknownNameError
from explorer.papers.disagreements import Claim, Disagreement, Outcome, disagreements

ARITHMETIC: Mapping[str, Counter] = {
    counter.__name__: counter for counter in (*counts_vgg.COUNTERS, *counts_earlier.COUNTERS, *counts_resnet.COUNTERS)
}
"""The counts by the names that the data file gives them."""


@dataclass(frozen=True)
class Judgement:
    """A case, what was counted for it, and what follows.

    Attributes:
        case: the case.
        count: what was counted; None where nothing is.
        holds: for each claim whether it is borne out; None where that is not the question.
        outcome: what that comes to, and so which verdict to give.
    """

    case: Disagreement
    count: Count | None
    holds: tuple[bool | None, ...]
    outcome: Outcome

    @property
    def figures(self) -> dict[str, str]:
        """The counted figures as they are written, by name."""
        return {} if self.count is None else {name: figure.text for name, figure in self.count.figures.items()}


def judge(case: Disagreement) -> Judgement:
    """Count what a case asks for and hold its claims against it.

    Raises:
        UnknownNameError: the case names a count or a figure that there is not.

    >>> [judge(case).figures["depth"] for case in disagreements().cases if case.key == "resnet_150"]
    ['152']
    """
    count = None
    if case.arithmetic:
        if case.arithmetic not in ARITHMETIC:
            raise UnknownNameError("count", case.arithmetic, ARITHMETIC)
        count = ARITHMETIC[case.arithmetic](case.given)
    holds = tuple(_holds(claim, count) for claim in case.claims)
    counted = [held for claim, held in zip(case.claims, holds, strict=True) if claim.figure]
    outcome: Outcome = "stated" if not counted else "agrees" if all(counted) else "differs"
    return Judgement(case, count, holds, outcome)


def _holds(claim: Claim, count: Count | None) -> bool | None:
    if count is None or not claim.figure:
        return claim.holds
    if claim.figure not in count.figures:
        raise UnknownNameError("figure", claim.figure, count.figures)
    return claim.agrees_with(count.figures[claim.figure].value)


@cache
def judgements() -> tuple[Judgement, ...]:
    """All cases, judged."""
    return tuple(judge(case) for case in disagreements().cases)
