"""`explorer lesson`: what the page's tab Degradation does, in a terminal."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated, Any

import typer

from explorer import units, writers
from explorer.cli import output
from explorer.cli.options import Format
from explorer.errors import ConfigError

if TYPE_CHECKING:
    from explorer.lesson_results import LessonResult

app = typer.Typer(help="Degradation, transfer, and two small experiments.")


@app.callback(invoke_without_command=True)
def _start(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        output.write(context.get_help())


@app.command()
def degradation(
    budget: Annotated[str, typer.Option(metavar="TIME", help="1 min, 5 min, 20 min, seconds, or paper.")] = "5 min",
    data: Annotated[str, typer.Option(metavar="NAME|DIR|ZIP", help="What to learn from.")] = "textures",
    nets: Annotated[str, typer.Option(metavar="A,B,...", help="Which nets.")] = "plain20,plain56,resnet20,resnet56",
    guess: Annotated[
        str | None, typer.Option(metavar="A,B,...", help="Their order by training error, the lowest first.")
    ] = None,
    seed: Annotated[str, typer.Option(metavar="NUMBER", help="Of pictures, order and weights.")] = "0",
    device: Annotated[str, typer.Option(metavar="NAME", help="Where to train.")] = "auto",
    format: Format = "table",
) -> None:
    """Train plain and residual nets alike, one after the other."""
    writers.checked_format(format)
    number = _whole("seed", seed)
    from explorer.lessons.degradation import plan_lesson, run_lesson

    plan = plan_lesson(
        float(budget) if budget.isdecimal() else budget, data, _names(nets), seed=number, device=device, in_process=True
    )
    telling = format in ("table", "markdown")
    if telling:
        forecast = "" if plan.forecast_seconds is None else f", about {units.seconds(plan.forecast_seconds)}"
        output.write(f"{units.exact(plan.pictures)} pictures, {plan.epochs} epochs for each net{forecast}.")
    said = 0

    def tell(lesson: LessonResult) -> None:
        nonlocal said
        done = sum(curve.status == "finished" for curve in lesson.curves)
        if done > said:
            said = done
            output.write(f"{done} of {len(lesson.curves)} nets have been trained.")

    lesson = run_lesson(plan, on_epoch=tell if telling else None)
    _show(lesson, _names(guess) if guess else (), format)


def _show(lesson: LessonResult, guessed: tuple[str, ...], format: str) -> None:
    from explorer import tables
    from explorer.figures.degradation import lesson_frame
    from explorer.lesson_results import check_guess
    from explorer.lessons import sentences

    if format in ("csv", "json"):
        output.write(tables.frame_to(lesson_frame(lesson), format))
        return
    published = {figure.arch: f"{figure.value:g} % ({figure.source})" for figure in lesson.published}
    rows = [
        [curve.title, _error(curve.final("train")), _error(curve.final("test")), published.get(curve.net, "–")]
        for curve in lesson.curves
    ]
    headers = ["Net", "Training error", "Test error", "Published test error on CIFAR-10"]
    write = writers.markdown_table if format == "markdown" else writers.text_table
    output.write(write(headers, rows, {1, 2}))
    said = [*sentences.describe_lesson(lesson), *sentences.describe_lesson_limits(lesson)]
    if guessed:
        said = [*sentences.describe_guess(check_guess(lesson, guessed)), *said]
    output.write("\n" + "\n".join(said))


def _error(share: float | None) -> str:
    return "–" if share is None else units.percent(share)


@app.command()
def constructed(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run of a plain 6n+2 net.")],
    net: Annotated[str, typer.Option(metavar="NAME", help="The deeper net to make of it.")] = "plain56",
    beside: Annotated[str | None, typer.Option(metavar="RUN", help="A run of that net, trained from scratch.")] = None,
    format: Format = "table",
) -> None:
    """Build a deeper plain net that is exactly as good."""
    writers.checked_format(format)
    from explorer.figures.constructed import describe_constructed
    from explorer.lessons.constructed import constructed_solution

    result = constructed_solution(run, arch=net, beside=beside)
    if format == "json":
        output.write(writers.json_object(dataclasses.asdict(result)))
        return
    output.write(describe_constructed(result))


@app.command("one-block")
def one_block(
    steps: Annotated[str, typer.Option(metavar="NUMBER", help="Batches that each block learns from.")] = "200",
    seed: Annotated[str, typer.Option(metavar="NUMBER", help="Of the first of three blocks.")] = "0",
    format: Format = "table",
) -> None:
    """Ask plain layers and a residual block to do nothing."""
    writers.checked_format(format)
    many, first = _whole("steps", steps), _whole("seed", seed)
    from explorer.figures.one_block import describe_one_block
    from explorer.lessons.one_block import one_block as learn

    result = learn(steps=many, seed=first)
    if format == "json":
        output.write(writers.json_object(dataclasses.asdict(result)))
        return
    output.write(describe_one_block(result))


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _whole(name: str, text: str) -> int:
    if not (text.isdecimal() and len(text) <= 10):
        raise ConfigError(f"{name}={text[:40]!r} is not possible: use a whole number.")
    return int(text)


@app.command()
def transfer(
    net: Annotated[str, typer.Argument(metavar="NAME", help="A net of `explorer weights list`, or with --weights.")],
    data: Annotated[str, typer.Option(metavar="NAME|DIR|ZIP", help="What to learn from.")],
    weights: Annotated[str, typer.Option(metavar="shipped|imagenet|FILE|RUN", help="What to start from.")] = "shipped",
    strategies: Annotated[
        str, typer.Option(metavar="A,B,...", help="Of scratch, probe, last, layerwise, gradual, all.")
    ] = "scratch,probe,all",
    sizes: Annotated[str, typer.Option(metavar="A,B,...", help="Training pictures per class; or all.")] = "5,20,50",
    seeds: Annotated[str, typer.Option(metavar="A,B,...", help="As many trainings of each kind.")] = "0,1,2",
    epochs: Annotated[str | None, typer.Option(metavar="NUMBER", help="[default: for about 200 batches]")] = None,
    device: Annotated[str, typer.Option(metavar="NAME", help="Where to train.")] = "auto",
    format: Format = "table",
) -> None:
    """Train by several strategies on several amounts of one data set."""
    writers.checked_format(format)
    from explorer import tables
    from explorer.figures.transfer_experiment import describe_experiment, experiment_data
    from explorer.lessons.transfer_experiment import plan_experiment, run_experiment
    from explorer.options import read_net
    from explorer.training.data import full_name
    from explorer.transfer_results import TransferExperiment

    amounts = [None if size == "all" else _whole("sizes", size) for size in _names(sizes)]
    more: dict[str, Any] = {} if epochs is None else {"epochs": _whole("epochs", epochs)}
    plan = plan_experiment(
        read_net(net),
        weights,
        full_name(data),
        strategies=_names(strategies),
        sizes=amounts,
        seeds=[_whole("seeds", seed) for seed in _names(seeds)],
        device=device,
        **more,
    )
    telling = format in ("table", "markdown")

    def tell(experiment: TransferExperiment) -> None:
        done = sum(cell.status == "finished" for cell in experiment.cells)
        output.write(f"{done} of {len(experiment.cells)} trainings are done.")

    experiment = run_experiment(plan, on_cell=tell if telling else None)
    if not telling:
        output.write(tables.frame_to(experiment_data(experiment), format))
        return
    rows = [
        [
            strategy,
            "all" if size is None else str(size),
            ", ".join(units.percent(accuracy) for accuracy in experiment.accuracies(strategy, size)),
        ]
        for size in experiment.sizes
        for strategy in experiment.strategies
    ]
    write = writers.markdown_table if format == "markdown" else writers.text_table
    output.write(write(["Strategy", "Pictures per class", "Test accuracy, a figure a seed"], rows, {1}))
    output.write("\n" + describe_experiment(experiment))
