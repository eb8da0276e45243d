"""Nets with a picture before them: where weights come from is said, untrained ones are called so, places agree."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from explorer import photograph, prepare
from explorer.config import ModelConfig
from explorer.errors import ExplorerError, UnknownNameError
from explorer.lessons.observed import as_seen, class_picture, gallery, observe, prepared_whole, saliency_of
from explorer.pictures import square
from explorer.train_config import TrainConfig
from explorer.training.loop import fit
from explorer.training.runs import RunStore
from explorer.training.trained import load_trained, weights_file


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXPLORER_HOME", str(tmp_path))


def test_a_shipped_net_is_what_load_trained_gives_and_says_what_it_learned() -> None:
    net, trained = observe("shipped:resnet18"), load_trained("shipped:resnet18")
    assert (net.classes, net.mean, net.side) == (trained.classes, trained.mean, trained.side)
    assert net.is_trained
    assert net.name("ko") == "ResNet-18, Imagenette로 학습"
    assert all(torch.equal(a, b) for a, b in zip(net.model.parameters(), trained.model.parameters(), strict=True))


def test_an_untrained_net_is_called_so_and_is_the_shipped_one_otherwise() -> None:
    net, shipped = observe("initial:resnet18"), load_trained("shipped:resnet18")
    assert not net.is_trained
    assert "untrained" in net.name("en")
    assert "학습하지 않음" in net.name("ko")
    assert (net.config, net.classes, net.mean, net.side) == (
        shipped.config,
        shipped.classes,
        shipped.mean,
        shipped.side,
    )
    assert not any(
        torch.equal(a, b)
        for (name, a), b in zip(net.model.named_parameters(), shipped.model.parameters(), strict=True)
        if "conv" in name
    )


def test_batch_norm_of_an_untrained_net_has_the_statistics_of_photographs() -> None:
    net = observe("initial:resnet8:image_size=32")
    norms = [module for module in net.model.modules() if isinstance(module, nn.BatchNorm2d)]
    assert all(norm.running_mean is not None and norm.running_mean.any() for norm in norms)
    assert all(norm.momentum == pytest.approx(0.1) for norm in norms)
    assert not any(module.training for module in net.model.modules())
    assert net.classes[:2] == ("0", "1")


DIGITS = ModelConfig("resnet8", num_classes=10, in_channels=1, image_size=8)


def learned(store: RunStore, name: str, start: str | None = None) -> str:
    """The id of a run that has learned some digits for an epoch."""
    train = TrainConfig("digits", epochs=1, subset=4, batch_size=20, precision="float32", start_from=start)
    run = store.create(DIGITS, train, name=name)
    begun = None if start is None else weights_file(start, store)
    for _ in fit(DIGITS, train, folder=store.folder(run.run_id), start_file=begun):
        pass
    return run.run_id


def test_what_a_run_learned_beside_what_it_started_from(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs")
    first = learned(store, "first")
    tuned = learned(store, "tuned", start="first")
    after, before = observe(tuned, store=store), observe(f"before:{tuned}", store=store)
    assert (after.name("en"), before.name("en")) == ("tuned", "What tuned started from")
    assert before.is_trained
    original = observe(first, store=store).model.state_dict()
    assert all(torch.equal(value, original[name]) for name, value in before.model.state_dict().items())
    assert not torch.equal(after.model.state_dict()["conv1.weight"], original["conv1.weight"])
    scratch = observe(f"before:{first}", store=store)
    assert scratch.name("en") == "first before training: untrained"
    assert not scratch.is_trained
    *_, maps = saliency_of([after, before, scratch], photograph("coffee"), target=after.classes[3])
    assert [found.target for found in maps] == [3, 3, 3]


def test_of_data_that_is_here_a_class_is_shown(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs")
    net = observe(learned(store, "first"), store=store)
    picture = class_picture(net, net.classes[3])
    assert picture.shape == (8, 8, 3)
    pictures, classes = gallery(net, 20)
    assert len(pictures) == len(classes) == 20
    assert set(classes) == set(net.classes)
    shown = [one for one, name in zip(pictures, classes, strict=True) if name == net.classes[3]]
    assert any(np.array_equal(picture, one) for one in shown)


def test_what_there_is_not_is_said(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs")
    with pytest.raises(UnknownNameError):
        observe("before:nothing", store=store)
    with pytest.raises(ExplorerError):
        observe("nothing.safetensors", store=store)
    with pytest.raises(UnknownNameError):
        observe("initial:nothing", store=store)


def test_without_its_data_a_net_is_shown_crops() -> None:
    net = observe("shipped:resnet18")
    pictures, classes = gallery(net, 6)
    assert classes == ()
    assert [picture.shape for picture in pictures] == [(112, 112, 3)] * 6
    with pytest.raises(ExplorerError):
        class_picture(net, "church")
    with pytest.raises(UnknownNameError, match="Unknown class 'cat'"):
        class_picture(net, "cat")


def test_what_is_shown_is_what_the_net_sees() -> None:
    net = observe("shipped:resnet18")
    picture = photograph("coffee")
    shown = as_seen(net, picture)  # 112 of 128 px, four times as fine
    assert shown.shape == (448, 448, 3)
    seen = prepare(net, [picture])[0]  # (3, 112, 112)
    coarse = torch.from_numpy(square(shown, 112).copy()).permute(2, 0, 1) / 255
    back = seen * torch.tensor(net.std)[:, None, None] + torch.tensor(net.mean)[:, None, None]
    assert (coarse - back).abs().mean() < 0.02
    whole = prepared_whole(net, [square(picture, 112)])[0] * torch.tensor(net.std)[:, None, None]
    exact = torch.from_numpy(square(picture, 112).copy()).permute(2, 0, 1) / 255
    assert torch.allclose(whole + torch.tensor(net.mean)[:, None, None], exact, atol=1e-5)


def test_both_nets_are_asked_about_the_same_class_and_stage_where_they_have_it() -> None:
    nets = [observe("shipped:resnet18"), observe("shipped:plain18"), observe("shipped:resnet20")]
    *_, maps = saliency_of(nets, photograph("rocket"), target="church", layer="layer3")
    assert [found.target_name for found in maps[:2]] == ["church", "church"]
    assert maps[2].target_name in nets[2].classes  # of CIFAR-10, which has no churches: its own best
    assert [found.layer for found in maps] == ["layer3"] * 3
    assert maps[0].values.shape == (112, 112)
    assert not np.array_equal(maps[0].values, maps[1].values)
    assert all(not module._forward_hooks for net in nets for module in net.model.modules())


def test_without_a_class_all_are_asked_about_what_the_first_answers() -> None:
    nets = [observe("shipped:resnet18"), observe("initial:resnet18")]
    *_, maps = saliency_of(nets, photograph("rocket"))
    assert maps[0].target_name == maps[1].target_name == "church"
    assert maps[0].probability > 0.5 > maps[1].probability


def test_slow_methods_come_coarse_first_and_in_turns() -> None:
    nets = [observe("initial:resnet8"), observe("initial:plain8")]
    steps = list(saliency_of(nets, photograph("rocket"), method="occlusion"))
    assert [len(maps) for maps in steps[:3]] == [1, 2, 2]
    assert steps[1][0].share_done < 1
    assert [found.share_done for found in steps[-1]] == [1, 1]


def test_what_the_first_net_does_not_know_is_said() -> None:
    nets = [observe("shipped:resnet20")]
    with pytest.raises(UnknownNameError, match="Unknown class 'church'"):
        next(saliency_of(nets, photograph("rocket"), target="church"))
    with pytest.raises(UnknownNameError, match="Unknown layer"):
        next(saliency_of(nets, photograph("rocket"), layer="layer9"))
    with pytest.raises(UnknownNameError, match="Unknown method"):
        next(saliency_of(nets, photograph("rocket"), method="guessing"))
