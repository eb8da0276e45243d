"""Which devices a training occupies: one run at a time has each."""

from __future__ import annotations

import os

from explorer.train_config import TrainConfig


def slots_of(train: TrainConfig) -> frozenset[str]:
    """The devices by name; torch is asked only where the configuration does not say.

    Raises:
        ConfigError: this machine has no such device.

    >>> sorted(slots_of(TrainConfig("digits", device="cpu", devices=2)))
    ['cpu']
    >>> sorted(slots_of(TrainConfig("digits", device="cuda", devices=2)))
    ['cuda:0', 'cuda:1']
    """
    name = train.device
    if name == "auto":
        from explorer.training.speed import resolve_device

        name = str(resolve_device(name))
    if not name.startswith("cuda"):
        return frozenset({name})
    count = int(os.environ.get("LOCAL_WORLD_SIZE", train.devices))  # torchrun says how many it has started
    if count > 1:
        return frozenset(f"cuda:{index}" for index in range(count))
    return frozenset({f"cuda:{name.partition(':')[2] or 0}"})
