"""Other methods beside the chosen one, whether its map depends on the weights, and whether the net agrees with it."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import Any

from explorer import units
from explorer.app import saliency, saliency_cards, saliency_nets, widgets
from explorer.app.problems import sentence
from explorer.app.progressive import Report, progressive
from explorer.app.saliency_choice import SaliencyChoice
from explorer.attribution_results import METHODS, SLOW, Attribution
from explorer.errors import ExplorerError
from explorer.figures.perturbation_curves import (
    describe_perturbation_curves,
    perturbation_curves_data,
    plot_perturbation_curves,
)
from explorer.figures.saliency import method_name
from explorer.figures.saliency_strip import plot_saliency_strip, saliencies_data
from explorer.figures.sanity_check import describe_sanity_check, plot_sanity_check, sanity_check_data
from explorer.language import text
from explorer.pictures import Pixels
from explorer.saliency_check_results import PerturbationCurves

QUICK = tuple(method for method in METHODS if method not in SLOW)
"""Methods that answer in a moment."""


class _LeftError(Exception):
    """Nobody waits any more: the work ends."""


def stream_strip(chosen: SaliencyChoice, language: str) -> Iterator[tuple[list[str], str]]:
    """The maps of all quick methods, a chart for each net, method by method; what does not apply to a net is said."""
    nets, picture = saliency_nets.nets_of(chosen), saliency_nets.picture_of(chosen)
    strips = [_Strip(net, picture) for net in nets]
    for done, method in enumerate(QUICK):
        words = text("look.strip.busy", language, method=method_name(method, language))
        yield [strip.card(language) for strip in strips if strip.maps], widgets.busy(done / len(QUICK), words)
        for strip, found in zip(strips, saliency.finished_maps(chosen), strict=True):
            strip.add(method, found, chosen.layer, language)
    yield [strip.card(language) for strip in strips], ""


@dataclass
class _Strip:
    """What the methods say of one net's answer, as far as they have been asked."""

    net: Any
    picture: Pixels
    maps: list[Attribution] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def add(self, method: str, found: Attribution, layer: str, language: str) -> None:
        """Ask by one more method about the class that `found` is about."""
        from explorer.lessons.observed import saliency_of

        try:
            *_, (one,) = saliency_of(
                [self.net], self.picture, method=method, target=found.target, layer=found.layer or layer or None
            )
        except ExplorerError as error:
            self.refused.append(f"{method_name(method, language)}: {sentence(error, language)}")
        else:
            self.maps.append(one)

    def card(self, language: str) -> str:
        """The chart."""
        from explorer.lessons.observed import as_seen

        first, titles = self.maps[0], [method_name(one.method, language) for one in self.maps]
        values = {"net": self.net.name(language), "name": first.target_name or str(first.target)}
        said = [text("look.strip.caption", language, **values, halves=halves_in_words(self.maps, language))]
        if self.refused:
            said.append(text("look.strip.refused", language, reasons=" ".join(self.refused)))
        figure = plot_saliency_strip(as_seen(self.net, self.picture), self.maps, titles, language)
        # What all rows have in common stands above them, and a method is its map's title: thousands of rows are long.
        data = saliencies_data(self.maps, titles).drop(columns=["method", "class", "probability"])
        return widgets.chart_value(figure, " ".join(said), data, "methods", language)


def halves_in_words(maps: list[Attribution], language: str) -> str:
    """On how much of the picture half of the evidence for the class lies, method by method, the smallest first."""
    found = sorted(maps, key=lambda one: one.area_of_half())
    return ", ".join(f"{method_name(one.method, language)} {units.percent(one.area_of_half())}" for one in found)


def stream_sanity(chosen: SaliencyChoice, language: str) -> Iterator[tuple[list[str], str]]:
    """Weights made random from the top, a chart for each net, stage by stage."""
    from explorer.analysis.sanity_check import sanity_check
    from explorer.lessons.observed import as_seen
    from explorer.training.predicting import prepare

    yield [], widgets.busy(0, text("look.sanity.busy", language))
    nets, picture = saliency_nets.nets_of(chosen), saliency_nets.picture_of(chosen)
    cards: list[str] = []
    for number, (net, found) in enumerate(zip(nets, saliency.finished_maps(chosen), strict=True)):
        steps = sanity_check(
            net.model,
            prepare(net, [picture]),
            method=chosen.method,
            target=found.target,
            classes=net.classes,
            layer=found.layer or None,
        )
        card = ""
        for check in steps:
            caption = f"{net.name(language)}: {describe_sanity_check(check, language)}"
            figure = plot_sanity_check(as_seen(net, picture), check, language)
            card = widgets.chart_value(figure, caption, sanity_check_data(check), "sanity_check", language)
            share = (number + check.share_done) / len(nets)
            if share < 1:
                yield [*cards, card], widgets.busy(share, text("look.sanity.busy", language))
        cards.append(card)
    yield cards, ""


def stream_curves(chosen: SaliencyChoice, language: str) -> Iterator[tuple[list[str], str]]:
    """Deletion and insertion by the chosen method's map, of each net."""
    nets = saliency_nets.nets_of(chosen)
    work = _curves(chosen, nets)
    yield [], widgets.busy(0, text("look.curves.busy", language))
    try:
        while True:
            try:
                share, _ = next(work)
            except StopIteration as end:
                curves: list[PerturbationCurves] = end.value
                break
            yield [], widgets.busy(share, text("look.curves.busy", language))
    finally:
        work.close()
    names = saliency_cards.short_names(nets, language)
    figure = plot_perturbation_curves(curves, names, language)
    caption = describe_perturbation_curves(curves, names, language)
    data = perturbation_curves_data(curves, names)
    yield [widgets.chart_value(figure, caption, data, "perturbation_curves", language)], ""


def _curves(chosen: SaliencyChoice, nets: list[Any]) -> Generator[tuple[float, str], None, list[PerturbationCurves]]:
    """How far it is, and in the end the curves; it ends soon after nobody waits any more."""
    from explorer.analysis.perturbation_curves import perturbation_curves
    from explorer.training.predicting import prepare

    left = threading.Event()

    def run(report: Report) -> list[PerturbationCurves]:
        picture, done = saliency_nets.picture_of(chosen), []
        for number, (net, found) in enumerate(zip(nets, saliency.finished_maps(chosen), strict=True)):

            def tell(share: float, before: int = number) -> None:
                if left.is_set():
                    raise _LeftError
                report((before + share) / len(nets), "")

            done.append(perturbation_curves(net.model, prepare(net, [picture]), found, on_progress=tell))
        return done

    try:
        return (yield from progressive(run))
    finally:
        left.set()
