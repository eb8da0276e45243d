"""What a loss landscape shows, in sentences that are computed from its points."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from explorer.figures.landscape import highest_drawn, landscape_name
from explorer.landscape_results import Landscape, LandscapePoint, LandscapeSource, LossPath
from explorer.language import text
from explorer.units import exact, magnitude, percent

_HILL = 1.05
"""Times the loss of the initial weights: less is not called a hill."""


def describe_landscape(landscapes: Sequence[Landscape], language: str = "en") -> str:
    """For each net the range on its finest complete grid, how much of it is low, and how many valleys it has."""
    sentences = []
    for landscape in landscapes:
        centre, size = landscape.centre, landscape.size
        if centre is None or not size:
            continue
        points = [point for row in landscape.grid()[1] for point in row]
        losses = [point.loss for point in points if math.isfinite(point.loss)]
        values: dict[str, object] = {"net": landscape_name(landscape.source, language), "size": size}
        if not losses:
            sentences.append(text("caption.landscape.nowhere", language, **values))
            continue
        values |= {"loss": _loss(centre.loss), "low": _loss(min(losses)), "high": _loss(max(losses))}
        sentences.append(text("caption.landscape.range", language, **values))
        if len(losses) < len(points):
            values = {"count": len(points) - len(losses), "total": len(points)}
            sentences.append(text("caption.landscape.not_finite", language, **values))
        if not math.isfinite(centre.loss):
            continue  # there is nothing to compare the others with
        if landscape.source.labels == "true":
            sentences.append(text("caption.landscape.right", language, share=percent(centre.accuracy)))
        guess = guessing_loss(landscape.source)
        values = {
            "twice": percent(low_share(landscape, 2 * centre.loss)),
            "guessing": percent(low_share(landscape, guess)),
            "guess": f"{guess:.2f}",
            "valleys": valleys(landscape),
        }
        sentences.append(text("caption.landscape.low", language, **values))
        lowest = min(points, key=_finite)
        if lowest.loss < centre.loss:
            where = {"a": f"{lowest.a:g}", "b": f"{lowest.b:g}", "loss": _loss(lowest.loss)}
            sentences.append(text("caption.landscape.lower", language, **where))
        clipped = sum(loss > highest_drawn(landscape.source) for loss in losses)
        if clipped:
            shown = {"share": percent(clipped / len(points)), "high": _loss(highest_drawn(landscape.source))}
            sentences.append(text("caption.landscape.clipped", language, **shown))
    return " ".join(sentences)


def describe_landscape_lines(landscapes: Sequence[Landscape], language: str = "en") -> str:
    """For each net how soon the loss doubles along each direction, how sharply it turns up, and where it bends down."""
    sentences = []
    for landscape in landscapes:
        if landscape.centre is None:
            continue
        name = landscape_name(landscape.source, language)
        if not math.isfinite(landscape.centre.loss):
            sentences.append(text("caption.landscape.centre", language, net=name))
            continue
        parts = []
        for direction in (0, 1):
            line = landscape.line(direction)
            if len(line) < 5:
                continue
            doubled, (bends, of) = doubling_step(landscape, direction), downward_bends(landscape, direction)
            far = f"> {landscape.reach:g}" if doubled is None else f"{doubled[0]:g} – {doubled[1]:g}"
            words = {"number": direction + 1, "step": far, "curvature": _loss(curvature(landscape, direction))}
            parts.append(text("caption.landscape.direction", language, **words, bends=bends, of=of))
        if parts:
            sentences.append(text("caption.landscape.along", language, net=name, parts="; ".join(parts)))
    return " ".join(sentences)


def describe_loss_path(paths: Sequence[LossPath], language: str = "en", without: Sequence[LandscapeSource] = ()) -> str:
    """For each net the loss at both ends, and whether the straight line between them leads over a hill.

    Of `without` it is said why there is no path: it has not been trained, or nobody waited for it.
    """
    sentences = []
    for path in paths:
        first, last = path.points[0], path.points[-1]
        finite = [point for point in path.points if math.isfinite(point.loss)]
        top = max(finite, key=lambda point: point.loss, default=first)
        values = {"net": landscape_name(path.source, language), "first": _loss(first.loss), "last": _loss(last.loss)}
        hill = top.loss > _HILL * first.loss and top is not last
        key = "hill" if hill else "downhill" if math.isfinite(first.loss) else "ends"
        sentences.append(text(f"caption.path.{key}", language, **values, top=_loss(top.loss), t=f"{top.t:.2g}"))
        if len(finite) < len(path.points):
            counts = {"count": len(path.points) - len(finite), "total": len(path.points)}
            sentences.append(text("caption.path.not_finite", language, **counts))
    for source in without:
        why = "stopped" if source.weights else "untrained"
        sentences.append(text(f"caption.path.{why}", language, net=landscape_name(source, language)))
    return " ".join(sentences)


def describe_source(landscapes: Sequence[Landscape], language: str = "en") -> str:
    """On which pictures, against which labels, with which statistics, and how little of everything a square is."""
    if not landscapes:
        return ""
    sentences = []
    sources = {_same(landscape.source): landscape.source for landscape in landscapes}
    for source in sources.values():
        values = {"pictures": source.pictures, "data": source.dataset}
        if len(sources) > 1:
            sentences.append(f"{landscape_name(source, language)}:")
        sentences.append(text(f"caption.landscape.labels.{source.labels}", language, **values))
        sentences.append(text(f"caption.landscape.statistics.{source.statistics}", language))
    first = landscapes[0]
    moved = exact(first.source.moved)
    sentences.append(text("caption.landscape.slice", language, moved=moved, seed=first.seed))
    return " ".join(sentences)


def guessing_loss(source: LandscapeSource) -> float:
    """Mean cross entropy of answering all classes alike."""
    return math.log(source.classes)


def low_share(landscape: Landscape, loss: float) -> float:
    """Share of the finest complete grid's points whose loss is below `loss`."""
    points = [point for row in landscape.grid()[1] for point in row]
    return sum(point.loss < loss for point in points) / len(points)


