"""Transfer against scratch: several strategies on several amounts of one data set, under several seeds."""

from __future__ import annotations

import math
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from explorer.config import ModelConfig
from explorer.errors import ConfigError, ExplorerError, UnknownNameError, join_or
from explorer.jobs import queue
from explorer.jobs.running import run_here
from explorer.run_results import Run
from explorer.train_config import CHOICES, TrainConfig
from explorer.training.backbones import RANDOM
from explorer.training.data import dataset_info
from explorer.training.runs import RunStore
from explorer.training.transfer import transfer
from explorer.transfer_results import ExperimentCell, TransferExperiment

SCRATCH_STRATEGY = "scratch"
STRATEGIES = (SCRATCH_STRATEGY, "probe", "all")
"""What is compared if nothing else is asked for."""

SIZES: tuple[int | None, ...] = (5, 20, 50)
SEEDS = (0, 1, 2)
GROUP = "transfer-"
"""How the groups of its runs begin."""

STEPS = 200
"""Batches of a training, about: as many for few pictures as for many."""

_BATCH = 32
_EPOCHS = (4, 40)


@dataclass(frozen=True)
class ExperimentPlan:
    """A transfer experiment before it is started.

    Attributes:
        pairs: its trainings: the smallest amounts first, and of each all strategies, so that something is seen soon.
    """

    pairs: tuple[tuple[ModelConfig, TrainConfig], ...]


def plan_experiment(
    net: str | ModelConfig,
    weights: str,
    data: str,
    *,
    strategies: Sequence[str] = STRATEGIES,
    sizes: Sequence[int | None] = SIZES,
    seeds: Sequence[int] = SEEDS,
    lr: float | None = None,
    store: RunStore | None = None,
    **training: Any,
) -> ExperimentPlan:
    """Every strategy on every amount of the data under every seed. Nothing is stored.

    Each training has about 200 batches of 32 pictures (40 epochs at most), whatever the amount, unless `epochs` or
    `batch_size` say otherwise. A seed is that of the pictures drawn, of their order and of the new weights.

    Args:
        net: the net.
        weights: what to start from, see `transfer`.
        data: name of a data set, or the path of an image folder or of a zip of one.
        strategies: `scratch` for the control, or strategies of `TrainConfig`.
        sizes: training pictures of each class; None for all.
        seeds: as many trainings of each kind.
        lr: learning rate of the strategies that `rated` names; default: their recipe's.
        store: where to look for runs; default: in explorer's home.
        **training: other fields of `TrainConfig`.

    Raises:
        UnknownNameError: there is no such net, run or data set.
        ConfigError: a strategy, size or seed that is not possible, or nothing is asked for.
        CheckpointError: the weights are not there or cannot be used.

    >>> plan = plan_experiment("resnet8", "none", "digits", strategies=["scratch"], sizes=[5, 20], seeds=[0])
    >>> [(train.subset, train.epochs) for _, train in plan.pairs]
    [(5, 40), (20, 29)]
    """
    known = (SCRATCH_STRATEGY, *CHOICES["strategy"])
    for strategy in strategies:
        if strategy not in known:
            said = f"strategy={strategy[:40]!r}"
            message = f"{said} is not possible: use {join_or(known)}."
            raise ConfigError(message, key="choice", said=said, accepted=join_or(known))
    if not (strategies and sizes and seeds):
        raise ConfigError("Name at least one strategy, one amount and one seed.", key="experiment_empty")
    if weights == RANDOM and "all" in strategies and SCRATCH_STRATEGY in strategies:
        strategies = [strategy for strategy in strategies if strategy != "all"]  # the same, from random weights
    info, store = dataset_info(data), store or RunStore()
    started: dict[str, tuple[ModelConfig, TrainConfig]] = {}
    for strategy in dict.fromkeys(strategies):
        scratch = strategy == SCRATCH_STRATEGY
        source, how = (RANDOM, "all") if scratch else (weights, strategy)
        own = training if lr is None or strategy not in rated(strategies) else {**training, "lr": lr}
        started[strategy] = transfer(net, source, data, strategy=how, store=store, **own)
    if SCRATCH_STRATEGY in started and len(started) > 1:
        # The same net at the same size; its options are those of the weights.
        other = next(model for strategy, (model, _) in started.items() if strategy != SCRATCH_STRATEGY)
        started[SCRATCH_STRATEGY] = other, started[SCRATCH_STRATEGY][1]
    pairs = []
    for size in dict.fromkeys(sizes):
        for seed in dict.fromkeys(seeds):
            for model, train in started.values():
                batch = training.get("batch_size", _BATCH)
                pictures = info.train_pictures if size is None else size * info.num_classes
                epochs = training.get("epochs") or _epochs(pictures, batch)
                varied = train.replace(subset=size, seed=seed, epochs=epochs, batch_size=batch)
                pairs.append((model.replace(seed=seed), varied))
    return ExperimentPlan(tuple(pairs))


