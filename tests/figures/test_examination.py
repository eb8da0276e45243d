"""Figures, tables and sentences of an examination and a projection: what they show is what is in the result."""

from __future__ import annotations

import html
import itertools
import json
import re
from dataclasses import replace

import numpy as np
import pytest
from skimage.color import rgb2lab

from explorer.examination_results import ClassScore, Examination, Mistake, ProjectedNet, Projection
from explorer.examination_tables import class_frame, display_classes, mistake_frame
from explorer.figures.cluster_labels import cluster_labels, width_px
from explorer.figures.confusion import confusion_data, describe_confusion, plot_confusion
from explorer.figures.examination_html import classes_html, examination_html, mistakes_html
from explorer.figures.examined import describe_examination
from explorer.figures.projection import describe_projection, plot_projection, projection_data
from explorer.figures.weights_titles import weights_title
from explorer.training.evaluation import confidence_interval

PICTURE = np.full((8, 8, 3), 200, dtype=np.uint8)


def examination(confusion: list[list[int]], names: list[str] | None = None, mistakes: int = 1) -> Examination:
    """As `examine` would give it of that matrix."""
    names = names or [f"class {chr(97 + number)}" for number in range(len(confusion))]
    table = np.array(confusion)
    classes = []
    for index, name in enumerate(names):
        right, pictures, answered = int(table[index, index]), int(table[index].sum()), int(table[:, index].sum())
        precision, recall = (right / n if n else None for n in (answered, pictures))
        f1 = 2 * right / (pictures + answered) if pictures + answered else None
        classes.append(ClassScore(name, pictures, answered, right, precision, recall, f1))
    wrong = (Mistake(3, names[0], names[1], 0.987, PICTURE),) * mistakes
    low, high = confidence_interval(int(table.trace()), int(table.sum()))
    matrix = tuple(map(tuple, table.tolist()))
    return Examination("resnet8", "a-run", "digits", matrix, tuple(classes), low, high, wrong, 1.0)


FOUND = examination([[8, 2, 0], [0, 10, 0], [5, 1, 4]])


# ---------------------------------------------------------------- tables


def test_the_table_holds_a_row_for_each_class() -> None:
    frame = class_frame(FOUND)
    assert frame["class"].tolist() == ["class a", "class b", "class c"]
    assert frame["right"].tolist() == [8, 10, 4]
    assert frame["precision"].tolist() == pytest.approx([8 / 13, 10 / 13, 1])
    assert frame["recall"].tolist() == pytest.approx([0.8, 1, 0.4])


def test_what_is_not_defined_is_a_dash_and_not_nought() -> None:
    frame = class_frame(examination([[3, 0, 0], [2, 0, 0], [0, 0, 0]]))
    assert frame["precision"].isna().tolist() == [False, True, True]
    shown = display_classes(frame)
    assert shown["precision"].tolist() == ["60.0 %", "–", "–"]
    assert shown["recall"].tolist() == ["100 %", "0 %", "–"]
    assert shown["f1"].tolist() == ["75.0 %", "0 %", "–"]


def test_mistakes_as_a_table() -> None:
    assert mistake_frame(FOUND).to_dict("records") == [
        {"index": 3, "true": "class a", "answered": "class b", "probability": 0.987}
    ]
    assert mistake_frame(replace(FOUND, mistakes=())).empty


# ---------------------------------------------------------------- the confusion matrix


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_cells_are_coloured_by_their_share_of_the_row(language: str) -> None:
    figure = plot_confusion(FOUND, language)
    heat = figure.data[0]
    assert [list(row) for row in heat.z] == [[80, 20, 0], [0, 100, 0], [50, 10, 40]]
    assert (heat.zmin, heat.zmax) == (0, 100)
    assert (list(heat.x), list(heat.y)) == (["class a", "class b", "class c"],) * 2
    assert heat.customdata[2][0] == 5
    assert figure.layout.xaxis.title.text
    assert figure.layout.yaxis.title.text
    assert "%" in heat.colorbar.title.text
    assert figure.layout.yaxis.range == (2.5, -0.5)  # the first class on top
    assert list(figure.layout.xaxis.ticktext) == ["class a", "class b", "class c"]


