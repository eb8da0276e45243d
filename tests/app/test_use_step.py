"""The step Use of the transfer tab: a net answers, shows where it saw it, and can be taken along."""

from __future__ import annotations

import json
import re
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from explorer.app import predictions, taking, training_store, uploads
from explorer.cards import checksum, shipped_card, shipped_cards
from explorer.config import ModelConfig
from explorer.errors import ExplorerError
from explorer.jobs.running import run_here
from explorer.language import LANGUAGES
from explorer.pictures import photograph
from explorer.run_results import Run
from explorer.train_config import TrainConfig

NET = "shipped:resnet18"
SKIP = gr.skip()


@pytest.fixture
def run() -> Run:
    """A grey net that has learned digits."""
    store = training_store.store()
    few = {"subset": 10, "test_subset": 10, "batch_size": 32, "precision": "float32", "device": "cpu"}
    model = ModelConfig("resnet8", in_channels=1, image_size=8, width=0.5)
    return run_here(store, store.create(model, TrainConfig("digits", epochs=1, **few), name="내 run 1").run_id)


def shares(said: str) -> list[float]:
    return [float(share) for share in re.findall(r"<td>([\d.]+)\s%</td>", said)]


def test_nets_that_can_be_asked(run: Run) -> None:
    values = [value for _, value in predictions.answering(NET, "en")]
    assert values[0] == NET
    assert set(values) == {f"shipped:{card.name}" for card in shipped_cards()} | {f"run:{run.run_id}"}
    assert NET in [value for _, value in predictions.answering("run:0a1b2c3d", "en")]


@pytest.mark.parametrize("language", LANGUAGES)
def test_bars_come_first_then_the_evidence_of_the_first_class(language: str) -> None:
    first, second = predictions.stream_answers(NET, "coffee", language)
    said, chart, classes, asked, going = first
    assert shares(said) == sorted(shares(said), reverse=True)
    assert len(shares(said)) == 5
    assert sum(shares(said)) <= 100.5
    assert "10" in re.findall(r'<p class="must">(.*?)</p>', said)[0]
    assert chart == SKIP
    assert asked == [NET, "coffee"]
    assert 'role="status"' in going
    names = re.findall(r'<th scope="row">(.*?)</th>', said)
    assert (classes["choices"], classes["value"]) == (names, names[0])
    card = json.loads(second[1])
    assert names[0] in card["caption"]
    assert f"{shares(said)[0]:.1f}" in card["caption"]  # the same probability as in the bars
    assert second[0] == second[2] == second[3] == SKIP
    assert second[4] == ""


def test_another_class_has_other_evidence() -> None:
    picture = photograph("coffee")
    best, other, *_ = [name for name, _ in predictions.answers(NET, picture)]
    charts = [json.loads(predictions.evidence_chart(NET, picture, name, "en")) for name in (best, other)]
    assert charts[0]["table"]["rows"] != charts[1]["table"]["rows"]
    assert other in charts[1]["caption"]
    assert charts[1]["figure"]["data"][1]["colorbar"]["title"]["text"] == f"evidence for {other}"
    assert json.loads(predictions.evidence_chart(NET, picture, None, "en")) == charts[0]


def test_a_grey_run_answers_too(run: Run) -> None:
    first, second = predictions.stream_answers(f"run:{run.run_id}", "camera", "en")
    assert len(shares(first[0])) == 5
    assert json.loads(second[1])["figure"]["layout"]["xaxis"]["range"] == [-0.5, 7.5]


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_gone_is_said(language: str) -> None:
    for net, name, said in (
        (NET, f"{uploads.PREFIX}none", {"en": "no longer there: bring it again", "ko": "더 이상 없습니다"}),
        ("", "coffee", {"en": "No net is chosen", "ko": "네트워크를 고르"}),
        ("run:0a1b2c3d", "coffee", {"en": "Unknown run", "ko": "0a1b2c3d"}),
    ):
        [only] = predictions.stream_answers(net, name, language)
        assert only[:4] == (SKIP,) * 4
        assert said[language] in only[4]
        if net != NET:
            [*_, last] = predictions.stream_file(net, "onnx", language)
            assert said[language] in last[1]


