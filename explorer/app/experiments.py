"""The lesson's two experiments: the deeper net that exists although training does not find it, and one block."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from explorer.app import training_store, widgets
from explorer.app.progressive import Report, progressive
from explorer.catalog import find_entry
from explorer.errors import ConfigError
from explorer.figures.constructed import constructed_data, describe_constructed, plot_constructed
from explorer.figures.one_block import describe_one_block, one_block_data, plot_one_block
from explorer.language import text
from explorer.lesson_results import ConstructedResult, OneBlockResult, net_title
from explorer.lessons.constructed import constructed_solution
from explorer.lessons.one_block import one_block_steps
from explorer.lessons.sentences import data_title
from explorer.run_results import Run

_DEEPER = "plain56"
_REDRAW_SECONDS = 0.4

_learned: dict[int, OneBlockResult] = {}
"""By seed: everybody who opens the tab sees the same curves, and they are computed once."""

# ---------------------------------------------------------------- the constructed solution


def sources(runs: Sequence[Run], group: str = "") -> list[Run]:
    """Runs of plain 6n+2 nets with weights, of which a deeper net can be made; the shown lesson's first.

    Args:
        runs: all runs, the newest first.
        group: the lesson that is shown.
    """
    plain = [run for run in runs if run.best_epoch and _is_plain(run) and _depth(run.model.arch) < _depth(_DEEPER)]
    return sorted(plain, key=lambda run: (run.group != group or not group, _depth(run.model.arch)))


def _is_plain(run: Run) -> bool:
    return (
        run.model.residual is False and run.model.arch.startswith("plain") and run.model.entry.group.endswith("CIFAR")
    )


def _depth(arch: str) -> int:
    return find_entry(arch).weight_layers


def source_choices(runs: Sequence[Run], group: str, language: str) -> list[tuple[str, str]]:
    """The runs to choose from, with what they learned from."""
    return [
        (f"{run.name} · {net_title(run.model.arch)} · {data_title(run.train.dataset, language)}", run.run_id)
        for run in sources(runs, group)
    ]


def deeper_of(run: Run, runs: Sequence[Run]) -> tuple[str, str | None]:
    """The net to make of a run's, and a run of that net from random weights, trained alike, if there is one.

    The deepest such net of the run's own lesson is taken, so that it stands beside one that was trained.
    """
    alike = [
        other
        for other in runs
        if other.best_epoch
        and _is_plain(other)
        and _depth(other.model.arch) > _depth(run.model.arch)
        and _training(other) == _training(run)
        and other.model.replace(seed=run.model.seed) == run.model.replace(arch=other.model.arch)
    ]
    if not alike:
        return _DEEPER, None
    beside = max(alike, key=lambda other: (other.group == run.group, _depth(other.model.arch)))
    return beside.model.arch, beside.run_id


def _training(run: Run) -> tuple[object, ...]:
    """What has to be the same for two nets to have had the same chance."""
    train = run.train
    return train.dataset, train.seed, train.subset, train.recipe, train.epochs, train.iterations


def stream_constructed(run_id: str | None, language: str) -> Iterator[str]:
    """Make the deeper net and test it: how far that is, and then the figure.

    Raises:
        ConfigError: no run is chosen.
        ExplorerError: the nets cannot be compared.
    """
    store = training_store.store()
    runs = store.list()
    if not run_id:
        message = "There is no trained plain net yet: run the lesson first."
        raise ConfigError(message, key="no_plain_run")
    run = store.get(run_id)
    arch, beside = deeper_of(run, runs)

    def work(report: Report) -> ConstructedResult:
        return constructed_solution(
            run.run_id, arch=arch, beside=beside, store=store, on_progress=lambda share: report(share, "")
        )

    going = progressive(work)
    while True:
        try:
            share, _ = next(going)
        except StopIteration as end:
            yield constructed_card(end.value, language)
            return
        yield widgets.busy(share, text("constructed.busy", language))


def constructed_card(result: ConstructedResult, language: str) -> str:
    """The errors of all three nets."""
    data = constructed_data(result)
    shown = data.assign(train_error=100 * data["train_error"], test_error=100 * data["test_error"])
    caption = describe_constructed(result, language)
    figure = plot_constructed(result, language)
    return widgets.chart_value(figure, caption, shown.drop(columns="role"), "constructed", language)


# ---------------------------------------------------------------- one block


def stream_one_block(seed: float, language: str, *, again: bool = True) -> Iterator[str]:
    """The blocks' curves as they grow.

    Args:
        seed: of the first block.
        language: `en` or `ko`.
        again: learn although they have learned from this seed before; without, the curves of then are shown at once.
    """
    known = _learned.get(int(seed))
    if known is not None and not again:
        yield one_block_card(known, language)
        return
    drawn = 0.0
    for result in one_block_steps(seed=int(seed)):
        if result.finished or time.monotonic() - drawn >= _REDRAW_SECONDS:
            yield one_block_card(result, language)
            drawn = time.monotonic()
        if result.finished:
            _learned[int(seed)] = result


def one_block_card(result: OneBlockResult, language: str) -> str:
    """Error against steps of all blocks."""
    data = one_block_data(result)
    named = data.assign(kind=[text(f"oneblock.kind.{kind}", language) for kind in data["kind"]])
    caption = describe_one_block(result, language)
    return widgets.chart_value(plot_one_block(result, language), caption, named, "one_block", language)
