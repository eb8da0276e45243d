"""The constructed solution: a deeper net that is as good as a trained one exists; training does not find it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from explorer.config import ModelConfig
from explorer.errors import CheckpointError, ConfigError
from explorer.lesson_results import ConstructedResult, NetErrors
from explorer.lessons.identity import deepen, deepened
from explorer.run_results import Run
from explorer.training.augment import Augmentation, stored_side
from explorer.training.batches import TEST_BATCH, read_batches
from explorer.training.data import load_dataset
from explorer.training.evaluation import testing
from explorer.training.runs import RunStore
from explorer.training.splits import DataSet, Split
from explorer.training.trained import load_trained

_CPU = torch.device("cpu")
"""Logits are to be compared to the bit, which float32 on a CPU allows."""


@dataclass(frozen=True)
class _Net:
    """A net with what brings pictures to it."""

    config: ModelConfig
    model: nn.Module
    augmentation: Augmentation


def constructed_solution(
    run: str,
    *,
    arch: str = "plain56",
    beside: str | None = None,
    pictures: int = 500,
    store: RunStore | None = None,
    on_progress: Callable[[float], None] | None = None,
) -> ConstructedResult:
    """Make a deeper plain net from a trained one by adding identity layers, and test both on the same pictures.

    He et al. 2015, arXiv 1512.03385, section 1. The weights are those of the runs' best epochs; everything is
    computed in float32.

    Args:
        run: a run of a plain 6n+2 net, by its id or its name.
        arch: the deeper net to make of it.
        beside: a run of that deeper net, trained from random weights on the same data; None for none.
        pictures: at most so many of the training pictures, and as many of the test pictures.
        store: where the runs are; default: in explorer's home.
        on_progress: told the share that is done.

    Raises:
        UnknownNameError: no such run or net.
        ConfigError: the run's net is no plain 6n+2 net, `arch` is not a deeper one, or the runs' data differ.
        CheckpointError: a run has no weights yet.
    """
    if isinstance(pictures, bool) or not isinstance(pictures, int) or pictures < 1:
        said = f"pictures={str(pictures)[:40]}"
        message = f"{said} is not possible: use a whole number from 1 to 1000000."
        raise ConfigError(message, key="range", said=said, low=1, high=1_000_000)
    store = store or RunStore()
    trained = store.get(run)
    deeper = deepened(trained.model, arch)
    other = None if beside is None else store.get(beside)
    _check_beside(trained, deeper, other)
    source = _load(store, trained)
    constructed = _Net(deeper, deepen(source.config, source.model.state_dict(), arch), source.augmentation)
    nets = [source, constructed]
    if other is not None:
        nets.append(_load(store, other))
    dataset = _pictures(trained)
    splits = [_some(dataset.train, pictures, trained.train.seed), _some(dataset.test, pictures, trained.train.seed)]
    counts = _Comparison(nets, sum(len(split) for split in splits), on_progress)
    errors = [counts.errors(split) for split in splits]
    described = [
        NetErrors(
            net.config.arch,
            net.config.entry.layout.weight_layers,
            sum(parameter.numel() for parameter in net.model.parameters()),
            *(of_split[index] for of_split in errors),
        )
        for index, net in enumerate(nets)
    ]
    layers = described[1].depth - described[0].depth
    return ConstructedResult(
        source=described[0],
        constructed=described[1],
        trained=described[2] if other is not None else None,
        added_blocks=layers // 2,
        largest_difference=counts.largest_difference,
        largest_logit=counts.largest_logit,
        same_answers=counts.same_answers / counts.done,
        train_pictures=len(splits[0]),
        test_pictures=len(splits[1]),
        dataset=trained.train.dataset,
        source_epochs=trained.best_epoch,
        trained_epochs=0 if other is None else other.best_epoch,
    )


class _Comparison:
    """Runs nets on the same pictures; the second is compared with the first, logit by logit."""

    def __init__(self, nets: list[_Net], total: int, on_progress: Callable[[float], None] | None) -> None:
        self.nets, self.total, self.on_progress = nets, total, on_progress
        self.done = self.same_answers = 0
        self.largest_difference = self.largest_logit = 0.0

    def errors(self, split: Split) -> list[float]:
        """Each net's share of wrong answers."""
        wrong = [0] * len(self.nets)
        for images, labels in read_batches(split, torch.split(torch.arange(len(split)), TEST_BATCH // 4), _CPU):
            logits = [_logits(net, images) for net in self.nets]  # (n, classes) each
            for index, of_net in enumerate(logits):
                wrong[index] += int((of_net.argmax(1) != labels).sum())
            first, second = logits[:2]
            self.largest_difference = max(self.largest_difference, float((first - second).abs().max()))
            self.largest_logit = max(self.largest_logit, float(first.abs().max()))
            self.same_answers += int((first.argmax(1) == second.argmax(1)).sum())
            self.done += len(labels)
            if self.on_progress is not None:
                self.on_progress(self.done / self.total)
        return [count / len(split) for count in wrong]


def _logits(net: _Net, images: Tensor) -> Tensor:
    with testing(net.model):
        # In one memory format for all nets: another one sums in another order.
        logits: Tensor = net.model(net.augmentation(images).contiguous())
    return logits  # (n, classes)


def _load(store: RunStore, run: Run) -> _Net:
    """A run's net as it was after its best epoch."""
    if not run.best_epoch:
        message = f"The run {run.name} has no weights yet: wait until its first epoch has been trained."
        raise CheckpointError(message, key="no_weights_yet", name=run.name)
    trained = load_trained(run.run_id, store)
    return _Net(trained.config, trained.model, trained.preparation())


def _check_beside(trained: Run, deeper: ModelConfig, other: Run | None) -> None:
    if other is None:
        return
    if other.model.replace(seed=deeper.seed) != deeper:
        message = f"The run {other.name} is of {other.model.label()}: use one of {deeper.label()}."
        raise ConfigError(message, key="other_net", name=other.name, net=other.model.label(), wanted=deeper.label())
    if (other.train.dataset, other.train.seed, other.train.subset) != (
        trained.train.dataset,
        trained.train.seed,
        trained.train.subset,
    ):
        message = f"The runs {trained.name} and {other.name} learned from other pictures: use two of one lesson."
        raise ConfigError(message, key="other_pictures", name=trained.name, other=other.name)


def _pictures(run: Run) -> DataSet:
    train = run.train
    return load_dataset(
        train.dataset,
        image_size=stored_side(train, run.model.image_size),
        channels=run.model.in_channels,
        subset=train.subset,
        test_subset=train.test_subset,
        label_noise=train.label_noise,
        validation_share=train.validation_share,
        seed=train.seed,
    )


def _some(split: Split, count: int, seed: int) -> Split:
    """At most `count` of the pictures, drawn from all classes alike."""
    order = torch.randperm(len(split), generator=torch.Generator().manual_seed(seed))
    return split.take(order[:count].sort().values)
