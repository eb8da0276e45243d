"""Two processes on the CPU (gloo) against one at the same global batch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import distributed_driver
import pytest

DRIVER = Path(distributed_driver.__file__)
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


def ranks(out: Path, *command: str) -> list[dict[str, Any]]:
    out.mkdir()
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads(file.read_text()) for file in sorted(out.glob("rank*.json"))]


def alone(out: Path, norm: str) -> dict[str, Any]:
    out.mkdir()
    distributed_driver.main(out, 1, norm)
    seen: dict[str, Any] = json.loads((out / "rank0.json").read_text())
    return seen


def flat(values: Any) -> list[float]:
    return [number for value in values for number in flat(value)] if isinstance(values, list) else [values]


def test_without_batch_norm_two_processes_have_the_curve_of_one(tmp_path: Path) -> None:
    one = alone(tmp_path / "one", "none")
    two = tmp_path / "two"
    first, second = ranks(two, sys.executable, str(DRIVER), str(two), "2", "none")
    assert flat(first["curve"]) == pytest.approx(flat(one["curve"]), rel=1e-4)
    assert flat(first["gradients"]) == pytest.approx(flat(one["gradients"]), rel=1e-3, abs=1e-4)
    assert first["curve"] == second["curve"]
    assert first["rates"] == second["rates"] == one["rates"]  # the warm-up ends by the error of the whole batch
    assert first["main"]
    assert not second["main"]
    # The checkpoints are written once, by the first process.
    assert (two / "last.safetensors").exists()


@pytest.mark.slow
def test_with_batch_norm_all_have_the_same_gradients_and_statistics_of_their_own_half(tmp_path: Path) -> None:
    one = alone(tmp_path / "one", "batch")
    torchrun = (sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone")
    first, second = ranks(tmp_path / "two", *torchrun, str(DRIVER), str(tmp_path / "two"), "1", "batch")
    assert first["gradients"] == second["gradients"]
    assert first["curve"] == second["curve"]
    assert first["rates"] == second["rates"]
    assert first["means"] == second["means"]
    # Each process normalises by its own half of the batch, so that the curve is another one than a single process's.
    assert flat(first["curve"]) != pytest.approx(flat(one["curve"]), rel=1e-4)
