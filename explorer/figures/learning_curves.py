"""How nets learn: training error thin and test error bold, as the ResNet paper draws them, one colour a net."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal

import pandas as pd
import plotly.graph_objects as go

from explorer import units
from explorer.config import ModelConfig
from explorer.figures import style
from explorer.figures.end_labels import End, end_labels, escaped, room_px, short
from explorer.language import text
from explorer.run_results import Run
from explorer.train_config import TrainConfig

Axis = Literal["epoch", "step"]

_HEIGHT = 400
_PLOT_PX = 320
"""Height of the plot alone, without its margins."""

_BEYOND = 1.015
"""A little more than the run's length, so that the last mark is whole."""

_MOST_TICKS = 12
"""Epochs up to which each has its tick."""

_LEAST_ROOM = 110
"""Pixels to the right of the plot, so that it does not jump when the first label comes."""

_MOST_MARKED = 40
"""Epochs up to which each has a mark."""

_DASHES = ("solid", "dash", "dot", "dashdot")
_COLUMNS = ("run", "net", "kind", "depth", "epoch", "step", "train_error", "test_error", "lr", "images_per_second")
_COLOURS = {"plain": style.PLAIN, "residual": style.RESIDUAL, "vgg": style.VGG, "other": style.OTHER}


def learning_curves_data(runs: Run | Sequence[Run]) -> pd.DataFrame:
    """One row for each finished epoch of each run.

    Columns: run (its name), net, kind (plain, residual, vgg, other), depth (weight layers), epoch, step (batches),
    train_error and test_error (%), lr, images_per_second.

    Args:
        runs: one run or several, with different names.
    """
    rows = [
        {
            "run": run.name,
            "net": run.model.label(),
            "kind": kind_of(run.model),
            "depth": run.model.entry.weight_layers,
            "epoch": metrics.epoch,
            "step": metrics.step,
            "train_error": _percent(metrics.train_error),
            "test_error": _percent(metrics.test_error),
            "lr": metrics.lr,
            "images_per_second": metrics.images_per_second,
        }
        for run in _several(runs)
        for metrics in run.epochs
    ]
    return pd.DataFrame(rows, columns=list(_COLUMNS))


def batch_errors_data(run: Run) -> pd.DataFrame:
    """One row for each sampled batch of a run: step, epoch (with decimals), batch_error (%), loss, lr."""
    per_epoch = steps_per_epoch(run)
    rows = [
        {
            "step": metrics.step,
            "epoch": round(metrics.step / per_epoch, 4) if per_epoch else None,
            "batch_error": _percent(metrics.error),
            "loss": metrics.loss,
            "lr": metrics.lr,
        }
        for metrics in run.steps
    ]
    return pd.DataFrame(rows, columns=["step", "epoch", "batch_error", "loss", "lr"])


def kind_of(model: ModelConfig) -> Literal["plain", "residual", "vgg", "other"]:
    """What decides a net's colour."""
    if model.entry.family == "vgg":
        return "vgg"
    if model.entry.family == "resnet":
        return "residual" if model.residual else "plain"
    return "other"


def steps_per_epoch(run: Run) -> float | None:
    """Batches in an epoch; None where neither the run's length nor a finished epoch says it."""
    if run.epochs:
        return run.epochs[-1].step / run.epochs[-1].epoch
    return run.total_steps / run.train.epochs if run.train.epochs and run.total_steps else None


def _percent(share: float) -> float:
    return round(100 * share, 4)


def _several(runs: Run | Sequence[Run]) -> Sequence[Run]:
    return (runs,) if isinstance(runs, Run) else runs


