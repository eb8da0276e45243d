"""Two tables of the papers, drawn from our own configurations, with the errors that were published."""

from __future__ import annotations

import difflib
import functools
import html

from explorer import units
from explorer.analysis.layer_table import layer_table
from explorer.config import ModelConfig
from explorer.language import text
from explorer.papers import PublishedFigure, published
from explorer.results import LayerTable

_VGG_COLUMNS = ("vgg_a", "vgg_a_lrn", "vgg_b", "vgg_c", "vgg_d", "vgg_e")
_VGG_BEFORE = (None, 0, 0, 2, 3, 4)
"""To which column each adds its bold layers: A-LRN and B both to A."""


@functools.cache
def vgg_table(language: str) -> str:
    """The paper's table of configurations A to E, drawn from ours; what each adds to the one before is bold."""
    configs = [ModelConfig(name) for name in _VGG_COLUMNS]
    stages = [_stages(layer_table(config)) for config in configs]
    head = "".join(
        f"<th scope='col'>{html.escape(config.entry.title.removeprefix('VGG '))}"
        f"<small>{text('architecture.depth', language, count=config.entry.weight_layers)}</small></th>"
        for config in configs
    )
    lines = []
    for stage in range(5):
        cells = [
            _with_additions(of_net[stage], of_net[stage] if before is None else stages[before][stage])
            for of_net, before in zip(stages, _VGG_BEFORE, strict=True)
        ]
        lines += [_cells(cells), _across("maxpool", "pool")]
    lines += [_across(layer, "pool") for layer in ("FC-4096", "FC-4096", "FC-1000", "soft-max")]
    lines += [
        _across(text("compare.params_here", language), "group"),
        _cells([units.count(layer_table(config).totals.params) for config in configs]),
        _across(text("compare.vgg_errors", language), "group published"),
        _cells([_quoted(_first_error(config)) for config in configs], "published"),
    ]
    return _table("figure1", head, lines)


def _table(kind: str, head: str, lines: list[str]) -> str:
    body = "".join(lines)
    table = f'<table class="{kind}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    return f'<div class="scroll whole">{table}</div>'


def _cells(cells: list[str], kind: str = "") -> str:
    return f'<tr class="{kind}">{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>'


def _across(words: str, kind: str) -> str:
    return f'<tr class="{kind}"><td colspan="{len(_VGG_COLUMNS)}">{words}</td></tr>'


def _quoted(figure: PublishedFigure | None) -> str:
    """A published figure with its source on hover."""
    return "–" if figure is None else f'<span title="{html.escape(figure.source)}">{figure.text}</span>'


def _stages(table: LayerTable) -> list[list[str]]:
    """The layers of each stage as the paper writes them, conv3-64."""
    gathered: list[list[str]] = [[] for _ in range(5)]
    for row in table.rows:
        if row.block and row.block.startswith("stage"):
            stage = gathered[int(row.block.removeprefix("stage")) - 1]
            if row.op == "conv":
                stage.append(f"conv{row.kernel}-{row.output_shape[0]}")
            elif row.op == "norm":
                stage.append("LRN")
    return gathered


def _with_additions(layers: list[str], previous: list[str]) -> str:
    lines = []
    for tag, _, _, start, end in difflib.SequenceMatcher(None, previous, layers, autojunk=False).get_opcodes():
        lines += [f"<b>{layer}</b>" if tag != "equal" else layer for layer in layers[start:end]]
    return "<br>".join(lines)


def _first_error(config: ModelConfig) -> PublishedFigure | None:
    found = [figure for figure in published(config, "top1_error", paper="vgg") if figure.where == "table 3"]
    return found[0] if found else None


_SHORTCUT_COLUMNS = ("net", "params", "macs", "projections", "paddings", "identities", "top1", "top5")


@functools.cache
def shortcut_table(language: str) -> str:
    """ResNet-34 with shortcut options A, B and C, and without: cost counted here, error as published."""
    lines = []
    for config in (ModelConfig("plain34"), *(ModelConfig("resnet34", shortcut=option) for option in ("A", "B", "C"))):
        table = layer_table(config)
        kinds = [block.kind for block in table.blocks]
        quoted = {figure.quantity: figure for figure in published(config, paper="resnet") if figure.where == "table 3"}
        name = "plain" if config.shortcut is None else text(f"choice.shortcut.{config.shortcut}", language)
        figures = [units.exact(table.totals.params), units.macs(table.totals.macs)]
        figures += [str(kinds.count(kind)) for kind in ("projection", "padding", "identity")]
        cells = "".join(f"<td>{figure}</td>" for figure in figures)
        errors = "".join(
            f'<td class="published">{_quoted(quoted.get(quantity))}</td>' for quantity in ("top1_error", "top5_error")
        )
        lines.append(f"<tr><th scope='row'>{name}</th>{cells}{errors}</tr>")
    head = "".join(f"<th scope='col'>{text(f'compare.shortcuts.{key}', language)}</th>" for key in _SHORTCUT_COLUMNS)
    return _table("compare", head, lines)
