"""The Architecture tab as a person uses it: look, choose, sort, search, save."""

from __future__ import annotations

import csv
import io

import pytest
from conftest import Visit, Visitor
from playwright.sync_api import expect


def figures(visitor: Visitor) -> list[str]:
    """The four figures above the diagram."""
    return [figure.replace("\u202f", " ") for figure in visitor.find("#stats .figure").all_inner_texts()]


def paths(visitor: Visitor, rows: str = "tbody tr") -> list[str]:
    """The first column of the layer table, without the fold marks."""
    cells = visitor.find(f"#layer-table {rows} td:first-child").all_inner_texts()
    return [cell.lstrip("▸▾").strip() for cell in cells]


def test_something_is_there_before_anything_is_chosen(visit: Visit) -> None:
    visitor = visit("/")
    assert visitor.page.title() == "explorer: why convolutional nets got deep"
    expect(visitor.find("#net-title h3")).to_have_text("VGG D")
    assert figures(visitor) == ["138.4 M", "15.5 G", "61 MB", "212 px"]
    assert "No shortcut" in visitor.caption("diagram")
    assert "74.3 %" in visitor.caption("layer-costs")  # 102 764 544 of 138 357 544 are the first FC layer's
    assert "grows from 3 px to 212 px" in visitor.caption("field-growth")
    assert visitor.query == "?tab=architecture&model=vgg_d"


def test_choosing_resnet34_changes_every_figure(visit: Visit) -> None:
    visitor = visit("/")
    visitor.choose("group", "ResNet · ImageNet")
    visitor.choose("arch", "ResNet-34")
    visitor.wait_for_query("model=resnet34")
    expect(visitor.find("#net-title h3")).to_have_text("ResNet-34")
    assert figures(visitor) == ["21.8 M", "3.7 G", "37 MB", "899 px"]
    assert "16 shortcuts" in visitor.caption("diagram")
    assert "3 × CONV block (projection)" in visitor.caption("diagram")
    visitor.pick("option-shortcut", "A · zero padding")
    visitor.wait_for_query("model=resnet34", "shortcut=A")
    assert figures(visitor)[0] == "21.6 M"
    assert "3 × padding block" in visitor.caption("diagram")
    visitor.page.get_by_text("The Python that rebuilds it").click()
    expect(visitor.find("#python pre")).to_contain_text("ModelConfig('resnet34', shortcut='A')")
    assert visitor.words("#stats .stat:last-child") == "Receptive field 899 px"


def test_options_that_do_not_apply_are_hidden(visit: Visit) -> None:
    visitor = visit("/")
    expect(visitor.find("#option-head")).to_be_visible()
    expect(visitor.find("#option-shortcut")).to_be_hidden()
    visitor.choose("group", "ResNet · ImageNet")
    expect(visitor.find("#option-shortcut")).to_be_visible()
    expect(visitor.find("#option-head")).to_be_hidden()
    visitor.find("#option-residual input").click()  # without shortcuts, no choice among them
    visitor.wait_for_query("residual=false")
    expect(visitor.find("#option-shortcut")).to_be_hidden()
    assert "No shortcut" in visitor.caption("diagram")


def test_an_impossible_size_is_said_beside_the_widgets_and_all_else_stays(visit: Visit) -> None:
    visitor = visit("/?tab=architecture&model=resnet34&shortcut=A")
    before = figures(visitor)
    visitor.type_into("option-image_size", "2")
    problem = visitor.find("#problem [role=alert]")
    expect(problem).to_contain_text("image_size=2 is too small for resnet34")
    assert figures(visitor) == before
    assert visitor.query == "?tab=architecture&model=resnet34&shortcut=A"
    expect(visitor.find("#net-title h3")).to_contain_text("ResNet-34")
    visitor.type_into("option-image_size", "112")
    visitor.wait_for_query("image_size=112")
    expect(problem).to_have_count(0)
    # The maps are 56, 28, 14, 7 and 4 px: 29.5 + 173.4 + 216.8 + 332.4 + 207.6 + 0.5 million.
    assert figures(visitor)[1] == "960.2 M"


def test_a_depth_that_is_not_listed_can_be_typed(visit: Visit) -> None:
    visitor = visit("/?model=resnet20")
    visitor.type_into("arch", "resnet26")
    visitor.wait_for_query("model=resnet26")
    expect(visitor.find("#net-title h3")).to_contain_text("ResNet-26")
    visitor.type_into("arch", "resnet27")
    expect(visitor.find("#problem [role=alert]")).to_contain_text("resnet27")
    visitor.wait_for_query("model=resnet26")


