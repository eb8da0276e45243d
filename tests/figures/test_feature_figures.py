"""Figures of features: what is drawn is what was found, and the sentences are computed from it."""

from __future__ import annotations

import base64
import dataclasses
import io
import itertools

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go
import pytest
from PIL import Image

from explorer.errors import ConfigError
from explorer.feature_results import ExcitedUnit, Exciting, FeatureMaps, Filters, UnitPictures
from explorer.figures.feature_maps import (
    describe_feature_maps,
    feature_maps_data,
    feature_values_data,
    plot_feature_maps,
)
from explorer.figures.filters import describe_filters, filter_weights_data, filters_data, plot_filters, tile
from explorer.figures.unit_pictures import cut, describe_unit_pictures, plot_unit_pictures, unit_pictures_data
from explorer.language import LANGUAGES
from explorer.pictures import PHOTOGRAPHS, photograph, square
from explorer.results import Field1d, ReceptiveField

MOST_BYTES = 300_000


def maps(net: str = "resnet18", channels: int = 5, side: int = 4, *, signed: bool = False) -> FeatureMaps:
    """Channel c is c at place (c mod side, side - 1) and 0, or signed minus half of c, everywhere else."""
    values = np.zeros((channels, side, side), np.float32)
    for channel in range(channels):
        values[channel] = -channel / 2 if signed else 0
        values[channel, channel % side, side - 1] = channel
    return FeatureMaps(net, "layer2.1.relu2", "layer2", (8 * side, 8 * side), values)


def opened(source: str) -> npt.NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))).convert("RGB"))


def heatmaps(figure: go.Figure) -> list[go.Heatmap]:
    return [trace for trace in figure.data if trace.type == "heatmap"]


def words_of(figure: go.Figure) -> list[list[str]]:
    return [list(trace.text) for trace in figure.data if trace.type == "scatter" and trace.mode == "text"]


def normal(words: str) -> str:
    return words.replace("\u202f", " ").replace("\u00a0", " ")


# ---------------------------------------------------------------- feature maps


def test_each_map_is_a_tile_the_strongest_first() -> None:
    found = maps()
    figure = plot_feature_maps([found], shown=4)
    drawn = heatmaps(figure)
    assert [trace.name for trace in drawn] == ["channel 4", "channel 3", "channel 2", "channel 1"]
    for trace, channel in zip(drawn, (4, 3, 2, 1), strict=True):
        z = np.asarray(trace.z)
        np.testing.assert_array_equal(z, np.round(25 * found.values[channel]))  # 4 is 100 % of the scale
        # Four places fill a tile but for its gap.
        assert 4 * trace.dx == pytest.approx(0.94)
    lefts = [trace.x0 - trace.dx / 2 for trace in drawn]
    assert lefts == pytest.approx([0.03, 1.03, 2.03, 3.03])
    assert words_of(figure) == [["4: 4", "3: 3", "2: 2", "1: 1"]]
    assert list(figure.layout.yaxis.range)[1] == 0  # the first row is at the top
    assert figure.layout.coloraxis.cmin == 0


def test_the_picture_is_the_first_tile() -> None:
    picture = square(photograph("coffee"), 448)
    figure = plot_feature_maps([maps(), maps("plain18")], picture, shown=4)
    images = figure.layout.images
    assert [image.xref for image in images] == ["x", "x2"]
    shown = opened(images[0].source).astype(float)
    small = np.asarray(Image.fromarray(picture).resize((160, 160), Image.Resampling.LANCZOS), float)
    assert np.abs(shown - small).mean() < 6
    assert heatmaps(figure)[0].x0 > 1
    assert images[0].layer == "below"


def test_two_nets_stand_side_by_side_each_on_its_own_scale() -> None:
    strong = FeatureMaps("plain18", "layer2.1.relu2", "layer2", (32, 32), 100 * maps().values)
    figure = plot_feature_maps([maps(), strong], names=["residual", "plain"])
    left, right = figure.layout.xaxis.domain, figure.layout.xaxis2.domain
    assert left[1] < right[0]
    assert [np.asarray(trace.z).max() for trace in heatmaps(figure)] == [100, 75, 50, 25, 0] * 2
    assert {trace.xaxis for trace in heatmaps(figure)[5:]} == {"x2"}
    titles = [normal(note.text) for note in figure.layout.annotations]
    assert titles == [
        "<b>residual</b><br>layer2.1.relu2 · scale from 0 to 4",
        "<b>plain</b><br>layer2.1.relu2 · scale from 0 to 400",
    ]
    shape = abs(np.subtract(*figure.layout.yaxis.range)) / abs(np.subtract(*figure.layout.xaxis.range))
    assert figure.layout.meta["grid"] == pytest.approx([shape, 2])  # what the page makes it as high as
    said = describe_feature_maps([maps(), strong], ["residual", "plain"])
    assert "Each net has its own scale" in said


