"""`explorer advise`: how different new pictures are from those that a net has learned, and what the matrix proposes."""

from __future__ import annotations

from typing import Annotated

import typer

from explorer import units, writers
from explorer.cli import output
from explorer.cli.data import available
from explorer.cli.options import Format
from explorer.options import read_net

_DO = {
    "probe": "a linear probe on the last stage (--strategy probe)",
    "stages": "linear probes at other stages (explorer probe)",
    "last": "fine-tune the last stages (--strategy last)",
    "all": "fine-tune all (--strategy all)",
}


def advise(
    net: Annotated[str, typer.Argument(metavar="NAME", help="A net of `explorer weights list` or `explorer list`.")],
    data: Annotated[str, typer.Option(metavar="NAME|DIR|ZIP", help="What is to be learned.")],
    weights: Annotated[
        str, typer.Option(metavar="shipped|imagenet|FILE|RUN", help="What the net has learned before.")
    ] = "shipped",
    per_class: Annotated[
        int | None, typer.Option(min=1, metavar="NUMBER", help="Training pictures of a class.  [default: all]")
    ] = None,
    device: Annotated[str, typer.Option(metavar="NAME", help="Where to compute.")] = "auto",
    format: Format = "table",
) -> None:
    """Advise how to go on with a trained net.

    On other data, by CS231n's matrix: little or more of it, similar to the old pictures or different from them. Batch
    norm remembers the old ones.
    """
    writers.checked_format(format)
    from explorer.lessons.advice import LITTLE_BELOW
    from explorer.lessons.advice import advise as advice_for
    from explorer.training.backbones import load_backbone
    from explorer.training.data import dataset_info
    from explorer.training.similarity import source_shift
    from explorer.transfer_results import SIMILAR_BELOW

    data = available(data)
    amount = per_class or max(1, int(dataset_info(data).per_class))
    shift = source_shift(load_backbone(read_net(net), weights), data, device=device)
    advice = advice_for(amount, shift.shift)
    fields = ("depth", "layer", "shift")
    rows = [[getattr(layer, name) for name in fields] for layer in shift.layers]
    if format == "json":
        facts = {name: getattr(shift, name) for name in ("net", "weights", "source", "dataset", "pictures", "shift")}
        facts |= {"per_class": amount, "little": advice.little, "similar": advice.similar}
        facts |= {"strategy": advice.strategy, "lecture": advice.lecture}
        output.write(writers.json_object({**facts, "layers": [dict(zip(fields, row, strict=True)) for row in rows]}))
    elif format == "csv":
        output.write(writers.csv_table(fields, rows))
    else:
        cells = [[str(depth), layer, f"{value:.2f}"] for depth, layer, value in rows]
        write = writers.markdown_table if format == "markdown" else writers.text_table
        output.write(write(["", "Batch-norm layer", "Shift (standard deviations)"], cells, {0, 2}))
        alike = "similar to" if advice.similar else "different from"
        source = shift.source or "what the net has learned"
        size = "little" if advice.little else "more"
        output.write(
            f"\nShift {shift.shift:.2f} on average: {alike} {source} (bound {SIMILAR_BELOW}); "
            f"{units.exact(amount)} pictures of a class: {size} data (bound {LITTLE_BELOW})."
        )
        output.write(f"Proposed: {_DO[advice.strategy]}.")
        if advice.lecture != advice.strategy:
            output.write(f"The lecture: {_DO[advice.lecture]}.")
