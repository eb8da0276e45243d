"""Which stages of a net learn, strategy by strategy: a table of dots, rates and starts."""

from __future__ import annotations

import html
from collections.abc import Sequence

from explorer import units
from explorer.app import training_data
from explorer.app.transfer_choice import net_and_weights, start_config
from explorer.language import text
from explorer.lessons.transfer_experiment import SCRATCH_STRATEGY
from explorer.train_config import TrainConfig
from explorer.training.strategies import stage_learning
from explorer.transfer_results import StageLearning


def stages_html(start: str, dataset: str, strategies: Sequence[str], language: str) -> str:
    """The stages of the net that is started from, nearest to the picture first.

    Args:
        start: as the page names it, `shipped:resnet18`.
        dataset: what is to be learned; its classes are the head's.
        strategies: the columns.
        language: `en` or `ko`.

    Raises:
        ExplorerError: there is no such start.
    """
    net_and_weights(start)
    info = training_data.known_info_or_none(dataset)
    config = start_config(start)
    if info is not None:
        config = config.replace(num_classes=info.num_classes)
    learning = []
    for strategy in strategies:
        way = "all" if strategy == SCRATCH_STRATEGY else strategy
        learning.append(stage_learning(config, TrainConfig("digits", strategy=way)))  # type: ignore[arg-type]
    head = "".join(
        f'<th scope="col">{html.escape(text(f"experiment.strategy.{strategy}", language))}</th>'
        for strategy in strategies
    )
    params = html.escape(text("transfer.stages.params", language))
    rows = []
    for depth, stage in enumerate(learning[0]):
        cells = "".join(f"<td>{_cell(found[depth], language)}</td>" for found in learning)
        rows.append(
            f'<tr><th scope="row"><code>{stage.stage}</code></th><td>{units.count(stage.params)}</td>{cells}</tr>'
        )
    total = "".join(f"<td>{units.count(_learned(found))}</td>" for found in learning)
    everything = units.count(sum(stage.params for stage in learning[0]))
    name = html.escape(text("transfer.stages.learned", language))
    rows.append(f'<tr class="group"><th scope="row">{name}</th><td>{everything}</td>{total}</tr>')
    title = html.escape(text("transfer.stages.stage", language))
    head = f'<tr><th scope="col">{title}</th><th scope="col">{params}</th>{head}</tr>'
    table = f'<table class="compare"><thead>{head}</thead><tbody>{"".join(rows)}</tbody></table>'
    return f'<div class="scroll whole">{table}</div>'


def _cell(stage: StageLearning, language: str) -> str:
    if not stage.rate:
        return html.escape(text("transfer.stages.frozen", language))
    if stage.begins:
        return html.escape(text("transfer.stages.from", language, share=f"{100 * stage.begins:.0f}"))
    if stage.rate < 1:
        return html.escape(text("transfer.stages.rate", language, rate=f"{stage.rate:.2g}"))
    return html.escape(text("transfer.stages.learns", language))


def _learned(found: Sequence[StageLearning]) -> int:
    return sum(stage.params for stage in found if stage.rate)
