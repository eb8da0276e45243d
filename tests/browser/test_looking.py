"""The Receptive field tab as a person uses it: point at the picture, choose, bring a picture, play with the lessons."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from conftest import Visit, Visitor
from PIL import Image
from playwright.sync_api import expect

BOX = re.compile(r"rows (\d+) to (\d+) and columns (\d+) to (\d+)")


def box(visitor: Visitor) -> list[int]:
    """The unit's box as the caption has it: top, bottom, left, right."""
    found = BOX.search(visitor.caption("field-box"))
    assert found
    return [int(edge) for edge in found.groups()]


def click_pixel(visitor: Visitor, x: float, y: float, side: int) -> None:
    """Click on a pixel of a picture of `side` pixels."""
    area = visitor.find("#field-box .plot .nsewdrag").first.bounding_box()
    assert area is not None
    visitor.page.mouse.click(
        area["x"] + (x + 0.5) / side * area["width"], area["y"] + (y + 0.5) / side * area["height"]
    )


def test_a_click_in_the_picture_moves_the_box(visit: Visit) -> None:
    visitor = visit("/?tab=field&model=vgg_d&layer=features.2")
    # Two 3×3: unit (r, c) sees five pixels each way around pixel (r, c).
    assert box(visitor) == [110, 114, 110, 114]
    visitor.find("#field-box").scroll_into_view_if_needed()
    click_pixel(visitor, 40, 90, 224)
    visitor.page.wait_for_function("location.search.includes('unit=')")
    visitor.quiet()
    row, column = (int(part) for part in re.findall(r"unit=(\d+)%2C(\d+)", visitor.query)[0])
    assert abs(row - 90) <= 1  # a pixel of the picture is about a pixel of the screen
    assert abs(column - 40) <= 1
    assert box(visitor) == [row - 2, row + 2, column - 2, column + 2]
    assert visitor.words("#field-unit") == f"Unit ({row}, {column}) of the 224 × 224 map of features.2"
    visitor.reload()
    assert box(visitor) == [row - 2, row + 2, column - 2, column + 2]


def test_a_layer_is_chosen_and_both_paths_are_shown(visit: Visit) -> None:
    visitor = visit("/?tab=field&model=resnet20")
    visitor.choose("field-layer", "layer1.0.add (7 px)")
    visitor.wait_for_query("layer=layer1.0.add")
    assert "layer1.0.add" in visitor.words("#field-unit")
    top, bottom, left, right = box(visitor)
    assert bottom - top == right - left == 6
    legend = visitor.find("#field-box .legendtext").all_text_contents()
    assert legend == ["all layers: 7 px", "shortcuts only: 3 px"]
    # A layer belongs to its net.
    visitor.choose("arch", "ResNet-32 (CIFAR)")
    visitor.wait_for_query("model=resnet32")
    assert "layer=" not in visitor.query


def test_the_effective_field_follows(visit: Visit) -> None:
    visitor = visit("/?tab=field&model=resnet20&layer=layer1.0.add")
    caption = visitor.drawn("field-effective").locator("figcaption")
    expect(caption).to_contain_text("this net is untrained")
    expect(caption).to_contain_text(re.compile(r"Mean of \d+ pictures of noise"))
    first = caption.inner_text()
    visitor.choose("field-layer", "layer2.2.add (37 px)")  # 3 + 6·2 + 2 + 5·4
    expect(caption).not_to_have_text(first)
    expect(caption).to_contain_text("Half of the gradient falls on")
    # Both pictures are of one size, side by side.
    left, right = (
        visitor.find(f"#{name} .plot .nsewdrag").first.bounding_box() for name in ("field-box", "field-effective")
    )
    assert left is not None
    assert right is not None
    assert abs(left["width"] - right["width"]) <= 12
    assert abs(left["y"] - right["y"]) <= 2
    assert right["x"] > left["x"] + left["width"]


def photograph() -> Image.Image:
    """Red above white."""
    image = Image.new("RGB", (64, 64), (255, 255, 255))
    image.paste((200, 0, 0), (0, 0, 64, 32))
    return image


