"""What recording the flow through a training costs, against the same training without and against hooks on every layer.

Run `python -m benchmarks.flow_recording`. Three trainings of one net on the same noise take turns of a few steps, in
one process, so that what else the machine does meets all of them alike:

- `plain`: `fit` as it is,
- `recorded`: with `explorer.FlowRecorder`,
- `hooks`: with forward hooks and full backward hooks on every layer with weights and every ReLU, which read statistics
  and norms as numbers at every step: how it is usually written.

Printed is the median of a plain step, and the others' steps as multiples of it: of the recorded training the steps
without a look at the signal, those with one, how many those are, and what that makes on the whole.

    python -m benchmarks.flow_recording [--device cpu] [--seconds 60] [--cpu-time] [plain20 resnet20 ...]
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from explorer import Callback, FlowRecorder, ModelConfig, TrainConfig
from explorer.run_results import DataSummary
from explorer.training.loop import Training, fit
from explorer.training.splits import DataSet, MemorySplit

clock: Callable[[], float] = time.perf_counter
NETS = ("plain20", "resnet20")
BATCH, PICTURES = 128, 12_800
WARM_UP, TURN = 3, 6
"""Steps that do not count, and how often in a turn a training is asked to go on."""


class PerLayerHooks(Callback):
    """Norms and statistics of every layer by module hooks, each read as a number as soon as it is there."""

    def __init__(self) -> None:
        self.values: dict[str, list[float]] = {}

    def on_start(self, training: Training) -> None:
        """Lay the hooks."""
        for name, module in training.model.named_modules():
            if isinstance(module, nn.Conv2d | nn.Linear | nn.ReLU):
                module.register_forward_hook(self._forward(name))
                module.register_full_backward_hook(self._backward(name))

    def _forward(self, name: str) -> Any:
        def ran(module: nn.Module, given: Any, output: Tensor) -> None:
            out = output.detach().float()
            self.values[name] = [out.mean().item(), out.std().item(), (out == 0).float().mean().item()]

        return ran

    def _backward(self, name: str) -> Any:
        def ran(module: nn.Module, given: Any, gradients: tuple[Tensor, ...]) -> None:
            self.values[f"{name}.gradient"] = [gradients[0].norm().item()]

        return ran

    def on_backward(self, training: Training) -> None:
        """Norms of weights and gradients, one by one."""
        for name, weight in training.model.named_parameters():
            if weight.grad is not None:
                self.values[f"{name}.norms"] = [weight.norm().item(), weight.grad.norm().item()]


class Stepping(Callback):
    """Times the steps that follow each other without a pause."""

    def __init__(self, device: str) -> None:
        self.cuda = device.startswith("cuda")
        self.seconds: list[float] = []
        self.steps: list[int] = []
        self._last: float | None = None

    def pause(self) -> None:
        """Somebody else has a turn."""
        self._last = None

    def on_step(self, training: Training) -> None:
        """A step is over."""
        if self.cuda:
            torch.cuda.synchronize()
        now = clock()
        if self._last is not None and training.step > WARM_UP:
            self.seconds.append(now - self._last)
            self.steps.append(training.step)
        self._last = now

    def on_epoch(self, training: Training, metrics: Any) -> None:
        """Testing was in between."""
        self.pause()


def noise(count: int) -> MemorySplit:
    """Pictures (count, 3, 32, 32) and labels."""
    draw = torch.Generator().manual_seed(0)
    pictures = torch.randint(0, 256, (count, 3, 32, 32), generator=draw, dtype=torch.uint8)
    return MemorySplit(pictures, torch.arange(count) % 10)


def training_of(net: str, device: str, *callbacks: Callback) -> Training:
    """A training on noise that nobody waits to end."""
    names = tuple(str(number) for number in range(10))
    summary = DataSummary("noise", "Noise", "made here", names, (PICTURES // 10,) * 10, (1,) * 10, 3, 32)
    data = DataSet(summary, noise(PICTURES), noise(10), None, (0.5,) * 3, (0.25,) * 3)
    config = TrainConfig("noise", iterations=10**6, batch_size=BATCH, lr=0.01, compile="off", device=device)
    training = fit(ModelConfig(net), config, callbacks, dataset=data)
    assert isinstance(training, Training)
    return training


def measure(net: str, device: str, seconds: float) -> dict[str, float]:
    """What a step takes, in the three ways."""
    recorder = FlowRecorder()
    kinds: dict[str, tuple[Callback, ...]] = {"plain": (), "recorded": (recorder,), "hooks": (PerLayerHooks(),)}
    watches = {name: Stepping(device) for name in kinds}
    turns = {name: iter(training_of(net, device, *callbacks, watches[name])) for name, callbacks in kinds.items()}
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        for name, turn in turns.items():
            watches[name].pause()
            recorder._budget.pause()
            for _ in range(TURN):
                next(turn)
    for turn in turns.values():
        turn.close()  # type: ignore[attr-defined]
    looks = set(recorder._signal.steps)
    assert recorder._signal.stride == 1, "too long: not every look is kept"
    watch = watches["recorded"]
    found = {name: statistics.median(one.seconds) for name, one in watches.items()}
    seen = [took for took, step in zip(watch.seconds, watch.steps, strict=True) if step in looks]
    others = [took for took, step in zip(watch.seconds, watch.steps, strict=True) if step not in looks]
    found["without"], found["with"] = statistics.median(others), statistics.median(seen) if seen else float("nan")
    found["share"] = len(looks) / max(watch.steps)
    found["steps"] = max(watch.steps)
    found["whole"] = found["without"] + (found["share"] * (found["with"] - found["without"]) if seen else 0.0)
    return found


def main() -> None:
    """Measure all nets and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("nets", nargs="*", default=NETS)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--seconds", type=float, default=60.0, help="for each net")
    parser.add_argument("--cpu-time", action="store_true", help="one thread, by its computing time: on a busy machine")
    options = parser.parse_args()
    if options.cpu_time:
        global clock
        clock = time.thread_time
        torch.set_num_threads(1)
    warnings.filterwarnings("ignore", message="Full backward hook is firing")
    print(f"A batch of {BATCH} pictures, {options.device}, {torch.get_num_threads()} threads; a plain step is 1.\n")
    print("| net | plain step | recorded, no look | with a look | looks | recorded | per-layer hooks |")
    print("|---|---|---|---|---|---|---|")
    for net in options.nets:
        took = measure(net, options.device, options.seconds)
        plain = took["plain"]
        looks = f"{took['share']:.1%} of {took['steps']:.0f} steps"
        ratios = {name: took[name] / plain for name in ("without", "with", "whole", "hooks")}
        print(
            f"| {net} | {plain * 1000:.0f} ms | {ratios['without']:.3f} | {ratios['with']:.2f} "
            f"| {looks} | {ratios['whole']:.3f} | {ratios['hooks']:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
