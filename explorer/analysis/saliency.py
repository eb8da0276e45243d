"""Which part of a picture speaks for a class: maps of a trained net's evidence, computed by captum.

Hooks lie on a net only while it is asked. What is asked of one net from several threads is answered one at a time:
each would see the other's pictures through its hook.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from explorer.analysis.partial_run import evaluation
from explorer.attribution_results import METHODS as METHODS
from explorer.attribution_results import Attribution
from explorer.errors import ConfigError, ExplorerError, UnknownNameError
from explorer.models.net import Net
from explorer.models.stages import Stage, head_of, stages

Method = Callable[[nn.Module, Tensor, int, str], Tensor]
"""(net, picture (1, C, H, W), class, name of the layer) -> evidence, (h, w)."""

_ASKING = threading.Lock()


def saliency(
    net: nn.Module,
    picture: Tensor,
    *,
    method: str = "grad-cam",
    target: int | str | None = None,
    layer: str | None = None,
    classes: Sequence[str] = (),
) -> Attribution:
    """Which part of a picture speaks for a class.

    Grad-CAM (Selvaraju et al. 2017, arXiv 1610.02391, section 3): the maps of a layer, each weighed by the mean
    gradient of the class's score (before the softmax) in it, added up; what is negative becomes 0.

    The net runs in evaluation mode. Nothing of it is left changed: neither modes, gradients nor hooks.

    Args:
        net: a trained net, such as `load_trained(...).model`; any module, if `layer` is given.
        picture: as the net takes it, normalised, (C, H, W) or (1, C, H, W), such as `prepare` gives.
        method: one of `METHODS`.
        target: number or name of the class; default: the most probable one.
        layer: name of the module whose output is looked at, such as `layer4` or `features.30`; default: the last stage
            whose output still is a plane of more than one place.
        classes: names of the net's outputs.

    Returns:
        The evidence, at the layer's resolution and at the picture's.

    Raises:
        UnknownNameError: there is no such method, class or layer.
        ConfigError: the class's number is out of range, or a module that is not one of this package has no `layer`.
        ExplorerError: the picture has another shape than the net takes, the layer's output is no plane, or the net's
            answer is no number.

    >>> import explorer
    >>> net = explorer.load_trained("shipped:resnet18")
    >>> picture = explorer.prepare(net, [explorer.photograph("coffee")])
    >>> found = explorer.saliency(net.model, picture, target="church", classes=net.classes)
    >>> found.layer, found.coarse.shape, found.values.shape
    ('layer4', (4, 4), (112, 112))
    """
    if method not in _METHODS:
        raise UnknownNameError("method", method, _METHODS)
    x = _checked_picture(net, picture)
    # Tensors of inference mode cannot take part in a gradient: a copy that was made outside of it can.
    with _ASKING, evaluation(net), torch.inference_mode(False), torch.enable_grad():
        x = _where_the_net_is(net, x)  # (1, C, H, W)
        logits, layer, plane = _looked_through(net, x, layer)
        number = _class_number(target, classes, logits)
        coarse = _METHODS[method](net, x, number, layer)  # (h, w)
    if not (torch.isfinite(coarse).all() and torch.isfinite(logits).all()):
        message = "The net's answer is not a number, so nothing can be said of it: its training went astray."
        raise ExplorerError(message, key="answer_not_finite")
    size = (x.shape[2], x.shape[3])
    values = F.interpolate(coarse[None, None], size, mode="bilinear", align_corners=False)[0, 0]  # (H, W)
    return Attribution(
        method=method,
        target=number,
        target_name=classes[number] if classes else "",
        probability=float(logits.softmax(0)[number]),
        layer=layer,
        coarse=coarse.float().cpu().numpy(),
        values=values.float().cpu().numpy(),
        adds_up=_adds_up(net, plane, logits),
    )


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
    """The same step by step: coarse at first, the last is what `saliency` gives. Closing it stops the work."""
    yield saliency(net, picture, method=method, target=target, layer=layer, classes=classes)


def layers_of(net: nn.Module) -> tuple[str, ...]:
    """Names of the layers that a class activation map can be read off, the nearest to the picture first."""
    if isinstance(net, Net):
        return tuple(_last_working(net, stage) for stage in stages(net)[:-1])
    return tuple(name for name, module in net.named_modules() if isinstance(module, nn.Conv2d))


def default_layer(net: nn.Module) -> str:
    """The layer that is looked at where none is named."""
    return layers_of(net)[-1]


# ---------------------------------------------------------------- methods


def _grad_cam(net: nn.Module, picture: Tensor, target: int, layer: str) -> Tensor:
    from captum.attr import LayerGradCam  # takes two seconds to import

    asked = LayerGradCam(net, net.get_submodule(layer))
    maps: Tensor = asked.attribute(picture, target=target, relu_attributions=True)  # (1, 1, h, w)
    return maps[0, 0].detach()  # (h, w)


_METHODS: dict[str, Method] = {"grad-cam": _grad_cam}

# ---------------------------------------------------------------- what is asked


def _checked_picture(net: nn.Module, picture: Tensor) -> Tensor:
    x = picture[None] if picture.dim() == 3 else picture
    if x.dim() != 4 or len(x) != 1 or not x.is_floating_point():
        shape = " × ".join(map(str, picture.shape)) or "a single value"
        message = f"The picture is {shape} ({picture.dtype}): give one normalised picture, float (C, H, W)."
        raise ExplorerError(message)
    if isinstance(net, Net) and x.shape[1] != net.config.in_channels:
        said, channels = f"a picture of {x.shape[1]} channels", net.config.in_channels
        raise ExplorerError(f"{net.config.label()} cannot take {said}: it takes {channels}.")
    return x


def _where_the_net_is(net: nn.Module, x: Tensor) -> Tensor:
    weight = next((p for p in net.parameters() if p.is_floating_point()), None)
    return x.detach().clone() if weight is None else x.detach().clone().to(weight.device, weight.dtype)


def _adds_up(net: nn.Module, plane: Tensor, logits: Tensor) -> bool:
    """Whether the answer is what the head makes of the averages of a plane (1, C, h, w): computed, not looked up."""
    if not isinstance(net, Net):
        return False
    head = head_of(net)
    if head.in_features != plane.shape[1]:
        return False
    with torch.no_grad():
        return torch.allclose(head(plane.mean((2, 3)))[0], logits, rtol=1e-3, atol=1e-4)


def _looked_through(net: nn.Module, x: Tensor, layer: str | None) -> tuple[Tensor, str, Tensor]:
    """The logits (classes,), the name of the layer to look at, and its output (1, C, h, w).

    Without a name the last stage with a plane is taken: where VGG's last pooling leaves one place, the one before it.
    """
    if layer is None:
        if not isinstance(net, Net):
            raise ConfigError(f"{type(net).__name__} has no stages that are known here: name a layer.")
        names = [_last_working(net, stage) for stage in stages(net)]
    else:
        modules = [name for name, _ in net.named_modules() if name]
        if layer not in modules:
            raise UnknownNameError("layer", layer, modules)
        names = [layer]
    outputs: dict[str, Tensor] = {}

    def seen(name: str) -> Callable[[nn.Module, object, object], None]:
        def hook(module: nn.Module, given: object, output: object) -> None:
            if isinstance(output, Tensor):
                outputs[name] = output.detach().clone()  # what comes next may work in place

        return hook

    hooks = [net.get_submodule(name).register_forward_hook(seen(name)) for name in names]
    try:
        with torch.no_grad():
            logits = net(x)[0]  # (classes,)
    finally:
        for hook in hooks:
            hook.remove()
    planes = [name for name, output in outputs.items() if output.dim() == 4]
    wide = [name for name in planes if outputs[name][0, 0].numel() > 1]
    if not planes:
        message = f"{layer or 'no stage'} has no positions: choose a convolution or pooling."
        raise ExplorerError(message, key="no_positions", layer=layer or "")
    chosen = (wide or planes)[-1]
    return logits, chosen, outputs[chosen]


def _last_working(net: Net, stage: Stage) -> str:
    """Name of the stage's last module that does something: most residual nets end with two identities."""
    working = (name for name in reversed(stage.modules) if not isinstance(net.get_submodule(name), nn.Identity))
    return next(working, stage.end)


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
    if isinstance(target, bool) or not isinstance(target, int) or not 0 <= target < count:
        said = f"target={str(target)[:40]}"
        message = f"{said} is not possible: use a whole number from 0 to {count - 1}, or a class's name."
        raise ConfigError(message, key="range", said=said, low=0, high=count - 1)
    return target
