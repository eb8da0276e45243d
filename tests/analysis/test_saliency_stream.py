"""Maps step by step: what comes first, how it is stopped, and that the net and the caller are left as they were."""

from __future__ import annotations

import threading
import warnings
from contextlib import nullcontext

import numpy as np
import pytest
import skimage.segmentation  # noqa: F401  # it changes what is warned of when it is imported
import torch
from torch import Tensor, nn
from torchvision.models import resnet18

from explorer.analysis import attribution_score
from explorer.analysis.attribution_copy import own_copy
from explorer.analysis.attribution_methods import spread
from explorer.analysis.net_operations import operations
from explorer.analysis.saliency import saliency, saliency_stream
from explorer.attribution_results import METHODS, SLOW
from explorer.errors import ExplorerError, UnknownNameError
from explorer.models.create import create_model
from explorer.options import read_net


def ours(name: str = "resnet8") -> nn.Module:
    return create_model(read_net(name), seed=1).eval()


def picture(side: int = 32) -> Tensor:
    return torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(5))


def everything(net: nn.Module) -> list[object]:
    """What could be changed of a net and of the caller's state, in a form that can be compared."""
    modules = list(net.modules())
    tensors = [*net.state_dict().values(), *(p.grad for p in net.parameters() if p.grad is not None)]
    return [
        [sorted(vars(one)) for one in modules],
        [one.training for one in modules],
        [len(one._forward_hooks) + len(one._forward_pre_hooks) + len(one._backward_hooks) for one in modules],
        [p.requires_grad for p in net.parameters()],
        [id(one) for one in modules],
        [value.clone().numpy().tolist() for value in tensors],
        torch.get_rng_state().tolist(),
        torch.is_grad_enabled(),
        torch.is_inference_mode_enabled(),
        list(warnings.filters),
    ]


@pytest.mark.parametrize("method", METHODS)
def test_nothing_is_left_behind(method: str) -> None:
    net, x = ours().train(), picture()
    net.layer1.eval()  # as where a part is frozen
    net.layer1.requires_grad_(False)
    net.fc.weight.grad = torch.ones_like(net.fc.weight)
    before = everything(net)
    saliency(net, x, method=method, target=2)
    assert everything(net) == before
    stream = saliency_stream(net, x, method=method, target=2)
    next(stream)
    assert everything(net) == before  # nor in between
    stream.close()
    assert everything(net) == before
    assert x.requires_grad is False


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("after", [0, 3])
def test_nor_after_an_error(method: str, after: int) -> None:
    """The net fails when it runs for the first time, and later ones."""
    net, x = Failing(after), picture(16)
    before = everything(net)
    runs_often = method in SLOW
    with pytest.raises(RuntimeError, match="no memory") if runs_often or after == 0 else nullcontext():
        saliency(net, x, method=method, target=1, layer="conv")
    net.counter[0] = -(10**6)  # from now on it works
    assert everything(net) == before
    assert saliency(net, x, method=method, target=1, layer="conv").values.shape == (16, 16)


class Failing(nn.Module):
    def __init__(self, after: int) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.relu, self.fc = nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Linear(4, 2)
        self.after, self.counter = after, [0]

    def forward(self, x: Tensor) -> Tensor:
        self.counter[0] += 1
        features = self.relu(self.conv(x))
        if self.counter[0] > self.after:
            raise RuntimeError("no memory")
        return self.fc(features.mean((2, 3)))


