"""What a trained net does class by class, as pandas DataFrames: one row a class, or one a mistake."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from explorer import units
from explorer.examination_results import Examination

CLASS_COLUMNS = ("class", "pictures", "answered", "right", "precision", "recall", "f1")
MISTAKE_COLUMNS = ("index", "true", "answered", "probability")
UNDEFINED = "–"
"""What stands where a share has nothing to divide by: the precision of a class that was never answered is not 0."""

_SHARES = ("precision", "recall", "f1")


def class_frame(examination: Examination) -> pd.DataFrame:
    """One row for each class, in their order: class, pictures, answered, right, precision, recall, f1.

    Shares are between 0 and 1, and NA where they are not defined.
    """
    scores = examination.classes
    fields = {name: [getattr(score, "name" if name == "class" else name) for score in scores] for name in CLASS_COLUMNS}
    return pd.DataFrame(fields).astype(dict.fromkeys(_SHARES, "Float64"))


def mistake_frame(examination: Examination) -> pd.DataFrame:
    """One row for each mistake that was kept, the surest first: index, true, answered, probability (a share)."""
    rows = [[getattr(mistake, name) for name in MISTAKE_COLUMNS] for mistake in examination.mistakes]
    return pd.DataFrame(rows, columns=list(MISTAKE_COLUMNS))


def display_classes(frame: pd.DataFrame, headers: Sequence[str] = CLASS_COLUMNS) -> pd.DataFrame:
    """What a person reads of a `class_frame`: counts in full, shares in percent, – where they are not defined.

    Args:
        frame: what `class_frame` gave, or some of its rows.
        headers: what to call its columns.
    """
    shown = {}
    for header, name in zip(headers, CLASS_COLUMNS, strict=True):
        shown[header] = [_cell(name, value) for value in frame[name]]
    return pd.DataFrame(shown, dtype=object)


def _cell(name: str, value: object) -> str:
    if name in _SHARES:
        return UNDEFINED if value is pd.NA else units.percent(float(value))  # type: ignore[arg-type]
    return units.exact(value) if isinstance(value, int) else str(value)
