"""Progress and durations in words, the same in the terminal, in a notebook and on the page; `follow` to watch."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator

from explorer import units
from explorer.language import text
from explorer.run_results import EpochMetrics, Progress, StepMetrics


def progress_words(progress: Progress, language: str = "en") -> str:
    """How far, how fast and how long it will take, as far as it is known.

    >>> progress_words(Progress(0.42, 1234.0, 95.0)).replace(units.THIN_SPACE, ",")
    '42 % · 1,234 images/s · 1 min 35 s left'
    """
    words = [f"{progress.share * 100:.0f} %"]
    if progress.images_per_second is not None:
        rate = units.exact(round(progress.images_per_second))
        words.append(text("progress.rate", language, rate=rate))
    if progress.seconds_left is not None:
        words.append(text("progress.left", language, left=duration(progress.seconds_left, language)))
    return " · ".join(words)


def duration(seconds: float, language: str = "en") -> str:
    """A duration in the units that suit it, as a language says them.

    Args:
        seconds: how long.
        language: `en` or `ko`.

    >>> duration(346), duration(346, "ko"), duration(0.5, "ko")
    ('5 min 46 s', '5분 46초', '500밀리초')
    """
    words = units.seconds(seconds).split()
    parts = zip(words[::2], words[1::2], strict=True)  # a number and its unit, once or twice
    return " ".join(text(f"duration.{unit}", language, number=number) for number, unit in parts)


def follow(training: Iterable[StepMetrics | EpochMetrics], language: str = "en") -> Iterator[EpochMetrics]:
    """Run a training and show its progress: in a notebook in one line that changes, elsewhere a line an epoch.

    Args:
        training: what `fit` gave.
        language: `en` or `ko`.

    Yields:
        Each finished epoch.

    >>> from explorer import ModelConfig, TrainConfig, fit
    >>> training = fit(ModelConfig("resnet8", in_channels=1, image_size=8), TrainConfig("digits", epochs=1, subset=10))
    >>> [metrics.epoch for metrics in follow(training)]  # doctest: +SKIP
    [1]
    """
    show = _notebook_line() or _plain_line
    for metrics in training:
        show(_line(metrics, language), isinstance(metrics, EpochMetrics))
        if isinstance(metrics, EpochMetrics):
            yield metrics


def _line(metrics: StepMetrics | EpochMetrics, language: str) -> str:
    if isinstance(metrics, EpochMetrics):
        train, test = units.percent(metrics.train_error), units.percent(metrics.test_error)
        said = text("progress.epoch", language, epoch=metrics.epoch, train=train, test=test)
    else:
        said = text("progress.step", language, epoch=metrics.epoch, loss=f"{metrics.loss:.3f}")
    return f"{said} · {progress_words(metrics.progress, language)}"


def _plain_line(line: str, lasting: bool) -> None:
    if lasting:
        print(line, flush=True)


def _notebook_line() -> Callable[[str, bool], None] | None:
    """A function that changes one line of a notebook's output; None outside of notebooks."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    if shell is None or not hasattr(shell, "kernel"):
        return None
    handle = ipython.display.display({"text/plain": ""}, raw=True, display_id=True)  # type: ignore[union-attr]
    return lambda line, lasting: handle.update({"text/plain": line}, raw=True)
