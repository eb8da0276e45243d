"""`explorer runs`: what has been trained here."""

from __future__ import annotations

import datetime
import math
import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from explorer import units, writers
from explorer.cli import output
from explorer.cli.options import Format
from explorer.errors import ConfigError
from explorer.export_results import FORMATS

if TYPE_CHECKING:
    from explorer.run_results import EpochMetrics, Run
    from explorer.training.runs import RunStore

app = typer.Typer(help="See, compare, export, stop and delete runs.")

_RUN = typer.Argument(metavar="RUN", help="A run's name or id.")


@app.callback(invoke_without_command=True)
def _start(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        output.write(context.get_help())


@app.command("list")
def list_runs(
    group: Annotated[str | None, typer.Option(metavar="NAME", help="Only runs of this group.")] = None,
    format: Format = "table",
) -> None:
    """List the runs, the newest first."""
    writers.checked_format(format)
    runs = _store().list(group=group)
    if format == "json":
        output.write(writers.json_lines([_fields(run) for run in runs]))
    elif format == "csv":
        output.write(writers.csv_table(_FIELDS, [list(_fields(run).values()) for run in runs]))
    elif not runs:
        output.write("No runs yet. Train one in two minutes: explorer train resnet20 --data digits")
    else:
        rows = [[run.name, _status(run), *(_words(run)[name] for name in _LISTED)] for run in runs]
        _write_words(["Run", "Status", *_LISTED], rows, format, right={4, 5, 6, 7})


@app.command()
def show(run: Annotated[str, _RUN], format: Format = "table") -> None:
    """Show how a run was trained and how it went."""
    writers.checked_format(format)
    found = _store().get(run)
    epochs = [_epoch_fields(metrics) for metrics in found.epochs]
    if format == "json":
        output.write(writers.json_object({**_fields(found), **_configurations(found), "epochs": epochs}))
        return
    if format == "csv":
        output.write(writers.csv_table(list(_EPOCH_FIELDS), [list(fields.values()) for fields in epochs]))
        return
    facts = {"Run": found.name, "Status": _status(found), **_words(found), "Id": found.run_id}
    facts |= {"Seed": str(found.train.seed), "Device": found.device, "Group": found.group, "Message": found.message}
    facts |= {name.capitalize().replace("_", " "): str(value) for name, value in found.train.changed().items()}
    facts |= {f"{name.capitalize()} version": version for name, version in found.versions.items()}
    _write_words(["Run", found.name], [[k, v] for k, v in list(facts.items())[1:] if v], format)
    if epochs:
        output.write("")
        rows = [_epoch_words(metrics, found.best_epoch) for metrics in found.epochs]
        _write_words(list(_EPOCH_WORDS), rows, format, right=range(len(_EPOCH_WORDS)))


@app.command()
def compare(
    runs: Annotated[list[str], typer.Argument(metavar="RUN RUN...", help="Runs by name or id.")],
    format: Format = "table",
) -> None:
    """Compare what runs reached and how they differ."""
    writers.checked_format(format)
    if len(runs) < 2:
        raise ConfigError("Name two runs or more to compare.")
    store = _store()
    found = [store.get(run) for run in runs]
    differing = _differences(found)
    if format == "json":
        output.write(
            writers.json_lines([{**_fields(run), **options} for run, options in zip(found, differing, strict=True)])
        )
        return
    words = [
        {"Status": _status(run), **_words(run), **{k: str(v) for k, v in options.items()}}
        for run, options in zip(found, differing, strict=True)
    ]
    names = list(dict.fromkeys(name for each in words for name in each))
    headers, rows = (
        ["", *(run.name for run in found)],
        [[name, *(each.get(name, "") for each in words)] for name in names],
    )
    if format == "csv":
        output.write(writers.csv_table(["quantity", *headers[1:]], rows))
    else:
        _write_words(headers, rows, format)


@app.command()
def export(
    run: Annotated[str, typer.Argument(metavar="RUN|shipped:NET", help="A run's name or id, or a shipped net.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where to write it: NAME.safetensors or NAME.onnx.")],
    last: Annotated[bool, typer.Option("--last", help="Of the last epoch, not of the best one.")] = False,
    format: Annotated[
        str | None,
        typer.Option(metavar="FORMAT", help="safetensors or onnx.  [default: as the name's ending says]"),
    ] = None,
) -> None:
    """Write a trained net to a file, with a card: a run's best epoch, as weights or as ONNX.

    An ONNX file is written only if onnxruntime gives the same answers as PyTorch. It takes pixels between 0 and 1.
    """
    out = _named(out, format)
    from explorer.training.exporting import export as written

    card = written(run, out, last=last, store=_store())
    beside = out.with_suffix(".json") if card.format == "safetensors" else Path(f"{out}.json")
    said = f"{out}: {card.model.label()}, epoch {card.epoch} of {card.weights}, {units.size(card.bytes)}"
    if card.largest_difference is not None:
        said += f", no probability further than {card.largest_difference:.1g} from PyTorch's"
    output.write(f"{said}; {beside} describes it.")


def _named(out: Path, format: str | None) -> Path:
    """The file's name with the ending of its format."""
    if format is None:
        return out
    if format not in FORMATS:
        raise ConfigError(f"format={format[:40]!r} is not possible: use safetensors or onnx.")
    if out.suffix not in ("", f".{format}"):
        raise ConfigError(f"{out.name[:60]!r} does not end with .{format}: give one of the two, or both alike.")
    return out.with_suffix(f".{format}")


@app.command()
def delete(
    runs: Annotated[list[str], typer.Argument(metavar="RUN...", help="Runs by name or id.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete runs with their weights."""
    store = _store()
    found = [store.get(run) for run in dict.fromkeys(runs)]
    names = ", ".join(run.name for run in found)
    if not yes:
        if not sys.stdin.isatty():
            raise ConfigError(f"Nobody can be asked here whether to delete {names}: say --yes.")
        typer.confirm(f"Delete {names} with all weights?", abort=True)
    for run in found:
        store.delete(run.run_id)
        output.write(f"Deleted {run.name}.")


@app.command()
def stop(run: Annotated[str, _RUN]) -> None:
    """Stop a run that trains or waits, within a batch."""
    store = _store()
    found = store.get(run)
    if not found.is_live:
        raise ConfigError(f"The run {found.name} is {found.status}: there is nothing to stop.")
    store.request_stop(found.run_id)
    output.write(f"{found.name} stops. To go on: explorer train --resume {found.name}")


def _store() -> RunStore:
    from explorer.training.runs import RunStore

    return RunStore()


# ---------------------------------------------------------------- runs as fields and as words


_FIELDS = (
    "run_id", "name", "status", "position", "model", "dataset", "recipe", "epochs_done", "share", "best_epoch",
    "best_error", "last_error", "wall_seconds", "device", "created_at", "group", "owner", "message",
)  # fmt: skip
_EPOCH_FIELDS = (
    "epoch", "step", "train_loss", "train_error", "test_loss", "test_error", "test_top5_error", "val_error", "lr",
    "seconds", "images_per_second",
)  # fmt: skip
_LISTED = ("Net", "Data", "Done", "Best error", "Last error", "Time", "Begun")
_EPOCH_WORDS = ("Epoch", "Train loss", "Train error", "Test loss", "Test error", "Learning rate", "Time", "Pictures/s")


def _fields(run: Run) -> dict[str, Any]:
    best = _best(run)
    values = (
        run.run_id, run.name, run.status, run.position, run.model.label(), run.train.dataset, run.train.recipe,
        len(run.epochs), run.progress.share, run.best_epoch, best.test_error if best else None,
        run.epochs[-1].test_error if run.epochs else None, run.wall_seconds, run.device, _begun(run).isoformat(),
        run.group, run.owner, run.message,
    )  # fmt: skip
    return dict(zip(_FIELDS, values, strict=True))


def _words(run: Run) -> dict[str, str]:
    best = _best(run)
    return {
        "Net": run.model.label(),
        "Data": run.train.dataset,
        "Recipe": run.train.recipe,
        "Done": units.percent(run.progress.share),
        "Epochs done": str(len(run.epochs)),
        "Best error": f"{units.percent(best.test_error)} (epoch {best.epoch})" if best else "",
        "Last error": units.percent(run.epochs[-1].test_error) if run.epochs else "",
        "Time": units.seconds(run.wall_seconds) if run.wall_seconds else "",
        "Begun": f"{_begun(run):%Y-%m-%d %H:%M}",
    }


def _status(run: Run) -> str:
    return f"queued, {run.position} before it" if run.position else run.status


def _best(run: Run) -> EpochMetrics | None:
    return next((metrics for metrics in run.epochs if metrics.epoch == run.best_epoch), None)


def _begun(run: Run) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(run.created_at).astimezone().replace(microsecond=0)


def _epoch_fields(metrics: EpochMetrics) -> dict[str, Any]:
    fields = {name: getattr(metrics, name) for name in _EPOCH_FIELDS}
    # JSON has no word for a loss that is not a number.
    return {name: None if isinstance(v, float) and not math.isfinite(v) else v for name, v in fields.items()}


def _epoch_words(metrics: EpochMetrics, best_epoch: int) -> list[str]:
    return [
        f"{metrics.epoch}{' (best)' if metrics.epoch == best_epoch else ''}",
        f"{metrics.train_loss:.3f}",
        units.percent(metrics.train_error),
        f"{metrics.test_loss:.3f}",
        units.percent(metrics.test_error),
        f"{metrics.lr:.3g}",
        units.seconds(metrics.seconds) if metrics.seconds else "",
        f"{metrics.images_per_second:.0f}" if metrics.images_per_second else "",
    ]


def _configurations(run: Run) -> dict[str, Any]:
    model = {"arch": run.model.arch, **run.model.options()}
    return {"net": model, "train": run.train.as_dict(), "resolved": run.resolved, "versions": run.versions}


def _differences(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """For each run the options in which not all of them agree."""
    options = [{**run.model.options(), **run.train.as_dict()} for run in runs]
    names = list(dict.fromkeys(name for each in options for name in each))
    said = {"dataset", "recipe"}  # shown in any case
    differing = [n for n in names if n not in said and any(each.get(n) != options[0].get(n) for each in options)]
    return [{name: each.get(name) for name in differing} for each in options]


def _write_words(
    headers: Sequence[str], rows: Sequence[Sequence[str]], format: str, right: Collection[int] = ()
) -> None:
    table = writers.markdown_table if format == "markdown" else writers.text_table
    output.write(table(headers, rows, right))
