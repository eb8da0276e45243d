"""What a degradation lesson has shown, what it has not, and what was right in a guess: sentences, all computed."""

from __future__ import annotations

from pathlib import Path

from explorer import units
from explorer.language import strings, text
from explorer.lesson_results import ErrorKind, GuessCheck, LessonCurve, LessonResult, net_title
from explorer.progress import duration
from explorer.training.datasets import DATASETS

PAPER_PICTURES = 64_000 * 128
"""Pictures that each net of the ResNet paper's CIFAR-10 experiments sees (section 4.2)."""


def data_title(name: str, language: str = "en") -> str:
    """How data is called: a data set by its title; a folder or a zip by its own name, not by where it lies.

    >>> data_title("digits"), data_title("/home/ann/pets/")
    ('Digits', 'pets')
    """
    if name in DATASETS:
        return strings(language).get(f"data.{name}", DATASETS[name].title)
    return Path(name).name or name


def describe_lesson(lesson: LessonResult, language: str = "en") -> list[str]:
    """What was seen, one sentence or two for each finding.

    Args:
        lesson: finished, or as far as it has come: then only nets that have finished are compared.
        language: `en` or `ko`.
    """
    found = [_progress(lesson, language), *_by_family(lesson, language), *_shortcuts(lesson, language)]
    found += [_test_order(lesson, language), _time(lesson, language)]
    return [sentence for sentence in found if sentence]


def describe_lesson_limits(lesson: LessonResult, language: str = "en") -> list[str]:
    """What the lesson does not show."""
    found = [text("degradation.limits.seed", language, seed=lesson.seed)]
    ratio = _longer_in_paper(lesson)
    if ratio:
        seen, paper = units.count(lesson.pictures * lesson.epochs), units.count(PAPER_PICTURES)
        found.append(text("degradation.limits.budget", language, seen=seen, paper=paper, ratio=f"{ratio:.0f}"))
    if lesson.dataset != "cifar10":
        found.append(text("degradation.limits.data", language, data=data_title(lesson.dataset, language)))
    measured = [curve for curve in lesson.curves if curve.epochs]
    if measured and lesson.test_pictures:
        widest = max(measured, key=lambda curve: lesson.margin(curve, curve, "test"))
        # Of one error; the margin is that of the difference of two alike.
        points = 100 * lesson.margin(widest, widest, "test") / 2**0.5
        found.append(
            text(
                "degradation.limits.pictures",
                language,
                net=widest.title,
                pictures=lesson.test_pictures,
                points=f"{points:.1f}",
            )
        )
    plain = _ends(lesson, residual=False)
    if plain is not None and _clear(lesson, *plain, "train") and plain[1].final("train") > plain[0].final("train"):
        found.append(text("degradation.limits.why", language, deep=plain[1].title))
    return found


def describe_guess(check: GuessCheck, language: str = "en") -> list[str]:
    """What was right in a guessed order: how many pairs, then each of them."""
    found = []
    if check.foreign:
        nets = ", ".join(net_title(net) for net in check.foreign)
        found.append(text("degradation.guess.foreign", language, nets=nets))
    if not check.pairs:
        # Of fewer than two nets of the lesson there is nothing to wait for.
        waits = len(check.guessed) + len(check.unfinished) > 1
        return [*found, text("degradation.guess.nothing", language)] if waits or not found else found
    found.append(text("degradation.guess.tally", language, right=check.right, total=len(check.pairs)))
    for pair in check.pairs:
        values = {
            "lower": net_title(pair.lower),
            "higher": net_title(pair.higher),
            "low": units.percent(pair.lower_error),
            "high": units.percent(pair.higher_error),
        }
        sentence = text("degradation.guess.right" if pair.right else "degradation.guess.wrong", language, **values)
        close = text("degradation.guess.close", language) if pair.close else ""
        found.append(f"{sentence} {close}".strip())
    return found


def _progress(lesson: LessonResult, language: str) -> str:
    done = sum(curve.status == "finished" for curve in lesson.curves)
    if lesson.finished:
        return ""
    return text("degradation.seen.unfinished", language, done=done, total=len(lesson.curves))


def _ends(lesson: LessonResult, *, residual: bool) -> tuple[LessonCurve, LessonCurve] | None:
    """The shallowest and the deepest net of a family that have finished; None where there are not two."""
    family = [curve for curve in lesson.curves if curve.residual is residual and curve.status == "finished"]
    family.sort(key=lambda curve: curve.depth)
    return (family[0], family[-1]) if len(family) > 1 and family[0].depth < family[-1].depth else None