# ---------------------------------------------------------------- pictures that people bring


def plain(side: tuple[int, int] = (90, 70)) -> Image.Image:
    draw = np.random.default_rng(0).integers(0, 256, (7, 9, 3), dtype=np.uint8)
    return Image.fromarray(draw).resize(side, Image.Resampling.BICUBIC)


def turned(file: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    plain().save(file, "JPEG", exif=exif)


KINDS: dict[str, Callable[[Path], object]] = {
    "점 하나.png": lambda file: Image.new("RGB", (1, 1)).save(file),
    "thin.png": lambda file: Image.new("RGB", (3000, 2)).save(file),
    "large.jpg": lambda file: plain((8000, 6000)).save(file, quality=50),
    "clear.png": lambda file: plain().convert("RGBA").save(file),
    "grey.png": lambda file: plain().convert("L").save(file),
    "grey and clear.png": lambda file: plain().convert("LA").save(file),
    "one bit.png": lambda file: plain().convert("1").save(file),
    "sixteen.png": lambda file: Image.fromarray(np.full((9, 9), 40_000, np.uint16)).save(file),
    "floats.tiff": lambda file: Image.fromarray(np.full((9, 9), np.nan, np.float32)).save(file),
    "cmyk.jpg": lambda file: plain().convert("CMYK").save(file),
    "palette.gif": lambda file: plain().convert("P").save(file),
    "moving.gif": lambda file: plain().save(file, save_all=True, append_images=[Image.new("RGB", (90, 70))]),
    "moving.webp": lambda file: plain().save(file, save_all=True, append_images=[Image.new("RGB", (90, 70))]),
    "세로로 찍은 사진.jpeg": turned,
}


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_of_picture_is_answered(name: str, tmp_path: Path) -> None:
    KINDS[name](tmp_path / name)
    own = predictions.brought(str(tmp_path / name))
    kept = uploads.find(own)
    assert kept is not None
    assert min(kept.shape[:2]) <= 1024  # a hundred of them stay in memory
    first, second = predictions.stream_answers(NET, own, "en")
    assert len(shares(first[0])) == 5
    assert json.loads(second[1])["caption"]
    assert predictions.pictures(own, "en")[-1] == ("your picture", own)


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x00\x00\x00\x18ftypheic"])
def test_what_is_no_picture_is_said(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "내 사진.heic").write_bytes(content)
    with pytest.raises(ExplorerError, match=r"내 사진\.heic is no picture that can be read: use PNG"):
        predictions.brought(str(tmp_path / "내 사진.heic"))
    with pytest.raises(ExplorerError, match="No picture was chosen"):
        predictions.brought(None)


# ---------------------------------------------------------------- the net to take along


def test_weights_come_with_their_card() -> None:
    file = Path(taking.exported(NET, "safetensors"))
    assert file.name == "resnet18.zip"
    with zipfile.ZipFile(file) as packed:
        assert sorted(packed.namelist()) == ["resnet18.json", "resnet18.safetensors"]
        packed.extractall(file.parent / "out")
    assert checksum(file.parent / "out" / "resnet18.safetensors") == shipped_card("resnet18").sha256
    card = json.loads((file.parent / "out" / "resnet18.json").read_text(encoding="utf-8"))
    assert card["top1"] == shipped_card("resnet18").top1


def test_a_run_is_called_by_its_name(run: Run) -> None:
    file = Path(taking.exported(run.run_id, "safetensors"))
    assert file.name == "내_run_1.zip"
    with zipfile.ZipFile(file) as packed:
        card = json.loads(packed.read("내_run_1.json"))
    assert (card["weights"], card["dataset"]) == ("내 run 1", "digits")


def test_a_file_of_a_runs_name_is_not_taken_for_the_run(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / run.name).write_bytes(b"no weights")
    monkeypatch.chdir(tmp_path)
    assert Path(taking.exported(run.run_id, "safetensors")).name == "내_run_1.zip"


def test_what_is_still_being_written_is_not_swept_away(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another export begins while one takes longer than a file is kept; what was left long ago goes."""
    monkeypatch.setattr(taking, "_KEPT_SECONDS", -1)  # everything is old at once
    done = Path(taking.exported(run.run_id, "safetensors"))
    with taking._folder() as slow:
        (slow / "half.onnx").write_bytes(b"half")
        taking.exported(run.run_id, "safetensors")
        assert (slow / "half.onnx").exists()
        assert not done.exists()
    with taking._folder():
        assert not slow.exists()


def test_onnx_is_a_file_of_its_own(run: Run) -> None:
    pytest.importorskip("onnxruntime")
    going, done = predictions.stream_file(f"run:{run.run_id}", "onnx", "en")
    assert going[0]["value"] is None  # what was there before is not downloaded again
    assert "PyTorch" in going[1]
    assert Path(done[0]["value"]).name == "내_run_1.onnx"
    assert done[1] == ""


@pytest.mark.parametrize("language", LANGUAGES)
def test_without_onnx_the_page_says_how_to_get_it(run: Run, monkeypatch: pytest.MonkeyPatch, language: str) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    *_, last = predictions.stream_file(f"run:{run.run_id}", "onnx", language)
    assert last[0]["value"] is None
    assert "explorer[onnx]" in last[1].replace("&quot;", '"')


# ---------------------------------------------------------------- after an experiment


@pytest.mark.parametrize(
    ("language", "said"),
    [("en", "from scratch, 10 per class, right for"), ("ko", "처음부터 학습, 클래스당 10장, 테스트 이미지의")],
)
def test_the_best_run_of_an_experiment_is_said_and_offered(run: Run, language: str, said: str) -> None:
    words, take = predictions.best_offer(run.run_id, None, language)
    assert said in words
    assert f"{100 * (1 - run.epochs[-1].test_error):.1f} %" in words
    assert take["visible"] is False  # it is asked already
    assert predictions.best_offer(run.run_id, NET, language)[1]["visible"] is True
    assert predictions.best_offer(run.run_id, f"run:{run.run_id}", language)[1]["visible"] is False
    assert predictions.best_offer("", NET, language) == ("", gr.update(visible=False))


def test_the_best_run_is_offered_however_many_came_after_it(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predictions, "_MOST_RUNS", 0)
    value = f"run:{run.run_id}"
    assert value not in [one for _, one in predictions.answering(NET, "en")]
    assert value in [one for _, one in predictions.answering(NET, "en", run.run_id)]


class Step:
    """The step Use as it is bound to the page, without a browser."""

    def __init__(self) -> None:
        with gr.Blocks() as page:
            start, best = gr.Dropdown([NET], value=NET), gr.HTML("")
            predictions.build_predictions(start, best, "en")
        ids = {getattr(block, "elem_id", None): block for block in page.blocks.values()}
        net, take = ids["use-net"], ids["use-best-take"]

        def bound(block: object, event: str) -> Callable[..., Any]:
            [found] = [one.fn for one in page.fns.values() if (block._id, event) in one.targets]  # type: ignore[attr-defined]
            return found

        self.ended, self.took, self.chose = bound(best, "change"), bound(take, "click"), bound(net, "input")


def test_the_best_run_is_asked_unless_another_net_was_chosen(run: Run) -> None:
    step, value = Step(), f"run:{run.run_id}"
    net, said, take = step.ended(run.run_id, NET, NET, False)
    assert (net["value"], take["visible"]) == (value, False)
    assert said
    take, own = step.chose(run.run_id, NET)
    assert (take["visible"], own) == (True, True)
    net, said, take = step.ended(run.run_id, NET, NET, own)
    assert (net["value"], take["visible"]) == (NET, True)
    net, take, own = step.took(run.run_id, NET)
    assert (net["value"], take["visible"], own) == (value, False, False)
    net, said, take = step.ended("", NET, NET, False)
    assert (net["value"], said, take["visible"]) == (NET, "", False)
