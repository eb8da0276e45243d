"""The options of a network as options of a command."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

from explorer import writers
from explorer.catalog import OPTION_CHOICES
from explorer.options import OPTION_TYPES, read_option

_HELP = {
    "num_classes": "Outputs of the last layer.",
    "in_channels": "Channels of the picture.",
    "image_size": "Side of the picture in pixels.",
    "width": "Factor on the channels of every stage.",
    "init": "Initial weights.",
    "seed": "Seed of the initial weights.",
    "norm": "Normalisation after the convolutions.",
    "head": "VGG's classifier: 4096-4096-classes, or global average pooling and one layer.",
    "residual": "With shortcuts, or the plain net of the same depth.",
    "shortcut": "Where dimensions grow: zero padding (A), a projection (B), projections everywhere (C).",
    "preact": "BN-ReLU before each convolution, or after it.",
    "stride_on": "Which convolution of a down-sampling bottleneck has the stride.",
    "base_width": "Channels of a bottleneck's 3x3, a group, for each 64 of the stage.",
    "groups": "Groups of a bottleneck's 3x3.",
    "squeeze_excitation": "Channel gates at the end of each residual branch.",
    "zero_init_last_bn": "Start each residual branch at zero.",
}

Net = Annotated[
    str,
    typer.Argument(metavar="NAME", help="A net of `explorer list`; options may stand beside it: resnet34:shortcut=A."),
]
Format = Annotated[str, typer.Option(metavar="|".join(writers.FORMATS), help="How to write it.")]


def with_model_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of `ModelConfig`; it receives those that were given as the dict `options`."""
    own = [p for p in inspect.signature(command, eval_str=True).parameters.values() if p.name != "options"]
    parameters = [*own, *(_parameter(name, kind) for name, kind in OPTION_TYPES.items())]

    def run(**values: Any) -> None:
        given = {name: values.pop(name) for name in OPTION_TYPES}
        options = {
            name: read_option(name, value) if isinstance(value, str) else value
            for name, value in given.items()
            if value is not None
        }
        command(**values, options=options)

    run.__doc__ = command.__doc__
    run.__name__ = command.__name__
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run


def _parameter(name: str, kind: type) -> inspect.Parameter:
    """One option; numbers arrive as text, so that a wrong one is answered in our words."""
    flag = f"--{name.replace('_', '-')}"
    if kind is bool:
        option = typer.Option(f"{flag}/{flag.replace('--', '--no-')}", help=_HELP[name])
        annotation: Any = Annotated[bool | None, option]
    else:
        words = "|".join(OPTION_CHOICES[name]) if name in OPTION_CHOICES else "NUMBER"
        annotation = Annotated[str | None, typer.Option(flag, metavar=words, help=_HELP[name])]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
