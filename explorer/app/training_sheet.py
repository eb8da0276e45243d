"""What is in the data, class by class: a strip of pictures and the counts, before anything is trained on it."""

from __future__ import annotations

import base64
import html
import io
import threading
from collections import OrderedDict
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import TypeVar

from PIL import Image

from explorer import units
from explorer.app import training_data, widgets
from explorer.app.problems import said
from explorer.app.progressive import Report, progressive
from explorer.errors import Remark
from explorer.language import text
from explorer.run_results import DataSummary
from explorer.training.contact_sheet import contact_sheet, tile_side
from explorer.training.data import dataset_info, fetch_dataset, load_dataset
from explorer.training.datasets import DatasetInfo

_T = TypeVar("_T")

PICTURES_A_CLASS = 8
_MOST_STRIPS = 24
"""Classes of which pictures are shown; of further ones the name and the counts."""

_MOST_SKIPPED = 50
_MOST_KEPT = 16
_GAP = 4
"""Pixels between the pictures of a contact sheet."""


@dataclass(frozen=True)
class Preview:
    """What there is to see of a data set.

    Attributes:
        summary: class names, counts, and what was left out.
        strips: pictures of each of the first classes, WebP as addresses of data.
    """

    summary: DataSummary
    strips: tuple[str, ...]


_previews: OrderedDict[str, Preview] = OrderedDict()
_reading: dict[str, threading.Lock] = {}
_lock = threading.Lock()


def stream_preview(name: str, language: str, *, fetch: bool = False) -> Iterator[str]:
    """The data's pictures class by class; until they are read, how far that is.

    Args:
        name: a data set, a folder or a zip.
        language: `en` or `ko`.
        fetch: download it first, if it is not there.

    Raises:
        ExplorerError: it cannot be read or fetched; the sentence says why.
    """
    name = training_data.checked(name)
    missing = training_data.must_be_fetched(name)
    if missing is not None and not fetch:
        yield _missing(missing, language)
        return
    if missing is not None:
        yield from _told(progressive(lambda report: fetch_dataset(name, report)), "fetching", language)
    found = _previews.get(training_data.state_of(name))
    if found is None:
        found = yield from _told(progressive(lambda report: _read(name, report)), "reading", language)
    yield sheet(found, language)


def _told(work: Generator[tuple[float, str], None, _T], what: str, language: str) -> Generator[str, None, _T]:
    """What is shown while the work goes on; its result."""
    yield _busy(0.0, what, language)
    while True:
        try:
            share, _ = next(work)
        except StopIteration as end:
            result: _T = end.value
            return result
        yield _busy(share, what, language)


def _read(name: str, report: Report) -> Preview:
    key = training_data.state_of(name)
    with _lock:
        once = _reading.setdefault(key, threading.Lock())
    with once:  # two visitors who ask for the same at once wait for one reading
        if key not in _previews:
            dataset = load_dataset(name, on_progress=report)
            training_data.remember(name, dataset_info(name))
            rows = contact_sheet(dataset, PICTURES_A_CLASS)
            cell = tile_side(dataset.summary.image_size) + _GAP
            strips = tuple(
                _webp(Image.fromarray(rows[cell * row + _GAP : cell * (row + 1), _GAP:-_GAP]))
                for row in range(min(_MOST_STRIPS, len(dataset.summary.classes)))
            )
            with _lock:
                _previews[key] = Preview(dataset.summary, strips)
                while len(_previews) > _MOST_KEPT:
                    _previews.popitem(last=False)
        return _previews[key]


def _webp(image: Image.Image) -> str:
    stream = io.BytesIO()
    image.save(stream, "WEBP", quality=88, method=2)
    return "data:image/webp;base64," + base64.b64encode(stream.getvalue()).decode("ascii")


def _busy(share: float, what: str, language: str) -> str:
    return f'<div class="sheet busy">{widgets.busy(share, text(f"train.data.{what}", language))}</div>'


def _missing(info: DatasetInfo, language: str) -> str:
    title, size = training_data.title(info, language), units.size(info.download_bytes)
    words = text("train.data.missing", language, title=title, size=size)
    return f'<div class="sheet busy"><p>{html.escape(words)}</p></div>'


def sheet(found: Preview, language: str) -> str:
    """A strip of pictures for each class under its name and counts."""
    summary = found.summary
    pieces = ['<div class="sheet"><div class="classes">']
    for index, name in enumerate(summary.classes):
        train, test = (units.exact(counts[index]) for counts in (summary.train_counts, summary.test_counts))
        counts = html.escape(text("train.data.counts", language, train=train, test=test))
        words = f"<b>{html.escape(name)}</b> <span>{counts}</span>"
        if index < len(found.strips):
            alt = html.escape(text("train.data.strip", language, name=name))
            strip = f'<img alt="{alt}" src="{found.strips[index]}">'
            pieces.append(f"<figure><figcaption>{words}</figcaption>{strip}</figure>")
        else:
            pieces.append(f'<p class="class">{words}</p>')
    pieces.append("</div>")
    if summary.skipped:
        words = text("train.data.skipped", language, count=len(summary.skipped))
        listed = "".join(
            f"<li>{html.escape(file)}: {html.escape(_remark(reason, language))}</li>"
            for file, reason in summary.skipped[:_MOST_SKIPPED]
        )
        pieces.append(f"<details><summary>{html.escape(words)}</summary><ul>{listed}</ul></details>")
    pieces += [f'<p class="note">{html.escape(_remark(note, language))}</p>' for note in summary.notes]
    return "".join([*pieces, "</div>"])


def _remark(remark: Remark, language: str) -> str:
    return said(remark, remark.key, remark.values, language)
