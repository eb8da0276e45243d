"""What an examination of a trained net says, in sentences that are computed from it."""

from __future__ import annotations

from collections.abc import Sequence

from explorer import units
from explorer.examination_results import Examination
from explorer.figures.confusion import describe_pairs
from explorer.language import text

_MOST_NAMES = 4


def describe_examination(examination: Examination, language: str = "en", *, pairs: bool = True) -> list[str]:
    """How good the net is and how surely that is known, what it confuses, what it does not find.

    Args:
        examination: what `examine` gave.
        language: `en` or `ko`.
        pairs: say which classes are confused; not where the confusion matrix says it below.
    """
    found = [*_drawn(examination, language), _accuracy(examination, language)]
    if examination.chose_epoch != "none":
        found.append(text(f"examine.chosen.{examination.chose_epoch}", language))
    found += [_margin(examination, language), _chance(examination, language)]
    found += describe_pairs(examination, language) if pairs else []
    found += _hardest(examination, language)
    never = [score.name for score in examination.classes if not score.answered]
    if never:
        found.append(text("examine.never", language, names=_some(never, language)))
    absent = [score.name for score in examination.classes if not score.pictures]
    if absent:
        found.append(text("examine.absent", language, names=_some(absent, language)))
    if examination.mistakes:
        first = examination.mistakes[0]
        probability = units.percent(first.probability)
        words = {"true": first.true, "answered": first.answered, "probability": probability}
        found.append(text("examine.surest", language, **words))
    return found


def _drawn(examination: Examination, language: str) -> list[str]:
    if examination.drawn_from is None:
        return []
    counts = {"shown": units.exact(examination.pictures), "total": units.exact(examination.drawn_from)}
    return [text("caption.projection.drawn", language, **counts)]


def _accuracy(examination: Examination, language: str) -> str:
    return text(
        "examine.interval",
        language,
        right=units.exact(examination.right),
        pictures=units.exact(examination.pictures),
        accuracy=units.percent(examination.accuracy),
        low=units.percent(examination.low),
        high=units.percent(examination.high),
    )


def _margin(examination: Examination, language: str) -> str:
    points, pictures = f"{100 * examination.margin:.1f}", units.exact(examination.pictures)
    return text("examine.margin", language, pictures=pictures, points=points)


def _chance(examination: Examination, language: str) -> str:
    key = "better" if examination.low > examination.chance else "not_better"
    return text(f"examine.chance.{key}", language, chance=units.percent(examination.chance))


def _hardest(examination: Examination, language: str) -> list[str]:
    """The classes with the smallest recall, unless that is the same for all."""
    known = {score.name: score.recall for score in examination.classes if score.recall is not None}
    least = min(known.values())
    if least == max(known.values()):
        return []
    names = [name for name, recall in known.items() if recall == least]
    return [text("examine.hardest", language, names=_some(names, language), recall=units.percent(least))]


def _some(names: Sequence[str], language: str) -> str:
    """The first names, and how many more there are."""
    shown = ", ".join(names[:_MOST_NAMES])
    left = len(names) - _MOST_NAMES
    return text("examine.more", language, names=shown, count=left) if left > 0 else shown
