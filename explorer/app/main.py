"""The app: one page a language, served on this machine only unless told otherwise. Nothing is fetched from outside."""

from __future__ import annotations

import atexit
import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import gradio as gr
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.requests import cookie_parser
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from explorer.app import training_data, training_store, warm_up
from explorer.app.page import build_page
from explorer.app.streams import Streaming
from explorer.app.theme import theme
from explorer.app.widgets import PLOTLY_JS, STATIC
from explorer.errors import ConfigError, UnknownNameError
from explorer.jobs import queue
from explorer.language import LANGUAGES, text

DEFAULT_PORT = 7860
MAX_UPLOAD = "1gb"
"""Of one file: pictures have their own limit, a zip of pictures may be larger."""

UPLOADS_SECONDS = (60, 300)
"""How often to look for uploaded files, and how old they grow; when the app ends, all go."""

LANGUAGE_COOKIE = "explorer_language"
_THIS_MACHINE = {"127.0.0.1", "localhost", "::1"}


def build_app(language: str = "auto") -> gr.Blocks:
    """The whole app, not yet served: the first language's page at `/`, the others' at `/ko` or `/en`.

    Args:
        language: `en` or `ko` for the page at `/`; `auto` is English there, with Korean browsers led to `/ko`.
    """
    first = "en" if language == "auto" else language
    if first not in LANGUAGES:
        raise UnknownNameError("language", language, [*LANGUAGES, "auto"])
    paths = {code: "./" if code == first else f"./{code}" for code in LANGUAGES}
    with Streaming(
        title=text("header.title", first), analytics_enabled=False, fill_width=True, delete_cache=UPLOADS_SECONDS
    ) as app:
        build_page(app, first, paths)
    for other in LANGUAGES:
        if other != first:
            with app.route(LANGUAGES[other], f"/{other}", show_in_navbar=False) as page:
                build_page(page, other, paths)
    return app  # type: ignore[no-any-return]  # gr.Blocks is untyped


class LanguageRedirect:
    """Leads a browser at `/` to the page of its own language, or of the one that was chosen there before."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == "/" and scope["method"] == "GET":
            headers = Headers(scope=scope)
            chosen = cookie_parser(headers.get("cookie", "")).get(LANGUAGE_COOKIE)
            preferred = chosen or headers.get("accept-language", "").split(",")[0].split("-")[0].strip().lower()
            if preferred == "ko":
                query = scope["query_string"].decode("latin-1")
                await RedirectResponse("./ko" + (f"?{query}" if query else ""), 307)(scope, receive, send)
                return
        await self.app(scope, receive, send)


def launch(
    *,
    host: str = "127.0.0.1",
    port: int | None = None,
    auth: tuple[str, str] | None = None,
    language: str = "auto",
    open_browser: bool = False,
    inline: bool = False,
    block: bool | None = None,
    quiet: bool = False,
) -> str:
    """Serve the app.

    Args:
        host: address to listen on; the default is reachable from this machine only.
        port: default 7860, or the next free one.
        auth: user name and password that the page asks for.
        language: `auto` (the browser's), `en` or `ko`.
        open_browser: open the page.
        inline: show the app in a notebook cell.
        block: wait until the app is stopped; default: unless `inline`.
        quiet: print nothing.

    Returns:
        The app's address.

    Raises:
        ConfigError: the port is taken or not allowed.
    """
    chosen = free_port(host, port)
    # Whoever reaches the app from elsewhere is not to look at this machine's folders.
    training_data.allow_own_folders(host in _THIS_MACHINE)
    app = build_app(language)
    gr.set_static_paths([str(STATIC), str(PLOTLY_JS)])
    middleware = [Middleware(LanguageRedirect)] if language == "auto" else []
    settings: dict[str, Any] = {
        "theme": theme(),
        "css_paths": [STATIC / "explorer.css"],
        "footer_links": [],
        "run_history": False,
        "ssr_mode": False,
        "mcp_server": False,
        "enable_monitoring": False,
        "share": False,
        "app_kwargs": {"middleware": middleware},
        "max_file_size": MAX_UPLOAD,
    }
    _, local_url, _ = app.launch(
        server_name=host,
        server_port=chosen,
        auth=auth,
        inbrowser=open_browser,
        inline=inline,
        height=800,
        prevent_thread_lock=True,
        quiet=True,
        **settings,
    )
    if not quiet:
        running = "launch.inline" if inline else "launch.running"
        print(text(running, "ko" if language == "ko" else "en", url=local_url), flush=True)
        if port is None and chosen != DEFAULT_PORT:
            print(f"Port {DEFAULT_PORT} is taken, so this is port {chosen}.", flush=True)
    atexit.register(_end_trainings)
    if not inline if block is None else block:
        with _terminated_as_interrupted():
            end_warm_up = warm_up.start("ko" if language == "ko" else "en")
            app.block_thread()
        end_warm_up()
        _end_trainings()
    return local_url


def _end_trainings() -> None:
    """Stop what the page has started and wait until it has ended; all of it can be gone on with."""
    queue.stop_all(training_store.store())


@contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """Let a request to terminate, or its terminal that goes, end the app as Ctrl+C does: its trainings end with it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, _: object) -> None:
        if number == hang_up:
            # It comes twice, from the system and from the shell: the second one is not to end the ending.
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    hang_up = getattr(signal, "SIGHUP", None)  # not on Windows
    numbers = [signal.SIGTERM]
    if hang_up is not None and signal.getsignal(hang_up) is not signal.SIG_IGN:  # as nohup asks for
        numbers.append(hang_up)
    before = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            if signal.getsignal(number) is interrupt:
                signal.signal(number, handler)


def free_port(host: str, port: int | None) -> int:
    """`port` if it can be listened on; without one, 7860 or the next free one.

    Raises:
        ConfigError: `port` is taken or not allowed, or nothing is free.
    """
    candidates = range(DEFAULT_PORT, DEFAULT_PORT + 100) if port is None else (port,)
    for candidate in candidates:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM) as probe:
            if os.name == "posix":
                # A port that an app just left may be taken again at once.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, candidate))
            except socket.gaierror as error:
                raise ConfigError(f"host={host!r} is no address of this machine: use 127.0.0.1 or 0.0.0.0.") from error
            except OSError as error:
                if port is not None:
                    raise ConfigError(
                        f"Port {port} on {host} cannot be used ({error.strerror}): choose another."
                    ) from error
                continue
            return candidate
    raise ConfigError(f"No port from {DEFAULT_PORT} to {DEFAULT_PORT + 99} is free: choose one with --port.")