def plot_learning_curves(
    runs: Run | Sequence[Run] | pd.DataFrame, *, axis: Axis | None = None, language: str = "en"
) -> go.Figure:
    """Error against epoch or step: training thin, test bold, each test curve named at its end.

    A single run shows the errors of its sampled batches as dots too, so that it is seen to learn within an epoch, and
    the axis is as long as the whole run.

    Args:
        runs: one run, several, or what `learning_curves_data` gave of them.
        axis: what runs along; default: epochs, or steps where all runs have their length in steps.
        language: `en` or `ko`.
    """
    data = runs if isinstance(runs, pd.DataFrame) else learning_curves_data(runs)
    several = [] if isinstance(runs, pd.DataFrame) else list(_several(runs))
    if axis is None:
        axis = "step" if several and all(run.train.epochs is None for run in several) else "epoch"
    figure = style.figure(_HEIGHT)
    batches = batch_errors_data(several[0]) if len(several) == 1 else None
    top = _add_batches(figure, several[0], batches, axis, language) if batches is not None else 0.0
    names = [run.name for run in several] or list(dict.fromkeys(data["run"]))
    kinds = [(run.name, kind_of(run.model), run.model.entry.weight_layers) for run in several]
    looks = _looks(kinds or list(data[["run", "kind", "depth"]].drop_duplicates().itertuples(index=False, name=None)))
    length = _length(several, data, axis)
    epochs = length if axis == "epoch" else data["epoch"].max() if len(data) else 0
    marked = "lines+markers" if epochs <= _MOST_MARKED else "lines"
    ends = []
    for name in names:
        part = data[data["run"] == name]
        colour, dash = looks[name]
        _add_curves(figure, name, part, axis, (colour, dash, marked), language, named=len(names) == 1)
        if not part.empty:
            top = max(top, part["train_error"].max(), part["test_error"].max())
            ends.append((name, part.iloc[-1], colour))
    labelled = _ends(ends, single=len(names) == 1, axis=axis, language=language)
    figure.update_layout(
        xaxis={
            "title": text(f"figure.axis.{axis}", language),
            "range": [0, _BEYOND * length],
            "dtick": 1 if axis == "epoch" and length <= _MOST_TICKS else None,
        },
        yaxis={
            "title": text("figure.axis.curves", language),
            # As Plotly finds it: a range that is given and changes would undo what was zoomed to.
            **({"rangemode": "tozero"} if top else {"range": [0, 100]}),
            "ticksuffix": " %",
        },
        annotations=end_labels(labelled, max(1.0, 1.05 * float(top)), _PLOT_PX),
        margin={"t": 12, "r": max(_LEAST_ROOM, room_px(labelled))},
        showlegend=False,
        # What a phone is too narrow for: names at the curves' ends. It shows a legend instead.
        meta={"labels": True},
    )
    return figure


def _add_batches(figure: go.Figure, run: Run, batches: pd.DataFrame, axis: Axis, language: str) -> float:
    """Dots for the sampled batches; the highest error among them."""
    known = batches.dropna(subset=[axis])
    figure.add_scatter(
        x=known[axis].tolist(),
        y=known["batch_error"].tolist(),
        mode="markers",
        name=text("figure.batches", language),
        marker={"color": _COLOURS[kind_of(run.model)], "size": 4, "opacity": 0.45},
        hovertemplate=f"{text('figure.axis.step', language)} %{{customdata}}: %{{y:.1f}} %<extra></extra>",
        customdata=known["step"].tolist(),
    )
    return float(known["batch_error"].max()) if len(known) else 0.0


def _add_curves(
    figure: go.Figure,
    name: str,
    part: pd.DataFrame,
    axis: Axis,
    look: tuple[str, str, str],
    language: str,
    *,
    named: bool,
) -> None:
    """Training and test curve of one run; `named` gives the training curve its own line in a legend."""
    colour, dash, mode = look
    for which, width, size, symbol in (("train", 1.2, 4, "circle-open"), ("test", 3.0, 6, "circle")):
        words = text(f"figure.error.{which}", language)
        figure.add_scatter(
            x=part[axis].tolist(),
            y=part[f"{which}_error"].tolist(),
            mode=mode,
            showlegend=named or which == "test",
            name=f"{short(name)} · {words}",
            line={"color": colour, "width": width, "dash": dash},
            marker={"color": colour, "size": size, "symbol": symbol},
            hovertemplate=f"<b>{escaped(name)}</b><br>{text(f'figure.axis.{axis}', language)} %{{x}}<br>"
            f"{words}: %{{y:.2f}} %<extra></extra>",
        )


def _looks(nets: Sequence[tuple[str, str, int]]) -> dict[str, tuple[str, str]]:
    """Colour and dash of each run: one hue a kind of net, deeper is darker; nets of one depth differ by their dash.

    Args:
        nets: name, kind and depth of each run.
    """
    looks: dict[str, tuple[str, str]] = {}
    alike: Counter[tuple[str, int]] = Counter()
    for name, kind, depth in nets:
        depths = sorted({other for _, of_kind, other in nets if of_kind == kind})
        shade = style.shades(_COLOURS[kind], len(depths))[depths.index(depth)]
        looks[name] = (shade, _DASHES[alike[kind, depth] % len(_DASHES)])
        alike[kind, depth] += 1
    return looks


