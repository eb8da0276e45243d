"""The rows of a layer table gathered into the steps that a chart shows: each weight layer with its norm and ReLU."""

from __future__ import annotations

from dataclasses import dataclass, replace

from explorer.results import LayerTable, ReceptiveField

_OPENING = {"conv", "linear", "pool", "add", "concat", "pad", "matmul", "attention"}


@dataclass(frozen=True)
class Step:
    """A convolution, pooling, addition or FC layer together with what follows it up to the next one.

    `number` counts the steps from 1; the units of the other attributes are those of `LayerRow`.
    """

    number: int
    path: str
    op: str
    block: str | None
    output_shape: tuple[int, ...]
    params: int
    macs: int
    activation_bytes: int
    receptive_field: ReceptiveField | None
    parallel: bool


def steps(table: LayerTable) -> tuple[Step, ...]:
    """The steps of `table` in the order of computation; their params, MACs and bytes add up to the table's.

    The picture itself is no step: its bytes are the table's, and no layer's.
    """
    gathered: list[Step] = []
    for row in table.rows:
        if row.op == "input" or (row.op == "pool" and row.activation_bytes == 0):
            continue  # an adaptive pooling that changes nothing is no step either
        if row.op in _OPENING or not gathered:
            gathered.append(
                Step(
                    len(gathered) + 1,
                    row.path,
                    row.op,
                    row.block,
                    row.output_shape,
                    row.params,
                    row.macs,
                    row.activation_bytes,
                    row.receptive_field,
                    row.parallel,
                )
            )
            continue
        last = gathered[-1]
        gathered[-1] = replace(
            last,
            params=last.params + row.params,
            macs=last.macs + row.macs,
            activation_bytes=last.activation_bytes + row.activation_bytes,
            output_shape=row.output_shape if len(row.output_shape) == 3 else last.output_shape,
            # A flattened row sees the whole map, not what the layer before it sees.
            receptive_field=row.receptive_field if len(row.output_shape) == 3 else last.receptive_field,
        )
    return tuple(gathered)
