"""What the commands print: tables with a style in a terminal, plain and complete everywhere else."""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Collection, Mapping, Sequence
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Any

import typer

from explorer import units, writers

if TYPE_CHECKING:
    import pandas as pd

    from explorer.catalog import Entry
    from explorer.results import LayerRow, LayerTable

_COLUMN_GAP = 3


def speak_utf8() -> None:
    """Let both streams carry × and thin spaces, which a pipe on Windows cannot in its own encoding."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and "utf" not in (stream.encoding or "").lower() and hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8")


def is_terminal() -> bool:
    return sys.stdout.isatty()


def write(text: str) -> None:
    """Print `text`; end quietly if nobody reads on, as behind `| head`."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        # Nothing may be flushed into the closed pipe at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(0) from None


def write_values(frame: pd.DataFrame, format: str) -> bool:
    """A frame for programs, as JSON lines or CSV; False for the formats that people read."""
    from explorer import tables

    if format == "json":
        write(writers.json_lines(tables.records(frame)))
    elif format == "csv":
        write(frame.to_csv(index=False).rstrip())
    return format in ("json", "csv")


def show_frame(frame: pd.DataFrame, columns: Sequence[str], format: str, summary: str) -> None:
    """A layer frame for a reader, the summary under it: in a terminal rounded, elsewhere with all digits."""
    from explorer import tables

    styled = format == "table" and is_terminal()
    shown = tables.display_frame(frame, columns, rounded=styled)
    left_out: list[str] = []
    if styled:
        columns, left_out = _fitting(shown, columns)
        shown = shown.drop(columns=left_out)
    show_words(shown, tables.right_aligned(columns), format)
    write(f"\n{summary}")
    if left_out:
        write(f"Not shown, for want of width: {', '.join(left_out)}. --format csv has everything.")


def show_words(shown: pd.DataFrame, right: Collection[int], format: str) -> None:
    """A frame of words, as a Markdown table or as text."""
    headers, rows = list(shown.columns), shown.to_numpy().tolist()
    if format == "markdown":
        write(writers.markdown_table(headers, rows, right))
    elif not is_terminal():
        write(writers.text_table(headers, rows, right))
    else:
        _show_styled(shown, right)


def _show_styled(shown: pd.DataFrame, right: Collection[int]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, header_style="bold", pad_edge=False, show_edge=False)
    for index, header in enumerate(shown.columns):
        lines = textwrap.wrap(header, _width(header, shown[header]))
        table.add_column("\n".join(lines), justify="right" if index in right else "left", overflow="fold")
    for row in shown.to_numpy().tolist():
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)


def _width(header: str, cells: Collection[str]) -> int:
    """A column's width, its header broken between words."""
    return max(map(len, [*header.split(), *cells, " "]))


def _fitting(shown: pd.DataFrame, columns: Sequence[str]) -> tuple[list[str], list[str]]:
    """The columns (by key) that fit into the terminal, and the headers of those that do not."""
    from explorer import tables

    widths = dict(zip(columns, (_width(header, shown[header]) for header in shown.columns), strict=True))
    headers = dict(zip(columns, shown.columns, strict=True))
    left_out = []
    for key in tables.LEFT_OUT_FIRST:
        if sum(widths.values()) + _COLUMN_GAP * len(widths) <= get_terminal_size().columns:
            break
        if widths.pop(key, None):
            left_out.append(headers[key])
    return list(widths), left_out


def summary(table: LayerTable) -> str:
    """One line with the four numbers of a net."""
    totals = table.totals
    field = totals.receptive_field
    size = "the whole picture" if field is None or field.size is None else units.pixels(field.size)
    if is_terminal():
        numbers = units.count(totals.params), units.macs(totals.macs), units.size(totals.activation_bytes)
    else:
        numbers = units.exact(totals.params), units.exact(totals.macs), f"{units.exact(totals.activation_bytes)} bytes"
    return (
        f"{table.name}, {units.shape(table.input_shape)}: {numbers[0]} parameters, {numbers[1]} MACs, "
        f"{numbers[2]} of activations, receptive field {size}"
    )


def show_nets(nets: Sequence[Entry], format: str) -> None:
    """The catalog's entries; as text under the headings of their groups, all columns equally wide."""
    names = ("name", "aliases", "group", "title", "weight_layers", "source")
    fields: list[dict[str, Any]] = [{name: getattr(entry, name) for name in names} for entry in nets]
    if format == "json":
        write(writers.json_lines(fields))
        return
    if format == "csv":
        rows = [[" ".join(value) if isinstance(value, tuple) else value for value in row.values()] for row in fields]
        write(writers.csv_table(names, rows))
        return
    headers = ["Name", "Weight layers", "In the papers", "Also called"]
    cells = [[entry.name, str(entry.weight_layers), entry.title, ", ".join(entry.aliases)] for entry in nets]
    if format == "markdown":
        write(writers.markdown_table(headers, cells, right={1}))
        return
    header, rule, *lines = writers.text_table(headers, cells, right={1}).splitlines()
    groups: dict[str, list[str]] = {}
    for entry, line in zip(nets, lines, strict=True):
        groups.setdefault(entry.group, []).append(line)
    write("\n".join([header, rule, *(f"\n{group}\n" + "\n".join(lines) for group, lines in groups.items())]))


def show_field(table: LayerTable, row: LayerRow, unit: tuple[int, int] | None, format: str) -> None:
    """The receptive field of one layer, and what one of its units sees."""
    field, size = row.receptive_field, table.input_shape[1:]
    region = None if field is None or unit is None else field.region(unit, size)
    if format == "json":
        fields: dict[str, Any] = {"config": table.as_dict()["config"], "layer": row.path, "kind": row.kind}
        fields |= {"output_shape": row.output_shape, "receptive_field": field and field.as_dict()}
        write(writers.json_object({**fields, "unit": unit, "region": region}))
        return
    values = {"layer": row.path, "module": row.kind, "output": units.shape(row.output_shape), **_field_words(row)}
    if unit is not None and region is not None:
        top, left, bottom, right = region
        values["unit"] = f"row {unit[0]}, column {unit[1]}"
        values["sees"] = (
            f"rows {top} to {bottom - 1}, columns {left} to {right - 1} of {units.pixels(size)}"
            if bottom > top
            else "padding only"
        )
    if format == "csv":
        write(writers.csv_table(list(values), [list(values.values())]))
    else:
        show_pairs(values, format)


def show_pairs(values: Mapping[str, str], format: str) -> None:
    """Names and values under each other, as a Markdown table or as text."""
    if format == "markdown":
        header, *rows = map(list, values.items())
        write(writers.markdown_table(header, rows))
    else:
        width = max(map(len, values))
        write("\n".join(f"{name:{width}}  {value}" for name, value in values.items()))


def _field_words(row: LayerRow) -> dict[str, str]:
    field = row.receptive_field
    if field is None:
        return {"receptive field": "not known"}
    if field.size is None or field.stride is None or field.offset is None:
        return {"receptive field": "global: the whole picture, whatever its size"}
    return {
        "receptive field": units.pixels(field.size),
        "smallest path": "global" if field.min_size is None else units.pixels(field.min_size),
        "jump": units.pixels(field.stride),
        "offset": units.pixels(field.offset),
        "paths aligned": "yes" if field.aligned else "no",
    }
