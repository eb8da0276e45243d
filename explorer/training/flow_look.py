"""One look at the signal of a training step: the responses of all layers and the gradients in them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from explorer.flow_results import RECORDED
from explorer.models.responses import Response, silent

OF_RESPONSES = RECORDED[3:]
"""What is seen of every layer."""


class FlowLook:
    """Hooks on the responses of one step, forward and back; what they see stays on the device.

    Args:
        model: the net, which is about to take a step.
        layers: what to look at.
        device: where the net is.
    """

    def __init__(self, model: nn.Module, layers: list[Response], device: torch.device) -> None:
        self._layers = layers
        self._nothing = torch.full((), math.nan, device=device)
        self._seen: dict[tuple[str, str], Tensor] = {}
        self._handles: list[RemovableHandle] = []
        for one in layers:
            self._handles.append(model.get_submodule(one.place).register_forward_hook(self._response(one.name)))
            if one.relu:
                self._handles.append(model.get_submodule(one.relu).register_forward_hook(self._activation(one.name)))

    def _response(self, layer: str) -> Callable[[nn.Module, Any, Tensor], None]:
        def ran(module: nn.Module, given: Any, output: Tensor) -> None:
            if not torch.is_grad_enabled():  # testing between two epochs
                return
            with torch.no_grad():
                value = output.detach().float()
                mean = value.mean()
                # By a norm: `torch.var_mean` takes six times as long on a CPU.
                std = torch.linalg.vector_norm(value - mean) / value.numel() ** 0.5
                self._seen[layer, "mean"], self._seen[layer, "std"] = mean, std
            if output.requires_grad:
                output.register_hook(lambda gradient: self._came_back(layer, gradient))  # type: ignore[no-untyped-call]

        return ran

    def _came_back(self, layer: str, gradient: Tensor) -> None:
        self._seen[layer, "activation_gradient"] = torch.linalg.vector_norm(gradient.detach(), dtype=torch.float32)

    def _activation(self, layer: str) -> Callable[[nn.Module, Any, Tensor], None]:
        def ran(module: nn.Module, given: Any, output: Tensor) -> None:
            if torch.is_grad_enabled():
                self._seen[layer, "zeros"], self._seen[layer, "dead"] = silent(output.detach())

        return ran

    def values(self) -> Tensor:
        """What was seen, (5, layers), not a number where there was nothing."""
        found = [self._seen.get((one.name, name), self._nothing) for name in OF_RESPONSES for one in self._layers]
        return torch.stack(found).view(len(OF_RESPONSES), -1)

    def close(self) -> None:
        """Remove the hooks."""
        for handle in self._handles:
            handle.remove()