def test_the_layer_table_folds_sorts_and_searches(visit: Visit) -> None:
    visitor = visit("/?model=resnet34")
    table = visitor.find("#layer-table")
    expect(table.locator(".status")).to_have_text("126 rows")
    # Four rows of the stem and the picture, 16 blocks, the head and the total.
    folded = paths(visitor)
    assert folded[:6] == ["input", "conv1", "bn1", "relu", "maxpool", "layer1.0"]
    assert [path for path in folded if path.startswith("layer")] == [
        f"layer{stage}.{block}" for stage, blocks in ((1, 3), (2, 4), (3, 6), (4, 3)) for block in range(blocks)
    ]
    assert folded[-1] == "total"

    fold = table.get_by_role("button", name="layer2.0", exact=True)
    assert fold.get_attribute("aria-expanded") == "false"
    fold.focus()
    visitor.page.keyboard.press("Enter")
    expect(table.get_by_role("button", name="layer2.0", exact=True)).to_have_attribute("aria-expanded", "true")
    assert [path for path in paths(visitor) if path.startswith("layer2.0.")][:3] == [
        *("layer2.0.conv1", "layer2.0.bn1", "layer2.0.relu1"),
    ]
    table.get_by_role("button", name="Unfold all").click()
    assert len(paths(visitor)) == 126 + 16 + 1
    table.get_by_role("button", name="Fold all", exact=True).click()
    assert paths(visitor) == folded

    table.get_by_role("button", name="parameters").click()
    # The largest are the 3×3 of the last stage, 9·512·512 = 2 359 296.
    assert set(paths(visitor)[:5]) == {
        *("layer4.0.conv2", "layer4.1.conv1", "layer4.1.conv2", "layer4.2.conv1", "layer4.2.conv2"),
    }
    expect(table.locator("thead th").nth(3)).to_have_attribute("aria-sort", "descending")
    table.get_by_role("button", name="parameters").click()
    expect(table.locator("thead th").nth(3)).to_have_attribute("aria-sort", "ascending")
    table.get_by_role("button", name="parameters").click()
    assert paths(visitor) == folded

    table.get_by_role("searchbox").fill("downsample")
    found = paths(visitor)
    assert len(found) == 6  # a 1×1 and its norm in three blocks
    assert all("downsample" in path for path in found)
    expect(table.locator(".status")).to_have_text("6 rows")
    table.get_by_role("searchbox").fill("no such layer")
    expect(table.locator(".status")).to_have_text("0 rows")
    table.get_by_role("searchbox").fill("")
    assert paths(visitor) == folded


def test_the_layer_table_is_saved_as_csv_and_markdown(visit: Visit) -> None:
    visitor = visit("/?model=resnet34&shortcut=A")
    table = visitor.find("#layer-table")
    name, content = visitor.download(table.get_by_role("button", name="CSV"))
    assert name.endswith(".csv")
    assert "resnet34" in name
    assert content.startswith("\ufeff")  # so that a spreadsheet reads the × right
    head, *rows = list(csv.reader(io.StringIO(content.removeprefix("\ufeff"))))
    assert head[:4] == ["layer", "operation", "output", "parameters"]
    parameters = [int(row[3]) for row in rows]
    assert sum(parameters) == 21_623_848
    conv1 = next(row for row in rows if row[0] == "conv1")
    # 3·64·7·7 weights at 112·112 places
    assert conv1[1:5] == ["conv 7 × 7 / 2", "64 × 112 × 112", "9408", "118013952"]

    name, content = visitor.download(table.get_by_role("button", name="Markdown"))
    assert name.endswith(".md")
    lines = content.splitlines()
    assert lines[0].startswith("| layer | operation | output | parameters | MACs |")
    assert set(lines[1].replace("|", "").split()) == {"---"}
    assert len(lines) == len(rows) + 2
    assert {line.count("|") for line in lines} == {len(head) + 1}


def test_the_data_behind_a_chart_unfold_and_are_saved(visit: Visit) -> None:
    visitor = visit("/")
    chart = visitor.drawn("layer-costs")
    chart.get_by_text("Data", exact=True).click()
    expect(chart.locator("table.plain tbody tr")).to_have_count(21)  # 13 convolutions, 5 poolings, 3 FC
    _, content = visitor.download(chart.get_by_role("button", name="Save as CSV"))
    head, *rows = list(csv.reader(io.StringIO(content.removeprefix("\ufeff"))))
    column = head.index("parameters")
    assert sum(int(row[column]) for row in rows) == 138_357_544
    visitor.choose("arch", "VGG A")
    expect(chart.locator("table.plain tbody tr")).to_have_count(16)  # an open table follows


def test_the_python_is_copied(visit: Visit) -> None:
    visitor = visit("/?model=resnet34&shortcut=A", permissions=["clipboard-read", "clipboard-write"])
    visitor.page.get_by_text("The Python that rebuilds it").click()
    button = visitor.find("#python").get_by_role("button")
    expect(button).to_have_text("Copy")
    button.click()
    expect(button).to_have_text("Copied")
    assert "ModelConfig('resnet34', shortcut='A')" in visitor.page.evaluate("navigator.clipboard.readText()")


@pytest.mark.parametrize(
    "model",
    ["googlenet", *(pytest.param(one, marks=pytest.mark.slow) for one in ("resnet152", "preact_resnet164", "lenet5"))],
)
def test_nets_of_all_kinds_are_drawn(visit: Visit, model: str) -> None:
    visitor = visit(f"/?model={model}")
    for chart in ("diagram", "layer-costs", "field-growth"):
        assert visitor.caption(chart).endswith(".")
        marks = visitor.find(f"#{chart} .plot .main-svg").first.bounding_box()
        assert marks is not None
        assert marks["width"] > 800
    # Everything that is drawn with a hatch or a clip finds it.
    assert visitor.lost_references() == []
