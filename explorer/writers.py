"""Tables of words as plain text, Markdown, CSV and JSON. Nothing is cut off, whatever the width of the terminal."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from explorer.errors import ConfigError, join_or

FORMATS = ("table", "csv", "json", "markdown")


def checked_format(name: str) -> str:
    """`name`, which is one of `FORMATS`.

    Raises:
        ConfigError: it is not.
    """
    if name not in FORMATS:
        raise ConfigError(f"format={name[:40]!r} is not possible: use {join_or(FORMATS)}.")
    return name


def text_table(headers: Sequence[str], rows: Sequence[Sequence[str]], right: Collection[int] = ()) -> str:
    """Columns under their headers, two spaces apart.

    Args:
        headers: one a column.
        rows: the cells, each as many as there are headers.
        right: positions of the columns to align right.

    >>> print(text_table(["Net", "Layers"], [["vgg_a", "11"], ["resnet50", "50"]], right={1}))
    Net       Layers
    --------  ------
    vgg_a         11
    resnet50      50
    """
    widths = [max(map(len, column)) for column in zip(headers, *rows, strict=True)]
    lines = [headers, ["-" * width for width in widths], *rows]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if index in right else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def markdown_table(headers: Sequence[str], rows: Sequence[Sequence[str]], right: Collection[int] = ()) -> str:
    """The same as a Markdown table.

    >>> print(markdown_table(["Net", "Layers"], [["vgg_a", "11"]], right={1}))
    | Net | Layers |
    | --- | ---: |
    | vgg_a | 11 |
    """
    rule = ["---:" if index in right else "---" for index in range(len(headers))]
    escaped = [[cell.replace("|", "\\|") for cell in row] for row in (headers, *rows)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (escaped[0], rule, *escaped[1:]))


def json_lines(rows: Sequence[Mapping[str, Any]]) -> str:
    """A JSON array with one object a line, so that it can be read and compared line by line.

    >>> print(json_lines([{"path": "conv1", "kernel": 7}, {"path": "fc", "kernel": None}]))
    [
    {"path": "conv1", "kernel": 7},
    {"path": "fc", "kernel": null}
    ]
    """
    return "[\n" + ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n]"


def json_object(fields: Mapping[str, Any]) -> str:
    """A JSON object with one field a line; lists of objects as by `json_lines`.

    >>> print(json_object({"net": "vgg_a", "layers": [{"path": "conv1"}]}))
    {
    "net": "vgg_a",
    "layers": [
    {"path": "conv1"}
    ]
    }
    """
    lines = []
    for name, value in fields.items():
        rows = isinstance(value, list) and all(isinstance(row, Mapping) for row in value)
        lines.append(f"{json.dumps(name)}: {json_lines(value) if rows else json.dumps(value, ensure_ascii=False)}")
    return "{\n" + ",\n".join(lines) + "\n}"


def csv_table(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Comma-separated values; None is an empty cell.

    >>> print(csv_table(["net", "source"], [["vgg_a", "VGG, table 1"]]))
    net,source
    vgg_a,"VGG, table 1"
    """
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows([headers, *rows])
    return buffer.getvalue().rstrip("\n")
