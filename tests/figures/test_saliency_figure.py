"""The evidence over a picture: what is plotted is what was found, and the sentences are computed from it."""

from __future__ import annotations

import base64
import dataclasses
import io
import re

import numpy as np
import pytest
from PIL import Image

from explorer.attribution_results import METHODS, SIGNED, Attribution
from explorer.errors import ConfigError
from explorer.figures.saliency import describe_saliency, method_name, method_notes, plot_saliency, saliency_data
from explorer.figures.saliency_strip import map_title, plot_saliencies, plot_saliency_strip, saliencies_data
from explorer.language import LANGUAGES

PICTURE = np.zeros((64, 64, 3), np.uint8)
PICTURE[:32, :, 0] = 255


def found(row: int = 0, column: int = 3, height: float = 2.0) -> Attribution:
    """All evidence on one of four times four places, (h, w) of a picture of 32 pixels."""
    coarse = np.zeros((4, 4), np.float32)
    coarse[row, column] = height
    return Attribution("grad-cam", 7, "dog", 0.625, "layer4", coarse, np.kron(coarse, np.ones((8, 8), np.float32)))


def test_the_map_lies_over_the_grey_picture_place_by_place() -> None:
    figure = plot_saliency(PICTURE, found())
    image, heat = figure.data
    z = np.asarray(heat.z)
    assert z.shape == (32, 32)
    assert z[:8, 24:].min() == 100  # upper right, as everywhere with (row, column)
    assert z.sum() == 100 * 64
    # The picture is twice as fine as the map: it begins and ends at the same edges.
    assert (image.dx, image.dy) == (0.5, 0.5)
    assert image.x0 - image.dx / 2 == -0.5
    assert image.x0 - image.dx / 2 + 64 * image.dx == 31.5
    shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(image.source.partition(",")[2]))).convert("RGB"), int)
    assert shown.shape == (64, 64, 3)
    assert np.ptp(shown, axis=2).max() <= 2  # grey
    assert shown[:24].mean() > shown[40:].mean() + 40
    assert list(figure.layout.yaxis.range) == [31.5, -0.5]  # the first row is at the top


@pytest.mark.parametrize("language", LANGUAGES)
def test_axes_and_scale_have_their_names(language: str) -> None:
    figure = plot_saliency(PICTURE, found(), language)
    assert (figure.layout.xaxis.title.text, figure.layout.yaxis.title.text) == ("x (px)", "y (px)")
    scale = figure.data[1].colorbar
    low, high = {"en": ("low", "high"), "ko": ("낮음", "높음")}[language]
    assert list(scale.ticktext) == [low, high]
    assert "dog" in scale.title.text


def lightness(colours: list[str]) -> np.ndarray:
    """Relative luminance of colours `#rrggbb`."""
    channels = np.array([[int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)] for colour in colours])
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    light: np.ndarray = linear @ [0.2126, 0.7152, 0.0722]
    return light


def test_the_scale_only_grows_lighter() -> None:
    """So that it can be read without telling colours apart."""
    light = lightness([colour for _, colour in plot_saliency(PICTURE, found()).data[1].colorscale])
    assert (np.diff(light) > 0).all()
    assert light[-1] > 10 * (light[0] + 0.05)


@pytest.mark.parametrize(
    ("row", "column", "en", "ko"),
    [
        (0, 3, "at the upper right", "오른쪽 위"),
        (3, 0, "at the lower left", "왼쪽 아래"),
        (3, 3, "lower right", "오른쪽 아래"),
    ],
)
def test_sentences_say_where_and_how_much(row: int, column: int, en: str, ko: str) -> None:
    said = describe_saliency(found(row, column)).replace("\u202f", " ").replace("\u00a0", " ")
    assert "speaks for dog (62.5 %)" in said
    assert en in said
    # Half of 64 equal pixels of 1024.
    assert found().area_of_half() == 32 / 1024
    assert "half of the evidence lies on 3.1 % of the picture" in said
    assert "the 4 × 4 map of layer4" in said
    assert "not that the answer is right" in said
    korean = describe_saliency(found(row, column), "ko")
    assert ko in korean
    assert "dog(62.5" in korean


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_evidence_is_said_and_not_drawn(language: str) -> None:
    empty = found(height=0.0)
    assert empty.is_empty
    assert empty.area_of_half() == 1.0
    assert np.asarray(plot_saliency(PICTURE, empty, language).data[1].z).max() == 0
    said = describe_saliency(empty, language)
    assert re.search("Nothing in the 4 × 4 map" if language == "en" else "근거.*없습니다", said)
    assert saliency_data(empty)["evidence"].sum() == 0


