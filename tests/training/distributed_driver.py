"""Train a tiny net on one or several processes and write down what each of them saw; started by test_distributed.py.

python distributed_driver.py OUT_FOLDER DEVICES NORM
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch

from explorer.config import ModelConfig
from explorer.run_results import DataSummary
from explorer.train_config import TrainConfig
from explorer.training.callbacks import Callback
from explorer.training.loop import Training, fit
from explorer.training.splits import DataSet, MemorySplit


class Gradients(Callback):
    """The gradients of each step, as one number a parameter, and its learning rate."""

    def __init__(self) -> None:
        self.sums: list[list[float]] = []
        self.rates: list[float] = []

    def on_backward(self, training: Training) -> None:
        self.rates.append(training.optimizer.param_groups[0]["lr"])
        self.sums.append([float(p.grad.double().sum()) for p in training.model.parameters() if p.grad is not None])


def main(out: Path, devices: int, norm: str) -> None:
    """Train for two epochs."""
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (40, 3, 8, 8), generator=generator).to(torch.uint8)
    split = MemorySplit(images, torch.arange(40) % 2)
    summary = DataSummary("noise", "Noise", "made here", ("a", "b"), (20, 20), (20, 20), 3, 8)
    data = DataSet(summary, split, split, None, (0.5,) * 3, (0.3,) * 3)
    net = ModelConfig("plain8", num_classes=2, image_size=8, width=0.25, norm=norm)
    train = TrainConfig(
        "noise",
        epochs=2,
        batch_size=8,
        lr=0.1,
        warmup_lr=0.01,
        warmup_error=0.5,
        precision="float32",
        device="cpu",
        devices=devices,
    )
    gradients = Gradients()
    training = fit(net, train, [gradients], dataset=data, folder=out)
    for _ in training:
        pass
    curve = [[m.train_loss, m.train_error, m.test_loss, m.test_error] for m in training.history]
    means = [float(b.double().sum()) for name, b in training.model.named_buffers() if name.endswith("running_mean")]
    seen = {"curve": curve, "gradients": gradients.sums, "means": means, "main": training.is_main}
    seen["rates"] = gradients.rates
    (out / f"rank{training.fabric.global_rank}.json").write_text(json.dumps(seen))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
