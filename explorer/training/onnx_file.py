"""A trained net as an ONNX file that says itself how to use it, written only if it answers as PyTorch does.

Normalisation is a part of the graph: it takes pixels between 0 and 1. Classes, sizes and normalisation are in the
file's metadata, each as JSON.
"""

from __future__ import annotations

import copy
import json
import logging
import os
import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from explorer.errors import ExplorerError
from explorer.models.tracing import TRACE_LOCK
from explorer.pictures import Pixels, photograph
from explorer.training.evaluation import testing
from explorer.training.predicting import prepare, stored
from explorer.training.storage import disk_error
from explorer.training.trained import Trained

INPUT, LOGITS, PROBABILITIES = "pixels", "logits", "probabilities"

LARGEST_DIFFERENCE = 1e-4
"""Between onnxruntime's answers and PyTorch's: in probability, and in logits relative to the largest one."""

_PHOTOGRAPHS = ("coffee", "astronaut", "rocket")
"""What both are asked: one alone, and all three at once."""


class _FromPixels(nn.Module):
    """Pixels between 0 and 1, (N, C, size, size), to logits and probabilities, (N, classes)."""

    mean: Tensor
    scale: Tensor

    def __init__(self, trained: Trained) -> None:
        super().__init__()
        preparation = trained.preparation()
        self.net = copy.deepcopy(trained.model)
        self.register_buffer("mean", preparation.mean / 255)  # (1, C, 1, 1)
        self.register_buffer("scale", preparation.scale * 255)  # (1, C, 1, 1)

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        logits: Tensor = self.net((pixels - self.mean) * self.scale)  # (N, classes)
        return logits, logits.softmax(1)


def check_onnx_is_there() -> None:
    """Check that what writes and reads ONNX is installed.

    Raises:
        ExplorerError: it is not.
    """
    try:
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401  # what torch writes ONNX with
    except ImportError as error:
        missing = (error.name or "onnxruntime").partition(".")[0]
        message = f'ONNX needs {missing}: pip install "explorer[onnx]".'
        raise ExplorerError(message, key="onnx_missing", missing=missing) from error


def write_onnx(trained: Trained, out: Path, about: Mapping[str, Any]) -> float:
    """Write a trained net as ONNX, and hold its answers against PyTorch's.

    It takes `pixels`, float32 (N, C, size, size) between 0 and 1 (C = 3: RGB), and gives `logits` and `probabilities`,
    (N, classes), for any N.

    Args:
        trained: the net.
        out: the file; what was there is replaced at once, or stays if anything goes wrong.
        about: the file's metadata; each value is written as JSON.

    Returns:
        The largest difference in probability.

    Raises:
        ExplorerError: what is needed is not installed, the net cannot be written as ONNX, the file's answers differ
            from PyTorch's, or the file cannot be written.
    """
    check_onnx_is_there()
    temporary = out.with_name(f".{out.name}.{os.getpid()}-{threading.get_ident()}.part")
    try:
        with TRACE_LOCK:
            _write(trained, temporary, about)
        difference = _compared(trained, temporary)
        temporary.replace(out)
    except OSError as error:
        raise disk_error(error, out) from error
    finally:
        temporary.unlink(missing_ok=True)
    return difference


def _write(trained: Trained, path: Path, about: Mapping[str, Any]) -> None:
    config = trained.config
    net = _FromPixels(trained).eval()
    # Two pictures: a number of 1 would be taken for one that never changes.
    example = torch.rand(2, config.in_channels, config.image_size, config.image_size)  # (2, C, size, size)
    try:
        with testing(net), _quiet():
            program = torch.onnx.export(
                net,
                (example,),
                dynamo=True,
                input_names=[INPUT],
                output_names=[LOGITS, PROBABILITIES],
                dynamic_shapes=({0: torch.export.Dim("pictures")},),
                verbose=False,
            )
    except Exception as error:  # the exporter raises whatever it meets
        message = f"{config.label()} cannot be written as ONNX ({type(error).__name__}): export its weights instead."
        raise ExplorerError(message, key="onnx_impossible", net=config.label()) from error
    assert program is not None
    program.model.metadata_props.update({name: json.dumps(v, ensure_ascii=False) for name, v in about.items()})
    program.save(str(path), external_data=False)


def _compared(trained: Trained, path: Path) -> float:
    """The largest difference in probability, over photographs asked alone and together.

    Raises:
        ExplorerError: it is too large, or the file cannot be run.
    """
    import onnxruntime

    pictures = [photograph(name) for name in _PHOTOGRAPHS]
    with testing(trained.model):
        logits = trained.model(prepare(trained, pictures))  # (3, classes)
    expected = (logits.numpy(), logits.softmax(1).numpy())
    pixels = pixels_of(trained, pictures).numpy()  # (3, C, size, size)
    try:
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        together = session.run([LOGITS, PROBABILITIES], {INPUT: pixels})
        alone = session.run([LOGITS, PROBABILITIES], {INPUT: pixels[:1]})
    except Exception as error:  # onnxruntime has a class of its own for each of its failures
        message = (
            f"onnxruntime cannot run {trained.config.label()} ({type(error).__name__}): export its weights instead."
        )
        raise ExplorerError(message, key="onnx_impossible", net=trained.config.label()) from error
    pairs = [*zip(together, expected, strict=True), *zip(alone, (right[:1] for right in expected), strict=True)]
    differences = [float(np.abs(found - right).max()) for found, right in pairs]
    in_probability = max(differences[1::2])
    worst = max(in_probability, max(differences[::2]) / max(1.0, float(np.abs(expected[0]).max())))
    if not (np.isfinite(differences).all() and worst <= LARGEST_DIFFERENCE):
        message = (
            f"As ONNX {trained.config.label()} answers differently from PyTorch (by {worst:.2g}, up to "
            f"{LARGEST_DIFFERENCE:g} is allowed): nothing was written. Export its weights instead."
        )
        raise ExplorerError(message, key="onnx_differs", net=trained.config.label(), difference=f"{worst:.2g}")
    return in_probability


def pixels_of(trained: Trained, pictures: Sequence[Pixels]) -> Tensor:
    """Pictures as the file takes them, float32 (N, C, size, size) between 0 and 1."""
    size = trained.config.image_size
    x = stored(trained, pictures)  # (N, C, side, side)
    start = (x.shape[-1] - size) // 2
    return x[:, :, start : start + size, start : start + size].float() / 255


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporter's remarks: on deprecated parts of its own, and on what it tries."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
