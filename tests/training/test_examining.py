"""Examining a trained net: against a matrix worked by hand, against scikit-learn, and where things are missing."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from explorer import ModelConfig, create_model, evaluate
from explorer.errors import ConfigError, ExplorerError, UnknownNameError
from explorer.examination_results import Examination
from explorer.figures.examined import describe_examination
from explorer.training.data import load_dataset
from explorer.training.examining import examine, scores, surest_mistakes
from explorer.training.trained import Trained

DIGITS = tuple("0123456789")


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("EXPLORER_HOME", str(folder))
    monkeypatch.delenv("EXPLORER_DATA", raising=False)
    return folder


def untaught(classes: tuple[str, ...] = DIGITS, dataset: str = "digits", **options: int) -> Trained:
    """A net that has learned nothing: its answers are wrong often, and the same each time."""
    config = ModelConfig("resnet8", num_classes=len(classes), in_channels=1, image_size=8, **options)
    return Trained(create_model(config).eval(), config, "untaught", dataset, classes, (0.3,), (0.4,))


@pytest.fixture
def net() -> Trained:
    return untaught()


def folder_of(place: Path, test: dict[str, int], train: int = 3) -> Path:
    """Grey pictures in `train/CLASS` and `test/CLASS`."""
    draw = np.random.default_rng(0)
    for part, counts in (("train", dict.fromkeys(test, train)), ("test", test)):
        for name, count in counts.items():
            (place / part / name).mkdir(parents=True)
            for number in range(count):
                pixels = draw.integers(0, 255, (12, 12), dtype=np.uint8)
                Image.fromarray(pixels).save(place / part / name / f"{number}.png")
    return place


# ---------------------------------------------------------------- the figures


def test_a_matrix_worked_by_hand() -> None:
    """Three classes: of a 2 of 3 are right and 1 is said to be b; of b 1 is right, 1 is said to be a; c is never said.

    c's only picture is said to be a: a is answered 2 + 1 + 1 = 4 times, so its precision is 2/4 and its F1 is
    2 · 2 / (3 + 4).
    """
    labels = torch.tensor([0, 0, 0, 1, 1, 2])
    answered = torch.tensor([0, 0, 1, 1, 0, 0])
    confusion, (a, b, c) = scores(labels, answered, ("a", "b", "c"))
    assert confusion == ((2, 1, 0), (1, 1, 0), (1, 0, 0))
    assert (a.pictures, a.answered, a.right) == (3, 4, 2)
    assert (a.precision, a.recall, a.f1) == pytest.approx((2 / 4, 2 / 3, 4 / 7), abs=1e-6)
    assert (b.precision, b.recall, b.f1) == pytest.approx((1 / 2, 1 / 2, 1 / 2))
    # Never answered: there is nothing to divide by. Its recall and F1 are 0 indeed.
    assert (c.precision, c.recall, c.f1) == (None, 0.0, 0.0)


def test_a_class_without_pictures_has_no_recall_and_one_without_anything_no_score() -> None:
    labels, answered = torch.tensor([0, 0, 1]), torch.tensor([0, 2, 1])
    _, (_, _, absent, unknown) = scores(labels, answered, ("a", "b", "c", "d"))
    assert (absent.pictures, absent.precision, absent.recall, absent.f1) == (0, 0.0, None, 0.0)
    assert (unknown.precision, unknown.recall, unknown.f1) == (None, None, None)


@pytest.mark.parametrize("classes", [2, 10, 120])
def test_the_scores_are_scikit_learns(classes: int) -> None:
    draw = torch.Generator().manual_seed(classes)
    labels = torch.randint(classes, (400,), generator=draw)
    other = torch.randint(classes, (400,), generator=draw)
    answered = torch.where(torch.rand(400, generator=draw) < 0.6, labels, other)
    confusion, found = scores(labels, answered, [f"class {n}" for n in range(classes)])
    every = np.arange(classes)
    assert (np.array(confusion) == confusion_matrix(labels, answered, labels=every)).all()
    expected = precision_recall_fscore_support(labels, answered, labels=every, zero_division=np.nan)
    for name, values in zip(("precision", "recall", "f1"), expected[:3], strict=True):
        mine = [np.nan if (value := getattr(one, name)) is None else value for one in found]
        np.testing.assert_allclose(mine, values, atol=1e-6, err_msg=name)


def test_the_surest_mistakes_come_first_and_equally_sure_ones_in_their_order() -> None:
    labels = torch.tensor([0, 0, 1, 1, 0, 1])
    answered = torch.tensor([1, 0, 0, 0, 1, 1])
    probability = torch.tensor([0.7, 0.99, 0.9, 0.7, 0.95, 0.8])  # the second is sure, and right
    assert surest_mistakes(labels, answered, probability, 10).tolist() == [4, 2, 0, 3]
    assert surest_mistakes(labels, answered, probability, 2).tolist() == [4, 2]


# ---------------------------------------------------------------- the whole


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Examination:
    return examine(untaught(), mistakes=5, device="cpu")


def test_it_agrees_with_evaluate(found: Examination, net: Trained) -> None:
    expected = evaluate(net, device="cpu")
    assert (found.pictures, found.accuracy) == (expected.pictures, pytest.approx(expected.top1))
    assert (found.low, found.high) == (expected.low, expected.high)
    assert found.low < found.accuracy < found.high
    assert found.chance == pytest.approx(37 / 359)  # there are 37 threes
    # Of two shares that are equally uncertain, the difference is √2 times as uncertain.
    assert found.margin == pytest.approx(2**0.5 * (found.high - found.low) / 2)


def test_the_mistakes_are_what_the_net_says_of_those_pictures(found: Examination, net: Trained) -> None:
    test = load_dataset("digits").test
    assert len(found.mistakes) == 5
    sure = [mistake.probability for mistake in found.mistakes]
    assert sure == sorted(sure, reverse=True)
    for mistake in found.mistakes:
        pixels = test.pictures(torch.tensor([mistake.index]))  # (1, 1, 8, 8)
        with torch.no_grad():
            probabilities = net.model(net.preparation()(pixels)).softmax(1)[0]
        assert DIGITS[int(test.labels[mistake.index])] == mistake.true != mistake.answered
        assert DIGITS[int(probabilities.argmax())] == mistake.answered
        assert float(probabilities.max()) == pytest.approx(mistake.probability, abs=1e-5)
        assert mistake.picture.dtype == np.uint8
        assert (mistake.picture == pixels[0].permute(1, 2, 0).numpy()).all()  # grey, in three channels


def test_the_confusions_are_those_of_the_matrix(found: Examination) -> None:
    pairs = found.confusions()
    assert sum(pair.count for pair in pairs) == found.pictures - found.right
    assert [pair.count for pair in pairs] == sorted((pair.count for pair in pairs), reverse=True)
    first = pairs[0]
    row, column = found.names.index(first.true), found.names.index(first.answered)
    assert first.count == found.confusion[row][column]
    assert first.count == max(
        count
        for true, row_counts in enumerate(found.confusion)
        for said, count in enumerate(row_counts)
        if true != said
    )


def test_nothing_of_the_net_is_changed_and_training_mode_does_not_matter(found: Examination, net: Trained) -> None:
    net.model.train()
    net.model.layer1.eval()  # a part that is frozen stays as it is
    before = {name: value.clone() for name, value in net.model.state_dict().items()}
    again = examine(net, mistakes=5, device="cpu")
    assert dataclasses.replace(again, seconds=0.0) == dataclasses.replace(found, seconds=0.0)
    assert net.model.training
    assert not net.model.layer1.training
    assert all(torch.equal(value, before[name]) for name, value in net.model.state_dict().items())


def test_progress_only_grows_and_what_it_raises_ends_the_work(net: Trained) -> None:
    told: list[float] = []
    examine(net, device="cpu", on_progress=lambda share, what: told.append(share))
    assert told == sorted(told)
    assert told[-1] == 1

    def stop(share: float, what: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        examine(net, device="cpu", on_progress=stop)


def test_as_plain_data_it_is_whole_but_for_the_pictures(found: Examination) -> None:
    fields = found.as_dict()
    assert sum(map(sum, fields["confusion"])) == fields["pictures"] == 359
    assert [one["name"] for one in fields["classes"]] == list(DIGITS)
    assert set(fields["mistakes"][0]) == {"index", "true", "answered", "probability"}


# ---------------------------------------------------------------- edges


def test_one_test_picture(tmp_path: Path) -> None:
    place = folder_of(tmp_path / "pets", {"cat": 1, "dog": 0})
    found = examine(untaught(("cat", "dog"), str(place)), device="cpu")
    assert (found.pictures, found.chance) == (1, 1.0)
    assert found.accuracy in (0.0, 1.0)
    assert found.high - found.low == pytest.approx(0.793, abs=1e-3)  # Wilson: z² / (1 + z²) of one picture
    cat, dog = found.classes
    assert (cat.pictures, dog.pictures, dog.recall) == (1, 0, None)


def test_a_large_class_count(tmp_path: Path) -> None:
    names = {f"kind {number:03}": 1 for number in range(101)}
    place = folder_of(tmp_path / "many", names, train=1)
    found = examine(untaught(tuple(names), str(place)), device="cpu", mistakes=3)
    assert (len(found.classes), found.pictures, len(found.confusion)) == (101, 101, 101)
    assert any(score.precision is None for score in found.classes)


def test_as_many_of_each_class_as_are_asked_for(net: Trained) -> None:
    assert [score.pictures for score in examine(net, test_subset=3, device="cpu").classes] == [3] * 10


def test_a_sample_has_the_classes_as_they_are_mixed(tmp_path: Path) -> None:
    """Nine cats for each dog: as many of each would make chance, accuracy and precision those of another mix."""
    place = folder_of(tmp_path / "pets", {"cat": 180, "dog": 20})
    pets = untaught(("cat", "dog"), str(place))
    found = examine(pets, most=100, device="cpu")
    assert (found.pictures, found.drawn_from) == (100, 200)
    assert found.chance == pytest.approx(0.9, abs=0.06)  # its deviation is 0.02
    assert examine(pets, most=100, device="cpu").confusion == found.confusion
    whole = examine(pets, most=200, device="cpu")
    assert (whole.pictures, whole.drawn_from) == (200, None)


def test_pictures_that_chose_the_epoch_flatter_the_net_and_others_do_not(tmp_path: Path) -> None:
    place, other = (folder_of(tmp_path / name, {"cat": 4, "dog": 4}) for name in ("pets", "others"))
    pets = dataclasses.replace(untaught(("cat", "dog"), str(place)), chosen_by="all")
    flattered = examine(pets, device="cpu")
    assert flattered.chose_epoch == flattered.as_dict()["chose_epoch"] == "all"
    assert "These pictures also chose the epoch, so this flatters it a little." in describe_examination(flattered)
    honest = examine(pets, str(other), device="cpu")
    assert honest.chose_epoch == "none"
    assert "chose the epoch" not in " ".join(describe_examination(honest))


def test_a_folder_without_a_test_part_is_drawn_from_too(tmp_path: Path) -> None:
    place = folder_of(tmp_path / "pets", {"cat": 0, "dog": 0}, train=30) / "train"
    found = examine(untaught(("cat", "dog"), str(place)), most=5, device="cpu")
    assert (found.pictures, found.drawn_from) == (5, 12)  # 20 % of 60 are tested on
    assert "5 of 12 test pictures." in describe_examination(found)


@pytest.mark.parametrize("most", [0, 2.5, True])
def test_impossible_samples_are_refused(net: Trained, most: int) -> None:
    with pytest.raises(ConfigError, match=r"most=.* is not possible: use a whole number from 1 to"):
        examine(net, most=most, device="cpu")


def test_other_classes_are_refused(net: Trained) -> None:
    with pytest.raises(ConfigError, match="choose data with the same classes"):
        examine(net, "textures", device="cpu")
    elsewhere = dataclasses.replace(net, dataset="/home/ann/pets")
    with pytest.raises(ConfigError, match="was trained on pets, whose classes"):
        examine(elsewhere, "textures", device="cpu")


def test_data_that_is_gone_is_said(tmp_path: Path) -> None:
    trained = untaught(("cat", "dog"), str(tmp_path / "pets"))
    with pytest.raises(ExplorerError, match="There is no folder and no zip 'pets'"):
        examine(trained, device="cpu")


@pytest.mark.parametrize("mistakes", [-1, 1001, 2.5, True])
def test_impossible_numbers_are_refused(net: Trained, mistakes: int) -> None:
    with pytest.raises(ConfigError, match=r"mistakes=.* is not possible: use a whole number from 0 to 1000"):
        examine(net, mistakes=mistakes, device="cpu")


def test_an_unknown_run_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="Unknown run 'nothing'"):
        examine("nothing", device="cpu")


def test_no_mistakes_are_kept_where_none_are_wanted(net: Trained) -> None:
    assert examine(net, mistakes=0, device="cpu").mistakes == ()
