"""Tab **Compare**: two configurations side by side, and what the papers published about them."""

from __future__ import annotations

import difflib
import functools
import html
import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import gradio as gr
import pandas as pd

from explorer import units
from explorer.analysis.layer_table import layer_table
from explorer.app import picker, widgets
from explorer.app.address import PageState
from explorer.app.paper_tables import shortcut_table, vgg_table
from explorer.app.tab import Binding, Tab
from explorer.catalog import OPTION_CHOICES
from explorer.config import ModelConfig
from explorer.figures import style
from explorer.figures.comparison import (
    describe_running,
    describe_totals,
    plot_running,
    plot_totals,
    running_data,
    totals_data,
)
from explorer.language import text
from explorer.papers import PublishedFigure, published
from explorer.results import LayerRow
from explorer.tables import compare_frame, records

Rows = tuple[LayerRow, ...]

_MOST_MATCHED = 1000

PAIRS: dict[str, tuple[ModelConfig, ModelConfig]] = {
    "plain34_resnet34": (ModelConfig("plain34"), ModelConfig("resnet34", shortcut="A")),
    "vgg_d_resnet34": (ModelConfig("vgg_d"), ModelConfig("resnet34")),
    "vgg_b_vgg_d": (ModelConfig("vgg_b"), ModelConfig("vgg_d")),
    "resnet34_resnet50": (ModelConfig("resnet34"), ModelConfig("resnet50")),
    "resnet110_preact": (ModelConfig("resnet110"), ModelConfig("preact_resnet110")),
}
"""Comparisons worth a click, as (first, second)."""

_BYTES = {"activation_bytes", "kept_bytes", "training_bytes", "parameter_bytes"}


def names(a: ModelConfig, b: ModelConfig) -> tuple[str, str]:
    """What to call two nets side by side, never the same."""
    return (a.label(), b.label()) if a != b else (f"{a.label()} (1)", f"{b.label()} (2)")


# ---------------------------------------------------------------- totals and options


@functools.lru_cache(maxsize=64)
def totals_table(a: ModelConfig, b: ModelConfig, language: str) -> str:
    """Options, totals and published errors of both, differences marked."""
    frame = compare_frame(layer_table(a), layer_table(b))
    rows = []
    for kind in ("total", "option"):
        rows.append(_group_row(text(f"compare.{kind}s", language)))
        for row in records(frame[frame["group"] == kind]):
            name = row["quantity"]
            cells = "".join(f"<td>{_cell(name, row[side], kind, language)}</td>" for side in ("a", "b"))
            ratio = f"× {row['ratio']:.3g}" if row["differs"] and row["ratio"] is not None else ""
            label = html.escape(text(f"{'quantity' if kind == 'total' else 'option'}.{name}", language))
            mark = " class='differs'" if row["differs"] else ""
            rows.append(f"<tr{mark}><th scope='row'>{label}</th>{cells}<td>{ratio}</td></tr>")
        if kind == "total":
            rows += _published_rows(a, b, language)
    titles = ["", *(html.escape(name) for name in names(a, b)), text("compare.ratio", language)]
    head = "".join(f"<th scope='col'>{title}</th>" for title in titles)
    body = "".join(rows)
    table = f'<table class="compare"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    return f'<div class="scroll whole">{table}</div>'


def _cell(name: str, value: Any, kind: str, language: str) -> str:
    if value is None or pd.isna(value):
        return "–"
    if kind == "option":
        if isinstance(value, bool):
            return text("word.yes" if value else "word.no", language)
        if name in OPTION_CHOICES:
            return html.escape(text(f"choice.{name}.{value}", language))
        return html.escape(f"{value:g}" if isinstance(value, float) else str(value))
    if isinstance(value, str):
        return html.escape(value)
    if name in _BYTES:
        return f'<span title="{units.exact(value)} B">{units.size(value)}</span>'
    if name.startswith("rf"):
        return units.pixels(value)
    return f'<span title="{units.exact(value)}">{units.count(value)}</span>'


def _published_rows(a: ModelConfig, b: ModelConfig, language: str) -> list[str]:
    """Published errors of either net, grey and with their source: they were not measured here."""
    sides = [errors_of(a), errors_of(b)]
    rows = [_group_row(text("compare.published", language))]
    kinds = dict.fromkeys((figure.dataset, figure.protocol, figure.quantity) for side in sides for figure in side)
    for dataset, protocol, quantity in kinds:
        found = [
            [f for f in side if (f.dataset, f.protocol, f.quantity) == (dataset, protocol, quantity)] for side in sides
        ]
        cells = "".join(f"<td>{', '.join(dict.fromkeys(f.text for f in side)) or '–'}</td>" for side in found)
        source = html.escape("; ".join(sorted({f.source for side in found for f in side})))
        test = html.escape(" · ".join(word for word in (dataset, protocol) if word))
        label = f"{text(f'quantity.{quantity}', language)}<small>{test}</small>"
        rows.append(f"<tr class='published'><th scope='row'>{label}</th>{cells}<td><small>{source}</small></td></tr>")
    if not kinds:
        rows.append(f"<tr class='published'><th colspan='4'>{text('compare.nothing_published', language)}</th></tr>")
    return rows


def _group_row(words: str) -> str:
    return f'<tr class="group"><th colspan="4" scope="rowgroup">{words}</th></tr>'


def errors_of(config: ModelConfig) -> tuple[PublishedFigure, ...]:
    """Published error rates of this very net (head, width and shortcut option included)."""
    return tuple(figure for figure in published(config) if figure.unit == "%")


# ---------------------------------------------------------------- rows