@pytest.mark.parametrize("method", METHODS)
def test_the_last_step_is_the_whole_and_the_first_resembles_it(method: str) -> None:
    net, x = ours(), picture()
    steps = list(saliency_stream(net, x, method=method, target=2))
    shares = [step.share_done for step in steps]
    assert shares == sorted(set(shares))
    assert shares[-1] == 1
    assert shares[0] > 0
    assert (len(steps) > 3) == (method in SLOW)
    whole = saliency(net, x, method=method, target=2)
    np.testing.assert_array_equal(steps[-1].values, whole.values)
    assert steps[-1].pictures == whole.pictures >= 1
    if method in SLOW:
        likeness = [np.corrcoef(step.values.ravel(), whole.values.ravel())[0, 1] for step in steps]
        assert likeness[0] > 0.2
        assert likeness[len(steps) // 2] > 0.5
        assert [step.pictures for step in steps] == sorted({step.pictures for step in steps})


def test_an_unfinished_stream_stops_the_work() -> None:
    net = Failing(10**6)
    stream = saliency_stream(net, picture(64), method="occlusion", target=1)
    next(stream)
    ran = net.counter[0]
    stream.close()
    assert net.counter[0] == ran
    assert list(stream) == []
    full = Failing(10**6)
    saliency(full, picture(64), method="occlusion", target=1)
    assert full.counter[0] > 3 * ran


def test_what_cannot_be_asked_is_said_before_the_first_step() -> None:
    with pytest.raises(UnknownNameError, match="did you mean smoothgrad"):
        saliency_stream(ours(), picture(), method="smooth-grad")
    with pytest.raises(ExplorerError, match="give one normalised picture"):
        saliency_stream(ours(), torch.randn(2, 3, 32, 32))
    with pytest.raises(UnknownNameError, match="Unknown layer"):
        saliency_stream(ours(), picture(), layer="layer9")


# ---------------------------------------------------------------- memory


class Watching(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.relu, self.fc = nn.Conv2d(3, 10, 1), nn.ReLU(), nn.Linear(10, 2)
        self.sizes: list[int] = []

    def forward(self, x: Tensor) -> Tensor:
        self.sizes.append(len(x))
        return self.fc(self.relu(self.conv(x)).mean((2, 3)))


@pytest.mark.parametrize("method", SLOW)
def test_no_more_pictures_run_at_once_than_memory_is_there_for(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    one_picture = 4 * (2 * 10 * 16 * 16 + 2)  # bytes of what the three modules give
    whole = saliency(Watching(), picture(16), method="occlusion", target=1)
    assert whole.pictures > 200
    for room in (1, 3, 7):
        monkeypatch.setattr(attribution_score, "_MEMORY_BYTES", {"cpu": room * one_picture})
        net = Watching()
        saliency(net, picture(16), method=method, target=1)
        largest = max(net.sizes)
        assert largest <= max(room, 2 if method == "integrated-gradients" else 1)
        assert largest >= room - 2


@pytest.mark.parametrize("method", SLOW)
def test_how_many_run_at_once_does_not_change_the_map(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    net, x = ours(), picture()
    found = []
    for room in (1, 10**9):
        monkeypatch.setattr(attribution_score, "_MEMORY_BYTES", {"cpu": room})
        found.append(saliency(net, x, method=method, target=1).values)
    if method == "smoothgrad":  # other noise
        assert np.corrcoef(found[0].ravel(), found[1].ravel())[0, 1] > 0.5
    else:
        np.testing.assert_allclose(found[0], found[1], atol=1e-4 * np.abs(found[1]).max())


# ---------------------------------------------------------------- the copy, chance, warnings, threads


def test_a_copy_shares_weights_and_nothing_else() -> None:
    net = ours("preact_resnet20")
    net.layer1[0].spare = net.layer1[0].forward  # a method kept as an attribute
    copied = own_copy(net)
    pairs = list(zip(net.modules(), copied.modules(), strict=True))
    assert all(one is not other and type(one) is type(other) for one, other in pairs)
    assert all(one is other for one, other in zip(net.parameters(), copied.parameters(), strict=True))
    assert all(one is other for one, other in zip(net.buffers(), copied.buffers(), strict=True))
    assert copied.layer1[0].spare.__self__ is copied.layer1[0]
    torch.testing.assert_close(copied(picture()), net(picture()), rtol=0, atol=0)
    copied.conv1.register_forward_hook(lambda *args: None)
    copied.train()
    assert not net.conv1._forward_hooks
    assert not net.training
    shared = resnet18(num_classes=2)
    shared.again = shared.layer1
    twice = own_copy(shared)
    assert twice.again is twice.layer1


def test_noise_is_drawn_from_the_seed_and_from_nothing_else() -> None:
    net, x = ours(), picture()
    first = saliency(net, x, method="smoothgrad", target=1).values
    torch.rand(7)
    np.testing.assert_array_equal(saliency(net, x, method="smoothgrad", target=1).values, first)
    assert not np.array_equal(saliency(net, x, method="smoothgrad", target=1, seed=1).values, first)


def test_captums_notes_are_not_seen_but_other_warnings_are() -> None:
    class Warning_(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.relu, self.fc = nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Linear(4, 2)

        def forward(self, x: Tensor) -> Tensor:
            warnings.warn("Setting things up takes long", stacklevel=1)
            return self.fc(self.relu(self.conv(x)).mean((2, 3)))

    for method in METHODS:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            saliency(ours(), picture(), method=method)
        with pytest.warns(UserWarning, match="Setting things up") as seen:
            saliency(Warning_(), picture(), method=method, layer="conv")
        assert {str(one.message) for one in seen} == {"Setting things up takes long"}


@pytest.mark.parametrize("method", ["guided-backprop", "deeplift", "integrated-gradients"])
def test_threads_that_ask_one_net_do_not_meet(method: str) -> None:
    net = ours()
    alone = [saliency(net, picture() * (1 + n), method=method, target=1).values for n in range(3)]
    together: dict[int, np.ndarray] = {}

    def ask(number: int) -> None:
        together[number] = saliency(net, picture() * (1 + number), method=method, target=1).values

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, expected in enumerate(alone):
        np.testing.assert_array_equal(together[number], expected)


def test_what_a_net_does_is_looked_at_once_and_again_when_its_modules_are_others() -> None:
    net, x = resnet18(num_classes=2).eval(), picture(64)
    seen = operations(net, x)
    assert seen.uses["relu"] == 1
    assert seen.uses["layer1.0.relu"] == 2
    assert seen.without_rule == seen.relu_functions == []
    assert operations(net, x) is seen
    net.layer4 = nn.Sequential(net.layer4, nn.GELU())
    assert operations(net, x).without_rule == ["gelu in GELU"]


def test_turns_are_spread() -> None:
    for count in (1, 2, 5, 10, 15, 25, 50, 64):
        order = spread(count)
        assert sorted(order) == list(range(count))
        assert order[0] == count // 2
    first = sorted(spread(50)[:5])
    assert max(b - a for a, b in zip([0, *first], [*first, 49], strict=True)) <= 20
