"""Landscapes of nets that are there at once: what is kept is not computed again, what is stopped leaves no trace."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from explorer import ModelConfig, TrainConfig
from explorer.analysis.loss_landscape import MovedNet
from explorer.errors import CheckpointError, ConfigError, ExplorerError, UnknownNameError
from explorer.jobs.running import run_here
from explorer.lessons.landscape import CACHE, landscape_of, landscapes_of, path_of
from explorer.lessons.landscape_batch import ready
from explorer.training.runs import RunStore

PLAIN, RESIDUAL = "initial:plain8", "initial:resnet8"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EXPLORER_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("EXPLORER_DATA", raising=False)
    return tmp_path


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One entry for each loss that is computed."""
    calls: list[int] = []
    computed = MovedNet.with_weights

    def counting(self: MovedNet, weights: dict[str, torch.Tensor]) -> tuple[float, float]:
        calls.append(1)
        return computed(self, weights)

    monkeypatch.setattr(MovedNet, "with_weights", counting)
    return calls


def test_the_lines_come_before_the_square_and_the_coarse_before_the_fine() -> None:
    steps = list(landscapes_of([PLAIN, RESIDUAL], pictures=4, size=9))
    drawn = [step for step in steps if step.whole]
    assert [step.done for step in drawn] == [18, 50, 66, 162]
    assert [[one.size for one in step.landscapes] for step in drawn] == [[0, 0], [5, 5], [5, 5], [9, 9]]
    assert [len(step.landscapes[0].line(1)) for step in drawn] == [5, 5, 9, 9]
    assert [step.done for step in steps if not step.whole] == list(range(1, 163))
    assert {step.total for step in steps} == {162}
    first, second = steps[-1].landscapes
    assert (first.source.net.split()[0], second.source.net.split()[0]) == ("plain8", "resnet8")
    assert all(math.isfinite(point.loss) for point in first.points)


def test_what_is_kept_is_not_computed_again(counted: list[int]) -> None:
    first = landscape_of(PLAIN, pictures=4, size=5)
    assert len(counted) == 25
    again = landscape_of(PLAIN, pictures=4, size=5)
    assert len(counted) == 25
    assert sorted(again.points, key=lambda point: (point.a, point.b)) == sorted(
        first.points, key=lambda point: (point.a, point.b)
    )
    finer = landscape_of(PLAIN, pictures=4, size=9)  # the coarse points are a part of it
    assert len(counted) == 81
    assert set(first.points) <= set(finer.points)
    assert landscape_of(PLAIN, pictures=4, size=5).size == 5
    landscape_of(PLAIN, pictures=4, size=5, seed=1)
    assert len(counted) == 81 + 25


def test_what_is_computed_until_a_stop_is_kept(counted: list[int]) -> None:
    steps = landscapes_of([PLAIN], pictures=4, size=5)
    for _ in range(7):
        next(steps)
    steps.close()  # type: ignore[attr-defined]
    assert torch.is_grad_enabled()
    assert len(counted) == 7
    first, *others = landscapes_of([PLAIN], pictures=4, size=5)
    assert (first.done, first.whole) == (7, True)
    assert others[-1].done == 25
    assert len(counted) == 25


def test_a_damaged_cache_is_computed_anew(counted: list[int]) -> None:
    first = landscape_of(PLAIN, pictures=4, size=5)
    [file] = CACHE.folder.iterdir()
    file.write_bytes(b"nothing of use")
    assert landscape_of(PLAIN, pictures=4, size=5) == first
    assert len(counted) == 50


def test_no_random_number_is_drawn() -> None:
    list(landscapes_of([PLAIN], pictures=4, size=5))  # imports and data first
    before = torch.random.get_rng_state()
    landscape_of(PLAIN, pictures=5, size=5)
    assert torch.equal(before, torch.random.get_rng_state())


# ---------------------------------------------------------------- labels, statistics


def test_initial_weights_have_the_datas_labels_and_the_batchs_statistics() -> None:
    found = ready(RESIDUAL, "", "auto", "auto", 28, None)
    assert (found.dataset, found.statistics, found.weights) == ("textures", "batch", "")
    assert found.labels is not None
    assert len(set(found.labels.tolist())) > 4
    assert ready(RESIDUAL, "", "own", "stored", 4, None).labels is None


