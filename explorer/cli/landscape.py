"""`explorer landscape`: the loss around the weights of one net or of two."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast

import typer

from explorer import writers
from explorer.cli import output
from explorer.cli.data import available
from explorer.cli.options import Format
from explorer.errors import ConfigError, join_or

if TYPE_CHECKING:
    from explorer.landscape_results import Landscape

_HEADERS = ("Net", "Points", "Loss", "Lowest", "Highest", "Below twice", "Below guessing", "Valleys")


def landscape(
    nets: Annotated[
        list[str] | None, typer.Argument(metavar="NET...", help="Nets whose trained weights come with explorer.")
    ] = None,
    run: Annotated[
        list[str] | None, typer.Option(metavar="RUN|FILE", help="A run or a file of weights; may be given again.")
    ] = None,
    initial: Annotated[
        list[str] | None, typer.Option(metavar="NET", help="A net with initial weights; may be given again.")
    ] = None,
    data: Annotated[
        str,
        typer.Option(
            metavar="NAME|DIR|ZIP",
            help="Pictures.  [default: what the net was trained on if it is here, else textures]",
        ),
    ] = "",
    labels: Annotated[
        str, typer.Option(metavar="auto|true|own", help="The data's, or the net's own answers.")
    ] = "auto",
    statistics: Annotated[
        str, typer.Option(metavar="auto|stored|batch", help="What batch norm normalises by.")
    ] = "auto",
    size: Annotated[int, typer.Option(metavar="NUMBER", help="Points along a side: 5, 9, 17 or 33.")] = 17,
    reach: Annotated[float, typer.Option(metavar="NUMBER", help="Half the square's side.")] = 1.0,
    pictures: Annotated[int, typer.Option(min=2, max=512, metavar="NUMBER", help="In the batch.")] = 64,
    seed: Annotated[int, typer.Option(min=0, metavar="NUMBER", help="Of the two directions.")] = 0,
    view: Annotated[str, typer.Option(metavar="contour|surface", help="What the figure is.")] = "contour",
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the figure (.html, .png, .svg) or the values (.csv).")
    ] = None,
    format: Format = "table",
) -> None:
    """Compute the loss on a square around trained weights.

    What is computed is kept: a command that was interrupted goes on where it was.
    """
    writers.checked_format(format)
    weights = [*(f"shipped:{net}" for net in nets or ()), *(run or ()), *(f"initial:{net}" for net in initial or ())]
    if not 1 <= len(weights) <= 2:
        raise ConfigError(f"{len(weights)} nets are named: name 1 or 2, such as plain56 resnet56.")
    from explorer.figures.landscape import VIEWS, landscape_data, landscape_name, plot_landscape
    from explorer.figures.landscape_words import describe_landscape, describe_landscape_lines, describe_source
    from explorer.figures.saving import check_place, save_figure
    from explorer.lessons.landscape import landscapes_of

    if view not in VIEWS:
        raise ConfigError(f"view={view[:40]!r} is not possible: use {join_or(VIEWS)}.")
    if out is not None:
        check_place(out)
    steps = landscapes_of(
        weights,
        data=available(data) if data else "",
        labels=cast(Literal["auto", "true", "own"], labels),
        statistics=cast(Literal["auto", "stored", "batch"], statistics),
        pictures=pictures,
        size=size,
        seed=seed,
        reach=reach,
    )
    for step in steps:
        _tell(step.done, step.total)
    found = step.landscapes
    frame = landscape_data(found)
    if out is not None:
        save_figure(plot_landscape(found, view), frame, out)
    if output.write_values(frame, format):
        return
    write = writers.markdown_table if format == "markdown" else writers.text_table
    rows = [[landscape_name(one.source, "en"), *_cells(one)] for one in found]
    output.write(write(_HEADERS, rows, set(range(1, len(_HEADERS)))))
    for words in (describe_landscape_lines(found), describe_landscape(found), describe_source(found)):
        output.write(f"\n{words}")


def _cells(one: Landscape) -> list[str]:
    from explorer.figures.landscape_words import guessing_loss, low_share, valleys
    from explorer.units import percent

    losses = [point.loss for row in one.grid()[1] for point in row]
    own = one.centre.loss if one.centre else 0.0
    shares = [percent(low_share(one, limit)) for limit in (2 * own, guessing_loss(one.source))]
    return [str(len(losses)), *(f"{loss:.3g}" for loss in (own, min(losses), max(losses))), *shares, str(valleys(one))]


def _tell(done: int, total: int) -> None:
    """How far it is, where somebody looks on."""
    if sys.stderr.isatty():
        end = "\n" if done == total else ""
        print(f"\r{done} of {total} points", end=end, file=sys.stderr, flush=True)
