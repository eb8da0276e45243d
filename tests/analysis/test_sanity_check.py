"""Cascading randomisation: each step is the net that it says, on a copy, and what ignores the weights is found out."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torchvision.models import resnet18

from explorer.analysis import sanity_check as module
from explorer.analysis.saliency import saliency
from explorer.analysis.sanity_check import sanity_check
from explorer.attribution_results import Attribution
from explorer.errors import ConfigError, UnknownNameError
from explorer.figures.sanity_check import describe_sanity_check
from explorer.models.create import create_model
from explorer.models.net import Net
from explorer.options import read_net
from explorer.saliency_check_results import SanityCheck

SMALL = "resnet8:image_size=16,in_channels=1"
CASCADE = {
    "head": ("fc.",),
    "layer3": ("layer3.",),
    "layer2": ("layer2.",),
    "layer1": ("layer1.",),
    "stem": ("conv1.", "bn1."),
}
"""Of `SMALL`, written by hand."""


def trained(name: str = SMALL) -> Net:
    """Not trained, but with weights and statistics that no initialisation has."""
    net = create_model(read_net(name), seed=1)
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for value in net.state_dict().values():
            if value.is_floating_point():
                value.add_(0.1 * torch.rand(value.shape, generator=generator))
    return net.eval()


def photo(channels: int = 1, side: int = 16) -> Tensor:
    return torch.randn(1, channels, side, side, generator=torch.Generator().manual_seed(5))


def last(checks: Iterator[SanityCheck]) -> SanityCheck:
    return list(checks)[-1]


# ---------------------------------------------------------------- what is random


def test_each_step_is_the_map_of_the_net_with_one_more_random_stage() -> None:
    net, fresh = trained(), create_model(read_net(SMALL), seed=7).state_dict()
    mixed = create_model(read_net(SMALL))
    values = dict(net.state_dict())
    mixed.load_state_dict(values)
    steps = [saliency(mixed, photo(), target=4)]
    for beginnings in CASCADE.values():
        values |= {name: value for name, value in fresh.items() if name.startswith(beginnings)}
        mixed.load_state_dict(values)
        steps.append(saliency(mixed, photo(), target=4))
    checks = list(sanity_check(net, photo(), target=4, seed=7))
    assert [len(check.steps) for check in checks] == [1, 2, 3, 4, 5, 6]
    assert [check.share_done for check in checks] == pytest.approx([n / 6 for n in range(1, 7)])
    assert [check.is_complete for check in checks] == [False] * 5 + [True]
    assert checks[0].stages == tuple(CASCADE)
    assert [step.stage for step in checks[-1].steps] == ["", *CASCADE]
    for step, expected in zip(checks[-1].steps, steps, strict=True):
        np.testing.assert_array_equal(step.values, expected.values)
        assert step.probability == expected.probability
    assert any(step.values.any() for step in checks[-1].steps[1:])


@pytest.mark.parametrize(
    "name",
    [
        SMALL,
        "preact_resnet20",
        "vgg_a_bn:image_size=32,num_classes=10,head=slim,width=0.125",
        "resnet18:image_size=32,width=0.125,num_classes=5",
        "lenet5",
    ],
)
def test_at_the_end_nothing_learned_is_left(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[dict[str, Tensor]] = []

    def looked_at(net: nn.Module, picture: Tensor, **asked: object) -> Iterator[Attribution]:
        seen.append({key: value.clone() for key, value in net.state_dict().items()})
        assert not net.training
        yield from edges(net, picture, **asked)

    monkeypatch.setattr(module, "saliency_stream", looked_at)
    net = trained(name)
    check = last(sanity_check(net, photo(net.config.in_channels, net.config.image_size), seed=7))
    fresh = create_model(net.config, seed=7).state_dict()
    assert len(seen) == len(check.stages) + 1 > 3
    assert all(torch.equal(value, seen[0][key]) for key, value in net.state_dict().items())
    assert all(torch.equal(value, seen[-1][key]) for key, value in fresh.items())
    changed = [{key for key in fresh if not torch.equal(one[key], seen[0][key])} for one in seen]
    assert all(before < after for before, after in pairwise(changed))
    assert check.stages[0] == "head"
    assert changed[1] == {key for key in fresh if key in changed[1]}
    assert all(key.startswith(("fc.", "classifier.")) for key in changed[1])


# ---------------------------------------------------------------- what is found out


def edges(net: nn.Module, picture: Tensor, **asked: object) -> Iterator[Attribution]:
    """Where the picture changes: no weight has any part in it."""
    down, across = np.gradient(picture.mean((0, 1)).numpy())  # (H, W) each
    values = np.hypot(down, across).astype(np.float32)
    yield Attribution("gradient", 2, "", 0.5, "", values, values)


def test_a_method_that_ignores_the_weights_does_not_change(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "saliency_stream", edges)
    check = last(sanity_check(trained(), photo()))
    for step in check.steps:
        assert (step.rank_correlation, step.rank_correlation_absolute, step.ssim) == (1.0, 1.0, 1.0)
    assert "The map does not change" in describe_sanity_check(check)
    assert "맵이 바뀌지 않습니다" in describe_sanity_check(check, "ko")


def test_a_method_that_reads_the_weights_alone_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    def weights(net: Net, picture: Tensor, **asked: object) -> Iterator[Attribution]:
        values = net.fc.weight.detach()[:, :10].abs().numpy()  # type: ignore[union-attr,operator]
        yield Attribution("gradient", 2, "", 0.5, "", values.copy(), values.copy())

    monkeypatch.setattr(module, "saliency_stream", weights)
    check = last(sanity_check(trained(), photo()))
    found = [step.rank_correlation for step in check.steps]
    assert found[0] == 1.0
    assert abs(found[1]) < 0.5
    assert found[2:] == [found[1]] * 4  # nothing but the head is read
    said = describe_sanity_check(check)
    assert "The map changes" in said
    assert f"The largest fall comes with head: from 1.00 to {found[1]:.2f}" in said


def test_similarities_are_those_of_the_maps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Signs that turn round: the ranks of the absolute values stay, those of the values are turned round."""
    maps = iter(np.linspace(-1, 1, 256, dtype=np.float32).reshape(16, 16) * sign for sign in (1, -1, 1, -1, 1, -1))

    def turned(net: nn.Module, picture: Tensor, **asked: object) -> Iterator[Attribution]:
        values = next(maps)
        yield Attribution("deeplift", 2, "", 0.5, "", values, values)

    monkeypatch.setattr(module, "saliency_stream", turned)
    check = last(sanity_check(trained(), photo()))
    assert check.signed
    assert [step.rank_correlation for step in check.steps] == [1, -1, 1, -1, 1, -1]
    assert [step.rank_correlation_absolute for step in check.steps] == pytest.approx([1] * 6, abs=1e-3)
    assert [step.ssim > 0.99 for step in check.steps] == [True, False] * 3


