"""Tab **Architecture**: what a net is made of, and where its parameters, work and memory are."""

from __future__ import annotations

import functools

import gradio as gr

from explorer import units
from explorer.analysis.layer_table import layer_table
from explorer.app import widgets
from explorer.app.address import PageState
from explorer.app.tab import Tab
from explorer.config import ModelConfig
from explorer.figures.diagram import describe_diagram, diagram_data, plot_diagram
from explorer.figures.field_growth import describe_field_growth, field_growth_data, plot_field_growth
from explorer.figures.layer_costs import describe_layer_costs, layer_costs_data, plot_layer_costs
from explorer.language import text
from explorer.results import LayerTable

CACHED = 64
"""Configurations whose pictures are kept: a class works on the same few nets."""


def headline(table: LayerTable, language: str) -> str:
    """The four figures that matter: parameters, multiply-adds, activation memory, receptive field."""
    totals, field = table.totals, table.totals.receptive_field
    if field is None:
        seen = exact = "–"
    elif field.is_global:
        seen, exact = text("field.global", language), text("field.global.hint", language)
    else:
        size = field.size if isinstance(field.size, int) else max(field.size or (0,))
        seen, exact = units.pixels(size), text("stat.field.exact", language, smallest=field.min_size)
    items = [
        ("params", units.count(totals.params), units.exact(totals.params)),
        ("macs", units.macs(totals.macs), units.exact(totals.macs)),
        ("memory", units.size(totals.activation_bytes), f"{units.exact(totals.activation_bytes)} B"),
        ("field", seen, exact),
    ]
    return widgets.stats(
        [
            (text(f"stat.{name}", language), figure, exact, text(f"stat.{name}.info", language))
            for name, figure, exact in items
        ]
    )


def heading(config: ModelConfig, language: str) -> str:
    """The chosen net's name, depth and source."""
    entry = config.entry
    title = entry.title + "".join(
        f" · {text(f'option.{name}', language)}: {value}" for name, value in config.overrides().items()
    )
    depth = text("architecture.depth", language, count=entry.weight_layers)
    return f"### {title}\n{depth} · {entry.source}"


def python_code(config: ModelConfig) -> str:
    """The program that rebuilds the net and its table."""
    return (
        "from explorer import ModelConfig, create_model, layer_table\n\n"
        f"config = {config.python()}\n"
        "model = create_model(config)    # a torch.nn.Module\n"
        "table = layer_table(config)     # shapes, parameters, MACs, memory, receptive fields\n"
        "print(table.totals)\n"
    )


@functools.lru_cache(maxsize=CACHED)
def diagram(config: ModelConfig, language: str) -> str:
    data, arcs = diagram_data(layer_table(config))
    caption = describe_diagram(data, arcs, language)
    shown = data[["x", "path", "op", "block", "shape"]]
    return widgets.chart_value(plot_diagram(data, arcs, language), caption, shown, "diagram", language)


@functools.lru_cache(maxsize=CACHED)
def costs(config: ModelConfig, language: str) -> str:
    data = layer_costs_data(layer_table(config))
    caption = describe_layer_costs(data, language)
    return widgets.chart_value(plot_layer_costs(data, language), caption, data, "layer_costs", language)


@functools.lru_cache(maxsize=CACHED)
def growth(config: ModelConfig, language: str) -> str:
    data = field_growth_data(layer_table(config))
    caption = describe_field_growth(data, config.image_size, language)
    figure = plot_field_growth(data, config.arch, config.image_size, language)
    return widgets.chart_value(figure, caption, data, "receptive_field", language)


@functools.lru_cache(maxsize=CACHED)
def rows(config: ModelConfig, language: str) -> str:
    return widgets.layers_value(layer_table(config), language)


def show(state: PageState, language: str) -> list[str]:
    """Everything on the tab, in the order of its outputs."""
    config = state.model
    table = layer_table(config)
    return [
        heading(config, language),
        headline(table, language),
        diagram(config, language),
        costs(config, language),
        growth(config, language),
        rows(config, language),
        widgets.code(python_code(config), language),
    ]


def build_architecture_tab(state: PageState, language: str) -> Tab:
    """Lay the tab out, filled for `state`."""
    first = show(state, language)
    gr.Markdown(text("architecture.question", language), elem_classes="question")
    title = gr.Markdown(first[0], elem_id="net-title")
    strip = gr.HTML(first[1], apply_default_css=False)
    picture = widgets.chart(first[2], elem_id="diagram", height=300)
    charts = widgets.chart(first[3], elem_id="layer-costs", height=430)
    fields = widgets.chart(first[4], elem_id="field-growth", height=330)
    gr.Markdown(f"#### {text('architecture.table', language)}")
    listed = widgets.layer_table_view(first[5], elem_id="layer-table")
    with gr.Accordion(text("architecture.python", language), open=False):
        source = gr.HTML(first[6], apply_default_css=False, elem_id="python")
    return Tab("architecture", [title, strip, picture, charts, fields, listed, source], show)
