"""`explorer examine`: what a trained net gets right and wrong, class by class."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from explorer import writers
from explorer.cli import output
from explorer.cli.options import Format
from explorer.errors import ConfigError

if TYPE_CHECKING:
    from explorer.examination_results import Examination

_HEADERS = ("Class", "Pictures", "Answered", "Right", "Precision", "Recall", "F1")
_ENDINGS = (".html", ".htm")


def examine(
    weights: Annotated[str, typer.Argument(metavar="RUN|FILE|shipped:NET", help="The trained net.")],
    data: Annotated[
        str | None,
        typer.Option(metavar="NAME|DIR|ZIP", help="Pictures with the same classes.  [default: what it was trained on]"),
    ] = None,
    mistakes: Annotated[int, typer.Option(metavar="NUMBER", help="How many of the surest mistakes to keep.")] = 12,
    test_subset: Annotated[int | None, typer.Option(min=1, metavar="NUMBER", help="Test pictures per class.")] = None,
    device: Annotated[str, typer.Option(metavar="NAME", help="Where to compute.")] = "auto",
    format: Format = "table",
    out: Annotated[
        Path | None, typer.Option(metavar="FILE.html", help="Write a page with all of it, pictures too.")
    ] = None,
) -> None:
    """Examine what a trained net confuses.

    How well it does on each class, and where it is wrong and sure.
    """
    writers.checked_format(format)
    if out is not None:
        _check_place(out)
    from explorer.training.data import full_name
    from explorer.training.examining import examine as examined
    from explorer.training.storage import disk_error

    name = None if data is None else full_name(data)
    found = examined(weights, name, mistakes=mistakes, test_subset=test_subset, device=device)
    if out is not None:
        from explorer.figures.examination_html import examination_html

        try:
            out.write_text(examination_html(found), encoding="utf-8")
        except OSError as error:
            raise disk_error(error, out) from error
    _show(found, format)
    if out is not None and format in ("table", "markdown"):
        output.write(f"\n{out}: the same with the confusion matrix and the mistakes as pictures.")


def _check_place(out: Path) -> None:
    """Before the net is tested for minutes."""
    if out.suffix.lower() not in _ENDINGS:
        raise ConfigError(f"out={str(out)[:60]!r} is not possible: use a name that ends with .html.")
    if not out.parent.is_dir():
        raise ConfigError(f"There is no folder {str(out.parent)[-60:]!r}: name one that is there.")
    if out.is_dir():
        raise ConfigError(f"{str(out)[-60:]!r} is a folder: name a file.")


def _show(found: Examination, format: str) -> None:
    from explorer.examination_tables import class_frame, display_classes
    from explorer.figures.examined import describe_examination

    if format == "json":
        output.write(writers.json_object(found.as_dict()))
        return
    frame = class_frame(found)
    if format == "csv":
        from explorer.tables import frame_to

        output.write(frame_to(frame, "csv"))
        return
    output.show_words(display_classes(frame, _HEADERS), set(range(1, len(_HEADERS))), format)
    output.write("\n" + "\n".join(describe_examination(found)))
