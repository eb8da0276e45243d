"""The step Use of the Transfer tab as a person uses it: ask, look where, bring a picture, take the net along."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import pytest
from conftest import PHONE, Visit, Visitor
from PIL import Image
from playwright.sync_api import expect

TAB = "/?tab=transfer"


def asked(visitor: Visitor) -> str:
    """Ask the net, and wait for what it says; the caption of the evidence."""
    visitor.find("#use-ask").click()
    expect(visitor.find("#use-answers tr")).to_have_count(5, timeout=60_000)
    caption = visitor.caption("use-evidence")
    expect(visitor.find("#use-problem [role=status]")).to_have_count(0)
    return caption


def best(visitor: Visitor) -> str:
    return visitor.find("#use-answers th").first.inner_text()


@pytest.mark.parametrize("path", [TAB, pytest.param(f"/ko{TAB[1:]}", marks=pytest.mark.slow)])
def test_the_evidence_of_the_best_class_and_of_another(visit: Visit, path: str) -> None:
    visitor = visit(path)
    expect(visitor.find("#use-class")).to_be_hidden()
    caption = asked(visitor)
    assert best(visitor) in caption
    other = visitor.find("#use-answers th").nth(1).inner_text()
    visitor.find("#use-class").get_by_text(other, exact=True).click()
    expect(visitor.find("#use-evidence figcaption")).to_contain_text(other)
    expect(visitor.find("#use-evidence .colorbar")).to_contain_text(other)
    assert best(visitor) not in visitor.caption("use-evidence")


@pytest.mark.slow
def test_on_a_phone_nothing_sticks_out(visit: Visit) -> None:
    visitor = visit(TAB, viewport=PHONE)
    asked(visitor)
    assert visitor.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_a_picture_of_ones_own_stays_for_other_nets(visit: Visit, tmp_path: Path) -> None:
    visitor = visit(TAB)
    Image.new("RGB", (300, 200), (20, 120, 40)).save(tmp_path / "초록 벽.png")
    (tmp_path / "notes.png").write_text("Not a picture.", encoding="utf-8")
    for name in ("notes.png", "초록 벽.png"):
        with visitor.page.expect_file_chooser() as chooser:
            visitor.find("#use-upload").click()
        chooser.value.set_files(str(tmp_path / name))
        if name == "notes.png":
            expect(visitor.find("#use-problem [role=alert]")).to_contain_text("notes.png is no picture")
    expect(visitor.find("#use-photograph input")).to_have_value("your picture")
    expect(visitor.find("#use-answers tr")).to_have_count(5, timeout=60_000)
    first = visitor.caption("use-evidence")
    visitor.quiet(streams=True)
    assert asked(visitor) == first  # the same picture again


def test_a_picture_from_the_camera(visit: Visit) -> None:
    visitor = visit(TAB)
    expect(visitor.find("#use-no-camera")).to_be_hidden()
    visitor.find("#use-camera > button").click()
    visitor.find("#use-webcam").get_by_role("button", name=re.compile("webcam", re.IGNORECASE)).click()
    # Pressed at once, mostly before the camera's first frame: the press is not lost.
    visitor.find("#use-webcam").get_by_role("button", name="capture photo").click()
    expect(visitor.find("#use-answers tr")).to_have_count(5, timeout=60_000)
    expect(visitor.find("#use-photograph input")).to_have_value("your picture")
    assert best(visitor) in visitor.caption("use-evidence")


@pytest.mark.parametrize(
    ("path", "said"),
    [(TAB, "No camera here"), pytest.param(f"/ko{TAB[1:]}", "카메라를 쓸 수 없습니다", marks=pytest.mark.slow)],
)
def test_where_the_browser_lends_no_camera_the_page_says_so(visit: Visit, path: str, said: str) -> None:
    visitor = visit(None)
    visitor.page.add_init_script("Object.defineProperty(window, 'isSecureContext', { value: false })")
    visitor.go(path)
    expect(visitor.find("#use-no-camera")).to_contain_text(said)
    expect(visitor.find("#use-camera")).to_be_hidden()
    asked(visitor)  # all else works


@pytest.mark.slow
def test_the_net_is_taken_along(visit: Visit) -> None:
    visitor = visit(TAB)
    with visitor.page.expect_download() as waiting:
        visitor.find("#use-weights").click()
    assert waiting.value.suggested_filename == "resnet18.zip"
    assert sorted(zipfile.ZipFile(waiting.value.path()).namelist()) == ["resnet18.json", "resnet18.safetensors"]
    pytest.importorskip("onnxruntime")
    with visitor.page.expect_download(timeout=90_000) as waiting:
        visitor.find("#use-onnx").click()
        expect(visitor.find("#use-file-problem")).to_contain_text("PyTorch")
    assert waiting.value.suggested_filename == "resnet18.onnx"
    assert Path(waiting.value.path()).stat().st_size > 5_000_000
