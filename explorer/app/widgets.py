"""The page's own widgets: thin `gr.HTML` components whose drawing is in `static/explorer.js`.

`gr.Plot` remounts at every change, which flickers and loses the zoom; these call `Plotly.react` on one element from
plotly's own bundled script, and fold the data and a caption under each chart. They are functions, not subclasses:
Gradio writes a stub file beside the module of every component subclass.
"""

from __future__ import annotations

import html
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import gradio as gr
import pandas as pd
import plotly
import plotly.graph_objects as go

from explorer import units
from explorer.language import operation_name, text
from explorer.results import LayerRow, LayerTable, ReceptiveField, Totals

STATIC = Path(__file__).parent / "static"
PLOTLY_JS = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"


def _script(path: Path) -> str:
    return f'<script src="./gradio_api/file={html.escape(quote(path.as_posix(), safe="/:"))}"></script>'


_OWN_HEAD = _script(STATIC / "explorer.js")
_CHART_HEAD = _script(PLOTLY_JS) + _OWN_HEAD


# ---------------------------------------------------------------- charts


def chart_value(
    figure: go.Figure, caption: str, data: pd.DataFrame | None, name: str, language: str, *, key: str = ""
) -> str:
    """What a chart card shows, as the JSON that its script reads.

    Args:
        figure: the plot.
        caption: a sentence computed from the plotted values.
        data: the plotted values, folded under the plot; None hides them.
        name: name of the CSV file, without its ending.
        language: `en` or `ko`.
        key: what the chart is of, where points are going to be added to it (`chart_growth`); a zoom is kept as long as
            it stays the same.
    """
    card: dict[str, Any] = {
        "key": key,
        "figure": json.loads(figure.to_json()),
        "caption": caption,
        "name": name,
        "words": {"data": text("chart.data", language), "csv": text("chart.csv", language)},
        "table": None,
    }
    if data is not None:
        records = json.loads(_translated(data, language).to_json(orient="split"))
        titles = [text(f"column.{column}", language) for column in records["columns"]]
        card["table"] = {"titles": titles, "rows": records["data"]}
    return json.dumps(card, ensure_ascii=False, separators=(",", ":"))


def chart_growth(value: str, held: dict[str, Any]) -> str:
    """What a page has to add to the chart that it shows already; the whole chart where that is another one.

    Args:
        value: the whole chart, from `chart_value` with a key. Its traces have lists, not arrays.
        held: what the page shows, as its script says: `key`, the number of points of each trace (`counts`) and the last
            one (`ends`), and the number of table rows (`rows`).
    """
    card = json.loads(value)
    traces, counts, ends = card["figure"]["data"], held.get("counts", []), held.get("ends", [])
    if held.get("key") != card["key"] or not len(traces) == len(counts) == len(ends):
        return value
    added = []
    for trace, count, end in zip(traces, counts, ends, strict=True):
        # What was measured after a checkpoint is measured again when a run goes on from it.
        shown = [trace["x"][count - 1], trace["y"][count - 1]] if 0 < count <= len(trace["x"]) else None
        if count and shown != end:
            return value
        added.append({name: trace[name][count:] for name in ("x", "y", "customdata") if name in trace})
    layout = {name: part for name, part in card["figure"]["layout"].items() if name != "template"}
    rows = [] if card["table"] is None else card["table"]["rows"][held.get("rows", 0) :]
    growth = {"grows": card["key"], "traces": added, "layout": layout, "caption": card["caption"], "rows": rows}
    return json.dumps(growth, ensure_ascii=False, separators=(",", ":"))


def _translated(data: pd.DataFrame, language: str) -> pd.DataFrame:
    """Data keys in cells become words: operations, and the quantities of a comparison."""
    words = {name: data[name].map(lambda key: operation_name(key, language)) for name in ("op",) if name in data}
    if "quantity" in data:
        words["quantity"] = data["quantity"].map(lambda key: text(f"quantity.{key}", language))
    return data.assign(**words)


def chart(value: str | None = None, *, elem_id: str, height: int = 320, asks: bool = False) -> gr.HTML:
    """A chart card; its value is a `chart_value`. Clicking a mark triggers `select`.

    Args:
        value: of the first drawing.
        elem_id: its name in the page.
        height: in pixels, at least.
        asks: keep its place free while it is empty, and trigger `submit` when that is about to be seen.
    """
    return gr.HTML(
        value,
        html_template=f'<figure class="chart-card" style="min-height:{height}px"></figure>',
        js_on_load=f"window.explorer.chart(element, props, watch, trigger, {json.dumps(asks)})",
        head=_CHART_HEAD,
        apply_default_css=False,
        elem_id=elem_id,
        elem_classes="explorer-chart",
    )


