"""The constructed solution: the errors of a trained net, of a deeper one made from it, and of a deeper trained one."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from explorer import units
from explorer.figures import style
from explorer.language import text
from explorer.lesson_results import ConstructedResult, net_title

AS_GOOD = 2
"""Training pictures by which two nets may differ and still be called as good."""


def constructed_data(result: ConstructedResult) -> pd.DataFrame:
    """One row a net: role (`source`, `constructed`, `trained`), net, depth, params, train_error, test_error."""
    nets = {"source": result.source, "constructed": result.constructed, "trained": result.trained}
    rows = [
        {
            "role": role,
            "net": net_title(net.net),
            "depth": net.depth,
            "params": net.params,
            "train_error": net.train_error,
            "test_error": net.test_error,
        }
        for role, net in nets.items()
        if net is not None
    ]
    return pd.DataFrame(rows)


def plot_constructed(result: ConstructedResult, language: str = "en") -> go.Figure:
    """Training and test error of each net, side by side."""
    data = constructed_data(result)
    figure = style.figure(320)
    labels = [
        text(f"constructed.role.{role}", language, net=net) for role, net in zip(data["role"], data["net"], strict=True)
    ]
    light, dark = style.shades(style.PLAIN, 2)
    for kind, colour, pattern in (("train", light, "/"), ("test", dark, "")):
        errors = data[f"{kind}_error"]
        figure.add_bar(
            x=labels,
            y=errors * 100,
            name=text(f"constructed.{kind}", language),
            marker={"color": colour, "pattern": {"shape": pattern, "solidity": 0.4}},
            text=[units.percent(error) for error in errors],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{x}<br>%{text}<extra></extra>",
        )
    figure.update_layout(
        barmode="group",
        yaxis={"title": text("figure.axis.error", language), "range": [0, 105]},
        xaxis={"showgrid": False, "ticks": ""},
        margin={"t": 48},
    )
    return figure


def describe_constructed(result: ConstructedResult, language: str = "en") -> str:
    """What was made and how it compares, in sentences computed from the plotted values."""
    source, made, trained = result.source, result.constructed, result.trained
    names = {"source": net_title(source.net), "made": net_title(made.net)}
    sentences = [
        text(
            "caption.constructed.made",
            language,
            **names,
            blocks=result.added_blocks,
            layers=made.depth - source.depth,
            params=units.exact(made.params),
            before=units.exact(source.params),
        ),
        text(
            "caption.constructed.equal" if result.largest_difference == 0 else "caption.constructed.near",
            language,
            pictures=units.exact(result.train_pictures + result.test_pictures),
            difference=f"{result.largest_difference:.1g}",
            largest=f"{result.largest_logit:.2g}",
            same=units.percent(result.same_answers),
        ),
        text(
            "caption.constructed.errors",
            language,
            **names,
            source_train=units.percent(source.train_error),
            made_train=units.percent(made.train_error),
            source_test=units.percent(source.test_error),
            made_test=units.percent(made.test_error),
        ),
    ]
    if trained is not None:
        worse = trained.train_error - made.train_error
        pictures = round(abs(worse) * result.train_pictures)
        kind = "same" if pictures <= AS_GOOD else "worse" if worse > 0 else "better"
        sentences.append(
            text(
                f"caption.constructed.trained.{kind}",
                language,
                net=net_title(trained.net),
                train=units.percent(trained.train_error),
                test=units.percent(trained.test_error),
                points=f"{abs(worse) * 100:.1f}",
                pictures=units.exact(pictures),
                total=units.exact(result.train_pictures),
            )
        )
    sentences.append(text("caption.constructed.limits", language))
    return " ".join(sentences)
