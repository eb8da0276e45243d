"""Counts about ResNet, for the places where sources disagree."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch

from explorer.analysis.counting import (
    Count,
    Counter,
    Figure,
    Step,
    decimal,
    exact,
    factors,
    power,
    printed,
    raised,
    share,
    signed,
)
from explorer.analysis.layer_table import layer_table
from explorer.catalog import find_entry
from explorer.models.blocks import ResidualBlock
from explorer.models.create import create_model
from explorer.models.resnet import ResNet
from explorer.papers import PublishedFigure, published

_DEPTHS = (18, 34, 50, 101, 152)


def resnet_150(given: Mapping[str, float]) -> Count:
    """The weight layers of ResNet-152 on its main path."""
    table = layer_table("resnet152")
    main = [row for row in table.rows if row.op in {"conv", "linear"} and not row.parallel]
    inside = [row for row in main if row.block is not None]
    stages: dict[str, int] = {}
    for block in table.blocks:
        stage = block.path.partition(".")[0]
        stages[stage] = stages.get(stage, 0) + 1
    blocks = sum(stages.values())
    outside = [row for row in main if row.block is None]
    steps = [
        Step("blocks", " + ".join(map(str, stages.values())), exact(blocks)),
        Step("inside", f"{len(inside) // blocks} · {blocks}", exact(len(inside)), result=True),
        *(Step(row.path, "", exact(1), named=False) for row in outside),
        Step("depth", f"{len(inside)} + {len(outside)}", exact(len(main)), result=True),
    ]
    for depth in (50, 101):
        other = layer_table(f"resnet{depth}")
        formula = f"3 · {len(other.blocks)} + {len(outside)}"
        steps.append(Step(f"ResNet-{depth}", formula, exact(other.totals.weight_layers), named=False))
    return Count(tuple(steps), {"depth": exact(len(main)), "inside": exact(len(inside))})


def resnet_blocks(given: Mapping[str, float]) -> Count:
    """The 3×3 convolutions of each net's blocks."""
    steps = []
    per_block: dict[int, int] = {}
    for depth in _DEPTHS:
        table = layer_table(f"resnet{depth}")
        block = table.blocks[1].path
        kernels = [row.kernel for row in table.rows if row.block == block and row.op == "conv"]
        per_block[depth] = kernels.count(3)
        formula = f"{len(table.blocks)} × [{', '.join(f'{kernel} × {kernel}' for kernel in kernels)}]"
        steps.append(Step(f"ResNet-{depth}", formula, exact(per_block[depth]), named=False))
    return Count(tuple(steps), {"shallow": exact(per_block[34]), "deep": exact(per_block[50])})


def resnet_1x1(given: Mapping[str, float]) -> Count:
    """The multiply-adds of a bottleneck's three convolutions, and of all 1×1 convolutions of ResNet-50."""
    table = layer_table("resnet50")
    rows = [row for row in table.rows if row.block == "layer1.1" and row.op == "conv"]
    whole = sum(row.macs for row in rows)
    first, both = rows[0].macs, sum(row.macs for row in rows if row.kernel == 1)
    all_of_them = sum(row.macs for row in table.rows if row.op == "conv" and row.kernel == 1)
    channels, side = rows[0].input_shape[0], rows[1].output_shape[-1]
    full = side * side * channels * 9 * channels
    steps = [
        *(Step(f"{row.kernel} × {row.kernel}", factors(row), exact(row.macs), named=False) for row in rows),
        Step("first", f"{exact(first).text} ÷ {exact(whole).text}", share(first, whole), result=True),
        Step("both", "", share(both, whole)),
        Step(
            "net", f"{exact(all_of_them).text} ÷ {exact(table.totals.macs).text}", share(all_of_them, table.totals.macs)
        ),
        Step("full", f"{side}·{side}·{channels}·3·3·{channels}", exact(full)),
    ]
    figures = {
        "first": share(first, whole),
        "both": share(both, whole),
        "net": share(all_of_them, table.totals.macs),
        "times": decimal(full / rows[1].macs, 0),
    }
    return Count(tuple(steps), figures)


def resnet_start(given: Mapping[str, float]) -> Count:
    """What the first block of an untrained ResNet-20 adds to what its shortcut carries, measured on noise."""
    shortcut, branch = _first_block(zero_init_last_bn=False)
    _, silent = _first_block(zero_init_last_bn=True)
    inputs = 9 * 16
    steps = (
        Step("he", f"{inputs} · (2 ÷ {inputs}) ÷ 2", decimal(1, 0)),
        Step("shortcut", "", decimal(shortcut, 2)),
        Step("branch", "", decimal(branch, 2)),
        Step("ratio", f"{branch:.2f} ÷ {shortcut:.2f}", decimal(branch / shortcut, 2), result=True),
        Step("silent", f"{silent:.2f} ÷ {shortcut:.2f}", decimal(silent / shortcut, 2), result=True),
    )
    figures = {
        "ratio": decimal(branch / shortcut, 1),
        "silent": decimal(silent / shortcut, 0),
        "inputs": exact(inputs),
    }
    return Count(steps, figures)


