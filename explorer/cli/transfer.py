"""`explorer finetune` and `explorer predict`: a net that has learned before, on other data, and then on a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from explorer import units, writers
from explorer.cli import output
from explorer.cli.data import available
from explorer.cli.options import Format
from explorer.cli.train_options import with_train_options
from explorer.cli.training import created, run_in_terminal
from explorer.errors import ConfigError
from explorer.options import read_net

if TYPE_CHECKING:
    from explorer.config import ModelConfig
    from explorer.pictures import Pixels
    from explorer.train_config import TrainConfig
    from explorer.training.runs import RunStore
    from explorer.transfer_results import StageProbe


@with_train_options
def finetune(
    net: Annotated[str, typer.Argument(metavar="NAME", help="A net of `explorer weights list` or `explorer list`.")],
    data: Annotated[
        str, typer.Option(metavar="NAME|DIR|ZIP", help="What to learn from; `explorer data list` names sets.")
    ],
    weights: Annotated[
        str, typer.Option(metavar="shipped|imagenet|FILE|RUN|none", help="What to start from; none: from scratch.")
    ] = "shipped",
    name: Annotated[str | None, typer.Option(metavar="RUN", help="Name of the run.  [default: made]")] = None,
    seed: Annotated[int | None, typer.Option(metavar="NUMBER", help="Of the data's choice and order.")] = None,
    image_size: Annotated[
        int | None, typer.Option(metavar="PIXELS", help="Side of the pictures.  [default: as the weights know them]")
    ] = None,
    *,
    training: dict[str, Any],
) -> None:
    """Train a net that has learned before on other data.

    --strategy says what learns: all, probe, last, layerwise or gradual. Ctrl-C stops; `explorer train --resume RUN`
    goes on.
    """
    from explorer.training.runs import RunStore

    store = RunStore()
    model, config = _configurations(store, net, weights, data, seed, image_size, training)
    run_in_terminal(store, created(store, model, config, name))


@with_train_options
def rate_range(
    net: Annotated[str, typer.Argument(metavar="NAME", help="A net of `explorer weights list` or `explorer list`.")],
    data: Annotated[str, typer.Option(metavar="NAME|DIR|ZIP", help="What to learn from.")],
    weights: Annotated[
        str, typer.Option(metavar="shipped|imagenet|FILE|RUN|none", help="What to start from; none: random weights.")
    ] = "shipped",
    seed: Annotated[int | None, typer.Option(metavar="NUMBER", help="Of the data's order.")] = None,
    image_size: Annotated[int | None, typer.Option(metavar="PIXELS", help="Side of the pictures.")] = None,
    format: Format = "table",
    *,
    training: dict[str, Any],
) -> None:
    """Try growing learning rates, and suggest one."""
    writers.checked_format(format)
    from explorer.training.rate_range import rate_range as trials_of
    from explorer.training.runs import RunStore
    from explorer.training.trained import weights_file

    store = RunStore()
    model, config = _configurations(store, net, weights, data, seed, image_size, training)
    start = None if config.start_from is None else weights_file(config.start_from, store)
    *_, last = trials_of(model, config, start_file=start)
    fields = ("lr", "loss", "smoothed")
    rows = [[getattr(trial, name) for name in fields] for trial in last.trials]
    if format == "json":
        trials = [dict(zip(fields, row, strict=True)) for row in rows]
        output.write(writers.json_object({"suggestion": last.suggestion, "trials": trials}))
    elif format == "csv":
        output.write(writers.csv_table(fields, rows))
    else:
        cells = [[f"{lr:.2e}", f"{loss:.4f}", f"{smoothed:.4f}"] for lr, loss, smoothed in rows]
        write = writers.markdown_table if format == "markdown" else writers.text_table
        output.write(write(["Learning rate", "Loss", "Smoothed"], cells, {0, 1, 2}))
        found = "The loss never fell." if last.suggestion is None else f"Suggested: --lr {last.suggestion:.2g}"
        output.write(f"\n{found}")


def _configurations(
    store: RunStore,
    net: str,
    weights: str,
    data: str,
    seed: int | None,
    image_size: int | None,
    training: dict[str, Any],
) -> tuple[ModelConfig, TrainConfig]:
    from explorer.training.transfer import transfer

    if "start_from" in training:
        raise ConfigError("--start-from is for `explorer train`: give --weights.")
    if seed is not None:
        training["seed"] = seed
    return transfer(read_net(net), weights, available(data), store=store, image_size=image_size, **training)


def predict(
    weights: Annotated[
        str, typer.Argument(metavar="RUN|FILE|shipped:NET", help="Whose answers: FILE is .safetensors.")
    ],
    pictures: Annotated[list[Path], typer.Argument(metavar="PICTURE...", help="Picture files.")],
    top: Annotated[int, typer.Option(min=1, max=1000, metavar="NUMBER", help="How many answers.")] = 5,
    device: Annotated[str, typer.Option(metavar="NAME", help="Where to compute.")] = "auto",
    format: Format = "table",
) -> None:
    """Say what a trained net sees in pictures.

    A picture that cannot be read is named, and the others are answered.
    """
    writers.checked_format(format)
    from explorer.pictures import PictureError
    from explorer.training.predicting import predict as answer
    from explorer.training.trained import load_trained

    trained = load_trained(weights)
    read, unreadable = _read(pictures)
    if not read:
        raise PictureError(" ".join(unreadable))
    answers = answer(trained, [picture for _, picture in read], top=top, device=device)
    rows: list[tuple[str, int, str, float]] = [
        (str(path), rank, name, probability)
        for (path, _), found in zip(read, answers, strict=True)
        for rank, (name, probability) in enumerate(found, start=1)
    ]
    fields = ("picture", "rank", "class", "probability")
    if format == "json":
        output.write(writers.json_lines([dict(zip(fields, row, strict=True)) for row in rows]))
    elif format == "csv":
        output.write(writers.csv_table(fields, rows))
    else:
        cells = [[Path(path).name, str(rank), name, units.percent(share)] for path, rank, name, share in rows]
        write = writers.markdown_table if format == "markdown" else writers.text_table
        output.write(write(["Picture", "", "Class", "Probability"], cells, {1, 3}))
    if unreadable:
        raise PictureError(" ".join(unreadable))


def _read(files: Sequence[Path]) -> tuple[list[tuple[Path, Pixels]], list[str]]:
    """The pictures that can be read, as often as they are named, and what is wrong with the others."""
    from explorer.pictures import PictureError, read_picture

    read: list[tuple[Path, Pixels]] = []
    unreadable = []
    for file in files:
        try:
            read.append((file, read_picture(file)))
        except PictureError as error:
            unreadable.append(str(error))
    return read, unreadable


def probe(
    net: Annotated[str, typer.Argument(metavar="NAME", help="A net of `explorer weights list` or `explorer list`.")],
    data: Annotated[str, typer.Option(metavar="NAME|DIR|ZIP", help="Pictures with their classes.")],
    weights: Annotated[
        str, typer.Option(metavar="shipped|imagenet|FILE|RUN|none", help="Whose features; none: random weights.")
    ] = "shipped",
    subset: Annotated[int | None, typer.Option(min=1, metavar="NUMBER", help="Training pictures per class.")] = None,
    test_subset: Annotated[int | None, typer.Option(min=1, metavar="NUMBER", help="Test pictures per class.")] = None,
    seed: Annotated[int, typer.Option(min=0, metavar="NUMBER", help="Of the draw.")] = 0,
    device: Annotated[str, typer.Option(metavar="NAME", help="Where to compute.")] = "auto",
    format: Format = "table",
) -> None:
    """Fit a linear layer to every stage of a net, and test it."""
    writers.checked_format(format)
    from explorer.training.backbones import load_backbone
    from explorer.training.stage_probes import probe_stages

    backbone = load_backbone(read_net(net), weights)
    result = probe_stages(backbone, available(data), subset=subset, test_subset=test_subset, seed=seed, device=device)
    fields = ("stage", "depth", "features", "train_accuracy", "validated", "accuracy", "low", "high")
    rows = [[getattr(one, name) for name in fields] for one in result.probes]
    if format == "json":
        facts = {
            name: getattr(result, name) for name in ("net", "weights", "dataset", "train_pictures", "test_pictures")
        }
        facts |= {"chance": result.chance, "seconds": result.seconds}
        output.write(writers.json_object({**facts, "probes": [dict(zip(fields, row, strict=True)) for row in rows]}))
    elif format == "csv":
        output.write(writers.csv_table(fields, rows))
    else:
        headers = ["Stage", "After layers", "Features", "Training", "Cross-validated", "Test", "95 % confidence"]
        cells = [[one.stage, str(one.depth), str(one.features), *_shares(one)] for one in result.probes]
        write = writers.markdown_table if format == "markdown" else writers.text_table
        output.write(write(headers, cells, {1, 2, 3, 4, 5, 6}))
        learned, tested = units.exact(result.train_pictures), units.exact(result.test_pictures)
        took = units.seconds(result.seconds)
        output.write(
            f"\n{result.net} on {result.dataset}: fitted to {learned} pictures, tested on {tested}, in {took}."
        )


def _shares(one: StageProbe) -> tuple[str, str, str, str]:
    between = f"{units.percent(one.low)} to {units.percent(one.high)}"
    validated = "–" if one.validated is None else units.percent(one.validated)
    return units.percent(one.train_accuracy), validated, units.percent(one.accuracy), between
