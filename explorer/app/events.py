"""How events are bound: what answers at once, and what takes seconds and streams."""

from __future__ import annotations

from typing import Any

_WITHOUT_PROGRESS: dict[str, Any] = {"show_progress": "hidden", "show_progress_on": []}
"""The page says itself what goes on. With Gradio's progress on an event's outputs, hidden or not, every message of an
event sets the progress of all components that any event has ever written to: half a second in a page of many tabs."""

QUICK: dict[str, Any] = {
    "queue": False,
    **_WITHOUT_PROGRESS,
    "api_visibility": "private",
    "trigger_mode": "always_last",
}
"""What answers at once: outside the queue, the latest choice wins."""

STREAMING: dict[str, Any] = {
    **_WITHOUT_PROGRESS,
    "api_visibility": "private",
    "trigger_mode": "always_last",
    "concurrency_id": "analysis",
    "concurrency_limit": 2,
}
"""What computes for seconds: two at a time on the whole machine, coarse results first."""

LOOKING = QUICK
"""What a page asks again and again: not before it has the last answer, which may be to an address of before."""

READING: dict[str, Any] = {**STREAMING, "concurrency_id": "data"}
"""What reads or downloads data: it may take minutes, and keeps nobody from computing."""

EXAMINING: dict[str, Any] = {**STREAMING, "concurrency_id": "examination"}
"""What goes through all test pictures of a net, or writes it as ONNX: it may take minutes, too."""

FORETELLING: dict[str, Any] = {**STREAMING, "concurrency_id": "forecast"}
"""What says beforehand what a training will take."""
