"""What is chosen in the degradation lesson, and its part of the address: `budget=1+min&nets=plain20,resnet20`."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from explorer.app.problems import sentence
from explorer.catalog import find_entry
from explorer.errors import ExplorerError
from explorer.language import text
from explorer.lessons.degradation import GROUP, NETS
from explorer.lessons.sizing import BUDGETS

DEFAULT_BUDGET = "5 min"
DEFAULT_DATA = "textures"
NO_GUESS = ("-",)
"""Somebody who wants to see the curves without having guessed."""

_MOST_NETS = 8
_MOST_SEED = 2**31 - 1
_LESSON = re.compile(rf"{GROUP}[0-9a-f]{{8}}")


@dataclass(frozen=True)
class LessonChoice:
    """A lesson as it is chosen.

    Attributes:
        group: the lesson that is shown; empty for the visitor's own newest one.
        guess: nets in the order guessed, the smallest training error first; empty before the guess, `NO_GUESS` for
            none.
        budget: a name of `BUDGETS`.
        dataset: what the nets learn from.
        nets: which nets.
        seed: of data, order and initial weights.
    """

    group: str = ""
    guess: tuple[str, ...] = ()
    budget: str = DEFAULT_BUDGET
    dataset: str = DEFAULT_DATA
    nets: tuple[str, ...] = NETS
    seed: int = 0


def pairs(choice: LessonChoice) -> list[tuple[str, str]]:
    """What an address says of a lesson: what is not as at first."""
    first = LessonChoice()
    said = [
        ("lesson", choice.group),
        ("guess", ",".join(choice.guess)),
        ("budget", "" if choice.budget == first.budget else choice.budget),
        ("on", "" if choice.dataset == first.dataset else choice.dataset),
        ("nets", "" if choice.nets == first.nets else ",".join(choice.nets)),
        ("lesson_seed", "" if choice.seed == first.seed else str(choice.seed)),
    ]
    return [(name, value) for name, value in said if value]


def taken_from(given: dict[str, str], problems: list[str], language: str) -> LessonChoice:
    """The lesson that an address asks for, taken out of its parts; what cannot be is left out and said."""
    choice = LessonChoice()

    def unknown(name: str, value: str, known: str) -> None:
        problems.append(text("link.unknown", language, name=name, value=value[:40], known=known))

    group = given.pop("lesson", "")
    if _LESSON.fullmatch(group):
        choice = replace(choice, group=group)
    elif group:
        unknown("lesson", group, f"{GROUP}0a1b2c3d")
    budget = given.pop("budget", choice.budget)
    if budget in BUDGETS:
        choice = replace(choice, budget=budget)
    else:
        unknown("budget", budget, ", ".join(BUDGETS))
    choice = replace(choice, dataset=given.pop("on", "") or choice.dataset)
    nets, guess = given.pop("nets", ""), given.pop("guess", "")
    try:
        if nets:
            choice = replace(choice, nets=known_nets(nets.split(",")))
        if guess:
            choice = replace(choice, guess=NO_GUESS if guess == NO_GUESS[0] else known_nets(guess.split(",")))
    except ExplorerError as error:
        problems.append(sentence(error, language))
    seed = given.pop("lesson_seed", "0")
    if re.fullmatch(r"[0-9]{1,10}", seed) and int(seed) <= _MOST_SEED:
        choice = replace(choice, seed=int(seed))
    else:
        unknown("lesson_seed", seed, "0, 1, 2")
    return choice


def known_nets(names: list[str]) -> tuple[str, ...]:
    """Names of nets, each once.

    Raises:
        UnknownNameError: there is no such net.
    """
    return tuple(dict.fromkeys(find_entry(name.strip()).name for name in names[:_MOST_NETS]))
