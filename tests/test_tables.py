"""Results as frames, and as text."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pandas as pd
import pytest

from explorer import layer_table
from explorer.errors import ConfigError
from explorer.results import LayerTable
from explorer.tables import (
    FOLDED_COLUMNS,
    HEADERS,
    LAYER_COLUMNS,
    compare_frame,
    display_comparison,
    display_frame,
    fold,
    frame_to,
    layer_frame,
    records,
)

NETS = ["vgg_a_lrn", "vgg_d", "plain20", "resnet18", "se_resnet50", "preact_resnet164", "resnext50_32x4d"]
SUMS = ["params", "trainable", "macs", "activation_bytes", "kept_bytes", "training_bytes"]


@pytest.fixture(scope="module")
def vgg_d() -> LayerTable:
    return layer_table("vgg_d")


def row(frame: pd.DataFrame, path: str) -> dict[str, object]:
    [found] = records(frame[frame["path"] == path])
    return found


def test_a_row_says_what_the_layer_is(vgg_d: LayerTable) -> None:
    frame = layer_frame(vgg_d)
    conv = row(frame, "features.2")
    assert conv["op"] == "conv"
    assert conv["kind"] == "Conv2d"
    assert (conv["block"], conv["block_kind"]) == ("stage1", "stage")
    assert conv["input_shape"] == conv["output_shape"] == (64, 224, 224)
    assert (conv["kernel"], conv["stride"], conv["padding"]) == (3, 1, 1)
    assert conv["params"] == 3 * 3 * 64 * 64 + 64
    assert conv["macs"] == 3 * 3 * 64 * 64 * 224 * 224
    assert conv["activation_bytes"] == 64 * 224 * 224 * 4
    assert (conv["rf_size"], conv["rf_stride"], conv["rf_global"]) == (5, 1, False)
    assert conv["params_share"] == pytest.approx(36_928 / 138_357_544)
    assert row(frame, "classifier.0")["rf_size"] is None
    assert row(frame, "classifier.0")["rf_global"] is True


@pytest.mark.parametrize("net", NETS)
def test_frames_add_up_to_the_totals(net: str) -> None:
    table = layer_table(net)
    for frame in (layer_frame(table), fold(table)):
        for name in SUMS:
            assert frame[name].sum() == getattr(table.totals, name)
        for name in ("params", "macs", "activation"):
            assert frame[f"{name}_share"].sum() == pytest.approx(1)
            assert frame[f"{name}_cumulative"].iloc[-1] == pytest.approx(1)
            assert frame[f"{name}_cumulative"].is_monotonic_increasing
        assert set(frame.columns) <= set(HEADERS)
    assert fold(table)["layers"].sum() == len(table.rows)


def test_folding_names_the_blocks_of_a_residual_net() -> None:
    folded = fold(layer_table("resnet50"))
    kinds = dict(zip(folded["path"], folded["kind"], strict=True))
    assert [kinds[f"layer{stage}.0"] for stage in (1, 2, 3, 4)] == ["CONV block (projection)"] * 4
    assert kinds["layer1.1"] == "ID block (identity)"
    blocks = [kind for kind in folded["kind"] if "block" in kind]
    assert len(blocks) == 3 + 4 + 6 + 3
    assert blocks.count("CONV block (projection)") == 4


@pytest.mark.parametrize(
    ("net", "options", "path", "kind"),
    [
        ("resnet34", {"shortcut": "A"}, "layer2.0", "padding block"),
        ("resnet34", {"shortcut": "C"}, "layer1.0", "CONV block (projection)"),
        ("plain34", {}, "layer2.0", "plain block"),
        ("vgg_d", {}, "stage3", "stage"),
    ],
)
def test_folding_names_other_blocks(net: str, options: dict[str, Any], path: str, kind: str) -> None:
    assert row(fold(layer_table(net, **options)), path)["kind"] == kind


def test_a_folded_block_has_the_input_of_its_first_and_the_output_of_its_last_layer() -> None:
    block = row(fold(layer_table("resnet18")), "layer2.0")
    assert block["input_shape"] == (64, 56, 56)
    assert block["output_shape"] == (128, 28, 28)
    # conv1 73,728 + bn1 256 + conv2 147,456 + bn2 256 + projection 8,192 + its bn 256
    assert block["params"] == 230_144
    assert block["kernel"] is None
    # The block's first 3x3 widens 43 by 2 * 8 pixels after the stride; the smallest path is the projection's.
    last = row(layer_frame(layer_table("resnet18")), "layer2.0.relu2")
    assert (block["rf_size"], block["rf_min_size"]) == (last["rf_size"], last["rf_min_size"])


def test_folding_a_table_and_its_frame_is_the_same(vgg_d: LayerTable) -> None:
    pd.testing.assert_frame_equal(fold(vgg_d), fold(layer_frame(vgg_d)))


def test_comparing_the_plain_and_the_residual_net_finds_the_same_parameters() -> None:
    frame = compare_frame(layer_table("plain34"), layer_table("resnet34", shortcut="A"))
    by_quantity = {record["quantity"]: record for record in records(frame)}
    assert by_quantity["params"]["difference"] == 0
    assert by_quantity["params"]["ratio"] == 1
    assert by_quantity["params"]["differs"] is False
    assert by_quantity["rf_min_size"]["a"] == 899
    assert by_quantity["rf_min_size"]["b"] < 899
    assert (by_quantity["residual"]["a"], by_quantity["residual"]["b"]) == (False, True)
    assert (by_quantity["shortcut"]["a"], by_quantity["shortcut"]["b"]) == (None, "A")
    assert by_quantity["shortcut"]["difference"] is None


def test_a_comparison_is_headed_by_the_names_even_if_they_are_the_same(vgg_d: LayerTable) -> None:
    frame = compare_frame(vgg_d, vgg_d)
    assert not frame["differs"].any()
    assert list(display_comparison(frame, "vgg_d", "vgg_d").columns) == ["", "vgg_d (1)", "vgg_d (2)", "Ratio"]
    shown = display_comparison(compare_frame(vgg_d, layer_table("resnet50")), "VGG", "ResNet", rounded=True)
    assert shown[shown[""] == "Parameters"][["VGG", "ResNet"]].to_numpy().tolist()[0] == ["138.4 M", "25.6 M"]
    assert shown[shown[""] == "shortcut"][["VGG", "ResNet"]].to_numpy().tolist()[0] == ["–", "B"]


def test_what_a_person_reads(vgg_d: LayerTable) -> None:
    shown = display_frame(layer_frame(vgg_d), LAYER_COLUMNS)
    conv = shown[shown["Layer"] == "features.2"].iloc[0]
    assert conv["Output"] == "64 × 224 × 224"
    assert conv["MACs"] == "1\u202f849\u202f688\u202f064"
    assert conv["Activations (bytes)"] == "12\u202f845\u202f056"
    assert shown["Receptive field (px)"].iloc[-1] == "global"
    rounded = display_frame(layer_frame(vgg_d), rounded=True)
    conv = rounded[rounded["Layer"] == "features.2"].iloc[0]
    assert (conv["MACs"], conv["Activations"], conv["Share of MACs"]) == ("1.8 G", "13 MB", "12.0 %")
    assert conv["Block"] == "stage1"
    assert rounded["Kernel"].iloc[-1] == ""


def test_csv_holds_the_data(vgg_d: LayerTable) -> None:
    frame = layer_frame(vgg_d)
    rows = list(csv.DictReader(io.StringIO(frame_to(frame, "csv"))))
    assert len(rows) == len(frame)
    assert list(rows[0]) == list(frame.columns)
    assert rows[1]["output_shape"] == "64x224x224"
    assert rows[1]["params"] == "1792"
    assert rows[-1]["rf_size"] == ""


def test_json_holds_the_data(vgg_d: LayerTable) -> None:
    rows = json.loads(frame_to(layer_frame(vgg_d), "json", ["path", "output_shape", "rf_size"]))
    assert rows[1] == {"path": "features.0", "output_shape": [64, 224, 224], "rf_size": 3}
    assert rows[-1] == {"path": "classifier.6", "output_shape": [1000], "rf_size": None}


def test_plain_text_is_complete_however_wide() -> None:
    lines = frame_to(fold(layer_table("resnet1202")), "table", FOLDED_COLUMNS).splitlines()
    assert len(lines) == 2 + len(fold(layer_table("resnet1202")))
    assert not any("…" in line or "..." in line for line in lines)
    header = lines[0]
    assert header.index("Parameters") > header.index("Layers")
    numbers = [line[: header.index("Parameters") + len("Parameters")] for line in lines[2:]]
    assert all(text[-1].isdigit() for text in numbers)  # right-aligned under their header


def test_markdown_is_a_table(vgg_d: LayerTable) -> None:
    lines = frame_to(layer_frame(vgg_d), "markdown", ["path", "params"]).splitlines()
    assert lines[:2] == ["| Layer | Parameters |", "| --- | ---: |"]
    assert lines[3] == "| features.0 | 1\u202f792 |"


def test_an_unknown_format_is_one_sentence(vgg_d: LayerTable) -> None:
    with pytest.raises(ConfigError, match="use table, csv, json or markdown"):
        frame_to(layer_frame(vgg_d), "xml")


def test_kernels_that_are_not_square_and_fields_off_the_grid() -> None:
    from torch import nn

    net = nn.Sequential(nn.Conv2d(3, 8, (1, 7), padding=(0, 3)), nn.Conv2d(8, 8, 3, padding="same"), nn.AvgPool2d(2))
    frame = layer_frame(layer_table(net, image_size=32))
    assert frame["kernel"].iloc[1] == (1, 7)
    assert frame["rf_size"].iloc[1] == (1, 7)
    assert display_frame(frame)["Kernel"].iloc[1] == "1 × 7"
    assert display_frame(frame)["Padding"].iloc[2] == "same"
    assert "1x7" in frame_to(frame, "csv")
    assert json.loads(frame_to(frame, "json"))[1]["kernel"] == [1, 7]


def test_a_net_without_parameters_has_shares_of_nothing() -> None:
    from torch import nn

    frame = layer_frame(layer_table(nn.Sequential(nn.ReLU(), nn.MaxPool2d(2)), image_size=8))
    assert frame["params_share"].tolist() == [0, 0, 0]
    assert frame["macs_cumulative"].tolist() == [0, 0, 0]