def test_the_counts_stand_in_the_cells_that_are_not_empty() -> None:
    traces = plot_confusion(FOUND).data[1:]
    written = {(x, y): word for trace in traces for x, y, word in zip(trace.x, trace.y, trace.text, strict=True)}
    places = {said[-1] + true[-1]: count for (said, true), count in written.items()}
    assert places == {"aa": "8", "ba": "2", "bb": "10", "ac": "5", "bc": "1", "cc": "4"}
    light, dark = traces
    assert light.textfont.color is None  # the page's own ink
    assert set(dark.text) == {"8", "10"}


def test_a_class_without_pictures_leaves_its_row_blank() -> None:
    heat = plot_confusion(examination([[3, 1], [0, 0]])).data[0]
    assert list(heat.z[1]) == [None, None]


@pytest.mark.parametrize("count", [2, 20, 21, 100])
def test_many_classes_have_fewer_names_and_no_counts(count: int) -> None:
    figure = plot_confusion(examination(np.eye(count, dtype=int).tolist()))
    assert (len(figure.data) > 1) == (count <= 20)
    assert 2 <= len(figure.layout.xaxis.ticktext) <= 34
    assert 340 <= figure.layout.height <= 760


def test_names_that_are_figures_or_long_stay_names() -> None:
    names = ["10", "a name that is much longer than others"]
    axis = plot_confusion(examination([[1, 1], [0, 2]], names)).layout.xaxis
    assert list(axis.ticktext) == ["10", "a name that is mu…"]
    assert axis.type == "category"
    assert list(axis.tickvals) == names


def test_the_data_of_the_matrix_are_its_cells() -> None:
    data = confusion_data(FOUND)
    assert int(data["count"].sum()) == 30
    assert data[data["answered"] == "class b"]["row_share"].tolist() == [20, 100, 10]


# ---------------------------------------------------------------- sentences


def test_the_sentences_are_computed() -> None:
    said = describe_examination(FOUND)
    assert said[0].startswith("22 of 30 test pictures are answered rightly, 73.3 %.")
    assert said[0].endswith("The true accuracy lies between 55.6 % and 85.8 % (95 % interval).")
    assert f"less than about {100 * FOUND.margin:.1f} points cannot be told apart" in said[1]
    assert said[2] == "Always answering the most frequent class would be right for 33.3 %."
    assert "Most often class c is taken for class a (5 of 10)." in said
    assert "Next: class a → class b (2 of 10)." in said
    assert "Found least often: class c (recall 40.0 %)." in said
    assert said[-1] == "The surest mistake: class a, taken for class b with a probability of 98.7 %."


def test_more_pictures_tell_nets_apart_better() -> None:
    many = examination([[800, 200, 0], [0, 1000, 0], [500, 100, 400]])
    assert many.accuracy == FOUND.accuracy
    assert many.margin < FOUND.margin / 5


def test_other_results_have_other_sentences() -> None:
    perfect = describe_examination(examination([[4, 0], [0, 4]], mistakes=0))
    assert "No picture was taken for another class." in perfect
    assert not any("surest" in sentence or "Found least" in sentence for sentence in perfect)
    once = examination([[4, 1, 0], [0, 4, 1], [0, 0, 5]])
    assert "No class is taken for the same other one more than once." in describe_confusion(once)
    tied = examination([[4, 2, 0], [0, 4, 2], [0, 0, 6]])
    said = "2 pairs of classes are confused most often, 2 pictures each: class a → class b (2 of 6), class b → class c"
    assert said in describe_confusion(tied)
    guessing = describe_examination(examination([[6, 0], [4, 0]]))
    assert any("not clearly better" in sentence for sentence in guessing)
    assert any(sentence.startswith("Never answered: class b;") for sentence in guessing)
    absent = describe_examination(examination([[6, 1], [0, 0]]))
    assert any(sentence.startswith("No test pictures: class b;") for sentence in absent)


def test_of_many_classes_the_first_are_named() -> None:
    table = np.zeros((10, 10), dtype=int)
    table[:, 0] = 1
    said = describe_examination(examination(table.tolist()))
    assert any("class b, class c, class d, class e and 5 more" in sentence for sentence in said)


def test_where_the_matrix_says_it_it_is_not_said_twice() -> None:
    assert not any("taken for class a" in sentence for sentence in describe_examination(FOUND, pairs=False))


def test_in_korean_too() -> None:
    english, korean = describe_examination(FOUND), describe_examination(FOUND, "ko")
    assert len(english) == len(korean)
    assert all(re.search("[가-힣]", sentence) for sentence in korean)
    assert "(으)로" not in describe_confusion(examination([[8, 2], [0, 9]], ["고양이", "개"]), "ko")