def _length(runs: Sequence[Run], data: pd.DataFrame, axis: Axis) -> float:
    """Where the axis ends: where the longest run will end."""
    lengths = [float(data[axis].max()) if len(data) else 1.0]
    for run in runs:
        per_epoch = steps_per_epoch(run)
        if axis == "step":
            lengths.append(run.total_steps)
        elif run.train.epochs:
            lengths.append(run.train.epochs)
        elif per_epoch:
            lengths.append(run.total_steps / per_epoch)
    return max(lengths)


def _ends(ends: list[tuple[str, Any, str]], *, single: bool, axis: Axis, language: str) -> list[End]:
    """What stands at the curves' ends: the run's name, or which curve it is where there is one run."""
    if not single:
        return [
            End(f"{short(name)} {row['test_error']:.1f} %", row[axis], row["test_error"], colour)
            for name, row, colour in ends
        ]
    return [
        End(
            f"{text(f'figure.error.{which}', language)} {row[f'{which}_error']:.1f} %",
            row[axis],
            row[f"{which}_error"],
            colour,
        )
        for _, row, colour in ends
        for which in ("test", "train")
    ]


def describe_learning_curves(runs: Run | Sequence[Run] | pd.DataFrame, language: str = "en") -> str:
    """What the curves show, in sentences computed from the plotted values."""
    data = runs if isinstance(runs, pd.DataFrame) else learning_curves_data(runs)
    if data.empty:
        return text("caption.curves.none", language)
    lasts = data.groupby("run", sort=False).tail(1)
    if len(lasts) == 1:
        several = [] if isinstance(runs, pd.DataFrame) else _several(runs)
        return _describe_one(data, next((run for run in several if run.epochs), None), language)
    by_test = lasts.sort_values("test_error", kind="stable")
    listed = ", ".join(
        text("caption.curves.part", language, run=row["run"], error=_written(row["test_error"]), epoch=row["epoch"])
        for _, row in by_test.iterrows()
    )
    sentences = [text("caption.curves.order", language, listed=listed)]
    by_train = lasts.sort_values("train_error", kind="stable")
    low, high = by_train.iloc[0], by_train.iloc[-1]
    if low["train_error"] < high["train_error"]:
        values = {"low": low["run"], "least": _written(low["train_error"])}
        values |= {"high": high["run"], "most": _written(high["train_error"])}
        sentences.append(text("caption.curves.train", language, **values))
    return " ".join(sentences)


def _describe_one(data: pd.DataFrame, run: Run | None, language: str) -> str:
    """Of one run; how its training pictures were changed is said as far as the run is given."""
    last, best = data.iloc[-1], data.sort_values("test_error", kind="stable").iloc[0]
    values = {"epochs": last["epoch"], "train": _written(last["train_error"]), "test": _written(last["test_error"])}
    sentences = [text("caption.curves.one" if last["epoch"] == 1 else "caption.curves.many", language, **values)]
    if best["epoch"] != last["epoch"]:
        best_values = {"error": _written(best["test_error"]), "epoch": best["epoch"]}
        sentences.append(text("caption.curves.best", language, **best_values))
    gap = last["test_error"] - last["train_error"]
    if abs(gap) >= 0.05:
        key = "caption.curves.gap" if gap > 0 else "caption.curves.gap_below"
        sentences.append(text(key, language, gap=f"{abs(gap):.1f}"))
    if gap <= -0.05 and run is not None:
        sentences += _harder_to_learn(run.train, language)
    return " ".join(sentences)


def _harder_to_learn(train: TrainConfig, language: str) -> list[str]:
    """In what the training pictures differ from the test pictures."""
    sentences = []
    changes = (train.flip, train.crop_padding, train.scale_jitter, train.colour_shift, train.colour_jitter)
    if any(changes) and train.strategy != "probe":  # a probe learns from features of the pictures as they are
        sentences.append(text("caption.curves.gap_below.augmented", language))
    if train.label_noise:
        share = units.percent(train.label_noise)
        sentences.append(text("caption.curves.gap_below.noise", language, share=share))
    return sentences


def _written(percentage: float) -> str:
    return units.percent(percentage / 100)