def test_values_of_both_signs_diverge_around_0() -> None:
    found = maps(signed=True)
    figure = plot_feature_maps([found])
    scale = figure.layout.coloraxis
    assert (scale.cmin, scale.cmax) == (-100, 100)
    assert list(scale.colorbar.ticktext) == ["−highest", "0", "highest"]
    assert np.asarray(heatmaps(figure)[0].z).min() == -50
    light = [sum(int(colour[i : i + 2], 16) for i in (1, 3, 5)) for _, colour in scale.colorscale]
    assert light == sorted(light[:3], reverse=True) + sorted(light[3:])  # darkest at 0, lighter both ways
    assert scale.colorscale[2][0] == 0.5
    assert "scale from −4 to 4" in figure.layout.annotations[0].text
    assert "no ReLU behind them yet" in describe_feature_maps([found])


def test_the_scale_only_grows_lighter() -> None:
    colours = [colour for _, colour in plot_feature_maps([maps()]).layout.coloraxis.colorscale]
    channels = np.array([[int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)] for colour in colours])
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    assert (np.diff(linear @ [0.2126, 0.7152, 0.0722]) > 0).all()


def test_of_a_fine_map_the_strongest_of_neighbours_is_drawn() -> None:
    values = np.zeros((1, 113, 100), np.float32)
    values[0, 112, 99], values[0, 5, 7] = 1, 0.5
    figure = plot_feature_maps([FeatureMaps("resnet18", "conv1", "stem", (226, 200), values)])
    z = np.asarray(heatmaps(figure)[0].z)
    assert z.shape == (38, 34)  # three by three are one
    assert z[37, 33] == 100
    assert z[1, 2] == 50
    assert z.sum() == 150
    assert "Of each 3 × 3 places the strongest" in describe_feature_maps(
        [FeatureMaps("resnet18", "conv1", "stem", (226, 200), values)]
    )
    values[0, 5, 8] = -0.75  # beside the 0.5, in the same three by three
    signed = plot_feature_maps([FeatureMaps("resnet18", "conv1", "stem", (226, 200), values)])
    assert np.asarray(heatmaps(signed)[0].z)[1, 2] == -75


@pytest.mark.parametrize("language", LANGUAGES)
def test_axes_of_maps_have_names_and_units(language: str) -> None:
    figure = plot_feature_maps([maps(), maps()], language=language)
    wide, high = {
        "en": ("each map 4 places wide, one every 8 px", "each map 4 places high, one every 8 px"),
        "ko": ("맵마다 가로 4칸, 8 px마다 한 칸", "맵마다 세로 4칸, 8 px마다 한 칸"),
    }[language]
    for axis in (figure.layout.xaxis, figure.layout.xaxis2):
        assert normal(axis.title.text) == wide
    assert normal(figure.layout.yaxis.title.text) == high
    assert figure.layout.coloraxis.colorbar.title.text


def test_sentences_about_maps_are_computed() -> None:
    said = normal(describe_feature_maps([maps()]))
    assert "ResNet-18, layer2.1.relu2: 5 channels of 4 × 4 places. Silent, at 0 all over this picture: 1 of 5" in said
    assert "above 0: 5.0 % of all values" in said  # 4 of 80
    assert "The strongest is channel 4: it reaches 4 at the upper right." in said
    later = FeatureMaps("resnet18", "a", "", (8, 8), maps().values[[3, 1]])
    assert "Each of them rises above 0 somewhere" in describe_feature_maps([later])
    assert "the lower right" in describe_feature_maps([later])
    none = FeatureMaps("resnet18", "a", "", (8, 8), np.zeros((2, 4, 4), np.float32))
    assert "none of them rises above 0" in describe_feature_maps([none])
    assert np.asarray(heatmaps(plot_feature_maps([none]))[0].z).max() == 0
    korean = normal(describe_feature_maps([maps()], language="ko"))
    assert "특징 맵(feature map)이 5개" in korean
    assert "채널 4이며, 오른쪽 위에서 4에" in korean


