"""What the tabs show of every net: valid, complete, in the reader's language, and in agreement with the layer table."""

from __future__ import annotations

import html.parser
import json
import re
from typing import Any

import pytest

from explorer import units
from explorer.analysis.layer_table import layer_table
from explorer.app import architecture, compare, field
from explorer.app.address import PageState
from explorer.app.widgets import problem
from explorer.catalog import list_models
from explorer.config import ModelConfig
from explorer.errors import ExplorerError
from explorer.figures.layer_costs import layer_costs_data
from explorer.figures.steps import steps

DEEP = ("101", "110", "152", "164", "200")
NETS = [
    pytest.param(name, marks=pytest.mark.slow) if name.endswith(DEEP) and name != "resnet152" else name
    for name in list_models()
    if not name.endswith(("1001", "1202"))
] + ["resnet26"]
HANGUL = re.compile("[가-힣]")
LEFT_OPEN = re.compile(r"\{[a-z_]+\}|\bNone\b|\bnan\b|\binf\b")
"""What a sentence shows where a value was forgotten."""


class Tags(html.parser.HTMLParser):
    """Reads HTML, and counts what was opened and not closed."""

    VOID = frozenset({"br", "hr", "img", "input"})

    def __init__(self, source: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(source)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def words_of(source: str) -> str:
    """What a person reads of some HTML, which must be well formed."""
    return " ".join(" ".join(Tags(source).words).split())


def check_words(words: str, language: str) -> None:
    assert words.strip()
    assert not LEFT_OPEN.search(words), words
    if language == "en":
        assert not HANGUL.search(words), words


def check_card(value: str, language: str) -> dict[str, Any]:
    """A chart card: strict JSON with a figure, a sentence and the plotted data."""
    card = json.loads(value, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    check_words(card["caption"], language)
    assert card["caption"].rstrip()[-1] in ".)"
    assert bool(HANGUL.search(card["caption"])) == (language == "ko")
    assert card["figure"]["data"]
    assert re.fullmatch(r"\w+", card["name"])
    for title in card["table"]["titles"]:
        check_words(title, language)
    assert card["table"]["rows"]
    assert {len(row) for row in card["table"]["rows"]} == {len(card["table"]["titles"])}
    for trace in card["figure"]["data"]:
        if trace.get("showlegend", True) and trace["type"] != "image" and trace.get("name"):
            check_words(trace["name"], language)
    return card


def check_layer_table(value: str, language: str) -> dict[str, Any]:
    table = json.loads(value)
    width = len(table["columns"])
    for line in [*table["rows"], *table["blocks"], *([table["total"]] if "total" in table else [])]:
        assert len(line["cells"]) == width
    for column in table["columns"]:
        check_words(column["title"], language)
    assert all(0 <= row["block"] < len(table["blocks"]) for row in table["rows"] if row["block"] is not None)
    return table


def column(table: dict[str, Any], lines: str, index: int) -> list[int]:
    """The figures behind a column's cells, [shown, figure, exact]; 0 where a line has none."""
    return [line["cells"][index][1] if line["cells"][index] else 0 for line in table[lines]]


def words_of_figure(card: dict[str, Any]) -> str:
    return json.dumps(card["figure"]["layout"], ensure_ascii=False)


# ---------------------------------------------------------------- Architecture


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("name", NETS)
def test_architecture(name: str, language: str) -> None:
    config = ModelConfig(name)
    table = layer_table(config)
    heading, strip, diagram, costs, growth, rows, code = architecture.show(PageState("architecture", config), language)
    assert config.entry.title in heading
    assert str(config.entry.weight_layers) in heading
    check_words(heading, language)
    seen = words_of(strip)
    check_words(seen, language)
    assert units.count(table.totals.params) in seen
    assert units.macs(table.totals.macs) in seen
    assert units.size(table.totals.activation_bytes) in seen
    check_card(diagram, language)
    check_card(growth, language)
    assert name in words_of(code)

    card = check_card(costs, language)
    titles, shares = card["table"]["titles"], {}
    for place, total in ((-3, table.totals.params), (-2, table.totals.macs), (-1, table.totals.activation_bytes)):
        shares[titles[place]] = sum(row[place] for row in card["table"]["rows"])
        picture = table.rows[0].activation_bytes if place == -1 else 0
        assert shares[titles[place]] == total - picture

    layers = check_layer_table(rows, language)
    assert len(layers["rows"]) == len(table.rows)
    for index, total in enumerate(
        (table.totals.params, table.totals.macs, table.totals.activation_bytes, table.totals.training_bytes), start=3
    ):
        assert layers["total"]["cells"][index][1] == total
        assert sum(column(layers, "rows", index)) == total
        outside = sum(row["cells"][index][1] for row in layers["rows"] if row["block"] is None)
        assert sum(column(layers, "blocks", index)) + outside == total


def strip_of(config: ModelConfig, language: str = "en") -> str:
    return words_of(architecture.headline(layer_table(config), language)).replace("\u202f", " ")


def test_the_four_figures_as_the_papers_have_them() -> None:
    # 138 357 544 parameters, 15 470 264 320 MACs, 61 MB: VGG D. The field is worked out in the receptive-field tests.
    assert strip_of(ModelConfig("vgg_d")) == (
        "Parameters 138.4 M MACs a picture 15.5 G Activations a picture 61 MB Receptive field 212 px"
    )
    # 21 797 672 parameters with projections; with zero padding 64·128 + 128·256 + 256·512 weights and
    # 2·(128 + 256 + 512) batch-norm figures fewer, 21 623 848.
    assert "Parameters 21.8 M MACs a picture 3.7 G" in strip_of(ModelConfig("resnet34"))
    assert "Parameters 21.6 M" in strip_of(ModelConfig("resnet34", shortcut="A"))
    assert strip_of(ModelConfig("resnet34")).endswith("Receptive field 899 px")
    assert "Parameters 25.6 M MACs a picture 4.1 G" in strip_of(ModelConfig("resnet50"))
    # 0.27 M, as the ResNet paper has it for ResNet-20 (table 6).
    assert "Parameters 269.7 k" in strip_of(ModelConfig("resnet20"))
    # The gates of squeeze-and-excitation see everything.
    assert strip_of(ModelConfig("se_resnet50")).endswith("Receptive field whole picture")
    assert "파라미터 138.4 M" in strip_of(ModelConfig("vgg_d"), "ko")


def test_exact_figures_are_on_hover() -> None:
    strip = architecture.headline(layer_table(ModelConfig("vgg_d")), "en").replace("\u202f", " ")
    assert 'title="138 357 544"' in strip
    assert 'title="15 470 264 320"' in strip
    assert 'title="on the smallest path: 212 px"' in strip
    assert 'title="on the smallest path: 11 px"' in architecture.headline(layer_table(ModelConfig("resnet34")), "en")


def test_the_heading_says_what_was_changed() -> None:
    assert architecture.heading(ModelConfig("resnet34"), "en").startswith("### ResNet-34\n34 weight layers · He et al.")
    assert "ResNet-34 · Shortcut: A" in architecture.heading(ModelConfig("resnet34", shortcut="A"), "en")


def test_the_python_shown_rebuilds_the_net() -> None:
    config = ModelConfig("resnet18", shortcut="C", image_size=96, width=0.25, preact=True)
    names: dict[str, Any] = {}
    exec(architecture.python_code(config), names)
    assert names["config"] == config
    assert sum(parameter.numel() for parameter in names["model"].parameters()) == layer_table(config).totals.params
    assert names["table"].totals == layer_table(config).totals


def test_the_diagram_has_an_arc_for_each_shortcut() -> None:
    def arcs(config: ModelConfig) -> dict[str, int]:
        card = json.loads(architecture.diagram(config, "en"))
        lines = [trace for trace in card["figure"]["data"] if trace["type"] == "scatter"]
        return {line["name"]: line["y"].count(None) for line in lines}

    assert arcs(ModelConfig("vgg_d")) == {}
    # 3 + 4 + 6 + 3 blocks, of which the first of stages 2 to 4 grow.
    assert arcs(ModelConfig("resnet34")) == {"ID block (identity)": 13, "CONV block (projection)": 3}
    assert arcs(ModelConfig("resnet34", shortcut="A")) == {"ID block (identity)": 13, "padding block (option A)": 3}
    assert arcs(ModelConfig("resnet34", shortcut="C")) == {"CONV block (projection)": 16}
    assert arcs(ModelConfig("plain34")) == {}
    # 3 + 8 + 36 + 3 bottlenecks; the first of each stage widens.
    assert arcs(ModelConfig("resnet152")) == {"ID block (identity)": 46, "CONV block (projection)": 4}


@pytest.mark.parametrize("name", ["vgg_d", "resnet34", "resnet50", "preact_resnet20", "se_resnet50", "googlenet"])
def test_steps_add_up(name: str) -> None:
    """The charts leave nothing out but the picture itself, which is no layer's output."""
    table = layer_table(ModelConfig(name))
    gathered = steps(table)
    assert [step.number for step in gathered] == list(range(1, len(gathered) + 1))
    assert sum(step.params for step in gathered) == table.totals.params
    assert sum(step.macs for step in gathered) == table.totals.macs
    picture = 3 * table.input_shape[1] * table.input_shape[2] * 4
    assert sum(step.activation_bytes for step in gathered) + picture == table.totals.activation_bytes
    assert list(layer_costs_data(table)["number"]) == [step.number for step in gathered]


# ---------------------------------------------------------------- Compare


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("name", NETS)
def test_compare(name: str, language: str) -> None:
    config, other = ModelConfig(name), ModelConfig("resnet34")
    totals, table, running, rows, figure1, shortcuts, *picker_updates = compare.show(
        PageState("compare", config, other), language
    )
    check_card(totals, language)
    check_card(running, language)
    layers = check_layer_table(rows, language)
    assert sum(column(layers, "rows", 3)) == layer_table(config).totals.params
    assert sum(column(layers, "rows", 7)) == layer_table(other).totals.params
    for source in (table, figure1, shortcuts):
        check_words(words_of(source), language)
    seen = words_of(table)
    assert units.count(layer_table(config).totals.params) in seen
    assert units.count(layer_table(other).totals.params) in seen
    assert picker_updates[1]["value"] == "resnet34"


@pytest.mark.parametrize("key", compare.PAIRS)
@pytest.mark.parametrize("language", ["en", "ko"])
def test_pairs(key: str, language: str) -> None:
    before = PageState("compare", ModelConfig("vgg_a"), layer="features.0", unit=(1, 1), picture="coffee")
    state = compare.choose_pair(key)(before)
    assert (state.model, state.other) == compare.PAIRS[key]
    assert (state.tab, state.layer, state.unit, state.picture) == ("compare", "", None, "coffee")
    caption = check_card(compare.show(state, language)[0], language)["caption"]
    assert state.model.arch in caption
    assert state.other.arch in caption


def lines_of(table: str) -> dict[str, tuple[bool, list[str]]]:
    """The lines of the Compare table: whether a line is marked, and its cells, by its heading."""
    lines = {}
    for attributes, line in re.findall(r"<tr([^>]*)>(.*?)</tr>", table):
        heading = re.search(r"<th scope='row'>(.*?)</th>", line)
        if heading:
            cells = [words_of(cell).replace("\u202f", " ") for cell in re.findall(r"<td>(.*?)</td>", line)]
            lines[words_of(heading.group(1))] = ("differs" in attributes, cells)
    return lines


def test_what_differs_is_marked_and_the_rest_is_not() -> None:
    lines = lines_of(compare.totals_table(ModelConfig("plain34"), ModelConfig("resnet34", shortcut="A"), "en"))
    # Shortcuts with zero padding cost nothing: no parameter, no multiply-add.
    assert lines["parameters"] == (False, ["21.6 M", "21.6 M", ""])
    assert lines["MACs"][0] is False
    assert lines["field on the smallest path"][0] is True
    assert lines["Shortcuts"] == (True, ["no", "yes", ""])
    assert lines["Shortcut"] == (True, ["–", "A · zero padding", ""])
    assert lines["Normalisation"] == (False, ["Batch norm", "Batch norm", ""])
    lines = lines_of(compare.totals_table(ModelConfig("vgg_d"), ModelConfig("resnet34"), "en"))
    # 21 797 672 / 138 357 544 = 0.1575
    assert lines["parameters"] == (True, ["138.4 M", "21.8 M", "× 0.158"])
    assert lines["weight layers"] == (True, ["16", "34", "× 2.12"])


def test_published_errors_stand_beside_with_their_source() -> None:
    plain, residual = ModelConfig("plain34"), ModelConfig("resnet34", shortcut="A")
    table = compare.totals_table(plain, residual, "en")
    seen = [words_of(line).replace("\u202f", " ") for line in re.findall(r"<tr class='published'>(.*?)</tr>", table)]
    # ResNet, table 3: plain-34 28.54 %, ResNet-34 A 25.03 % top-1 with ten crops.
    assert any("28.54 %" in line and "25.03 %" in line and "ResNet, table 3" in line for line in seen)
    others = re.findall(r"<tr(?! class='published')[^>]*>(.*?)</tr>", table)
    assert len(others) > 15
    assert not any("28.54" in line for line in others)


def test_nets_that_nobody_published_say_so() -> None:
    table = compare.totals_table(ModelConfig("resnet26"), ModelConfig("plain74"), "en")
    assert "Nothing published about these very nets." in words_of(table)
    table = compare.totals_table(ModelConfig("resnet34", width=0.5), ModelConfig("vgg_d", head="slim"), "en")
    assert "Nothing published about these very nets." in words_of(table)


@pytest.mark.parametrize("language", ["en", "ko"])
def test_a_net_beside_itself(language: str) -> None:
    config = ModelConfig("resnet34")
    assert compare.names(config, config) == ("resnet34 (1)", "resnet34 (2)")
    card = check_card(compare.totals_chart(config, config, language), language)
    same = {"en": "resnet34 (1) and resnet34 (2) have the same totals.", "ko": "합계는 같습니다."}[language]
    assert same in card["caption"]
    assert "class='differs'" not in compare.totals_table(config, config, language)
    table = json.loads(compare.rows_value(config, config, language))
    assert len(table["rows"]) == len(layer_table(config).rows)
    assert not any(row["marks"] for row in table["rows"])


def test_equal_layers_are_on_one_line() -> None:
    """VGG B and D share all of B's layers; D has one convolution more in each of stages 3 to 5, with its ReLU."""
    table = json.loads(compare.rows_value(ModelConfig("vgg_b"), ModelConfig("vgg_d"), "en"))
    both = [row for row in table["rows"] if row["cells"][0] and row["cells"][4]]
    only_d = [row for row in table["rows"] if not row["cells"][0]]
    assert len(both) == len(layer_table(ModelConfig("vgg_b")).rows)
    assert [row["cells"][5] for row in only_d] == ["conv 3 × 3", "ReLU"] * 3
    assert all(row["marks"] for row in only_d)
    assert not any(row["marks"] for row in both)


def test_the_papers_table_of_vgg_nets() -> None:
    table = compare.vgg_table("en").replace("\u202f", " ")
    head = [words_of(cell) for cell in re.findall(r"<th\b[^>]*>(.*?)</th>", table)]
    assert head == [
        *("A 11 weight layers", "A-LRN 11 weight layers", "B 13 weight layers"),
        *("C 16 weight layers", "D 16 weight layers", "E 19 weight layers"),
    ]
    lines = [re.findall(r"<td[^>]*>(.*?)</td>", line) for line in re.findall(r"<tr\b[^>]*>(.*?)</tr>", table)]
    # The bold of the paper's table 1: what a net has more than the one before.
    assert lines[1] == [
        "conv3-64",
        "conv3-64<br><b>LRN</b>",
        "conv3-64<br><b>conv3-64</b>",
        *["conv3-64<br>conv3-64"] * 3,
    ]
    third = lines[5]
    assert third[:3] == ["conv3-256<br>conv3-256"] * 3
    assert third[3] == "conv3-256<br>conv3-256<br><b>conv1-256</b>"
    assert sorted(third[4].split("<br>")) == ["<b>conv3-256</b>", "conv3-256", "conv3-256"]
    assert third[5].count("<b>") == 1
    assert third[5].count("conv3-256") == 4
    # Table 2 of the paper has 133, 133, 134, 138, 144 million for A, B, C, D, E.
    assert ["132.9 M", "132.9 M", "133.0 M", "133.6 M", "138.4 M", "143.7 M"] in lines
    # Table 3, one test scale: A 29.6, A-LRN 29.7, B 28.7, C 28.1, D 27.0, E 27.3.
    assert [words_of(cell) for cell in lines[-1]] == ["29.6 %", "29.7 %", "28.7 %", "28.1 %", "27.0 %", "27.3 %"]


def test_the_shortcut_table() -> None:
    table = compare.shortcut_table("en").replace("\u202f", " ")
    lines = [
        [words_of(cell) for cell in re.findall(r"<t[hd]\b[^>]*>(.*?)</t[hd]>", line)]
        for line in re.findall(r"<tr\b[^>]*>(.*?)</tr>", table)
    ][1:]
    assert [line[0] for line in lines] == [
        *("plain", "A · zero padding", "B · projection where needed", "C · projection everywhere"),
    ]
    # projections, zero paddings, identities
    assert [line[3:6] for line in lines] == [["0", "0", "0"], ["0", "3", "13"], ["3", "0", "13"], ["16", "0", "0"]]
    # 21 797 672 less 172 032 weights and 1792 batch-norm figures of the projections.
    assert [line[1] for line in lines[:3]] == ["21 623 848", "21 623 848", "21 797 672"]
    # ResNet, table 3.
    assert [line[6:] for line in lines] == [
        ["28.54 %", "10.02 %"],
        ["25.03 %", "7.76 %"],
        ["24.52 %", "7.46 %"],
        ["24.19 %", "7.40 %"],
    ]


# ---------------------------------------------------------------- Receptive field


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("name", NETS)
def test_field(name: str, language: str) -> None:
    config = ModelConfig(name)
    layer, picture, unit, box, request = field.show(PageState("field", config), language)
    labels = [label for label, _ in layer["choices"]]
    paths = [path for _, path in layer["choices"]]
    assert layer["value"] in paths
    assert len(set(paths)) == len(paths)
    assert all("px)" in label or "whole" in label or HANGUL.search(label) for label in labels)
    assert [value for _, value in picture["choices"]] == list(field.PHOTOGRAPHS)
    assert layer["value"] in unit
    check_words(unit, language)
    card = check_card(box, language)
    for _, *edges in card["table"]["rows"]:
        assert all(0 <= edge <= config.image_size for edge in edges)
    assert request.startswith("?tab=field")


def test_the_default_unit_is_the_middle_one() -> None:
    row, _, unit = field.chosen(PageState("field", ModelConfig("vgg_d"), layer="features.0"))
    assert (row.path, unit) == ("features.0", (112, 112))


def test_the_default_layers_field_leaves_room_around() -> None:
    for name in ("vgg_d", "resnet34", "resnet20", "alexnet"):
        config = ModelConfig(name)
        row, receptive, _ = field.chosen(PageState("field", config))
        assert field._side(receptive) <= 0.6 * config.image_size
        following = [one for one in field.layers(config) if field._side(one.receptive_field) <= 0.6 * config.image_size]
        assert row.path in {one.path for one in following}


def test_a_box_is_the_units_own() -> None:
    """The first convolution of VGG: unit (0, 0) sees rows -1 to 1, clipped to 0 and 1."""
    state = PageState("field", ModelConfig("vgg_d"), layer="features.0", unit=(0, 0))
    card = json.loads(field.box_chart(state, "en"))
    assert [row[1:] for row in card["table"]["rows"]] == [[0, 0, 2, 2]]
    assert "rows 0 to 1 and columns 0 to 1" in card["caption"]
    assert "reaches beyond the picture" in card["caption"]
    state = PageState("field", ModelConfig("vgg_d"), layer="features.2", unit=(10, 20))
    card = json.loads(field.box_chart(state, "en"))
    assert [row[1:] for row in card["table"]["rows"]] == [[8, 18, 13, 23]]  # two 3×3: 5 px around the unit
    assert "beyond" not in card["caption"]


def test_two_paths_of_a_residual_net_are_told_apart() -> None:
    card = json.loads(field.box_chart(PageState("field", ModelConfig("resnet34"), layer="layer2.3.add"), "en"))
    large, small = card["table"]["rows"]
    assert large[3] - large[1] > small[3] - small[1] > 0
    assert large[1] <= small[1] <= small[3] <= large[3]
    names = [trace["name"] for trace in card["figure"]["data"] if trace["type"] == "scatter"]
    assert names == ["all layers: 179 px", "shortcuts only: 11 px"]
    plain = json.loads(field.box_chart(PageState("field", ModelConfig("plain34"), layer="layer2.0.conv1"), "en"))
    assert len(plain["table"]["rows"]) == 1


@pytest.mark.parametrize("name", ["vgg_d", "resnet34", "googlenet", "alexnet", "lenet5"])
def test_a_click_finds_the_unit_that_looks_there(name: str) -> None:
    config = ModelConfig(name)
    for row in field.layers(config):
        receptive = row.receptive_field
        assert receptive is not None
        if receptive.is_global:
            continue
        assert receptive.rows is not None
        assert receptive.columns is not None
        _, height, width = row.output_shape
        for unit in ((0, 0), (height // 2, width // 2), (height - 1, width - 1), (0, width - 1)):
            y = receptive.rows.centre + unit[0] * receptive.rows.stride
            x = receptive.columns.centre + unit[1] * receptive.columns.stride
            assert field.unit_at(row, receptive, x, y) == unit
        # Far outside is the nearest unit at the border.
        assert field.unit_at(row, receptive, -1e6, 1e6) == (height - 1, 0)


def test_clicks_choose_units() -> None:
    state = PageState("field", ModelConfig("vgg_d"), layer="features.0")
    assert field.choose_unit(state, "7,33").unit == (33, 7)
    for click in ("", "here", "3", "3,", None):
        with pytest.raises(ExplorerError, match="no place in the picture"):
            field.choose_unit(state, click)  # type: ignore[arg-type]


@pytest.mark.parametrize("click", ["nan,nan", "inf,3", "-inf,3", "1e308,1e308"])
def test_clicks_that_are_no_place(click: str) -> None:
    state = PageState("field", ModelConfig("vgg_d"), layer="features.0")
    try:
        unit = field.choose_unit(state, click).unit
    except ExplorerError:
        return
    assert unit is not None
    assert all(0 <= index < 224 for index in unit)


def test_another_layer_starts_from_its_middle() -> None:
    state = field.choose_layer(PageState("field", unit=(3, 3), layer="features.0"), "features.2")
    assert (state.layer, state.unit) == ("features.2", None)


@pytest.mark.parametrize(
    ("layer", "unit", "words"),
    [
        ("features.99", None, "Unknown layer 'features.99'"),
        ("classifier.0", None, "has no positions"),
        ("features.0", (224, 0), "unit=224,0 is not in the map of features.0: it has 224 × 224 units."),
        ("features.28", (0, 14), "unit=0,14 is not in the map"),
    ],
)
def test_layers_and_units_that_the_net_does_not_have(layer: str, unit: tuple[int, int] | None, words: str) -> None:
    with pytest.raises(ExplorerError, match=re.escape(words)):
        field.show(PageState("field", ModelConfig("vgg_d"), layer=layer, unit=unit), "en")


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_effective_field_streams_from_coarse_to_fine(language: str) -> None:
    state = PageState("field", ModelConfig("resnet20"), layer="layer2.0.conv1")
    first, *rest = field.stream_effective(state, language)
    assert (
        json.loads(first)["caption"]
        == {
            "en": "Computing how much each pixel matters …",
            "ko": "각 픽셀의 중요도를 계산하고 있습니다 …",
        }[language]
    )
    cards = [check_card(value, language) for value in rest]
    assert len(cards) >= 2
    samples = [re.search(r"(\d+) pictures of noise|이미지 (\d+)장", card["caption"]) for card in cards]
    counts = [int(next(filter(None, found.groups()))) for found in samples if found]
    assert counts == sorted(set(counts))
    assert len(counts) == len(cards)
    last = cards[-1]
    assert {"en": "untrained", "ko": "학습되지 않은"}[language] in last["caption"]
    shares = [share for _, share in last["table"]["rows"]]
    assert len(shares) == 32
    assert sum(shares) == pytest.approx(1, abs=1e-3)


# ---------------------------------------------------------------- small pieces


def test_what_comes_from_outside_is_escaped() -> None:
    assert problem("") == ""
    assert "<script>" not in problem("<script>alert(1)</script>")
    assert words_of(problem("a < b & c")) == "a < b & c"
