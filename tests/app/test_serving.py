"""How the app is served: in which language, on which port, and to whom."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from explorer.app.main import (
    DEFAULT_PORT,
    LANGUAGE_COOKIE,
    LanguageRedirect,
    _terminated_as_interrupted,
    free_port,
)
from explorer.errors import ConfigError


async def page(request: Request) -> PlainTextResponse:
    return PlainTextResponse(f"page {request.url.path}")


@pytest.fixture
def client() -> Iterator[TestClient]:
    routes = [Route(path, page, methods=["GET", "POST"]) for path in ("/", "/ko", "/theme.css")]
    with TestClient(Starlette(routes=routes, middleware=[Middleware(LanguageRedirect)]), follow_redirects=False) as one:
        yield one


@pytest.mark.parametrize("accepted", ["ko", "ko-KR", "ko-KR,ko;q=0.9,en-US;q=0.8", " KO ,en"])
def test_korean_browsers_are_led_to_korean_with_their_link(client: TestClient, accepted: str) -> None:
    answer = client.get("/?tab=field&model=resnet34&unit=1%2C2", headers={"Accept-Language": accepted})
    assert answer.status_code == 307
    # Relative: the app may be served below another path.
    assert answer.headers["location"] == "./ko?tab=field&model=resnet34&unit=1%2C2"
    assert client.get("/", headers={"Accept-Language": accepted}).headers["location"] == "./ko"


@pytest.mark.parametrize("accepted", ["", "en-US,en;q=0.9,ko;q=0.8", "de", "kok-IN", "*", ",,;;"])
def test_other_browsers_stay(client: TestClient, accepted: str) -> None:
    answer = client.get("/?model=resnet34", headers={"Accept-Language": accepted})
    assert (answer.status_code, answer.text) == (200, "page /")


def test_what_was_chosen_counts_more_than_what_the_browser_says(client: TestClient) -> None:
    english = client.get("/", headers={"Accept-Language": "ko", "Cookie": f"{LANGUAGE_COOKIE}=en"})
    assert english.status_code == 200
    korean = client.get("/", headers={"Accept-Language": "en", "Cookie": f"{LANGUAGE_COOKIE}=ko"})
    assert korean.headers["location"] == "./ko"
    odd = client.get("/", headers={"Accept-Language": "ko", "Cookie": f"{LANGUAGE_COOKIE}=//evil.example"})
    assert odd.status_code == 200


def test_only_the_first_page_leads_on(client: TestClient) -> None:
    korean = {"Accept-Language": "ko"}
    assert client.get("/ko", headers=korean).status_code == 200
    assert client.get("/theme.css", headers=korean).status_code == 200
    assert client.post("/", headers=korean).status_code == 200


def test_a_redirect_stays_on_this_host(client: TestClient) -> None:
    answer = client.get("//evil.example/?model=vgg_a", headers={"Accept-Language": "ko"})
    assert "evil" not in answer.headers.get("location", "")


def test_a_port_that_is_taken_is_said() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"Port {port} on 127\.0\.0\.1 cannot be used .*: choose another\."):
            free_port("127.0.0.1", port)
    assert free_port("127.0.0.1", port) == port


def test_the_next_free_port_is_taken() -> None:
    found = free_port("127.0.0.1", None)
    assert DEFAULT_PORT <= found < DEFAULT_PORT + 100
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", found))
        taken.listen()
        assert found < free_port("127.0.0.1", None) < DEFAULT_PORT + 100


def test_a_host_that_is_none_is_said() -> None:
    with pytest.raises(ConfigError, match=r"host='no such host' is no address of this machine"):
        free_port("no such host", 7999)


# ---------------------------------------------------------------- its end


@pytest.fixture
def handlers() -> Iterator[None]:
    """What signals do, put back after the test."""
    names = [name for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {name: signal.getsignal(getattr(signal, name)) for name in names}
    yield
    for name, handler in before.items():
        signal.signal(getattr(signal, name), handler)


def be_asked_to_end(number: int) -> None:
    with _terminated_as_interrupted():
        os.kill(os.getpid(), number)
        time.sleep(5)  # until the signal comes


@pytest.mark.skipif(sys.platform == "win32", reason="no process is asked to end there, and no terminal hangs up")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_request_to_end_is_as_ctrl_c(name: str, handlers: None) -> None:
    number = getattr(signal, name)
    signal.signal(number, signal.SIG_DFL)
    with pytest.raises(KeyboardInterrupt):
        be_asked_to_end(number)
    if name == "SIGHUP":
        os.kill(os.getpid(), number)  # the shell's own: the trainings are being ended already
    else:
        assert signal.getsignal(number) is signal.SIG_DFL


@pytest.mark.skipif(sys.platform == "win32", reason="no terminal hangs up there")
def test_what_is_to_outlive_its_terminal_does(handlers: None) -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    with _terminated_as_interrupted():
        os.kill(os.getpid(), signal.SIGHUP)
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