def _clear(lesson: LessonResult, one: LessonCurve, other: LessonCurve, kind: ErrorKind) -> bool:
    return abs(one.final(kind) - other.final(kind)) > lesson.margin(one, other, kind)


def _values(shallow: LessonCurve, deep: LessonCurve) -> dict[str, object]:
    return {
        "shallow": shallow.title,
        "deep": deep.title,
        "shallow_train": units.percent(shallow.final("train")),
        "deep_train": units.percent(deep.final("train")),
        "points": f"{100 * abs(deep.final('train') - shallow.final('train')):.1f}",
    }


def _by_family(lesson: LessonResult, language: str) -> list[str]:
    """Deep against shallow, among the plain nets and among the residual ones."""
    found = []
    for family in ("plain", "residual"):
        pair = _ends(lesson, residual=family == "residual")
        if pair is None:
            continue
        shallow, deep = pair
        if not _clear(lesson, shallow, deep, "train"):
            outcome = "close"
        else:
            outcome = "worse" if deep.final("train") > shallow.final("train") else "better"
        found.append(text(f"degradation.seen.{family}.{outcome}", language, **_values(shallow, deep)))
        if family == "residual" and outcome != "better":
            found.append(_why_no_gain(lesson, shallow, deep, language))
    return found


def _why_no_gain(lesson: LessonResult, shallow: LessonCurve, deep: LessonCurve, language: str) -> str:
    """What the paper had that a short lesson has not, where the deeper residual net does not win."""
    figures = {figure.arch: figure for figure in lesson.published}
    ratio = _longer_in_paper(lesson)
    if shallow.net not in figures or deep.net not in figures or not ratio:
        return ""
    return text(
        "degradation.seen.residual.why",
        language,
        shallow=shallow.title,
        deep=deep.title,
        shallow_published=figures[shallow.net].text,
        deep_published=figures[deep.net].text,
        source=figures[deep.net].source,
        ratio=f"{ratio:.0f}",
    )


def _longer_in_paper(lesson: LessonResult) -> float:
    """How many times as many pictures a net of the paper sees; 0 where that is no more, or about as many.

    As many batches of the paper's size are somewhat fewer pictures where an epoch's last batch is not full.
    """
    seen = lesson.pictures * lesson.epochs
    ratio = PAPER_PICTURES / seen if seen else 0.0
    return ratio if ratio >= 1.5 else 0.0


def _shortcuts(lesson: LessonResult, language: str) -> list[str]:
    """The deepest net of both families against its twin, and against the shallowest plain net."""
    done = [curve for curve in lesson.curves if curve.status == "finished"]
    plain = {curve.depth: curve for curve in done if curve.residual is False}
    residual = {curve.depth: curve for curve in done if curve.residual}
    twins = sorted(set(plain) & set(residual))
    if not twins:
        return []
    depth = twins[-1]
    found = [_against(lesson, plain[depth], residual[depth], "twin", language)]
    if min(plain) < depth:
        found.append(_against(lesson, plain[min(plain)], residual[depth], "shallow", language))
    return found


def _against(lesson: LessonResult, plain: LessonCurve, residual: LessonCurve, which: str, language: str) -> str:
    lower = residual.final("train") < plain.final("train")
    outcome = "close" if not _clear(lesson, plain, residual, "train") else "lower" if lower else "higher"
    return text(
        f"degradation.seen.{which}.{outcome}",
        language,
        plain=plain.title,
        residual=residual.title,
        plain_train=units.percent(plain.final("train")),
        residual_train=units.percent(residual.final("train")),
    )


def _test_order(lesson: LessonResult, language: str) -> str:
    by_test = lesson.order("test")
    if len(by_test) < 2:
        return ""
    errors = {curve.net: curve.final("test") for curve in lesson.curves}
    order = ", ".join(f"{net_title(net)} {units.percent(errors[net])}" for net in by_test)
    same = by_test == lesson.order("train")
    return text("degradation.seen.test.same" if same else "degradation.seen.test.other", language, order=order)


def _time(lesson: LessonResult, language: str) -> str:
    if not lesson.finished or not lesson.forecast_seconds or not lesson.spent_seconds:
        return ""
    off = lesson.spent_seconds / lesson.forecast_seconds - 1
    return text(
        "degradation.seen.time.longer" if off > 0 else "degradation.seen.time.shorter",
        language,
        forecast=duration(lesson.forecast_seconds, language),
        spent=duration(lesson.spent_seconds, language),
        off=units.percent(abs(off)),
    )
