"""What the page is about to train, as a command and as a program: everything here can be done without the page."""

from __future__ import annotations

import shlex

from explorer.app.training_options import figures_given, written
from explorer.config import ModelConfig
from explorer.train_config import TrainConfig

_FOLLOWS_DATA = ("num_classes", "in_channels", "image_size")


def command_of(model: ModelConfig, train: TrainConfig, side: int | None) -> str:
    """The line for a terminal.

    Args:
        model: the net, fitted to the data.
        train: the training.
        side: picture size that was chosen, in pixels; None where it follows the data.
    """
    options = {name: value for name, value in model.overrides().items() if name not in _FOLLOWS_DATA}
    if side is not None:
        options["image_size"] = side
    if model.seed != train.seed:
        options["seed"] = model.seed  # beside the name it is the net's alone
    beside = ",".join(f"{name}={written(value)}" for name, value in options.items())
    words = ["explorer", "train", f"{model.arch}:{beside}" if beside else model.arch, "--data", train.dataset]
    if train.recipe != TrainConfig().recipe:
        words += ["--recipe", train.recipe]
    for name, value in figures_given(train).items():
        flag = name.replace("_", "-")
        words += [f"--{'' if value else 'no-'}{flag}"] if isinstance(value, bool) else [f"--{flag}", written(value)]
    return shlex.join(words)


def code_of(model: ModelConfig, train: TrainConfig) -> str:
    """The program that trains the same and draws its curve."""
    given = {"recipe": train.recipe, **figures_given(train)}
    if given["recipe"] == TrainConfig().recipe:
        del given["recipe"]
    arguments = ", ".join([repr(train.dataset), *(f"{name}={value!r}" for name, value in given.items())])
    return (
        "from explorer import ModelConfig, TrainConfig, fit, follow\n\n"
        f"model = {model.python()}\n"
        f"train = TrainConfig({arguments})\n"
        "for epoch in follow(fit(model, train)):    # shows its progress\n"
        "    print(epoch.epoch, epoch.train_error, epoch.test_error)\n"
    )
