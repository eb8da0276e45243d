"""Which part of a net is trained, and how fast: transfer by strategy."""

from __future__ import annotations

from typing import Any

from torch import nn

from explorer.config import ModelConfig
from explorer.models.create import create_model
from explorer.models.net import Net
from explorer.models.stages import stages
from explorer.train_config import TrainConfig
from explorer.transfer_results import StageLearning


class Strategy:
    """What a training's strategy means for a net's stages. The head is always trained.

    - `all`: every stage, at one learning rate.
    - `last`: the last `trained_stages` stages before the head.
    - `layerwise`: every stage, each at `layer_decay` times the learning rate of the one after it (Howard & Ruder 2018,
      arXiv 1801.06146, section 3.2, discriminative fine-tuning).
    - `gradual`: at first the head alone, then in equal parts of the run one stage more (there, gradual unfreezing).

    What is not trained keeps its values, batch norm's statistics too: it is in evaluation mode.

    Args:
        net: the net.
        train: how it is trained.
    """

    def __init__(self, net: Net, train: TrainConfig) -> None:
        self.net, self.train = net, train
        self._stages = [[net.get_submodule(name) for name in stage.modules] for stage in stages(net)]
        self.names = tuple(stage.name for stage in stages(net))

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Groups for an optimizer: `params`, and the `scale` of their learning rate."""
        if self.train.strategy != "layerwise":
            return [{"params": list(self.net.parameters()), "scale": 1.0}]
        last = len(self._stages) - 1
        groups = []
        for depth, modules in enumerate(self._stages):
            params = [parameter for module in modules for parameter in module.parameters()]
            if params:
                groups.append({"params": params, "scale": self.train.layer_decay ** (last - depth)})
        return groups

    def first_trained(self, share: float) -> int:
        """Number of the first stage that is trained after a share of the run.

        >>> from explorer.models.create import create_model
        >>> gradual = Strategy(create_model("resnet8"), TrainConfig("digits", strategy="gradual"))
        >>> [gradual.first_trained(share) for share in (0.0, 0.2, 0.5, 0.99)]
        [4, 3, 2, 0]
        """
        last = len(self._stages) - 1
        if self.train.strategy == "last":
            return max(0, last - self.train.trained_stages)
        if self.train.strategy == "gradual":
            return max(0, last - int(share * len(self._stages)))
        return last if self.train.strategy == "probe" else 0

    def begin_epoch(self, share: float) -> None:
        """Put the net into training mode, what is frozen into evaluation mode.

        Args:
            share: of the run that is done.
        """
        first = self.first_trained(share)
        self.net.train()
        for depth, modules in enumerate(self._stages):
            for module in modules:
                _set_trained(module, depth >= first)


def stage_learning(net: str | ModelConfig, train: TrainConfig) -> tuple[StageLearning, ...]:
    """What of a net learns, stage by stage: the head always does.

    Args:
        net: the net; nothing of it is built but its shapes.
        train: its strategy, `trained_stages` and `layer_decay`.

    Raises:
        UnknownNameError: there is no such net.
        ConfigError: the configuration is impossible.

    >>> [stage.rate for stage in stage_learning("resnet20", TrainConfig("digits", strategy="last"))]
    [0.0, 0.0, 0.0, 1.0, 1.0]
    """
    model = create_model(net, device="meta")
    strategy = Strategy(model, train)
    found, last = [], len(strategy.names) - 1
    for depth, stage in enumerate(stages(model)):
        modules = [model.get_submodule(name) for name in stage.modules]
        params = sum(parameter.numel() for module in modules for parameter in module.parameters())
        rate = train.layer_decay ** (last - depth) if train.strategy == "layerwise" else 1.0
        begins = (last - depth) / len(strategy.names) if train.strategy == "gradual" else 0.0
        learns = train.strategy == "gradual" or depth >= strategy.first_trained(0.0)
        found.append(StageLearning(stage.name, stage.layers, params, rate if learns else 0.0, begins))
    return tuple(found)


def trained_at_first(net: str | ModelConfig, train: TrainConfig) -> Net:
    """The net's shapes, with what learns from the start requiring gradients: its layer table says what is trainable.

    Raises:
        UnknownNameError: there is no such net.
        ConfigError: the configuration is impossible.

    >>> net = trained_at_first("resnet20", TrainConfig("digits", strategy="probe"))
    >>> sum(parameter.numel() for parameter in net.parameters() if parameter.requires_grad)
    650
    """
    model = create_model(net, device="meta")
    Strategy(model, train).begin_epoch(0.0)
    return model.eval()


def _set_trained(module: nn.Module, trained: bool) -> None:
    module.train(trained)
    for parameter in module.parameters():
        parameter.requires_grad_(trained)
