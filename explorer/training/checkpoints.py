"""Checkpoints: safetensors with a JSON header of their own, and a readable copy of it beside.

`best.safetensors` is a file of weights: the net's state dict and what is needed to use it. `last.safetensors` holds
the optimizer's momentum and the schedule's state as well, and training goes on from it. Each file is written under a
temporary name, flushed to the disk and renamed, so that at any moment there is a whole one; the header lies inside
the file, because two files cannot be renamed at once.
"""

from __future__ import annotations

import dataclasses
import json
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from explorer.config import ModelConfig
from explorer.errors import CheckpointError
from explorer.run_results import EpochMetrics
from explorer.train_config import TrainConfig
from explorer.training.schedules import ScheduleState
from explorer.training.splits import DataSet

LAST, BEST = "last.safetensors", "best.safetensors"
_HEADER = "explorer"
_MOMENTUM = "momentum."
_MODEL = "model."


def write_tensors(path: Path, tensors: Mapping[str, Tensor], header: Mapping[str, Any]) -> None:
    """Write tensors and their header to `path`, and the header to the same name with `.json`; all or nothing.

    Raises:
        CheckpointError: the disk is full, or the folder cannot be written to.
    """
    # Not `save_file`: what is written here has to be flushed to the disk before it is renamed.
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in sorted(tensors.items())}
    content = save(plain, {_HEADER: json.dumps(header, sort_keys=True)})
    _replace(path, content)
    readable = json.dumps(header, indent=1, sort_keys=True, ensure_ascii=False)
    _replace(path.with_suffix(".json"), f"{readable}\n".encode())


def _replace(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.part")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        message = f"{path.name} cannot be written to {path.parent} ({error.strerror}): the one before it is kept."
        raise CheckpointError(
            message, key="checkpoint_write", file=path.name, folder=str(path.parent), reason=error.strerror
        ) from error


def read_header(path: Path) -> dict[str, Any]:
    """The header of a file that `write_tensors` wrote.

    Raises:
        CheckpointError: there is no such file, it is damaged, or somebody else wrote it.
    """
    return _read(path, with_tensors=False)[1]


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and header of a file that `write_tensors` wrote.

    Raises:
        CheckpointError: there is no such file, it is damaged, or somebody else wrote it.
    """
    return _read(path, with_tensors=True)


def _read(path: Path, *, with_tensors: bool) -> tuple[dict[str, Tensor], dict[str, Any]]:
    if not path.is_file():
        raise CheckpointError(f"There is no checkpoint {path}.", key="checkpoint_missing", file=str(path))
    try:
        with safe_open(path, framework="pt") as file:
            header = json.loads((file.metadata() or {})[_HEADER])
            tensors = {name: file.get_tensor(name) for name in file.keys()} if with_tensors else {}  # noqa: SIM118
    except (SafetensorError, KeyError, ValueError, OSError) as error:
        message = f"{path.name} is damaged, or not a checkpoint of explorer."
        raise CheckpointError(message, key="checkpoint_damaged", file=path.name) from error
    return tensors, header


def weights_of(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A net's own state dict, also out of what training goes on from."""
    if not any(name.startswith(_MODEL) for name in tensors):
        return dict(tensors)
    return {name.removeprefix(_MODEL): value for name, value in tensors.items() if name.startswith(_MODEL)}


def run_header(
    model: ModelConfig, train: TrainConfig, resolved: Mapping[str, str | int], dataset: DataSet
) -> dict[str, Any]:
    """What is the same for all checkpoints of a training."""
    fields = train.as_dict()
    return {
        "format": 1,
        "model": config_fields(model),
        "train": {name: list(value) if isinstance(value, tuple) else value for name, value in fields.items()},
        # Not the threads: a run may go on with another number of them, if not to the same last bit.
        "resolved": {name: value for name, value in resolved.items() if name != "threads"},
        "dataset": dataset.summary.name,
        "classes": list(dataset.summary.classes),
        "mean": list(dataset.mean),
        "std": list(dataset.std),
    }


def without_times(metrics: EpochMetrics) -> dict[str, Any]:
    """An epoch as a checkpoint remembers it: times differ between runs that are otherwise the same, byte for byte."""
    fields = dataclasses.asdict(metrics)
    return {name: value for name, value in fields.items() if name not in ("seconds", "images_per_second", "progress")}


def config_fields(config: ModelConfig) -> dict[str, Any]:
    """A net's configuration for JSON: its name and the options that differ from what the named net comes with."""
    return {"arch": config.arch, **config.overrides()}


@dataclasses.dataclass(frozen=True)
class TrainingState:
    """What training goes on from.

    Attributes:
        epoch: finished epochs.
        step: finished batches.
        best_epoch: the epoch with the smallest watched error.
        best_error: that error.
        schedule: what the schedule remembers.
        history: the finished epochs' metrics without their times, which differ from run to run.
    """

    epoch: int
    step: int
    best_epoch: int
    best_error: float
    schedule: ScheduleState
    history: list[dict[str, Any]]


def save_last(
    path: Path,
    model: nn.Module,
    optimizer: torch.optim.Optimizer | None,
    state: TrainingState,
    header: Mapping[str, Any],
) -> None:
    """Write everything that training needs to go on.

    Args:
        path: the file.
        model: the net, not wrapped.
        optimizer: SGD over `model.parameters()`; None where none was needed.
        state: where training is.
        header: what is the same for all checkpoints of the run.

    Raises:
        CheckpointError: the disk is full, or the folder cannot be written to.
    """
    tensors = {_MODEL + name: value for name, value in model.state_dict().items()}
    remembered = {} if optimizer is None else optimizer.state
    for name, parameter in model.named_parameters():
        momentum = remembered[parameter].get("momentum_buffer") if parameter in remembered else None
        if momentum is not None:
            tensors[_MOMENTUM + name] = momentum
    write_tensors(path, tensors, {**header, "state": dataclasses.asdict(state)})


def load_last(path: Path, model: nn.Module, optimizer: torch.optim.Optimizer) -> tuple[TrainingState, dict[str, Any]]:
    """Put a `save_last` back into a net and its optimizer.

    Returns:
        Where training was, and the header.

    Raises:
        CheckpointError: the file is missing, damaged, or of another net.
    """
    tensors, header = read_tensors(path)
    try:
        model.load_state_dict(weights_of(tensors), strict=True)
        fields = dict(header["state"])
        state = TrainingState(**{**fields, "schedule": ScheduleState(**fields["schedule"])})
    except (RuntimeError, KeyError, TypeError) as error:
        message = f"{path.name} does not belong to this net."
        raise CheckpointError(message, key="checkpoint_other", file=path.name) from error
    for name, parameter in model.named_parameters():
        if _MOMENTUM + name in tensors:
            momentum = torch.empty_like(parameter.detach())  # in the parameter's own memory format
            momentum.copy_(tensors[_MOMENTUM + name])
            optimizer.state[parameter]["momentum_buffer"] = momentum
    return state, header
