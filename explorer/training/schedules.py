"""Learning rates: what a recipe's schedule gives for each step."""

from __future__ import annotations

import math
from dataclasses import dataclass

from explorer.train_config import TrainConfig

_MEMORY = 0.98
"""How much of the running training error is kept at each step of a warm-up: about the last fifty steps count."""


@dataclass
class ScheduleState:
    """What a schedule remembers between steps: numbers only, for a checkpoint's JSON.

    Attributes:
        warming: whether the warm-up goes on.
        error_sum: decaying sum of the batches' errors while warming.
        error_weight: decaying sum of their weights.
        drops: how often the learning rate was dropped on a plateau.
        best: smallest watched error so far.
        waited: epochs since it improved.
        ended: whether training should end before its time.
    """

    warming: bool = False
    error_sum: float = 0.0
    error_weight: float = 0.0
    drops: int = 0
    best: float = math.inf
    waited: int = 0
    ended: bool = False


class Schedule:
    """The learning rate of each step of a run.

    Args:
        train: the schedule and its figures.
        total_steps: of the whole run.
        state: from an earlier part of the run.

    >>> schedule = Schedule(TrainConfig("digits", recipe="resnet-cifar"), total_steps=64_000)
    >>> [round(schedule.lr(step), 6) for step in (1, 32_000, 32_001, 48_001)]
    [0.1, 0.1, 0.01, 0.001]
    """

    def __init__(self, train: TrainConfig, total_steps: int, state: ScheduleState | None = None) -> None:
        self.train = train
        self.total_steps = total_steps
        self.state = state or ScheduleState(warming=train.warmup_lr > 0 and train.warmup_error > 0)

    def lr(self, step: int) -> float:
        """Learning rate of `step`, counted from 1."""
        train = self.train
        if self.state.warming:
            return train.warmup_lr
        if train.schedule == "steps":
            passed = sum(step > round(milestone * self.total_steps) for milestone in train.milestones)
            return train.lr * train.factor**passed
        if train.schedule == "plateau":
            return train.lr * train.factor**self.state.drops
        if train.schedule == "one-cycle":
            return train.lr * _one_cycle((step - 0.5) / self.total_steps, train.warmup_share)
        return train.lr

    def after_step(self, error: float) -> None:
        """Learn the training error of a step; ends a warm-up."""
        state = self.state
        state.error_sum = _MEMORY * state.error_sum + error
        state.error_weight = _MEMORY * state.error_weight + 1
        state.warming = state.error_sum / state.error_weight >= self.train.warmup_error

    def after_epoch(self, watched_error: float) -> None:
        """Learn the error of an epoch; drops the learning rate on a plateau, and ends the run at the last one."""
        state = self.state
        if watched_error < state.best:
            state.best, state.waited = watched_error, 0
            return
        state.waited += 1
        if self.train.schedule == "plateau" and state.waited >= self.train.patience:
            state.ended = state.drops >= self.train.most_drops
            state.drops = min(state.drops + 1, self.train.most_drops)
            state.waited = 0


def _one_cycle(share: float, rise: float) -> float:
    """The factor at `share` of the run: up in a straight line for `rise` of it, then down to zero by half a cosine."""
    if share < rise:
        return share / rise
    return (1 + math.cos(math.pi * (share - rise) / (1 - rise))) / 2
