"""The frames behind the figures: they hold what the layer table holds, and add up to its totals."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from explorer.analysis.calculators import bottleneck_block
from explorer.analysis.layer_table import layer_table
from explorer.config import ModelConfig
from explorer.errors import ExplorerError
from explorer.figures import comparison, designs, diagram, field_growth, layer_costs
from explorer.figures.field_picture import effective_profile, smallest_region
from explorer.results import EffectiveField, Field1d, ReceptiveField

NETS = (
    *("vgg_a", "vgg_d", "vgg_e_bn", "plain34", "resnet34", "resnet50", "resnet152", "preact_resnet110", "resnet20"),
    *("wide_resnet28_10", "resnext50_32x4d", "se_resnet50", "lenet5", "alexnet", "zfnet", "googlenet"),
)


@pytest.mark.parametrize("name", NETS)
def test_costs_add_up_to_the_totals(name: str) -> None:
    table = layer_table(ModelConfig(name))
    data = layer_costs.layer_costs_data(table)
    assert int(data["params"].sum()) == table.totals.params
    assert int(data["macs"].sum()) == table.totals.macs
    picture = table.input_shape[0] * table.input_shape[1] * table.input_shape[2] * 4
    assert int(data["activation_bytes"].sum()) == table.totals.activation_bytes - picture
    assert list(data["number"]) == list(range(1, len(data) + 1))
    paths = {row.path for row in table.rows}
    assert set(data["path"]) <= paths
    assert set(data["op"]) <= {"conv", "linear", "pool", "add", "concat", "pad"}


@pytest.mark.parametrize("name", NETS)
def test_the_diagram_leaves_out_only_what_lies_beside_the_main_path(name: str) -> None:
    table = layer_table(ModelConfig(name))
    data, arcs = diagram.diagram_data(table)
    beside = {row.path for row in table.rows if row.parallel}
    convs = {row.path for row in table.rows if row.op in {"conv", "linear", "add", "concat"}}
    assert set(data[data["op"].isin({"conv", "linear", "add", "concat"})]["path"]) == convs - beside
    assert list(data["x"]) == list(range(1, len(data) + 1))
    assert int((data["op"] == "add").sum()) == len(arcs)
    ends = dict(zip(data["x"], data["op"], strict=True))
    for arc in arcs:
        assert arc.start < arc.end
        assert ends[arc.end] == "add"
    # Arcs follow one another: a shortcut never crosses the next.
    assert all(one.end < other.start for one, other in pairwise(arcs))


@pytest.mark.parametrize("name", NETS)
def test_the_field_of_the_last_step_is_the_tables(name: str) -> None:
    table = layer_table(ModelConfig(name))
    data = field_growth.field_growth_data(table)
    assert not data.empty
    sizes = data["size"].dropna()
    total = table.totals.receptive_field
    assert total is not None
    if not total.is_global:
        assert sizes.iloc[-1] == total.size
        assert data["min_size"].iloc[-1] == total.min_size
    assert sizes.is_monotonic_increasing
    assert (data["min_size"].dropna() > 0).all()
    known = data.dropna(subset=["size", "min_size"])
    assert (known["min_size"] <= known["size"]).all()


def test_the_field_of_vgg_d_step_by_step() -> None:
    data = field_growth.field_growth_data(layer_table(ModelConfig("vgg_d")))
    # A 3×3 adds 2 strides, a pooling 1: 3 5 · 6 · 10 14 · 16 · 24 32 40 · 44 · 60 76 92 · 100 · 132 164 196 · 212
    sizes = [3, 5, 6, 10, 14, 16, 24, 32, 40, 44, 60, 76, 92, 100, 132, 164, 196, 212]
    assert data["size"].tolist() == data["min_size"].tolist() == sizes
    assert data["stride"].tolist() == [1, 1, 2, 2, 2, 4, 4, 4, 4, 8, 8, 8, 8, 16, 16, 16, 16, 32]


def test_totals_are_ratios_of_the_second_to_the_first() -> None:
    data = comparison.totals_data(layer_table(ModelConfig("vgg_d")), layer_table(ModelConfig("resnet34")))
    assert data["quantity"].tolist() == ["params", "macs", "activation_bytes", "weight_layers"]
    assert data["a"].tolist()[0] == 138_357_544
    assert data["b"].tolist()[0] == 21_797_672
    assert (data["ratio"] == data["b"] / data["a"]).all()


def test_running_sums_of_both_nets() -> None:
    tables = {name: layer_table(ModelConfig(name)) for name in ("vgg_d", "resnet34", "se_resnet50")}
    data = comparison.running_data(tables)
    for name, table in tables.items():
        part = data[data["net"] == name]
        assert part["number"].tolist() == list(range(1, table.totals.weight_layers + 1))
        assert part["macs"].is_monotonic_increasing
        assert part["macs"].iloc[-1] == table.totals.macs
        assert part["params"].iloc[-1] == table.totals.params


def test_two_nets_are_compared_and_no_other_number() -> None:
    table = layer_table(ModelConfig("resnet20"))
    with pytest.raises(ExplorerError, match="1 nets are given: give two"):
        comparison.plot_totals({"one": table})


def test_designs_side_by_side() -> None:
    data = designs.design_data(bottleneck_block(256, 64, input_side=56))
    # 256·64 + 9·64² + 64·256 against 2·9·256²; each weight works at 56 × 56 places.
    assert data["weights"].tolist() == [69_632, 1_179_648]
    assert data["macs"].tolist() == [69_632 * 3136, 1_179_648 * 3136]
    assert data["nonlinearities"].tolist() == [3, 2]
    assert data["receptive_field"].tolist() == [3, 5]


def test_the_profile_of_an_effective_field_is_a_share_of_each_row() -> None:
    values = np.array([[0.0, 0.0], [1.0, 2.0], [1.0, 0.0]])
    profile = effective_profile(EffectiveField("conv", (0, 0), values, (0, 0, 3, 2), samples=1, input_kind="noise"))
    pd.testing.assert_frame_equal(profile, pd.DataFrame({"row": [0, 1, 2], "share": [0.0, 0.75, 0.25]}))
    nothing = EffectiveField("conv", (0, 0), np.zeros((2, 2)), (0, 0, 2, 2), samples=1, input_kind="noise")
    assert effective_profile(nothing)["share"].tolist() == [0, 0]


# ---------------------------------------------------------------- the smallest path's box


def field(start: int, end: int, stride: float, smallest: int | tuple[int, int] | None) -> ReceptiveField:
    return ReceptiveField(Field1d(start, end, stride), Field1d(start, end, stride), smallest)


@pytest.mark.parametrize(
    ("receptive", "unit", "box"),
    [
        # 21 px around pixel 10: the smallest path's 5 px are 8 to 12, the end not included.
        (field(-10, 10, 2, 5), (5, 5), (8, 8, 13, 13)),
        (field(-10, 10, 2, 5), (5, 0), (8, 0, 13, 3)),  # columns -2 to 2, clipped
        (field(-10, 10, 2, 5), (15, 15), (28, 28, 32, 32)),  # 28 to 32 of a picture that ends at 31
        (field(-10, 10, 2, (5, 3)), (5, 5), (8, 9, 13, 12)),
        (field(-10, 10, 2, 1), (3, 4), (6, 8, 7, 9)),
    ],
)
def test_the_smallest_box_has_the_same_middle(
    receptive: ReceptiveField, unit: tuple[int, int], box: tuple[int, int, int, int]
) -> None:
    assert smallest_region(receptive, unit, 32) == box


def test_no_smallest_box_where_there_is_one_path() -> None:
    assert smallest_region(field(-10, 10, 2, 21), (5, 5), 32) is None
    assert smallest_region(field(-10, 10, 2, None), (5, 5), 32) is None
    assert smallest_region(ReceptiveField(None, None, 11), (5, 5), 32) is None


@pytest.mark.parametrize("name", ["resnet20", "resnet34", "preact_resnet20", "resnet50"])
def test_the_smallest_box_lies_in_the_whole_one(name: str) -> None:
    config = ModelConfig(name)
    seen = 0
    for row in layer_table(config).rows:
        receptive = row.receptive_field
        if receptive is None or receptive.is_global or len(row.output_shape) != 3:
            continue
        for unit in ((0, 0), (row.output_shape[1] // 2, 1), (row.output_shape[1] - 1, row.output_shape[2] - 1)):
            small = smallest_region(receptive, unit, config.image_size)
            if small is None:
                continue
            top, left, bottom, right = receptive.region(unit, config.image_size)
            assert top <= small[0] <= small[2] <= bottom, (row.path, unit)
            assert left <= small[1] <= small[3] <= right, (row.path, unit)
            seen += 1
    assert seen > 20
