"""The Compare tab as a person uses it."""

from __future__ import annotations

from conftest import Visit
from playwright.sync_api import expect


def test_a_pair_is_a_click_away(visit: Visit) -> None:
    visitor = visit("/?tab=compare")
    assert "vgg_d" in visitor.caption("compare-totals")
    visitor.page.get_by_role("button", name="plain-34 ↔ ResNet-34").click()
    visitor.wait_for_query("model=plain34", "vs=resnet34", "vs.shortcut=A")
    visitor.quiet()
    caption = visitor.caption("compare-totals")
    assert "resnet34 · shortcut A against plain34" in caption
    assert "parameters" not in caption  # zero padding costs nothing
    expect(visitor.find("#arch input")).to_have_value("Plain-34")
    table = visitor.find("#compare-table table")
    same = table.locator("tr", has=visitor.page.get_by_role("rowheader", name="parameters", exact=True))
    expect(same).not_to_have_class("differs")
    assert same.inner_text().split("\t")[1:3] == ["21.6\u202fM", "21.6\u202fM"] or "21.6" in same.inner_text()
    shortcuts = table.locator("tr.differs").filter(has_text="Shortcuts")
    expect(shortcuts).to_have_count(1)
    # Published errors, set apart from what is counted: ResNet, table 3.
    published = table.locator("tr.published").filter(has_text="28.54")
    expect(published).to_contain_text("25.03")
    expect(published).to_contain_text("ResNet, table 3")


def test_the_second_net_has_a_picker_of_its_own(visit: Visit) -> None:
    visitor = visit("/?tab=compare&model=resnet18")
    visitor.page.get_by_role("button", name="Choose the second net").click()
    visitor.choose("other-group", "VGG with batch norm")
    visitor.wait_for_query("model=resnet18", "vs=vgg_a_bn")
    visitor.choose("other-arch", "VGG E + BN")
    visitor.wait_for_query("model=resnet18", "vs=vgg_e_bn")
    expect(visitor.find("#other-option-head")).to_be_visible()
    expect(visitor.find("#other-option-shortcut")).to_be_hidden()
    assert "vgg_e_bn against resnet18" in visitor.caption("compare-totals")
    expect(visitor.find("#arch input")).to_have_value("ResNet-18")
    visitor.type_into("other-option-image_size", "8")
    expect(visitor.find("#compare-problem [role=alert]")).to_contain_text("8")
    expect(visitor.find("#problem [role=alert]")).to_have_count(0)
    visitor.wait_for_query("model=resnet18", "vs=vgg_e_bn")


def test_rows_side_by_side_are_searched(visit: Visit) -> None:
    visitor = visit("/?tab=compare&model=vgg_b&vs=vgg_d")
    rows = visitor.find("#compare-rows")
    rows.get_by_role("searchbox").fill("conv 3 × 3")
    expect(rows.locator("tbody tr")).to_have_count(13)  # D's; B has ten of them
    expect(rows.locator("tbody tr:has(td.differs)")).to_have_count(3)
    name, content = visitor.download(rows.get_by_role("button", name="CSV"))
    assert name == "vgg_b-vgg_d.csv"
    assert content.count("conv 3 × 3") == 10 + 13


def test_the_tables_of_the_papers(visit: Visit) -> None:
    visitor = visit("/?tab=compare")
    visitor.page.get_by_role("button", name="VGG A to E, as in the paper's table 1").click()
    table = visitor.find("table.figure1")
    expect(table).to_be_visible()
    # Bold is what a net adds to the one before; in the third stage C adds a 1×1, D makes it a 3×3.
    assert table.locator("b").all_inner_texts().count("conv1-256") == 1
    assert table.locator("b").all_inner_texts()[0] == "LRN"
    expect(table.locator("tr.published").last).to_contain_text("27.0")
    visitor.page.get_by_role("button", name="Shortcut options A, B and C on ResNet-34").click()
    options = visitor.find("#shortcut-table table.compare tbody tr")
    expect(options).to_have_count(4)
    expect(options.last).to_contain_text("24.19")
