"""Choosing what to train: the recipe's figures as widgets, the net fitted to the data, data of one's own."""

from __future__ import annotations

import io
import os
import shutil
import threading
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from explorer.app import (
    progressive,
    training_data,
    training_layout,
    training_net,
    training_recipe,
    training_sheet,
    training_store,
)
from explorer.config import ModelConfig
from explorer.errors import ConfigError, ExplorerError, UnknownNameError
from explorer.recipes import RECIPES, STARTED
from explorer.train_config import TrainConfig
from explorer.training.datasets import DATASETS

# ---------------------------------------------------------------- figures


def displayed(train: TrainConfig) -> dict[str, Any]:
    """What the widgets of a training show, by name; None where they are hidden."""
    shown = zip(training_recipe.FIGURES, training_recipe.updates(train), strict=True)
    return {name: update["value"] if update["visible"] else None for name, update in shown}


def entered(train: TrainConfig, **changed: Any) -> TrainConfig:
    """The training after somebody changed widgets."""
    shown = dict(zip(training_recipe.FIGURES, (u["value"] for u in training_recipe.updates(train)), strict=True))
    return training_recipe.of_values(tuple({**shown, **changed}.values()), train)


@pytest.mark.parametrize("recipe", RECIPES)
def test_widgets_that_nobody_touched_change_nothing(recipe: str) -> None:
    start = {"start_from": "a"} if recipe in STARTED else {}
    train = TrainConfig("textures", recipe=recipe, lr=0.0123, **start)
    assert entered(train) == train


def test_every_figure_of_a_training_has_its_widget() -> None:
    from explorer.train_config import TRAIN_OPTIONS

    assert set(training_recipe.FIGURES) == set(TRAIN_OPTIONS) - {"dataset", "recipe", "devices"}


def test_a_changed_figure_is_taken_and_an_emptied_one_is_the_recipes_again() -> None:
    train = entered(TrainConfig("textures"), lr="0.05", milestones="", flip=False, subset="30")
    assert train.changed() == {"lr": 0.05, "flip": False}
    assert train.subset == 30
    assert entered(train, lr="", subset="").changed() == {"flip": False}
    assert entered(train, subset="").subset is None


def test_the_length_is_epochs_or_batches() -> None:
    train = entered(TrainConfig("textures"), iterations="500")
    assert (train.epochs, train.iterations) == (None, 500)
    assert displayed(train)["epochs"] == ""
    back = entered(train, epochs="4")
    assert (back.epochs, back.iterations) == (4, None)


def test_only_figures_of_the_schedule_are_shown_and_read() -> None:
    shown = displayed(TrainConfig("textures"))
    assert shown["warmup_share"] == "0.25"  # one cycle
    assert [name for name, value in shown.items() if value is None] == [
        *("milestones", "factor", "patience", "most_drops", "warmup_lr", "warmup_error"),
        *("trained_stages", "layer_decay"),
    ]
    assert entered(TrainConfig("textures"), milestones="0.5") == TrainConfig("textures")
    shown = displayed(TrainConfig("textures", recipe="vgg-paper"))
    assert (shown["patience"], shown["warmup_share"], shown["scale_jitter"]) == ("5", None, "256,256")


@pytest.mark.parametrize(("name", "value"), [("lr", "fast"), ("epochs", "0"), ("epochs", "1.5"), ("device", "gpu")])
def test_what_cannot_be_is_refused(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=f"{name}="):
        entered(TrainConfig("textures"), **{name: value})


def test_another_recipe_brings_its_own_figures() -> None:
    train = TrainConfig("digits", lr=0.05, subset=20, seed=3, label_noise=0.1)
    other = training_recipe.of_recipe("resnet-cifar", train)
    assert other == TrainConfig("digits", recipe="resnet-cifar", subset=20, seed=3, label_noise=0.1)
    assert other.changed() == {}
    with pytest.raises(UnknownNameError, match="resnet-cifra"):
        training_recipe.of_recipe("resnet-cifra", train)


