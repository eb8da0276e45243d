"""What flows through a net, forwards and back: frozen, plain data, no torch in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class LayerFlow:
    """Signal and gradient at one layer with weights, on one batch.

    A layer's response is its output after the batch norm that follows it, if one does, and before the nonlinearity.

    Attributes:
        layer: name of the module.
        depth: its number along the main path, from 1; a shortcut's projection has that of the layer beside which it
            ends, a gate's layer that of the one whose channels it scales.
        shortcut: whether it lies beside the main path: a shortcut's projection, or a layer of squeeze-and-excitation.
        weight_norm: Euclidean norm of its weights.
        weight_gradient: Euclidean norm of the loss's gradient in its weights; None where the pictures have no labels.
        activation_gradient: Euclidean norm of the loss's gradient in its responses to the whole batch; None likewise.
        mean: of its responses.
        std: their standard deviation.
        zeros: share of zeros after the ReLU that follows; None where none does.
        dead: share of that ReLU's channels that are zero everywhere on the whole batch; None where none follows.
    """

    layer: str
    depth: int
    shortcut: bool
    weight_norm: float
    weight_gradient: float | None
    activation_gradient: float | None
    mean: float
    std: float
    zeros: float | None
    dead: float | None

    @property
    def relative_gradient(self) -> float | None:
        """Gradient per weight norm: times the learning rate, the share of itself by which SGD's first step moves it."""
        if self.weight_gradient is None:
            return None
        return self.weight_gradient / self.weight_norm if self.weight_norm else 0.0


@dataclass(frozen=True)
class GradientFlow:
    """Signal and gradient of a net on one batch, layer by layer.

    Attributes:
        net: label of the net.
        weights: where they come from; empty for initial ones.
        dataset: name of the data.
        pictures: in the batch.
        seed: of the initial weights and of the batch.
        loss: mean cross entropy of the batch; None where its pictures have no labels that the net could know.
        layers: in the order of computation.
    """

    net: str
    weights: str
    dataset: str
    pictures: int
    seed: int
    loss: float | None
    layers: tuple[LayerFlow, ...]

    @property
    def main_path(self) -> tuple[LayerFlow, ...]:
        """The layers without the shortcuts' projections and the gates, in depth order."""
        return tuple(layer for layer in self.layers if not layer.shortcut)


@dataclass(frozen=True)
class LayerResponse:
    """How strongly a layer responds.

    Attributes:
        layer: name of the module.
        std: standard deviation of its output after batch norm, before the nonlinearity.
        by_norm: what batch norm's scale and shift say that it is on the data that the net has learned from; None
            without batch norm.
    """

    layer: str
    std: float
    by_norm: float | None


@dataclass(frozen=True)
class LayerResponses:
    """How strongly the 3×3 layers of a trained net respond, in evaluation mode.

    Attributes:
        net: label of the net.
        weights: where they come from.
        dataset: name of the pictures' data.
        own: whether that is what the net has learned from.
        pictures: in the batch.
        seed: of the batch.
        layers: in the order of computation.
    """

    net: str
    weights: str
    dataset: str
    own: bool
    pictures: int
    seed: int
    layers: tuple[LayerResponse, ...]

    @property
    def mean(self) -> float:
        """Mean of the layers' standard deviations."""
        return sum(layer.std for layer in self.layers) / len(self.layers)

    @property
    def mean_by_norm(self) -> float | None:
        """Mean of what batch norm says of them; None where a layer has none."""
        said = [layer.by_norm for layer in self.layers if layer.by_norm is not None]
        return sum(said) / len(said) if len(said) == len(self.layers) else None


@dataclass(frozen=True)
class BlockFlow:
    """The gradient that reaches a residual block's input, by the way that it took.

    Attributes:
        block: name of the module.
        kind: of its shortcut: `identity`, `padding` or `projection`.
        output: norm of the gradient at the block's output.
        added: norm of the gradient at the sum of branch and shortcut: the output's, but for a ReLU in between.
        input: norm of the gradient at the block's input.
        through_shortcut: norm of the part that came through the shortcut.
        through_branch: norm of the part that came through the residual branch.
        cosine: between the two parts; 1 where they point the same way.
        error: norm of the difference between the whole and the sum of its parts, as a share of the whole.
    """

    block: str
    kind: str
    output: float
    added: float
    input: float
    through_shortcut: float
    through_branch: float
    cosine: float
    error: float


