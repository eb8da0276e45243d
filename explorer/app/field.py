"""Tab **Receptive field**: a unit's box and its effective field over a real picture, and the calculators as lessons."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import gradio as gr
import pandas as pd

from explorer.analysis.effective_field import effective_receptive_field_steps
from explorer.analysis.layer_table import layer_table
from explorer.app import uploads, widgets
from explorer.app.address import DEFAULT_PICTURE, PageState, from_query, to_query
from explorer.app.calculators import build_calculators
from explorer.app.events import STREAMING
from explorer.app.problems import reported, sentence
from explorer.app.tab import Binding, Tab
from explorer.config import ModelConfig
from explorer.errors import ConfigError, ExplorerError
from explorer.figures.field_picture import (
    describe_effective,
    describe_field_on_picture,
    effective_profile,
    grey,
    plot_field_on_picture,
    smallest_region,
)
from explorer.language import text
from explorer.pictures import PHOTOGRAPHS, Pixels, photograph, read_picture, square
from explorer.results import EffectiveField, LayerRow, ReceptiveField

_OPS = {"conv", "pool", "add", "concat"}
_MOST_SHOWN_PX = 1024
"""Pictures are shown with at most so many pixels a side."""

_MOST_KEPT_PX = 512
"""Pictures that people brought are kept with at most so many."""

_MOST_BYTES = 3e9
"""Weights and activations of one picture that the effective field may take."""


def layers(config: ModelConfig) -> list[LayerRow]:
    """The layers whose units have a place: convolutions, poolings and additions."""
    rows = layer_table(config).rows
    return [row for row in rows if row.op in _OPS and len(row.output_shape) == 3 and row.receptive_field is not None]


def default_layer(config: ModelConfig) -> str:
    """A layer whose field is well inside the picture, so that box and effective field both show."""
    rows = layers(config)
    fitting = [row for row in rows if not row.parallel and _side(row.receptive_field) <= 0.6 * config.image_size]
    return (fitting or rows[:1])[-1].path


def _side(field: ReceptiveField | None) -> float:
    if field is None or field.size is None:
        return float("inf")
    return field.size if isinstance(field.size, int) else max(field.size)


def chosen(state: PageState) -> tuple[LayerRow, ReceptiveField, tuple[int, int]]:
    """The chosen layer's row, its receptive field, and the chosen unit: by default the middle one.

    Raises:
        ExplorerError: the net has no such layer or unit.
    """
    if state.model.image_size > _MOST_SHOWN_PX:
        message = f"image_size={state.model.image_size} is too large to be shown: use up to {_MOST_SHOWN_PX} px here."
        raise ConfigError(message, key="too_large_to_show", size=state.model.image_size, most=_MOST_SHOWN_PX)
    row = layer_table(state.model).row(state.layer or default_layer(state.model))
    if len(row.output_shape) != 3 or row.receptive_field is None:
        message = f"layer={row.path!r} of {state.model.arch} has no positions: choose a convolution or pooling."
        raise ConfigError(message, key="no_positions", layer=row.path)
    _, height, width = row.output_shape
    unit = state.unit or (height // 2, width // 2)
    if unit[0] >= height or unit[1] >= width:
        said, size = f"unit={unit[0]},{unit[1]}", f"{height} × {width}"
        message = f"{said} is not in the map of {row.path}: it has {size} units."
        raise ConfigError(message, key="no_unit", said=said, layer=row.path, size=size)
    return row, row.receptive_field, unit


def unit_at(row: LayerRow, field: ReceptiveField, x: float, y: float) -> tuple[int, int]:
    """The unit whose field has its middle nearest to a pixel."""
    _, height, width = row.output_shape
    if field.rows is None or field.columns is None:
        return height // 2, width // 2
    down = round((y - field.rows.centre) / field.rows.stride) if field.rows.stride else 0
    across = round((x - field.columns.centre) / field.columns.stride) if field.columns.stride else 0
    return min(max(down, 0), height - 1), min(max(across, 0), width - 1)


def picture_of(state: PageState) -> Pixels:
    """The chosen picture as the net sees it: the middle square, at the net's own size."""
    picture = uploads.find(state.picture)
    if picture is None:
        picture = photograph(state.picture if state.picture in PHOTOGRAPHS else DEFAULT_PICTURE)
    return square(picture, state.model.image_size)


# ---------------------------------------------------------------- the two pictures


def box_chart(state: PageState, language: str) -> str:
    """The picture with the unit's boxes."""
    _, field, unit = chosen(state)
    picture, side = picture_of(state), state.model.image_size
    boxes = {"largest": field.region(unit, side), "smallest": smallest_region(field, unit, side)}
    data = pd.DataFrame(
        [
            {
                "path": text(f"figure.path.{name}", language),
                **dict(zip(("top", "left", "bottom", "right"), box, strict=True)),
            }
            for name, box in boxes.items()
            if box
        ]
    )
    caption = describe_field_on_picture(field, unit, side, language=language)
    figure = plot_field_on_picture(picture, field, unit, language=language)
    return widgets.chart_value(figure, caption, data, "field", language)


def unit_line(state: PageState, language: str) -> str:
    row, _, unit = chosen(state)
    rows, columns = row.output_shape[1:]
    return "#### " + text(
        "field.unit", language, row=unit[0], column=unit[1], rows=rows, columns=columns, layer=f"`{row.path}`"
    )


def effective_chart(state: PageState, effective: EffectiveField, language: str) -> str:
    """The same picture in grey, with the effective field over it."""
    _, field, unit = chosen(state)
    picture = picture_of(state)
    caption = describe_effective(effective, language)
    figure = plot_field_on_picture(picture, field, unit, effective=effective, language=language)
    caption = f"{text('field.untrained', language)} {caption}"
    return widgets.chart_value(figure, caption, effective_profile(effective), "effective_field", language)


