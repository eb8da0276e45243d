"""Training recipes as plain data: the papers' own, and a fast one. No torch here.

A recipe is a set of figures with a source. `TrainConfig` takes what it does not say from its recipe, and every figure
can be changed; `explorer.departures` says where what is run then differs from what the paper did.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from explorer.catalog import RESNET_PAPER, VGG_PAPER
from explorer.errors import UnknownNameError


@dataclass(frozen=True)
class Recipe:
    """How a net is trained.

    Attributes:
        name: the name to give to `TrainConfig`.
        source: paper and section.
        figures: fields of `TrainConfig`, each with a value.
        inherent: what is always different from the source, as keys of the strings `departure.<key>`.
    """

    name: str
    source: str
    figures: dict[str, Any]
    inherent: tuple[str, ...] = ()


_COMMON: dict[str, Any] = {
    "epochs": None,
    "iterations": None,
    "batch_size": 256,
    "lr": 0.1,
    "momentum": 0.9,
    "nesterov": False,
    "weight_decay": 1e-4,
    "label_smoothing": 0.0,
    "schedule": "constant",
    "milestones": (),
    "factor": 0.1,
    "patience": 5,
    "most_drops": 3,
    "warmup_lr": 0.0,
    "warmup_error": 0.0,
    "warmup_share": 0.0,
    "flip": True,
    "crop_padding": 0,
    "scale_jitter": None,
    "colour_shift": 0.0,
    "colour_jitter": 0.0,
    "validation_share": 0.0,
    "precision": "float32",
    "memory_format": "auto",
    "compile": "off",
}
"""Every figure of a recipe, for a recipe that does not name it."""

_VGG = {
    **_COMMON,
    "epochs": 74,
    "lr": 0.01,
    "weight_decay": 5e-4,
    "schedule": "plateau",
    "scale_jitter": (256, 256),
    "colour_shift": 0.1,
}

RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            "fast",
            "one-cycle after Smith & Topin 2017, arXiv 1708.07120; label smoothing after Szegedy et al. 2015, arXiv "
            "1512.00567; Nesterov momentum after Sutskever et al. 2013, ICML",
            {
                **_COMMON,
                "epochs": 10,
                "batch_size": 128,
                "lr": 0.2,
                "nesterov": True,
                "weight_decay": 5e-4,
                "label_smoothing": 0.1,
                "schedule": "one-cycle",
                "warmup_share": 0.25,
                "crop_padding": 4,
                "precision": "auto",
                "compile": "auto",
            },
            ("fast",),
        ),
        Recipe(
            "fine-tune",
            "a smaller learning rate for a net that has learned before, after Girshick et al. 2014, arXiv 1311.2524, "
            "section 2.3 (a tenth); one-cycle after Smith & Topin 2017, arXiv 1708.07120",
            {
                **_COMMON,
                "epochs": 15,
                "batch_size": 32,
                "lr": 0.01,
                "nesterov": True,
                "schedule": "one-cycle",
                "warmup_share": 0.25,
                "crop_padding": 4,
                "precision": "auto",
            },
            ("fine-tune",),
        ),
        Recipe(
            "resnet-cifar",
            f"{RESNET_PAPER}, section 4.2",
            {
                **_COMMON,
                "iterations": 64_000,
                "batch_size": 128,
                "schedule": "steps",
                "milestones": (0.5, 0.75),
                "crop_padding": 4,
            },
            ("resnet-cifar",),
        ),
        Recipe(
            "resnet-paper",
            f"{RESNET_PAPER}, section 3.4",
            {
                **_COMMON,
                "iterations": 600_000,
                "schedule": "plateau",
                "scale_jitter": (256, 480),
                "colour_shift": 0.1,
            },
            ("square", "batch-statistics", "ten-crop"),
        ),
        Recipe("vgg-paper", f"{VGG_PAPER}, section 3.1", _VGG, ("square", "dense-test", "initialisation")),
        Recipe(
            "pre-initialised",
            f"{VGG_PAPER}, section 3.1: B to E start from A's first four convolutions and last three layers",
            _VGG,
            ("square", "dense-test", "initialisation"),
        ),
        Recipe(
            "pre-initialised-384",
            f"{VGG_PAPER}, section 3.1: S = 384 starts from the net trained at S = 256",
            {**_VGG, "lr": 0.001, "scale_jitter": (384, 384)},
            ("square", "dense-test"),
        ),
    )
}
"""The recipes, the default first."""

STARTED = {"pre-initialised", "pre-initialised-384"}
"""The recipes that start from a trained net."""


def find_recipe(name: str) -> Recipe:
    """The recipe of that name.

    Raises:
        UnknownNameError: there is none.
    """
    if name not in RECIPES:
        raise UnknownNameError("recipe", name, RECIPES)
    return RECIPES[name]
