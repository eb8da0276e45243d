"""Results as pandas DataFrames, and how their columns are headed and written.

A frame's columns are data keys (`activation_bytes`), its cells data: whole numbers, shapes as tuples, None or NA where
there is nothing. What a person reads is made from it by `display_frame`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from explorer import units
from explorer.results import LayerRow, LayerTable, ReceptiveField
from explorer.writers import checked_format, csv_table, json_lines, markdown_table, text_table

BLOCK_LABELS = {
    "projection": "CONV block (projection)",
    "identity": "ID block (identity)",
    "padding": "padding block",
    "plain": "plain block",
    "stage": "stage",
    "inception": "Inception module",
    "module": "module",
    "sequence": "sequence",
}
"""What kinds of blocks are called: a CONV block's shortcut is a 1x1 convolution, an ID block's the identity."""

HEADERS = {
    "path": "Layer",
    "op": "Operation",
    "kind": "Module",
    "block": "Block",
    "block_kind": "Kind of block",
    "layers": "Layers",
    "input_shape": "Input",
    "output_shape": "Output",
    "kernel": "Kernel",
    "stride": "Stride",
    "padding": "Padding",
    "params": "Parameters",
    "trainable": "Trainable",
    "macs": "MACs",
    "activation_bytes": "Activations (bytes)",
    "kept_bytes": "Activations, ReLUs out of place (bytes)",
    "training_bytes": "Kept for the backward pass (bytes)",
    "parameter_bytes": "Weights (bytes)",
    "weight_layers": "Weight layers",
    "rf_size": "Receptive field (px)",
    "rf_min_size": "Smallest path (px)",
    "rf_stride": "Jump (px)",
    "rf_offset": "Offset (px)",
    "rf_global": "Sees the whole picture",
    "rf_aligned": "Paths aligned",
    "parallel": "Beside the main path",
    "params_share": "Share of parameters",
    "macs_share": "Share of MACs",
    "activation_share": "Share of activations",
    "params_cumulative": "Parameters up to here",
    "macs_cumulative": "MACs up to here",
    "activation_cumulative": "Activations up to here",
    "quantity": "Quantity",
    "difference": "Difference",
    "ratio": "Ratio",
}
"""Display headers of the data keys, with the unit that `display_frame` writes the numbers in."""

LAYER_COLUMNS = (
    *("path", "kind", "output_shape", "kernel", "stride", "padding", "params", "macs", "activation_bytes"),
    *("rf_size", "rf_min_size"),
)
"""The columns of a layer table that are shown where space is short."""
FOLDED_COLUMNS = (
    *("path", "block_kind", "layers", "output_shape", "params", "macs", "activation_bytes", "rf_size", "rf_min_size"),
)
FIELD_COLUMNS = ("path", "kind", "output_shape", "rf_size", "rf_min_size", "rf_stride", "rf_offset", "rf_aligned")
LEFT_OUT_FIRST = ("padding", "stride", "kernel", "rf_aligned", "rf_offset", "kind", "rf_min_size", "layers")
"""The columns that a reader misses least, where there is no room for all."""

_SUMS = ("params", "trainable", "macs", "activation_bytes", "kept_bytes", "training_bytes")
_SHARES = {"params": "params", "macs": "macs", "activation": "activation_bytes"}
_WORDS = {"path", "op", "kind", "block", "block_kind", "quantity"}
_SHAPES = {"input_shape", "output_shape"}
_ROUNDED: dict[str, Callable[[float], str]] = {
    **dict.fromkeys(("params", "trainable"), units.count),
    "macs": units.macs,
    **dict.fromkeys(("activation_bytes", "kept_bytes", "training_bytes", "parameter_bytes"), units.size),
}


def layer_frame(table: LayerTable) -> pd.DataFrame:
    """One row for each operation of the net, with its shares of the totals and their running sums.

    Returns:
        The columns of `HEADERS` from `path` to `activation_cumulative` that belong to operations. The receptive field
        is in `rf_size`, `rf_min_size`, `rf_stride` and `rf_offset`; all are NA where it is global (`rf_global`) or not
        known (then `rf_global` is NA, too). Shares are between 0 and 1.
    """
    kinds = {block.path: block.kind for block in table.blocks}
    frame = _frame([_record(row, kinds) for row in table.rows])
    return _with_shares(frame)


def fold(layers: LayerTable | pd.DataFrame) -> pd.DataFrame:
    """A layer table with each block or stage folded into one row; what is in none stays as it is.

    A block's input is that of its first layer, its output and receptive field those of its last; counts are sums.

    Args:
        layers: a layer table or its frame.
    """
    frame = layer_frame(layers) if isinstance(layers, LayerTable) else layers
    names = [str(name) for name in frame.columns]
    rows = [dict(zip(names, row, strict=True)) for row in zip(*(frame[name] for name in names), strict=True)]
    groups: dict[object, list[dict[str, Any]]] = {}
    for index, row in enumerate(rows):
        # A layer outside of any block is a group of its own.
        groups.setdefault(index if row["block"] is None else row["block"], []).append(row)
    return _with_shares(_frame([_folded(group) for group in groups.values()]))


def _folded(group: list[dict[str, Any]]) -> dict[str, Any]:
    first, last = group[0], group[-1]
    if first["block"] is None:
        return {**first, "layers": 1}
    return {
        **first,
        **{name: value for name, value in last.items() if name == "output_shape" or name.startswith("rf_")},
        **{name: sum(int(row[name]) for row in group) for name in _SUMS},
        "path": first["block"],
        "op": "block",
        "kind": BLOCK_LABELS.get(first["block_kind"], first["block_kind"]),
        **dict.fromkeys(("kernel", "stride", "padding")),
        "parallel": False,
        "layers": len(group),
    }


def compare_frame(a: LayerTable, b: LayerTable) -> pd.DataFrame:
    """Two nets side by side: their totals, then every option that at least one of them has.

    Returns:
        Columns `group` (`total` or `option`), `quantity` (a data key or an option), `a`, `b`, `difference` (b - a) and
        `ratio` (b / a), the last two NA where they mean nothing, and `differs`.
    """
    records = []
    for quantity, of_a in _totals(a).items():
        records.append(_comparison("total", quantity, of_a, _totals(b)[quantity]))
    options_a, options_b = ({} if table.config is None else table.config.options() for table in (a, b))
    for option in dict.fromkeys([*options_a, *options_b]):
        records.append(_comparison("option", option, options_a.get(option), options_b.get(option)))
    frame = pd.DataFrame({name: [r[name] for r in records] for name in records[0]}, dtype=object)
    return frame.astype({"group": str, "quantity": str, "differs": bool, "ratio": "Float64"})


def display_frame(frame: pd.DataFrame, columns: Sequence[str] | None = None, *, rounded: bool = False) -> pd.DataFrame:
    """What a person reads: display headers, and every cell as text.

    Args:
        frame: what `layer_frame` or `fold` gave.
        columns: the data keys to show; default: all.
        rounded: 138.4 M instead of 138 357 544.
    """
    shown = {}
    for name in frame.columns if columns is None else columns:
        header = HEADERS.get(name, name)
        if rounded and name in _ROUNDED:
            header = header.removesuffix(" (bytes)")
        shown[header] = [_cell(name, value, rounded) for value in frame[name]]
        if name == "rf_size":
            whole = frame["rf_global"].fillna(False)
            shown[header] = ["global" if one else cell for one, cell in zip(whole, shown[header], strict=True)]
    return pd.DataFrame(shown, dtype=object)


def display_comparison(frame: pd.DataFrame, a: str, b: str, *, rounded: bool = False) -> pd.DataFrame:
    """What a person reads of a `compare_frame`: one column for each net.

    Args:
        frame: what `compare_frame` gave.
        a: what to call the first net.
        b: what to call the second net; where both are called the same, their places are added.
        rounded: 138.4 M instead of 138 357 544.
    """
    if a == b:
        a, b = f"{a} (1)", f"{b} (2)"
    names = list(frame["quantity"])
    quantities = [
        name if group == "option" else HEADERS[name] for group, name in zip(frame["group"], names, strict=True)
    ]
    if rounded:
        quantities = [quantity.removesuffix(" (bytes)") for quantity in quantities]
    shown = {
        "": quantities,
        **{
            header: [
                (_option_cell(value) if group == "option" else _cell(name, value, rounded)) or "–"
                for group, name, value in zip(frame["group"], names, frame[key], strict=True)
            ]
            for header, key in ((a, "a"), (b, "b"))
        },
        HEADERS["ratio"]: ["" if _missing(ratio) else f"× {ratio:.3g}" for ratio in frame["ratio"]],
    }
    return pd.DataFrame(shown, dtype=object)


def right_aligned(columns: Sequence[str]) -> set[int]:
    """Positions of the columns that hold numbers, by data keys."""
    return {index for index, name in enumerate(columns) if name not in _WORDS | {"rf_global", "rf_aligned"}}


def frame_to(frame: pd.DataFrame, format: str, columns: Sequence[str] | None = None) -> str:
    """A frame as text, without a final line break.

    Args:
        frame: what `layer_frame` or `fold` gave.
        format: `csv` and `json` hold the data under their keys, all columns, shapes in CSV as 64x224x224; `table`
            (plain text) and `markdown` hold what a person reads.
        columns: the data keys to write; default: all.

    Raises:
        ConfigError: there is no such format.
    """
    chosen = list(frame.columns if columns is None else columns)
    if checked_format(format) == "csv":
        return csv_table(chosen, list(zip(*(map(_csv_cell, frame[name]) for name in chosen), strict=True)))
    if format == "json":
        return json_lines(records(frame[chosen]))
    shown = display_frame(frame, chosen)
    write = markdown_table if format == "markdown" else text_table
    return write(list(shown.columns), shown.to_numpy().tolist(), right_aligned(chosen))


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """A frame's rows as plain data for JSON: NA is None."""
    names = list(frame.columns)
    cells = zip(*([_plain(value) for value in frame[name]] for name in names), strict=True)
    return [dict(zip(names, row, strict=True)) for row in cells]


