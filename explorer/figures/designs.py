"""Two designs for the same job beside each other: weights, multiply-adds, non-linearities, field."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from explorer import units
from explorer.cost_results import DesignComparison
from explorer.figures import style
from explorer.language import text

_MEASURES = ("weights", "macs", "nonlinearities", "receptive_field")


def design_data(comparison: DesignComparison) -> pd.DataFrame:
    """One row a design: design, weights, macs, nonlinearities, receptive_field (px)."""
    return pd.DataFrame(
        [
            {"design": design.name, **{measure: getattr(design, measure) for measure in _MEASURES}}
            for design in (comparison.first, comparison.second)
        ]
    )


def plot_design(designs: DesignComparison | pd.DataFrame, language: str = "en") -> go.Figure:
    """Four small bar charts side by side, one a quantity, each with its own axis from zero.

    Args:
        designs: a comparison, or what `design_data` gave of one.
        language: `en` or `ko`.
    """
    data = _data(designs)
    figure = style.figure(240)
    width = 1 / len(_MEASURES)
    for index, measure in enumerate(_MEASURES, start=1):
        suffix = "" if index == 1 else str(index)
        values = data[measure]
        figure.add_bar(
            x=data["design"],
            y=values,
            xaxis=f"x{suffix}",
            yaxis=f"y{suffix}",
            marker={
                "color": [style.RESIDUAL, style.REFERENCE][: len(data)],
                "pattern": {"shape": ["", "/"][: len(data)], "solidity": 0.4},
            },
            text=[units.count(value) for value in values],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{x}<br>%{text}<extra></extra>",
            showlegend=False,
        )
        left = (index - 1) * width
        figure.update_layout(
            {
                f"xaxis{suffix}": {
                    "domain": [left + 0.02, left + width - 0.02],
                    "anchor": f"y{suffix}",
                    "title": {"text": text(f"design.{measure}", language), "font": {"size": 12}},
                    "showgrid": False,
                    "tickfont": {"size": 10},
                },
                f"yaxis{suffix}": {
                    "anchor": f"x{suffix}",
                    "range": [0, float(values.max()) * 1.2 or 1],
                    "showticklabels": False,
                    "ticks": "",
                    "showgrid": False,
                },
            }
        )
    figure.update_layout(margin={"l": 8, "r": 8, "t": 16, "b": 60}, meta={"panels": len(_MEASURES)})
    return figure


def _data(designs: DesignComparison | pd.DataFrame) -> pd.DataFrame:
    return design_data(designs) if isinstance(designs, DesignComparison) else designs


def describe_design(designs: DesignComparison | pd.DataFrame, language: str = "en") -> str:
    """Which design is cheaper and by how much, computed from the plotted values."""
    data = _data(designs)
    first, second = data.iloc[0], data.iloc[1]
    ratio = second["weights"] / first["weights"]
    kind = "cheaper" if ratio > 1 else "dearer" if ratio < 1 else "same"
    words = text(
        f"caption.design.{kind}",
        language,
        first=first["design"],
        second=second["design"],
        ratio=f"{max(ratio, 1 / ratio):.2f}",
        first_weights=units.exact(int(first["weights"])),
        second_weights=units.exact(int(second["weights"])),
    )
    extra = int(first["nonlinearities"] - second["nonlinearities"])
    more = text("caption.design.nonlinear", language, extra=extra) if extra > 0 else ""
    same = first["receptive_field"] == second["receptive_field"]
    field = text(
        "caption.design.same_field" if same else "caption.design.other_field",
        language,
        first=units.pixels(int(first["receptive_field"])),
        second=units.pixels(int(second["receptive_field"])),
    )
    return " ".join(part for part in (field, words, more) if part)
