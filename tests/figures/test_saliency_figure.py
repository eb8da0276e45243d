"""The evidence over a picture: what is plotted is what was found, and the sentences are computed from it."""

from __future__ import annotations

import base64
import dataclasses
import io
import re

import numpy as np
import pytest
from PIL import Image

from explorer.attribution_results import Attribution
from explorer.figures.saliency import describe_saliency, plot_saliency, saliency_data
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


def test_the_scale_only_grows_lighter() -> None:
    """So that it can be read without telling colours apart."""
    colours = [colour for _, colour in plot_saliency(PICTURE, found()).data[1].colorscale]
    channels = np.array([[int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)] for colour in colours])
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    light = linear @ [0.2126, 0.7152, 0.0722]
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
