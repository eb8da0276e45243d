"""The step Understand: a finished run is examined, its features projected, and what cannot be is said."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from made_runs import ANN, BEN, ended, queued

from explorer.app import training_data, training_store, transfer, understanding
from explorer.app.address import PageState
from explorer.config import ModelConfig
from explorer.jobs.running import run_here
from explorer.language import text
from explorer.train_config import TrainConfig

SKIP = gr.skip()
NAMES = (
    *("busy", "problem", "summary", "confusion", "classes", "mistakes", "projection", "shown"),
    *("method", "stop"),
)
SHORT = TrainConfig("digits", epochs=1, subset=10, test_subset=2, batch_size=32, device="cpu", precision="float32")
NET = ModelConfig("resnet8", num_classes=10, in_channels=1, image_size=8)


@pytest.fixture
def net() -> str:
    """A run that has learned digits for an epoch, as the page names it."""
    store = training_store.store()
    run = store.create(NET, SHORT, name="my-run")
    run_here(store, run.run_id)
    return f"run:{run.run_id}"


def values(yielded: Iterator[list[Any]]) -> list[dict[str, Any]]:
    return [dict(zip(NAMES, one, strict=True)) for one in yielded]


def last(seen: list[dict[str, Any]]) -> dict[str, Any]:
    """What the page shows in the end: of each part the last that was sent."""
    return {name: next((one[name] for one in seen[::-1] if one[name] != SKIP), None) for name in NAMES}


# ---------------------------------------------------------------- which nets


def test_finished_runs_can_be_examined_and_nothing_else(net: str) -> None:
    queued()
    assert [value for _, value in understanding.examinable("", "en")] == [net]  # Imagenette is not here
    assert understanding.listed(None, "", "en")["value"] == net
    assert understanding.listed("run:gone", "", "en")["value"] == net


def test_with_no_run_there_is_nothing_to_choose_and_it_is_said() -> None:
    assert understanding.listed(None, "", "en")["value"] is None
    shown = last(values(understanding.stream_examination(None, "pca", "", "en")))
    assert "No net is chosen" in shown["problem"]
    assert shown["summary"] is None


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_page_has_the_step_with_its_choices(net: str, language: str) -> None:
    with gr.Blocks() as page:
        tab = transfer.build_transfer_tab(PageState("transfer"), language)
    shown = transfer.show(PageState("transfer"), language)
    assert len(shown) == len(tab.outputs)
    # A choice made elsewhere on the tab does not touch it: what was chosen to examine stays.
    assert "understand-net" not in {part.elem_id for part in tab.outputs}
    [asked] = [block for block in page.blocks.values() if getattr(block, "elem_id", None) == "transfer-request"]
    filled = [dependency for dependency in page.fns.values() if (asked._id, "change") in dependency.targets]
    chooses = [one for one in filled if [part.elem_id for part in one.outputs] == ["understand-net"]]
    assert len(chooses) == 1
    assert chooses[0].fn(None, "")["value"] == net
    ids = {getattr(block, "elem_id", None) for block in page.blocks.values()}
    assert {"understand-go", "understand-confusion", "understand-mistakes", "understand-projection"} <= ids
    titles = [block.value for block in page.blocks.values() if isinstance(block, gr.Markdown)]
    assert any(text("transfer.step.understand", language) in title for title in titles)


def test_a_shared_app_shows_pictures_that_somebody_brought_only_to_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    brought = ended("resnet8", owner=ANN, dataset=str(tmp_path / "pets.zip"))
    open_to_all = ended("resnet8", owner=ANN)
    both = {f"run:{brought.run_id}", f"run:{open_to_all.run_id}"}

    def offered(owner: str) -> set[str]:
        return {value for _, value in understanding.examinable(owner, "en")}

    assert offered(ANN) == offered(BEN) == offered("") == both  # on one's own machine there is nothing to hide
    monkeypatch.setattr(training_data, "_own_folders", False)
    assert offered(ANN) == both
    assert offered(BEN) == offered("") == {f"run:{open_to_all.run_id}"}
    for stream in (understanding.stream_examination, understanding.stream_projection):
        shown = last(values(stream(f"run:{brought.run_id}", "pca", BEN, "ko")))
        assert text("error.run_of_others", "ko", name=brought.name) in shown["problem"]
        assert shown["summary"] is shown["projection"] is None


# ---------------------------------------------------------------- the work


def test_a_file_of_a_runs_name_is_not_taken_for_the_run(
    net: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my-run").write_bytes(b"no weights")
    monkeypatch.chdir(tmp_path)
    shown = last(values(understanding.stream_examination(net, "pca", "", "en")))
    assert shown["problem"] == ""
    assert "my-run on " in shown["summary"]
    assert shown["projection"]


@pytest.mark.parametrize("work", ["examination", "projection"])
def test_what_nobody_expected_leaves_no_bar_behind(net: str, monkeypatch: pytest.MonkeyPatch, work: str) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(understanding, "_examined" if work == "examination" else "_projected", broken)
    yielded: list[list[Any]] = []
    with pytest.raises(ZeroDivisionError):
        yielded.extend(getattr(understanding, f"stream_{work}")(net, "pca", "", "en"))
    seen = values(iter(yielded))
    assert seen[-1]["busy"] == ""
    assert seen[-1]["stop"]["visible"] is False


@pytest.mark.parametrize("language", ["en", "ko"])
def test_a_run_is_examined_and_its_features_are_projected(net: str, language: str) -> None:
    seen = values(understanding.stream_examination(net, "pca", "", language))
    shown = last(seen)
    assert (shown["busy"], shown["problem"], shown["shown"]) == ("", "", net)
    assert "my-run" in shown["summary"]
    shares = [float(share) for share in re.findall(r"([\d.]+)\s%", shown["summary"])]
    accuracy, low, high = shares[:3]
    assert low < accuracy < high
    confusion = json.loads(shown["confusion"])
    assert sum(row[2] for row in confusion["table"]["rows"]) == 359
    assert confusion["caption"]
    assert len(re.findall(r'<th scope="row">', shown["classes"])) == 10
    assert len(re.findall("<figure>", shown["mistakes"])) == 12
    assert shown["method"]["visible"] is True
    assert shown["stop"]["visible"] is False
    projection = json.loads(shown["projection"])
    assert len(projection["figure"]["data"]) == 20
    assert len(projection["table"]["rows"]) == 2 * 359
    # The examination is there before the projection is.
    first = next(at for at, one in enumerate(seen) if one["summary"] != SKIP)
    assert seen[first]["projection"] == ""
    assert first < len(seen) - 1


def test_it_is_said_that_the_pictures_chose_the_epoch(net: str) -> None:
    """By two of each class: of all 359 only some."""
    shown = last(values(understanding.stream_examination(net, "pca", "", "en")))
    assert text("examine.chosen.some", "en") in shown["summary"]


def test_another_method_leaves_the_examination_as_it_is(net: str) -> None:
    seen = values(understanding.stream_projection(net, "tsne", "", "en"))
    shown = last(seen)
    assert "t-SNE" in json.loads(shown["projection"])["caption"]
    assert {shown[name] for name in ("summary", "confusion", "classes", "mistakes", "shown")} == {None}
    assert values(understanding.stream_projection("", "tsne", "", "en")) == []


def test_a_run_that_is_gone_is_said_and_what_was_there_stays(net: str) -> None:
    shown = last(values(understanding.stream_examination("run:0a1b2c3d", "pca", "", "en")))
    assert "0a1b2c3d" in shown["problem"]
    assert shown["busy"] == ""
    assert shown["summary"] is None


def test_data_that_is_gone_is_said(net: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from explorer.training import trained

    def gone(weights: str, store: object) -> trained.Trained:
        found = load(weights, store)  # type: ignore[arg-type]
        object.__setattr__(found, "dataset", "/nowhere/pets")
        return found

    load = trained.load_trained
    monkeypatch.setattr(trained, "load_trained", gone)
    shown = last(values(understanding.stream_examination(net, "pca", "", "ko")))
    assert text("error.data_missing", "ko", name="pets") in shown["problem"]


def test_the_work_ends_when_nobody_waits_any_more() -> None:
    told: list[float] = []
    begun, go_on = understanding.threading.Event(), understanding.threading.Event()
    ended = understanding.threading.Event()

    def work(report: understanding.Report) -> None:
        try:
            report(0.1, "testing")
            begun.set()
            go_on.wait(10)
            told.append(0.1)
            report(0.2, "testing")
            told.append(0.2)
        finally:
            ended.set()

    going = understanding._worked(work, "en")
    [shown] = values(iter([next(going)]))
    assert shown["stop"]["visible"] is True
    assert begun.wait(10)
    going.close()  # as Gradio does when it is stopped
    go_on.set()
    assert ended.wait(10)
    assert told == [0.1]


def test_of_very_many_test_pictures_some_are_drawn(net: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(understanding, "_MOST_TESTED", 50)
    shown = last(values(understanding.stream_examination(net, "pca", "", "en")))
    assert "50 of 359 test pictures." in shown["summary"]
    assert sum(row[2] for row in json.loads(shown["confusion"])["table"]["rows"]) == 50
