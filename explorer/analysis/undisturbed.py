"""Running a net in training mode, gradients and all, so that nothing of it is changed afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from explorer.errors import ConfigError


@contextmanager
def undisturbed(net: nn.Module, *, training: bool = True, seed: int | None = None) -> Iterator[None]:
    """`net` in one mode with all its parameters requiring gradients; afterwards everything is as it was.

    Modes, buffers (batch norm's statistics), `requires_grad` and the random state are restored, also after an
    exception. Gradients are to be asked for by `torch.autograd.grad`, which leaves `.grad` alone.

    Args:
        net: any module.
        training: training mode, or evaluation mode.
        seed: of what is drawn meanwhile, as dropout does; None for what comes next anyway.
    """
    modes = [(module, module.training) for module in net.modules()]
    buffers = [(buffer, buffer.clone()) for buffer in net.buffers()]
    required = [(parameter, parameter.requires_grad) for parameter in net.parameters()]
    try:
        with torch.random.fork_rng(devices=_devices(net)), torch.inference_mode(False), torch.enable_grad():
            if seed is not None:
                torch.default_generator.manual_seed(seed)  # not `torch.manual_seed`: that seeds every GPU, too
                for device in _devices(net):
                    torch.cuda.default_generators[device].manual_seed(seed)
            net.train(training)
            for parameter, _ in required:
                parameter.requires_grad_(True)
            yield
    finally:
        for module, was_training in modes:
            module.training = was_training
        for parameter, was_required in required:
            parameter.requires_grad_(was_required)
        with torch.no_grad():
            for buffer, value in buffers:
                buffer.copy_(value)


def check_count(net: nn.Module, pictures: Tensor, *, training: bool) -> None:
    """Whether a batch has pictures enough for a net in one mode.

    Raises:
        ConfigError: it has none, or only one and batch norm is to take its statistics.
    """
    if not len(pictures):
        message = "pictures=0 is not possible: use 1 or more."
        raise ConfigError(message, key="choice", said="pictures=0", accepted="1, 2, 3 ...")
    norms = any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in net.modules())
    if training and norms and len(pictures) < 2:
        message = f"pictures={len(pictures)} is not possible: batch norm needs 2 or more in training mode."
        raise ConfigError(message, key="flow_pictures", count=len(pictures))


def _devices(net: nn.Module) -> list[int]:
    """The GPUs whose random state may change: dropout draws where the net is."""
    found = {parameter.device for parameter in net.parameters() if parameter.device.type == "cuda"}
    return sorted(device.index or 0 for device in found)
