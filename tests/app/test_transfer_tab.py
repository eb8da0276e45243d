"""The transfer tab: what is chosen is in the address, the experiment is followed, a net answers."""

from __future__ import annotations

import json
import re
from typing import Any

import gradio as gr
import pytest
from made_runs import ANN, BATCHES, BEN

from explorer.app import training_store, transfer, transfer_choice, transfer_live
from explorer.app.address import PageState, from_query, to_query
from explorer.app.problems import sentence
from explorer.app.rate_trial import rate_info
from explorer.app.transfer_choice import TransferChoice
from explorer.cards import shipped_cards
from explorer.config import ModelConfig
from explorer.errors import ConfigError, ExplorerError
from explorer.language import text
from explorer.lessons.transfer_experiment import GROUP, ExperimentPlan
from explorer.run_results import EpochMetrics, Progress, Run
from explorer.train_config import TrainConfig

SKIP = gr.skip()
NAME = f"{GROUP}0a1b2c3d"
STATE = PageState("transfer")


def finish(run: Run, error: float) -> None:
    store = training_store.store()
    assert store.claim(run.run_id) == "claimed"
    store.begin(run.run_id, total_steps=BATCHES, device="cpu", resolved={"device": "cpu"})
    values = (1, BATCHES, 1.0, error, 1.0, error, None, None, 0.1, 1.0, 100.0, Progress(1.0, 100.0, 0.0))
    store.record_epoch(run.run_id, EpochMetrics(*values), wall_seconds=2.0)
    store.finish(run.run_id, "finished")


def experiment(done: int = 4, owner: str = ANN) -> str:
    """From scratch and a probe with 5 and 20 digits a class; the first of them have finished."""
    store = training_store.store()
    model = ModelConfig("resnet8", num_classes=10)
    kinds = [(size, start) for size in (5, 20) for start in (None, "shipped:resnet18")]
    for number, (size, start) in enumerate(kinds):
        strategy = "all" if start is None else "probe"
        config = TrainConfig("digits", epochs=1, subset=size, start_from=start, strategy=strategy)
        run = store.create(model, config, group=NAME, owner=owner)
        store.adopt(run.run_id, slots=["cpu"])
        if number < done:
            finish(run, 0.8 if start is None else 0.3)
    return NAME


def looked(choice: TransferChoice | None = None, held: str = "", owner: str = ANN, language: str = "en") -> Any:
    state = PageState("transfer", transfer=choice or TransferChoice())
    names = ("status", "chart", "stop", "resume", "best", "pulse")
    return dict(zip(names, transfer_live.polled(state, held, owner, language), strict=True))


# ---------------------------------------------------------------- choices


def test_what_is_chosen_is_in_the_address() -> None:
    state = transfer.choose_data(STATE, "digits")
    state = transfer.choose_ways(state, ["all", "probe"])
    state = transfer.choose_sizes(state, " 50, 5,5 ")
    state = transfer.choose_seeds(state, "3")
    state = transfer.choose_rate(state, " 0.0032 ")
    chosen = TransferChoice(dataset="digits", strategies=("probe", "all"), sizes=(5, 50), seeds=3, rate=0.0032)
    assert state.transfer == chosen
    again = from_query(to_query(state), ("transfer",))
    assert again.transfer == state.transfer
    assert again.problems == ()
    assert "into" not in to_query(STATE)
    assert transfer.choose_rate(state, "").transfer.rate is None


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("sizes=0", "sizes"),
        ("seeds=99", "seeds"),
        ("rate=nan", "rate"),
        ("ways=some", "ways"),
        ("experiment=x", "experiment"),
    ],
)
def test_what_a_link_gets_wrong_is_said(query: str, said: str) -> None:
    state = from_query(f"?tab=transfer&{query}", ("transfer",))
    assert state.transfer == TransferChoice()
    assert len(state.problems) == 1
    assert said in state.problems[0]


@pytest.mark.parametrize("sizes", ["", "0", "a", "5,-1", "1,2,3,4,5,6,7", "20000"])
def test_impossible_amounts_are_refused(sizes: str) -> None:
    with pytest.raises(ConfigError, match="is not possible: use up to 6 whole numbers"):
        transfer.choose_sizes(STATE, sizes)


@pytest.mark.parametrize("rate", ["0", "-0.1", "fast", "nan", "inf", "11", "1e-9"])
def test_impossible_rates_are_refused(rate: str) -> None:
    with pytest.raises(ConfigError, match=r"is not possible: use a number from 0\.000001 to 10") as raised:
        transfer.choose_rate(STATE, rate)
    assert rate in sentence(raised.value, "ko")
    assert "0.000001부터 10까지의 수" in sentence(raised.value, "ko")


@pytest.mark.parametrize(
    ("ways", "said"),
    [
        (("scratch", "probe", "last", "all"), "Of: last stages, fine-tune all. Empty: their recipe's, 0.01."),
        (("scratch", "probe"), "Of: from scratch. Empty: their recipe's, 0.2."),
        (("probe",), "A linear probe has none."),
    ],
)
def test_it_is_said_what_a_rate_is_for(ways: tuple[str, ...], said: str) -> None:
    assert rate_info(TransferChoice(strategies=ways), "en") == said


