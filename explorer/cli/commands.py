"""The commands, and how they end."""

from __future__ import annotations

import ipaddress
import sys
from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, Any

import typer

import explorer
from explorer import writers
from explorer.catalog import entries, find_entry
from explorer.cli import (
    advise,
    data,
    examine,
    gradflow,
    landscape,
    lesson,
    output,
    runs,
    saliency,
    training,
    transfer,
    weights,
)
from explorer.cli.options import Format, Net, with_model_options
from explorer.errors import ConfigError, ExplorerError, join_or
from explorer.language import LANGUAGES
from explorer.options import read_net

if TYPE_CHECKING:
    from explorer.config import ModelConfig
    from explorer.results import LayerTable

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Understand why convolutional nets got deep: VGG and ResNet by layer, by cost, by receptive field.",
)
app.add_typer(runs.app, name="runs")
app.add_typer(data.app, name="data")
app.add_typer(lesson.app, name="lesson")
app.add_typer(weights.app, name="weights")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: default: those of the process.

    Returns:
        The exit code: 0, 2 for what the user can put right, 1 where a part is not installed.
    """
    output.speak_utf8()
    try:
        code = app(arguments, prog_name="explorer", standalone_mode=False)
    except ExplorerError as error:
        return _complain(str(error))
    except typer.TyperException as error:
        return _complain(error.format_message())
    except (KeyboardInterrupt, typer.Abort):
        return 130
    return code if isinstance(code, int) else 0


def _complain(message: str) -> int:
    print(f"Error: {' '.join(message.split())}", file=sys.stderr)
    return 2


def _show_version(asked: bool) -> None:
    if asked:
        output.write(f"explorer {explorer.__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _start(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        output.write(context.get_help())


@app.command("app")
def run_app(
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="Where to listen; 0.0.0.0: everywhere.")] = "127.0.0.1",
    port: Annotated[
        str | None, typer.Option(metavar="NUMBER", help="Port to listen on.  [default: 7860, or the next free one]")
    ] = None,
    auth: Annotated[
        str | None,
        typer.Option(metavar="USER:PASSWORD", envvar="EXPLORER_AUTH", help="Ask visitors for a name and a password."),
    ] = None,
    language: Annotated[
        str, typer.Option(metavar="|".join([*LANGUAGES, "auto"]), help="Language of the page; auto: the browser's.")
    ] = "auto",
    browser: Annotated[bool, typer.Option(help="Open the page in the browser.")] = True,
) -> None:
    """Open the app in the browser. Ctrl-C ends it."""
    if language not in [*LANGUAGES, "auto"]:
        raise ConfigError(f"language={language[:40]!r} is not possible: use {join_or([*LANGUAGES, 'auto'])}.")
    number = None if port is None else _port(port)
    credentials = None if auth is None else _credentials(auth)
    if find_spec("gradio") is None:
        print('Error: The app needs Gradio: pip install "explorer[app]".', file=sys.stderr)
        raise typer.Exit(1)
    if credentials is None and not _is_loopback(host):
        print(
            f"Warning: everyone who can reach {host} can use this app; --auth USER:PASSWORD asks for a password.",
            file=sys.stderr,
        )
    from explorer.app.main import launch

    try:
        launch(host=host, port=number, auth=credentials, language=language, open_browser=browser)
    except KeyboardInterrupt:
        print(file=sys.stderr)  # after the terminal's ^C


def _port(text: str) -> int:
    # Not `int` at once: it refuses to read thousands of digits.
    if not (text.isdecimal() and len(text) <= 5 and 1 <= int(text) <= 65535):
        raise ConfigError(f"port={text[:40]!r} is not possible: use a whole number from 1 to 65535.")
    return int(text)


def _credentials(text: str) -> tuple[str, str]:
    user, _, password = text.partition(":")
    if not user or not password:
        raise ConfigError("--auth (or EXPLORER_AUTH) has to be USER:PASSWORD, and neither may be empty.")
    return user, password


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@app.command("list")
def list_nets(
    filter: Annotated[str | None, typer.Argument(help="Only nets whose name or alias contains this text.")] = None,
    format: Format = "table",
) -> None:
    """List the nets, with their depth in weight layers."""
    writers.checked_format(format)
    found = [entry for entry in entries() if filter is None or any(filter in n for n in (entry.name, *entry.aliases))]
    if not found:
        found = [find_entry(filter)]  # a CIFAR net of any depth, or the error that names the nearest
    output.show_nets(found, format)


@app.command()
@with_model_options
def layers(
    net: Net,
    format: Format = "table",
    fold: Annotated[bool, typer.Option("--fold", help="One row for each block or stage.")] = False,
    strategy: Annotated[
        str | None, typer.Option(metavar="NAME", help="Of `explorer finetune`: which parameters it trains at first.")
    ] = None,
    *,
    options: dict[str, Any],
) -> None:
    """Show every layer of a net and what it costs."""
    writers.checked_format(format)
    config = read_net(net, **options)
    from explorer import tables
    from explorer.analysis.layer_table import layer_table

    table = layer_table(config) if strategy is None else _trainable(config, strategy)
    frame = tables.fold(table) if fold else tables.layer_frame(table)
    if format == "json":
        fields = table.as_dict()
        output.write(writers.json_object({**fields, "layers": tables.records(frame)} if fold else fields))
    elif format == "csv":
        output.write(tables.frame_to(frame, format))
    else:
        columns: Sequence[str] = tables.FOLDED_COLUMNS if fold else tables.LAYER_COLUMNS
        if strategy is not None:
            after = columns.index("params") + 1
            columns = (*columns[:after], "trainable", *columns[after:])
        output.show_frame(frame, columns, format, output.summary(table))


def _trainable(config: ModelConfig, strategy: str) -> LayerTable:
    """The layer table of a net whose frozen parameters are not trainable."""
    from explorer.analysis.layer_table import layer_table
    from explorer.train_config import TrainConfig
    from explorer.training.strategies import trained_at_first

    net = trained_at_first(config, TrainConfig("digits", strategy=strategy))  # type: ignore[arg-type]
    shape = (config.in_channels, config.image_size, config.image_size)
    return replace(layer_table(net, input_shape=shape), name=config.label(), config=config)


@app.command()
@with_model_options
def compare(
    a: Annotated[str, typer.Argument(metavar="A", help="A net; options may stand beside it: resnet34:shortcut=A.")],
    b: Annotated[str, typer.Argument(metavar="B", help="Another net.")],
    format: Format = "table",
    *,
    options: dict[str, Any],
) -> None:
    """Compare the totals and the options of two nets.

    The options below go to both; an option of one stands beside its name: plain34 resnet34:shortcut=A.
    """
    writers.checked_format(format)
    configs = [read_net(net, **options) for net in (a, b)]
    from explorer import tables
    from explorer.analysis.layer_table import layer_table

    first, second = (layer_table(config) for config in configs)
    frame = tables.compare_frame(first, second)
    if format == "json":
        of_a, of_b = (table.as_dict()["config"] for table in (first, second))
        output.write(writers.json_object({"a": of_a, "b": of_b, "quantities": tables.records(frame)}))
    elif format == "csv":
        output.write(tables.frame_to(frame, format))
    else:
        seen = frame[(frame["group"] == "total") | frame["differs"]]
        rounded = format == "table" and output.is_terminal()
        words = tables.display_comparison(seen, first.name, second.name, rounded=rounded)
        output.show_words(words, {1, 2, 3}, format)


@app.command("receptive-field")
@with_model_options
def show_receptive_field(
    net: Net,
    layer: Annotated[str | None, typer.Option(metavar="PATH", help="Only this layer, such as layer3.0.conv1.")] = None,
    unit: Annotated[
        str | None,
        typer.Option(metavar="ROW,COLUMN", help="The unit of the layer to locate.  [default: the middle one]"),
    ] = None,
    format: Format = "table",
    *,
    options: dict[str, Any],
) -> None:
    """Show what part of the picture each layer sees."""
    writers.checked_format(format)
    if unit is not None and layer is None:
        raise ConfigError("--unit needs --layer: say which layer the unit is in.")
    config = read_net(net, **options)
    from explorer import tables
    from explorer.analysis.layer_table import layer_table

    table = layer_table(config)
    if layer is not None:
        row = table.row(layer)
        output.show_field(table, row, _unit(unit, row.output_shape), format)
        return
    frame = tables.layer_frame(table)
    if format in ("csv", "json"):
        output.write(tables.frame_to(frame, format, [*tables.FIELD_COLUMNS, "rf_global"]))
    else:
        output.show_frame(frame, tables.FIELD_COLUMNS, format, output.summary(table))


def _unit(text: str | None, shape: tuple[int, ...]) -> tuple[int, int] | None:
    """The unit of a feature map that `text` names, the middle one by default; None where there are no positions."""
    if len(shape) != 3:
        if text is not None:
            raise ConfigError(f"unit={text[:40]!r} is not possible: this layer's units have no rows and columns.")
        return None
    _, height, width = shape
    if text is None:
        return height // 2, width // 2
    row, _, column = text.partition(",")
    readable = row.isdecimal() and column.isdecimal() and max(len(row), len(column)) <= 6
    if readable and int(row) < height and int(column) < width:
        return int(row), int(column)
    last = f"{height - 1},{width - 1}"
    raise ConfigError(f"unit={text[:40]!r} is not possible: use ROW,COLUMN from 0,0 to {last} for this layer.")


app.command()(training.train)
app.command()(training.evaluate)
app.command()(examine.examine)
app.command()(advise.advise)
app.command()(transfer.finetune)
app.command("rate-range")(transfer.rate_range)
app.command()(transfer.probe)
app.command()(transfer.predict)
app.command()(gradflow.gradflow)
app.command()(landscape.landscape)
app.command()(saliency.saliency)
