"""The Runs tab's functions: the table, what is different between runs, and what may be done with them."""

from __future__ import annotations

import dataclasses
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from made_runs import ANN, BEN, begun, ended, learn, queued

from explorer.app import runs, runs_table, training_store
from explorer.app.address import PageState, to_query
from explorer.app.page import Page
from explorer.app.problems import PartlyDoneError, sentence
from explorer.config import ModelConfig
from explorer.errors import CheckpointError, ConfigError, TrainingError
from explorer.jobs import queue
from explorer.run_results import Run

SKIP = gr.skip()
HANGUL = re.compile("[가-힣]")
BARE = PageState("runs")


def picking(*picked: Run) -> PageState:
    return dataclasses.replace(BARE, runs=tuple(run.run_id for run in picked))


def looked(state: PageState = BARE, held: str = "", owner: str = ANN, language: str = "en") -> dict[str, Any]:
    names = ("nothing", "table", "curves", "differences", "stop", "resume", "weights", "delete", "pulse")
    return dict(zip(names, runs.polled(state, held, owner, language), strict=True))


def rows(shown: dict[str, Any]) -> list[dict[str, Any]]:
    return list(json.loads(shown["table"])["rows"])


def buttons(shown: dict[str, Any]) -> set[str]:
    """The buttons that can be seen."""
    return {name for name in ("stop", "resume", "weights", "delete") if shown[name]["visible"]}


# ---------------------------------------------------------------- the table


@pytest.mark.parametrize("language", ["en", "ko"])
def test_where_nothing_was_trained_the_page_says_how(language: str) -> None:
    shown = looked(language=language)
    assert "tab=train&amp;model=resnet20&amp;data=digits" in shown["nothing"]
    assert bool(HANGUL.search(shown["nothing"])) == (language == "ko")
    assert (shown["table"], shown["curves"], shown["differences"]) == ("", "", "")
    assert json.loads(shown["pulse"])["every"] == 0


def test_every_run_has_its_line_the_newest_first() -> None:
    first, second = ended(epochs=3, owner=ANN), begun("plain20", epochs=1, owner=BEN)
    shown = looked()
    assert [row["id"] for row in rows(shown)] == [second.run_id, first.run_id]
    assert [row["mine"] for row in rows(shown)] == [False, True]
    cells = [cell[0] for cell in rows(shown)[1]["cells"]]
    assert cells[:6] == [first.name, "ResNet-20 (CIFAR)", "Digits", "fast", "finished", "3 / 10"]
    # Errors are 1/4 in training and 3/8 in the test after the third epoch, which is the best.
    assert cells[6:9] == ["37.5 %", "37.5 %", "25.0 %"]
    assert cells[9] == "9.0 s"
    assert rows(shown)[0]["cells"][4][0] == "training 10 %"
    assert f"run={first.run_id}" in rows(shown)[1]["go"]
    assert json.loads(shown["pulse"])["every"] > 0


def test_nobodys_token_is_told() -> None:
    ended(owner=BEN)
    assert BEN not in json.dumps(looked())


def test_figures_sort_as_figures() -> None:
    ended(epochs=9)
    ended(epochs=10)
    queued("plain20")
    values = [row["cells"][5][1] for row in rows(looked())]
    assert sorted(values) == [0, 9, 10]
    assert rows(looked())[0]["cells"][6][1] is None  # nothing measured: sorted last


def test_where_nothing_has_changed_nothing_is_sent() -> None:
    run = begun(epochs=1)
    first = looked(picking(run))
    held = json.dumps({"revision": json.loads(first["pulse"])["revision"], "chart": None})
    assert set(map(str, looked(picking(run), held).values())) == {str(SKIP)}
    learn(run, 2)
    assert looked(picking(run), held)["table"] != SKIP
    assert looked(BARE, held)["table"] != SKIP  # another choice


def test_a_failure_says_why_on_the_page_and_in_its_language() -> None:
    error = TrainingError("A batch of 8 <b>pictures</b>.", key="out_of_memory", size=8, device="x")
    run = ended(epochs=0, status="failed", error=error)
    assert rows(looked(language="ko"))[0]["cells"][4][2].endswith("쓰세요.") or HANGUL.search(
        rows(looked(language="ko"))[0]["cells"][4][2]
    )
    assert "&lt;b&gt;pictures" in looked(picking(run))["differences"]


def test_where_folders_lie_is_not_told() -> None:
    run, other = ended(), ended("plain20")
    secret = run.train.replace(dataset="/srv/ann/secret/pets/", start_from="/srv/ann/secret/best.safetensors")
    one = dataclasses.replace(run, train=secret)
    table = runs_table.table_value([one, other], BARE, ANN, "en")
    assert json.loads(table)["rows"][0]["cells"][2] == ["pets", "pets", "pets"]
    compared = runs_table.differences_html([one, other], "en")
    assert "<td>pets</td><td>Digits</td>" in compared
    assert "<td>best.safetensors</td><td>–</td>" in compared
    assert "secret" not in table + compared