def test_what_is_claimed_depends_on_what_follows_the_layer() -> None:
    averaged, linear = found(), dataclasses.replace(found(), adds_up=True)
    assert "on average over the map, not for each place" in describe_saliency(averaged)
    assert "would raise its score" not in describe_saliency(averaged)
    assert "would raise its score for dog" in describe_saliency(linear)
    averaged, linear = found(height=0.0), dataclasses.replace(found(height=0.0), adds_up=True)
    assert "no place where the weighted sum is positive" in describe_saliency(averaged)
    assert "no place would raise its score" in describe_saliency(linear)


def test_the_data_are_the_layers_own_places() -> None:
    data = saliency_data(found(1, 2, 5.0))
    assert list(data.columns) == ["place_row", "place_column", "evidence"]
    assert len(data) == 16
    [row] = data[data["evidence"] > 0].to_dict("records")
    assert row == {"place_row": 1, "place_column": 2, "evidence": 100.0}
    nameless = Attribution("grad-cam", 7, "", 0.5, "layer4", found().coarse, found().values)
    assert "speaks for 7 (" in describe_saliency(nameless)


# ---------------------------------------------------------------- maps of pixels, and with a sign


def of_pixels(method: str, **given: float) -> Attribution:
    """A map of 40 × 40 px: 3 at one pixel, 1 on a square of 100, -0.5 on another where it can have a sign."""
    values = np.zeros((40, 40), np.float32)
    values[30:, 30:] = 1.0
    values[39, 39] = 3.0
    if method in SIGNED:
        values[:10, :10] = -0.5
    layer = "layer4" if method == "guided-grad-cam" else ""
    return Attribution(method, 7, "dog", 0.625, layer, values, values, **given)


def test_what_speaks_against_has_the_other_end_of_the_scale() -> None:
    heat = plot_saliency(PICTURE, of_pixels("occlusion")).data[1]
    assert (heat.zmin, heat.zmax) == (-100, 100)
    z = np.asarray(heat.z)
    assert z[39, 39] == 100
    assert set(z[30:, 30:].ravel().tolist()) == {33, 100}
    assert set(z[:10, :10].ravel().tolist()) == {-17}
    assert z[20, 20] == 0
    assert list(heat.colorbar.ticktext) == ["against", "0", "for"]
    places = [place for place, _ in heat.colorscale]
    assert places == [1 - place for place in reversed(places)]
    light = lightness([colour for _, colour in heat.colorscale])
    middle = len(light) // 2
    assert (np.diff(light)[:middle] < 0).all()
    assert (np.diff(light)[middle:] > 0).all()
    assert light[0] > 0.5
    assert light[-1] > 0.5
    assert light[middle] < 0.02
    against, speaks_for = (
        int(heat.colorscale[end][1][5:], 16) - int(heat.colorscale[end][1][1:3], 16) for end in (1, -2)
    )
    assert against > 60  # bluer than red, and the other way round: apart for the colour-blind, too
    assert speaks_for < -60


def test_single_pixels_do_not_decide_on_the_scale() -> None:
    values = np.zeros((40, 40), np.float32)
    values[:10] = 1.0
    values[39, 39] = 50.0
    rough = Attribution("gradient", 7, "dog", 0.5, "", values, values)
    z = np.asarray(plot_saliency(PICTURE, rough).data[1].z)
    assert z[5, 5] == z[39, 39] == 100
    assert "The scale ends where 0.5 % of the pixels are stronger" in describe_saliency(rough).replace("\u202f", " ")
    even = Attribution("gradient", 7, "dog", 0.5, "", values.clip(max=1), values.clip(max=1))
    assert "The scale ends" not in describe_saliency(even)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("method", METHODS)
