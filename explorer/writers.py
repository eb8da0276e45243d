"""Tables of words as plain text, Markdown and JSON. Nothing is cut off, whatever the width of the terminal."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any


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
