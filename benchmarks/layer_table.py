"""A net and its layer table with receptive fields, against torchvision's net and torchinfo's summary of it.

Each figure comes from a fresh process, ours and the peer's by turns. Imports are done before the clock starts and our
caches are cleared before each run. Reported are the first call in the process and later ones, and by how much the
first call raised the process's memory at its peak: with the pages of library code that a first call touches, and
without them (a net of six layers goes first).

    python -m benchmarks.layer_table [vgg19] [resnet152]
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

from torch import nn

NETS = {"vgg19": (40, 50), "resnet152": (5, 50)}
"""Goals: how many times faster, and how many times less extra memory."""


def small_net() -> nn.Module:
    """One of each layer."""
    return nn.Sequential(
        nn.Conv2d(3, 4, 3),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4, 2),
    )


def ours(name: str, warm: bool) -> Callable[[], object]:
    """Building the net and its table by this package."""
    import explorer
    from explorer.analysis import layer_table  # noqa: F401  # loads all that it needs

    if warm:
        explorer.layer_table(small_net(), image_size=16)

    def run() -> object:
        explorer.clear_caches()
        table = explorer.layer_table(name)
        assert table.totals.receptive_field is not None
        return table

    return run


def peer(name: str, warm: bool) -> Callable[[], object]:
    """Building torchvision's net and summarising it by torchinfo."""
    import torchinfo
    import torchvision

    if warm:
        torchinfo.summary(small_net(), input_size=(1, 3, 16, 16), verbose=0)

    def run() -> object:
        net = getattr(torchvision.models, name)()
        return torchinfo.summary(net, input_size=(1, 3, 224, 224), verbose=0)

    return run


def child(side: str, name: str, runs: int, warm: bool) -> None:
    """Measure one side and print it as JSON."""
    from benchmarks.memory import watched_peak

    run = {"ours": ours, "peer": peer}[side](name, warm)
    with watched_peak() as peak:
        began = time.perf_counter()
        run()
        first = time.perf_counter() - began
    times = []
    for _ in range(runs):
        began = time.perf_counter()
        run()
        times.append(time.perf_counter() - began)
    later = {"median": statistics.median(times), "best": min(times)} if times else {}
    figures = {"first": first, "extra_bytes": peak.extra_bytes, **later}
    print(json.dumps(figures))


def measured(side: str, name: str, runs: int, warm: bool = False) -> dict[str, float]:
    """One side's figures, from a process of its own."""
    command = [
        sys.executable,
        "-m",
        "benchmarks.layer_table",
        "--child",
        side,
        name,
        "--runs",
        str(runs),
        *(["--warm"] if warm else []),
    ]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    figures: dict[str, float] = json.loads(output.splitlines()[-1])
    return figures


def main() -> None:
    """Measure all nets and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("nets", nargs="*", default=list(NETS), metavar="NET", help=" or ".join(NETS))
    parser.add_argument("--child", nargs=2, metavar=("SIDE", "NET"), help=argparse.SUPPRESS)
    parser.add_argument("--warm", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--runs", type=int, default=7, help="calls in each process after the first one")
    parser.add_argument("--rounds", type=int, default=3, help="processes of each side, by turns")
    options = parser.parse_args()
    if options.child:
        child(*options.child, options.runs, options.warm)
        return
    print("| net | figure | ours | torchvision + torchinfo | ratio | goal |\n|---|---|---|---|---|---|")
    for name in options.nets:
        goal_speed, goal_memory = NETS[name]
        sides: dict[str, list[dict[str, float]]] = {"ours": [], "peer": []}
        for _ in range(options.rounds):
            for side, rounds in sides.items():
                figures = measured(side, name, options.runs)
                figures["warm_extra_bytes"] = measured(side, name, 0, warm=True)["extra_bytes"]
                rounds.append(figures)
        for figure, label, scale, unit, goal in (
            ("median", "later calls, median", 1e3, "ms", f"{goal_speed}×"),
            ("best", "later calls, best", 1e3, "ms", ""),
            ("first", "first call", 1e3, "ms", ""),
            ("warm_extra_bytes", "extra memory, code loaded", 1e-6, "MB", f"{goal_memory}×"),
            ("extra_bytes", "extra memory, first call", 1e-6, "MB", ""),
        ):
            a, b = (statistics.median(r[figure] for r in sides[side]) * scale for side in ("ours", "peer"))
            print(f"| {name} | {label} | {a:.3g} {unit} | {b:.4g} {unit} | {b / max(a, 1e-9):.1f}× | {goal} |")


if __name__ == "__main__":
    main()
