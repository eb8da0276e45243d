"""The layer table: multiply-adds, activations, structure, golden tables, errors."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

import pytest
import torchvision
from torch import nn

from explorer import ConfigError, ExplorerError, ModelConfig, UnknownNameError, clear_caches, layer_table
from explorer.analysis.layer_table import _cached_table
from explorer.catalog import entries
from explorer.models.lecture import InceptionModule
from explorer.results import LayerTable

# ---------------------------------------------------------------- multiply-adds

TORCHVISION = [
    *(f"vgg{depth}{bn}" for depth in (11, 13, 16, 19) for bn in ("", "_bn")),
    *("resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "wide_resnet50_2", "resnext50_32x4d", "googlenet"),
]


@pytest.mark.parametrize("name", TORCHVISION)
def test_macs_are_torchvisions_gflops(name: str) -> None:
    """What its weight metadata calls GFLOPS are multiply-adds, rounded to three digits after the point."""
    published = torchvision.models.get_model_weights(name)["IMAGENET1K_V1"].meta["_ops"]
    assert layer_table(name).totals.macs / 1e9 == pytest.approx(published, rel=0.01)


@pytest.mark.parametrize(
    ("name", "options", "gigamacs", "published"),
    [
        ("resnet18", {"shortcut": "A"}, 1.795, 1.8),
        ("resnet34", {"shortcut": "A"}, 3.644, 3.6),
        ("plain34", {}, 3.644, 3.6),
        ("resnet101", {"stride_on": "1x1"}, 7.570, 7.6),
        ("resnet152", {"stride_on": "1x1"}, 11.282, 11.3),
        ("vgg_e", {}, 19.632, 19.6),
    ],
)
def test_flops_of_the_resnet_paper(name: str, options: dict[str, str], gigamacs: float, published: float) -> None:
    """He et al. 2015, table 1 and figure 3; its FLOPs are multiply-adds, given to one digit after the point."""
    macs = layer_table(name, **options).totals.macs / 1e9
    assert round(macs, 3) == gigamacs
    assert round(macs, 1) == published


def test_flops_of_resnet50_are_cut_off_in_the_paper() -> None:
    """The paper prints 3.8e9; its own stride placement gives 3.86e9 and torchvision's 4.09e9."""
    macs = layer_table("resnet50", stride_on="1x1").totals.macs / 1e9
    assert round(macs, 3) == 3.858
    assert math.floor(10 * macs) / 10 == 3.8
    assert round(layer_table("resnet50").totals.macs / 1e9, 2) == 4.09