# ---------------------------------------------------------------- making frames


def _record(row: LayerRow, kinds: dict[str, str]) -> dict[str, Any]:
    return {
        **{name: getattr(row, name) for name in ("path", "op", "kind", "block")},
        "block_kind": None if row.block is None else kinds[row.block],
        **{name: getattr(row, name) for name in ("input_shape", "output_shape", "kernel", "stride", "padding")},
        **{name: getattr(row, name) for name in _SUMS},
        **_field(row.receptive_field),
        "parallel": row.parallel,
    }


def _field(field: ReceptiveField | None) -> dict[str, Any]:
    if field is None:
        names = ("rf_size", "rf_min_size", "rf_stride", "rf_offset", "rf_global", "rf_aligned")
        return dict.fromkeys(names)
    return {
        "rf_size": field.size,
        "rf_min_size": field.min_size,
        "rf_stride": field.stride,
        "rf_offset": field.offset,
        "rf_global": field.is_global,
        "rf_aligned": field.aligned,
    }


def _frame(records: list[dict[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame({name: _column(name, [record[name] for record in records]) for name in records[0]})


def _column(name: str, values: list[Any]) -> pd.Series[Any]:
    """A column in the narrowest type that holds its values, NA included; tuples and words are objects."""
    if name in _SUMS or name == "layers":
        return pd.Series(values, dtype="int64")
    present = [value for value in values if not _missing(value)]
    if name in {"rf_global", "rf_aligned", "parallel"}:
        return pd.Series(values, dtype="boolean")
    if name.startswith("rf_") and all(isinstance(value, int) for value in present):
        return pd.Series(values, dtype="Int64")
    if name.startswith("rf_") and all(isinstance(value, int | float) for value in present):
        return pd.Series(values, dtype="Float64")
    return pd.Series([None if _missing(value) else value for value in values], dtype=object)


def _with_shares(frame: pd.DataFrame) -> pd.DataFrame:
    shares = {}
    for name, key in _SHARES.items():
        total = int(frame[key].sum())
        shares[f"{name}_share"] = frame[key] / total if total else frame[key] * 0.0
    for name, key in _SHARES.items():
        total = int(frame[key].sum())
        shares[f"{name}_cumulative"] = frame[key].cumsum() / total if total else frame[key] * 0.0
    return frame.assign(**shares)


def _totals(table: LayerTable) -> dict[str, Any]:
    totals = {
        name: getattr(table.totals, name) for name in ("weight_layers", *_SUMS[:3], "parameter_bytes", *_SUMS[3:])
    }
    field = _field(table.totals.receptive_field)
    return totals | {name: field[name] for name in ("rf_size", "rf_min_size", "rf_stride")}


def _comparison(group: str, quantity: str, a: Any, b: Any) -> dict[str, Any]:
    numbers = group == "total" and isinstance(a, int | float) and isinstance(b, int | float)
    return {
        "group": group,
        "quantity": quantity,
        "a": a,
        "b": b,
        "difference": b - a if numbers else None,
        "ratio": b / a if numbers and a else None,
        "differs": a != b,
    }


# ---------------------------------------------------------------- writing cells


def _missing(value: Any) -> bool:
    return value is None or value is pd.NA or (isinstance(value, float) and value != value)


def _cell(name: str, value: Any, rounded: bool) -> str:
    if _missing(value):
        return ""
    if name in _SHAPES:
        return units.shape(value)
    if name == "block_kind":
        return BLOCK_LABELS.get(value, str(value))
    if name.endswith(("_share", "_cumulative")):
        return units.percent(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if rounded and name in _ROUNDED:
        return _ROUNDED[name](value)
    if isinstance(value, tuple):
        return units.times(value)
    if isinstance(value, int | float):
        return units.exact(value)
    return str(value)


def _option_cell(value: Any) -> str:
    """An option's value as it is written on the command line."""
    if _missing(value):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _csv_cell(value: Any) -> Any:
    if isinstance(value, tuple):
        return "x".join(map(str, value))
    return None if _missing(value) else value


def _plain(value: Any) -> Any:
    if _missing(value):
        return None
    return value.item() if hasattr(value, "item") else value