@torch.no_grad()
def _first_block(zero_init_last_bn: bool) -> tuple[float, float]:
    """Root mean squares of what an untrained ResNet-20's first shortcut carries and of what its branch adds."""
    net = create_model("resnet20", zero_init_last_bn=zero_init_last_bn).train()
    assert isinstance(net, ResNet)
    block = net.get_submodule("layer1.0")
    assert isinstance(block, ResidualBlock)
    noise = torch.randn(8, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    x = net.relu(net.bn1(net.conv1(noise)))  # (8, 16, 32, 32)
    added = x
    for name in ("conv1", "bn1", "relu1", "conv2", "bn2"):
        added = block.get_submodule(name)(added)
    return float(x.square().mean().sqrt()), float(added.square().mean().sqrt())


def _only(net: str, quantity: str, where: str, paper: str = "resnet") -> PublishedFigure:
    found = [figure for figure in published(net, quantity, paper=paper) if figure.where == where]
    return found[0]


def resnet_1202(given: Mapping[str, float]) -> Count:
    """CIFAR-10's test errors of 110 and of 1202 layers, as published."""
    shallow, deep = (_only(net, "error", "table 6") for net in ("resnet110", "resnet1202"))
    small, large = (_only(net, "params", "table 6") for net in ("resnet110", "resnet1202"))
    before, after = (_only(f"preact_resnet{depth}", "error", "table 3", paper="identity") for depth in (164, 1001))
    typical = _only("resnet110", "error", "table 3", paper="identity")
    loss = decimal(deep.value - shallow.value, 2)
    times = decimal(large.value / small.value, 0)
    steps = [
        Step("best", "", printed(shallow), source=shallow.source),
        _published(deep),
        Step("typical", "", printed(typical), source=typical.source),
        Step("loss", f"{deep.printed} − {shallow.printed}", loss, result=True),
        Step("params", f"{large.text} ÷ {small.text}", Figure(times.value, f"{times.text}×"), source=large.source),
        *(_published(figure) for figure in (before, after)),
    ]
    depth = exact(find_entry("resnet1202").weight_layers)
    figures = {"loss": loss, "times": times, "depth": depth, "before": printed(before), "after": printed(after)}
    return Count(tuple(steps), figures)


def _published(figure: PublishedFigure) -> Step:
    return Step(figure.net, "", printed(figure), named=False, source=figure.source)


def resnet_degradation(given: Mapping[str, float]) -> Count:
    """How top-1 error changes from 18 to 34 layers, without shortcuts and with them, as published."""
    steps = []
    figures = {}
    for kind in ("plain", "resnet"):
        shallow, deep = (_only(f"{kind}{depth}", "top1_error", "table 2") for depth in (18, 34))
        change = signed(deep.value - shallow.value, 2)
        figures[kind] = change
        steps += [
            *(_published(figure) for figure in (shallow, deep)),
            Step(kind, f"{deep.printed} − {shallow.printed}", change, result=True),
        ]
    return Count(tuple(steps), figures)


def resnet_weight_decay(given: Mapping[str, float]) -> Count:
    """How many updates it takes weight decay alone to halve a weight, at ResNet's first learning rate.

    A step of SGD takes rate · decay of the weight away, and momentum repeats it 1 / (1 − momentum) times.
    """
    rate, momentum = 0.1, 0.9
    steps, figures = [], {}
    for name in ("paper", "lecture"):
        shrink = rate * given[name] / (1 - momentum)
        updates = math.log(2) / shrink
        figures[f"{name}_updates"] = exact(round(updates))
        formula = f"ln 2 ÷ ({rate} · {power(given[name]).text} ÷ (1 − {momentum}))"
        steps.append(Step(name, formula, exact(round(updates))))
    figures["decay"] = Figure(given["paper"], power(given["paper"]).text)
    figures["times"] = decimal(given["paper"] / given["lecture"], 0)
    return Count(tuple(steps), figures)


def resnet_xavier(given: Mapping[str, float]) -> Count:
    """Standard deviations for a 3×3 on 64 channels: Xavier's, "Xavier/2" in its two readings, and He's."""
    inputs, layers = 9 * 64, 34
    variances = {"xavier": 1 / inputs, "lecture": 1 / (inputs / 2), "he": 2 / inputs, "half": 1 / inputs / 2}
    formulas = {
        "xavier": f"√(1 ÷ {inputs})",
        "lecture": f"√(1 ÷ ({inputs} ÷ 2))",
        "he": f"√(2 ÷ {inputs})",
        "half": f"√(1 ÷ {inputs} ÷ 2)",
    }
    steps = [Step(name, formulas[name], decimal(math.sqrt(value), 4)) for name, value in variances.items()]
    # A ReLU halves the mean square, a layer multiplies it by inputs · variance.
    kept = math.sqrt((inputs * variances["half"] / 2) ** layers)
    steps.append(Step("fade", f"√({raised(format(inputs * variances['half'] / 2, 'g'), layers)})", power(kept)))
    figures = {
        "ratio": decimal(variances["lecture"] / variances["he"], 2),
        "he": decimal(math.sqrt(variances["he"]), 3),
        "half": decimal(math.sqrt(variances["half"]), 3),
        "fade": power(kept),
        "layers": exact(layers),
    }
    return Count(tuple(steps), figures)


def resnet_test(given: Mapping[str, float]) -> Count:
    """One net's top-1 error in two ways of testing, as published."""
    crops, scales = (
        next(figure for figure in published("resnet34", "top1_error") if figure.where == where and "B" in figure.net)
        for where in ("table 3", "table 4")
    )
    difference = decimal(crops.value - scales.value, 2)
    steps = (
        Step("crops", crops.net, printed(crops), source=crops.source),
        Step("scales", scales.net, printed(scales), source=scales.source),
        Step("difference", f"{crops.printed} − {scales.printed}", difference, result=True),
    )
    return Count(steps, {"difference": difference})


COUNTERS: tuple[Counter, ...] = (
    *(resnet_150, resnet_blocks, resnet_1x1, resnet_start, resnet_1202, resnet_degradation),
    *(resnet_weight_decay, resnet_xavier, resnet_test),
)