def test_macs_of_single_layers() -> None:
    table = layer_table("resnet18")
    assert table.row("conv1").macs == 112 * 112 * 64 * (7 * 7 * 3)
    assert table.row("layer2.0.conv1").macs == 28 * 28 * 128 * (3 * 3 * 64)
    assert table.row("layer2.0.downsample.0").macs == 28 * 28 * 128 * (1 * 1 * 64)
    assert table.row("fc").macs == 512 * 1000
    grouped = layer_table("resnext50_32x4d").row("layer1.0.conv2")
    assert grouped.macs == 56 * 56 * 128 * (3 * 3 * 128 // 32)
    assert {row.macs for row in table.rows if row.op in {"norm", "activation", "pool", "add", "input"}} == {0}


def test_bottleneck_stride_moves_work() -> None:
    """Stride on the first 1x1: that 1x1 and the 3x3 behind it run on a quarter of the positions."""
    paper, torchvision_ = layer_table("resnet50", stride_on="1x1"), layer_table("resnet50")
    assert torchvision_.row("layer2.0.conv1").macs == 4 * paper.row("layer2.0.conv1").macs == 56 * 56 * 128 * 256
    assert torchvision_.row("layer2.0.conv2").macs == paper.row("layer2.0.conv2").macs == 28 * 28 * 128 * 9 * 128


@pytest.mark.parametrize(
    ("naive", "macs", "channels"),
    [
        (True, 28 * 28 * 256 * (128 * 1 + 192 * 9 + 96 * 25), 128 + 192 + 96 + 256),
        (
            False,
            28 * 28 * (256 * 64 + 256 * 64 + 256 * 128 + 64 * 192 * 9 + 64 * 96 * 25 + 256 * 64),
            128 + 192 + 96 + 64,
        ),
    ],
)
def test_the_lectures_inception_module(naive: bool, macs: int, channels: int) -> None:
    """854M operations and 672 channels without bottlenecks; with them 271M, which the lecture adds up to 358M."""
    table = layer_table(InceptionModule(naive), input_shape=(256, 28, 28))
    assert table.totals.macs == macs == (854_196_224 if naive else 271_351_808)
    assert table.rows[-1].output_shape == (channels, 28, 28) == (672 if naive else 480, 28, 28)


# ---------------------------------------------------------------- activations


def test_activations_of_vgg16() -> None:
    """15.24 million values, 61 MB, and 115 MB with every ReLU's output kept (the lecture says 24M and 96 MB)."""
    sides = {64: 224, 128: 112, 256: 56}
    values = 3 * 224 * 224
    values += sum(n * c * sides[c] ** 2 + c * (sides[c] // 2) ** 2 for n, c in [(2, 64), (2, 128), (3, 256)])
    values += 3 * 512 * 28 * 28 + 512 * 14 * 14 + 3 * 512 * 14 * 14 + 512 * 7 * 7 + 4096 + 4096 + 1000
    totals = layer_table("vgg_d").totals
    assert totals.activation_bytes == 4 * values
    assert values == 15_237_608
    assert round(totals.activation_bytes / 1e6) == 61
    relus = 2 * 64 * 224**2 + 2 * 128 * 112**2 + 3 * 256 * 56**2 + 3 * 512 * 28**2 + 3 * 512 * 14**2 + 4096 + 4096
    assert totals.kept_bytes == 4 * (values + relus)
    assert round(totals.kept_bytes / 1e6) == 115


def test_alexnets_first_layers() -> None:
    """The lecture's questions: (227 - 11) / 4 + 1 = 55, 11·11·3·96 weights, (55 - 3) / 2 + 1 = 27, no parameters."""
    table = layer_table("alexnet")
    conv1, pool1 = table.row("features.0"), table.row("features.3")
    assert conv1.output_shape == (96, 55, 55)
    assert conv1.params == 34_848 + 96 == 11 * 11 * 3 * 96 + 96
    assert pool1.op == "pool"
    assert pool1.output_shape == (96, 27, 27)
    assert pool1.params == 0


# ---------------------------------------------------------------- structure


@pytest.mark.each_net
@pytest.mark.parametrize("name", [entry.name for entry in entries()])
def test_depth_is_counted_as_in_the_papers(name: str) -> None:
    table = layer_table(name)
    assert table.config is not None
    assert table.totals.weight_layers == table.config.entry.weight_layers
    named = re.fullmatch(r"(?:plain|resnet|preact_resnet)(\d+)", name)
    if named:
        assert table.totals.weight_layers == int(named[1])


@pytest.mark.parametrize(("name", "depth"), [("vgg_a", 11), ("vgg_b", 13), ("vgg_c", 16), ("vgg_d", 16), ("vgg_e", 19)])
def test_depth_of_vgg(name: str, depth: int) -> None:
    assert layer_table(name).totals.weight_layers == depth


@pytest.mark.parametrize("name", ["resnet34", "resnet50", "preact_resnet20", "se_resnet50", "vgg_a_lrn", "googlenet"])
def test_totals_are_sums_of_rows(name: str) -> None:
    table = layer_table(name)
    for total in ("params", "trainable", "macs", "activation_bytes", "kept_bytes", "training_bytes"):
        assert getattr(table.totals, total) == sum(getattr(row, total) for row in table.rows)
    assert table.totals.parameter_bytes == 4 * table.totals.params
    assert len({row.path for row in table.rows}) == len(table.rows), "each row can be found by its path"
    assert all(table.row(row.path) is row for row in table.rows)


def block_kinds(table: LayerTable) -> list[str]:
    return [block.kind for block in table.blocks if block.path.startswith("layer")]


def test_blocks_are_named_as_conv_and_id_blocks() -> None:
    """ResNet-50: one CONV block a stage, then 2, 3, 5 and 2 ID blocks."""
    kinds = block_kinds(layer_table("resnet50"))
    assert kinds == [kind for n in (2, 3, 5, 2) for kind in ("projection", *("identity",) * n)]
    assert block_kinds(layer_table("resnet34", shortcut="B")) == [
        *("identity",) * 3,
        *(kind for n in (3, 5, 2) for kind in ("projection", *("identity",) * n)),
    ]
    assert block_kinds(layer_table("resnet20")) == [
        *("identity",) * 3,
        *("padding", "identity", "identity"),
        *("padding", "identity", "identity"),
    ]
    assert set(block_kinds(layer_table("resnet20", shortcut="C"))) == {"projection"}
    assert set(block_kinds(layer_table("plain20"))) == {"plain"}


def test_stages_of_vgg_and_modules_of_googlenet() -> None:
    assert [block.path for block in layer_table("vgg_d").blocks] == [*(f"stage{i}" for i in range(1, 6)), "classifier"]
    kinds = [block.kind for block in layer_table("googlenet").blocks]
    assert kinds.count("inception") == 9
    table = layer_table("googlenet")
    inside = [row for row in table.rows if row.block == "inception3a"]
    assert inside[-1].op == "concat"
    assert inside[-1].output_shape == (64 + 128 + 32 + 32, 28, 28)


def test_what_lies_beside_the_main_path() -> None:
    table = layer_table("se_resnet50")
    beside = {row.path for row in table.rows if row.parallel and row.path.startswith("layer1.0.")}
    assert {"layer1.0.downsample.0", "layer1.0.downsample.1", "layer1.0.se.fc1", "layer1.0.se.fc2"} <= beside
    assert not beside & {"layer1.0.conv1", "layer1.0.conv2", "layer1.0.conv3", "layer1.0.add", "layer1.0.se.mul"}
    assert not any(row.parallel for row in layer_table("vgg_d").rows)


def test_adds_pads_and_pools_are_rows() -> None:
    ops = {row.op for row in layer_table("resnet20").rows}
    assert ops == {"input", "conv", "norm", "activation", "add", "pad", "pool", "flatten", "linear"}
    lrn = [row for row in layer_table("vgg_a_lrn").rows if row.kind == "LocalResponseNorm"]
    assert [row.op for row in lrn] == ["norm"]
    table = layer_table("resnet20")
    assert table.row("layer2.0.downsample").output_shape == (32, 16, 16)
    assert table.row("layer2.0.downsample").params == 0
    add = table.row("layer2.0.add")
    assert (add.op, add.output_shape) == ("add", (32, 16, 16))


def test_windows_and_shapes_of_a_row() -> None:
    row = layer_table("resnet18").row("maxpool")
    assert (row.kernel, row.stride, row.padding) == (3, 2, 1)
    assert (row.input_shape, row.output_shape) == ((64, 112, 112), (64, 56, 56))
    uneven = layer_table(nn.Sequential(nn.Conv2d(3, 4, (3, 5), stride=(1, 2), padding=(1, 2))), image_size=16).row("0")
    assert (uneven.kernel, uneven.stride, uneven.padding) == ((3, 5), (1, 2), (1, 2))
    assert uneven.output_shape == (4, 16, 8)


@pytest.mark.parametrize("size", [32, 64, 97, 224, 320])
def test_image_size_changes_maps_and_leaves_parameters(size: int) -> None:
    table = layer_table("vgg_a", image_size=size)
    assert table.row("features.20").output_shape == (512, size // 32, size // 32)
    assert table.totals.params == 132_863_336


# ---------------------------------------------------------------- golden tables


def written(table: LayerTable) -> str:
    """A table as text: one line a row, what a reader of the table would see."""
    lines = [f"{table.name}  input {table.input_shape}"]
    for row in table.rows:
        field = row.receptive_field
        seen = "-" if field is None else "global" if field.is_global else f"{field.size}/{field.stride}/{field.offset}"
        least = "-" if field is None or field.min_size is None else field.min_size
        shape = "x".join(str(side) for side in row.output_shape)
        window = "-" if row.kernel is None else f"{row.kernel}/{row.stride}/{row.padding}"
        sizes = f"{row.params} {row.macs} {row.activation_bytes} {row.kept_bytes} {row.training_bytes}"
        beside = " beside" if row.parallel else ""
        lines.append(f"{row.path} {row.op} {row.block or '-'} {shape} {window} {sizes} {seen} min {least}{beside}")
    lines += [f"block {block.path} {block.kind}" for block in table.blocks]
    totals = table.totals
    lines.append(
        f"totals {totals.params} {totals.macs} {totals.activation_bytes} {totals.kept_bytes} "
        f"{totals.training_bytes} depth {totals.weight_layers}"
    )
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("name", ["vgg_d", "resnet34", "resnet50", "preact_resnet20", "googlenet"])
def test_golden_tables(name: str, check_golden: Callable[[str, str], None]) -> None:
    check_golden(f"{name}.txt", written(layer_table(name)))


# ---------------------------------------------------------------- names, caches, errors


def test_a_table_knows_its_configuration() -> None:
    config = ModelConfig("resnet34", shortcut="A", seed=3, init="xavier")
    table = layer_table(config)
    assert table.config == config
    assert table.name == config.label()
    assert table.as_dict()["config"]["seed"] == 3
    assert layer_table("vgg16").config == ModelConfig("vgg_d")


def test_tables_are_cached_until_cleared() -> None:
    assert layer_table("resnet20") is layer_table("resnet20")
    assert layer_table("resnet20", seed=1).rows is layer_table("resnet20").rows, "a seed changes no shape"
    before = layer_table("resnet20")
    clear_caches()
    assert _cached_table.cache_info().currsize == 0
    assert layer_table("resnet20") is not before
    assert layer_table("resnet20") == before


def test_unknown_rows_and_names_are_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"layer1\.0\.conv1"):
        layer_table("resnet18").row("layer1.0.convl")
    with pytest.raises(UnknownNameError, match="resnet34"):
        layer_table("resnet35")


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        ("vgg_a", {"image_size": 31}, "image_size=31 is too small for vgg_a"),
        ("vgg_a", {"input_shape": (3, 32, 32)}, "input_shape goes with a module"),
        ("vgg_a", {"colour": "red"}, "Unknown option 'colour'"),
        (nn.Conv2d(3, 3, 3), {"image_size": 0}, "use a whole number from 1"),
        (nn.Conv2d(3, 3, 3), {"image_size": True}, "use a whole number from 1"),
        (nn.Conv2d(3, 3, 3), {"width": 0.5}, "width cannot be changed on a module"),
        (7, {}, "int is no network"),
    ],
)
def test_impossible_questions_get_one_sentence(model: object, options: dict[str, object], message: str) -> None:
    with pytest.raises(ExplorerError, match=message) as caught:
        layer_table(model, **options)
    assert isinstance(caught.value, ConfigError | UnknownNameError)
    assert "\n" not in str(caught.value)
    assert str(caught.value)[-1] in ".?"