def test_an_empty_map_is_like_nothing() -> None:
    net = trained()
    with torch.no_grad():
        net.fc.weight.abs_().neg_()  # type: ignore[operator,union-attr]
    check = last(sanity_check(net, photo(), target=0))
    assert check.steps[0].is_empty
    assert not check.steps[0].compared
    assert all(math.isnan(step.rank_correlation) for step in check.steps)
    assert "nothing to compare" in describe_sanity_check(check)


def test_class_and_layer_stay_those_of_the_untouched_net() -> None:
    net, classes = trained(), [f"class {number}" for number in range(10)]
    alone = saliency(net, photo(), classes=classes)
    check = last(sanity_check(net, photo(), classes=classes))
    assert (check.target, check.target_name, check.layer) == (alone.target, alone.target_name, "layer3")
    assert (check.method, check.places, check.signed) == ("grad-cam", 16, False)
    earlier = last(sanity_check(net, photo(), classes=classes, target="class 3", layer="layer1"))
    assert (earlier.target, earlier.layer, earlier.places) == (3, "layer1", 256)


def test_a_slow_method_tells_how_far_it_is_and_stops_on_its_way() -> None:
    net = trained()
    before = state(net)
    checks = list(sanity_check(net, photo(), method="smoothgrad"))
    shares = [check.share_done for check in checks]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert len(checks) > 20
    assert {len(check.steps) for check in checks} == {1, 2, 3, 4, 5, 6}
    between = [check for check in checks if check.share_done * 6 % 1]
    assert between[0].steps[0] is checks[0].steps[0]
    alone = saliency(net, photo(), method="smoothgrad")
    np.testing.assert_array_equal(checks[-1].steps[0].values, alone.values)
    stopped = sanity_check(net, photo(), method="smoothgrad")
    for check in stopped:
        if check.share_done > 0.5 and check.share_done * 6 % 1:
            break
    stopped.close()  # type: ignore[attr-defined]
    assert same(before, state(net))