# ---------------------------------------------------------------- layer tables

_COLUMNS = ("path", "operation", "output_shape", "params", "macs", "activation_bytes", "training_bytes", "field")
_NUMBERS = {"params", "macs", "activation_bytes", "training_bytes", "field"}


def layers_value(table: LayerTable, language: str) -> str:
    """A layer table as the JSON that its script reads: rows, the blocks to fold them into, totals."""
    index = {block.path: at for at, block in enumerate(table.blocks)}
    rows = [
        {
            "op": row.op,
            "block": None if row.block is None else index[row.block],
            "cells": [
                row.path,
                operation(row, language),
                units.shape(row.output_shape),
                *_figures(row.params, row.macs, row.activation_bytes, row.training_bytes),
                _field_cell(row.receptive_field, language),
            ],
        }
        for row in table.rows
    ]
    blocks = []
    for block in table.blocks:
        members = [row for row in table.rows if row.block == block.path]
        blocks.append(
            {
                "path": block.path,
                "cells": [
                    block.path,
                    text(f"block.{block.kind}", language),
                    units.shape(members[-1].output_shape),
                    *_figures(
                        sum(row.params for row in members),
                        sum(row.macs for row in members),
                        sum(row.activation_bytes for row in members),
                        sum(row.training_bytes for row in members),
                    ),
                    _field_cell(members[-1].receptive_field, language),
                ],
            }
        )
    totals: Totals = table.totals
    value = {
        "name": table.name.replace(" · ", "-").replace(" ", "_"),
        "columns": [
            {
                "title": text(f"column.{name}", language),
                "hint": text(f"column.{name}.hint", language),
                "align": "number" if name in _NUMBERS else "shape" if name == "output_shape" else "path",
            }
            for name in _COLUMNS
        ],
        "rows": rows,
        "blocks": blocks,
        "total": {
            "cells": [
                text("table.total", language),
                text("table.weight_layers", language, count=totals.weight_layers),
                "",
                *_figures(totals.params, totals.macs, totals.activation_bytes, totals.training_bytes),
                _field_cell(totals.receptive_field, language),
            ]
        },
        "words": {
            word: text(f"table.{word}", language)
            for word in ("search", "fold", "unfold", "csv", "markdown", "count", "table")
        },
    }
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _figures(params: int, macs: int, activation: int, training: int) -> list[list[object]]:
    """Cells as (shown, value to sort by, exact figure on hover)."""
    return [
        [units.count(params) if params else "", params, units.exact(params)],
        [units.count(macs) if macs else "", macs, f"{units.exact(macs)} MACs"],
        [units.size(activation) if activation else "", activation, f"{units.exact(activation)} B"],
        [units.size(training) if training else "", training, f"{units.exact(training)} B"],
    ]


def operation(row: LayerRow, language: str) -> str:
    """A row's operation with its kernel and stride: `conv 3 × 3 / 2`."""
    name = operation_name(row.op, language)
    if row.kernel is None:
        return name
    kernel = row.kernel if isinstance(row.kernel, tuple) else (row.kernel, row.kernel)
    stride = "" if row.stride in (None, 1) else f" / {row.stride}"
    return f"{name} {' × '.join(map(str, kernel))}{stride}"


def _field_cell(field: ReceptiveField | None, language: str) -> list[object]:
    if field is None:
        return ["", None]
    if field.is_global:
        return [text("field.global", language), 10**9, text("field.global.hint", language)]
    size = field.size if isinstance(field.size, int) else max(field.size or (0,))
    hint = text("field.hint", language, stride=field.stride, offset=field.offset, smallest=field.min_size)
    return [units.pixels(size), size, hint]


def layer_table_view(value: str | None = None, *, elem_id: str) -> gr.HTML:
    """A layer table with folding, sorting, search and export; its value is a `layers_value`."""
    return gr.HTML(
        value,
        html_template='<div class="layers"></div>',
        js_on_load="window.explorer.layers(element, props, watch)",
        head=_OWN_HEAD,
        apply_default_css=False,
        elem_id=elem_id,
    )


def runs_table(*, elem_id: str) -> gr.HTML:
    """A table of runs with sorting and ticks; its value is a `runs_table.table_value`. Ticking triggers `select`."""
    return gr.HTML(
        "",
        html_template='<div class="runs"></div>',
        js_on_load="window.explorer.runs(element, props, watch, trigger)",
        head=_OWN_HEAD,
        apply_default_css=False,
        elem_id=elem_id,
    )


