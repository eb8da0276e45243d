"""`explorer weights`: the trained nets that come with explorer, and torchvision's."""

from __future__ import annotations

import dataclasses
import sys
from typing import Annotated, Any

import typer

from explorer import units, writers
from explorer.cards import WeightsCard, shipped_card, shipped_cards, shipped_file
from explorer.cli import output
from explorer.cli.data import _progress as progress
from explorer.cli.options import Format
from explorer.errors import CheckpointError

app = typer.Typer(help="Weights that come with explorer, and torchvision's.")

_NET = typer.Argument(metavar="NET", help="A net of `explorer weights list`.")
_IMAGENET_NET = typer.Argument(metavar="NET", help="A net of `explorer weights where`.")


@app.callback(invoke_without_command=True)
def _start(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        output.write(context.get_help())


@app.command("list")
def list_weights(format: Format = "table") -> None:
    """List the nets whose weights come with explorer."""
    writers.checked_format(format)
    cards = shipped_cards()
    if format == "json":
        output.write(writers.json_lines([card.as_dict() for card in cards]))
    elif format == "csv":
        rows = [[_plain(value) for value in card.as_dict().values()] for card in cards]
        output.write(writers.csv_table([field.name for field in dataclasses.fields(WeightsCard)], rows))
    else:
        words = [_row(card) for card in cards]
        headers, cells = list(words[0]) if words else ["Net"], [list(row.values()) for row in words]
        write = writers.markdown_table if format == "markdown" else writers.text_table
        output.write(write(headers, cells, {2, 3, 4, 5, 6, 7}))


@app.command()
def show(net: Annotated[str, _NET], format: Format = "table") -> None:
    """Show the card of one net's weights."""
    writers.checked_format(format)
    card = shipped_card(net)
    if format == "json":
        output.write(writers.json_object(card.as_dict()))
    elif format == "csv":
        fields = card.as_dict()
        output.write(writers.csv_table(list(fields), [[_plain(value) for value in fields.values()]]))
    else:
        output.show_pairs(_words(card), format)


@app.command()
def verify(
    nets: Annotated[list[str] | None, typer.Argument(metavar="[NET...]", help="Which nets.  [default: all]")] = None,
) -> None:
    """Check that the files are those that their cards describe."""
    cards = [shipped_card(net) for net in nets] if nets else shipped_cards()
    wrong = []
    for card in cards:
        try:
            shipped_file(card)
        except CheckpointError as error:
            wrong.append(card.name)
            output.write(f"{card.name}: {error}")
        else:
            output.write(f"{card.name}: as its card says ({units.size(card.bytes)}, SHA-256 {card.sha256[:12]}…)")
    if wrong:
        raise CheckpointError(f"Of {len(cards)} files, {len(wrong)} are not whole: {', '.join(wrong)}.")


@app.command()
def where(format: Format = "table") -> None:
    """Say which ImageNet file belongs where.

    The files are torchvision's. On a machine without a network, put one into the folder by hand: its name and its
    content have to be those of the file.
    """
    writers.checked_format(format)
    from explorer.training.imagenet import imagenet_weights

    files = imagenet_weights()
    fields = [{**dataclasses.asdict(file), "folder": str(file.folder)} for file in files]
    if format == "json":
        output.write(writers.json_lines(fields))
    elif format == "csv":
        output.write(writers.csv_table(list(fields[0]), [list(row.values()) for row in fields]))
    else:
        cells = [[file.net, file.file, units.size(file.size_bytes), "here" if file.there else "-"] for file in files]
        write = writers.markdown_table if format == "markdown" else writers.text_table
        output.write(write(["Net", "File", "Size", "There"], cells, {2}))
        source = files[0].url.rpartition("/")[0]
        output.write(f"\nFolder: {files[0].folder}\nFrom: {source}, by explorer weights fetch NET, or by hand")


@app.command()
def fetch(net: Annotated[str, _IMAGENET_NET]) -> None:
    """Fetch torchvision's ImageNet weights of a net."""
    from explorer.training.imagenet import fetch_imagenet, imagenet_of

    weights = imagenet_of(net)
    said = f"{weights.file}: about {units.size(weights.size_bytes)} from {weights.url} to {weights.folder}"
    print(said, file=sys.stderr, flush=True)
    with progress() as report:
        path = fetch_imagenet(net, report)
    output.write(str(path))


def _row(card: WeightsCard) -> dict[str, str]:
    return {
        "Net": card.model.label(),
        "Data": card.dataset,
        "Picture": units.pixels(card.model.image_size),
        "Right": units.percent(card.top1),
        "95 % confidence": f"{units.percent(card.low)} to {units.percent(card.high)}",
        "Test pictures": units.exact(card.test_pictures),
        "Epochs": str(card.epochs),
        "File": units.size(card.bytes),
    }


def _words(card: WeightsCard) -> dict[str, str]:
    return {
        "Net": card.model.label(),
        "Load it": f'explorer.create_model("{card.name}", weights="shipped")',
        "Data": card.dataset,
        "Pictures": card.pictures,
        "Learned from": f"{units.exact(card.train_pictures)} pictures, {card.epochs} epochs",
        "Picture": f"{units.pixels(card.model.image_size)}, from the middle of {units.pixels(card.side)}",
        "Classes": ", ".join(card.classes),
        "Mean of the channels": ", ".join(f"{value:.4f}" for value in card.mean),
        "Their deviation": ", ".join(f"{value:.4f}" for value in card.std),
        "Right at first (top 1)": f"{units.percent(card.top1)} of {units.exact(card.test_pictures)} test pictures",
        "95 % confidence": f"{units.percent(card.low)} to {units.percent(card.high)}",
        "Right among five (top 5)": units.percent(card.top5),
        "Cross entropy": f"{card.loss:.4f}",
        "Wrong in training": f"{units.percent(card.train_error)} of the last epoch's pictures, as augmented",
        "Recipe": card.recipe,
        "Command": card.command,
        "Seed": str(card.seed),
        "Took": f"{units.seconds(card.seconds)} on {card.device}, {card.precision}",
        "Versions": ", ".join(f"{name} {version}" for name, version in card.versions.items()),
        "File": f"{units.size(card.bytes)}, SHA-256 {card.sha256}",
        "Licence": card.licence,
    }


def _plain(value: Any) -> Any:
    """A cell of CSV: lists and options as one text."""
    if isinstance(value, dict):
        return " ".join(f"{name}={option}" for name, option in value.items())
    return " ".join(map(str, value)) if isinstance(value, tuple) else value