def test_a_recipe_that_starts_from_a_trained_net_takes_the_newest() -> None:
    other = training_recipe.of_recipe("pre-initialised", TrainConfig("digits"), ("vgg_a-2", "vgg_a-1"))
    assert other.start_from == "vgg_a-2"
    with pytest.raises(ConfigError, match="name a run"):
        training_recipe.of_recipe("pre-initialised", TrainConfig("digits"))


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_source_and_what_is_different_are_said(language: str) -> None:
    said = training_recipe.source(TrainConfig("digits", recipe="resnet-cifar", epochs=3), None, language)
    assert f"arXiv 1512.03385, {'4.2절' if language == 'ko' else 'section 4.2'}" in said
    assert said.count("<li>") >= 3
    assert "64000" in said


# ---------------------------------------------------------------- the net


def test_the_net_follows_the_data() -> None:
    model = training_net.fitted(ModelConfig("resnet20", shortcut="B"), DATASETS["digits"])
    assert model == ModelConfig("resnet20", num_classes=10, in_channels=1, image_size=8, shortcut="B")
    # VGG's five poolings need more than 8 px.
    assert training_net.fitted(ModelConfig("vgg_d"), DATASETS["digits"]).image_size == 32
    assert training_net.fitted(ModelConfig("resnet34"), DATASETS["cifar10"]).image_size == 32
    assert training_net.fitted(ModelConfig("resnet20"), DATASETS["imagenette"]).image_size == 32


def test_a_size_that_was_chosen_stays() -> None:
    assert training_net.fitted(ModelConfig("resnet20", image_size=64), DATASETS["digits"]).image_size == 64
    assert training_net.fitted(ModelConfig("resnet20", image_size=64), DATASETS["digits"], 16).image_size == 16
    # The net's own size is as good a choice as any.
    assert training_net.fitted(ModelConfig("resnet20"), DATASETS["digits"], 32).image_size == 32
    with pytest.raises(ConfigError, match="too small"):
        training_net.fitted(ModelConfig("vgg_d"), DATASETS["digits"], 8)


def test_what_was_fitted_is_said() -> None:
    chosen, info = ModelConfig("resnet20", width=0.5), DATASETS["digits"]
    said = training_net.note(chosen, training_net.fitted(chosen, info), info, "en")
    assert "ResNet-20 (CIFAR) · Width: 0.5" in said
    assert "input channels 1, not 3" in said
    assert "pictures 8 px, not 32" in said
    assert "classes" not in said.partition("Fitted")[2]  # ten are what it has anyway
    said = training_net.note(chosen, training_net.fitted(chosen, info, 32), info, "en")
    assert "Pictures are enlarged from 8 to 32 px." in said


# ---------------------------------------------------------------- the data