def test_data_of_maps() -> None:
    found = [maps(), maps("plain18", channels=3)]
    data = feature_maps_data(found)
    assert len(data) == 8
    assert data.iloc[0].to_dict() == {
        "net": "ResNet-18",
        "layer": "layer2.1.relu2",
        "rank": 1,
        "unit": 4,
        "strongest": 4.0,
        "place_row": 0,
        "place_column": 3,
        "mean": 0.25,
        "above_zero": 1 / 16,
    }
    values = feature_values_data(found, ["a", "b"], shown=2)
    assert len(values) == 4 * 16
    assert values.loc[
        values["value"] > 0, ["net", "unit", "place_row", "place_column", "value"]
    ].to_numpy().tolist() == [
        ["a", 4, 0, 3, 4.0],
        ["a", 3, 3, 3, 3.0],
        ["b", 2, 2, 3, 2.0],
        ["b", 1, 1, 3, 1.0],
    ]


def test_a_figure_of_maps_is_light() -> None:
    generator = np.random.default_rng(0)
    fine = [FeatureMaps("resnet18", "conv1", "", (224, 224), generator.random((64, 112, 112), np.float32))] * 2
    assert len(plot_feature_maps(fine, photograph("coffee")).to_json()) < MOST_BYTES


@pytest.mark.parametrize("count", [0, 3])
def test_one_net_or_two(count: int) -> None:
    for plot in (
        lambda: plot_feature_maps([maps()] * count),
        lambda: plot_filters([filters()] * count),
        lambda: plot_unit_pictures([unit_pictures()] * count, PICTURES),
    ):
        with pytest.raises(ConfigError, match=f"{count} nets are not possible: draw 1 or 2"):
            plot()


# ---------------------------------------------------------------- filters


def filters(count: int = 3, channels: int = 3) -> Filters:
    """Filter 0 is red against green, 1 is grey and strong, 2 is blue and faint."""
    values = np.zeros((count, channels, 2, 2), np.float32)
    values[0, 0], values[0, 1 % channels] = 0.5, -0.25
    values[1, :, 0], values[1, :, 1] = 1, -1
    values[2, channels - 1, 0, 0] = 0.05
    return Filters("resnet18", "conv1", (2, 2), values)


def test_a_tile_is_grey_at_0_and_stretched_to_its_own_largest_weight() -> None:
    found = filters()
    assert tile(found.values[0])[0, 0].tolist() == [255, 64, 128]  # 0.5, -0.25, 0 of 0.5: 128 - 63.5 is rounded to even
    assert tile(found.values[1])[:, 0].tolist() == [[255] * 3, [1] * 3]
    assert tile(found.values[2])[0, 0].tolist() == [128, 128, 255]
    assert tile(np.zeros((3, 2, 2), np.float32)).min() == tile(np.zeros((3, 2, 2), np.float32)).max() == 128


def test_filters_are_drawn_strongest_first_with_their_scale_below() -> None:
    found = filters()
    figure = plot_filters([found], names=["a net"])
    for image, index in zip(figure.layout.images, (1, 0, 2), strict=True):
        drawn = opened(image.source)
        np.testing.assert_array_equal(drawn, np.kron(tile(found.values[index]), np.ones((21, 21, 1))))
    assert words_of(figure) == [["±1.00", "±0.50", "±0.05"]]
    [points] = [trace for trace in figure.data if trace.mode == "markers"]
    assert list(points.customdata) == [
        "filter 1: weights from −1 to 1",
        "filter 0: weights from −0.25 to 0.5",
        "filter 2: weights from 0 to 0.05",
    ]
    assert "2 px wide" in figure.layout.xaxis.title.text
    assert "2 px high" in figure.layout.yaxis.title.text
    assert "grey is 0" in figure.layout.annotations[0].text


def test_sentences_and_data_about_filters() -> None:
    said = normal(describe_filters([filters()]))
    assert "ResNet-18, conv1: 3 filters of 2 × 2 px; their largest weights go from 0.05 to 1." in said
    assert "Faint, below 10.0 % of the strongest: 1 of 3." in said
    # Red against green holds (0.5² + 0.25²) less 3 · (0.25 / 3)², more than nine tenths; blue alone two thirds.
    assert "More about colour than about brightness: 2 of 3," in said
    data = filters_data([filters()])
    assert data["filter"].tolist() == [1, 0, 2]
    np.testing.assert_allclose(
        data["colour_share"], [0, 1 - (3 * (0.25 / 3) ** 2) / (0.5**2 + 0.25**2), 2 / 3], rtol=1e-5
    )
    weights = filter_weights_data([filters()])
    assert len(weights) == 3 * 3 * 4
    assert weights.loc[weights["filter"] == 1, "weight"].tolist() == [1, 1, -1, -1] * 3
    assert "필터가 3개" in describe_filters([filters()], language="ko")


