"""The attribution methods, each by captum, in steps: a step gives the map as far as it is known.

What they have in common, the copy of the net, the class, the modes and what to make of a map, is in
`explorer.analysis.saliency`. Where a method compares the picture with none at all, that is the picture of mean colour:
zeros, as pictures are normalised.
"""

from __future__ import annotations

import math
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from explorer.analysis.attribution_copy import with_modules_apart
from explorer.analysis.attribution_score import Score
from explorer.analysis.net_operations import RULED, Operations, operations
from explorer.errors import ExplorerError
from explorer.models.net import Net

STEPS = 50
"""Pictures on the way from the baseline, of integrated gradients."""

SAMPLES = 50
NOISE = 0.15
"""Noisy pictures of SmoothGrad, and their standard deviation as a share of the picture's range (section 3.2 there)."""

MOST_IN_A_STEP = 10
"""Pictures between two results of a stream."""


@dataclass(frozen=True)
class Question:
    """What is asked of a net.

    Attributes:
        net: as it was given; it is only read.
        score: the class's score, by a copy of the net.
        x: the picture, (1, C, H, W), a leaf that wants a gradient.
        layer: that is looked at; empty where none is.
        at_once: on how many pictures to run at once.
        seed: of the noise.
    """

    net: nn.Module
    score: Score
    x: Tensor
    layer: str
    at_once: int
    seed: int


@dataclass(frozen=True)
class Finding:
    """A map as far as it is known.

    Attributes:
        evidence: (h, w).
        share_done: of the work, between 0 and 1.
        summed: what a map that explains a change of the score adds up to.
    """

    evidence: Tensor
    share_done: float = 1.0
    summed: float = float("nan")


Method = Callable[[Question], Iterator[Finding]]

# ---------------------------------------------------------------- one step


def grad_cam(asked: Question) -> Iterator[Finding]:
    """Selvaraju et al. 2017, section 3: a layer's maps, each weighed by its mean gradient; nothing negative is left."""
    from captum.attr import LayerGradCam  # takes two seconds to import

    method = LayerGradCam(asked.score, asked.score.net.get_submodule(asked.layer))
    with _used(asked):
        found = method.attribute(asked.x, relu_attributions=True)  # (1, 1, h, w)
    yield Finding(found[0, 0])


def gradient(asked: Question) -> Iterator[Finding]:
    """Simonyan et al. 2013: how much the score changes with each pixel, whatever the direction."""
    from captum.attr import Saliency

    yield Finding(Saliency(asked.score).attribute(asked.x, abs=True)[0].sum(0))


def gradient_x_input(asked: Question) -> Iterator[Finding]:
    """Shrikumar et al. 2016: the gradient times the pixel."""
    from captum.attr import InputXGradient

    yield Finding(InputXGradient(asked.score).attribute(asked.x)[0].sum(0))


def guided_backprop(asked: Question) -> Iterator[Finding]:
    """Springenberg et al. 2014: the gradient, where each ReLU lets only what is positive through on the way back."""
    from captum.attr import GuidedBackprop

    _prepare_for_guiding(asked)
    with _without_captums_notes():
        found = GuidedBackprop(asked.score).attribute(asked.x)
    yield Finding(found[0].abs().sum(0))


def guided_grad_cam(asked: Question) -> Iterator[Finding]:
    """Selvaraju et al. 2017, section 3.1: guided backprop times Grad-CAM, interpolated."""
    from captum.attr import GuidedGradCam

    _prepare_for_guiding(asked)
    method = GuidedGradCam(asked.score, asked.score.net.get_submodule(asked.layer))
    with _used(asked), _without_captums_notes():
        found = method.attribute(asked.x, interpolate_mode="bilinear")
    yield Finding(found[0].abs().sum(0))


def deeplift(asked: Question) -> Iterator[Finding]:
    """Shrikumar et al. 2017, rule "rescale": each unit's change against the baseline is handed to what changed before.

    Raises:
        ExplorerError: the net has a nonlinear operation that the rule does not know, or reads again what a module
            changed in place.
    """
    from captum.attr import DeepLift

    seen = operations(asked.net, asked.x.detach())
    if seen.without_rule:
        what = ", ".join(seen.without_rule[:3])
        message = f"DeepLift does not apply to {_named(asked.net)}: it has no rule for {what}."
        raise ExplorerError(message, key="deeplift_rule", net=_named(asked.net), what=what)
    _refuse_read_again(asked, seen, "DeepLift")
    with_modules_apart(asked.score.net, seen.uses, RULED)
    with _without_captums_notes():
        found = DeepLift(asked.score).attribute(asked.x, baselines=torch.zeros_like(asked.x))
    yield Finding(found[0].detach().sum(0), summed=float(found.detach().double().sum()))