def test_what_is_there_and_what_has_to_be_downloaded() -> None:
    listed = {name: words for words, name in training_data.choices("textures", "en")}
    assert list(listed) == list(DATASETS)
    assert listed["digits"] == "Digits"
    assert listed["cifar10"] == "CIFAR-10 · download 170 MB"
    assert training_data.must_be_fetched("cifar10") is DATASETS["cifar10"]
    assert training_data.must_be_fetched("digits") is None
    [*_, own] = training_data.choices("/home/ann/my flowers", "ko")
    assert own == ("내 데이터: my flowers", "/home/ann/my flowers")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes of six pictures, of which one is broken."""
    root = tmp_path / "꽃 & <b>flowers"
    for label, colour in (("장미", 200), ("b<i>", 40)):
        (root / label).mkdir(parents=True)
        for number in range(6):
            pixels = np.full((20, 24, 3), colour + number, dtype=np.uint8)
            Image.fromarray(pixels).save(root / label / f"{number}.png")
    (root / "장미" / "5.png").write_bytes(b"no picture")
    return root


def last(name: str, language: str = "en") -> str:
    return [*training_sheet.stream_preview(name, language)][-1]


def test_a_folder_of_ones_own_is_seen_class_by_class(folder: Path) -> None:
    assert training_data.known_info(str(folder)) is None
    sheet = last(str(folder))
    info = training_data.known_info(str(folder))
    assert info is not None
    assert (info.num_classes, info.channels, info.image_size) == (2, 3, 20)
    assert sheet.count("<img") == 2
    assert "장미" in sheet
    assert "b&lt;i&gt;" in sheet
    assert "<i>" not in sheet.replace('<i style="width', "")
    assert "Files that could not be read: 1" in sheet
    assert "5.png" in sheet
    # Six pictures of a class are divided: a fifth, rounded, is tested on.
    assert "5 to learn from · 1 to test" in sheet


def test_what_is_no_data_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name in (str(tmp_path / "empty"), str(tmp_path / "nowhere"), "textuers"):
        with pytest.raises(ExplorerError):
            last(name)


def test_a_zip_that_was_brought_is_kept_under_its_content(folder: Path, tmp_path: Path, home: Path) -> None:
    brought = tmp_path / "brought"
    shutil.make_archive(str(brought), "zip", folder)
    kept = training_data.keep_upload(f"{brought}.zip")
    assert Path(kept).parent == home / "uploads"
    assert training_data.keep_upload(f"{brought}.zip") == kept
    assert last(kept).count("<img") == 2
    with pytest.raises(ConfigError, match="No file"):
        training_data.keep_upload("")


def bring(folder: Path, name: str, content: bytes) -> Path:
    """A file that calls itself a zip, brought."""
    file = folder / f"{name}.zip"
    file.write_bytes(content)
    return Path(training_data.keep_upload(str(file)))


def test_the_oldest_zips_make_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_data, "UPLOADS_BYTES", 250)
    first, second = bring(tmp_path, "first", b"1" * 100), bring(tmp_path, "second", b"2" * 100)
    for age, file in ((30, first), (20, second)):
        os.utime(file, (time.time() - age,) * 2)
    third = bring(tmp_path, "third", b"3" * 100)
    assert [file.exists() for file in (first, second, third)] == [False, True, True]
    changed = second.stat().st_mtime_ns
    os.utime(third, (time.time() - 10,) * 2)
    assert bring(tmp_path, "second", b"2" * 100) == second
    assert second.stat().st_mtime_ns == changed, "what is known of it stays known"
    fourth = bring(tmp_path, "fourth", b"4" * 100)
    assert [file.exists() for file in (second, third, fourth)] == [True, False, True], "brought again is new again"
    large = bring(tmp_path, "large", b"5" * 300)
    assert [*large.parent.iterdir()] == [large], "what was just brought stays, however large"


def test_a_zip_that_a_run_needs_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_data, "UPLOADS_BYTES", 150)
    needed, waited_for = bring(tmp_path, "needed", b"1" * 70), bring(tmp_path, "waited", b"2" * 70)
    store = training_store.store()
    runs = [store.create(ModelConfig("resnet20"), TrainConfig(str(file))) for file in (needed, waited_for)]
    for run in runs:
        store.adopt(run.run_id, slots=["cpu"])
    store.claim(runs[0].run_id)
    bring(tmp_path, "new", b"3" * 100)
    assert [needed.exists(), waited_for.exists()] == [True, True]
    for run in runs:
        store.request_stop(run.run_id)
        store.finish(run.run_id, "stopped")
    last_one = bring(tmp_path, "newer", b"4" * 100)
    assert [*last_one.parent.iterdir()] == [last_one]


def test_the_same_zip_may_be_brought_twice_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    both = threading.Barrier(2)
    copyfile = shutil.copyfile
    partial: list[str] = []

    def together(source: str, target: Path) -> None:
        partial.append(target.name)
        copyfile(source, target)
        both.wait(10)  # both have written before either renames

    monkeypatch.setattr(shutil, "copyfile", together)
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with ThreadPoolExecutor(2) as pool:
        kept = [*pool.map(lambda name: bring(tmp_path / name, "same", b"zip" * 10), ("a", "b"))]
    assert kept[0] == kept[1]
    assert kept[0].read_bytes() == b"zip" * 10
    assert len(set(partial)) == 2
    assert [*kept[0].parent.iterdir()] == [kept[0]]


def test_a_shared_app_reads_what_was_brought_and_no_folder_of_the_machine(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.make_archive(str(tmp_path / "brought"), "zip", folder)
    kept = training_data.keep_upload(str(tmp_path / "brought.zip"))
    monkeypatch.setattr(training_data, "_own_folders", True)  # and put back after this test
    training_data.allow_own_folders(False)
    for name in (str(folder), str(tmp_path / "brought.zip"), f"{Path(kept).parent}/../{folder.name}", kept + "/.."):
        with pytest.raises(ConfigError, match="shared"):
            last(name)
    assert last(kept).count("<img") == 2
    assert last("digits").count("<img") == 10


def test_pictures_of_a_sheet_are_the_classes_own(folder: Path) -> None:
    import base64
    import re

    strips = re.findall(r"base64,([^\"]+)", last(str(folder)))
    shades = [np.asarray(Image.open(io.BytesIO(base64.b64decode(one))).convert("L"))[8, 8] for one in strips]
    names = re.findall(r"<figcaption><b>([^<]+)</b>", last(str(folder)))
    expected = {"장미": 200, "b&lt;i&gt;": 40}
    for name, shade in zip(names, shades, strict=True):
        assert abs(int(shade) - expected[name]) <= 8


def test_unsafe_zips_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        archive.writestr("../outside/a.png", b"x")
    with pytest.raises(ExplorerError):
        last(training_data.keep_upload(str(tmp_path / "bad.zip")))


# ---------------------------------------------------------------- progress


def test_work_tells_how_far_it_is_and_its_errors() -> None:
    import threading

    told = threading.Event()

    def work(report: progressive.Report) -> int:
        report(0.5, "half")
        told.wait(10)
        return 42

    results = []

    def followed() -> Iterator[tuple[float, str]]:
        results.append((yield from progressive.progressive(work)))

    going = followed()
    assert next(going) == (0.5, "half")
    told.set()
    assert {*going} <= {(0.5, "half")}
    assert results == [42]

    def failing(report: progressive.Report) -> int:
        raise ConfigError("no")

    with pytest.raises(ConfigError, match="no"):
        next(progressive.progressive(failing))


def test_sources_are_those_of_the_data_and_the_recipes() -> None:
    """The page has words of its own for some: they name what the data set or recipe names."""
    import re

    from explorer.language import LANGUAGES, strings

    cited = re.compile(r"[A-Z][a-z]+ (?:& [A-Z][a-z]+ |et al\. )?\d{4}|arXiv \d{4}\.\d{5}|CC0|CC BY [\d.]+")
    named = {f"data.{name}.source": info.source for name, info in DATASETS.items()}
    named |= {f"recipe.{name}.source": recipe.source for name, recipe in RECIPES.items()}
    for language in LANGUAGES:
        for key, source in named.items():
            said = strings(language).get(key, source)
            assert set(cited.findall(said)) == set(cited.findall(source)), key


@pytest.mark.parametrize("name", ["a\0b", "~nobody-of-that-name/pictures"])
def test_a_name_that_can_be_no_path_is_a_sentence(name: str) -> None:
    assert training_data.known_info_or_none(name) is None
    with pytest.raises(ExplorerError, match=r"Unknown data set|There is no folder"):
        last(name)


def test_what_nobody_sees_is_no_part_of_the_pages_html() -> None:
    assert "value" not in training_layout.hidden("train-request").html_template, "a link may have put anything into it"