# ---------------------------------------------------------------- as HTML


def test_the_page_is_one_file_with_everything_in_it() -> None:
    page = examination_html(replace(FOUND, weights="<b>run</b>"))
    assert "<b>run</b>" not in page
    assert "22 of 30 test pictures" in page
    assert "Plotly.newPlot" in page
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=.https?:", page)
    assert page.count('<img alt="" src="data:image/png;base64,') == 1


def test_the_worst_class_is_first_in_the_table() -> None:
    rows = re.findall(r'<th scope="row">([^<]+)</th>', classes_html(FOUND))
    assert rows == ["class c", "class a", "class b"]
    assert "<td>–</td>" in classes_html(examination([[6, 0], [4, 0]]))


def test_no_mistakes_are_said() -> None:
    assert "None of the test pictures" in mistakes_html(replace(FOUND, mistakes=()))
    assert "98.7 % sure" in mistakes_html(FOUND)


# ---------------------------------------------------------------- projections


def projection(
    classes: int = 3, method: str = "pca", silhouettes: tuple[float | None, float | None] = (0.1, 0.4)
) -> Projection:
    draw = np.random.default_rng(0)
    explained = (0.5, 0.25) if method == "pca" else None
    nets = [
        ProjectedNet("resnet8", weights, 64, draw.normal(size=(30, 2)).astype(np.float32), explained, apart)
        for weights, apart in zip(("shipped", "a-run"), silhouettes, strict=True)
    ]
    names = tuple(f"class {number}" for number in range(classes))
    labels = tuple(number % classes for number in range(30))
    neighbours = 9.67 if method == "tsne" else None
    return Projection(method, "digits", names, labels, 50, *nets, False, neighbours, 0)  # type: ignore[arg-type]


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("method", ["pca", "tsne"])
def test_a_class_looks_the_same_on_both_sides(method: str, language: str) -> None:
    shown = projection(method=method)
    figure = plot_projection(shown, language)
    assert len(figure.data) == 6
    for before, after in zip(figure.data[:3], figure.data[3:], strict=True):
        assert before.name == after.name == before.legendgroup == after.legendgroup
        assert before.marker == after.marker
        assert (before.xaxis, after.xaxis) == ("x", "x2")
        assert (before.showlegend, after.showlegend) == (True, False)
    assert len({(trace.marker.color, trace.marker.symbol) for trace in figure.data}) == 3
    points = shown.after.points[np.array(shown.labels) == 0]
    np.testing.assert_allclose(figure.data[3].x, points[:, 0], atol=1e-4)
    layout = json.loads(figure.to_json())["layout"]
    for axis in ("xaxis", "yaxis", "xaxis2", "yaxis2"):
        title = layout[axis]["title"]["text"]
        assert ("%" in title) == (method == "pca")


def distances(colours: list[str]) -> np.ndarray:
    """How differently the colours look, ΔE: the least of normal, red-blind and green-blind sight (Machado 2009)."""
    sights = (
        np.eye(3),
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    )
    rgb = np.array([[int(one[at : at + 2], 16) / 255 for at in (1, 3, 5)] for one in colours])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    found = []
    for sight in sights:
        seen = np.clip(linear @ np.array(sight).T, 0, 1)
        lab = rgb2lab(np.where(seen <= 0.0031308, 12.92 * seen, 1.055 * seen ** (1 / 2.4) - 0.055)[None])[0]
        found.append(np.linalg.norm(lab[:, None] - lab[None], axis=2))
    return np.min(found, axis=0)


def test_ten_classes_have_ten_colours_and_what_looks_alike_has_another_mark() -> None:
    marks = [trace.marker for trace in plot_projection(projection(10)).data[:10]]
    apart = distances([mark.color for mark in marks])
    assert len({mark.color for mark in marks}) == 10
    for one, other in itertools.combinations(range(10), 2):
        assert apart[one, other] > 20 or marks[one].symbol != marks[other].symbol, (one, other)
    assert np.median(apart[np.triu_indices(10, 1)]) > 30


