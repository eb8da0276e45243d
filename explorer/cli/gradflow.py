"""`explorer gradflow`: signal and gradient at every layer, several nets on one batch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from explorer import writers
from explorer.cli import output
from explorer.cli.data import available
from explorer.cli.options import Format
from explorer.errors import ConfigError, join_or
from explorer.options import read_net

_SHOWN = ("depth", "layer", "weight_gradient", "activation_gradient", "std", "zeros", "dead")
_HEADERS = ("", "Layer", "Gradient, weights", "Gradient, response", "Deviation", "Zeros", "Dead channels")


def gradflow(
    nets: Annotated[
        list[str] | None, typer.Argument(metavar="NET...", help="Nets with initial weights: resnet56:preact=true.")
    ] = None,
    run: Annotated[
        list[str] | None,
        typer.Option(metavar="RUN|FILE|shipped:NET", help="A trained net, on its own data; may be given again."),
    ] = None,
    data: Annotated[
        str,
        typer.Option(metavar="NAME|DIR|ZIP", help="Pictures for initial weights, and where a run's own are not here."),
    ] = "textures",
    pictures: Annotated[int, typer.Option(min=2, max=512, metavar="NUMBER", help="In the batch.")] = 64,
    seed: Annotated[int, typer.Option(min=0, metavar="NUMBER", help="Of initial weights and batch.")] = 0,
    show: Annotated[
        str, typer.Option(metavar="QUANTITY", help="What figure and sentences are about.")
    ] = "weight_gradient",
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the figure (.html, .png, .svg) or the values (.csv).")
    ] = None,
    format: Format = "table",
) -> None:
    """Measure signal and gradient at every layer."""
    writers.checked_format(format)
    if not nets and not run:
        raise ConfigError("No net is named: name one or several, such as plain56 resnet56.")
    from explorer.figures.gradient_flow import QUANTITIES, describe_flow, flow_data, flow_name, plot_flow
    from explorer.figures.saving import check_place, save_figure
    from explorer.lessons.flow import flow_of

    if show not in QUANTITIES:
        raise ConfigError(f"show={show[:40]!r} is not possible: use {join_or(QUANTITIES)}.")
    if out is not None:
        check_place(out)
    asked = [read_net(net) for net in nets or ()]
    flows = [flow_of(net, data=available(data), pictures=pictures, seed=seed) for net in asked]
    flows += [flow_of("", run=name, data=available(data), pictures=pictures, seed=seed) for name in run or ()]
    frame = flow_data(flows)
    if out is not None:
        save_figure(plot_flow(flows, show), frame, out)
    if output.write_values(frame, format):
        return
    write = writers.markdown_table if format == "markdown" else writers.text_table
    for flow in flows:
        cells = [[_cell(getattr(layer, name)) for name in _SHOWN] for layer in flow.layers]
        loss = "no labels, no loss" if flow.loss is None else f"loss {flow.loss:.3g}"
        output.write(f"{flow_name(flow, 'en')}, {flow.pictures} pictures of {flow.dataset}, {loss}")
        output.write(write(_HEADERS, cells, {0, *range(2, len(_SHOWN))}))
        output.write("")
    output.write(describe_flow(flows, show))


def _cell(value: float | str | None) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else f"{value:.3g}"
