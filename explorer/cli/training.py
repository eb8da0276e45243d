"""`explorer train` and `explorer evaluate`."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from explorer import units, writers
from explorer.cli import output
from explorer.cli.options import Format, with_model_options
from explorer.cli.train_options import with_train_options
from explorer.cli.watching import Watching
from explorer.config import ModelConfig
from explorer.errors import ConfigError
from explorer.options import read_net
from explorer.train_config import TrainConfig

if TYPE_CHECKING:
    from explorer.run_results import Evaluation
    from explorer.training.runs import RunStore


@with_model_options
@with_train_options
def train(
    net: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="A net of `explorer list`; options may stand beside it."),
    ] = None,
    data: Annotated[
        str, typer.Option(metavar="NAME|DIR|ZIP", help="What to learn from; `explorer data list` names sets.")
    ] = "textures",
    name: Annotated[str | None, typer.Option(metavar="RUN", help="Name of the run.  [default: made]")] = None,
    resume: Annotated[str | None, typer.Option(metavar="RUN", help="Go on with a run that was interrupted.")] = None,
    *,
    options: dict[str, Any],
    training: dict[str, Any],
) -> None:
    """Train a net, as soon as the device is free.

    The net's classes, channels and picture size follow the data unless you give them. Ctrl-C stops; --resume goes on.
    On several devices: --devices 2, or torchrun --nproc-per-node 2 -m explorer train ...
    """
    from explorer.jobs.running import is_first_process
    from explorer.training.runs import RunStore

    store = RunStore()
    if resume is not None:
        if net is not None or options or training:
            raise ConfigError("--resume goes on as the run was begun: give no net and no options beside it.")
        run_id = store.get(resume).run_id
        if is_first_process():
            store.requeue(run_id)
    else:
        if net is None:
            raise ConfigError("Name a net, as in `explorer train resnet20`, or a run to go on with: --resume RUN.")
        model, config = _configurations(net, data, options, training)
        if not is_first_process():
            _train_along(model, config)
            return
        run_id = created(store, model, config, name)
    run_in_terminal(store, run_id)


def run_in_terminal(store: RunStore, run_id: str) -> None:
    """Train a run that is queued, and tell how it goes."""
    from explorer.jobs.running import is_first_process, run_here
    from explorer.training.speed import keep_freed_memory

    keep_freed_memory()
    if not is_first_process():
        run_here(store, run_id)
        return
    with Watching(store.get(run_id)) as watching:
        run = run_here(
            store,
            run_id,
            watching.on_metrics,
            on_wait=watching.on_wait,
            on_progress=watching.on_reading,
            should_stop=lambda: watching.unread,
        )
    watching.end(run)


def _configurations(
    net: str, data: str, options: dict[str, Any], training: dict[str, Any]
) -> tuple[ModelConfig, TrainConfig]:
    from explorer.training.data import dataset_info, full_name, is_available, load_dataset
    from explorer.training.fitting import adapt_to_data

    given = read_net(net, **options)
    chosen = {*options, *(option.partition("=")[0].strip() for option in net.partition(":")[2].split(","))}
    if "seed" in options:
        training.setdefault("seed", options["seed"])
    data = full_name(data)
    if Path(start := training.get("start_from", "")).is_file():
        training["start_from"] = str(Path(start).absolute())
    config = TrainConfig(data, **training)
    info = dataset_info(data)
    if not is_available(data):
        load_dataset(data)  # says how to fetch it, before there is a run
    model = adapt_to_data(given, info, keep=chosen)
    return model, config.for_model(model)


def created(store: RunStore, model: ModelConfig, config: TrainConfig, name: str | None) -> str:
    """A new run, queued, once it is sure to fit into memory; says where it differs from its recipe's source."""
    from explorer.departures import departures
    from explorer.jobs.queue import check

    check(store, model, config)
    run = store.create(model, config, name=name)
    output.write(f"{run.name}: {model.label()} on {config.dataset}, recipe {config.recipe} ({config.source.source})")
    for sentence in departures(config, model):
        output.write(f"  {sentence}")
    return run.run_id


def _train_along(model: ModelConfig, config: TrainConfig) -> None:
    """In the process of a further device: the first one reports and records."""
    from explorer.training.loop import fit
    from explorer.training.runs import RunStore
    from explorer.training.trained import weights_file

    start = None if config.start_from is None else weights_file(config.start_from, RunStore())
    for _ in fit(model, config, start_file=start):
        pass


def evaluate(
    net: Annotated[str, typer.Argument(metavar="NAME", help="The net that the weights are for.")],
    weights: Annotated[
        str, typer.Option(metavar="shipped|FILE|RUN", help="Those that come along, a file, or a run's best.")
    ],
    data: Annotated[
        str | None, typer.Option(metavar="NAME|DIR|ZIP", help="Pictures.  [default: what it was trained on]")
    ] = None,
    split: Annotated[str, typer.Option(metavar="test|train", help="Which pictures of the data.")] = "test",
    device: Annotated[str, typer.Option(metavar="NAME", help="Where to compute.")] = "auto",
    format: Format = "table",
) -> None:
    """Measure how often a trained net is right."""
    writers.checked_format(format)
    if split not in ("test", "train"):
        raise ConfigError(f"split={split[:40]!r} is not possible: use test or train.")
    wanted = read_net(net)
    from explorer.training.trained import evaluate as measure
    from explorer.training.trained import load_trained

    trained = load_trained(f"shipped:{wanted.arch}" if weights == "shipped" else weights)
    if trained.config.arch != wanted.arch:
        raise ConfigError(f"{weights} holds {trained.config.label()}, not {wanted.arch}: name that net.")
    _show(measure(trained, data, split="train" if split == "train" else "test", device=device), format)


def _show(result: Evaluation, format: str) -> None:
    if format == "json":
        output.write(writers.json_object(dataclasses.asdict(result)))
        return
    if format == "csv":
        fields = dataclasses.asdict(result)
        output.write(writers.csv_table(list(fields), [list(fields.values())]))
        return
    low, high = units.percent(result.low), units.percent(result.high)
    words = {
        "Net": result.model,
        "Weights": result.weights,
        "Pictures": f"{units.exact(result.pictures)}, {result.split} pictures of {result.dataset}",
        "Right at first (top 1)": f"{units.percent(result.top1)}, 95 % confidence {low} to {high}",
        "Right among five (top 5)": "–" if result.top5 is None else units.percent(result.top5),
        "Cross entropy": f"{result.loss:.4f}",
        "Took": units.seconds(result.seconds),
    }
    output.show_pairs(words, format)