@pytest.mark.parametrize("language", ["en", "ko"])
def test_every_strategy_has_a_sentence_in_sight(language: str) -> None:
    with gr.Blocks() as page:
        transfer.build_transfer_tab(STATE, language)
    blocks = {getattr(block, "elem_id", None): block for block in page.blocks.values()}
    said = re.findall("<dt>(.+?)</dt><dd>(.+?)</dd>", blocks["transfer-ways-about"].value)
    assert [name for name, _ in said] == [name for name, _ in blocks["transfer-ways"].choices]
    assert len({about for _, about in said}) == len(transfer_choice.WAYS)
    assert all(about.endswith(".") for _, about in said)


def test_the_typed_rate_is_trained_with(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[ExperimentPlan] = []

    def start(plan: ExperimentPlan, store: object, owner: str) -> str:
        begun.append(plan)
        return NAME

    monkeypatch.setattr(transfer, "start_experiment", start)
    query = "?tab=transfer&into=digits&from=shipped:resnet20&ways=scratch,probe,all&sizes=5&seeds=1&rate=0.0032"
    *_, last = transfer.stream_start(query, ANN, "en")
    assert last == ("", "", NAME)
    usual = {train.strategy: train.lr for _, train in begun[0].pairs if train.start_from}
    assert usual["all"] == 0.0032
    assert usual["probe"] != 0.0032
    assert [train.lr for _, train in begun[0].pairs if not train.start_from] == [0.2]


def test_something_has_to_be_compared_and_to_start_from() -> None:
    with pytest.raises(ConfigError, match="No strategy is chosen"):
        transfer.choose_ways(STATE, [])
    with pytest.raises(ConfigError, match="is not possible: use shipped:resnet18"):
        transfer.choose_start(STATE, "anything")
    with pytest.raises(ExplorerError):
        transfer.choose_start(STATE, "run:0a1b2c3d")


@pytest.mark.parametrize("language", ["en", "ko"])
def test_every_shipped_net_can_be_started_from(language: str) -> None:
    listed = {value: said for said, value in transfer_choice.starts(language)}
    for card in shipped_cards():
        start = f"shipped:{card.name}"
        assert card.model.entry.title in listed[start]
        assert transfer_choice.net_and_weights(start) == (card.name, "shipped")


# ---------------------------------------------------------------- following


def test_the_newest_experiment_of_ones_own_is_shown() -> None:
    assert looked()["status"] == ""
    experiment()
    assert "4 of 4 trainings done" in looked()["status"]
    assert looked(owner=BEN)["status"] == ""
    assert "4 of 4 trainings done" in looked(TransferChoice(group=NAME), owner=BEN)["status"]


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_table_and_the_chart_say_the_same(language: str) -> None:
    experiment()
    shown = looked(language=language)
    cells = re.findall(r"<td>([^<]+)</td>", shown["status"])
    assert cells == ["20.0 %", "20.0 %", "70.0 %", "70.0 %"]
    chart = json.loads(shown["chart"])
    lines = [trace for trace in chart["figure"]["data"] if trace.get("name")]
    assert [trace["name"] for trace in lines] == [
        text(f"experiment.strategy.{one}", language) for one in ("scratch", "probe")
    ]
    assert "70.0 %" in chart["caption"]
    if language == "ko":
        assert re.search("[가-힣]", chart["caption"])


def test_it_can_be_stopped_while_it_goes_on_and_resumed_after() -> None:
    experiment(done=1)
    shown = looked()
    assert (shown["stop"]["visible"], shown["resume"]["visible"]) == (True, False)
    assert json.loads(shown["pulse"])["every"] > 0
    state = transfer.stop(STATE, NAME)
    assert state.transfer.group == NAME
    shown = looked()
    assert (shown["stop"]["visible"], shown["resume"]["visible"]) == (False, True)
    assert json.loads(shown["pulse"])["every"] == 0


def test_nothing_is_sent_again_while_nothing_changes() -> None:
    experiment()
    revision = json.loads(looked()["pulse"])["revision"]
    assert list(looked(held=json.dumps({"revision": revision})).values()) == [SKIP] * 6


def test_an_experiment_that_is_gone_is_said() -> None:
    assert "no longer there" in looked(TransferChoice(group=f"{GROUP}ffffffff"))["status"]


def test_the_best_run_is_known_once_all_have_ended() -> None:
    experiment(done=3)
    assert looked()["best"] == ""
    transfer.stop(STATE, NAME)
    runs = {run.run_id: run for run in training_store.store().list(group=NAME)}
    best = runs[looked()["best"]]
    assert (best.status, best.train.strategy) == ("finished", "probe")
    assert best.epochs[-1].test_error == min(run.epochs[-1].test_error for run in runs.values() if run.epochs)


def test_one_amount_is_drawn_by_strategy_and_stays_so_while_it_goes_on() -> None:
    experiment(done=1)
    assert json.loads(looked()["chart"])["figure"]["layout"]["xaxis"]["type"] == "log"  # the second amount waits
