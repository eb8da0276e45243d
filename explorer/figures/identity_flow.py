"""The gradient at every residual block's input by the way that it took: through the shortcut or through the branch."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from explorer.figures import style
from explorer.figures.net_titles import net_title
from explorer.flow_results import IdentityFlow
from explorer.language import text
from explorer.units import magnitude

_FIELDS = ("block", "kind", "output", "added", "input", "through_shortcut", "through_branch", "cosine", "error")
_LINES = (("input", "solid", "circle"), ("through_shortcut", "dash", "square"), ("through_branch", "dot", "diamond"))
_HEIGHT = 400


def identity_data(flow: IdentityFlow) -> pd.DataFrame:
    """One row for each block: block, kind, and the norms of the gradient at its output, sum and input, and its ways."""
    rows = [tuple(getattr(block, name) for name in _FIELDS) for block in flow.blocks]
    return pd.DataFrame(rows, columns=list(_FIELDS))


def plot_identity(flow: IdentityFlow, language: str = "en") -> go.Figure:
    """The whole gradient at each block's input and its two parts, on a logarithmic axis; other than identities marked.

    Args:
        flow: of one net.
        language: of the words.
    """
    figure = style.figure(_HEIGHT)
    numbers = list(range(1, len(flow.blocks) + 1))
    colours = (style.INK, style.RESIDUAL, style.PLAIN)
    for (name, dash, symbol), colour in zip(_LINES, colours, strict=True):
        figure.add_scatter(
            x=numbers,
            y=[getattr(block, name) or None for block in flow.blocks],
            mode="lines+markers",
            name=text(f"identity.{name}", language),
            line={"color": style.REFERENCE if name == "input" else colour, "width": 2, "dash": dash},
            marker={"size": 6, "symbol": symbol},
            customdata=[block.block for block in flow.blocks],
            hovertemplate="%{customdata}: %{y:.3~g}<extra>%{fullData.name}</extra>",
        )
    for number, block in zip(numbers, flow.blocks, strict=True):
        if block.kind != "identity":
            figure.add_vline(x=number, line={"color": style.REFERENCE, "dash": "dot", "width": 1})
    drawn = [getattr(block, name) for name, _, _ in _LINES for block in flow.blocks]
    figure.update_layout(
        xaxis={"title": text("identity.axis.block", language)},
        yaxis={"title": text("identity.axis.norm", language), **style.logarithmic(drawn)},
        showlegend=True,
        margin={"t": 56},
    )
    return figure


def describe_identity(flow: IdentityFlow, language: str = "en") -> str:
    """What the curves show, computed from them: that the parts add up, what the identity keeps, and where it breaks."""
    if not flow.blocks:
        return ""
    blocks, named = flow.blocks, net_title(flow.net, language)
    larger = sum(block.through_shortcut > block.through_branch for block in blocks)
    sentences = [text("caption.identity.larger", language, net=named, count=larger, total=len(blocks))]
    worst = max(block.error for block in blocks)
    key = "adds_up" if worst else "adds_up_exactly"
    sentences.append(text(f"caption.identity.{key}", language, error=magnitude(worst)))
    identities = [block for block in blocks if block.kind == "identity" and block.output]
    if identities:
        kept = [block.through_shortcut / block.output for block in identities]
        low, high = min(kept), max(kept)
        if low > 1 - 1e-4:
            sentences.append(text("caption.identity.unchanged", language, count=len(identities)))
        else:
            values = {"low": f"{100 * low:.0f}", "high": f"{100 * high:.0f}"}
            sentences.append(text("caption.identity.relu", language, **values))
    others = [block for block in blocks if block.kind != "identity" and block.output]
    if others:
        listed = ", ".join(f"{block.block} × {magnitude(block.through_shortcut / block.output)}" for block in others)
        sentences.append(text("caption.identity.others", language, listed=listed))
    return " ".join(sentences)
