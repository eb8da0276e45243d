"""Features in a plane: against numpy's SVD, before and after the same pictures, and the measure of separation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from explorer import ModelConfig, TrainConfig, create_model
from explorer.errors import ConfigError, ExplorerError
from explorer.training.backbones import Backbone, load_backbone
from explorer.training.checkpoints import BEST
from explorer.training.data import load_dataset
from explorer.training.features import stage_features
from explorer.training.loop import fit
from explorer.training.projecting import (
    balanced,
    before_training,
    perplexity,
    principal_components,
    project_features,
    silhouette,
)
from explorer.training.trained import Trained, load_trained

NET = ModelConfig("resnet8", num_classes=10, in_channels=1, image_size=8)
SHORT = TrainConfig("digits", epochs=2, subset=20, test_subset=2, batch_size=32, device="cpu", precision="float32")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(autouse=True)
def at_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXPLORER_HOME", str(home))
    monkeypatch.delenv("EXPLORER_DATA", raising=False)


def trained_file(folder: Path, config: TrainConfig, **options: object) -> str:
    folder.mkdir()
    for _ in fit(NET, config, folder=folder, **options):  # type: ignore[arg-type]
        pass
    return str(folder / BEST)


@pytest.fixture(scope="module")
def scratch(home: Path) -> str:
    """A net that has learned digits for two epochs, from random weights."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EXPLORER_HOME", str(home))
        return trained_file(home / "scratch", SHORT)


@pytest.fixture(scope="module")
def probed(home: Path, scratch: str) -> str:
    """The same net, of which only the head has learned on."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EXPLORER_HOME", str(home))
        config = SHORT.replace(start_from=scratch, strategy="probe")
        return trained_file(home / "probed", config, start_file=Path(scratch))


# ---------------------------------------------------------------- the plane


def test_principal_components_are_those_of_the_svd() -> None:
    features = np.random.default_rng(0).normal(size=(60, 12)).astype(np.float32) * np.arange(1, 13, dtype=np.float32)
    points, explained = principal_components(features)
    centred = features.astype(np.float64) - features.mean(0, dtype=np.float64)
    left, values, _ = np.linalg.svd(centred, full_matrices=False)
    expected = left[:, :2] * values[:2]
    signs = np.sign((points * expected).sum(0))
    np.testing.assert_allclose(points, expected * signs, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(explained, values[:2] ** 2 / (values**2).sum(), rtol=1e-6)


def test_features_without_any_difference_are_one_point() -> None:
    points, explained = principal_components(np.ones((5, 4), dtype=np.float32))
    assert not points.any()
    assert explained == (0.0, 0.0)


def test_a_single_feature_has_one_axis() -> None:
    points, explained = principal_components(np.array([[1.0], [2.0], [4.0]], dtype=np.float32))
    assert explained == (pytest.approx(1), 0.0)
    assert not points[:, 1].any()


def test_silhouette_by_hand() -> None:
    """Two classes of two on a line, at 0, 1 and at 10, 11: from 0, own distance 1, the others' mean 10.5."""
    features = np.array([[0.0], [1.0], [10.0], [11.0]], dtype=np.float32)
    expected = ((10.5 - 1) / 10.5 + (9.5 - 1) / 9.5) / 2  # and the same from the other side
    assert silhouette(features, np.array([0, 0, 1, 1])) == pytest.approx(expected)
    assert silhouette(features, np.array([0, 0, 0, 0])) is None  # one class
    assert silhouette(features, np.array([0, 1, 2, 3])) is None  # a class each


@pytest.mark.parametrize("most", [1000, 50, 23, 3])
def test_pictures_are_drawn_class_by_class(most: int) -> None:
    labels = np.array([0] * 40 + [1] * 5 + [2] * 40)
    places = balanced(labels, 3, most, seed=1)
    assert places.tolist() == sorted(set(places.tolist())) == balanced(labels, 3, most, seed=1).tolist()
    counts = np.bincount(labels[places], minlength=3).tolist()
    assert counts == {1000: [40, 5, 40], 50: [22, 5, 22], 23: [9, 5, 9], 3: [1, 1, 1]}[most]


def test_perplexity_stays_below_the_pictures() -> None:
    assert all(1 <= perplexity(count) < count for count in range(3, 200))
    assert perplexity(1000) == 30


# ---------------------------------------------------------------- before and after


def test_before_is_the_net_as_it_was_drawn(scratch: str) -> None:
    before = before_training(scratch)
    expected = create_model(NET).state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in before.model.state_dict().items())
    assert (before.source, before.loaded) == ("", ())
    assert not before.model.training


