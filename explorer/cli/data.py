"""`explorer data`: what can be trained on."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from explorer import units, writers
from explorer.cli import output
from explorer.cli.options import Format

if TYPE_CHECKING:
    from explorer.run_results import DataSummary
    from explorer.training.datasets import DatasetInfo

app = typer.Typer(help="List, show and fetch data sets.")

_SHOWN_SKIPPED = 20


@app.callback(invoke_without_command=True)
def _start(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        output.write(context.get_help())


@app.command("list")
def list_data(format: Format = "table") -> None:
    """List the data sets that have a name."""
    writers.checked_format(format)
    from explorer.training.datasets import DATASETS

    rows = [_fields(info) for info in DATASETS.values()]
    if format == "json":
        output.write(writers.json_lines(rows))
    elif format == "csv":
        output.write(writers.csv_table(list(rows[0]), [list(row.values()) for row in rows]))
    else:
        headers = ["Name", "Called", "Classes", "To train on", "To test on", "Size", "Where"]
        _write_words(headers, [_words(info) for info in DATASETS.values()], format, right={2, 3, 4})
        if format == "table":
            output.write("\nA folder with pictures of each class in its own, or a zip of one, goes by its path.")


@app.command()
def show(
    data: Annotated[str, typer.Argument(metavar="NAME|DIR|ZIP", help="A name of `explorer data list`, or a path.")],
    sheet: Annotated[
        Path | None, typer.Option(metavar="FILE.png", help="Write a picture with a few examples of each class.")
    ] = None,
    format: Format = "table",
) -> None:
    """Show the classes, their pictures and what is unreadable."""
    writers.checked_format(format)
    from explorer.training.contact_sheet import checked_sheet_name, write_contact_sheet
    from explorer.training.data import load_dataset

    if sheet is not None:
        checked_sheet_name(sheet)
    with _progress() as report:
        dataset = load_dataset(data, on_progress=report)
    summary = dataset.summary
    classes: list[dict[str, Any]] = [
        {"class": name, "train": train, "test": test}
        for name, train, test in zip(summary.classes, summary.train_counts, summary.test_counts, strict=True)
    ]
    if format == "json":
        facts = {name: getattr(summary, name) for name in ("name", "title", "source", "channels", "image_size")}
        skipped = [{"file": file, "reason": reason} for file, reason in summary.skipped]
        facts |= {"mean": dataset.mean, "std": dataset.std}
        output.write(writers.json_object({**facts, "notes": summary.notes, "classes": classes, "skipped": skipped}))
    elif format == "csv":
        output.write(writers.csv_table(list(classes[0]), [list(row.values()) for row in classes]))
    else:
        output.write(f"{summary.title}: {_totals(summary)}\n{summary.source}\n")
        rows = [[row["class"], units.exact(row["train"]), units.exact(row["test"])] for row in classes]
        _write_words(["Class", "To train on", "To test on"], rows, format, right={1, 2})
        for note in summary.notes:
            output.write(f"\n{note}")
        _write_skipped(summary)
    if sheet is not None:
        write_contact_sheet(dataset, sheet)
        print(f"Written: {sheet}", file=sys.stderr)


@app.command()
def fetch(
    data: Annotated[str, typer.Argument(metavar="NAME", help="A name of `explorer data list`.")],
) -> None:
    """Fetch a data set; its size is said first."""
    from explorer.training.datasets import DATASETS
    from explorer.training.downloads import fetch_dataset

    if data in DATASETS and DATASETS[data].kind == "download":
        info = DATASETS[data]
        print(f"{info.title}: about {units.size(info.download_bytes)}. {info.source}", file=sys.stderr)
    with _progress() as report:
        folder = fetch_dataset(data, report)
    output.write(str(folder))


def _fields(info: DatasetInfo) -> dict[str, Any]:
    names = ("name", "title", "kind", "num_classes", "channels", "image_size", "train_pictures", "test_pictures")
    fields = {name: getattr(info, name) for name in names}
    return {**fields, "download_bytes": info.download_bytes, "available": _is_there(info), "source": info.source}


def _words(info: DatasetInfo) -> list[str]:
    counts = (units.exact(number) for number in (info.num_classes, info.train_pictures, info.test_pictures))
    where = "here" if _is_there(info) else f"to fetch, {units.size(info.download_bytes)}"
    return [info.name, info.title, *counts, units.shape((info.channels, info.image_size, info.image_size)), where]


def available(data: str) -> str:
    """The data's full name, once it is there.

    Raises:
        ExplorerError: it has to be fetched; the sentence says how.
    """
    from explorer.training.data import full_name, is_available, load_dataset

    data = full_name(data)
    if not is_available(data):
        load_dataset(data)
    return data


def _is_there(info: DatasetInfo) -> bool:
    from explorer.training.downloads import is_fetched

    return info.kind == "built in" or is_fetched(info.name)


def _totals(summary: DataSummary) -> str:
    shape = units.shape((summary.channels, summary.image_size, summary.image_size))
    train, test = units.exact(sum(summary.train_counts)), units.exact(sum(summary.test_counts))
    return f"{len(summary.classes)} classes, {train} pictures to train on and {test} to test on, {shape}"


def _write_skipped(summary: DataSummary) -> None:
    if not summary.skipped:
        return
    output.write(f"\nSkipped: {len(summary.skipped)}")
    for file, reason in summary.skipped[:_SHOWN_SKIPPED]:
        output.write(f"  {file}: {reason}")
    if len(summary.skipped) > _SHOWN_SKIPPED:
        output.write(f"  and {len(summary.skipped) - _SHOWN_SKIPPED} more; --format json has them all")


def _write_words(headers: list[str], rows: list[list[str]], format: str, right: set[int]) -> None:
    table = writers.markdown_table if format == "markdown" else writers.text_table
    output.write(table(headers, rows, right))


@contextmanager
def _progress() -> Iterator[Callable[[float, str], None] | None]:
    """A bar on the terminal, with the share that is done and the time left; None where nobody would see it."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=1.0)
        yield lambda share, what: bar.update(task, completed=share, description=what)
