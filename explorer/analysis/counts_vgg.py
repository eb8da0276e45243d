"""Counts about VGG, for the places where sources disagree."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import groupby

from torch import nn

from explorer.analysis.counting import (
    Count,
    Counter,
    Figure,
    Step,
    decimal,
    exact,
    millions,
    power,
    raised,
    signed,
    size,
)
from explorer.analysis.layer_table import layer_table
from explorer.papers import published
from explorer.results import LayerRow

_FLOAT_BYTES = 4
_NETS = {"A": "vgg_a", "B": "vgg_b", "C": "vgg_c", "D": "vgg_d", "E": "vgg_e"}


def vgg_memory(given: Mapping[str, float]) -> Count:
    """The outputs of VGG-16's layers, stage by stage."""
    table = layer_table("vgg_d")
    totals = table.totals
    steps = []
    for block, group in groupby(table.rows, key=lambda row: row.block):
        rows = [row for row in group if row.activation_bytes]
        values = sum(row.activation_bytes for row in rows) // _FLOAT_BYTES
        label = {None: "input", "classifier": "classifier"}.get(block, str(block))
        if values:
            steps.append(Step(label, _sum(rows), exact(values), named=label != block or block == "classifier"))
    values = totals.activation_bytes // _FLOAT_BYTES
    relus = (totals.kept_bytes - totals.activation_bytes) // _FLOAT_BYTES
    steps += [
        Step("values", "", exact(values), result=True),
        Step("bytes", f"{_FLOAT_BYTES} · {exact(values).text}", size(totals.activation_bytes), result=True),
        Step("relus", "", exact(relus)),
        Step("kept", f"{_FLOAT_BYTES} · ({exact(values).text} + {exact(relus).text})", size(totals.kept_bytes)),
    ]
    figures = {
        "values": millions(values),
        "bytes": size(totals.activation_bytes),
        "kept": size(totals.kept_bytes),
        "training": size(totals.training_bytes),
    }
    return Count(tuple(steps), figures)


def _sum(rows: list[LayerRow]) -> str:
    """What rows write, equal ones together: 2 × 64·224² + 64·112²."""
    terms = []
    for shape, group in groupby(rows, key=lambda row: row.output_shape):
        count = len(list(group))
        term = str(shape[0]) if len(shape) == 1 else f"{shape[0]}·{shape[1]}²"
        terms.append(term if count == 1 else f"{count} × {term}")
    return " + ".join(terms)


def vgg_kernels(given: Mapping[str, float]) -> Count:
    """The windows of the convolutions of table 1, A to E."""
    steps, others = [], {}
    convolutions = 0
    for letter, name in _NETS.items():
        kernels = [row.kernel for row in layer_table(name).rows if row.op == "conv"]
        counts = {kernel: kernels.count(kernel) for kernel in sorted(set(kernels), key=str, reverse=True)}
        others[letter] = len(kernels) - counts[3]
        convolutions += len(kernels)
        formula = " + ".join(f"{count} × ({kernel} × {kernel})" for kernel, count in counts.items())
        steps.append(Step(f"VGG {letter}", formula, exact(others[letter]), named=False))
    total = exact(sum(others.values()))
    steps.append(Step("others", " + ".join(str(count) for count in others.values()), total, result=True))
    nets = [letter for letter, count in others.items() if count]
    figures = {
        "others": total,
        "others_de": exact(others["D"] + others["E"]),
        "nets": Figure(len(nets), ", ".join(nets)),
        "convolutions": exact(convolutions),
    }
    return Count(tuple(steps), figures)


def vgg_depth(given: Mapping[str, float]) -> Count:
    """Top-1 errors of table 3 against depth, for each way of scaling the training pictures."""
    errors: dict[str, dict[str, float]] = {}
    for letter, name in _NETS.items():
        for figure in published(name, "top1_error", paper="vgg"):
            if figure.where == "table 3":
                scale = figure.protocol.partition("; ")[2].partition(", Q")[0]
                errors.setdefault(scale, {})[letter] = figure.value
    steps = []
    changes = []
    for scale, by_net in errors.items():
        change = signed(by_net["E"] - by_net["D"], 1)
        changes.append(change)
        formula = " · ".join(f"{letter} {error:.1f}" for letter, error in by_net.items())
        steps.append(Step(scale, formula, change, named=False, source="VGG, table 3"))
    rises = exact(sum(change.value > 0 for change in changes))
    best = min(change.value for change in changes)
    steps.append(Step("rises", "", rises, result=True))
    falls = [scale for scale, change in zip(errors, changes, strict=True) if change.value < 0]
    figures = {
        "rises": rises,
        "settings": exact(len(changes)),
        "falls": Figure(len(falls), ", ".join(falls)),
        "best": decimal(-best, 1),
    }
    return Count(tuple(steps), figures)