def test_before_is_what_a_net_started_from(scratch: str, probed: str) -> None:
    before, start = before_training(probed), load_trained(scratch)
    assert before.source == scratch
    assert torch.equal(before.model.conv1.weight, start.model.conv1.weight)
    assert "conv1.weight" in before.loaded
    assert (before.mean, before.std) == (start.mean, start.std)


def features_of(net: Backbone | Trained, normalised: Trained) -> np.ndarray:
    """The last stage's features of all test pictures, normalised as one net's are."""
    [found] = stage_features(net.model, load_dataset("digits").test, normalised.preparation()).values()
    return found.numpy()


def test_each_side_shows_its_own_nets_features(scratch: str) -> None:
    before, after = before_training(scratch), load_trained(scratch)
    found = project_features(before, after, device="cpu")
    assert not found.unchanged
    for side, net in ((found.before, before), (found.after, after)):
        features = features_of(net, after)
        points, explained = principal_components(features)
        np.testing.assert_allclose(side.points, points, atol=1e-5)
        assert side.explained == pytest.approx(explained)
        assert side.silhouette == pytest.approx(silhouette(features, np.array(found.labels)))
        assert side.features == 64
    assert found.labels == tuple(load_dataset("digits").test.labels.tolist())
    assert found.after.silhouette is not None
    assert found.before.silhouette is not None
    assert found.after.silhouette > found.before.silhouette  # it has learned these classes
    assert (found.method, found.perplexity, found.test_pictures) == ("pca", None, 359)


def test_where_only_the_head_has_learned_nothing_moves(scratch: str, probed: str) -> None:
    found = project_features(before_training(probed), load_trained(probed), device="cpu")
    assert found.unchanged
    assert (found.before.points == found.after.points).all()
    assert found.before.silhouette == found.after.silhouette
    assert found.before.weights == scratch


def test_neighbours_are_the_same_each_time(scratch: str) -> None:
    before, after = before_training(scratch), load_trained(scratch)
    first, second = (project_features(before, after, method="tsne", most=40, device="cpu") for _ in range(2))
    assert (first.after.points == second.after.points).all()
    assert first.after.explained is None
    assert (len(first.labels), first.perplexity, first.test_pictures) == (40, 13.0, 359)
    assert np.bincount(first.labels).tolist() == [4] * 10


def test_a_backbone_that_takes_other_pictures_is_given_them(scratch: str) -> None:
    other = ModelConfig("resnet8", num_classes=3, in_channels=3, image_size=16, width=0.5)
    found = project_features(load_backbone(other, "none"), load_trained(scratch), most=30, device="cpu")
    assert (found.before.features, found.after.features) == (32, 64)
    assert found.before.points.shape == found.after.points.shape == (30, 2)


def test_progress_only_grows_and_what_it_raises_ends_the_work(scratch: str) -> None:
    before, after = before_training(scratch), load_trained(scratch)
    told: list[float] = []
    project_features(before, after, most=30, device="cpu", on_progress=lambda share, what: told.append(share))
    assert told == sorted(told)
    assert told[-1] == 1

    def stop(share: float, what: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        project_features(before, after, most=30, device="cpu", on_progress=stop)


# ---------------------------------------------------------------- what cannot be


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"method": "umap"}, "method='umap' is not possible: use pca or tsne"),
        ({"most": 2}, "most=2 is not possible: use a whole number from 3"),
        ({"data": "textures"}, "choose data with the same classes"),
    ],
)
def test_mistakes_get_a_sentence(scratch: str, arguments: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        project_features(before_training(scratch), load_trained(scratch), device="cpu", **arguments)  # type: ignore[arg-type]


def test_too_few_pictures_for_a_plane(tmp_path: Path) -> None:
    from PIL import Image

    for part, count in (("train", 2), ("test", 1)):
        for name in ("cat", "dog"):
            (tmp_path / part / name).mkdir(parents=True)
            for number in range(count):
                Image.fromarray(np.full((9, 9), 40 * number + 20, np.uint8)).save(
                    tmp_path / part / name / f"{number}.png"
                )
    config = NET.replace(num_classes=2)
    after = Trained(create_model(config).eval(), config, "x", str(tmp_path), ("cat", "dog"), (0.3,), (0.4,))
    with pytest.raises(ConfigError, match="2 test pictures are too few for a plane: 3 are needed"):
        project_features(load_backbone(config, "none"), after, device="cpu")


def test_a_start_that_is_gone_is_said(probed: str, scratch: str, home: Path) -> None:
    away = home / "away"
    (home / "scratch").rename(away)
    try:
        with pytest.raises(ExplorerError, match="There is no file"):
            before_training(probed)
    finally:
        away.rename(home / "scratch")
