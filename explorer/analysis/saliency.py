"""Which part of a picture speaks for a class: maps of a trained net's evidence, computed by captum.

A net is never touched: what is asked is a copy of its modules that shares its weights. So nothing has to be put back
where a map is stopped on its way, and threads can ask one net at the same time.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from explorer.analysis import attribution_methods, covering
from explorer.analysis.attribution_copy import for_gradients, own_copy
from explorer.analysis.attribution_methods import Finding, Method, Question
from explorer.analysis.attribution_score import Score
from explorer.analysis.layer_run import whole_number
from explorer.analysis.saliency_layers import default_layer as default_layer
from explorer.analysis.saliency_layers import layers_of as layers_of
from explorer.attribution_results import LAYERED, METHODS, SLOW, Attribution
from explorer.errors import ConfigError, ExplorerError, UnknownNameError
from explorer.models.net import Net
from explorer.models.stages import head_of

_METHODS: dict[str, Method] = {
    "grad-cam": attribution_methods.grad_cam,
    "gradient": attribution_methods.gradient,
    "gradient-x-input": attribution_methods.gradient_x_input,
    "smoothgrad": attribution_methods.smoothgrad,
    "integrated-gradients": attribution_methods.integrated_gradients,
    "guided-backprop": attribution_methods.guided_backprop,
    "deeplift": attribution_methods.deeplift,
    "guided-grad-cam": attribution_methods.guided_grad_cam,
    "occlusion": covering.occlusion,
    "feature-ablation": covering.feature_ablation,
}

_FROM_THE_BASELINE = ("integrated-gradients", "deeplift")
"""Methods that explain how the score changes from the baseline to the picture."""


def saliency(
    net: nn.Module,
    picture: Tensor,
    *,
    method: str = "grad-cam",
    target: int | str | None = None,
    layer: str | None = None,
    classes: Sequence[str] = (),
    seed: int = 0,
) -> Attribution:
    """Which part of a picture speaks for a class, by one of ten methods of captum.

    Everything is about the class's score before the softmax. Where a method needs a picture of nothing, that is the
    picture of mean colour, zeros.

    - `grad-cam`: Selvaraju et al. 2017, arXiv 1610.02391, section 3: the maps of a layer, each weighed by the mean
      gradient of the score in it, added up; what is negative becomes 0.
    - `gradient`: Simonyan et al. 2013, arXiv 1312.6034, section 3: the gradient's size, its channels added up.
    - `gradient-x-input`: Shrikumar et al. 2016, arXiv 1605.01713: the gradient times the pixel.
    - `smoothgrad`: Smilkov et al. 2017, arXiv 1706.03825: the mean gradient of 50 noisy pictures, then its size.
    - `integrated-gradients`: Sundararajan et al. 2017, arXiv 1703.01365: 50 steps from the mean colour to the picture.
    - `guided-backprop`: Springenberg et al. 2014, arXiv 1412.6806.
    - `deeplift`: Shrikumar et al. 2017, arXiv 1704.02685, rule "rescale".
    - `guided-grad-cam`: guided backprop times Grad-CAM.
    - `occlusion`: Zeiler & Fergus 2013, arXiv 1311.2901, section 4.2: windows of an eighth of the side are covered.
    - `feature-ablation`: superpixels (SLIC) are covered, one at a time.

    Nothing of the net is changed, neither modes, gradients nor hooks: a copy of its modules runs, in evaluation mode.

    Args:
        net: a trained net, such as `load_trained(...).model`; any module.
        picture: as the net takes it, normalised, (C, H, W) or (1, C, H, W), such as `prepare` gives.
        method: one of `METHODS`.
        target: number or name of the class; default: the most probable one.
        layer: for the two kinds of Grad-CAM, the module whose output is looked at, such as `layer4` or `features.30`
            (see `layers_of`); default: the last stage whose output still is a plane of more than one place.
        classes: names of the net's outputs.
        seed: of SmoothGrad's noise.

    Returns:
        The evidence, at the layer's resolution and at the picture's.

    Raises:
        UnknownNameError: there is no such method, class or layer.
        ConfigError: the class's number is out of range, or a module that is not one of this package has no `layer`.
        ExplorerError: the picture has another shape than the net takes, the layer's output is no plane, the method
            does not apply to the net, or the net's answer is no number.

    >>> import explorer
    >>> net = explorer.load_trained("shipped:resnet18")
    >>> picture = explorer.prepare(net, [explorer.photograph("coffee")])
    >>> found = explorer.saliency(net.model, picture, target="church", classes=net.classes)
    >>> found.layer, found.coarse.shape, found.values.shape
    ('layer4', (4, 4), (112, 112))
    >>> found = explorer.saliency(net.model, picture, method="deeplift", target="church", classes=net.classes)
    >>> found.signed, found.gap < 0.001
    (True, True)
    """
    *_, last = saliency_stream(net, picture, method=method, target=target, layer=layer, classes=classes, seed=seed)
    return last


def saliency_stream(
    net: nn.Module,
    picture: Tensor,
    *,
    method: str = "grad-cam",
    target: int | str | None = None,
    layer: str | None = None,
    classes: Sequence[str] = (),
    seed: int = 0,
) -> Iterator[Attribution]:
    """What `saliency` finds, step by step: coarse at first, the last is the whole.

    The methods of `explorer.attribution_results.SLOW` come in many steps, the others in one. Between two steps nothing
    is held: closing the iterator, or leaving it, stops the work.

    Args:
        net: as for `saliency`, as are all others.
        picture: of what.
        method: how.
        target: for which class.
        layer: of the two kinds of Grad-CAM.
        classes: names of the net's outputs.
        seed: of SmoothGrad's noise.

    Yields:
        The map as far as it is known, with `share_done`.

    Raises:
        ExplorerError: as for `saliency`; what can be told from the arguments alone is raised at once.

    >>> import explorer
    >>> net = explorer.create_model("resnet8", in_channels=1, image_size=8)
    >>> picture = torch.ones(1, 8, 8)
    >>> [round(step.share_done, 1) for step in explorer.saliency_stream(net, picture, method="smoothgrad")]
    [0.2, 0.4, 0.6, 0.8, 1.0]
    """
    if method not in _METHODS:
        raise UnknownNameError("method", method, METHODS)
    x = _checked_picture(net, picture)
    if layer is not None and method in LAYERED:
        modules = [name for name, _ in net.named_modules() if name]
        if layer not in modules:
            raise UnknownNameError("layer", layer, modules)
    return _steps(net, x, method, target, layer, classes, seed)


def _steps(
    net: nn.Module,
    picture: Tensor,
    method: str,
    target: int | str | None,
    layer: str | None,
    classes: Sequence[str],
    seed: int,
) -> Iterator[Attribution]:
    _load_captum()
    with _computing():
        score = Score(for_gradients(own_copy(net)), lambda logits: _class_number(target, classes, logits))
    with _computing(), _its_size(net, picture):
        x = _where_the_net_is(net, picture)  # (1, C, H, W)
        chosen, at_once = "", 1
        if method in LAYERED:
            chosen = layer or default_layer(net, x)
            score.look_at(chosen)
        if method in SLOW:
            first = torch.cat([x, torch.zeros_like(x)]) if method in _FROM_THE_BASELINE else x
            at_once = score.at_once(first)
        steps = _METHODS[method](Question(net, score, x.requires_grad_(), chosen, at_once, seed))
    while True:
        with _computing(), _its_size(net, picture):
            finding = next(steps, None)
        if finding is None:
            return
        yield _attribution(net, method, finding, score, chosen, classes, (x.shape[2], x.shape[3]))


def _load_captum() -> None:
    with warnings.catch_warnings():
        # Its progress bars, which nobody sees here, would miss ipywidgets in a notebook.
        warnings.filterwarnings("ignore", "IProgress not found")
        importlib.import_module("captum.attr")


@contextmanager
def _computing() -> Iterator[None]:
    """With gradients, while a step is computed; the caller's own modes hold between the steps."""
    # Tensors of inference mode cannot take part in a gradient: a copy that is made outside of it can.
    with torch.inference_mode(False), torch.enable_grad():
        yield


