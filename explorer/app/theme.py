"""Colours, fonts and spacing: system fonts only, so that nothing is fetched."""

from __future__ import annotations

import gradio as gr

_FONTS = [
    "system-ui",
    "-apple-system",
    "Segoe UI",
    "Apple SD Gothic Neo",
    "Malgun Gothic",
    "Noto Sans KR",
    "sans-serif",
]
_MONO = ["ui-monospace", "SFMono-Regular", "Consolas", "Liberation Mono", "monospace"]


def theme() -> gr.themes.Base:
    """A calm theme: one accent, thin lines, no shadows."""
    return gr.themes.Base(
        primary_hue=gr.themes.colors.blue,
        neutral_hue=gr.themes.colors.gray,
        radius_size=gr.themes.sizes.radius_sm,
        spacing_size=gr.themes.sizes.spacing_sm,
        font=_FONTS,
        font_mono=_MONO,
    ).set(
        body_background_fill="#ffffff",
        body_background_fill_dark="#14171c",
        block_background_fill="transparent",
        block_background_fill_dark="transparent",
        block_border_width="0px",
        block_shadow="none",
        block_label_background_fill="transparent",
        block_label_background_fill_dark="transparent",
        button_primary_background_fill="#0072B2",
        button_primary_background_fill_hover="#005f94",
        button_primary_background_fill_dark="#0072B2",
        button_primary_text_color="#ffffff",
        color_accent="#0072B2",
        slider_color="#0072B2",
    )
