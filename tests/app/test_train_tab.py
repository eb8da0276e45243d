"""The Train tab's functions: what it shows, what its buttons do, and how a run is followed."""

from __future__ import annotations

import dataclasses
import json
import re
import time
from collections import OrderedDict
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from made_runs import ANN, BEN, begun, ended, learn, queued

from explorer.app import train, training_forecast, training_live, training_store, widgets
from explorer.app.address import PageState, from_query
from explorer.config import ModelConfig
from explorer.errors import ConfigError, ExplorerError, TrainingError, UnknownNameError
from explorer.jobs import queue
from explorer.run_results import Run
from explorer.train_config import TrainConfig
from explorer.training.datasets import DATASETS

SKIP = gr.skip()
HANGUL = re.compile("[가-힣]")
TINY = PageState("train", ModelConfig("resnet20"), train=TrainConfig("digits"))


def no_forecast(run: Run) -> float | None:
    return None


def looked(state: PageState = TINY, held: str = "", owner: str = ANN, language: str = "en") -> list[Any]:
    return training_live.polled(state, held, owner, language, no_forecast)


def with_run(run: Run) -> PageState:
    return dataclasses.replace(TINY, run=run.run_id)


# ---------------------------------------------------------------- what is shown


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("data", DATASETS)
def test_every_data_set_can_be_chosen(data: str, language: str) -> None:
    state = PageState("train", ModelConfig("resnet20"), train=TrainConfig(data))
    model, config, info = train.asked(state)
    assert (model.num_classes, model.in_channels) == (info.num_classes, info.channels)
    assert config == state.train
    shown = train.show(state, language)
    assert data in [name for _, name in shown[0]["choices"]]
    assert bool(HANGUL.search(str(shown[1]) + str(shown[4]))) == (language == "ko")
    assert '<p class="problem"' not in "".join(value for value in shown if isinstance(value, str))


def test_a_net_that_cannot_take_the_pictures_is_said_and_nothing_is_forecast() -> None:
    shown = train.show(dataclasses.replace(TINY, model=ModelConfig("vgg_d"), side=8), "ko")
    assert "너무 작아" in shown[4]
    assert shown[-4] == ""  # the question for the forecast


def test_data_that_nobody_has_read_yet_waits_for_its_sheet(tmp_path: Any) -> None:
    state = PageState("train", train=TrainConfig(str(tmp_path)))
    shown = train.show(state, "en")
    assert shown[3] == str(tmp_path)  # what streams the sheet is asked
    assert "problem" not in shown[4]
    with pytest.raises(ConfigError, match="still being read"):
        train.asked(state)
    *_, (sheet, problem, ready) = train.stream_sheet(str(tmp_path), "en")
    assert "problem" in problem
    assert (sheet, ready) == ("", SKIP)


def test_a_sheet_that_was_read_shows_the_tab_anew() -> None:
    *_, (_, _, ready) = train.stream_sheet("digits", "en")
    assert ready == SKIP  # everything was known before
    assert "figure" in [*train.stream_sheet("digits", "en")][-2][0]


# ---------------------------------------------------------------- what the buttons do


@pytest.fixture
def submitted(monkeypatch: pytest.MonkeyPatch) -> list[Run]:
    """Runs that were submitted: queued, and no worker started."""
    runs: list[Run] = []

    def submit(store: Any, model: ModelConfig, config: TrainConfig, **more: Any) -> Run:
        runs.append(store.create(model, config, **more))
        return runs[-1]

    monkeypatch.setattr(queue, "submit", submit)
    return runs


def test_what_is_shown_is_started(submitted: list[Run]) -> None:
    state = dataclasses.replace(TINY, side=16, train=TrainConfig("digits", epochs=3, seed=5))
    after = train.start(state, "  my run ", ANN)
    (run,) = submitted
    assert after.run == run.run_id
    assert run.model == ModelConfig("resnet20", num_classes=10, in_channels=1, image_size=16)
    assert run.train == state.train
    assert (run.name, run.owner) == ("my run", ANN)
    assert train.start(state, "", "not a token").run == submitted[1].run_id
    assert (submitted[1].name, submitted[1].owner) == ("resnet20-1", "")


