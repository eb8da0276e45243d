"""The Transfer tab's advice: how like the old pictures the new ones are, and the lecture's matrix with its quadrant."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from explorer.app import training_data, training_store, widgets
from explorer.app.progressive import Report, progressive
from explorer.app.transfer_choice import net_and_weights
from explorer.app.transfer_live import PROBED
from explorer.errors import ConfigError
from explorer.figures.source_shift import describe_source_shift, plot_source_shift, source_shift_data
from explorer.language import text
from explorer.lessons.advice import LECTURE, LITTLE_BELOW, PROPOSED, STAGES, advise
from explorer.lessons.sentences import data_title
from explorer.lessons.transfer_experiment import SCRATCH_STRATEGY
from explorer.training.data import dataset_info
from explorer.training.datasets import DATASETS
from explorer.transfer_results import SourceShift

_BUILT_IN = tuple(name for name, info in DATASETS.items() if info.kind == "built in")


@dataclass(frozen=True)
class Found:
    """What the advice rests on.

    Attributes:
        shifts: of the chosen data, then of the built-in sets, to compare with.
        per_class: training pictures of a class, all of them taken.
    """

    shifts: tuple[SourceShift, ...]
    per_class: int


def stream_advice(
    start: str, dataset: str, sizes: Sequence[int], language: str
) -> Iterator[tuple[str, str, str, str, str]]:
    """Measure how like the source the data is, and light the quadrant.

    Yields the matrix, the chart (empty while there is none), what goes on, the proposed trainings, with commas, and
    what is said of taking them over.

    Raises:
        ExplorerError: the weights or the data are not there.
    """
    unlit = matrix_html(None, sizes, language)
    yield unlit, "", widgets.busy(0.0, text("transfer.advice.busy", language)), "", ""
    going = progressive(lambda report: _measured(start, dataset, report))
    while True:
        try:
            share, _ = next(going)
        except StopIteration as end:
            found: Found = end.value
            yield (
                matrix_html(found, sizes, language),
                _chart(found.shifts, language),
                "",
                ",".join(proposed(found, sizes)),
                taking_html(found, sizes, language),
            )
            return
        except ConfigError as error:
            if error.key != "no_memory_of_source":
                raise
            yield unlit, "", _note(text("transfer.advice.unknown", language)), "", ""
            return
        yield unlit, "", widgets.busy(share, text("transfer.advice.busy", language)), "", ""


def _measured(start: str, dataset: str, report: Report) -> Found:
    from explorer.training.backbones import load_backbone
    from explorer.training.similarity import source_shift

    training_data.check_there(dataset)
    backbone = load_backbone(*net_and_weights(start), training_store.store())
    asked = [dataset, *(name for name in _BUILT_IN if name != dataset)]
    shifts = []
    for number, name in enumerate(asked):

        def tell(share: float, what: str, number: int = number) -> None:
            report((number + share) / len(asked), what)

        shifts.append(source_shift(backbone, name, on_progress=tell))
    return Found(tuple(shifts), max(1, int(dataset_info(dataset).per_class)))


def proposed(found: Found, sizes: Sequence[int]) -> tuple[str, ...]:
    """The trainings that are proposed for these amounts.

    Probes of stages are none: in their place stands the probe of the last stage, which is one, and `taking_html` says
    so.
    """
    return tuple(dict.fromkeys("probe" if one == STAGES else one for one in _advised(found, sizes)))


def _advised(found: Found, sizes: Sequence[int]) -> list[str]:
    shift = found.shifts[0].shift
    return [advise(min(size, found.per_class), shift).strategy for size in sizes]  # there are no more


def taking_html(found: Found, sizes: Sequence[int], language: str) -> str:
    """Which trainings are ticked if the advice is taken over, and where they are not what is advised."""
    listed = [strategy_title(way, language) for way in (SCRATCH_STRATEGY, *proposed(found, sizes))]
    words = text("transfer.advice.ticks", language, ways=", ".join(listed))
    if STAGES in _advised(found, sizes):
        stages, probe = (strategy_title(way, language) for way in (STAGES, "probe"))
        words += " " + text("transfer.advice.ticks.stages", language, stages=stages, probe=probe, learned=PROBED)
    return _note(words)


def _chart(shifts: tuple[SourceShift, ...], language: str) -> str:
    titles = {one.dataset: data_title(one.dataset, language) for one in shifts}
    caption = describe_source_shift(shifts, language, titles=titles)
    data = source_shift_data(shifts).assign(dataset=lambda rows: [titles[name] for name in rows["dataset"]])
    figure = plot_source_shift(shifts, language, titles=titles)
    return widgets.chart_value(figure, caption, data.round({"shift": 3}), "source_shift", language)


# ---------------------------------------------------------------- the matrix


def matrix_html(found: Found | None, sizes: Sequence[int], language: str) -> str:
    """The four quadrants with their proposals; what was measured lights one for every amount.

    Args:
        found: None while it is not known.
        sizes: training pictures of a class that are going to be tried.
        language: `en` or `ko`.
    """
    lit: dict[tuple[bool, bool], list[str]] = {}
    if found is not None:
        whole = found.per_class
        amounts = {size: text("transfer.per_class", language, count=size) for size in sizes if size < whole}
        amounts[whole] = text("transfer.advice.all", language, count=whole)
        for amount, words in amounts.items():
            advice = advise(amount, found.shifts[0].shift)
            lit.setdefault((advice.little, advice.similar), []).append(words)
    head = "".join(
        f'<th scope="col">{html.escape(text(f"transfer.advice.{key}", language))}</th>'
        for key in ("similar", "different")
    )
    rows = []
    for little in (True, False):
        name = text(f"transfer.advice.{'little' if little else 'more'}", language, count=LITTLE_BELOW)
        cells = "".join(_cell((little, similar), lit.get((little, similar), []), language) for similar in (True, False))
        rows.append(f'<tr><th scope="row">{html.escape(name)}</th>{cells}</tr>')
    table = f'<table class="matrix"><thead><tr><td></td>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table>'
    return f'<div class="scroll whole">{table}</div>'


def _cell(where: tuple[bool, bool], amounts: list[str], language: str) -> str:
    proposed, lecture = PROPOSED[where], LECTURE[where]
    words = f"<b>{html.escape(strategy_title(proposed, language))}</b>"
    reason = text(f"transfer.advice.reason.{'little' if where[0] else 'more'}.{proposed}", language)
    words += f"<small>{html.escape(reason)}</small>"
    if lecture != proposed:
        said = text("transfer.advice.lecture", language, strategy=strategy_title(lecture, language))
        words += f"<small>{html.escape(said)}</small>"
    if amounts:
        words += f'<span class="yours">{html.escape(" · ".join(amounts))}</span>'
    # On a narrow page the quadrants stand below each other, and each says which column it was in.
    column = html.escape(text(f"transfer.advice.{'similar' if where[1] else 'different'}", language))
    lit = ' class="lit"' if amounts else ""
    return f'<td{lit} data-column="{column}">{words}</td>'


def strategy_title(strategy: str, language: str) -> str:
    """How a proposal is called."""
    if strategy == STAGES:
        return text("transfer.advice.stages", language)
    return text(f"experiment.strategy.{strategy}", language)


def _note(words: str) -> str:
    return f'<p class="note">{html.escape(words)}</p>'
