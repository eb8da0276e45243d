"""The "1 +" of the identity: the gradient at a block's input, split by the way that it took."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.hooks import RemovableHandle

from explorer.analysis.undisturbed import check_count, undisturbed
from explorer.errors import ConfigError
from explorer.flow_results import BlockFlow, IdentityFlow
from explorer.models.blocks import ResidualBlock
from explorer.models.net import Net


@dataclass
class _Passed:
    """What a block has seen of the batch: its input, branch and shortcut, their sum, its output."""

    name: str
    block: ResidualBlock
    values: dict[str, Tensor] = field(default_factory=dict)


def identity_flow(
    net: Net,
    pictures: Tensor,
    labels: Tensor,
    *,
    training: bool = True,
    weights: str = "",
    dataset: str = "",
    seed: int = 0,
) -> IdentityFlow:
    """Split the gradient that reaches each residual block's input into its two ways.

    With y = s(x) + F(x), the gradient at x is that at the sum, passed back through the shortcut s and through the
    branch F: the two parts add up to the whole. Where s is the identity, the first part is the gradient at the sum
    itself, the "1" of 1 + dF/dx (He et al. 2016, arXiv 1603.05027, equation 5).

    Args:
        net: a residual net.
        pictures: as the net takes them, normalised, float (N, C, H, W).
        labels: int64 (N,).
        training: batch norm takes the batch's own statistics, as in training; otherwise those that it has kept.
        weights: where its weights come from; empty for initial ones.
        dataset: name of the data.
        seed: of the initial weights and of the batch.

    Raises:
        ConfigError: the net has no residual block, or the batch is empty or too small for batch norm.

    >>> import torch, explorer
    >>> net = explorer.create_model("resnet20", preact=True, seed=0).double()
    >>> draw = torch.Generator().manual_seed(0)
    >>> flow = identity_flow(net, torch.randn(4, 3, 32, 32, generator=draw).double(), torch.arange(4))
    >>> block = flow.blocks[1]
    >>> block.kind, abs(block.through_shortcut - block.output) < 1e-9 * block.output, block.error < 1e-9
    ('identity', True, True)
    """
    if not any(isinstance(module, ResidualBlock) and module.residual for module in net.modules()):
        message = f"net={net.config.label()!r} has no shortcut: use a residual net, such as resnet20."
        raise ConfigError(message, key="flow_no_shortcut", said=f"net={net.config.label()!r}")
    check_count(net, pictures, training=training)
    with undisturbed(net, training=training), _recorded(net) as passed:
        loss = F.cross_entropy(net(pictures), labels)
        blocks = tuple(_split(loss, one) for one in passed)
    return IdentityFlow(net.config.label(), weights, dataset, len(pictures), seed, blocks)


def _split(loss: Tensor, passed: _Passed) -> BlockFlow:
    x, branch, shortcut = (passed.values[name] for name in ("input", "branch", "shortcut"))
    names = ("output", "sum", "input")
    output, added, whole = torch.autograd.grad(loss, [passed.values[name] for name in names], retain_graph=True)
    through_branch = torch.autograd.grad(branch, x, added, retain_graph=True)[0]
    identity = shortcut is x
    through_shortcut = added if identity else torch.autograd.grad(shortcut, x, added, retain_graph=True)[0]
    parts = through_branch + through_shortcut
    norm = torch.linalg.vector_norm
    size = norm(through_branch) * norm(through_shortcut)
    return BlockFlow(
        block=passed.name,
        kind=passed.block.kind,
        output=float(norm(output)),
        added=float(norm(added)),
        input=float(norm(whole)),
        through_shortcut=float(norm(through_shortcut)),
        through_branch=float(norm(through_branch)),
        cosine=float((through_branch * through_shortcut).sum() / size) if size else 0.0,
        error=float(norm(whole - parts) / norm(whole)) if norm(whole) else 0.0,
    )


@contextmanager
def _recorded(net: Net) -> Iterator[list[_Passed]]:
    """What passes through the residual blocks while it is open, in order; its hooks are gone afterwards."""
    passed: list[_Passed] = []
    handles: list[RemovableHandle] = []

    def before(name: str) -> object:
        def seen(block: ResidualBlock, given: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            x = given[0]
            if not x.requires_grad:  # the picture itself, where a block comes first
                x = x.clone().requires_grad_()
            passed.append(_Passed(name, block, {"input": x}))
            return (x,)

        return seen

    def at_sum(module: nn.Module, given: tuple[Tensor, ...], output: Tensor) -> None:
        passed[-1].values |= {"branch": given[0], "shortcut": given[1], "sum": output}

    def after(block: nn.Module, given: tuple[Tensor, ...], output: Tensor) -> None:
        passed[-1].values["output"] = output

    for name, module in net.named_modules():
        if isinstance(module, ResidualBlock) and module.residual:
            handles.append(module.register_forward_pre_hook(before(name)))  # type: ignore[arg-type]
            handles.append(module.add.register_forward_hook(at_sum))
            handles.append(module.register_forward_hook(after))
    try:
        yield passed
    finally:
        for handle in handles:
            handle.remove()
