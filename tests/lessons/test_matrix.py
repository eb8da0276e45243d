"""The matrix of advice."""

from __future__ import annotations

import pytest

from explorer.errors import ConfigError
from explorer.lessons.advice import LECTURE, LITTLE_BELOW, PROPOSED, advise
from explorer.train_config import CHOICES
from explorer.transfer_results import SIMILAR_BELOW

LITTLE, MORE = LITTLE_BELOW - 1, LITTLE_BELOW
NEAR, FAR = SIMILAR_BELOW / 2, SIMILAR_BELOW


@pytest.mark.parametrize(
    ("per_class", "shift", "lecture"),
    [(LITTLE, NEAR, "probe"), (LITTLE, FAR, "stages"), (MORE, NEAR, "last"), (MORE, FAR, "all")],
)
def test_the_lectures_matrix(per_class: float, shift: float, lecture: str) -> None:
    """CS231n: a linear classifier on the top layer; at other stages; fine-tune a few layers; fine-tune many."""
    found = advise(per_class, shift)
    assert (found.little, found.similar) == (per_class == LITTLE, shift == NEAR)
    assert found.lecture == lecture
    assert found.strategy == PROPOSED[found.little, found.similar]


def test_every_proposal_can_be_done() -> None:
    assert set(PROPOSED) == set(LECTURE)
    assert set(PROPOSED.values()) <= {*CHOICES["strategy"], "stages"}


@pytest.mark.parametrize(("per_class", "shift", "said"), [(0, 0.1, "per_class=0"), (5, -1, "shift=-1")])
def test_what_cannot_be_is_refused(per_class: float, shift: float, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        advise(per_class, shift)