def rank(*, elem_id: str) -> gr.HTML:
    """Nets to put into an order; its value is a `lesson_live.rank_value`. A guess triggers `select`."""
    return gr.HTML(
        "",
        html_template='<div class="rank"></div>',
        js_on_load="window.explorer.rank(element, props, watch, trigger)",
        head=_OWN_HEAD,
        apply_default_css=False,
        elem_id=elem_id,
    )


# ---------------------------------------------------------------- small pieces


def stats(items: list[tuple[str, str, str, str]], elem_id: str = "stats") -> str:
    """A strip of figures as (label, figure, exact figure on hover, explanation on hover)."""
    cells = "".join(
        f'<div class="stat" title="{html.escape(hint)}"><span class="label">{html.escape(label)}</span>'
        f'<span class="figure" title="{html.escape(exact)}">{html.escape(figure)}</span></div>'
        for label, figure, exact, hint in items
    )
    return f'<div class="stats" id="{elem_id}">{cells}</div>'


def code(source: str, language: str) -> str:
    """Python to copy."""
    done, copy = html.escape(text("code.copied", language)), html.escape(text("code.copy", language))
    return (
        f'<div class="code"><button type="button" class="small" data-copy data-done="{done}">{copy}</button>'
        f"<pre>{html.escape(source)}</pre></div>"
    )


def camera(elem_id: str, title: str, unavailable: str) -> gr.Image:
    """A folded camera, and the note that stands in its place where the browser lends none.

    Args:
        elem_id: what the names of its parts in the page begin with.
        title: of what is folded.
        unavailable: the note.
    """
    with gr.Accordion(title, open=False, elem_id=f"{elem_id}-camera"):
        taken = gr.Image(
            sources=["webcam"],
            type="filepath",
            show_label=False,
            buttons=[],
            height=320,
            webcam_options=gr.WebcamOptions(mirror=False),
            elem_id=f"{elem_id}-webcam",
        )
    gr.HTML(
        f"<p>{html.escape(unavailable)}</p>", apply_default_css=False, padding=False, elem_id=f"{elem_id}-no-camera"
    )
    return taken


def busy(share: float, words: str) -> str:
    """What goes on, and how far it is; without a share where that is not known."""
    percent = f" {100 * share:.0f} %" if share else ""
    kind = "bar" if share else "bar going"
    return (
        f'<div class="at-work" role="status"><p>{html.escape(words)}{percent}</p>'
        f'<div class="{kind}"><i style="width:{100 * share:.1f}%"></i></div></div>'
    )


def problem(message: str) -> str:
    """An error beside what caused it; empty where there is none."""
    return f'<p class="problem" role="alert">{html.escape(message)}</p>' if message else ""


def pulse(*, elem_id: str, seen: str, chart: str) -> gr.HTML:
    """Looks again and again while something goes on: triggers `submit` every so often, as its value says.

    It is silent while its part of the page is not seen. What the page shows already, for the answer to add to, is
    `window.explorer.held(elem_id)`.

    Args:
        elem_id: id of the element.
        seen: id of the part of the page that has to be seen.
        chart: id of the chart that grows.
    """
    return gr.HTML(
        "",
        html_template="<span hidden></span>",
        js_on_load=f"window.explorer.pulse(props, watch, trigger, {json.dumps([elem_id, seen, chart])})",
        head=_OWN_HEAD,
        apply_default_css=False,
        elem_id=elem_id,
        elem_classes="unseen",
    )


def asker(*, elem_id: str) -> gr.HTML:
    """A value that nobody sees; triggers `submit` now and then while the page shows something with `data-again`."""
    return gr.HTML(
        "",
        html_template="<span hidden></span>",
        js_on_load=f"window.explorer.asker(trigger, {json.dumps(elem_id)})",
        head=_OWN_HEAD,
        apply_default_css=False,
        elem_id=elem_id,
        elem_classes="unseen",
    )


def address_bar(language: str) -> gr.HTML:
    """Follows its value in the browser's address bar, and triggers `submit` on back and forward.

    It also says which language the page is in, and its title there: Gradio has one for all pages.
    """
    title = html.escape(text("header.title", language))
    return gr.HTML(
        "",
        html_template=f'<span hidden data-page="{language}" data-title="{title}"></span>',
        js_on_load="window.explorer.address(element, props, watch, trigger)",
        head=_OWN_HEAD,
        apply_default_css=False,
        elem_id="address",
        elem_classes="unseen",
    )
