"""One training step's cost: what `training_cost` says beforehand against what a step takes.

Run `python -m benchmarks.step_cost`. For each net one fresh process calibrates and predicts, and another builds the
net and trains: forward, cross entropy, backward, SGD with momentum, float32, on noise. Its time is the fastest step
after two that do not count; its memory is by how much the net, its batch and its steps raise the process's resident
memory at the peak, after a step of two tiny nets has loaded what torch needs.

On a machine that is busy with other things too, threads wait for each other and the figures mean little:
`--cpu-time` uses one thread and takes the time that it computed for the time that it took, on both sides.

    python -m benchmarks.step_cost [--device cpu] [--threads 2] [--cpu-time] [resnet20:32:128 ...]
"""

from __future__ import annotations

import argparse
import dataclasses
import gc
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from benchmarks.memory import watched_peak
from explorer import ModelConfig, calibrate, create_model, training_cost
from explorer.analysis import calibration

NETS = (
    "resnet20:32:128",
    "plain56:32:64",
    "resnet18:224:8",
    "resnet50:128:8",
    "vgg_a_bn:64:16",
    "wide_resnet28_10:32:8",
)
"""Name, side of the picture in pixels, batch size."""

GOAL_TIME, GOAL_MEMORY = 1.5, 0.2
clock: Callable[[], float] = time.perf_counter
_SECONDS = 6.0
_STEPS = (3, 30)
"""Least and most steps; between them until `_SECONDS` are over."""


def step(net: nn.Module, optimizer: torch.optim.Optimizer, x: torch.Tensor, y: torch.Tensor) -> None:
    """One training step on pictures (N, C, H, W) and labels (N,), waited for."""
    optimizer.zero_grad(set_to_none=True)
    loss = nn.functional.cross_entropy(net(x), y)
    torch.autograd.backward(loss)
    optimizer.step()
    if x.device.type == "cuda":
        torch.cuda.synchronize(x.device)
    elif x.device.type == "mps":
        torch.mps.synchronize()


def prepared(config: ModelConfig, batch: int, device: str) -> tuple[Any, ...]:
    """The arguments of `step`."""
    net = create_model(config, device=device)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
    x = torch.randn(batch, config.in_channels, config.image_size, config.image_size, device=device)  # (N, C, H, W)
    y = torch.randint(0, config.num_classes, (batch,), device=device)  # (N,)
    return net, optimizer, x, y


def train(config: ModelConfig, batch: int, device: str) -> dict[str, float]:
    """Train a few steps; seconds of the fastest and the median one, bytes at the peak."""
    for tiny in (ModelConfig("resnet20", image_size=8), ModelConfig("vgg_a", image_size=32, width=0.02, head="slim")):
        step(*prepared(tiny, 2, device))
    gc.collect()
    if device.startswith("cuda"):
        torch.cuda.reset_peak_memory_stats(device)
    times: list[float] = []
    with watched_peak() as peak:
        arguments = prepared(config, batch, device)
        for _ in range(2):
            step(*arguments)
        end = clock() + _SECONDS
        while len(times) < _STEPS[0] or (len(times) < _STEPS[1] and clock() < end):
            began = clock()
            step(*arguments)
            times.append(clock() - began)
    memory = torch.cuda.max_memory_allocated(device) if device.startswith("cuda") else peak.extra_bytes
    return {"seconds": min(times), "median_seconds": statistics.median(times), "memory_bytes": memory}


def child(task: str, net: str, device: str) -> None:
    """One side of the comparison, printed as JSON."""
    name, side, batch = net.split(":")
    config = ModelConfig(name, image_size=int(side))
    if task == "predict":
        speed = calibrate(device)
        cost = training_cost(config, int(batch), device=device)
        print(json.dumps({**dataclasses.asdict(cost), "calibration_seconds": speed.took_seconds}))
    else:
        print(json.dumps(train(config, int(batch), device)))


def main() -> None:
    """Measure all nets and print a Markdown table."""
    global clock
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("nets", nargs="*", default=NETS, help="NAME:SIDE:BATCH")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="CPU threads for torch")
    parser.add_argument("--child", choices=("predict", "train"), help=argparse.SUPPRESS)
    parser.add_argument("--cpu-time", action="store_true", help="one thread, by its computing time")
    options = parser.parse_args()
    if options.cpu_time:
        options.threads = 1
        clock = calibration._clock = time.thread_time
    torch.set_num_threads(options.threads)
    if options.child:
        child(options.child, options.nets[0], options.device)
        return
    shared = [
        "--device",
        options.device,
        "--threads",
        str(options.threads),
        *(["--cpu-time"] if options.cpu_time else []),
    ]
    print(f"Goals: time within {GOAL_TIME}×, memory within {GOAL_MEMORY:.0%}; {options.threads} threads.\n")
    print("| net, side, batch | step, said | took (median) | ratio | memory, said | took | ratio | calibration |")
    print("|---|---|---|---|---|---|---|---|")
    for net in options.nets:
        said, took = (
            json.loads(
                subprocess.run(
                    [sys.executable, "-m", "benchmarks.step_cost", net, "--child", task, *shared],
                    check=True,
                    capture_output=True,
                    text=True,
                ).stdout.splitlines()[-1]
            )
            for task in ("predict", "train")
        )
        print(
            f"| {net.replace(':', ', ')} | {said['seconds']:.3f} s "
            f"| {took['seconds']:.3f} s ({took['median_seconds']:.3f}) | {said['seconds'] / took['seconds']:.2f} "
            f"| {said['memory_bytes'] / 1e6:.0f} MB | {took['memory_bytes'] / 1e6:.0f} MB "
            f"| {said['memory_bytes'] / took['memory_bytes']:.2f} | {said['calibration_seconds']:.1f} s |",
            flush=True,
        )


if __name__ == "__main__":
    main()
