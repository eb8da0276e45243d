"""Step 4 of the Transfer tab: which strategies are compared, each in a sentence, on how much, at which rate."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

import gradio as gr

from explorer.app.rate_trial import RateTrial, build_rate_trial, rate_info
from explorer.app.transfer_choice import WAYS, TransferChoice, written_rate, written_sizes
from explorer.language import text


@dataclass(frozen=True)
class Setup:
    """The widgets of an experiment's choices; `learning` is the table of what learns, stage by stage."""

    ways: gr.CheckboxGroup
    sizes: gr.Textbox
    seeds: gr.Textbox
    rate: gr.Textbox
    learning: gr.HTML
    trial: RateTrial


def build_setup(chosen: TransferChoice, language: str) -> Setup:
    """Lay the choices out in the current column."""

    def box(name: str, value: str, info: str) -> gr.Textbox:
        label = text(f"transfer.{name}", language)
        return gr.Textbox(value, label=label, info=info, elem_id=f"transfer-{name}")

    with gr.Row(elem_id="transfer-experiment", elem_classes="choices"):
        ways = gr.CheckboxGroup(
            [(way_title(way, language), way) for way in WAYS],
            value=list(chosen.strategies),
            label=text("transfer.ways", language),
            info=text("transfer.ways.info", language),
            elem_id="transfer-ways",
        )
        sizes = box("sizes", written_sizes(chosen.sizes), text("transfer.sizes.info", language))
        seeds = box("seeds", str(chosen.seeds), text("transfer.seeds.info", language))
        rate = box("rate", written_rate(chosen.rate), rate_info(chosen, language))
    gr.HTML(ways_html(WAYS, language), apply_default_css=False, padding=False, elem_id="transfer-ways-about")
    with gr.Accordion(text("transfer.stages", language), open=False, elem_id="transfer-stage-table"):
        learning = gr.HTML("", apply_default_css=False)
    return Setup(ways, sizes, seeds, rate, learning, build_rate_trial(language))


def ways_html(ways: Sequence[str], language: str) -> str:
    """Each strategy with what it does, in a sentence."""
    rows = "".join(
        f"<div><dt>{html.escape(way_title(way, language))}</dt>"
        f"<dd>{html.escape(text(f'experiment.about.{way}', language))}</dd></div>"
        for way in ways
    )
    return f'<dl class="ways">{rows}</dl>'


def way_title(way: str, language: str) -> str:
    """How a strategy is called."""
    return text(f"experiment.strategy.{way}", language)