@contextmanager
def _its_size(net: nn.Module, picture: Tensor) -> Iterator[None]:
    """Say so where a net of this package does not take pictures of that size: torch would speak of matrices."""
    try:
        yield
    except RuntimeError as error:
        height, width = picture.shape[-2:]
        side = net.config.image_size if isinstance(net, Net) else None
        if side is None or (height, width) == (side, side) or "memory" in str(error):
            raise
        assert isinstance(net, Net)
        said = f"{net.config.label()} cannot take a picture of {height} × {width} px"
        raise ExplorerError(f"{said}: give one of {side} × {side} px.") from error


def _attribution(
    net: nn.Module,
    method: str,
    finding: Finding,
    score: Score,
    layer: str,
    classes: Sequence[str],
    size: tuple[int, int],
) -> Attribution:
    assert score.first is not None
    assert score.number is not None
    logits = score.first[0]  # (classes,)
    evidence = finding.evidence.detach().float()  # (h, w)
    if not (torch.isfinite(evidence).all() and torch.isfinite(logits).all()):
        message = "The net's answer is not a number, so nothing can be said of it: its training went astray."
        raise ExplorerError(message, key="answer_not_finite")
    values = evidence
    if evidence.shape != size:
        values = F.interpolate(evidence[None, None], size, mode="bilinear", align_corners=False)[0, 0]  # (H, W)
    return Attribution(
        method=method,
        target=score.number,
        target_name=classes[score.number] if classes else "",
        probability=float(logits.softmax(0)[score.number]),
        layer=layer,
        coarse=evidence.cpu().numpy(),
        values=values.cpu().numpy(),
        adds_up=method == "grad-cam" and _adds_up(net, score.plane, logits),
        share_done=finding.share_done,
        pictures=score.pictures,
        score_change=score.change if method in _FROM_THE_BASELINE else float("nan"),
        summed=finding.summed,
    )


