"""The learning-rate range test: one short training whose learning rate grows until the loss explodes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from pathlib import Path

import torch

from explorer.config import ModelConfig
from explorer.errors import ConfigError
from explorer.train_config import TrainConfig
from explorer.training.batches import epoch_generator, read_batches
from explorer.training.loop import Training
from explorer.training.splits import DataSet
from explorer.transfer_results import RateRange, RateTrial

STEPS, LOWEST, HIGHEST = 100, 1e-5, 10.0
_MEMORY = 0.9
_EXPLODED = 4.0
"""Times the smallest smoothed loss so far, above which nothing more is to be seen."""

_FELL = 0.95
"""Share of the first smoothed loss that the smallest has to stay below, for the test to say anything."""


def rate_range(
    model_config: ModelConfig,
    train_config: TrainConfig,
    *,
    start_file: Path | None = None,
    dataset: DataSet | None = None,
    steps: int = STEPS,
    should_stop: Callable[[], bool] | None = None,
    on_progress: Callable[[float, str], None] | None = None,
) -> Iterator[RateRange]:
    """Train for a few steps with a learning rate that grows exponentially, and look at the loss.

    Smith 2017, arXiv 1506.01186, section 3.3. What is suggested is a tenth of the rate at which the smoothed loss is
    smallest: there it is about to grow, a tenth of it still falls.

    Args:
        model_config: the net.
        train_config: how it will be trained; its learning rate and schedule play no part. With the strategy `gradual`
            every stage is trained.
        start_file: file of weights to start from.
        dataset: what `load_dataset` gave, instead of loading `train_config.dataset`.
        steps: from the lowest rate to the highest, 10 to 10,000.
        should_stop: asked before each step.
        on_progress: told how far the reading of the data is.

    Yields:
        All trials so far, with what they suggest.

    Raises:
        ConfigError: `steps` is out of range, the strategy has no learning rate, or net and data do not fit.
    """
    if not 10 <= steps <= 10_000:
        raise ConfigError(f"steps={steps} is not possible: use a whole number from 10 to 10000.")
    if train_config.strategy == "probe":
        message = "strategy='probe' has no learning rate: use all, last, layerwise or gradual."
        raise ConfigError(message, key="probe_rate")
    config = train_config.replace(devices=1, compile="off")
    training = Training(model_config, config, start_file=start_file, dataset=dataset, on_progress=on_progress)
    training.strategy.begin_epoch(1.0)
    trials: list[RateTrial] = []
    sum_, weight = 0.0, 0.0
    for step, (pictures, labels) in enumerate(itertools.islice(_batches(training), steps)):
        if should_stop is not None and should_stop():
            return
        lr = LOWEST * (HIGHEST / LOWEST) ** (step / (steps - 1))
        draws = training.augmentation.draw(len(labels), epoch_generator(config.seed, step + 1, purpose=1))
        total, _, count = training.train_batch(training.augmentation(pictures, draws), labels, lr).tolist()
        loss = total / count
        if not math.isfinite(loss):
            break
        sum_, weight = _MEMORY * sum_ + loss, _MEMORY * weight + 1
        trials.append(RateTrial(lr, loss, sum_ / weight))
        yield RateRange(tuple(trials), _suggestion(trials))
        if trials[-1].smoothed > _EXPLODED * min(trial.smoothed for trial in trials):
            break


def _batches(training: Training) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Batches of the training pictures, one epoch after the other."""
    count, size = len(training.dataset.train), training.config.batch_size
    for epoch in itertools.count(1):
        order = torch.randperm(count, generator=epoch_generator(training.config.seed, epoch))
        whole = max(1, count // size)
        batches = list(torch.split(order, size))[:whole]
        yield from read_batches(training.dataset.train, batches, training.fabric.device)


def _suggestion(trials: list[RateTrial]) -> float | None:
    best = min(trials, key=lambda trial: trial.smoothed)
    return best.lr / 10 if best.smoothed < _FELL * trials[0].smoothed else None