def test_every_method_has_its_words(method: str, language: str) -> None:
    name, notes = method_name(method, language), method_notes(method, language)
    assert name
    assert len(set(notes)) == 3
    assert all(note.endswith(".") for note in notes)
    said = describe_saliency(of_pixels(method), language)
    assert name in said
    assert "62.5" in said
    assert ("lower right" if language == "en" else "오른쪽 아래") in said
    if method != "grad-cam":
        assert notes[0] in said
    figure = plot_saliency(PICTURE, of_pixels(method), language)
    assert "dog" in figure.data[1].colorbar.title.text


def test_sentences_follow_the_values() -> None:
    signed = of_pixels("occlusion")
    # 100 px of -0.5 are 50; 99 of 1 and one of 3 are 102. Half of 102 lies on 49 of 1600 px: 3 and 48 more.
    assert "32.9 % of all evidence speaks against it" in describe_saliency(signed)
    assert "half of what speaks for it lies on 3.1 % of the picture" in describe_saliency(signed)
    turned = dataclasses.replace(signed, values=-signed.values, coarse=-signed.coarse)
    assert "67.1 % of all evidence speaks against it" in describe_saliency(turned)
    assert "at the upper left" in describe_saliency(turned)
    only_against = dataclasses.replace(signed, values=-np.abs(signed.values), coarse=-np.abs(signed.coarse))
    assert "Nothing speaks for dog (62.5 %), by Occlusion: all evidence is against it" in describe_saliency(
        only_against
    )
    assert only_against.area_of_half() == 1.0
    nothing = dataclasses.replace(signed, values=0 * signed.values, coarse=0 * signed.coarse)
    assert describe_saliency(nothing) == "No pixel speaks for dog (62.5 %) or against it, by Occlusion."
    assert np.asarray(plot_saliency(PICTURE, nothing).data[1].z).any() == np.False_
    assert "The region is that of layer4." in describe_saliency(of_pixels("guided-grad-cam"))
    assert describe_saliency(of_pixels("gradient")).startswith("Where the score for dog (62.5 %) reacts")


def test_the_caption_says_whether_the_map_adds_up() -> None:
    near = of_pixels("deeplift", score_change=52.0, summed=51.9)
    assert near.gap == pytest.approx(0.1 / 52)
    assert "Here they add up to 51.9, and the score changes by 52: a gap of 0.2 %." in describe_saliency(near)
    far = of_pixels("integrated-gradients", score_change=-2.0, summed=2.5)
    assert "Here they add up to 2.5, and the score changes by -2: a gap of 225.0 %." in describe_saliency(far)
    still = of_pixels("deeplift", score_change=0.0, summed=0.25)
    assert "Here they add up to 0.25, and the score does not change." in describe_saliency(still)
    assert "add up to" not in describe_saliency(of_pixels("occlusion"))
    assert np.isnan(of_pixels("occlusion").gap)


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_unfinished_map_says_so(language: str) -> None:
    part = of_pixels("occlusion", share_done=0.25)
    assert describe_saliency(part, language).startswith("25.0 %")
    assert not describe_saliency(of_pixels("occlusion"), language).startswith("25.0 %")


def test_pixels_are_added_up_in_squares() -> None:
    data = saliency_data(of_pixels("occlusion"))
    assert len(data) == 20 * 20  # squares of 2 px
    evidence = data.set_index(["place_row", "place_column"])["evidence"]
    assert evidence[(19, 19)] == pytest.approx(100 * 6 / 152, abs=0.01)
    assert evidence[(0, 0)] == pytest.approx(100 * -2 / 152, abs=0.01)
    assert data["evidence"].abs().sum() == pytest.approx(100, abs=0.5)


# ---------------------------------------------------------------- several beside each other