def test_names_stand_on_their_points_where_there_is_room() -> None:
    far = replace(
        projection(),
        before=replace(projection().before, points=np.array([[0, 0], [50, 50], [100, 0]] * 10, dtype=np.float32)),
        after=replace(projection().after, points=np.zeros((30, 2), dtype=np.float32)),
    )
    written: dict[str, dict[str, tuple[float, float]]] = {"x": {}, "x2": {}}
    for label in plot_projection(far).layout.annotations:
        if label.xref in written:
            written[label.xref][label.text] = (label.x, label.y)
    assert set(written["x"]) == {"<b>class 0</b>", "<b>class 1</b>", "<b>class 2</b>"}
    assert written["x"]["<b>class 1</b>"] == pytest.approx((50, 50))
    # All in one place: one stands there, one above, one below it.
    heights = [up for _, up in written["x2"].values()]
    assert len(set(heights)) == len(heights)
    many = plot_projection(projection(48))
    assert not [label for label in many.layout.annotations if label.xref in ("x", "x2")]


def test_names_never_lie_on_each_other() -> None:
    draw = np.random.default_rng(1)
    points, labels = draw.normal(size=(400, 2)), draw.integers(0, 24, 400).tolist()
    names = [f"cassette player {number}" for number in range(23)] + ["고양이"]
    places = list(cluster_labels(points, labels, names, (270, 230)).items())
    assert 3 <= len(places) < 24
    unit = np.ptp(points, axis=0) / (270, 230)
    for (one, here), (other, there) in itertools.combinations(places, 2):
        across, up = np.abs(np.subtract(here, there)) / unit
        assert up >= 16.9 or across >= (width_px(names[one]) + width_px(names[other])) / 2 - 0.1


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ("shipped:resnet20", "ResNet-20 (CIFAR), explorer's weights from CIFAR-10"),
        ("shipped:gone", "gone"),
        ("a-run", "a-run"),
        ("/home/ann/weights/pets.safetensors", "pets.safetensors"),
    ],
)
def test_titles_call_weights_as_people_do(weights: str, said: str) -> None:
    before = replace(projection().before, weights=weights)
    titles = [
        label.text.replace("<br>", " ")
        for label in plot_projection(replace(projection(), before=before)).layout.annotations
    ]
    assert f"<b>before: {said}</b>" in titles
    assert f"<title>{html.escape(said)} on digits</title>" in examination_html(replace(FOUND, weights=weights))
    assert "ResNet-20 (CIFAR), explorer 제공 가중치" in weights_title("shipped:resnet20", "ko")


def test_marks_stay_apart_and_of_many_classes_there_is_no_legend() -> None:
    figure = plot_projection(projection(48))
    assert len({(trace.marker.color, trace.marker.symbol) for trace in figure.data}) == 48
    assert not any(trace.showlegend for trace in figure.data)
    assert "no legend" in describe_projection(projection(48))
    assert "no legend" not in describe_projection(projection(24))


@pytest.mark.parametrize(
    ("silhouettes", "said"),
    [
        ((0.1, 0.4), "rises from 0.10 to 0.40"),
        ((0.4, -0.1), "falls from 0.40 to -0.10"),
        ((0.4, 0.41), "0.40 before and 0.41 after"),
        ((None, None), "cannot be said"),
    ],
)
def test_the_words_follow_the_features(silhouettes: tuple[float | None, float | None], said: str) -> None:
    words = describe_projection(projection(silhouettes=silhouettes))
    assert said in words
    assert "The plane keeps 75.0 % of the features' variance before training and 75.0 % after" in words
    assert "30 of 50 test pictures." in words


def test_what_a_plane_means_is_said() -> None:
    assert "perplexity 10" in describe_projection(projection(method="tsne"))
    assert "only the head has learned" in describe_projection(replace(projection(), unchanged=True))
    assert re.search("[가-힣]", describe_projection(projection(), "ko"))


def test_the_data_of_a_projection_are_its_points() -> None:
    shown = projection()
    data = projection_data(shown)
    assert len(data) == 60
    np.testing.assert_allclose(data[data["view"] == "before"]["across"], shown.before.points[:, 0], atol=1e-4)


def test_a_page_that_is_handed_on_does_not_say_where_the_data_lay() -> None:
    page = examination_html(replace(FOUND, dataset="/home/ann/secret/pets"))
    assert "on pets</title>" in page
    assert "secret" not in page


def test_a_matrix_says_how_narrow_it_can_be_read() -> None:
    """Long names take room beside the cells; a phone scrolls then."""
    digits = plot_confusion(examination(np.eye(10, dtype=int).tolist(), [str(digit) for digit in range(10)]))
    long = plot_confusion(examination(np.eye(10, dtype=int).tolist(), [f"cassette player {n}" for n in range(10)]))
    assert digits.layout.meta["least_px"] < 340 < long.layout.meta["least_px"]