@functools.lru_cache(maxsize=64)
def rows_value(a: ModelConfig, b: ModelConfig, language: str) -> str:
    """Both layer tables as one, equal operations on one line, what differs marked; for `widgets.layer_table_view`."""
    rows = [
        {
            "op": (one or two or layer_table(a).rows[0]).op,
            "block": None,
            "cells": [*_side(one, language), *_side(two, language)],
            "marks": [] if equal else [*range(4 if one else 0), *range(4, 8 if two else 4)],
        }
        for one, two, equal in paired(layer_table(a).rows, layer_table(b).rows)
    ]
    first, second = names(a, b)
    columns = [
        {
            "title": f"{text(f'column.{name}', language)} · {net}"
            if name == "path"
            else text(f"column.{name}", language),
            "hint": net,
            "align": {"params": "number", "output_shape": "shape"}.get(name, "path"),
        }
        for net in (first, second)
        for name in ("path", "operation", "output_shape", "params")
    ]
    value = {
        "name": f"{a.arch}-{b.arch}",
        "columns": columns,
        "rows": rows,
        "blocks": [],
        "words": {
            word: text(f"table.{word}", language)
            for word in ("search", "fold", "unfold", "csv", "markdown", "count", "table")
        },
    }
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def paired(a: Rows, b: Rows) -> Iterator[tuple[LayerRow | None, LayerRow | None, bool]]:
    """The rows of two nets side by side as (first, second, whether they are equal); None where one has none.

    Equal means the same operation with the same shapes, wherever it stands. Nets of over a thousand rows are paired by
    their places, as finding the best match takes quadratic time.
    """
    if max(len(a), len(b)) > _MOST_MATCHED:
        for one, two in itertools.zip_longest(a, b):
            yield one, two, one is not None and two is not None and _signature(one) == _signature(two)
        return
    matcher = difflib.SequenceMatcher(None, [_signature(row) for row in a], [_signature(row) for row in b], False)
    for tag, start_a, end_a, start_b, end_b in matcher.get_opcodes():
        for one, two in itertools.zip_longest(a[start_a:end_a], b[start_b:end_b]):
            yield one, two, tag == "equal"


def _signature(row: LayerRow) -> tuple[object, ...]:
    return row.op, row.kernel, row.stride, row.output_shape, row.params


def _side(row: LayerRow | None, language: str) -> list[object]:
    if row is None:
        return ["", "", "", None]
    return [
        row.path,
        widgets.operation(row, language),
        units.shape(row.output_shape),
        [units.count(row.params) if row.params else "", row.params, units.exact(row.params)],
    ]


# ---------------------------------------------------------------- charts


@functools.lru_cache(maxsize=64)
def totals_chart(a: ModelConfig, b: ModelConfig, language: str) -> str:
    first, second = names(a, b)
    data = totals_data(layer_table(a), layer_table(b))
    caption = describe_totals(data, first, second, language)
    return widgets.chart_value(plot_totals(data, first, second, language), caption, data, "totals", language)


@functools.lru_cache(maxsize=64)
def running_chart(a: ModelConfig, b: ModelConfig, language: str) -> str:
    first, second = names(a, b)
    data = running_data({first: layer_table(a), second: layer_table(b)})
    colours = {first: style.net_colour(a.arch), second: style.net_colour(b.arch)}
    if colours[first] == colours[second]:
        colours[second] = style.OTHER
    caption = describe_running(data, language)
    return widgets.chart_value(plot_running(data, colours, language), caption, data, "running_macs", language)


# ---------------------------------------------------------------- the tab


def show(state: PageState, language: str) -> list[Any]:
    """Everything on the tab that depends on the two configurations, in the order of its outputs."""
    a, b = state.model, state.other
    return [
        totals_chart(a, b, language),
        totals_table(a, b, language),
        running_chart(a, b, language),
        rows_value(a, b, language),
        vgg_table(language),
        shortcut_table(language),
        *picker.updates(b),
    ]


def choose_pair(key: str) -> Callable[[PageState], PageState]:
    """From a state to the one with a pair of `PAIRS` chosen."""

    def choose(state: PageState) -> PageState:
        a, b = PAIRS[key]
        return replace(state, model=a, other=b, layer="", unit=None)

    return choose


def build_compare_tab(state: PageState, language: str) -> Tab:
    """Lay the tab out; it is filled when it is opened."""
    gr.Markdown(text("compare.question", language), elem_classes="question")
    with gr.Row(elem_id="pairs"):
        buttons = {
            key: gr.Button(text(f"compare.pair.{key}", language), size="sm", elem_id=f"pair-{key}") for key in PAIRS
        }
    with gr.Accordion(text("compare.second", language), open=False, elem_id="second"):
        other = picker.build_picker(state.other, language, prefix="other-")
    problem = gr.HTML("", apply_default_css=False, elem_id="compare-problem")
    chart = widgets.chart(elem_id="compare-totals", height=250)
    totals = gr.HTML("", apply_default_css=False, elem_id="compare-table")
    running = widgets.chart(elem_id="compare-running", height=300)
    gr.Markdown(f"#### {text('compare.rows', language)}")
    rows = widgets.layer_table_view(elem_id="compare-rows")
    with gr.Accordion(text("compare.figure1", language), open=False, elem_id="figure1"):
        gr.Markdown(text("compare.figure1.info", language))
        figure1 = gr.HTML("", apply_default_css=False)
    with gr.Accordion(text("compare.shortcuts", language), open=False, elem_id="shortcut-table"):
        gr.Markdown(text("compare.shortcuts.info", language))
        shortcuts = gr.HTML("", apply_default_css=False)
    bindings = [Binding(button.click, [], choose_pair(key), problem) for key, button in buttons.items()]
    bindings += picker.bindings(other, "other", problem)
    own = [figure1, shortcuts, *other.widgets]
    return Tab("compare", [chart, totals, running, rows, *own], show, tuple(bindings), own=tuple(own))
