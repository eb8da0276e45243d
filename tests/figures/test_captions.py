"""Captions say what is plotted: turn the data round and the sentence turns round.

Each test plots a few rows made by hand, reads the sentence, reverses the rows and reads it again.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from explorer import units
from explorer.analysis.calculators import stacked_convs
from explorer.analysis.layer_table import layer_table
from explorer.config import ModelConfig
from explorer.figures.comparison import describe_running, describe_totals, running_data, totals_data
from explorer.figures.designs import describe_design, design_data
from explorer.figures.diagram import Arc, describe_diagram, diagram_data
from explorer.figures.field_growth import describe_field_growth, field_growth_data
from explorer.figures.field_picture import describe_effective, describe_field_on_picture
from explorer.figures.layer_costs import describe_layer_costs, layer_costs_data
from explorer.results import EffectiveField, Field1d, ReceptiveField


def backwards(data: pd.DataFrame) -> pd.DataFrame:
    """The same rows from last to first, numbered anew."""
    turned = data.iloc[::-1].reset_index(drop=True)
    if "number" in turned:
        turned["number"] = range(1, len(turned) + 1)
    return turned


# ---------------------------------------------------------------- costs by layer

COSTS = pd.DataFrame(
    {
        "number": [1, 2, 3, 4],
        "path": ["conv1", "conv2", "conv3", "fc"],
        "op": ["conv", "conv", "conv", "linear"],
        "params": [1, 2, 7, 90],
        "macs": [60, 20, 15, 5],
        "activation_bytes": [700, 200, 90, 10],
    }
)


def test_costs_say_in_which_half_they_are() -> None:
    assert describe_layer_costs(COSTS) == (
        "The second half of the layers holds 97.0 % of the parameters; the largest share is fc's, 90.0 %. "
        "The first half does 80.0 % of the multiply-adds; most are in conv1, 60.0 %. "
        "The first half writes 90.0 % of the activation memory; most is conv1's, 70.0 %."
    )


def test_costs_turned_round() -> None:
    assert describe_layer_costs(backwards(COSTS)) == (
        "The first half of the layers holds 97.0 % of the parameters; the largest share is fc's, 90.0 %. "
        "The second half does 80.0 % of the multiply-adds; most are in conv1, 60.0 %. "
        "The second half writes 90.0 % of the activation memory; most is conv1's, 70.0 %."
    )


def test_costs_turned_round_in_korean() -> None:
    ahead, back = describe_layer_costs(COSTS, "ko"), describe_layer_costs(backwards(COSTS), "ko")
    swapped = back.replace("앞쪽", "?").replace("뒤쪽", "앞쪽").replace("?", "뒤쪽")
    assert ahead == swapped != back


@pytest.mark.parametrize("name", ["vgg_d", "resnet50", "preact_resnet20", "googlenet"])
def test_costs_of_real_nets_turn_round(name: str) -> None:
    """Rows that no half can share: of an odd number the middle one is left out."""
    data = layer_costs_data(layer_table(ModelConfig(name)))
    if len(data) % 2:
        data = data.drop(index=len(data) // 2).reset_index(drop=True)
    for measure, words in (("params", "holds"), ("macs", "does"), ("activation_bytes", "writes")):
        ahead = next(s for s in describe_layer_costs(data).split(". ") if words in s)
        back = next(s for s in describe_layer_costs(backwards(data)).split(". ") if words in s)
        share = data[measure].iloc[: len(data) // 2].sum() / data[measure].sum()
        assert share != 0.5
        assert ahead.split()[1] == ("first" if share > 0.5 else "second")
        assert back.split()[1] == ("second" if share > 0.5 else "first")
        assert units.percent(max(share, 1 - share)) in ahead
        assert units.percent(max(share, 1 - share)) in back


def test_costs_without_any_of_a_kind_say_nothing_of_it() -> None:
    free = COSTS.assign(params=0)
    assert "parameters" not in describe_layer_costs(free)
    assert describe_layer_costs(free).startswith("The first half does")
    assert describe_layer_costs(COSTS.iloc[:0]) == ""


# ---------------------------------------------------------------- growth of the field


def growth(*sizes: int | None, smallest: tuple[int, ...] | None = None) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "number": range(1, len(sizes) + 1),
            "path": [f"conv{index}" for index in range(1, len(sizes) + 1)],
            "op": "conv",
            "size": sizes,
            "min_size": sizes if smallest is None else smallest,
        }
    )


def test_a_field_grows_or_shrinks_as_its_data_do() -> None:
    assert describe_field_growth(growth(3, 5, 9), 10) == (
        "The field grows from 3 px to 9 px in 3 steps. "
        "It never reaches the picture's 10 px: at most 81.0 % of its area."
    )
    assert describe_field_growth(backwards(growth(3, 5, 9)), 10).startswith(
        "The field shrinks from 9 px to 3 px in 3 steps."
    )
    assert describe_field_growth(growth(5, 5), 10).startswith("The field stays 5 px over 2 steps.")


def test_a_field_in_korean() -> None:
    assert "커집니다" in describe_field_growth(growth(3, 5, 9), 10, "ko")
    assert "작아집니다" in describe_field_growth(backwards(growth(3, 5, 9)), 10, "ko")


def test_where_a_field_covers_the_picture() -> None:
    data = growth(3, 12, 30)
    assert "It is as wide as the picture (12 px) from conv2 on." in describe_field_growth(data, 12)
    assert "from conv3 on" in describe_field_growth(data, 13)
    assert "never reaches the picture's 31 px" in describe_field_growth(data, 31)


def test_the_path_through_the_shortcuts() -> None:
    sentence = describe_field_growth(growth(3, 5, 7, smallest=(3, 3, 5)), 100)
    assert sentence.endswith("On the path through the shortcuts it is 5 px at the end.")
    assert "shortcuts" not in describe_field_growth(growth(3, 5, 7), 100)


def test_fields_that_gates_widen_to_the_whole_picture() -> None:
    data = growth(3, None, None, smallest=(3, 3, 5))
    assert describe_field_growth(data, 100).endswith(
        "After that a gate (squeeze-and-excitation) mixes in the whole picture."
    )
    data = growth(None, None, smallest=(3, 5))
    assert describe_field_growth(data, 100) == (
        "Every unit sees the whole picture through its gates; on the smallest path it sees 5 px."
    )


def test_the_field_of_vgg_d() -> None:
    data = field_growth_data(layer_table(ModelConfig("vgg_d")))
    # 13 convolutions and 5 poolings: 212 px of 224, (212/224)² = 89.6 %.
    assert describe_field_growth(data, 224) == (
        "The field grows from 3 px to 212 px in 18 steps. "
        "It never reaches the picture's 224 px: at most 89.6 % of its area."
    )


# ---------------------------------------------------------------- two nets


def test_totals_say_more_or_less_and_turn_round() -> None:
    vgg, resnet = layer_table(ModelConfig("vgg_d")), layer_table(ModelConfig("resnet34"))
    ahead = describe_totals(totals_data(vgg, resnet), "VGG", "ResNet")
    # 21 797 672 / 138 357 544, 3 663 761 408 / 15 470 264 320, and 34 / 16
    assert ahead.startswith("ResNet against VGG: parameters × 0.158 (less), MACs × 0.237 (less), ")
    assert ahead.endswith("weight layers × 2.12 (more).")
    back = describe_totals(totals_data(resnet, vgg), "ResNet", "VGG")
    assert back.startswith("VGG against ResNet: parameters × 6.35 (more), MACs × 4.22 (more), ")
    assert back.endswith("weight layers × 0.471 (less).")
    assert describe_totals(totals_data(vgg, vgg), "one", "other") == "one and other have the same totals."


def test_totals_turn_round_in_korean() -> None:
    vgg, resnet = layer_table(ModelConfig("vgg_d")), layer_table(ModelConfig("resnet34"))
    ahead = describe_totals(totals_data(vgg, resnet), "VGG", "ResNet", "ko")
    back = describe_totals(totals_data(resnet, vgg), "ResNet", "VGG", "ko")
    assert (ahead.count("많음"), ahead.count("적음")) == (1, 3)
    assert (back.count("많음"), back.count("적음")) == (3, 1)


def test_only_what_differs_is_said() -> None:
    plain, residual = layer_table(ModelConfig("plain34")), layer_table(ModelConfig("resnet34", shortcut="A"))
    assert "parameters" not in describe_totals(totals_data(plain, residual), "plain", "residual")


def running(*macs: int) -> pd.DataFrame:
    sums = np.cumsum(macs)
    paths = [f"conv{index}" for index in range(1, len(macs) + 1)]
    return pd.DataFrame({"net": "net", "number": range(1, len(macs) + 1), "path": paths, "macs": sums, "params": sums})


def test_half_of_the_work_is_early_or_late() -> None:
    assert describe_running(running(80, 10, 5, 5)) == "net has done half of its work at conv1, 25.0 % of the way."
    assert describe_running(running(5, 5, 10, 80)) == "net has done half of its work at conv4, 100 % of the way."
    assert describe_running(running(0, 0)) == ""


def test_each_net_has_its_sentence() -> None:
    data = running_data({"first": layer_table(ModelConfig("vgg_d")), "second": layer_table(ModelConfig("resnet34"))})
    first, second = describe_running(data).split(". ", 1)
    assert first.startswith("first has done half")
    assert second.startswith("second has done half")


# ---------------------------------------------------------------- two designs


def test_a_design_is_cheaper_or_dearer() -> None:
    data = design_data(stacked_convs(3, 3, 10))  # 27·100 and 49·100 weights
    assert describe_design(data).replace("\u202f", " ") == (
        "Both see 7 px. 3 × 3×3 has 2 700 weights, 7×7 4 900: 1.81 times as many. More non-linearities: 2."
    )
    assert describe_design(backwards(data)).replace("\u202f", " ") == (
        "Both see 7 px. 7×7 has 4 900 weights, 3 × 3×3 only 2 700: the first is 1.81 times dearer."
    )
    same = pd.concat([data.iloc[:1], data.iloc[:1]])
    assert describe_design(same).replace("\u202f", " ") == "Both see 7 px. Both have 2 700 weights."


def test_designs_that_see_differently_far() -> None:
    data = design_data(stacked_convs(3, 3, 10)).assign(receptive_field=[3, 5])
    assert describe_design(data).startswith("The first sees 3 px, the second 5 px.")
    assert describe_design(backwards(data)).startswith("The first sees 5 px, the second 3 px.")


def test_designs_turn_round_in_korean() -> None:
    data = design_data(stacked_convs(3, 3, 10))
    assert "배입니다" in describe_design(data, "ko")
    assert "더 듭니다" in describe_design(backwards(data), "ko")


# ---------------------------------------------------------------- the diagram


def test_the_diagram_counts_what_is_drawn() -> None:
    data, arcs = diagram_data(layer_table(ModelConfig("resnet34")))
    # 1 + 2·16 convolutions on the main path, and 16 shortcuts, 3 of them projections.
    assert describe_diagram(data, arcs) == (
        "From 112 × 112 × 64 to 7 × 7 × 512 through 33 convolutions; fully-connected layers: 1. "
        "Less space, more channels. "
        "16 shortcuts jump over them: 13 × ID block (identity), 3 × CONV block (projection)."
    )
    assert "No shortcut" in describe_diagram(data, ())
    assert "1 shortcuts" in describe_diagram(data, (Arc(1, 3, "identity", "layer1.0"),))


@pytest.mark.parametrize(
    ("language", "ahead", "back"),
    [
        ("en", "Less space, more channels.", "More space, fewer channels."),
        ("ko", "공간은 줄고 채널은 늘어납니다.", "공간은 늘고 채널은 줄어듭니다."),
    ],
)
def test_a_diagram_turned_round(language: str, ahead: str, back: str) -> None:
    data, arcs = diagram_data(layer_table(ModelConfig("resnet34")))
    assert ahead in describe_diagram(data, arcs, language)
    assert back not in describe_diagram(data, arcs, language)
    turned = describe_diagram(data.iloc[::-1].reset_index(drop=True), arcs, language)
    assert back in turned
    assert ahead not in turned
    assert turned.index("7 × 7 × 512") < turned.index("112 × 112 × 64")


def test_a_diagram_that_keeps_its_shape_claims_nothing() -> None:
    data, _ = diagram_data(layer_table(ModelConfig("resnet34")))
    first = data[data["block"] == "layer1.0"]
    assert "space" not in describe_diagram(first, ())


# ---------------------------------------------------------------- a unit's field on a picture

LARGE = ReceptiveField(Field1d(-2, 2, 1), Field1d(-2, 2, 1), 3)


def test_the_box_in_words() -> None:
    # Unit (5, 6): rows 3 to 7, columns 4 to 8: 25 of 100 pixels.
    assert describe_field_on_picture(LARGE, (5, 6), 10) == (
        "This unit can see rows 3 to 7 and columns 4 to 8: 25.0 % of the picture. "
        "On the path through the shortcuts alone it sees 3 px."
    )
    assert describe_field_on_picture(LARGE, (6, 5), 10).startswith("This unit can see rows 4 to 8 and columns 3 to 7")


def test_a_box_beyond_the_border() -> None:
    sentence = describe_field_on_picture(LARGE, (0, 0), 10)
    assert "rows 0 to 2 and columns 0 to 2: 9.0 % of the picture" in sentence  # 9 of 100
    assert "Its field of 5 px reaches beyond the picture, into the padding." in sentence
    assert "beyond" not in describe_field_on_picture(LARGE, (2, 2), 20)


def test_a_field_that_is_everything() -> None:
    everything = ReceptiveField(None, None, None)
    assert describe_field_on_picture(everything, (0, 0), 20) == "It sees the whole picture, whatever its size."


def effective(values: np.ndarray) -> EffectiveField:  # type: ignore[type-arg]
    return EffectiveField("conv", (4, 4), values, (0, 0, *values.shape), samples=8, input_kind="noise")


def test_how_concentrated_an_effective_field_is() -> None:
    centre = np.zeros((9, 9))
    centre[4, 4] = 1
    # One of 81 pixels has all: 1.2 %. The middle third is 3 × 3 of 9 × 9: 11.1 %.
    assert describe_effective(effective(centre)) == (
        "Half of the gradient falls on 1.2 % of the pixels that it can see; the field's middle third (in side) holds "
        "100 % of it, against 11.1 % if all pixels mattered alike. Mean of 8 pictures of noise."
    )
    rim = np.ones((9, 9))
    rim[1:-1, 1:-1] = 0
    # 32 pixels on the rim; the first 16 of them hold half: 19.8 % of 81.
    assert "falls on 19.8 % of the pixels" in describe_effective(effective(rim))
    assert "holds 0 % of it" in describe_effective(effective(rim))
    even = describe_effective(effective(np.ones((9, 9))))
    assert "holds 11.1 % of it, against 11.1 %" in even
    assert describe_effective(effective(np.zeros((9, 9)))) == ""
