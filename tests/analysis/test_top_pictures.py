"""The pictures that excite units most: by a loop over all places, and that the box is all that counts."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from explorer.analysis import layer_run
from explorer.analysis.feature_maps import feature_maps
from explorer.analysis.top_pictures import top_pictures, top_pictures_steps
from explorer.errors import ConfigError, ExplorerError
from explorer.feature_results import Box, UnitPictures
from explorer.models.net import Net
from explorer.pictures import PHOTOGRAPHS, photograph
from explorer.training.predicting import prepare
from explorer.training.trained import load_trained


@pytest.fixture(scope="module")
def trained() -> Net:
    return load_trained("shipped:resnet18").model


@pytest.fixture(scope="module")
def photographs() -> Tensor:
    """Eight photographs as the net takes them, (8, 3, 112, 112)."""
    return prepare(load_trained("shipped:resnet18"), [photograph(name) for name in PHOTOGRAPHS])


def plain(found: UnitPictures) -> list[object]:
    return [(unit.unit, unit.median, unit.above_zero, unit.best) for unit in found.units]


def test_the_best_place_is_what_a_loop_over_all_places_finds(trained: Net, photographs: Tensor) -> None:
    maps = [feature_maps(trained, picture, "layer3").values for picture in photographs]  # 8 of (128, 7, 7)
    found = top_pictures(trained, photographs, "layer3", units=3, each=4)
    best: dict[int, list[tuple[float, int, int, int]]] = {}
    for unit in range(128):
        best[unit] = []
        for number, of in enumerate(maps):
            top = (-np.inf, -1, -1)
            for row, column in itertools.product(range(7), range(7)):
                if of[unit, row, column] > top[0]:
                    top = (float(of[unit, row, column]), row, column)
            best[unit].append((top[0], number, top[1], top[2]))
        best[unit].sort(key=lambda one: -one[0])
    strongest = sorted(range(128), key=lambda unit: -best[unit][0][0])[:3]
    assert [unit.unit for unit in found.units] == strongest
    for unit in found.units:
        expected = best[unit.unit]
        assert [(one.picture, *one.place) for one in unit.best] == [one[1:] for one in expected[:4]]
        np.testing.assert_allclose([one.value for one in unit.best], [one[0] for one in expected[:4]], rtol=1e-4)
        assert unit.median == pytest.approx(np.median([one[0] for one in expected]), rel=1e-4)
        assert unit.above_zero == sum(one[0] > 0 for one in expected) / 8
    assert (found.channels, found.size, found.image_size, found.seen) == (128, (7, 7), (112, 112), 8)
    assert (found.layer, found.stage) == ("layer3.1.relu2", "layer3")


def test_boxes_are_clipped_as_by_hand() -> None:
    """A 7×7 window with stride 2 and padding 3: unit i sees the pixels from 2 i - 3 to 2 i + 3, where there are any."""
    net = nn.Sequential(nn.Conv2d(1, 1, 7, stride=2, padding=3, bias=False))
    nn.init.zeros_(net[0].weight)
    with torch.no_grad():
        net[0].weight[0, 0, 3, 3] = 1.0  # its middle: the highest place is over the highest pixel
    by_hand: dict[tuple[int, int], Box] = {
        (0, 0): (0, 0, 4, 4),
        (2, 4): (0, 1, 6, 8),
        (10, 12): (7, 9, 14, 16),
        (18, 18): (15, 15, 20, 20),
    }
    pictures = torch.zeros(len(by_hand), 1, 20, 20)
    for number, (row, column) in enumerate(by_hand):
        pictures[number, 0, row, column] = 4 - number
    [unit] = top_pictures(net, pictures, "0", units=1, each=9).units
    assert [(one.picture, one.value, one.box) for one in unit.best] == [
        (number, 4.0 - number, box) for number, box in enumerate(by_hand.values())
    ]
    assert [one.place for one in unit.best] == [(row // 2, column // 2) for row, column in by_hand]


def value_at(net: Net, layer: str, unit: int, place: tuple[int, int], picture: Tensor) -> float:
    return float(feature_maps(net, picture, layer).values[unit][place])


@pytest.mark.parametrize("layer", ["conv1", "relu", "layer1.0", "layer1", "layer2.0.conv1", "layer2"])
def test_nothing_outside_the_box_counts_and_its_edges_do(trained: Net, photographs: Tensor, layer: str) -> None:
    found = top_pictures(trained, photographs, layer, units=4, each=3)
    side = found.field.size if found.field is not None else None
    inside = [
        (each.unit, one)
        for each in found.units
        for one in each.best
        if (one.box[2] - one.box[0], one.box[3] - one.box[1]) == (side, side)
    ]
    if layer != "layer2":  # of 99 pixels on 112 few fields lie inside: there the clipped ones have to do
        assert inside
    generator = torch.Generator().manual_seed(0)
    for unit, one in [(each.unit, one) for each in found.units for one in each.best]:
        top, left, bottom, right = one.box
        cut = torch.zeros_like(photographs[one.picture])
        cut[:, top:bottom, left:right] = photographs[one.picture][:, top:bottom, left:right]
        assert value_at(trained, found.layer, unit, one.place, cut) == pytest.approx(one.value, abs=1e-5, rel=1e-5)
    for unit, one in inside[:2]:
        top, left, bottom, right = one.box
        edges = [(top, slice(left, right)), (bottom - 1, slice(left, right))]
        for rows, columns in [*edges, (slice(top, bottom), left), (slice(top, bottom), right - 1)]:
            changed = photographs[one.picture].clone()
            part = changed[:, rows, columns]
            changed[:, rows, columns] = 50 * torch.randn(part.shape, generator=generator)
            assert abs(value_at(trained, found.layer, unit, one.place, changed) - one.value) > 1e-4 * one.value


def test_the_middle_of_a_field(trained: Net, photographs: Tensor) -> None:
    stem = top_pictures(trained, photographs[:1], "conv1", units=1, each=1)
    assert stem.middle((5, 2)) == (10, 4)
    assert stem.middle((0, 0)) == (0, 0)
    last = top_pictures(trained, photographs[:1], "layer4", units=1, each=1)
    assert last.size == (4, 4)
    assert last.units[0].best[0].box == (0, 0, 112, 112)
    assert last.middle((1, 3)) == (32, 96)  # stride 32: the centre of the first unit's field is the first pixel's
    gated = top_pictures(settled_gates(), torch.randn(2, 3, 32, 32), "layer3", units=1, each=1)
    assert gated.field is not None
    assert gated.field.is_global
    assert gated.units[0].best[0].box == (0, 0, 32, 32)
    assert gated.middle((0, 7)) == (1.5, 29.5)  # 8 places of 4 pixels


def settled_gates() -> nn.Module:
    from explorer.models.create import create_model

    return create_model("resnet20", squeeze_excitation=True, seed=1)


def test_it_goes_on_batch_by_batch_and_ends_where_all_at_once_does(
    trained: Net, photographs: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once = top_pictures(trained, photographs, "layer2", units=5)
    monkeypatch.setattr(layer_run, "_MOST_AT_ONCE", 3)
    steps = list(top_pictures_steps(trained, photographs, "layer2", units=5))
    assert [step.seen for step in steps] == [3, 6, 8]
    assert [step.share_done for step in steps] == [3 / 8, 6 / 8, 1]
    first = top_pictures(trained, photographs[:3], "layer2", units=5)
    assert [unit.unit for unit in steps[0].units] == [unit.unit for unit in first.units]
    assert [unit.unit for unit in steps[-1].units] == [unit.unit for unit in at_once.units]
    for one, other in zip(steps[-1].units, at_once.units, strict=True):
        assert [best.picture for best in one.best] == [best.picture for best in other.best]
        assert [best.box for best in one.best] == [best.box for best in other.best]


def test_a_stop_leaves_nothing_behind(trained: Net, photographs: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layer_run, "_MOST_AT_ONCE", 2)
    trained.layer1.train()
    modes = [module.training for module in trained.modules()]
    steps = top_pictures_steps(trained, photographs, "layer2")
    next(steps)
    # Between two steps, too, others may ask the net.
    assert [module.training for module in trained.modules()] == modes
    assert feature_maps(trained, photographs[0], "layer1").values.size
    steps.close()  # type: ignore[attr-defined]
    assert [module.training for module in trained.modules()] == modes
    assert not any(len(module._forward_hooks) for module in trained.modules())
    trained.eval()


def test_silent_units_have_no_pictures_and_units_can_be_named() -> None:
    net = nn.Sequential(nn.Conv2d(1, 3, 1, bias=False), nn.ReLU())
    with torch.no_grad():
        net[0].weight[:, 0, 0, 0] = torch.tensor([1.0, -1.0, 3.0])
    pictures = torch.tensor([2.0, 0.5, 0.0]).reshape(3, 1, 1, 1).expand(3, 1, 4, 5).contiguous()
    pictures[0, 0, 2, 3] = 2.5
    found = top_pictures(net, pictures, "1", units=3, each=5)
    assert [unit.unit for unit in found.units] == [2, 0, 1]
    assert found.silent == 1
    [strongest, _, silent] = found.units
    assert [(one.picture, one.value, one.place, one.box) for one in strongest.best] == [
        (0, 7.5, (2, 3), (2, 3, 3, 4)),
        (1, 1.5, (0, 0), (0, 0, 1, 1)),  # of equal places the first
    ]
    assert (strongest.median, strongest.above_zero) == (1.5, 2 / 3)
    assert (silent.best, silent.median, silent.above_zero) == ((), 0.0, 0.0)
    named = top_pictures(net, pictures, "1", units=[1, 2], each=5)
    assert plain(named) == [plain(found)[2], plain(found)[0]]


def test_what_cannot_be_asked_is_answered_in_a_sentence(trained: Net, photographs: Tensor) -> None:
    # At once, before the first step is asked for.
    with pytest.raises(ConfigError, match="units=65 is not possible: use a whole number from 1 to 64"):
        top_pictures_steps(trained, photographs, "layer2", units=65)
    with pytest.raises(ConfigError, match="unit=64 is not possible: use a whole number from 0 to 63"):
        top_pictures_steps(trained, photographs, "layer2", units=[0, 64])
    with pytest.raises(ConfigError, match="each=0 is not possible"):
        top_pictures_steps(trained, photographs, "layer2", each=0)
    with pytest.raises(ExplorerError, match=r"0 × 3 × 112 × 112 .*give normalised pictures"):
        top_pictures_steps(trained, photographs[:0], "layer2")
    with pytest.raises(ConfigError, match=r"units=2\.5 is not possible"):
        top_pictures_steps(trained, photographs, "layer2", units=2.5)  # type: ignore[arg-type]


def test_units_are_named_as_the_strongest_maps_give_them(trained: Net, photographs: Tensor) -> None:
    strongest = feature_maps(trained, photographs[0], "layer2").strongest[:2]  # numpy's numbers
    found = top_pictures(trained, photographs, "layer2", units=strongest)  # type: ignore[arg-type]
    assert [unit.unit for unit in found.units] == strongest.tolist()
    assert plain(top_pictures(trained, photographs, "layer2", units=strongest.tolist())) == plain(found)
    counted = top_pictures(trained, photographs, "layer2", units=np.int64(2), each=np.int64(1))  # type: ignore[arg-type]
    assert [len(unit.best) for unit in counted.units] == [1, 1]