def vgg_channels(given: Mapping[str, float]) -> Count:
    """The channels of each stage, A to E."""
    steps, widths = [], {}
    for letter, name in _NETS.items():
        rows = [row for row in layer_table(name).rows if row.op == "conv"]
        widths[letter] = [group[0].output_shape[0] for _, group in _stages(rows)]
        formula = " → ".join(str(width) for width in widths[letter])
        steps.append(Step(f"VGG {letter}", formula, exact(widths[letter][-1]), named=False))
    first, last = {width[0] for width in widths.values()}, {width[-1] for width in widths.values()}
    figures = {"first": exact(max(first)), "last": exact(max(last)), "a_last": exact(widths["A"][-1])}
    return Count(tuple(steps), figures)


def _stages(rows: list[LayerRow]) -> list[tuple[str | None, list[LayerRow]]]:
    return [(block, list(group)) for block, group in groupby(rows, key=lambda row: row.block)]


def vgg_init(given: Mapping[str, float]) -> Count:
    """How large VGG A's logits are when its weights are drawn with standard deviation 0.1 and with 0.01.

    A layer of n inputs and weights of variance v multiplies the mean square of what it takes by n·v, and the ReLU
    before it has halved that (He et al. 2015, arXiv 1502.01852, section 2.2). Max-pooling and borders are left out.
    """
    printed, released = 0.1, 0.01
    rows = [row for row in layer_table("vgg_a").rows if row.op in {"conv", "linear"}]
    steps, factors = [], []
    for number, row in enumerate(rows):
        inputs = row.macs // math.prod(row.output_shape)
        formula = f"{inputs} · 0.01" + (" ÷ 2" if number else "")
        factors.append(round(inputs * printed**2 / (2 if number else 1), 4))
        steps.append(Step(row.path, formula, decimal(factors[-1], 2), named=False))
    large = math.sqrt(math.prod(factors))
    ratio = (printed / released) ** len(rows)
    small = large / ratio
    inputs = 9 * 512
    he = decimal(math.sqrt(2 / inputs), 3)
    steps += [
        Step("printed", f"√({factors[0]} · {factors[1]} · … · {factors[-1]})", power(large), result=True),
        Step("ratio", raised("(0.1 ÷ 0.01)", len(rows)), power(ratio)),
        Step("released", f"{power(large).text} ÷ {power(ratio).text}", power(small), result=True),
        Step("he", f"√(2 ÷ {inputs})", he),
    ]
    figures = {
        "printed": power(large),
        "released": power(small),
        "ratio": power(ratio),
        "chance": decimal(math.log(1000), 1),
        "he": he,
    }
    return Count(tuple(steps), figures)


def vgg_code(given: Mapping[str, float]) -> Count:
    """The features of the review's code: three stages of the five, each ended by a max-pooling."""
    layers: list[nn.Module] = []
    channels = 3
    for width in (64, 128, 256):
        for _ in range(2):
            layers += [nn.Conv2d(channels, width, 3, padding=1, device="meta"), nn.ReLU(inplace=True)]
            channels = width
        layers.append(nn.MaxPool2d(2, stride=2))
    code = nn.Sequential(*layers)
    poolings = sum(isinstance(layer, nn.MaxPool2d) for layer in layers)
    taken_side = 7
    fitting = taken_side * 2**poolings
    left, fits = (layer_table(code, input_shape=(3, side, side)).rows[-1].output_shape for side in (224, fitting))
    paper = next(row.output_shape for row in reversed(layer_table("vgg_d").rows) if len(row.output_shape) == 3)
    taken = channels * taken_side**2
    features = math.prod(left)
    steps = (
        Step("left", "·".join(map(str, left)), exact(features), result=True),
        Step("taken", f"{channels}·{taken_side}·{taken_side}", exact(taken), result=True),
        Step("side", f"{taken_side}·{raised(2, poolings)}", decimal(fitting, 0, "px")),
        Step("fits", "·".join(map(str, fits)), exact(math.prod(fits))),
        Step("paper", "·".join(map(str, paper)), exact(math.prod(paper))),
    )
    figures = {
        "features": exact(features),
        "taken": exact(taken),
        "side": decimal(fitting, 0, "px"),
        "paper": exact(math.prod(paper)),
        "left_side": exact(left[-1]),
    }
    return Count(steps, figures)


COUNTERS: tuple[Counter, ...] = (vgg_memory, vgg_kernels, vgg_depth, vgg_channels, vgg_init, vgg_code)
