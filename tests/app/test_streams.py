"""What a stream sends, replayed as the page does it: all that has come is worked in before any of it is shown."""

from __future__ import annotations

from typing import Any

import gradio as gr

from explorer.app.main import build_app
from explorer.app.streams import Streaming


def sent(app: gr.Blocks, messages: list[list[Any]]) -> list[list[Any]]:
    with app:
        field = gr.Dropdown(["a"])
        started = gr.Button().click(lambda: None, None, [field] * len(messages[0]))
    fn = app.fns[started["id"]]  # type: ignore[index]  # gradio's event data is untyped
    rest = [
        app.handle_streaming_diffs(fn, list(message), session_hash="visitor", run="one", final=False)
        for message in messages
    ]
    return [*rest, app.handle_streaming_diffs(fn, list(messages[-1]), session_hash="visitor", run="one", final=True)]


def shown(sent: list[list[Any]]) -> list[list[Any]]:
    """What the page shows, message by message, where all have come before it shows the first."""
    values: list[Any] = list(sent[0])
    messages = [list(values)]
    for changes in sent[1:-1]:
        for place, edits in enumerate(changes):
            for action, path, new in edits:
                values[place] = changed(values[place], action, path, new)
        messages.append(list(values))
    return [*messages, sent[-1]]


def changed(value: Any, action: str, path: list[Any], new: Any) -> Any:
    if not path:
        return new if action == "replace" else value + new
    inside = value
    for step in path[:-1]:
        inside = inside[step]
    if action == "delete":
        del inside[path[-1]]
    elif action == "append":
        inside[path[-1]] += new
    else:
        inside[path[-1]] = new
    return value


MESSAGES: list[list[Any]] = [
    [gr.skip(), "chart", [1, 2]],
    [gr.update(choices=["b", "c"], value="b"), "chart, finer", [1, 3]],
    [gr.skip(), gr.skip(), [1, 3]],
    [gr.update(visible=False), "another", []],
]


def test_no_message_is_lost_on_a_page_that_is_busy() -> None:
    assert shown(sent(Streaming(), [[*message] for message in MESSAGES])) == [*MESSAGES, MESSAGES[-1]]


def test_text_that_grows_is_sent_by_what_is_new() -> None:
    messages = sent(Streaming(), [["a long text"], ["a long text, longer"], ["a long text, longer"]])
    assert messages == [["a long text"], [[["append", [], ", longer"]]], [[]], ["a long text, longer"]]


def test_the_app_is_one_of_them() -> None:
    assert isinstance(build_app("en"), Streaming)
