"""`explorer saliency`: which part of a picture speaks for a class, in one net or in two beside each other."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from explorer import units, writers
from explorer.cli import output
from explorer.cli.options import Format
from explorer.errors import ConfigError, UnknownNameError, join_or

if TYPE_CHECKING:
    from explorer.attribution_results import Attribution
    from explorer.pictures import Pixels

_METHODS = (
    *("grad-cam", "gradient", "gradient-x-input", "smoothgrad", "integrated-gradients", "guided-backprop", "deeplift"),
    *("guided-grad-cam", "occlusion", "feature-ablation"),
)
_LAYERED = ("grad-cam", "guided-grad-cam")
"""As in `explorer.attribution_results`, whose arrays take a while to import; a test compares them."""

_HEADERS = ("Net", "Class", "Probability", "Layer", "Half of it on", "Strongest at")
_KINDS = ("shipped", "imagenet", "initial", "before")


def saliency(
    image: Annotated[str, typer.Argument(metavar="IMAGE", help="A picture file, or a photograph: coffee, rocket ...")],
    model: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NET",
            help="Weights that come with explorer; imagenet:NET, initial:NET (untrained). Twice: beside each other.  "
            "[default: resnet18]",
        ),
    ] = None,
    run: Annotated[
        list[str] | None,
        typer.Option(metavar="RUN|FILE", help="A run, before:RUN (what it started from), or a file of weights."),
    ] = None,
    method: Annotated[str, typer.Option(metavar="NAME", help=f"{', '.join(_METHODS)}.")] = _METHODS[0],
    target: Annotated[
        str | None, typer.Option(metavar="CLASS|NUMBER", help="Of the first net.  [default: the most probable one]")
    ] = None,
    layer: Annotated[
        str | None, typer.Option(metavar="NAME", help="That a CAM looks at.  [default: the last stage with a plane]")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the figure (.html, .png, .svg) or the values (.csv).")
    ] = None,
    format: Format = "table",
) -> None:
    """Show which part of a picture speaks for a class.

    A second net is asked about the same class if it has it, otherwise about its own most probable one.
    """
    writers.checked_format(format)
    if method not in _METHODS:
        raise UnknownNameError("method", method, _METHODS)
    if layer is not None and method not in _LAYERED:
        raise ConfigError(f"--layer says nothing to {method}: leave it out, or use {join_or(_LAYERED)}.")
    weights = [*map(_weights, model or ()), *(run or ())] or ["shipped:resnet18"]
    if len(weights) > 2:
        raise ConfigError(f"{len(weights)} nets are named: name 1 or 2, such as --model plain18 --model resnet18.")
    from explorer.figures.saliency import describe_saliency
    from explorer.figures.saliency_strip import map_title, plot_saliencies, saliencies_data
    from explorer.figures.saving import check_place, save_figure
    from explorer.lessons.observed import as_seen, observe, saliency_of
    from explorer.tables import records

    if out is not None:
        check_place(out)
    picture = _picture(image)
    nets = [observe(one) for one in weights]
    found: tuple[Attribution, ...] = ()
    is_number = target is not None and re.fullmatch("[0-9]{1,9}", target) and target not in nets[0].classes
    wanted = int(target) if target is not None and is_number else target
    for found in saliency_of(nets, picture, method=method, target=wanted, layer=layer):
        _tell(sum(one.share_done for one in found) / len(nets))
    names = [net.name() for net in nets]
    frame = saliencies_data(found, names)
    if out is not None:
        titles = [map_title(name, one) for name, one in zip(names, found, strict=True)]
        save_figure(plot_saliencies([as_seen(net, picture) for net in nets], found, titles), frame, out)
    if format == "json":
        output.write(writers.json_lines(records(frame)))
    elif format == "csv":
        output.write(frame.to_csv(index=False).rstrip())
    else:
        write = writers.markdown_table if format == "markdown" else writers.text_table
        output.write(write(_HEADERS, [_row(name, one) for name, one in zip(names, found, strict=True)], {2, 4}))
        for name, one in zip(names, found, strict=True):
            output.write(f"\n{name}: {describe_saliency(one)}")


def _weights(model: str) -> str:
    return model if model.partition(":")[0] in _KINDS else f"shipped:{model}"


def _picture(image: str) -> Pixels:
    from explorer.pictures import PHOTOGRAPHS, photograph, read_picture

    if Path(image).is_dir() and image not in PHOTOGRAPHS:
        raise ConfigError(f"{image[-60:]!r} is a folder: name one picture file in it.")
    return photograph(image) if image in PHOTOGRAPHS and not Path(image).is_file() else read_picture(image)


def _row(name: str, one: Attribution) -> list[str]:
    height, width = one.values.shape
    row, column = divmod(int(one.values.argmax()), width)
    place = "" if one.values.max() <= 0 else f"x {column}, y {row} of {width} × {height} px"
    share = units.percent(one.probability)
    half = units.percent(one.area_of_half()) if place else ""  # nothing speaks for the class
    return [name, one.target_name or str(one.target), share, one.layer, half, place]


def _tell(share: float) -> None:
    """How far it is, where somebody looks on."""
    if sys.stderr.isatty():
        print(f"\r{100 * share:.0f} %", end="\n" if share == 1 else "", file=sys.stderr, flush=True)
