"""Each attribution method against captum asked directly, for the same net, picture and class.

The two take turns in one process, so that what else the machine does meets both alike. Captum is asked as its own
documentation does, with the memory bounded as here: the same number of pictures at once. What it cannot do alone is
not compared: it finds no superpixels (they are given to it).

    python -m benchmarks.saliency [--net resnet18] [--rounds 7] [--first] [--cpu-time] [METHOD ...]

Printed are medians, the median ratio of the turns, and after how long a stream shows its first map. With `--first` a
net is asked that has not been asked before, in each round anew: the default layer and the class are still to be found,
and the net is looked through once.
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from collections.abc import Callable

import captum.attr
import torch
from torch import Tensor, nn

from explorer import create_model, saliency, saliency_stream
from explorer.analysis.attribution_methods import NOISE, SAMPLES, STEPS
from explorer.analysis.attribution_score import Score
from explorer.analysis.covering import window_of
from explorer.analysis.superpixels import superpixels
from explorer.attribution_results import METHODS

clock: Callable[[], float] = time.perf_counter
LAYERS = {"resnet18": "layer4", "resnet34": "layer4", "resnet50": "layer4", "vgg_a": "features.20"}


def bare(method: str, net: nn.Module, x: Tensor, layer: str, target: int, at_once: int) -> Callable[[], Tensor]:
    """Captum alone."""
    attr, zeros = captum.attr, torch.zeros_like(x)
    x = x.clone().requires_grad_()
    height, width = x.shape[2:]
    window, stride = window_of(height, width)
    patches = torch.from_numpy(superpixels(x[0]))[None, None]
    ways: dict[str, Callable[[], Tensor]] = {
        "grad-cam": lambda: attr.LayerGradCam(net, net.get_submodule(layer)).attribute(
            x, target, relu_attributions=True
        ),
        "gradient": lambda: attr.Saliency(net).attribute(x, target),
        "gradient-x-input": lambda: attr.InputXGradient(net).attribute(x, target),
        "smoothgrad": lambda: attr.NoiseTunnel(attr.Saliency(net)).attribute(
            x, nt_samples=SAMPLES, nt_samples_batch_size=min(10, at_once), stdevs=NOISE, target=target, abs=False
        ),
        "integrated-gradients": lambda: attr.IntegratedGradients(net).attribute(
            x, zeros, target, n_steps=STEPS, internal_batch_size=min(10, at_once)
        ),
        "guided-backprop": lambda: attr.GuidedBackprop(net).attribute(x, target),
        "deeplift": lambda: attr.DeepLift(net).attribute(x, zeros, target),
        "guided-grad-cam": lambda: attr.GuidedGradCam(net, net.get_submodule(layer)).attribute(
            x, target, interpolate_mode="bilinear"
        ),
        "occlusion": lambda: attr.Occlusion(net).attribute(
            x,
            (x.shape[1], window, window),
            (x.shape[1], stride, stride),
            zeros,
            target,
            perturbations_per_eval=at_once,
        ),
        "feature-ablation": lambda: attr.FeatureAblation(net).attribute(
            x, zeros, target, feature_mask=patches, perturbations_per_eval=min(10, at_once)
        ),
    }
    return ways[method]


def timed(run: Callable[[], object]) -> float:
    """Seconds that it takes."""
    began = clock()
    run()
    return clock() - began


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("methods", nargs="*", default=METHODS, metavar="METHOD")
    parser.add_argument("--net", default="resnet18", choices=LAYERS)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--first", action="store_true", help="nets that have not been asked before")
    parser.add_argument("--cpu-time", action="store_true", help="one thread, by its computing time: on a busy machine")
    options = parser.parse_args()
    if options.cpu_time:
        global clock
        clock = time.thread_time
        torch.set_num_threads(1)
    warnings.filterwarnings("ignore", message=r"\s*Setting (forward, )?backward hooks")
    net = create_model(options.net).eval()
    side = net.config.image_size
    x = torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(0))
    target, layer = 3, LAYERS[options.net]
    at_once = Score(net, lambda logits: target).at_once(x)
    threads = torch.get_num_threads()
    print(f"{options.net}, {side} px, {at_once} pictures at once, {threads} threads, median of {options.rounds}.\n")
    print("| method | captum | explorer | ratio | first map after |")
    print("|---|---|---|---|---|")
    for method in options.methods:
        alone = bare(method, net, x, layer, target, at_once)
        times: dict[str, list[float]] = {"captum": [], "explorer": [], "first": []}
        for number in range(options.rounds + 1):
            asked = create_model(options.net).eval() if options.first else net
            named = {} if options.first else {"target": target, "layer": layer}
            took = {
                "captum": timed(alone),
                "explorer": timed(lambda: saliency(asked, x, method=method, **named)),  # noqa: B023
                "first": timed(lambda: next(saliency_stream(asked, x, method=method, **named))),  # noqa: B023
            }
            for name, seconds in took.items() if number else ():  # the first round warms up
                times[name].append(seconds)
        captum_took, ours, first = (statistics.median(times[name]) for name in ("captum", "explorer", "first"))
        ratio = statistics.median(b / a for a, b in zip(times["captum"], times["explorer"], strict=True))
        print(
            f"| {method} | {captum_took * 1000:.0f} ms | {ours * 1000:.0f} ms | {ratio:.2f} | {first * 1000:.0f} ms |",
            flush=True,
        )


if __name__ == "__main__":
    main()
