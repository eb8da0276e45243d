"""A training as the terminal shows it: a bar that moves, and a line for each finished epoch."""

from __future__ import annotations

from typing import Self

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from explorer import units
from explorer.cli import output
from explorer.progress import progress_words
from explorer.run_results import EpochMetrics, Run, StepMetrics

_HEADER = "epoch  train error  test error  train loss  test loss  learning rate  images/s"


class Watching:
    """Tells about one run while it is trained; in a pipe, only the lines.

    Args:
        run: as it was created.

    Attributes:
        unread: whether nobody reads on, as behind `| head`.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self._console = Console()
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self.unread = False
        self._began = False
        self._said = ""

    def __enter__(self) -> Self:
        if output.is_terminal():
            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.fields[pace]}"),
            )
            self._bar = Progress(*columns, console=self._console, transient=True)
            self._task = self._bar.add_task("waiting", total=1.0, pace="")
            self._bar.start()
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if self._bar is not None:
            self._bar.stop()
        if isinstance(error, KeyboardInterrupt):
            output.write(f"Stopped. To go on: explorer train --resume {self.run.name}")

    def on_wait(self, position: int) -> None:
        """So many runs are before this one."""
        self._show(f"waiting, {position} before it" if position else "about to begin", 0.0, "")
        if self._bar is None:
            self._line_once(f"Waiting for the device: {position} before this run.")

    def on_reading(self, share: float, what: str) -> None:
        """The data is being read or fetched."""
        self._show(what, share, "")
        if self._bar is None:
            self._line_once(f"{what[:1].upper()}{what[1:]}.")

    def on_metrics(self, metrics: StepMetrics | EpochMetrics) -> None:
        """Training goes on."""
        if isinstance(metrics, EpochMetrics):
            if not self._began:
                self._began = True
                self._print(_HEADER)
            self._print(_line(metrics))
        else:
            pace = progress_words(metrics.progress)
            self._show(f"epoch {metrics.epoch} · loss {metrics.loss:.3f}", metrics.progress.share, pace)

    def end(self, run: Run) -> None:
        """How it has ended."""
        if not run.epochs:
            output.write(f"{run.name}: {run.status} before the first epoch was over.")
            return
        best = next((m for m in run.epochs if m.epoch == run.best_epoch), run.epochs[-1])
        took = units.seconds(run.wall_seconds)
        output.write(
            f"{run.name}: {run.status} after {took}; best epoch {best.epoch}, test error "
            f"{units.percent(best.test_error)} (explorer runs show {run.name})"
        )
        if run.status == "stopped":
            output.write(f"To go on: explorer train --resume {run.name}")

    def _show(self, words: str, share: float, pace: str) -> None:
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, description=words, completed=share, pace=pace)

    def _print(self, line: str) -> None:
        if self._bar is not None:
            self._bar.console.print(line, highlight=False, markup=False)
        else:
            self._write(line)

    def _line_once(self, line: str) -> None:
        if line != self._said:
            self._said = line
            self._write(line)

    def _write(self, line: str) -> None:
        try:
            output.write(line)
        except typer.Exit:  # the run is to be stopped, and to say so itself
            self.unread = True


def _line(metrics: EpochMetrics) -> str:
    cells = (
        (str(metrics.epoch), 5),
        (units.percent(metrics.train_error), 13),
        (units.percent(metrics.test_error), 12),
        (f"{metrics.train_loss:.4f}", 12),
        (f"{metrics.test_loss:.4f}", 11),
        (f"{metrics.lr:.3g}", 15),
        (f"{metrics.images_per_second:,.0f}", 10),
    )
    return "".join(cell.rjust(width) for cell, width in cells)