def test_a_strip_has_each_map_over_the_picture_under_its_title() -> None:
    maps = [of_pixels("gradient"), of_pixels("occlusion"), found()]
    figure = plot_saliency_strip(PICTURE, maps, ["one", "two", "three"])
    pictures, heats = figure.data[::2], figure.data[1::2]
    assert [trace.type for trace in figure.data] == ["image", "heatmap"] * 3
    assert [one.name for one in heats] == [one.text for one in figure.layout.annotations] == ["one", "two", "three"]
    for picture, heat in zip(pictures, heats, strict=True):
        side = np.asarray(heat.z).shape[0]
        left = heat.x0 - heat.dx / 2
        assert picture.x0 - picture.dx / 2 == pytest.approx(left)
        assert picture.dx * 64 == pytest.approx(heat.dx * side) == pytest.approx(1.0)
        assert picture.dy * 64 == pytest.approx(heat.dy * side)
        assert np.abs(np.asarray(heat.z)).max() == 100  # each against its own strongest place
    lefts = [heat.x0 for heat in heats]
    assert lefts == sorted(lefts)
    scale = figure.layout.coloraxis
    assert (scale.cmin, scale.cmax) == (-100, 100)
    assert all(heat.coloraxis == "coloraxis" for heat in heats)
    assert np.asarray(heats[0].z).min() == 0
    assert np.asarray(heats[1].z).min() < 0
    unsigned = plot_saliency_strip(PICTURE, [maps[0], maps[2]], ["one", "three"], "ko").layout.coloraxis
    assert (unsigned.cmin, unsigned.cmax) == (0, 100)
    assert list(unsigned.colorbar.ticktext) == ["낮음", "높음"]


def test_many_maps_take_rows() -> None:
    figure = plot_saliency_strip(PICTURE, [found()] * 10, [str(number) for number in range(10)])
    tops = [heat.y0 for heat in figure.data[1::2]]
    assert len(set(tops)) == 2
    assert tops == sorted(tops)
    one_row = plot_saliency_strip(PICTURE, [found()] * 3, ["a", "b", "c"])
    assert len({heat.y0 for heat in one_row.data[1::2]}) == 1


def test_nets_beside_each_other_each_have_their_picture_and_values() -> None:
    other = np.full((48, 48, 3), 200, np.uint8)
    maps = [found(), dataclasses.replace(found(3, 0), target_name="cat", probability=0.25)]
    titles = [map_title(name, one) for name, one in zip(["plain", "residual"], maps, strict=True)]
    figure = plot_saliencies([PICTURE, other], maps, titles)
    assert [note.text.replace("\u202f", " ") for note in figure.layout.annotations] == [
        "plain<br>Grad-CAM · dog · 62.5 %",
        "residual<br>Grad-CAM · cat · 25.0 %",
    ]
    assert map_title("plain", maps[0], with_method=False) == "plain<br>dog · 62.5 %"
    # The room for titles is as high as their lines, however wide the page is.
    assert figure.layout.margin.t - plot_saliencies([PICTURE] * 2, maps, ["a", "b"]).layout.margin.t == 16
    assert figure.data[0].source != figure.data[2].source
    data = saliencies_data(maps, ["plain", "residual"])
    assert list(data.columns)[:5] == ["map", "method", "class", "probability", "layer"]
    assert list(data.columns)[5:] == ["place_row", "place_column", "evidence"]
    named = data.drop_duplicates("map").drop(columns=["place_row", "place_column", "evidence"])
    assert named.values.tolist() == [
        ["plain", "grad-cam", "dog", 0.625, "layer4"],
        ["residual", "grad-cam", "cat", 0.25, "layer4"],
    ]
    strongest = data[data["evidence"] > 0].to_dict("records")
    assert [(row["map"], row["place_row"], row["place_column"]) for row in strongest] == [
        ("plain", 0, 3),
        ("residual", 3, 0),
    ]
    with pytest.raises(ConfigError, match="1 pictures, 2 maps and 2 titles do not go together"):
        plot_saliencies([PICTURE], maps, ["plain", "residual"])
    with pytest.raises(ConfigError, match="at least one"):
        plot_saliency_strip(PICTURE, [], [])
