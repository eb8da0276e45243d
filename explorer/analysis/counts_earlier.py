"""Counts about LeNet, AlexNet and GoogLeNet, for the places where sources disagree."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

from explorer.analysis.counting import Count, Counter, Figure, Step, decimal, exact, factors, millions, share
from explorer.analysis.layer_table import layer_table
from explorer.models.lecture import InceptionModule


def lenet_layers(given: Mapping[str, float]) -> Count:
    """LeNet-5's parameters with three fully-connected layers, with two, and as its paper has them."""
    names = ("C1", "C3", "C5", "F6", "output")
    rows = [row for row in layer_table("lenet5").rows if row.op in {"conv", "linear"}]
    params = {name: row.params for name, row in zip(names, rows, strict=True)}
    formulas = {name: _weights(row.params, row.output_shape[0]) for name, row in zip(names, rows, strict=True)}
    last = rows[-1].output_shape[0]
    short = rows[2].output_shape[0] * last + last
    two = params["C1"] + params["C3"] + params["C5"] + short
    # Table I of the paper: six maps of C3 see 3 maps of S2, nine see 4, one sees all 6. S2 and S4: a factor and a bias.
    partial = 25 * (6 * 3 + 9 * 4 + 1 * 6) + 16
    poolings = 2 * 6 + 2 * 16
    paper = params["C1"] + poolings + partial + params["C5"] + params["F6"]
    steps = (
        *(Step(name, formulas[name], exact(params[name]), named=False) for name in names),
        Step("three", _plus(*params.values()), exact(sum(params.values())), result=True),
        Step("two", _plus(params["C1"], params["C3"], params["C5"], short), exact(two), result=True),
        Step("partial", "25·(6·3 + 9·4 + 1·6) + 16", exact(partial)),
        Step("poolings", "2·6 + 2·16", exact(poolings)),
        Step(
            "paper",
            _plus(params["C1"], poolings, partial, params["C5"], params["F6"], 0),
            exact(paper),
            result=True,
        ),
    )
    figures = {
        "connected": exact(sum(row.op == "linear" for row in rows)),
        "three": exact(sum(params.values())),
        "two": exact(two),
        "paper": exact(paper),
    }
    return Count(steps, figures)


def _plus(*terms: int) -> str:
    return " + ".join(exact(term).text for term in terms)


def _weights(params: int, outputs: int) -> str:
    return f"{(params - outputs) // outputs} · {outputs} + {outputs}"


def alexnet_input(given: Mapping[str, float]) -> Count:
    """AlexNet's first convolution, 11×11 with stride 4, on pictures of 227 and of 224 pixels."""
    kernel, stride = 11, 4
    channels, out, _ = layer_table("alexnet").row("features.0").output_shape
    steps, sides = [], {}
    for side, padding in ((227, 0), (224, 0), (224, 2)):
        conv = nn.Conv2d(3, channels, kernel, stride, padding, device="meta")
        sides[side, padding] = layer_table(conv, input_shape=(3, side, side)).rows[-1].output_shape[-1]
        padded = f"{side}" if not padding else f"{side} + 2·{padding}"
        fraction = (side + 2 * padding - kernel) / stride + 1
        formula = f"({padded} − {kernel}) ÷ {stride} + 1 = {fraction:g}"
        steps.append(Step(f"{side}_{padding}", formula, decimal(sides[side, padding], 0)))
    needed = (out - 1) * stride + kernel
    neurons = channels * out**2
    steps += [
        Step("needed", f"({out} − 1)·{stride} + {kernel}", decimal(needed, 0), result=True),
        Step("neurons", f"{channels}·{out}·{out}", exact(neurons), result=True),
    ]
    figures = {
        "side": exact(needed),
        "out": exact(out),
        "short": exact(sides[224, 0]),
        "neurons": exact(neurons),
    }
    return Count(tuple(steps), figures)


def alexnet_ensemble(given: Mapping[str, float]) -> Count:
    """What averaging brings, and what the two nets that saw more pictures do."""
    five, rest, whole = (
        decimal(difference, 1)
        for difference in (given["one"] - given["five"], given["five"] - given["seven"], given["one"] - given["seven"])
    )
    steps = (
        Step("whole", f"{given['one']} − {given['seven']}", whole),
        Step("averaging", f"{given['one']} − {given['five']}", five, result=True),
        Step("rest", f"{given['five']} − {given['seven']}", rest, result=True),
    )
    return Count(steps, {"five": five, "rest": rest, "whole": whole})


