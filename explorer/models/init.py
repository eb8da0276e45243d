"""Initial weights: the schemes that the papers used.

Neither of VGG's own schemes trains a deep VGG net from scratch. With standard deviation 0.1 (the variance of 1e-2
that the paper prints) VGG A's first loss is about 1e7; with 0.01, which the released configurations have, its logits
are a few 1e-5 and the gradients of its weights over a thousand times smaller than under He's scheme. The paper
therefore starts the deeper nets from a trained A.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Generator, Tensor, nn

from explorer.config import ModelConfig
from explorer.models.blocks import ResidualBlock

_Filler = Callable[[Tensor, Generator], object]


def _he(weight: Tensor, generator: Generator) -> None:
    # By the fan-out, as the ResNet authors' released code and torchvision do it.
    nn.init.kaiming_normal_(weight, mode="fan_out", nonlinearity="relu", generator=generator)


_FILLERS: dict[str, _Filler] = {
    "he": _he,
    "xavier": lambda weight, generator: nn.init.xavier_normal_(weight, generator=generator),
    "vgg-printed": lambda weight, generator: nn.init.normal_(weight, 0.0, 0.1, generator=generator),
    "vgg-released": lambda weight, generator: nn.init.normal_(weight, 0.0, 0.01, generator=generator),
}


def initialise(model: nn.Module, config: ModelConfig) -> None:
    """Fill every weight of `model` by `config.init`, reproducibly for `config.seed`.

    Args:
        model: a net of this package, on a real device.
        config: the configuration that it was built from.
    """
    fill(model, config.init, config.seed)
    if config.zero_init_last_bn:
        for module in model.modules():
            if isinstance(module, ResidualBlock) and isinstance(module.last_norm, nn.BatchNorm2d):
                nn.init.zeros_(module.last_norm.weight)


@torch.no_grad()
def fill(model: nn.Module, scheme: str, seed: int) -> None:
    """Fill every weight of `model`; PyTorch's own random state is neither used nor changed.

    Schemes: `he` (He et al. 2015, arXiv 1502.01852, section 2.2), `xavier` (Glorot & Bengio 2010), `vgg-printed` and
    `vgg-released` (Simonyan & Zisserman 2014, arXiv 1409.1556, section 3.1). Biases start at zero, batch norm as the
    identity. The last layer is drawn with standard deviation 0.01 under `he`, so that all classes start alike.

    Args:
        model: made of this package's layers, on the CPU.
        scheme: one of the four.
        seed: the same seed gives the same weights.
    """
    generator = Generator().manual_seed(seed)
    last_linear = [module for module in model.modules() if isinstance(module, nn.Linear)][-1:]
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            if module in last_linear and scheme == "he":
                nn.init.normal_(module.weight, 0.0, 0.01, generator=generator)
            else:
                _FILLERS[scheme](module.weight, generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d):
            # By hand: the class's own reset is disabled on our layers.
            nn.init.ones_(module.weight)
            nn.init.zeros_(module.bias)
            if module.running_mean is not None and module.running_var is not None:
                module.running_mean.zero_()
                module.running_var.fill_(1)
            if module.num_batches_tracked is not None:
                module.num_batches_tracked.zero_()