def test_the_seed_decides() -> None:
    net = trained()
    maps = [[step.values for step in last(sanity_check(net, photo(), seed=seed)).steps] for seed in (0, 0, 2)]
    np.testing.assert_array_equal(maps[0], maps[1])
    assert not np.array_equal(maps[0], maps[2])


# ---------------------------------------------------------------- what stays


def state(net: nn.Module) -> tuple[list[object], dict[str, Tensor]]:
    modules = list(net.modules())
    hooks = [len(one._forward_hooks) + len(one._forward_pre_hooks) + len(one._backward_hooks) for one in modules]
    plain = [hooks, [one.training for one in modules], [p.requires_grad for p in net.parameters()]]
    gradients = {f"{name}.grad": p.grad.clone() for name, p in net.named_parameters() if p.grad is not None}
    return plain, {name: value.clone() for name, value in net.state_dict().items()} | gradients


def same(before: tuple[list[object], dict[str, Tensor]], after: tuple[list[object], dict[str, Tensor]]) -> bool:
    return (
        before[0] == after[0]
        and list(before[1]) == list(after[1])
        and all(torch.equal(value, after[1][name]) for name, value in before[1].items())
    )


def in_use() -> Net:
    net = trained().train()
    net.layer1.eval()  # type: ignore[operator,union-attr]
    for parameter in net.layer1.parameters():  # type: ignore[operator,union-attr]
        parameter.requires_grad_(False)
    net.fc.weight.grad = torch.ones_like(net.fc.weight)  # type: ignore[arg-type,union-attr]
    return net


def test_the_net_is_never_touched_also_half_way() -> None:
    net = in_use()
    before, drawn = state(net), torch.get_rng_state()
    checks = sanity_check(net, photo())
    for _ in range(3):
        next(checks)
        assert same(before, state(net))
    checks.close()  # type: ignore[attr-defined]
    assert same(before, state(net))
    list(sanity_check(net, photo()))
    assert same(before, state(net))
    assert torch.equal(drawn, torch.get_rng_state())


def test_nor_after_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    net = in_use()
    before = state(net)
    calls = 0

    def fails(*args: object, **asked: object) -> Iterator[Attribution]:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise RuntimeError("no memory")
        yield saliency(*args, **asked)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "saliency_stream", fails)
    with pytest.raises(RuntimeError, match="no memory"):
        list(sanity_check(net, photo()))
    assert calls == 3
    assert same(before, state(net))
    monkeypatch.undo()
    assert last(sanity_check(net, photo())).is_complete  # nor is anything locked


def test_hooks_that_were_there_stay() -> None:
    net = trained()
    handle = net.layer2.register_forward_hook(lambda module, given, output: 0 * output)  # type: ignore[operator,union-attr]
    before = state(net)
    assert last(sanity_check(net, photo())).is_complete
    assert same(before, state(net))
    handle.remove()


def test_inference_mode_changes_nothing() -> None:
    net = trained()
    outside = [step.values for step in last(sanity_check(net, photo(), target=2)).steps]
    with torch.inference_mode():
        inside = [step.values for step in last(sanity_check(net, photo(), target=2)).steps]
    np.testing.assert_array_equal(outside, inside)


def test_what_cannot_be_checked_is_answered_in_a_sentence() -> None:
    with pytest.raises(ConfigError, match="ResNet has no stages that are known here: check a net of this package"):
        sanity_check(resnet18(num_classes=2), photo(3, 64))
    for seed in (-1, 1.5, True, 2**63):
        with pytest.raises(ConfigError, match=r"seed=.* is not possible: use a whole number from 0 to"):
            sanity_check(trained(), photo(), seed=seed)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="seed=1 is the one that the net started from: use another"):
        sanity_check(trained(), photo(), seed=1)
    with pytest.raises(UnknownNameError, match="Unknown method 'edges'"):
        next(sanity_check(trained(), photo(), method="edges"))