def test_a_net_without_batch_norm_has_no_statistics() -> None:
    assert ready("initial:plain8:norm=none", "", "auto", "auto", 4, None).statistics == "none"
    assert ready("initial:plain8:norm=none", "", "auto", "stored", 4, None).statistics == "none"
    assert ready(PLAIN, "", "auto", "stored", 4, None).statistics == "stored"


def test_shipped_weights_without_their_data_are_asked_about_other_pictures() -> None:
    found = landscape_of("shipped:resnet20", pictures=8, size=5)
    source, centre = found.source, found.centre
    assert (source.dataset, source.labels, source.statistics) == ("textures", "own", "stored")
    assert source.weights == "shipped:resnet20"
    assert centre is not None
    assert centre.accuracy == 1.0
    known = ready("shipped:resnet20", "", "auto", "auto", 8, None)
    with torch.no_grad():
        logits = known.net(known.pictures)
    assert centre.loss == pytest.approx(F.cross_entropy(logits, logits.argmax(1)).item(), rel=1e-4)
    assert source.moved == sum(value.numel() for value in known.net.parameters() if value.dim() > 1)
    with pytest.raises(ExplorerError, match="cifar10"):
        landscape_of("shipped:resnet20", labels="true", size=5)


def test_a_run_is_asked_about_its_own_data_and_its_path_leads_down(home: Path) -> None:
    store = RunStore(home / "runs")
    model = ModelConfig("resnet8", num_classes=10, in_channels=1, image_size=8, width=0.5)
    config = TrainConfig("digits", epochs=2, batch_size=32, precision="float32", subset=40, test_subset=10)
    run_here(store, store.create(model, config, name="learned").run_id)
    found = landscape_of("learned", pictures=50, size=5, store=store)
    assert (found.source.dataset, found.source.labels, found.source.weights) == ("digits", "true", "learned")
    assert found.centre is not None
    assert found.centre.loss < min(point.loss for point in found.points if abs(point.a) == 1)
    other = landscape_of("learned", data="textures", pictures=28, size=5, store=store)
    assert (other.source.dataset, other.source.labels) == ("textures", "own")
    with pytest.raises(ConfigError, match="choose data with the same classes"):
        landscape_of("learned", data="textures", labels="true", size=5, store=store)
    path = path_of("learned", pictures=50, store=store)
    assert [point.t for point in path.points] == [number / 8 for number in range(9)]
    assert path.points[-1].loss < path.points[0].loss / 1.5
    assert path.points[-1].accuracy > path.points[0].accuracy
    assert path.source.statistics == "batch"
    assert path.source.moved == path.source.parameters
    store.close()


def test_a_path_is_kept_and_its_end_is_the_trained_net(counted: list[int]) -> None:
    path = path_of("shipped:plain20", pictures=8, points=3)
    assert len(counted) == 3
    assert path_of("shipped:plain20", pictures=8, points=3) == path
    assert len(counted) == 3
    known = ready("shipped:plain20", "", "auto", "batch", 8, None)
    moved = MovedNet(known.net, known.pictures, batch_statistics=True)
    assert path.points[-1].loss == pytest.approx(moved.with_weights({})[0], rel=1e-6)


# ---------------------------------------------------------------- what cannot be


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"size": 7}, "size=7 is not possible: use 5, 9, 17 or 33"),
        ({"reach": 0.0}, r"reach=0.0 is not possible: use a number from 0.01 to 10"),
        ({"reach": math.nan}, "reach=nan"),
        ({"seed": -1}, "seed=-1 is not possible"),
        ({"pictures": 1}, "pictures=1 is not possible: use a whole number from 2 to 512"),
        ({"labels": "some"}, "labels='some' is not possible: use auto, true or own"),
        ({"statistics": "some"}, "statistics='some' is not possible: use auto, stored or batch"),
    ],
)
def test_arguments_that_cannot_be(asked: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        landscape_of(PLAIN, **asked)  # type: ignore[arg-type]


def test_weights_that_are_not_there() -> None:
    with pytest.raises(UnknownNameError, match="plain57"):
        landscape_of("initial:plain57x")
    with pytest.raises(CheckpointError, match="No weights of resnet32 come with explorer"):
        landscape_of("shipped:resnet32")
    with pytest.raises(ConfigError, match="has not been trained"):
        path_of(PLAIN)
    with pytest.raises(ConfigError, match="points=2 is not possible"):
        path_of("shipped:plain20", points=2)