# ---------------------------------------------------------------- what is different


def test_only_what_differs_is_listed() -> None:
    one = ended("resnet20", lr=0.1)
    two = ended("plain20", lr=0.1, seed=3)
    listed = dict(runs_table.differences([one, two], "en"))
    assert listed["net"] == ["ResNet-20 (CIFAR)", "Plain-20 (CIFAR)"]
    assert listed["Shortcuts"] == ["yes", "no"]
    assert listed["Seed"] == ["0", "3"]
    assert not {"data", "recipe", "Learning rate", "Batch size", "Epochs"} & set(listed)
    same = ended("resnet20", lr=0.1)
    assert runs_table.differences([one, same], "en") == []
    assert "Digits · Fast" in runs_table.differences_html([one, two], "en")


def test_folders_of_one_name_are_not_called_the_same() -> None:
    one, two, three = ended(), ended(), ended()
    one, two, three = (
        dataclasses.replace(run, train=run.train.replace(dataset=place, start_from=f"{place}/best.safetensors"))
        for run, place in ((one, "/a/pets"), (two, "/b/pets"), (three, "/a/pets"))
    )
    listed = dict(runs_table.differences([one, two, three], "en"))
    assert listed["data"] == ["pets (1)", "pets (2)", "pets (1)"]
    assert listed["Start from"] == ["best.safetensors (1)", "best.safetensors (2)", "best.safetensors (1)"]
    for pair, same in (([one, two], ""), ([one, three], "pets · ")):
        said = f"The same for all: ResNet-20 (CIFAR) · {same}Fast: a few epochs, and every setting that is not listed."
        assert said in runs_table.differences_html(pair, "en")


def test_how_many_devices_is_a_difference() -> None:
    one, two = ended(), ended()
    two = dataclasses.replace(two, train=two.train.replace(devices=2))
    assert dict(runs_table.differences([one, two], "en")) == {"Devices": ["1", "2"]}


def test_the_two_seeds_are_told_apart() -> None:
    one, two = ended(), ended()
    two = dataclasses.replace(two, model=ModelConfig("resnet20", num_classes=10, seed=7))
    assert dict(runs_table.differences([one, two], "en")) == {"Seed of the initial weights": ["0", "7"]}


def test_of_one_run_what_it_is_and_what_it_changed() -> None:
    run = ended("resnet20", lr=0.05, epochs=4)
    run = dataclasses.replace(run, model=run.model.replace(width=0.5))
    listed = dict(runs_table.differences([run], "en"))
    assert listed["net"] == ["ResNet-20 (CIFAR)"]
    assert (listed["Learning rate"], listed["Width"]) == (["0.05"], ["0.5"])
    assert "Momentum" not in listed


@pytest.mark.parametrize("language", ["en", "ko"])
def test_names_are_shown_as_they_are(language: str) -> None:
    training_store.store().create(ended().model, ended().train, name="<img src=x>")
    run = training_store.store().get("<img src=x>")
    shown = looked(picking(run, ended()), language=language)
    assert "<img" not in shown["differences"]
    assert "&lt;img src=x&gt;" in shown["differences"]


# ---------------------------------------------------------------- the curves


def test_picked_runs_are_drawn_over_each_other() -> None:
    one, two = ended(epochs=3), ended("plain20", epochs=2)
    card = json.loads(looked(picking(one, two))["curves"])
    assert len(card["figure"]["data"]) == 4
    assert one.name in card["caption"]
    assert len(card["table"]["rows"]) == 5
    assert len(json.loads(looked(picking(one))["curves"])["figure"]["data"]) == 3  # with its batches
    assert looked()["curves"] == ""


def test_curves_of_several_grow_too() -> None:
    two, one = ended("plain20", epochs=2), begun(epochs=2)
    first = json.loads(looked(picking(one, two))["curves"])
    traces = first["figure"]["data"]
    chart = {
        "key": first["key"],
        "counts": [len(trace["x"]) for trace in traces],
        "ends": [[trace["x"][-1], trace["y"][-1]] for trace in traces],
        "rows": len(first["table"]["rows"]),
    }
    learn(one, 3)
    growth = json.loads(looked(picking(one, two), json.dumps({"chart": chart}))["curves"])
    assert [trace["x"] for trace in growth["traces"]] == [[3], [3], [], []]


def test_a_run_that_is_gone_is_left_out() -> None:
    one, two = ended(), ended()
    training_store.store().delete(two.run_id)
    shown = looked(picking(one, two))
    assert two.name not in shown["differences"]
    assert runs.choose_runs(BARE, f"{one.run_id},{two.run_id},nonsense").runs == (one.run_id,)
    assert runs.choose_runs(picking(one), "").runs == ()


# ---------------------------------------------------------------- what may be done