def test_other_channels_are_averaged_and_said_to_be() -> None:
    two = filters(channels=2)
    assert tile(two.values[1])[:, 0].tolist() == [[255] * 3, [1] * 3]
    assert "the mean of a filter's weights" in describe_filters([two])
    assert "More about colour" not in describe_filters([two])
    grey = filters(channels=1)
    assert "the mean" not in describe_filters([grey])


def test_many_filters_are_cut_and_light() -> None:
    generator = np.random.default_rng(0)
    many = Filters("resnet18", "conv1", (2, 2), generator.normal(size=(96, 3, 7, 7)).astype(np.float32))
    figure = plot_filters([many, many])
    assert len(figure.layout.images) == 128
    assert len(figure.to_json()) < MOST_BYTES
    weak = Filters("resnet18", "conv1", (2, 2), many.values / 10_000)
    assert words_of(plot_filters([weak]))[0][0].endswith("× 10⁻⁴")
    assert "The 64 strongest are drawn." in describe_filters([many])


# ---------------------------------------------------------------- what excites units

PICTURES = [square(photograph(name), 128) for name in PHOTOGRAPHS]
FIELD = ReceptiveField(Field1d(-8, 8, 4), Field1d(-8, 8, 4), 17)


def unit_pictures(field: ReceptiveField | None = FIELD, seen: int = 8) -> UnitPictures:
    """Two channels that answer, one that does not; of 64 px, while the pictures have 128."""

    def exciting(picture: int, value: float, place: tuple[int, int]) -> Exciting:
        box = (0, 0, 64, 64) if field is None else field.region(place, 64)
        return Exciting(picture, value, place, box)

    units = (
        ExcitedUnit(7, (exciting(2, 9.0, (5, 6)), exciting(0, 3.0, (0, 15))), 1.5, 0.75),
        ExcitedUnit(3, (exciting(1, 2.5, (8, 8)),), 0.0, 0.125),
        ExcitedUnit(4, (), 0.0, 0.0),
    )
    return UnitPictures("resnet18", "layer1.0.relu2", "layer1", 32, (16, 16), (64, 64), field, 1, seen, 8, units)


def test_tiles_are_cut_to_the_box_of_the_field() -> None:
    figure = plot_unit_pictures([unit_pictures()], PICTURES)
    images = figure.layout.images
    # Place (5, 6) is at (20, 24): 17 px from (12, 16), in a picture that is twice as fine.
    assert unit_pictures().units[0].best[0].box == (12, 16, 29, 33)
    inside = opened(images[0].source)
    whole = PICTURES[2][24:58, 32:66]
    np.testing.assert_array_equal(inside, np.kron(whole, np.ones((2, 2, 1), np.uint8)))  # 34 px to 68
    assert (images[0].sizex, images[0].sizey) == pytest.approx((0.94, 0.94))
    # Place (0, 15) is at (0, 60): only 9 rows and 12 columns are in the picture.
    clipped = PICTURES[0][0:18, 104:128]
    assert cut(PICTURES[0], unit_pictures().units[0].best[1], (64, 64)).shape == clipped.shape == (18, 24, 3)
    assert images[1].sizey / images[1].sizex == pytest.approx(18 / 24)
    np.testing.assert_array_equal(opened(images[1].source)[::3, ::3], clipped)
    assert list(figure.layout.yaxis.ticktext) == ["7", "3", "4"]
    assert list(figure.layout.xaxis.ticktext) == ["1", "2"]
    assert words_of(figure) == [["9", "3", "2.5"]]


def test_a_ring_marks_the_middle_where_fields_are_clipped() -> None:
    figure = plot_unit_pictures([unit_pictures()], PICTURES)
    rings = [trace for trace in figure.data if trace.mode == "markers" and trace.customdata is None]
    assert {ring.marker.line.color for ring in rings} == {"#000000", "#FFFFFF"}
    image = figure.layout.images[1]
    x, y = rings[0].x[1], rings[0].y[1]
    # The middle is pixel (0, 60) of rows 0 to 8 and columns 52 to 63.
    assert (y - image.y) / image.sizey == pytest.approx(0.5 / 9)
    assert (x - image.x) / image.sizex == pytest.approx(8.5 / 12)
    assert (rings[0].x[0], rings[0].y[0]) == pytest.approx((0.5, 0.5))
    inner = ReceptiveField(Field1d(4, 8, 4), Field1d(4, 8, 4), 5)
    best = ExcitedUnit(1, (Exciting(0, 1.0, (2, 2), (12, 12, 17, 17)),), 0.0, 1.0)
    within = UnitPictures("resnet18", "conv1", "", 1, (14, 14), (64, 64), inner, 0, 1, 1, (best,))
    traces = plot_unit_pictures([within], PICTURES).data
    assert [trace.mode for trace in traces] == ["text", "markers"]
    assert "Each tile is its receptive field of 5 px" in normal(describe_unit_pictures([within]))