@dataclass(frozen=True)
class IdentityFlow:
    """Block by block, what the identity passes on and what the residual branch adds, on one batch.

    Attributes:
        net: label of the net.
        weights: where they come from; empty for initial ones.
        dataset: name of the data.
        pictures: in the batch.
        seed: of the initial weights and of the batch.
        blocks: in depth order.
    """

    net: str
    weights: str
    dataset: str
    pictures: int
    seed: int
    blocks: tuple[BlockFlow, ...]


@dataclass(frozen=True)
class DepthPoint:
    """One net of a depth sweep: what reaches its first layer, and what its signal has become before the head.

    Attributes:
        kind: `plain`, `residual` or `pre-activation`.
        norm: `batch` or `none`.
        depth: layers with weights.
        gradient: norm of the loss's gradient in the first layer's responses.
        ratio: the same, divided by that of the last layer before the head.
        signal: standard deviation of that last layer's responses, divided by the first layer's.
    """

    kind: str
    norm: str
    depth: int
    gradient: float
    ratio: float
    signal: float


@dataclass(frozen=True)
class RecordedLayer:
    """A layer of a record, see `FlowRecord`.

    Attributes:
        layer: name of the module.
        depth: its number along the main path, from 1; a shortcut's projection has that of the layer beside which it
            ends, a gate's layer that of the one whose channels it scales.
        shortcut: whether it lies beside the main path: a shortcut's projection, or a layer of squeeze-and-excitation.
    """

    layer: str
    depth: int
    shortcut: bool


RECORDED = (
    *("weight_norm", "weight_gradient", "update"),
    *("activation_gradient", "mean", "std", "zeros", "dead"),
)
"""What a training records of every layer: the first three of its weights, the others of its responses to a batch."""


@dataclass(frozen=True)
class FlowRecord:
    """What went through a net while it was trained, layer by layer.

    Every value is that of one step, on that step's batch. Where there were more steps than are kept (2048 of the
    weights, 256 of the responses, unless told otherwise), every second one was left out, again and again.

    Attributes:
        run: name of the run; empty where it was none.
        net: label of the net.
        layers: with weights, in the order of computation.
        steps: of which the weights' values are kept, from 1.
        seen_steps: of which the responses' values are kept.
        values: for each name of `RECORDED` a row for each of its steps, in it a value for each layer; None where
            there is none. `update` is the norm of what the optimizer has really added to the weights.
        overhead: seconds that looking at the responses took, as a share of the training's, as measured while it
            went on; None where it was too short to say.
    """

    run: str
    net: str
    layers: tuple[RecordedLayer, ...]
    steps: tuple[int, ...]
    seen_steps: tuple[int, ...]
    values: Mapping[str, tuple[tuple[float | None, ...], ...]]
    overhead: float | None

    def of(self, quantity: str) -> tuple[tuple[int, ...], tuple[tuple[float | None, ...], ...]]:
        """Steps and rows of one of `RECORDED`, or of `update_ratio`: the update's norm over that of the weights.

        >>> layers = (RecordedLayer("fc", 1, False),)
        >>> rows = {"update": ((0.5,),), "weight_norm": ((2.0,),)}
        >>> FlowRecord("", "net", layers, (1,), (), rows, None).of("update_ratio")
        ((1,), ((0.25,),))
        """
        if quantity == "update_ratio":
            pairs = zip(self.values["update"], self.values["weight_norm"], strict=True)
            return self.steps, tuple(
                tuple(a / b if a is not None and b else None for a, b in zip(updates, norms, strict=True))
                for updates, norms in pairs
            )
        steps = self.steps if quantity in RECORDED[:3] else self.seen_steps
        return steps, self.values[quantity]
