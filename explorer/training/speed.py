"""How to train fast on this machine: what `auto` comes to, and an allocator that keeps what it is given back.

The choices follow from the machine and the configuration alone, never from a timing, so that the same configuration
is the same computation each time on a machine.
"""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
import sys

import torch

from explorer.errors import ConfigError
from explorer.train_config import TrainConfig

COMPILE_FROM_PICTURES = 1_500_000
"""Pictures to train on from which compiling repays what it takes; `benchmarks/training.py` measures both."""


def resolve(train: TrainConfig, pictures: int) -> dict[str, str | int]:
    """What `auto` comes to here.

    Args:
        train: the training.
        pictures: training pictures times epochs.

    Returns:
        `device`, `precision`, `memory_format`, `compile` and `threads`.

    Raises:
        ConfigError: this machine has no such device.
    """
    device = resolve_device(train.device, train.devices)
    precision = train.precision
    if precision == "auto":
        precision = "bf16" if computes_in_bf16(device) else "float32"
    elif precision == "bf16" and device.type == "mps":
        message = "precision='bf16' is not possible: use float32 on mps."
        raise ConfigError(message, key="choice", said="precision='bf16'", accepted="float32")
    memory_format = train.memory_format
    if memory_format == "auto":  # on MPS batch norm's gradients fail in channels_last
        memory_format = "contiguous" if device.type == "mps" else "channels_last"
    compiled = train.compile
    if compiled == "auto":
        pays = pictures >= COMPILE_FROM_PICTURES and train.devices == 1
        compiled = "on" if pays and can_compile(device) else "off"
    return {
        "device": str(device),
        "precision": precision,
        "memory_format": memory_format,
        "compile": compiled,
        "threads": torch.get_num_threads(),
    }


def resolve_device(name: str, devices: int = 1) -> torch.device:
    """The device of that name; `auto` is the first GPU, or the CPU.

    Args:
        name: `auto`, `cpu`, `cuda`, `cuda:1` or `mps`.
        devices: how many of them; a CPU stands for any number.

    Raises:
        ConfigError: this machine has no such device, or not so many.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    there = {"cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available()), "cpu": 1}
    try:
        device = torch.device(name)
    except RuntimeError:  # a name that torch does not know
        device = torch.device("meta")
    index = device.index or 0
    if index >= there.get(device.type, 0):
        names = [f"{kind}:{i}" if kind == "cuda" else kind for kind, number in there.items() for i in range(number)]
        accepted = ", ".join(reversed(names))
        message = f"device={name!r} is not on this machine: use {accepted}."
        raise ConfigError(message, key="choice", said=f"device={name!r}", accepted=accepted)
    if device.type != "cpu" and devices > there[device.type]:
        most = there[device.type]
        message = f"devices={devices} is not possible: this machine has {most} of the kind {device.type}."
        raise ConfigError(message, key="range", said=f"devices={devices}", low=1, high=most)
    return torch.device("cuda", index) if device.type == "cuda" else device


def device_name(device: torch.device) -> str:
    """The device in words."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    words = "1 thread" if threads == 1 else f"{threads} threads"
    return f"{platform.processor() or platform.machine()} {device.type.upper()}, {words}"


def computes_in_bf16(device: torch.device) -> bool:
    """Whether the device has instructions for bfloat16; elsewhere it would be slower than float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        asked = (getattr(torch.cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))
        return any(supported is not None and supported() for supported in asked)
    return False


def can_compile(device: torch.device) -> bool:
    """Whether `torch.compile` finds what it needs: a C++ compiler, and Triton on a GPU."""
    if sys.platform == "win32" or device.type == "mps":
        return False
    if device.type == "cuda":
        from importlib.util import find_spec

        return find_spec("triton") is not None and torch.cuda.get_device_capability(device) >= (7, 0)
    return any(shutil.which(name) for name in (os.environ.get("CXX", ""), "g++", "clang++") if name)


def keep_freed_memory() -> bool:
    """Let glibc keep freed blocks for the next step instead of returning them to the system and faulting them in again.

    For processes that do nothing but train: the memory stays taken until the process ends.

    Returns:
        Whether it was possible: elsewhere than on glibc it is not.
    """
    if not sys.platform.startswith("linux") or platform.libc_ver()[0] != "glibc":
        return False
    trim_threshold, top_pad, mmap_max = -1, -2, -4  # malloc.h: M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX
    libc = ctypes.CDLL(None)
    return all(
        libc.mallopt(option, value) == 1
        for option, value in ((mmap_max, 0), (trim_threshold, 2**31 - 1), (top_pad, 2**28))
    )
