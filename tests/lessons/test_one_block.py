"""Blocks that learn the identity: measured, and the same each time."""

from __future__ import annotations

import statistics
from itertools import islice

import pytest

from explorer.errors import ConfigError
from explorer.lesson_results import BlockKind, OneBlockResult
from explorer.lessons.one_block import one_block, one_block_steps


def last(result: OneBlockResult, kind: BlockKind) -> float:
    return statistics.median(errors[-1] for errors in result.curve(kind).errors)


@pytest.mark.parametrize("lr", [0.03, 0.3])
def test_pushing_f_to_zero_is_easier_than_learning_the_identity(lr: float) -> None:
    """At learning rates ten times apart, for every seed."""
    result = one_block(lr=lr, steps=100, channels=8)
    plain, residual = result.curve("plain"), result.curve("residual")
    for of_plain, of_residual in zip(plain.errors, residual.errors, strict=True):
        assert of_residual[-1] < of_plain[-1] / 5
        assert of_plain[-1] < of_plain[0], "the plain layers do learn"
    assert residual.branch_scale < 0.5, "it gets there by turning its branch down"


def test_where_they_start() -> None:
    """An ordinary residual block does not start as the identity; one with a last norm of zero does, and stays."""
    result = one_block(steps=10, seeds=4)
    assert all(0.8 < error < 1.3 for error in result.curve("plain").first_errors)
    assert all(0.4 < error < 0.8 for error in result.curve("residual").first_errors)
    zero = result.curve("zero-init")
    assert set(zero.first_errors) == {0.0}
    assert {error for errors in zero.errors for error in errors} == {0.0}
    assert zero.branch_scale == 0.0


def test_plain_layers_can_be_the_identity() -> None:
    assert one_block(steps=1, seeds=1).by_hand_error == 0.0


def test_points_come_one_after_the_other_and_one_can_stop() -> None:
    iterator = one_block_steps(steps=12, seeds=1, channels=2)
    first, second = islice(iterator, 2)
    iterator.close()  # type: ignore[attr-defined]
    assert (first.steps, second.steps, second.finished) == ((5,), (5, 10), False)
    whole = list(one_block_steps(steps=12, seeds=1, channels=2))
    assert [result.finished for result in whole] == [False, False, True]
    assert whole[-1].steps == (5, 10, 12)
    assert whole[1].curves == second.curves, "the same seeds, the same numbers"
    assert whole[-1].curve("plain").errors[0][:2] == second.curve("plain").errors[0]


def test_seeds_differ() -> None:
    result = one_block(steps=5, seeds=2, channels=4)
    one, other = result.curve("plain").errors
    assert one != other
    assert one_block(steps=5, seeds=1, channels=4, seed=1).curve("plain").errors == (other,)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"steps": 0}, "steps=0 is not possible: use a whole number from 1 to 100000"),
        ({"seeds": 101}, "seeds=101 is not possible"),
        ({"channels": 2.5}, "channels=2.5 is not possible"),
        ({"seed": -1}, "seed=-1 is not possible"),
        ({"lr": 0}, "lr=0 is not possible: use a number from 1e-09 to 100"),
        ({"lr": float("nan")}, "lr=nan is not possible"),
        ({"lr": True}, "lr=True is not possible"),
    ],
)
def test_arguments_are_checked_before_the_first_step(arguments: dict[str, float], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        one_block_steps(**arguments)  # type: ignore[arg-type]
