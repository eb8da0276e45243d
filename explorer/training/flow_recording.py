"""Recording what goes through a net while it is trained: norms of weights, gradients and updates, and the signal."""

from __future__ import annotations

import math
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from explorer.errors import CheckpointError, ExplorerError
from explorer.flow_results import RECORDED, FlowRecord, RecordedLayer
from explorer.models.create import create_model
from explorer.models.responses import Response, recorded_responses
from explorer.run_results import EpochMetrics
from explorer.training.callbacks import Callback
from explorer.training.checkpoints import read_tensors, write_tensors
from explorer.training.flow_look import OF_RESPONSES, FlowLook
from explorer.training.flow_series import Budget, Series
from explorer.training.runs import RunStore

if TYPE_CHECKING:
    from explorer.training.loop import Training

FLOW = "flow.safetensors"
"""In a run's folder, beside its checkpoints."""

MOST_STEPS = 2048
"""All of a training that one waits for; of the paper's 64,000 steps every 32nd."""

MOST_LOOKS = 256
SHARE = 0.025
"""Aims below the 3 % of a step that looking may cost on average: from a few looks their cost is known to a fifth."""

_OF_WEIGHTS = RECORDED[:3]


class FlowRecorder(Callback):
    """Records of every layer the norms of its weights, of their gradient and of the step's real update, and now and
    then the signal: mean and deviation of the response, zeros and silent channels after the ReLU, and the norm of the
    loss's gradient in the response.

    Nothing of the training is changed by it, to the last bit. The norms of a step are computed together and stay on
    the device until an epoch is over. The signal is looked at as often as fits into a share of the training's time,
    which is measured while it goes on; in a compiled net it cannot be looked at. On several devices the first one's
    part of the batch is.

    Args:
        share: of the training's time that looking at the signal may take.
        most: steps whose norms are kept: of more, every second one is left out. Of looks at the signal 256 are.

    >>> import explorer
    >>> recorder = FlowRecorder()
    >>> net = explorer.ModelConfig("plain8", image_size=8, in_channels=1)
    >>> for _ in explorer.fit(net, explorer.TrainConfig("digits", epochs=1, subset=20), [recorder]):
    ...     pass
    >>> [layer.layer for layer in recorder.record().layers][:2], recorder.record().steps
    (['conv1', 'layer1.0.conv1'], (1, 2))
    """

    def __init__(self, share: float = SHARE, most: int = MOST_STEPS) -> None:
        self.share, self.most = share, most
        self._layers: list[Response] = []
        self._weights: list[nn.Parameter] = []
        self._net = ""
        self._norms, self._signal = Series(most), Series(min(most, MOST_LOOKS))
        self._budget = Budget(share, torch.device("cpu"))
        self._before: list[Tensor] = []
        self._now: Tensor | None = None
        self._look: FlowLook | None = None
        self._can_look = False

    # ---------------------------------------------------------------- what it is told

    def on_start(self, training: Training) -> None:
        """Find the layers, and take up what an interrupted training has recorded; what was of another one is gone."""
        self._layers, self._net = [], ""
        self._norms, self._signal = Series(self.most), Series(min(self.most, MOST_LOOKS))
        if not training.is_main or not hasattr(training, "optimizer"):
            return  # another device's part of the batch, or a linear probe: one step without a net
        config, device = training.model_config, training.fabric.device
        self._layers = _layers(config)
        self._weights = [training.model.get_submodule(one.name).weight for one in self._layers]  # type: ignore[misc]
        self._net = config.label()
        self._zero = torch.zeros((), device=device)
        self._budget = Budget(self.share, device)
        self._can_look = training.resolved["compile"] != "on"
        if training.folder is not None and training.step:
            self._restore(training.folder / FLOW, training.step, device)
        self._prepare(training.model)

    @torch.no_grad()
    def on_backward(self, training: Training) -> None:
        """Norms of weights and gradients, before the optimizer changes both."""
        if not self._weights or not self._norms.wants(training.step + 1):
            return
        # Nesterov's momentum works in the gradients' own memory: afterwards they are others.
        gradients = [self._zero if one.grad is None else one.grad for one in self._weights]
        self._now = torch.stack(torch._foreach_norm([*self._weights, *gradients]))
        self._before = [one.detach().clone() for one in self._weights]

    @torch.no_grad()
    def on_step(self, training: Training) -> None:
        """The norm of what has really been added, and what was seen of the signal."""
        if not self._weights:
            return
        if self._now is not None:
            torch._foreach_sub_(self._before, [one.detach() for one in self._weights])
            values = torch.cat([self._now, torch.stack(torch._foreach_norm(self._before))])
            self._norms.add(training.step, values.view(len(_OF_WEIGHTS), -1).float())  # (3, layers)
            self._now, self._before = None, []
        looked = self._look is not None
        if self._look is not None:
            self._signal.add(training.step, self._look.values())
            self._end_look()
        self._budget.step(looked)
        self._prepare(training.model)

    def on_epoch(self, training: Training, metrics: EpochMetrics) -> None:
        """Write what there is beside the checkpoint."""
        self._budget.pause()
        if self._weights and training.folder is not None:
            self._save(training.folder / FLOW)

    def on_end(self, training: Training) -> None:
        """Leave nothing on the net; what was recorded since the last epoch is kept, too."""
        self._end_look()
        if self._norms.steps and training.folder is not None:
            with suppress(ExplorerError):  # why the training has ended says more
                self._save(training.folder / FLOW)
        self._weights, self._before, self._now = [], [], None

    # ---------------------------------------------------------------- the signal

    def _prepare(self, model: nn.Module) -> None:
        """Lay hooks for the next step, if it is to be looked at."""
        spaced = not self._signal.steps or self._budget.steps - self._budget.last_look + 1 >= self._signal.stride
        if self._can_look and spaced and self._budget.allows():
            self._look = FlowLook(model, self._layers, self._zero.device)

    def _end_look(self) -> None:
        if self._look is not None:
            self._look.close()
            self._look = None

    # ---------------------------------------------------------------- what was recorded

    def record(self, run: str = "") -> FlowRecord:
        """What has been recorded so far.

        Args:
            run: what to call the training.
        """
        return _record(run, *self._content())

    def _content(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        tensors = {"norms": self._norms.read(), "signal": self._signal.read()}
        header = {
            "net": self._net,
            "layers": [[one.name, one.depth, one.shortcut] for one in self._layers],
            "steps": self._norms.steps,
            "seen_steps": self._signal.steps,
            "strides": [self._norms.stride, self._signal.stride],
            "overhead": self._budget.overhead,
        }
        return tensors, header

    def _save(self, path: Path) -> None:
        write_tensors(path, *self._content())

    def _restore(self, path: Path, step: int, device: torch.device) -> None:
        if not path.is_file():
            return
        try:
            tensors, header = read_tensors(path)
            if header["layers"] != [[one.name, one.depth, one.shortcut] for one in self._layers]:
                return
            strides = header["strides"]
            self._norms.restore(header["steps"], tensors["norms"].to(device), strides[0], step)
            self._signal.restore(header["seen_steps"], tensors["signal"].to(device), strides[1], step)
        except (CheckpointError, KeyError, TypeError, IndexError):  # a record is no reason not to go on
            self._norms, self._signal = Series(self.most), Series(min(self.most, MOST_LOOKS))


def flow_record(run: str, store: RunStore | None = None) -> FlowRecord:
    """What a run has recorded of the flow through its net (`TrainConfig(record_flow=True)`).

    Args:
        run: its name or id.
        store: where to look for it; default: in explorer's home.

    Raises:
        UnknownNameError: there is no such run.
        CheckpointError: it has no record, or that is damaged.
    """
    store = store or RunStore()
    found = store.get(run)
    path = store.folder(found.run_id) / FLOW
    if not path.is_file():
        message = f"The run {found.name} has no record of its flow: train with record_flow (--record-flow)."
        raise CheckpointError(message, key="flow_no_record", run=found.name)
    try:
        return _record(found.name, *read_tensors(path))
    except (KeyError, TypeError, ValueError, IndexError) as error:
        message = f"{path.name} is damaged, or not a checkpoint of explorer."
        raise CheckpointError(message, key="checkpoint_damaged", file=path.name) from error


def has_flow_record(run_id: str, store: RunStore) -> bool:
    """Whether a run has recorded anything yet."""
    return (store.folder(run_id) / FLOW).is_file()


def _record(run: str, tensors: dict[str, Tensor], header: dict[str, Any]) -> FlowRecord:
    values: dict[str, tuple[tuple[float | None, ...], ...]] = {}
    for names, tensor in ((_OF_WEIGHTS, tensors["norms"]), (OF_RESPONSES, tensors["signal"])):
        for at, name in enumerate(names):
            rows = tensor[:, at].tolist() if len(tensor) else []  # (steps, layers)
            values[name] = tuple(tuple(None if math.isnan(value) else value for value in row) for row in rows)
    return FlowRecord(
        run=run,
        net=header["net"],
        layers=tuple(RecordedLayer(*fields) for fields in header["layers"]),
        steps=tuple(header["steps"]),
        seen_steps=tuple(header["seen_steps"]),
        values=values,
        overhead=header["overhead"],
    )


def _layers(config: Any) -> list[Response]:
    """The net's layers with weights and where their responses are, from its shapes alone."""
    net = create_model(config, device="meta").eval()
    picture = torch.zeros(1, config.in_channels, config.image_size, config.image_size, device="meta")
    with torch.no_grad(), recorded_responses(net) as seen:
        net(picture)
    return seen