# ---------------------------------------------------------------- what is asked


def _checked_picture(net: nn.Module, picture: Tensor) -> Tensor:
    x = picture[None] if picture.dim() == 3 else picture
    if x.dim() != 4 or len(x) != 1 or 0 in x.shape or not x.is_floating_point():
        shape = " × ".join(map(str, picture.shape)) or "a single value"
        message = f"The picture is {shape} ({picture.dtype}): give one normalised picture, float (C, H, W)."
        raise ExplorerError(message)
    if isinstance(net, Net) and x.shape[1] != net.config.in_channels:
        said, channels = f"a picture of {x.shape[1]} channels", net.config.in_channels
        raise ExplorerError(f"{net.config.label()} cannot take {said}: it takes {channels}.")
    if not torch.isfinite(x).all():
        raise ExplorerError("The picture has a value that is no finite number: give a picture of finite numbers.")
    return x


def _where_the_net_is(net: nn.Module, x: Tensor) -> Tensor:
    """A copy of the picture where the net's weights are, its channels first: captum's DeepLift takes no other order."""
    weight = next((p for p in net.parameters() if p.is_floating_point()), None)
    x = x.detach().clone(memory_format=torch.contiguous_format)
    return x if weight is None else x.to(weight.device, weight.dtype)


def _adds_up(net: nn.Module, plane: Tensor | None, logits: Tensor) -> bool:
    """Whether the answer is what the head makes of the averages of a plane (1, C, h, w): computed, not looked up."""
    if not isinstance(net, Net) or plane is None:
        return False
    head = head_of(net)
    if head.in_features != plane.shape[1]:
        return False
    with torch.no_grad():
        return torch.allclose(head(plane.mean((2, 3)))[0], logits, rtol=1e-3, atol=1e-4)


def _class_number(target: int | str | None, classes: Sequence[str], logits: Tensor) -> int:
    count = len(logits)
    if classes and len(classes) != count:
        raise ConfigError(f"{len(classes)} names for {count} classes: give as many.")
    if target is None:
        return int(logits.argmax())
    if isinstance(target, str):
        if target not in classes:
            raise UnknownNameError("class", target, classes)
        return list(classes).index(target)
    number = whole_number(target)
    if number is None or not 0 <= number < count:
        said = f"target={str(target)[:40]}"
        message = f"{said} is not possible: use a whole number from 0 to {count - 1}, or a class's name."
        raise ConfigError(message, key="range", said=said, low=0, high=count - 1)
    return number
