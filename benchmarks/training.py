"""Training speed: `fit` against the standard loop and against a bare step, on the same net, pictures and machine.

Run `python -m benchmarks.training [FOLDER]`: an image folder with train/CLASS and test/CLASS of 32-pixel pictures;
without one, pictures of noise are written to a temporary folder, which are as fast to train on. Each side is its own
process. Images a second are the best epoch's (the standard loop, `fit`) and the best tenth's of a second (the bare
step), after the first, in which a process warms up. `--compile` compiles on both of our sides, `--accuracy` trains
resnet20 with bf16 and with float32 under three seeds and prints the errors.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from torch import nn

from benchmarks.peers import standard_loop
from explorer import EpochMetrics, ModelConfig, TrainConfig, create_model, fit
from explorer.training import speed

NETS = ("resnet20", "resnet56")
BATCH = 128
GOALS = {"standard": (1.9, 2.1), "bare": (0.95, 0.95)}
"""Least ratio to each peer, without and with a compiler."""


def noise_folder(folder: Path, per_class: int) -> Path:
    """Ten classes of noise, 32 px, as JPEG."""
    from PIL import Image

    generator = torch.Generator().manual_seed(0)
    for split, count in (("train", per_class), ("test", 20)):
        for label in range(10):
            place = folder / split / str(label)
            place.mkdir(parents=True)
            for i in range(count):
                pixels = torch.randint(0, 256, (32, 32, 3), generator=generator).to(torch.uint8).numpy()
                Image.fromarray(pixels).save(place / f"{i}.jpg")
    return folder


def ours(net: str, folder: Path, per_class: int, compiled: bool, device: str) -> float:
    """Images a second of `fit`, the best epoch after the first."""
    speed.keep_freed_memory()
    config = TrainConfig(
        str(folder),
        epochs=4,
        batch_size=BATCH,
        subset=per_class,
        test_subset=20,
        compile="on" if compiled else "off",
        device=device,
    )
    epochs = [m for m in fit(ModelConfig(net), config) if isinstance(m, EpochMetrics)]
    return max(m.images_per_second for m in epochs[1:])


def standard(net: str, folder: Path, device: str) -> float:
    """Images a second of the standard loop, the best epoch after the first."""
    epochs = list(standard_loop.train(create_model(net), folder / "train", 3, BATCH, 0.2, device))
    return max(pictures / seconds for pictures, seconds in epochs[1:])


def bare(net: str, compiled: bool, device: str) -> float:
    """Images a second of forward, backward and step on tensors in memory, with everything that is fast here."""
    speed.keep_freed_memory()
    model = create_model(net).to(device).to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, nesterov=True, weight_decay=5e-4)
    x = torch.randn(BATCH, 3, 32, 32, device=device).to(memory_format=torch.channels_last)  # (N, C, H, W)
    y = torch.randint(0, 10, (BATCH,), device=device)  # (N,)
    forward = torch.compile(model, dynamic=False) if compiled else model
    kind = torch.device(device).type
    fast = speed.computes_in_bf16(torch.device(device))
    rates, block = [], 8
    for _ in range(12):
        began = time.perf_counter()
        for _ in range(block):
            optimizer.zero_grad(set_to_none=True)
            with torch.autocast(kind, torch.bfloat16, enabled=fast):
                logits = forward(x)
            nn.functional.cross_entropy(logits.float(), y, label_smoothing=0.1).backward()
            optimizer.step()
        if kind == "cuda":
            torch.cuda.synchronize()
        rates.append(block * BATCH / (time.perf_counter() - began))
    return max(rates[1:])


def accuracy(folder: Path, epochs: int, device: str) -> None:
    """Errors of resnet20 with bf16 and with float32, three seeds each."""
    print("\n| precision | test error by seed | mean |\n|---|---|---|")
    for precision in ("float32", "bf16"):
        errors = []
        for seed in range(3):
            config = TrainConfig(str(folder), epochs=epochs, precision=precision, seed=seed, device=device)
            training = fit(ModelConfig("resnet20", seed=seed), config)
            for _ in training:
                pass
            errors.append(training.history[-1].test_error)
        listed = ", ".join(f"{error:.2%}" for error in errors)
        print(f"| {precision} | {listed} | {statistics.mean(errors):.2%} |", flush=True)


def measured(side: str, net: str, folder: Path, options: argparse.Namespace) -> float:
    """One side of the comparison in a process of its own."""
    arguments = [side, net, str(folder), "--per-class", str(options.per_class), "--device", options.device]
    command = [sys.executable, "-m", "benchmarks.training", "--child", *arguments]
    compiled = ["--compile"] if options.compile else []
    done = subprocess.run([*command, *compiled], check=True, capture_output=True, text=True)
    return float(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--nets", nargs="*", default=NETS)
    parser.add_argument("--per-class", type=int, default=200, help="training pictures per class, for the speed")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--accuracy", type=int, metavar="EPOCHS", default=0)
    parser.add_argument("--child", nargs=3, metavar=("SIDE", "NET", "FOLDER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        side, net, place = options.child
        rate = {
            "ours": lambda: ours(net, Path(place), options.per_class, options.compile, options.device),
            "standard": lambda: standard(net, Path(place), options.device),
            "bare": lambda: bare(net, options.compile, options.device),
        }[side]()
        print(json.dumps(rate))
        return
    with tempfile.TemporaryDirectory() as temporary:
        os.environ.setdefault("EXPLORER_HOME", str(Path(temporary) / "home"))
        folder = noise_folder(Path(temporary) / "noise", options.per_class)
        index = 1 if options.compile else 0
        goals = " and ".join(f"{GOALS[peer][index]} × {peer}" for peer in GOALS)
        print(f"Goals: {goals}; {torch.get_num_threads()} threads, compiled: {options.compile}.\n")
        print("| net | fit, images/s | standard loop | ratio | bare step | ratio |")
        print("|---|---|---|---|---|---|")
        for net in options.nets:
            # Ours in the middle: a machine that gets slower meanwhile favours neither peer.
            theirs, mine, step = (measured(side, net, folder, options) for side in ("standard", "ours", "bare"))
            print(
                f"| {net} | {mine:,.0f} | {theirs:,.0f} | {mine / theirs:.2f} | {step:,.0f} | {mine / step:.2f} |",
                flush=True,
            )
        if options.accuracy and options.folder:
            accuracy(options.folder, options.accuracy, options.device)


if __name__ == "__main__":
    main()
