"""An examination as HTML: its sentences, the table of classes, the surest mistakes, and all of it as one file."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence
from pathlib import PurePath

from PIL import Image

from explorer import units
from explorer.examination_results import Examination, Mistake
from explorer.examination_tables import CLASS_COLUMNS, class_frame, display_classes
from explorer.figures.confusion import describe_confusion, plot_confusion
from explorer.figures.examined import describe_examination
from explorer.figures.weights_titles import weights_title
from explorer.language import strings, text
from explorer.pictures import Pixels

_SHOWN_PX = 96

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 1080px; margin: 24px auto; padding: 0 16px; color: #24292f; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 3px 12px; border-bottom: 1px solid #d0d7de; text-align: right; font-weight: 400; }
thead th { font-weight: 600; }
th:first-child { text-align: left; }
.mistakes { display: flex; flex-wrap: wrap; gap: 16px; }
.mistakes figure { margin: 0; width: 132px; font-size: 13px; }
.mistakes img { image-rendering: pixelated; border-radius: 4px; }
.mistakes figcaption { white-space: pre-line; overflow-wrap: anywhere; }
"""


def sentences_html(sentences: Sequence[str]) -> str:
    """Sentences as a list."""
    return f"<ul>{''.join(f'<li>{html.escape(sentence)}</li>' for sentence in sentences)}</ul>"


def classes_html(examination: Examination, language: str = "en") -> str:
    """The table of classes, those with the smallest F1 first; what is not defined is –."""
    frame = class_frame(examination).sort_values("f1", kind="stable", na_position="last")
    heads = "".join(_head(name, language) for name in CLASS_COLUMNS)
    rows = []
    for name, *cells in display_classes(frame).to_numpy().tolist():
        numbers = "".join(f"<td>{html.escape(cell)}</td>" for cell in cells)
        rows.append(f'<tr><th scope="row">{html.escape(name)}</th>{numbers}</tr>')
    return f'<table class="compare"><thead><tr>{heads}</tr></thead><tbody>{"".join(rows)}</tbody></table>'


def _head(name: str, language: str) -> str:
    title = html.escape(text(f"examine.column.{name}", language))
    hint = strings(language).get(f"examine.column.{name}.hint", "")
    return f'<th scope="col" title="{html.escape(hint)}">{title}</th>' if hint else f'<th scope="col">{title}</th>'


def mistakes_html(examination: Examination, language: str = "en") -> str:
    """The surest mistakes as pictures: what is true, what was said, how sure the net was."""
    if not examination.mistakes:
        return f"<p>{html.escape(text('examine.no_mistakes', language))}</p>"
    return f'<div class="mistakes">{"".join(_figure(mistake, language) for mistake in examination.mistakes)}</div>'


def _figure(mistake: Mistake, language: str) -> str:
    said = text(
        "examine.mistake",
        language,
        true=mistake.true,
        answered=mistake.answered,
        probability=units.percent(mistake.probability),
    )
    image = f'<img alt="" src="{picture_source(mistake.picture)}" width="{_SHOWN_PX}" height="{_SHOWN_PX}">'
    return f"<figure>{image}<figcaption>{html.escape(said)}</figcaption></figure>"


def picture_source(picture: Pixels) -> str:
    """A picture, uint8 (H, W, 3), as the address of an image: PNG within the page."""
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "PNG")
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode()


def examination_html(examination: Examination, language: str = "en") -> str:
    """All of an examination as one file that needs no other and no network.

    Args:
        examination: what `examine` gave.
        language: `en` or `ko`.
    """
    data = PurePath(examination.dataset).name or examination.dataset  # the page is handed on: not where it lies
    title = html.escape(text("examine.title", language, net=weights_title(examination.weights, language), data=data))
    chart = plot_confusion(examination, language).to_html(full_html=False, include_plotlyjs=True)

    parts = [
        f"<h1>{title}</h1>",
        f"<p>{html.escape(examination.net)}</p>",
        sentences_html(describe_examination(examination, language, pairs=False)),
        _heading(text("examine.confusion", language)),
        chart,
        f"<p>{html.escape(describe_confusion(examination, language))}</p>",
        _heading(text("examine.classes", language)),
        classes_html(examination, language),
        _heading(text("examine.mistakes", language)),
        mistakes_html(examination, language),
    ]
    head = f'<meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>'
    return f'<!DOCTYPE html>\n<html lang="{language}"><head>{head}</head><body>{"".join(parts)}</body></html>\n'


def _heading(words: str) -> str:
    return f"<h2>{html.escape(words)}</h2>"