def test_deep_nets_are_warmed_up_as_in_the_paper(submitted: list[Run]) -> None:
    state = PageState("train", ModelConfig("resnet110"), train=TrainConfig("digits", recipe="resnet-cifar"))
    train.start(state, None, ANN)
    assert submitted[0].train.warmup_lr == 0.01


def test_data_that_is_not_there_is_not_started(submitted: list[Run]) -> None:
    with pytest.raises(ConfigError, match="download it first"):
        train.start(PageState("train", ModelConfig("resnet20"), train=TrainConfig("cifar10")), "", ANN)
    assert submitted == []


def test_stop_and_resume_are_of_the_run_that_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    run = queued(owner=ANN)
    assert train.stop(TINY, run.run_id).run == run.run_id
    assert training_store.store().get(run.run_id).status == "stopped"
    monkeypatch.setattr(queue, "resume", lambda store, run: store.requeue(run))  # without a worker
    assert train.resume(TINY, run.run_id).run == run.run_id
    assert training_store.store().get(run.run_id).status == "queued"
    with pytest.raises(UnknownNameError):
        train.stop(TINY, "gone")


def test_presets_fill_the_tab_in_and_keep_what_is_shown() -> None:
    before = dataclasses.replace(TINY, run="0a", side=64, layer="conv1", unit=(1, 2))
    after = train.choose_preset("textures_plain20")(before)
    assert (after.model.arch, after.train.dataset, after.side) == ("plain20", "textures", None)
    assert (after.run, after.layer, after.unit) == ("0a", "", None)
    for key in train.PRESETS:
        train.asked(train.choose_preset(key)(before))


def test_a_size_is_a_number_that_the_net_takes() -> None:
    assert train.choose_side(TINY, "16").side == 16
    assert train.choose_side(dataclasses.replace(TINY, side=16), "").side is None
    for bad in ("0", "-4", "2049", "9" * 5000, "big", "8.5"):
        with pytest.raises(ConfigError, match="2048"):
            train.choose_side(TINY, bad)
    with pytest.raises(ConfigError, match="too small"):
        train.choose_side(dataclasses.replace(TINY, model=ModelConfig("vgg_a")), "8")


def test_other_data_forgets_the_size_chosen_for_the_old_one() -> None:
    after = train.choose_data(dataclasses.replace(TINY, side=64), "textures")
    assert (after.side, after.train.dataset) == (None, "textures")


# ---------------------------------------------------------------- following a run


def test_where_nothing_has_changed_nothing_is_read_or_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    run = begun(epochs=2, owner=ANN)
    _, curves, stop, resume, pulse = looked(with_run(run))
    card = json.loads(curves)
    assert (stop["visible"], resume["visible"]) == (True, False)
    held = held_by_page(pulse, card)
    store = training_store.store()
    monkeypatch.setattr(store, "list", lambda: pytest.fail("the runs were read"))
    assert looked(with_run(run), held) == [SKIP] * 5


def held_by_page(pulse: str, card: dict[str, Any]) -> str:
    """What the page's script says that it shows."""
    traces = card["figure"]["data"]
    chart = {
        "key": card["key"],
        "counts": [len(trace["x"]) for trace in traces],
        "ends": [[trace["x"][-1], trace["y"][-1]] if trace["x"] else None for trace in traces],
        "rows": len(card["table"]["rows"]),
    }
    return json.dumps({"revision": json.loads(pulse)["revision"], "chart": chart})