def test_sentences_about_pictures_are_computed() -> None:
    said = normal(describe_unit_pictures([unit_pictures()]))
    assert "ResNet-18, layer1.0.relu2: 3 of 32 channels, each with those of 8 pictures" in said
    assert "Its receptive field is 17 px; where it reaches beyond the picture" in said
    assert "Channel 7 reaches 9 on its best picture and 1.5 on a middling one; it is above 0 on 75.0 % of all" in said
    assert "Above 0 on none of these pictures: 1 of 32 channels." in said
    assert "one class" not in said
    assert "among the first 3 of 8" in describe_unit_pictures([unit_pictures(seen=3)])
    silent = dataclasses.replace(unit_pictures(), units=unit_pictures().units[2:], silent=32)
    assert "32 of 32 channels" in describe_unit_pictures([silent])
    assert "receptive field" not in describe_unit_pictures([silent])
    assert not plot_unit_pictures([silent], PICTURES).layout.images
    unknown = describe_unit_pictures([unit_pictures(None)])
    assert "sees the whole picture from every place" in unknown
    large = ReceptiveField(Field1d(-200, 200, 4), Field1d(-200, 200, 4), 1)
    assert "of 401 px takes in every picture whole" in normal(describe_unit_pictures([unit_pictures(large)]))
    korean = normal(describe_unit_pictures([unit_pictures()], language="ko"))
    assert "채널 7의 값은 가장 높은 이미지에서 9" in korean


def test_how_alike_the_pictures_are_is_compared_with_chance() -> None:
    classes = ["cat", "cat", "cat", "dog", "dog", "dog", "dog", "dog"]
    said = normal(describe_unit_pictures([unit_pictures()], classes=classes))
    # Channel 7's two are cats, channel 3 has one picture; of two drawn from 3 and 5 the same are 13 of 28.
    assert "On average 100 % of a channel's pictures are of one class" in said
    same = 13 / 28
    by_chance = (same * 1 + (1 - same) * 0.5 + 1) / 2
    found = float(said.partition("drawn at random ")[2].partition(" %")[0])
    assert found == pytest.approx(100 * by_chance, abs=1.5)
    mixed = ["cat", "cat", "dog", *classes[3:]]
    assert "On average 75.0 % of a channel's" in normal(describe_unit_pictures([unit_pictures()], classes=mixed))


def test_data_of_pictures() -> None:
    data = unit_pictures_data([unit_pictures()], ["a net"], classes=["x"] * 8)
    assert data.iloc[1].to_dict() == {
        "net": "a net",
        "layer": "layer1.0.relu2",
        "unit": 7,
        "rank": 2,
        "picture": 0,
        "class": "x",
        "value": 3.0,
        "place_row": 0,
        "place_column": 15,
        "top": 0,
        "left": 52,
        "bottom": 9,
        "right": 64,
    }
    assert len(data) == 3


@pytest.mark.parametrize("language", LANGUAGES)
def test_pictures_by_number_and_axes_with_names(language: str) -> None:
    by_number = {number: PICTURES[number] for number in (0, 1, 2)}
    figure = plot_unit_pictures([unit_pictures(), unit_pictures()], by_number, classes=["a"] * 8, language=language)
    rank, channel = {"en": ("rank", "channel"), "ko": ("순위", "채널")}[language]
    for axis in (figure.layout.xaxis, figure.layout.xaxis2):
        assert rank in axis.title.text
    assert figure.layout.yaxis2.title.text == channel
    hovers = [trace.customdata[0] for trace in figure.data if trace.customdata is not None]
    assert len(hovers) == 2
    assert hovers[0].startswith("a<br>")


@pytest.mark.parametrize("whole", [True, False])
def test_a_figure_of_pictures_is_light(whole: bool) -> None:
    box = (0, 0, 112, 112) if whole else (30, 40, 73, 83)
    fine = [square(photograph(name), 448) for name in PHOTOGRAPHS]
    numbers = itertools.cycle(range(len(fine)))
    units = tuple(
        ExcitedUnit(unit, tuple(Exciting(next(numbers), 1.0, (1, 1), box) for _ in range(6)), 0.5, 1.0)
        for unit in range(6)
    )
    found = UnitPictures("resnet18", "layer4", "layer4", 256, (4, 4), (112, 112), FIELD, 0, 8, 8, units)
    assert len(plot_unit_pictures([found, found], fine).to_json()) < MOST_BYTES