def valleys(landscape: Landscape) -> int:
    """Points of the finest complete grid that are lower than all their neighbours; those at the rim count, too."""
    _, rows = landscape.grid()
    size, count = len(rows), 0
    for at, row in enumerate(rows):
        for beside, point in enumerate(row):
            around = [
                rows[y][x].loss
                for y in range(max(0, at - 1), min(size, at + 2))
                for x in range(max(0, beside - 1), min(size, beside + 2))
                if (y, x) != (at, beside)
            ]
            count += math.isfinite(point.loss) and all(point.loss < loss or math.isnan(loss) for loss in around)
    return count


def doubling_step(landscape: Landscape, direction: int) -> tuple[float, float] | None:
    """Between which two steps along a direction, the nearer way, the loss first is twice the centre's.

    What lies between two points is not known: it may rise straight or all at once. None where it nowhere is as much.
    """
    centre = landscape.centre
    assert centre is not None
    found = []
    for sign in (1, -1):
        line = [(sign * step, point.loss) for step, point in landscape.line(direction)]
        side = sorted((abs(step), loss) for step, loss in line if step >= 0 and not math.isnan(loss))
        for (near, _), (far, loss) in pairwise(side):
            if not loss < 2 * centre.loss:
                found.append((near, far))
                break
    return min(found, default=None)


def curvature(landscape: Landscape, direction: int) -> float:
    """Second difference at the centre over the finest step: (L(h) - 2 L(0) + L(-h)) / h²."""
    line = landscape.line(direction)
    middle = next(number for number, (step, _) in enumerate(line) if step == 0)
    (before, left), (_, centre), (after, right) = line[middle - 1 : middle + 2]
    return (left.loss - 2 * centre.loss + right.loss) / ((after - before) / 2) ** 2


def downward_bends(landscape: Landscape, direction: int) -> tuple[int, int]:
    """At how many of the inner points of a line it bends downwards, and how many there are; a convex one has none.

    A point does not count that is not finite, or whose neighbour is not.
    """
    line = landscape.line(direction)
    slopes = [(right.loss - left.loss) / (after - before) for (before, left), (after, right) in pairwise(line)]
    bends = [after < before for before, after in pairwise(slopes) if math.isfinite(before + after)]
    return sum(bends), len(bends)


def _loss(loss: float) -> str:
    if math.isnan(loss):
        return "–"
    return f"{loss:.3g}" if abs(loss) < 1000 or not math.isfinite(loss) else magnitude(loss)


def _finite(point: LandscapePoint) -> float:
    return point.loss if math.isfinite(point.loss) else math.inf


def _same(source: LandscapeSource) -> tuple[object, ...]:
    return source.dataset, source.labels, source.statistics, source.pictures
