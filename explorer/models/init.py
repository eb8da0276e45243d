"""Initial weights: the schemes that the papers used.

Neither of VGG's own schemes trains a deep VGG net from scratch. With standard deviation 0.1 (the variance of 1e-2
that the paper prints) VGG A's first loss is about 1e7; with 0.01, which the released configurations have, its logits
are about 4e-5 and the gradients as small. The paper therefore starts the deeper nets from a trained A.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from explorer.config import ModelConfig
from explorer.models.blocks import ResidualBlock

_Filler = Callable[[Tensor], object]


def _he(weight: Tensor) -> None:
    # By the fan-out, as the ResNet authors' released code and torchvision do it.
    nn.init.kaiming_normal_(weight, mode="fan_out", nonlinearity="relu")


_FILLERS: dict[str, _Filler] = {
    "he": _he,
    "xavier": nn.init.xavier_normal_,
    "vgg-printed": lambda weight: nn.init.normal_(weight, 0.0, 0.1),
    "vgg-released": lambda weight: nn.init.normal_(weight, 0.0, 0.01),
}


@torch.no_grad()
def initialise(model: nn.Module, config: ModelConfig) -> None:
    """Fill every weight of `model` by `config.init`, reproducibly for `config.seed`; torch's own seed is untouched.

    Schemes: `he` (He et al. 2015, arXiv 1502.01852, section 2.2), `xavier` (Glorot & Bengio 2010), `vgg-printed` and
    `vgg-released` (Simonyan & Zisserman 2014, arXiv 1409.1556, section 3.1). Biases start at zero, batch norm as the
    identity. The last layer is drawn with standard deviation 0.01 under `he`, so that all classes start alike.

    Args:
        model: a net of this package, on a real device.
        config: the configuration that it was built from.
    """
    fill = _FILLERS[config.init]
    last_linear = [module for module in model.modules() if isinstance(module, nn.Linear)][-1:]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        for module in model.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                if module in last_linear and config.init == "he":
                    nn.init.normal_(module.weight, 0.0, 0.01)
                else:
                    fill(module.weight)
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
    if config.zero_init_last_bn:
        for module in model.modules():
            if isinstance(module, ResidualBlock):
                nn.init.zeros_(module.last_norm.weight)
