"""What a stream sends to the page, so that no message of it is lost."""

from __future__ import annotations

from typing import Any

import gradio as gr


class Streaming(gr.Blocks):
    """Blocks whose streams send a changed update whole.

    Gradio sends what is different from the message before, and the page works that into the value of that message in
    place, which may still wait to be shown: `gr.update(choices=...)` followed by `gr.skip()` was lost as often as not.
    """

    def handle_streaming_diffs(self, block_fn: Any, data: list[Any], *args: Any, **kwargs: Any) -> list[Any]:
        """As Gradio's, with a new value in place of changes inside one."""
        values = list(data)
        sent: list[Any] = super().handle_streaming_diffs(block_fn, data, *args, **kwargs)
        if kwargs.get("final"):
            return sent
        return [
            [["replace", [], value]] if one is not value and any(path for _, path, _ in one) else one
            for one, value in zip(sent, values, strict=True)
        ]