def rated(strategies: Sequence[str]) -> tuple[str, ...]:
    """The strategies whose learning rate can be chosen: those that start from what was learned.

    A linear probe has none; the control keeps its recipe's, which is for random weights, unless no other has one.

    >>> rated(["scratch", "probe", "last", "all"]), rated(["scratch", "probe"])
    (('last', 'all'), ('scratch',))
    """
    ways = [strategy for strategy in strategies if strategy != "probe"]
    return tuple([strategy for strategy in ways if strategy != SCRATCH_STRATEGY] or ways)


def _epochs(pictures: int, batch: int) -> int:
    low, high = _EPOCHS
    return max(low, min(high, math.ceil(STEPS / max(1, math.ceil(pictures / batch)))))


def start_experiment(plan: ExperimentPlan, store: RunStore | None = None, *, owner: str = "") -> str:
    """Queue all trainings of an experiment in one process of its own; returns its name, for `read_experiment`.

    Raises:
        ExplorerError: the runs cannot be queued; then none is.
    """
    group = f"{GROUP}{uuid.uuid4().hex[:8]}"
    queue.submit_all(store or RunStore(), plan.pairs, group=group, owner=owner)
    return group


def run_experiment(
    plan: ExperimentPlan,
    store: RunStore | None = None,
    *,
    on_cell: Callable[[TransferExperiment], None] | None = None,
) -> TransferExperiment:
    """Train everything in this process and wait, as in a notebook.

    Args:
        plan: what `plan_experiment` gave.
        store: where to record the runs; default: in explorer's home.
        on_cell: told how far the experiment has come after each training.

    Raises:
        ExplorerError: a run cannot be recorded or has failed.
    """
    store, group = store or RunStore(), f"{GROUP}{uuid.uuid4().hex[:8]}"
    try:
        runs = [store.create(model, train, group=group) for model, train in plan.pairs]
        for run in runs:
            run_here(store, run.run_id)
            if on_cell is not None:
                on_cell(read_experiment(group, store))
    finally:
        stop_experiment(group, store)
    return read_experiment(group, store)


def read_experiment(group: str, store: RunStore | None = None) -> TransferExperiment:
    """An experiment as far as it has come.

    Raises:
        UnknownNameError: the store has no such experiment.
    """
    runs = _runs_of(group, store or RunStore())[::-1]
    start = next((run.train.start_from for run in runs if run.train.start_from), "")
    return TransferExperiment(
        group=group,
        net=runs[0].model.replace(seed=None).label(),
        start=start or "",
        dataset=runs[0].train.dataset,
        most_per_class=_most_per_class(runs),
        cells=tuple(_cell(run) for run in runs),
    )


def _most_per_class(runs: Sequence[Run]) -> float:
    """Training pictures of a class; where the data is gone by now, as many as were asked for at most."""
    asked = [run.train.subset for run in runs if run.train.subset is not None]
    if len(asked) == len(runs):
        return float(max(asked))  # the data need not be looked at
    try:
        return dataset_info(runs[0].train.dataset).per_class
    except ExplorerError:
        return float(max(asked, default=1)) * 2


def stop_experiment(group: str, store: RunStore | None = None) -> None:
    """Stop what trains or waits; what is there is kept, and `resume_experiment` goes on.

    Raises:
        UnknownNameError: the store has no such experiment.
    """
    store = store or RunStore()
    for run in _runs_of(group, store):
        if run.is_live:
            queue.stop(store, run.run_id)


def resume_experiment(group: str, store: RunStore | None = None) -> None:
    """Queue again what was stopped, has failed or was interrupted.

    Raises:
        UnknownNameError: the store has no such experiment.
        ExplorerError: a run cannot be queued.
    """
    store = store or RunStore()
    ended = [run.run_id for run in _runs_of(group, store)[::-1] if run.status in ("stopped", "failed", "interrupted")]
    queue.resume_all(store, ended)


def _runs_of(group: str, store: RunStore) -> list[Run]:
    runs = store.list(group=group) if group.startswith(GROUP) else []
    if not runs:
        known = dict.fromkeys(run.group for run in store.list() if run.group.startswith(GROUP))
        raise UnknownNameError("experiment", group, known)
    return runs


def _cell(run: Run) -> ExperimentCell:
    return ExperimentCell(
        strategy=run.train.strategy if run.train.start_from or run.train.strategy != "all" else SCRATCH_STRATEGY,
        per_class=run.train.subset,
        seed=run.train.seed,
        run_id=run.run_id,
        status=run.status,
        accuracy=1 - run.epochs[-1].test_error if run.epochs else None,
        seconds=run.wall_seconds,
    )


def list_experiments(store: RunStore | None = None, *, owner: str | None = None) -> list[str]:
    """The experiments in a store, the newest first.

    Args:
        store: default: in explorer's home.
        owner: only those of this owner.
    """
    runs = (store or RunStore()).list(owner=owner)
    return list(dict.fromkeys(run.group for run in runs if run.group.startswith(GROUP)))
