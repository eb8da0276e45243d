"""Whether a training fits into what memory is free, before it begins; and if not, which batch would."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import psutil

from explorer import units
from explorer.analysis.cost import training_cost
from explorer.config import ModelConfig
from explorer.cost_results import Calibration
from explorer.errors import ExplorerError, TrainingError
from explorer.jobs.slots import slots_of
from explorer.run_results import Run
from explorer.train_config import TrainConfig
from explorer.training.augment import stored_side
from explorer.training.data import MEMORY_SHARE, dataset_info
from explorer.training.speed import resolve_device

_PROCESS_BYTES = 400 * 2**20
"""What a process takes that has imported torch and computed something; on a GPU, the driver's share."""


def check_memory(model: ModelConfig, train: TrainConfig, *, running: tuple[Run, ...] = (), held: bool = False) -> None:
    """Refuse a training that needs more memory than is free.

    Args:
        model: the net.
        train: how it is to be trained.
        running: runs that will have ended when this one begins; what they take counts as free.
        held: whether this process has trained before; what it holds since then counts as free, too.

    Raises:
        TrainingError: it does not fit; the sentence names the largest batch that does.
        ConfigError: this machine has no such device.
    """
    resolve_device(train.device, train.devices)
    device = min(slots_of(train))
    free = free_bytes(device) + sum(needed_bytes(run.model, run.train, device) for run in running)
    if held:
        free += _own_bytes(device)
    needed_for = forecast(model, train, device)
    needed = needed_for(train.batch_size)
    if needed <= free:
        return
    fitting = largest_batch(train.batch_size, lambda batch: needed_for(batch) <= free)
    net, size, left, takes = model.label(), train.batch_size, units.size(free), units.size(needed)
    begin = f"Training {net} with batches of {size} pictures takes about {takes} of memory, of which {left} are free"
    if not fitting:
        message = f"{begin}, too little for a single picture: choose a smaller net, smaller pictures or fewer of them."
        raise TrainingError(message, key="memory_none", net=net, size=size, needed=takes, free=left)
    message = f"{begin}: use batch_size={fitting} or less."
    raise TrainingError(message, key="memory_short", net=net, size=size, needed=takes, free=left, fitting=fitting)


def out_of_memory(model: ModelConfig, train: TrainConfig) -> TrainingError:
    """What to say when memory ran out all the same, in the process that trained."""
    device, size = min(slots_of(train)), train.batch_size
    free = free_bytes(device) + _own_bytes(device)
    if size == 1:
        message = f"A single picture does not fit into the memory of {device}: choose a smaller net or picture."
        return TrainingError(message, key="memory_single", device=device)
    # The forecast was too low, so a batch that it allows is believed only if it is clearly smaller.
    needed_for = forecast(model, train, device)
    fitting = max(1, largest_batch(size // 2, lambda batch: needed_for(batch) <= free))
    message = f"Batches of {size} pictures do not fit into the memory of {device}: use batch_size={fitting} or less."
    return TrainingError(message, key="memory_ran_out", size=size, device=device, fitting=fitting)


def _own_bytes(device: str) -> int:
    """What this process itself takes."""
    if not device.startswith("cuda"):
        return int(psutil.Process().memory_info().rss)
    import torch

    return int(torch.cuda.memory_reserved(device))


def needed_bytes(model: ModelConfig, train: TrainConfig, device: str, batch_size: int | None = None) -> int:
    """Memory that a training takes on a device, with its pictures; on the CPU, over all of its processes.

    Args:
        model: the net.
        train: how it is trained.
        device: `cpu` or `cuda:0`.
        batch_size: over all devices; default: the training's own.
    """
    return forecast(model, train, device)(batch_size or train.batch_size)


def forecast(model: ModelConfig, train: TrainConfig, device: str) -> Callable[[int], int]:
    """The same for any batch size, with what does not depend on it computed once."""
    kind = "cpu" if device == "cpu" else "cuda"
    speed = Calibration(kind, 1, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0)  # any: only memory is asked for
    processes = train.devices if device == "cpu" else 1
    fixed = _PROCESS_BYTES + pictures_bytes(model, train)

    def needed(batch_size: int) -> int:
        batch = -(-batch_size // train.devices)
        cost = training_cost(model, batch, optimizer="momentum" if train.momentum else "sgd", calibration=speed)
        return processes * (cost.memory_bytes + fixed)

    return needed


def pictures_bytes(model: ModelConfig, train: TrainConfig) -> int:
    """Memory that the pictures of a data set take, one byte a value; 0 where they stay in their files."""
    try:
        data = dataset_info(train.dataset)
    except ExplorerError:
        return 0  # loading it will say what is wrong
    per_class = [(data.train_pictures, train.subset), (data.test_pictures, train.test_subset)]
    count = sum(whole if few is None else min(whole, few * data.num_classes) for whole, few in per_class)
    together = count * model.in_channels * stored_side(train, model.image_size) ** 2
    return together if together <= MEMORY_SHARE * psutil.virtual_memory().available else 0


def largest_batch(below: int, fits: Callable[[int], bool]) -> int:
    """The largest batch from 1 to `below` that fits; 0 where none does.

    >>> largest_batch(128, lambda batch: batch * 7 <= 100)
    14
    """
    low, high = 0, below
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return low


def free_bytes(device: str) -> int:
    """Memory that is free for a new process on `cpu`, `mps` or `cuda:0`."""
    if not device.startswith("cuda"):
        return min([int(psutil.virtual_memory().available), *_left_in_container()])
    return _free_on_gpu(int(device.partition(":")[2] or 0))


def _left_in_container(folder: Path = Path("/sys/fs/cgroup")) -> list[int]:
    """What is left of a container's limit, where there is one (Linux control groups, both versions)."""
    for limit, usage, stat, cache in (
        ("memory.max", "memory.current", "memory.stat", "inactive_file"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat", "total_inactive_file"),
    ):
        try:
            most, used = int((folder / limit).read_text()), int((folder / usage).read_text())
            lines = dict(line.split() for line in (folder / stat).read_text().splitlines())
            return [max(0, most - used + int(lines.get(cache, 0)))]
        except (OSError, ValueError):  # not here, or `max`: no limit
            continue
    return []


def _free_on_gpu(index: int) -> int:
    """Asked of the driver's tool, because asking torch would take up some of it for as long as this process lives."""
    visible = [name for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name.strip()]
    tool = shutil.which("nvidia-smi")
    if tool is not None and (not visible or index < len(visible)):
        which = visible[index].strip() if visible else str(index)
        asked = [tool, "--query-gpu=memory.free", "--format=csv,noheader,nounits", "-i", which]
        try:
            answer = subprocess.run(asked, capture_output=True, text=True, timeout=10, check=True).stdout
            return int(answer.split()[0]) * 2**20
        except (OSError, subprocess.SubprocessError, ValueError, IndexError):
            pass
    import torch

    free, _ = torch.cuda.mem_get_info(index)
    return free