def computing_chart(state: PageState, language: str) -> str:
    """What stands there until the first pictures are through: the unit's boxes over the picture in grey."""
    _, field, unit = chosen(state)
    figure = plot_field_on_picture(grey(picture_of(state)), field, unit, language=language)
    return widgets.chart_value(figure, text("field.computing", language), None, "effective_field", language)


def stream_effective(state: PageState, language: str) -> Iterator[str]:
    """The effective field, coarse first.

    Raises:
        ConfigError: it would take more memory than a page may ask for.
    """
    row, _, unit = chosen(state)
    totals = layer_table(state.model).totals
    if totals.parameter_bytes + totals.kept_bytes > _MOST_BYTES:
        raise ConfigError(
            f"{state.model.label()} is too large for an effective field here: use a narrower net or a smaller picture.",
            key="too_large_to_run",
            net=state.model.label(),
        )
    yield computing_chart(state, language)
    for effective in effective_receptive_field_steps(state.model, row.path, unit=unit, seed=state.model.seed):
        yield effective_chart(state, effective, language)


# ---------------------------------------------------------------- the tab


def show(state: PageState, language: str) -> list[Any]:
    """Everything on the tab that depends on the state, in the order of its outputs."""
    row, _, _ = chosen(state)
    choices = [(f"{one.path} ({_shown_side(one, language)})", one.path) for one in layers(state.model)]
    return [
        gr.update(choices=choices, value=row.path),
        gr.update(choices=_pictures(state, language), value=state.picture),
        unit_line(state, language),
        box_chart(state, language),
        to_query(state),
    ]


def _pictures(state: PageState, language: str) -> list[tuple[str, str]]:
    own = [(text("field.own_picture", language), state.picture)] if state.picture not in PHOTOGRAPHS else []
    return [(text(f"photo.{name}", language), name) for name in PHOTOGRAPHS] + own


def _shown_side(row: LayerRow, language: str) -> str:
    side = _side(row.receptive_field)
    return text("field.global", language) if side == float("inf") else f"{side:g} px"


def choose_layer(state: PageState, layer: str) -> PageState:
    return replace(state, layer=layer, unit=None)


def choose_picture(state: PageState, name: str) -> PageState:
    """A photograph, or a picture that was brought; the menu takes any text."""
    if uploads.find(name) is None:
        photograph(name)
    return replace(state, picture=name)


def choose_unit(state: PageState, click: str) -> PageState:
    """The unit that looks at a clicked pixel, `x,y`, or the neighbour that an arrow key asks for, `+across,down`."""
    x, _, y = (click or "").removeprefix("+").partition(",")
    row, field, unit = chosen(state)
    try:
        if (click or "").startswith("+"):
            _, height, width = row.output_shape
            down, across = unit[0] + int(y), unit[1] + int(x)
            return replace(state, unit=(min(max(down, 0), height - 1), min(max(across, 0), width - 1)))
        return replace(state, unit=unit_at(row, field, float(x), float(y)))
    except (ValueError, OverflowError) as error:
        raise ConfigError(f"click={click!r} is no place in the picture.", key="no_place") from error


def bring_picture(state: PageState, path: str | None) -> PageState:
    """A picture of the user's own."""
    if not path:
        raise ConfigError("No picture was chosen.", key="no_picture")
    picture = read_picture(path)
    side = min(_MOST_KEPT_PX, min(picture.shape[:2]))
    return replace(state, picture=uploads.keep(square(picture, side)))


def build_field_tab(state: PageState, language: str) -> Tab:
    """Lay the tab out; it is filled when it is opened, and the effective field streams in after."""
    gr.Markdown(text("field.question", language), elem_classes="question")
    with gr.Row(elem_id="field-choices"):
        layer = gr.Dropdown(
            [],
            label=text("field.layer", language),
            info=text("field.layer.info", language),
            allow_custom_value=True,
            elem_id="field-layer",
        )
        picture = gr.Dropdown(
            _pictures(state, language),
            value=state.picture,
            label=text("field.picture", language),
            allow_custom_value=True,
            elem_id="field-picture",
        )
        upload = gr.UploadButton(
            text("field.upload", language), file_types=["image"], size="sm", elem_id="field-upload"
        )
    problem = gr.HTML("", apply_default_css=False, elem_id="field-problem")
    unit = gr.Markdown("", elem_id="field-unit")
    gr.Markdown(text("field.how", language), elem_classes="hint")
    click = gr.HTML("", elem_id="field-click", elem_classes="unseen")
    request = gr.HTML("", elem_id="field-request", elem_classes="unseen")
    with gr.Row(elem_id="field-pictures"):
        box = widgets.chart(elem_id="field-box", height=520)
        with gr.Column(min_width=0):
            effective = widgets.chart(elem_id="field-effective", height=520)
            failure = gr.HTML("", apply_default_css=False, elem_id="field-failure")

    def stream(query: str) -> Iterator[tuple[str, str]]:
        try:
            for card in stream_effective(from_query(query, ("field",)), language):
                yield card, ""
        except ExplorerError as error:
            # What was drawn belongs to another unit.
            yield "", widgets.problem(sentence(error, language))

    request.change(reported(language)(stream), [request], [effective, failure], **STREAMING)
    gr.Markdown(f"### {text('lesson.title', language)}")
    build_calculators(language)
    bindings = (
        Binding(layer.input, [layer], choose_layer, problem),
        Binding(picture.input, [picture], choose_picture, problem),
        Binding(upload.upload, [upload], bring_picture, problem),
        Binding(box.select, [click], choose_unit, problem, js="(address, click) => [address, window.explorer.clicked]"),
    )
    return Tab("field", [layer, picture, unit, box, request], show, bindings)