def turned(file: Path) -> Path:
    exif = Image.Exif()
    exif[0x0112] = 6
    photograph().transpose(Image.Transpose.ROTATE_90).save(file, exif=exif, quality=95)
    return file


def shown_picture(visitor: Visitor) -> Image.Image:
    source = visitor.page.evaluate(
        "document.querySelector('#field-box .plot').data.find((trace) => trace.type === 'image').source"
    )
    import base64

    return Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2])))


def bring(visitor: Visitor, file: Path) -> None:
    with visitor.page.expect_file_chooser() as chooser:
        visitor.find("#field-upload").click()
    chooser.value.set_files(str(file))


@pytest.mark.slow
def test_a_picture_of_ones_own(visit: Visit, tmp_path: Path) -> None:
    visitor = visit("/?tab=field&model=resnet20")
    visitor.drawn("field-box")
    bring(visitor, turned(tmp_path / "held upright.jpg"))
    visitor.page.wait_for_function("location.search.includes('picture=own-')")
    visitor.quiet()
    picture = shown_picture(visitor)
    assert picture.size == (32, 32)
    assert picture.getpixel((4, 4))[1] < 60  # red above
    assert picture.getpixel((28, 4))[1] < 60
    assert picture.getpixel((4, 28))[1] > 200  # white below
    expect(visitor.find("#field-picture input")).to_have_value("your picture")
    # The link keeps it, and another can be chosen after it.
    visitor.reload()
    visitor.drawn("field-box")
    assert shown_picture(visitor).getpixel((4, 4))[1] < 60
    visitor.choose("field-picture", "Cat")
    visitor.wait_for_query("picture=chelsea")


@pytest.mark.parametrize(
    "path",
    [
        "/ko?tab=field&model=resnet20&picture=coffee",
        pytest.param("/?tab=field&model=resnet20&picture=coffee", marks=pytest.mark.slow),
    ],
)
def test_a_file_that_is_no_picture(visit: Visit, tmp_path: Path, path: str) -> None:
    file = tmp_path / "notes.png"
    file.write_text("Not a picture.", encoding="utf-8")
    visitor = visit(path)
    before = visitor.caption("field-box")
    bring(visitor, file)
    problem = visitor.find("#field-problem [role=alert]")
    expect(problem).to_contain_text("notes.png")
    expect(problem).to_contain_text(
        "읽을 수 있는 사진이 아닙니다" if "/ko" in path else "is no picture that can be read"
    )
    visitor.wait_for_query("picture=coffee")
    assert visitor.caption("field-box") == before
    # The app goes on: the same button takes a good one.
    bring(visitor, turned(tmp_path / "good.jpg"))
    visitor.page.wait_for_function("location.search.includes('picture=own-')")
    expect(problem).to_have_count(0)


def test_lessons_answer_to_the_keyboard(visit: Visit) -> None:
    visitor = visit("/?tab=field&model=resnet20")
    assert "3 × 3×3 has 1 769 472 weights, 7×7 3 211 264" in visitor.caption("chart-stacked")
    slider = visitor.find("#stacked-count input[type=range]")
    slider.focus()
    visitor.page.keyboard.press("ArrowLeft")
    caption = visitor.find("#chart-stacked figcaption")
    # 2·9·256² and 25·256²
    expect(caption).to_contain_text("2 × 3×3 has 1\u202f179\u202f648 weights, 5×5 1\u202f638\u202f400")
    expect(caption).to_contain_text("Both see 5 px.")
    visitor.page.keyboard.press("Home")
    expect(caption).to_contain_text("Both have 589\u202f824 weights.")
    visitor.page.get_by_role("button", name="A bottleneck or two 3×3?").click()
    assert "16.94 times as many" in visitor.caption("chart-bottleneck")


def test_charts_that_stay_keep_their_hatches_when_the_address_changes(visit: Visit) -> None:
    visitor = visit("/?tab=field&model=resnet20")
    visitor.drawn("chart-stacked")
    visitor.choose("field-picture", "Coffee")
    visitor.wait_for_query("picture=coffee")
    assert visitor.find("#chart-stacked .plot .bars path").count() == 8
    assert visitor.lost_references() == []
