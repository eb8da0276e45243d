"""Does a map of evidence depend on what the net has learned? Its weights are made random again, from the top.

Adebayo et al. 2018, arXiv 1810.03292, section 3.1, cascading randomisation: a method whose map stays as it is while
the weights go says something of the picture or of the architecture, but nothing of what was learned.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from explorer.analysis.attribution_copy import own_copy
from explorer.analysis.map_similarity import rank_correlation, structural_similarity
from explorer.analysis.saliency import saliency_stream
from explorer.attribution_results import Attribution
from explorer.errors import ConfigError
from explorer.models.create import create_model
from explorer.models.net import Net
from explorer.models.stages import Stage, stages
from explorer.saliency_check_results import SanityCheck, SanityStep

SEED = 181003292
"""Of the random weights: none that a net is likely to have started from."""

_MOST_SEED = 2**63 - 1


def sanity_check(
    net: nn.Module,
    picture: Tensor,
    *,
    method: str = "grad-cam",
    target: int | str | None = None,
    classes: Sequence[str] = (),
    layer: str | None = None,
    seed: int = SEED,
) -> Iterator[SanityCheck]:
    """The map of one picture while a net's stages get initial weights again, from the head down to the first layers.

    It works on a copy, which gets weights by the net's own initialisation, and statistics of batch norm as before any
    training: after the last step it is `create_model(net.config, seed=seed)`. Class and layer stay those of the first
    step.

    Args:
        net: a trained net of this package, such as `load_trained(...).model`.
        picture: as the net takes it, normalised, (C, H, W) or (1, C, H, W).
        method: what `saliency` knows.
        target: number or name of the class; default: the most probable one for the untouched net.
        classes: names of the net's outputs.
        layer: as in `saliency`.
        seed: of the random weights; another than the net's own: the weights that a training started from are like those
            that it ended with, and those of an untrained net are the same.

    Yields:
        What is known so far: the untouched map, then one more stage a step. While a slow method is at work on a map,
        the same steps come again with a larger `share_done`: closing the iterator stops it there.

    Raises:
        ConfigError: the net is not one of this package, or the seed is out of range or the net's own.
        UnknownNameError: there is no such method, class or layer; as in `saliency`, with the first step.

    >>> import explorer
    >>> net = explorer.load_trained("shipped:resnet18")
    >>> picture = explorer.prepare(net, [explorer.photograph("coffee")])
    >>> for check in explorer.sanity_check(net.model, picture, classes=net.classes):
    ...     pass
    >>> [step.stage for step in check.steps]
    ['', 'head', 'layer4', 'layer3', 'layer2', 'layer1', 'stem']
    >>> check.steps[0].rank_correlation, abs(check.steps[-1].rank_correlation) < 0.9
    (1.0, True)
    """
    if not isinstance(net, Net):
        raise ConfigError(f"{type(net).__name__} has no stages that are known here: check a net of this package.")
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed <= _MOST_SEED:
        said = f"seed={str(seed)[:40]}"
        message = f"{said} is not possible: use a whole number from 0 to {_MOST_SEED}."
        raise ConfigError(message, key="range", said=said, low=0, high=_MOST_SEED)
    if seed == net.config.seed:
        raise ConfigError(f"seed={seed} is the one that the net started from: use another.")
    return _steps(net, picture, method, target, classes, layer, seed)


def _steps(
    net: Net,
    picture: Tensor,
    method: str,
    target: int | str | None,
    classes: Sequence[str],
    layer: str | None,
    seed: int,
) -> Iterator[SanityCheck]:
    twin = own_copy(net)  # modules of its own, which hold the net's weights until they get others
    assert isinstance(twin, Net)
    cascade = [stage for stage in reversed(stages(twin)) if _values_of(twin, stage)]
    *_, first = saliency_stream(twin, picture, method=method, target=target, layer=layer, classes=classes)
    steps = [_step("", first, first)]
    so_far = _Known(first, seed, tuple(stage.name for stage in cascade))
    yield so_far.check(steps)
    fresh = _initial(net, seed)
    for stage in cascade:
        twin.load_state_dict(_values_of(fresh, stage), strict=False, assign=True)
        found = None
        for found in saliency_stream(
            twin, picture, method=method, target=first.target, layer=first.layer or None, classes=classes
        ):
            if found.share_done < 1:  # the same as before, so that a slow method can be stopped on its way
                yield so_far.check(steps, found.share_done)
        assert found is not None
        steps.append(_step(stage.name, first, found))
        yield so_far.check(steps)


def _initial(net: Net, seed: int) -> Net:
    """The net before any training, where its weights are."""
    weight = next(net.parameters())
    with torch.inference_mode(False):  # what is made in that mode cannot take part in a gradient
        return create_model(net.config, seed=seed).to(weight.device, weight.dtype)


def _values_of(net: Net, stage: Stage) -> dict[str, Tensor]:
    """Weights and statistics of a stage, by their names in the net."""
    beginnings = tuple(f"{module}." for module in stage.modules)
    return {name: value for name, value in net.state_dict().items() if name.startswith(beginnings)}


def _step(stage: str, first: Attribution, found: Attribution) -> SanityStep:
    one, other = first.values, found.values  # (H, W) each
    return SanityStep(
        stage=stage,
        probability=found.probability,
        values=other,
        rank_correlation=rank_correlation(one, other),
        rank_correlation_absolute=rank_correlation(abs(one), abs(other)),
        ssim=structural_similarity(one, other, signed=first.signed),
    )


@dataclass(frozen=True)
class _Known:
    """What is known from the first step on."""

    first: Attribution
    seed: int
    stages: tuple[str, ...]

    def check(self, steps: Sequence[SanityStep], of_next: float = 0.0) -> SanityCheck:
        """The check so far, with that share of the next map done."""
        first = self.first
        return SanityCheck(
            method=first.method,
            target=first.target,
            target_name=first.target_name,
            layer=first.layer,
            signed=first.signed,
            places=int(first.coarse.size),
            seed=self.seed,
            stages=self.stages,
            steps=tuple(steps),
            share_done=(len(steps) + of_next) / (len(self.stages) + 1),
        )
