"""Transfer against scratch: what is planned, run, read back, drawn and said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from explorer.config import ModelConfig
from explorer.errors import ConfigError, UnknownNameError
from explorer.figures.transfer_experiment import describe_experiment, experiment_data, plot_experiment
from explorer.jobs.queue import resume, stop
from explorer.jobs.running import run_here
from explorer.language import text
from explorer.lessons.transfer_experiment import (
    plan_experiment,
    read_experiment,
    resume_experiment,
    run_experiment,
    start_experiment,
    stop_experiment,
)
from explorer.train_config import TrainConfig
from explorer.training.runs import RunStore
from explorer.transfer_results import ExperimentCell, TransferExperiment


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunStore:
    """With a net that has learned digits for an epoch."""
    monkeypatch.setenv("EXPLORER_HOME", str(tmp_path))
    store = RunStore()
    train = TrainConfig("digits", epochs=1, subset=20, test_subset=10, precision="float32", device="cpu")
    model = ModelConfig("resnet8", in_channels=1, image_size=8, width=0.5)
    run_here(store, store.create(model, train, name="source").run_id)
    return store


SMALL = {"epochs": 1, "test_subset": 5, "precision": "float32", "device": "cpu"}


def test_every_strategy_meets_every_amount_and_seed(store: RunStore) -> None:
    plan = plan_experiment("resnet8", "source", "digits", sizes=[5, None], seeds=[0, 1], store=store)
    assert len(plan.pairs) == 3 * 2 * 2
    kinds = [(train.subset, train.seed, train.strategy, train.start_from) for _, train in plan.pairs]
    assert len(set(kinds)) == 12
    # The control is the same net, from random weights, by its own recipe; the smallest amount comes first.
    assert kinds[0] == (5, 0, "all", None)
    assert {model.replace(seed=0) for model, _ in plan.pairs} == {store.get("source").model}
    assert {train.recipe for _, train in plan.pairs if train.start_from is None} == {"fast"}
    assert {train.recipe for _, train in plan.pairs if train.start_from} == {"fine-tune"}
    # About 200 batches of 32: 50 pictures give 2 batches an epoch, all of them 45.
    assert {train.epochs for _, train in plan.pairs if train.subset == 5} == {40}
    assert {train.epochs for _, train in plan.pairs if train.subset is None} == {5}


def test_a_rate_is_for_what_starts_from_the_trained_net(store: RunStore) -> None:
    def rates(strategies: list[str], lr: float | None) -> dict[str, float]:
        options = {"strategies": strategies, "sizes": [5], "seeds": [0], "store": store}
        plan = plan_experiment("resnet8", "source", "digits", lr=lr, **options)  # type: ignore[arg-type]
        return {train.strategy if train.start_from else "scratch": train.lr for _, train in plan.pairs}

    usual = rates(["scratch", "probe", "last", "all"], None)
    assert 0.003 not in usual.values()
    assert rates(["scratch", "probe", "last", "all"], 0.003) == {**usual, "last": 0.003, "all": 0.003}
    assert rates(["scratch", "probe"], 0.003) == {"scratch": 0.003, "probe": usual["probe"]}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"strategies": ["some"]}, "strategy='some' is not possible: use scratch"),
        ({"seeds": []}, "at least one strategy, one amount and one seed"),
        ({"sizes": [0]}, "subset=0 is not possible"),
    ],
)
def test_what_cannot_be_is_refused(store: RunStore, options: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        plan_experiment("resnet8", "source", "digits", store=store, **options)  # type: ignore[arg-type]


def test_an_experiment_is_run_and_read_back(store: RunStore) -> None:
    plan = plan_experiment("resnet8", "source", "digits", sizes=[5], seeds=[0, 1], store=store, **SMALL)
    told: list[int] = []
    result = run_experiment(
        plan, store, on_cell=lambda one: told.append(sum(cell.status == "finished" for cell in one.cells))
    )
    assert told == [1, 2, 3, 4, 5, 6]
    assert not result.is_live
    assert (result.strategies, result.sizes, result.start) == (("scratch", "probe", "all"), (5,), "source")
    for cell in result.cells:
        run = store.get(cell.run_id)
        assert cell.accuracy == 1 - run.epochs[-1].test_error
    assert len(result.accuracies("probe", 5)) == 2
    assert len(experiment_data(result)) == 6


def test_one_process_trains_them_all_and_can_be_stopped_and_resumed(store: RunStore) -> None:
    import time

    plan = plan_experiment("resnet8", "source", "digits", sizes=[5], seeds=[0], store=store, **{**SMALL, "epochs": 400})
    group = start_experiment(plan, store, owner="me")
    try:
        end = time.monotonic() + 120
        while not any(cell.accuracy is not None for cell in read_experiment(group, store).cells):
            assert time.monotonic() < end, "no epoch has ended"
            time.sleep(0.2)
        stop_experiment(group, store)
        while (found := read_experiment(group, store)).is_live:
            assert time.monotonic() < end, "it does not stop"
            time.sleep(0.2)
        assert {cell.status for cell in found.cells} <= {"stopped", "finished"}
        assert "stopped" in {cell.status for cell in found.cells}
        resume_experiment(group, store)
        assert read_experiment(group, store).is_live
    finally:
        stop_experiment(group, store)
        while read_experiment(group, store).is_live:
            time.sleep(0.2)


@pytest.mark.slow
def test_one_of_them_can_be_stopped_and_queued_again_by_itself(store: RunStore) -> None:
    """It is another process's then: the first one neither trains it nor waits for it."""
    import time

    plan = plan_experiment("resnet8", "source", "digits", sizes=[5], seeds=[0, 1], store=store, **SMALL)
    group = start_experiment(plan, store)
    try:
        third = read_experiment(group, store).cells[2].run_id
        stop(store, third)
        resume(store, third)
        end = time.monotonic() + 150
        while (found := read_experiment(group, store)).is_live:
            assert time.monotonic() < end, [cell.status for cell in found.cells]
            time.sleep(0.2)
        assert {cell.status for cell in found.cells} == {"finished"}
    finally:
        stop_experiment(group, store)