def inception_macs(given: Mapping[str, float]) -> Count:
    """The terms of the lecture's Inception module on 28×28×256, and which of them the printed total has twice."""
    rows = [
        row
        for row in layer_table(InceptionModule(naive=False, device="meta"), input_shape=(256, 28, 28)).rows
        if row.op == "conv"
    ]
    naive_rows = [
        row
        for row in layer_table(InceptionModule(naive=True, device="meta"), input_shape=(256, 28, 28)).rows
        if row.op == "conv"
    ]
    total, naive = sum(row.macs for row in rows), sum(row.macs for row in naive_rows)

    def name(kernel: object, channels: int) -> str:
        return f"{kernel} × {kernel}, {channels}"

    steps = [Step(name(row.kernel, row.output_shape[0]), factors(row), exact(row.macs), named=False) for row in rows]
    steps.append(Step("total", "", exact(total), result=True))
    figures = {"total": millions(total), "naive": millions(naive), "saving": decimal(naive / total, 1)}
    figures |= {"term": Figure(0, "–"), "twice": Figure(0, "–")}
    twice = [row for row in rows if round((total + row.macs) / 1e6) == round(given["total"] / 1e6)]
    if len(twice) == 1:
        again = total + twice[0].macs
        formula = f"{exact(total).text} + {exact(twice[0].macs).text}"
        steps.append(Step("twice", formula, exact(again), result=True))
        kernel = twice[0].kernel
        figures["term"] = Figure(twice[0].macs, f"{kernel} × {kernel}")
        figures["twice"] = millions(again)
    steps.append(Step("naive", _plus(*(row.macs for row in naive_rows)), exact(naive), result=True))
    return Count(tuple(steps), figures)


def googlenet_params(given: Mapping[str, float]) -> Count:
    """AlexNet's parameters over GoogLeNet's, in torchvision's layout and with the paper's 5×5 windows."""
    alexnet = layer_table("alexnet").totals.params
    here = layer_table("googlenet").totals.params
    paper = layer_table("googlenet_5x5", norm="none").totals.params
    needed = alexnet / given["ratio"]
    steps = (
        Step("alexnet", "", exact(alexnet)),
        Step("googlenet", "", exact(here)),
        Step("ratio", f"{exact(alexnet).text} ÷ {exact(here).text}", decimal(alexnet / here, 1), result=True),
        Step("googlenet_5x5", "", exact(paper)),
        Step("ratio_5x5", f"{exact(alexnet).text} ÷ {exact(paper).text}", decimal(alexnet / paper, 1), result=True),
        Step("needed", f"{exact(alexnet).text} ÷ {given['ratio']:g}", exact(round(needed))),
    )
    figures = {
        "ratio": decimal(alexnet / here, 1),
        "ratio_5x5": decimal(alexnet / paper, 1),
        "params": exact(here),
        "needed": millions(needed),
    }
    return Count(steps, figures)


def googlenet_connected(given: Mapping[str, float]) -> Count:
    """GoogLeNet's fully-connected layers, and what its depth of 22 is made of."""
    table, alexnet = layer_table("googlenet"), layer_table("alexnet")
    linear = [row for row in table.rows if row.op == "linear"]
    modules = sum(block.kind == "inception" for block in table.blocks)
    depth = table.totals.weight_layers
    stem = depth - 2 * modules - len(linear)
    params = sum(row.params for row in linear)
    alexnet_params = sum(row.params for row in alexnet.rows if row.op == "linear")
    steps = (
        Step("stem", "", exact(stem)),
        Step("modules", f"2 · {modules}", exact(2 * modules)),
        Step("linear", "", exact(len(linear)), result=True),
        Step("depth", f"{stem} + {2 * modules} + {len(linear)}", exact(depth), result=True),
        Step("params", _weights(params, linear[-1].output_shape[0]), exact(params)),
        Step("share", f"{exact(params).text} ÷ {exact(table.totals.params).text}", share(params, table.totals.params)),
        Step(
            "alexnet",
            f"{exact(alexnet_params).text} ÷ {exact(alexnet.totals.params).text}",
            share(alexnet_params, alexnet.totals.params),
        ),
    )
    figures = {
        "connected": exact(len(linear)),
        "depth": exact(depth),
        "without": exact(depth - len(linear)),
        "params": exact(params),
        "share": share(params, table.totals.params),
        "alexnet": share(alexnet_params, alexnet.totals.params),
    }
    return Count(steps, figures)


def imagenet_size(given: Mapping[str, float]) -> Count:
    """The contest's pictures among all of ImageNet's."""
    contest, everything = given["contest"], given["everything"]
    part = share(contest, everything)
    formula = f"{contest / 1e6:g} M ÷ {everything / 1e6:g} M"
    return Count((Step("share", formula, part, result=True),), {"share": part})


COUNTERS: tuple[Counter, ...] = (
    *(lenet_layers, alexnet_input, alexnet_ensemble),
    *(inception_macs, googlenet_params, googlenet_connected, imagenet_size),
)