@contextmanager
def _used(asked: Question) -> Iterator[None]:
    """Say so where the net does not run the layer: captum would stumble over it."""
    try:
        yield
    except AssertionError as error:  # captum's, that the hook saw nothing
        if asked.score.first is None or asked.score.plane is not None:
            raise
        message = f"{asked.layer} is not used by the net: choose another layer."
        raise ExplorerError(message, key="layer_not_used", layer=asked.layer) from error


def _prepare_for_guiding(asked: Question) -> None:
    """Give every ReLU a module of its own.

    Raises:
        ExplorerError: there is no ReLU, or one that is no module, or what one changed in place is read again.
    """
    seen: Operations = operations(asked.net, asked.x.detach())
    if seen.relu_functions or not seen.relus:
        net = _named(asked.net)
        if seen.relus:
            what = seen.relu_functions[0]
            message = f"Guided backprop does not apply to {net}: its {what} is a function; nn.ReLU modules are needed."
            raise ExplorerError(message, key="guided_function", net=net, what=what)
        message = f"Guided backprop does not apply to {net}: it has no nn.ReLU whose gradient could be guided."
        raise ExplorerError(message, key="guided_no_relu", net=net)
    _refuse_read_again(asked, seen, "Guided backprop")
    with_modules_apart(asked.score.net, seen.uses, (nn.ReLU,))


def _refuse_read_again(asked: Question, seen: Operations, method: str) -> None:
    if seen.read_again:
        net = _named(asked.net)
        message = f"{method} does not apply to {net}: it reads again what a module changed in place, write x = relu(x)."
        raise ExplorerError(message, key="read_again", method=method, net=net)


# ---------------------------------------------------------------- many steps


def smoothgrad(asked: Question) -> Iterator[Finding]:
    """Smilkov et al. 2017: the mean gradient of the picture under noise; then, as for the gradient, its size."""
    from captum.attr import NoiseTunnel, Saliency

    method = NoiseTunnel(Saliency(asked.score))
    x = asked.x.detach()
    spread = NOISE * float(x.max() - x.min())
    total, done = torch.zeros_like(x[0]), 0  # (C, H, W)
    while done < SAMPLES:
        count = min(asked.at_once, MOST_IN_A_STEP, SAMPLES - done)
        with _own_random_numbers(x.device, 1_000_003 * asked.seed + done):
            total += count * method.attribute(x, nt_samples=count, stdevs=spread, abs=False)[0]
        done += count
        yield Finding((total / done).abs().sum(0), done / SAMPLES)


def integrated_gradients(asked: Question) -> Iterator[Finding]:
    """Sundararajan et al. 2017: the gradients on the straight way from the baseline to the picture, times that way.

    The way is sampled at the middles of `STEPS` equal pieces. They are taken in turns, evenly spread over the way, by
    shifting both of its ends: after each turn the map is an estimate of the whole, after all it is captum's.
    """
    from captum.attr import IntegratedGradients

    method = IntegratedGradients(asked.score)
    x = asked.x.detach()
    in_a_turn = max(n for n in (2, 5, MOST_IN_A_STEP) if n <= max(2, asked.at_once))  # captum takes no less than two
    turns = STEPS // in_a_turn
    total = torch.zeros_like(x[0])  # (C, H, W)
    for done, turn in enumerate(spread(turns), start=1):
        shift = ((turn + 0.5) / turns - 0.5) / in_a_turn
        found = method.attribute(
            x * (1 + shift),
            baselines=x * shift,
            n_steps=in_a_turn,
            method="riemann_middle",
            internal_batch_size=min(asked.at_once, in_a_turn),
        )
        total += found[0].detach()
        yield Finding(total.sum(0) / done, done / turns, float(total.double().sum()) / done)


def spread(count: int) -> list[int]:
    """The numbers below `count`, the middle one first and each far from the ones before it."""
    stride = next((one for one in range(max(1, round(0.38 * count)), count) if math.gcd(one, count) == 1), 1)
    return [(count // 2 + number * stride) % count for number in range(count)]


# ---------------------------------------------------------------- around captum


_WARNING = threading.Lock()
"""What is warned of is set for the whole process: one at a time."""


@contextmanager
def _without_captums_notes() -> Iterator[None]:
    """Without captum's notes that it lays hooks: they lie on a copy. All other warnings come through."""
    with _WARNING, warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"\s*Setting (forward, )?backward hooks", UserWarning)
        yield


@contextmanager
def _own_random_numbers(device: torch.device, seed: int) -> Iterator[None]:
    """Random numbers from a seed inside; afterwards those of the caller go on."""
    on_gpu = device.type == "cuda"
    with torch.random.fork_rng(devices=[device] if on_gpu else []):
        torch.default_generator.manual_seed(seed)
        if on_gpu:
            torch.cuda.manual_seed(seed)
        yield


def _named(net: nn.Module) -> str:
    return net.config.label() if isinstance(net, Net) else type(net).__name__