def test_only_new_points_are_sent() -> None:
    run = begun(epochs=2, owner=ANN)
    first = looked(with_run(run))
    card = json.loads(first[1])
    learn(run, 3)
    curves = looked(with_run(run), held_by_page(first[-1], card))[1]
    growth = json.loads(curves)
    assert growth["grows"] == card["key"]
    assert "figure" not in growth
    # A batch and an epoch: error 1/4 in training, 3/8 in the test.
    assert [trace["x"] for trace in growth["traces"]] == [[2.1], [3], [3]]
    assert [trace["y"] for trace in growth["traces"]] == [[30], [25], [37.5]]
    assert len(growth["rows"]) == 1
    assert "After 3 epochs the training error is 25.0 % and the test error 37.5 %" in growth["caption"]
    assert "template" not in growth["layout"]
    assert len(curves) < len(first[1]) / 2


def test_what_a_resumption_measures_anew_is_drawn_anew() -> None:
    run = begun(epochs=3, owner=ANN)
    first = looked(with_run(run))
    card = json.loads(first[1])
    held = {**json.loads(held_by_page(first[-1], card)), "revision": []}
    assert "grows" in json.loads(looked(with_run(run), json.dumps(held))[1])
    # The page has an epoch that the checkpoint does not have.
    held["chart"]["counts"][2] += 1
    assert "figure" in json.loads(looked(with_run(run), json.dumps(held))[1])
    held = {**json.loads(held_by_page(first[-1], card)), "revision": []}
    held["chart"]["ends"][1] = [3, 99.0]
    assert "figure" in json.loads(looked(with_run(run), json.dumps(held))[1])


@pytest.mark.parametrize("held", ["", "no json", "[]", "{}", '{"chart": null}', '{"chart": {"key": 1}, "revision": 3}'])
def test_whatever_a_page_says_that_it_shows_is_answered(held: str) -> None:
    run = begun(epochs=1)
    assert "figure" in json.loads(looked(with_run(run), held)[1])


def test_a_growth_needs_the_same_chart() -> None:
    run = begun(epochs=1)
    value = training_live.curves_value(run, "en")
    assert widgets.chart_growth(value, {}) == value
    assert widgets.chart_growth(value, {"key": "another", "counts": [0, 0, 0], "ends": [None] * 3}) == value


def test_a_visitor_without_a_link_finds_their_own() -> None:
    theirs, mine = begun(owner=BEN, epochs=1), queued("plain20", owner=ANN)
    status = looked(owner=ANN)[0]
    assert f"<h3>{mine.name}</h3>" in status
    assert f"<h3>{theirs.name}</h3>" in looked(owner=BEN)[0]
    nobody = looked(owner="")
    assert "<h3>" not in nobody[0]
    assert theirs.name in nobody[0]  # but what goes on here is listed
    assert mine.name in nobody[0]
    assert json.loads(nobody[-1])["every"] > 0
    training_store.store().request_stop(mine.run_id)
    assert "<h3>" not in looked(owner=ANN)[0]


def test_ones_own_stand_first_and_are_marked() -> None:
    theirs, shown, mine = begun(owner=BEN), queued("plain20", owner=BEN), queued("plain32", owner=ANN)
    status = looked(with_run(shown), owner=ANN)[0]
    listed = status.partition("others")[2]
    assert listed.index(mine.name) < listed.index(theirs.name)
    assert listed.count("<em>yours</em>") == 1
    assert "somebody else" in status.partition("others")[0]
    assert f"run={mine.run_id}" in listed


def test_the_page_is_silent_where_nothing_goes_on() -> None:
    assert looked()[:2] == ["", ""]
    assert json.loads(looked()[-1])["every"] == 0
    run = ended(owner=ANN)
    assert json.loads(looked(with_run(run))[-1])["every"] == 0


def test_a_run_that_is_gone_is_said() -> None:
    status, curves, *_ = looked(dataclasses.replace(TINY, run="0a1b2c3d"))
    assert "not there any more" in status
    assert curves == ""


