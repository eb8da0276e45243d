"""How good the advice is: each proposal beside the best strategy, over data sets and amounts, in points of accuracy.

Every strategy is trained on every amount of every data set under every seed. What is trained already is not trained
again, so that it may be interrupted.

    python -m benchmarks.advice [--net resnet20] [--data textures digits faces] [--sizes 5 20 80] [--seeds 5]
                                [--folder build/advice]
"""

from __future__ import annotations

import argparse
from pathlib import Path
from statistics import mean, stdev

from explorer.errors import UnknownNameError
from explorer.jobs.running import run_here
from explorer.lessons.advice import STAGES, advise
from explorer.lessons.transfer_experiment import SCRATCH_STRATEGY, plan_experiment
from explorer.run_results import Run
from explorer.training.backbones import Backbone, load_backbone
from explorer.training.checkpoints import LAST
from explorer.training.runs import RunStore
from explorer.training.similarity import source_shift
from explorer.training.stage_probes import probe_stages
from explorer.training.trained import evaluate

STRATEGIES = (SCRATCH_STRATEGY, "probe", "last", "layerwise", "all")
Accuracies = dict[tuple[str, int], list[float]]
"""By strategy and amount, one a seed."""


def trained(backbone: Backbone, data: str, sizes: list[int], seeds: int, store: RunStore) -> Accuracies:
    """Train what is missing; the accuracies of all: of the last epoch's weights, on all test pictures."""
    config, found = backbone.config, Accuracies()
    for size in sizes:
        for strategy in STRATEGIES:
            plan = plan_experiment(
                config.arch,
                backbone.source,
                data,
                strategies=[strategy],
                sizes=[size],
                seeds=range(seeds),
                store=store,
                test_subset=1,  # tested after every epoch, which is not what counts here
            )
            for model, train in plan.pairs:
                if strategy == SCRATCH_STRATEGY:
                    model = backbone.config.replace(num_classes=model.num_classes, seed=train.seed)
                name = f"{config.arch}-{Path(data).name}-{strategy}-{size}-{train.seed}"
                run = _finished(name, store) or run_here(store, store.create(model, train, name=name).run_id)
                learned = evaluate(str(store.folder(run.run_id) / LAST), data, store=store)
                found.setdefault((strategy, size), []).append(learned.top1)
        for seed in range(seeds):
            probes = probe_stages(backbone, data, subset=size, seed=seed)
            found.setdefault((STAGES, size), []).append(probes.chosen.accuracy)
        print(f"{Path(data).name}, {size} a class: done", flush=True)
    return found


def _finished(name: str, store: RunStore) -> Run | None:
    try:
        run = store.get(name)
    except UnknownNameError:
        return None
    if run.status == "finished":
        return run
    store.delete(run.run_id)
    return None


def main() -> None:
    """Print Markdown tables: accuracies, then proposals with their regret."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--net", default="resnet20")
    parser.add_argument("--data", nargs="+", default=["textures", "digits", "faces"])
    parser.add_argument("--sizes", type=int, nargs="+", default=[5, 20, 80])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=Path("build/advice"))
    asked = parser.parse_args()
    store = RunStore(asked.folder)
    backbone = load_backbone(asked.net, "shipped", store)
    rows = []
    try:
        for data in asked.data:
            shift = source_shift(backbone, data).shift
            found = trained(backbone, data, asked.sizes, asked.seeds, store)
            _print_accuracies(data, shift, found, asked.sizes)
            for size in asked.sizes:
                advice = advise(size, shift)
                means = {one: mean(values) for (one, amount), values in found.items() if amount == size}
                best = max(means, key=means.__getitem__)
                regrets = [100 * (means[best] - means[one]) for one in (advice.strategy, advice.lecture)]
                quadrant = f"{'little' if advice.little else 'more'}, {'similar' if advice.similar else 'different'}"
                rows.append((Path(data).name, size, quadrant, best, advice.strategy, advice.lecture, *regrets))
    finally:
        store.close()
    print("\n| data | a class | quadrant | best | proposed | the lecture | regret, points | the lecture's |")
    print("|---|---|---|---|---|---|---|---|")
    for *words, regret, lectures in rows:
        print(f"| {' | '.join(map(str, words))} | {regret:.1f} | {lectures:.1f} |")
    print(
        f"\nMean regret {mean(row[-2] for row in rows):.1f} points, the lecture's {mean(row[-1] for row in rows):.1f}."
    )


def _print_accuracies(data: str, shift: float, found: Accuracies, sizes: list[int]) -> None:
    print(f"\n{Path(data).name}: shift {shift:.2f}; test accuracy, %, mean ± standard deviation\n")
    print(f"| strategy | {' | '.join(f'{size} a class' for size in sizes)} |\n|---|{'---|' * len(sizes)}")
    for strategy in dict.fromkeys(strategy for strategy, _ in found):
        cells = [_spread(found[strategy, size]) for size in sizes]
        print(f"| {strategy} | {' | '.join(cells)} |", flush=True)


def _spread(values: list[float]) -> str:
    spread = f" ± {100 * stdev(values):.1f}" if len(values) > 1 else ""
    return f"{100 * mean(values):.1f}{spread}"


if __name__ == "__main__":
    main()