def test_an_experiment_is_shown_although_its_data_has_gone(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    from explorer.errors import ExplorerError
    from explorer.lessons import transfer_experiment

    def gone(name: str) -> None:
        raise ExplorerError("There is no folder.")

    plan = plan_experiment("resnet8", "source", "digits", sizes=[5, None], seeds=[0], store=store, **SMALL)
    runs = [store.create(model, train, group="transfer-0a1b2c3d") for model, train in plan.pairs]
    monkeypatch.setattr(transfer_experiment, "dataset_info", gone)
    assert len(read_experiment("transfer-0a1b2c3d", store).cells) == len(runs)


def test_random_weights_are_trained_once_not_twice(store: RunStore) -> None:
    plan = plan_experiment("resnet8", "none", "digits", sizes=[5], seeds=[0], store=store)
    assert [train.strategy for _, train in plan.pairs] == ["all", "probe"]


def test_an_unknown_experiment_is_said(store: RunStore) -> None:
    with pytest.raises(UnknownNameError, match="Unknown experiment 'transfer-x'"):
        read_experiment("transfer-x", store)


def made(sizes: tuple[int, ...] = (5,), **accuracies: list[float]) -> TransferExperiment:
    cells = tuple(
        ExperimentCell(strategy, size, seed, f"{strategy}{seed}", "finished", accuracy, 1.0)
        for size in sizes
        for strategy, values in accuracies.items()
        for seed, accuracy in enumerate(values)
    )
    return TransferExperiment("transfer-made", "resnet8", "source", "digits", 143.8, cells)


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_figure_shows_means_and_bands(language: str) -> None:
    figure = plot_experiment(made((5, 20), scratch=[0.2, 0.4], probe=[0.8, 0.9]), language)
    lines = [trace for trace in figure.data if trace.name]
    assert [list(trace.y) for trace in lines] == [pytest.approx([30, 30]), pytest.approx([85, 85])]
    assert "%" in figure.layout.yaxis.title.text
    assert figure.layout.xaxis.type == "log"
    assert "30.0 %" in describe_experiment(made(scratch=[0.2, 0.4], probe=[0.8, 0.9]), language)


@pytest.mark.parametrize("language", ["en", "ko"])
def test_of_one_amount_the_strategies_stand_along_an_axis(language: str) -> None:
    figure = plot_experiment(made(scratch=[0.2, 0.4], probe=[0.8, 0.9]), language)
    names = [text(f"experiment.strategy.{one}", language) for one in ("scratch", "probe")]
    bands = [trace for trace in figure.data if trace.mode == "lines"]
    assert [(list(band.x), set(band.y)) for band in bands] == [([20, 40], {names[0]}), ([80, 90], {names[1]})]
    means = [trace for trace in figure.data if trace.name]
    assert [(trace.name, list(trace.x), list(trace.y)) for trace in means] == [
        (name, pytest.approx([mean]), [name]) for name, mean in zip(names, (30, 85), strict=True)
    ]
    assert len({(trace.marker.color, trace.marker.symbol) for trace in means}) == 2
    assert "%" in figure.layout.xaxis.title.text
    assert "5" in figure.layout.annotations[0].text
    assert figure.layout.yaxis.title.text == text("experiment.axis.strategy", language)
    single = plot_experiment(made(scratch=[0.2], probe=[0.8]), language)
    assert not [trace for trace in single.data if trace.mode == "lines"]


def test_the_best_training_is_the_first_of_equal_ones() -> None:
    found = made(scratch=[0.2, 0.4], probe=[0.9, 0.8], all=[0.9])
    assert found.best is not None
    assert found.best.run_id == "probe0"
    assert replace(found, cells=(*found.cells, replace(found.cells[0], status="running"))).best is None
    assert replace(found, cells=()).best is None


def test_the_words_say_whether_the_seeds_allow_a_verdict() -> None:
    clear = describe_experiment(made(scratch=[0.2, 0.4], probe=[0.8, 0.9]))
    assert clear == (
        "With 5 pictures per class, linear probe is best: 85.0 % on average over 2 seeds; from scratch 30.0 %."
    )
    assert "differ as much as the strategies" in describe_experiment(made(scratch=[0.2, 0.85], probe=[0.8, 0.9]))
    assert "That is one seed" in describe_experiment(made(scratch=[0.2], probe=[0.8]))
    assert describe_experiment(made(scratch=[0.2, 0.3], probe=[0.8])) == ""
    third = made(probe=[0.78, 0.82], all=[0.77, 0.77], scratch=[0.7, 0.8])
    assert "differ as much as the strategies" in describe_experiment(third)
    unfinished = made(scratch=[0.2], probe=[0.8])
    running = replace(unfinished, cells=(replace(unfinished.cells[0], status="running"), unfinished.cells[1]))
    assert describe_experiment(running) == ""