@pytest.mark.parametrize(
    ("make", "english", "korean"),
    [
        (lambda: begun(), r"^0 %|^Starting", "에폭"),
        (lambda: begun(epochs=2), r"20 % · 500 images/s · 1 min 20 s left · epoch 2 of 10", "남음"),
        (lambda: ended(epochs=2), r"^Done in 7\.0 s on a test's CPU\. Best epoch: 2, test error 50\.0 %", "끝났습니다"),
        (lambda: ended(epochs=0, status="stopped"), r"^Stopped before an epoch was finished", "중지했습니다"),
        (
            lambda: ended(epochs=2, status="stopped"),
            r"^Stopped after 7\.0 s and 2 finished epochs; it can go on",
            "이어서",
        ),
        (
            lambda: ended(status="failed", error=TrainingError("Oh no.", key="out_of_memory", size=8, device="x")),
            r"^Oh no\.$",
            "메모리",
        ),
    ],
)
def test_how_a_run_is_doing_in_a_sentence(make: Any, english: str, korean: str) -> None:
    run = make()
    assert re.search(english, training_live.detail(run, [run], "en", no_forecast))
    assert korean in training_live.detail(run, [run], "ko", no_forecast)


def test_how_long_is_said_in_korean() -> None:
    over = dataclasses.replace(ended(epochs=2), wall_seconds=346.0)
    run = begun(epochs=2)
    assert "1분 20초 남음" in training_live.detail(run, [run], "ko", no_forecast)
    assert "5분 46초 만에 끝났습니다" in training_live.detail(over, [], "ko", no_forecast)


def test_a_run_whose_process_has_died_can_be_gone_on_with() -> None:
    run = begun(epochs=2, owner=ANN)
    dead = dataclasses.replace(run, status="interrupted")
    assert "Its process ended after 2 finished epochs" in training_live.detail(dead, [], "en", no_forecast)


def test_waiting_takes_what_is_before_it() -> None:
    running, first, second = begun(epochs=4), queued("plain20"), queued("plain32")
    live = [run for run in training_store.store().list() if run.is_live]
    second = next(run for run in live if run.run_id == second.run_id)
    assert second.position == 2
    assert training_live.waiting_seconds(second, live, lambda run: 100.0) == (60 + 100, True)
    assert training_live.waiting_seconds(second, live, no_forecast) == (60, False)
    said = training_live.detail(second, live, "en", no_forecast)
    assert said == "Runs before it: 2. Its turn comes in 1 min 0 s at the earliest."
    assert "about 2 min 40 s" in training_live.detail(second, live, "en", lambda run: 100.0)
    unknown = training_live.detail(second, [second], "en", no_forecast)
    assert unknown == "Runs before it: 2."
    assert running.run_id != first.run_id


def test_a_look_is_quick_whatever_was_trained_before() -> None:
    for _ in range(30):
        ended(epochs=20)
    run = begun(epochs=10, owner=ANN)
    held = ""
    looked(with_run(run))
    times = []
    for epoch in range(11, 21):
        learn(run, epoch)
        began = time.perf_counter()
        answer = looked(with_run(run), held)
        times.append(time.perf_counter() - began)
        if epoch == 11:
            held = held_by_page(answer[-1], json.loads(answer[1]))
    assert sorted(times)[5] < 0.2  # far more than it takes, for machines that are busy


def test_a_store_that_cannot_be_read_is_a_sentence(home: Any) -> None:
    (home / "runs").mkdir()
    (home / "runs" / "runs.sqlite").write_bytes(b"no database" * 100)

    @training_live.guarded("ko", 5)
    def look() -> list[Any]:
        return looked(TINY)

    said, *kept, pulse = look()
    assert "손상" in said
    assert kept == [SKIP] * 3
    assert json.loads(pulse)["every"] == 0


# ---------------------------------------------------------------- what it will take


def test_pictures_of_an_epoch() -> None:
    info = DATASETS["digits"]
    count = training_forecast.pictures_in_epoch
    assert count(TrainConfig("digits"), info) == (1438, 359)
    assert count(TrainConfig("digits", subset=20, test_subset=5), info) == (200, 50)
    assert count(TrainConfig("digits", subset=20, validation_share=0.1), info) == (180, 379)
    folder = dataclasses.replace(info, train_pictures=100, test_pictures=0)
    assert count(TrainConfig("x"), folder) == (80, 20)