def test_buttons_are_there_for_what_can_be_done() -> None:
    finished, stopped, running = ended(), ended(status="stopped"), begun()
    assert buttons(looked()) == set()
    assert buttons(looked(picking(finished))) == {"weights", "delete"}
    assert buttons(looked(picking(stopped))) == {"weights", "delete", "resume"}
    assert buttons(looked(picking(running))) == {"stop"}
    assert buttons(looked(picking(finished, stopped))) == {"delete", "resume"}
    assert buttons(looked(picking(finished, running))) == {"stop"}


def test_stop_and_resume_take_what_they_can(monkeypatch: pytest.MonkeyPatch) -> None:
    store = training_store.store()
    finished, waiting = ended(), queued("plain20")
    runs.stop(picking(finished, waiting))
    assert store.get(waiting.run_id).status == "stopped"
    resumed: list[str] = []
    monkeypatch.setattr(queue, "resume", lambda _, run: resumed.append(run))
    runs.resume(picking(finished, waiting))
    assert resumed == [waiting.run_id]
    with pytest.raises(ConfigError, match="tick one"):
        runs.stop(BARE)


def refuse_the_deep(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let resuming refuse Plain-56; the runs that are resumed."""
    resumed: list[str] = []

    def resume(store: Any, run_id: str) -> None:
        if store.get(run_id).model.arch == "plain56":
            raise TrainingError("It needs 8 GB.", key="out_of_memory", size="8 GB", device="cpu")
        resumed.append(run_id)

    monkeypatch.setattr(queue, "resume", resume)
    return resumed


def test_a_run_that_is_refused_keeps_no_other_from_going_on(monkeypatch: pytest.MonkeyPatch) -> None:
    resumed = refuse_the_deep(monkeypatch)
    deep, shallow = ended("plain56", status="stopped"), ended("plain20", status="stopped")
    with pytest.raises(PartlyDoneError) as caught:
        runs.resume(picking(deep, shallow))
    assert resumed == [shallow.run_id]
    assert sentence(caught.value, "en") == str(caught.value) == f"{deep.name}: It needs 8 GB."
    assert re.match(f"{deep.name}: .*메모리", sentence(caught.value, "ko"))


def test_the_page_looks_again_and_says_which_run_was_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_the_deep(monkeypatch)
    deep, shallow = ended("plain56", status="stopped"), ended("plain20", status="stopped")
    state = picking(deep, shallow)
    with gr.Blocks():
        tab = runs.build_runs_tab(state, "en")
    places = tuple(dict.fromkeys(binding.problem for binding in tab.bindings))
    page = Page("en", (tab,), (gr.HTML("", render=False), *places))
    binding = next(binding for binding in tab.bindings if binding.change is runs.resume)
    answer = page.change(binding)(to_query(state))
    said = answer[-len(page.problems) :][page.problems.index(binding.problem)]
    assert f"{deep.name}: It needs 8 GB." in said
    pulse = answer[-len(page.problems) - 1]
    assert json.loads(pulse)["every"] > 0, "a page that rests has to look again"


def test_nothing_is_deleted_unless_one_is_sure() -> None:
    store = training_store.store()
    one, two, three = ended(), ended(), ended()
    state = dataclasses.replace(picking(one, two), run=one.run_id)
    assert runs.delete(state, "no") == state
    assert runs.delete(state, "") == state
    assert len(store.list()) == 3
    after = runs.delete(state, "yes")
    assert (after.runs, after.run) == ((), "")
    assert [run.run_id for run in store.list()] == [three.run_id]


def test_weights_come_under_the_runs_name(tmp_path: Path) -> None:
    from explorer.models.create import create_model
    from explorer.training.checkpoints import BEST, config_fields, read_tensors, write_tensors

    run = ended("resnet8", name="내 실행: 1/2".replace("/", "-"))
    with pytest.raises(CheckpointError):
        runs.weights_file(picking(run))  # no epoch has written any
    weights = create_model(run.model).state_dict()
    header = {
        "model": config_fields(run.model),
        "train": run.train.as_dict(),
        "dataset": "digits",
        "classes": list("0123456789"),
        "mean": [0.3, 0.3, 0.3],
        "std": [0.4, 0.4, 0.4],
        "metrics": {"epoch": 3, "test_error": 0.25, "val_error": None},
    }
    write_tensors(training_store.store().folder(run.run_id) / BEST, weights, header)
    file = Path(runs.weights_file(picking(run)))
    assert file.name == "내_실행_1-2.zip"
    with zipfile.ZipFile(file) as packed:
        packed.extractall(tmp_path)
    assert read_tensors(tmp_path / "내_실행_1-2.safetensors")[0].keys() == weights.keys()
    card = json.loads((tmp_path / "내_실행_1-2.json").read_text(encoding="utf-8"))
    assert (card["weights"], card["epoch"], card["top1"]) == (run.name, 3, 0.75)
