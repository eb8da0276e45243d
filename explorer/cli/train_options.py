"""The figures of a training as options of a command."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

from explorer.recipes import RECIPES
from explorer.train_config import CHOICES
from explorer.train_options import TRAIN_OPTION_TYPES, read_train_option

_HELP = {
    "subset": "Training pictures per class.",
    "test_subset": "Test pictures per class.",
    "label_noise": "Share of the training labels that are wrong.",
    "recipe": "Where the figures below come from.",
    "epochs": "Passes over the training pictures.",
    "iterations": "Length in batches, instead of epochs.",
    "batch_size": "Pictures in a batch, over all devices.",
    "lr": "Learning rate; of a one-cycle schedule the highest.",
    "momentum": "Momentum of SGD.",
    "nesterov": "Nesterov's momentum.",
    "weight_decay": "L2 penalty.",
    "label_smoothing": "Share of the target spread over all classes.",
    "schedule": "How the learning rate changes.",
    "milestones": "Shares of the run at which `steps` drops the learning rate: 0.5,0.75.",
    "factor": "What a drop multiplies the learning rate by.",
    "patience": "Epochs without improvement that make a plateau.",
    "most_drops": "Drops of a plateau schedule before it ends.",
    "warmup_lr": "Learning rate of the warm-up.",
    "warmup_error": "Training error (a share) below which the warm-up ends.",
    "warmup_share": "Share of a one-cycle run in which the learning rate rises.",
    "flip": "Mirror half of the pictures.",
    "crop_padding": "Padding before a random crop, in pixels of a 32-pixel picture.",
    "scale_jitter": "Short sides S for a crop of 224: 256,512; '': no crop.",
    "colour_shift": "Strength of the shift along the colours' principal components.",
    "colour_jitter": "Most relative change of brightness, contrast and saturation.",
    "validation_share": "Share of the training pictures to hold out.",
    "precision": "Arithmetic.",
    "memory_format": "Order of a tensor's values in memory.",
    "compile": "Compile the net first.",
    "start_from": "A run or a file of weights to start from.",
    "strategy": "What of the net is trained.",
    "trained_stages": "Stages before the head that `last` trains.",
    "layer_decay": "Learning rate of a stage over that of the one after it, for `layerwise`.",
    "device": "auto, cpu, cuda, cuda:1 or mps.",
    "devices": "How many devices.",
    "record_flow": "Keep gradient, update and signal of every layer through training.",
}
"""Every field of `TrainConfig` but the data, which has an option of its own, and the seed, which nets have, too."""


def with_train_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of `TrainConfig`; it receives those that were given as the dict `training`."""
    own = [p for p in inspect.signature(command, eval_str=True).parameters.values() if p.name != "training"]
    parameters = [*own, *(_parameter(name) for name in _HELP)]

    def run(**values: Any) -> None:
        given = {name: values.pop(name) for name in _HELP}
        training = {
            name: read_train_option(name, value) if isinstance(value, str) else value
            for name, value in given.items()
            if value is not None
        }
        command(**values, training=training)

    run.__doc__ = command.__doc__
    run.__name__ = command.__name__
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return run


def _parameter(name: str) -> inspect.Parameter:
    """One option; numbers arrive as text, so that a wrong one is answered in our words."""
    flag = f"--{name.replace('_', '-')}"
    if TRAIN_OPTION_TYPES[name] is bool:
        annotation: Any = Annotated[
            bool | None, typer.Option(f"{flag}/{flag.replace('--', '--no-')}", help=_HELP[name])
        ]
    else:
        choices = tuple(RECIPES) if name == "recipe" else CHOICES.get(name)
        words = "|".join(choices) if choices else "NUMBER" if TRAIN_OPTION_TYPES[name] is not str else "NAME"
        annotation = Annotated[str | None, typer.Option(flag, metavar=words, help=_HELP[name])]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