def test_a_forecast_rests_on_what_was_trained_here(monkeypatch: pytest.MonkeyPatch) -> None:
    model = ModelConfig("resnet20", num_classes=10, in_channels=1, image_size=8)
    config = TrainConfig("digits", epochs=10, precision="float32", device="cpu")
    # Computed: a step of so many pictures takes a tenth of a second.
    monkeypatch.setattr(training_forecast, "float32_seconds", lambda model, batch, device: batch / 1280)
    bare = training_forecast.forecast(model, config, DATASETS["digits"])
    assert not bare.measured
    # 1438 pictures at 1280 a second, and 359 to test in a third of that time.
    assert bare.seconds == pytest.approx(10 * (12 * 0.1 + 359 / 1280 / 3))
    run = ended(epochs=4, precision="float32")  # 500 pictures a second, 11 seconds with 8 of them in epochs
    found = training_forecast.forecast(model, config, DATASETS["digits"])
    assert found.measured
    assert found.seconds == pytest.approx(bare.seconds * 1280 / 500 + 3)
    assert training_forecast.known_seconds(dataclasses.replace(run, model=model, train=config)) == found.seconds
    assert training_forecast.known_seconds(run) is None


def test_forecasts_that_nobody_asks_for_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_forecast, "float32_seconds", lambda model, batch, device: batch / 1280)
    monkeypatch.setattr(training_forecast, "_known", OrderedDict())
    monkeypatch.setattr(training_forecast, "_MOST_KNOWN", 2)
    run = ended(epochs=1, precision="float32")
    runs = [dataclasses.replace(run, train=run.train.replace(epochs=epochs, device="cpu")) for epochs in (1, 2, 3)]

    def foretell(one: Run) -> None:
        training_forecast.forecast(one.model, one.train, DATASETS["digits"])

    foretell(runs[0])
    foretell(runs[1])
    assert training_forecast.known_seconds(runs[0]) is not None, "which makes it the one asked for last"
    foretell(runs[2])
    assert [training_forecast.known_seconds(one) is not None for one in runs] == [True, False, True]


def test_runs_of_another_precision_say_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_forecast, "float32_seconds", lambda model, batch, device: batch / 1280)
    ended(epochs=4)
    assert training_forecast.experience_of("cpu", "bf16") is None
    assert training_forecast.experience_of("cuda:0", "float32") is None
    assert training_forecast.experience_of("cpu", "float32") is not None


@pytest.mark.parametrize("language", ["en", "ko"])
def test_time_and_memory_are_said_before_the_start(language: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_forecast, "try_out_meanwhile", lambda train: True)
    query = train.show(TINY, language)[-4]
    said = [*train.stream_forecast(query, language)][-1]
    assert re.search(r"\d (ms|s|min)" if language == "en" else "[0-9](밀리초|초|분)", said)
    assert re.search(r"\d (MB|GB)", said)
    assert 'data-again="train-forecast-request"' in said
    found = training_forecast.forecast(*train.asked(from_query(query, ("train",))))
    too_much = dataclasses.replace(found, free_bytes=10**6)
    assert '<p class="problem">' in train.forecast_html(too_much, language)


def test_a_shared_app_starts_from_runs_and_shipped_nets_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from explorer.app import training_data

    training_data.check_start(str(tmp_path / "best.safetensors"))  # one's own machine
    monkeypatch.setattr(training_data, "_own_folders", False)
    for name in (str(tmp_path / "best.safetensors"), "best.safetensors", "../x", "~/x"):
        with pytest.raises(ConfigError, match="this app is shared"):
            training_data.check_start(name)
    with pytest.raises(ExplorerError, match="Unknown run"):
        training_data.check_start("nothing")
    for name in (None, "", "shipped:resnet18"):
        training_data.check_start(name)
