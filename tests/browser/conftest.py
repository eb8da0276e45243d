"""The real app in a real browser: one app for all tests, a fresh visitor for each.

The browser resolves no name but this machine's, as if the network were unplugged. A test fails when the page wrote an
error to the console, raised one, asked for something that is not there, or asked for anything outside this machine.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest

from explorer.language import LANGUAGES, text

pytest.importorskip("playwright.sync_api", reason="browser tests need Playwright: pip install -e .[dev]")

from playwright.sync_api import Browser, Locator, Page, Playwright, Request, expect, sync_playwright

HOW_TO_GET_ONE = (
    "there is no Chromium or Chrome: install one (Debian: apt-get install chromium), "
    "or let Playwright bring its own: python -m playwright install chromium"
)
COMMANDS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "C:/Program Files/Google/Chrome/Application/chrome.exe",
)
ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--no-default-browser-check"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions"),
    *("--disable-default-apps", "--disable-domain-reliability", "--no-pings", "--mute-audio"),
    *("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"),  # a camera, and leave to use it
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]
TIMEOUT_MS = 20_000
DESKTOP = {"width": 1400, "height": 900}
PHONE = {"width": 390, "height": 844}

expect.set_options(timeout=TIMEOUT_MS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)


# ---------------------------------------------------------------- the app


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_served(url: str, process: subprocess.Popen[bytes], log: Path, seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            pytest.fail(
                f"The app ended with {process.returncode}:\n{log.read_text(encoding='utf-8', errors='replace')}"
            )
        try:
            with urlopen(url, timeout=5) as answer:
                answer.read()
                return
        except OSError:
            time.sleep(0.1)
    pytest.fail(f"The app did not answer within {seconds:g} s:\n{log.read_text(encoding='utf-8', errors='replace')}")


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of an app that keeps its data in `folder`, started as a user starts it.

    When it is asked to end it ends, its trainings too, and its log holds no traceback.
    """
    port, log = free_port(), folder / "log.txt"
    command = [sys.executable, "-m", "explorer", "app", "--port", str(port), "--no-browser"]
    environment = os.environ | {"EXPLORER_HOME": str(folder / "home")}
    with (
        log.open("wb") as stream,
        subprocess.Popen(command, stdout=stream, stderr=subprocess.STDOUT, env=environment) as process,
    ):
        url = f"http://127.0.0.1:{port}"
        try:
            wait_until_served(url, process, log)
            yield url
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
    assert "Traceback" not in log.read_text(encoding="utf-8", errors="replace"), log.read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def app_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the app that most tests share."""
    with served(tmp_path_factory.mktemp("app")) as url:
        yield url


# ---------------------------------------------------------------- the browser


def system_browser() -> str | None:
    chosen = os.environ.get("EXPLORER_BROWSER")
    if chosen:
        return chosen
    found = (shutil.which(command) for command in COMMANDS)
    return next(filter(None, found), None) or next((place for place in PLACES if Path(place).exists()), None)


def browser_of(playwright: Playwright) -> Browser | None:
    """The system's browser, or Playwright's own."""
    executable = system_browser()
    if executable is None and not Path(playwright.chromium.executable_path).exists():
        return None
    return playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        found = browser_of(playwright)
        if found is None:
            if os.environ.get("EXPLORER_REQUIRE_BROWSER"):
                pytest.fail(HOW_TO_GET_ONE)
            pytest.skip(HOW_TO_GET_ONE)
        yield found
        found.close()


@dataclass
class Visitor:
    """Somebody at the page.

    Attributes:
        page: the browser's tab.
        url: the app's address.
        complaints: what went wrong on the page so far.
        asked: what the page asked the app for and has no answer to yet.
        streams: what the app is still computing for the page, coarse to fine.
        heard: what listens to the page, by event.
    """

    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)
    asked: list[Request] = field(default_factory=list)
    streams: list[Request] = field(default_factory=list)
    heard: dict[str, Callable[[Any], None]] = field(default_factory=dict)

    def watch(self) -> None:
        self.heard = {
            "console": lambda message: self._console(message.type, message.text),
            "pageerror": lambda error: self.complaints.append(f"page error: {error}"),
            "request": self._request,
            "requestfinished": self._done,
            "requestfailed": self._done,
            "response": lambda response: self._response(response.status, response.url),
            "crash": lambda _: self.complaints.append("the page crashed"),
        }
        for event, heard in self.heard.items():
            self.page.on(event, heard)  # type: ignore[call-overload]

    def leave(self) -> None:
        """Take everything along that the next visitor of this tab should not find."""
        for event, heard in self.heard.items():
            self.page.remove_listener(event, heard)
        self.page.evaluate("localStorage.clear(); sessionStorage.clear()")
        self.page.context.clear_cookies()
        self.page.goto("about:blank")

    def _console(self, kind: str, words: str) -> None:
        if kind == "error":
            self.complaints.append(f"console: {words}")

    def _request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in {"data", "blob", "about"} and f"{parts.scheme}://{parts.netloc}" != self.url:
            self.complaints.append(f"asked outside: {request.url[:200]}")
        if parts.path.endswith("/run/predict"):
            self.asked.append(request)
        if parts.path.endswith(("/queue/join", "/queue/data")):
            self.streams.append(request)

    def _done(self, request: Request) -> None:
        for waiting in (self.asked, self.streams):
            if request in waiting:
                waiting.remove(request)

    def _response(self, status: int, url: str) -> None:
        if status >= 400:
            self.complaints.append(f"HTTP {status}: {url[:200]}")

    def go(self, path: str = "/") -> None:
        """Open an address and wait until the page has followed it."""
        mark = "&" if "?" in path else "?"
        self.page.goto(f"{self.url}{path}{mark}__opened=1")
        self.settled()

    def settled(self) -> None:
        """Wait until the page wrote its own address, without the mark that `go` left there, and drew."""
        self.page.wait_for_function(
            "window.explorer && location.search.includes('tab=') && !location.search.includes('__opened')"
        )
        self.quiet()

    def quiet(self, streams: bool = False) -> None:
        """Wait until every question to the app is answered and shown, and with `streams` the long ones, too."""
        end = time.monotonic() + TIMEOUT_MS / 1000 * (2 if streams else 1)
        self.next_frame()
        while self.asked or (streams and self.streams):
            assert time.monotonic() < end, f"still without an answer: {self.asked + self.streams}"
            self.next_frame()
        self.next_frame()

    def reload(self) -> None:
        """Load the page anew. What still streamed in would be cut off, and Gradio would complain of it."""
        self.quiet(streams=True)
        self.page.reload()
        self.settled()

    def next_frame(self) -> None:
        self.page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done, 20)))")

    def find(self, selector: str) -> Locator:
        """The one element of a selector."""
        return self.page.locator(selector)

    @property
    def query(self) -> str:
        return str(self.page.evaluate("location.search"))

    def wait_for_query(self, *parts: str) -> None:
        self.page.wait_for_function(
            "parts => parts.every((part) => location.search.split(/[?&]/).includes(part))", arg=list(parts)
        )

    def open_tab(self, name: str) -> None:
        """Open a tab by clicking on it, in the menu of the rest where there is no room for it."""
        tab = self.find(f"#tab-{name}-button:visible")
        if tab.count() == 0:
            self.find("#tabs").get_by_label("More tabs").click()
            names = "|".join(re.escape(text(f"tab.{name}", language)) for language in LANGUAGES)
            tab = self.find("#tabs .overflow-dropdown button").filter(has_text=re.compile(f"^({names})$"))
        tab.click()
        self.wait_for_query(f"tab={name}")
        self.quiet()

    def choose(self, menu: str, option: str) -> None:
        """Pick from a menu as a person does."""
        self.find(f"#{menu} input").click()
        self.page.get_by_role("option", name=option, exact=True).click()
        self.quiet()

    def type_into(self, menu: str, value: str) -> None:
        """Type another value into a menu that takes any."""
        box = self.find(f"#{menu} input")
        box.click()
        box.fill(value)
        box.press("Tab")  # leaving the box takes what was typed, as Enter does
        self.quiet()

    def pick(self, option: str, label: str) -> None:
        """Click one of a few choices."""
        self.find(f"#{option}").get_by_text(label, exact=True).click()
        self.quiet()

    def drawn(self, chart: str) -> Locator:
        """A chart card, once its plot is there; it may be asked for only when somebody scrolls to it."""
        self.find(f"#{chart}").evaluate("node => node.scrollIntoView({ block: 'nearest' })")
        plot = self.find(f"#{chart} .plot[data-drawn=yes]")
        expect(plot).to_be_visible()
        return self.find(f"#{chart}")

    def caption(self, chart: str) -> str:
        return (self.drawn(chart).locator("figcaption").inner_text()).replace("\u202f", " ")

    def lost_references(self) -> list[str]:
        """Hatches and clips that a drawing names and that are not there: what names them would be invisible."""
        return list(
            self.page.evaluate(
                """() => [...document.querySelectorAll('svg *')].flatMap((node) =>
                    [...node.attributes].flatMap((one) => [...one.value.matchAll(/url\\(["']?([^"')]*)["']?\\)/g)]
                        .map((found) => found[1])
                        .filter((at) => {
                            const [address, id] = at.split('#');
                            const here = address === '' || address === location.href.split('#')[0];
                            return !here || !document.getElementById(id);
                        })))"""
            )
        )

    def words(self, selector: str) -> str:
        """What a person reads there, on one line."""
        return " ".join(self.find(selector).inner_text().replace("\u202f", " ").split())

    def download(self, button: Locator) -> tuple[str, str]:
        """Click, and give the name and content of what the page saves."""
        with self.page.expect_download() as waiting:
            button.click()
        file = waiting.value
        return file.suggested_filename, Path(file.path()).read_text(encoding="utf-8")


Visit = Callable[..., Visitor]


@pytest.fixture(scope="session")
def tabs_left() -> list[Page]:
    """Tabs that visitors with the usual settings have left: a page opens there in half the time."""
    return []


@pytest.fixture
def visit(browser: Browser, app_url: str, tabs_left: list[Page]) -> Iterator[Visit]:
    """Send a visitor to a path; more than one at once if need be. In the end nobody may have a complaint.

    With settings, or without a path, the visitor has a browser window that nobody has used before.
    """
    visitors: list[Visitor] = []
    usual: list[Visitor] = []

    def send(path: str | None = "/", *, language: str = "en-US", **settings: Any) -> Visitor:
        as_usual = path is not None and language == "en-US" and not settings
        if as_usual and tabs_left:
            page = tabs_left.pop()
        else:
            context = browser.new_context(
                **{"viewport": DESKTOP, "locale": language, "reduced_motion": "reduce"} | settings
            )
            context.set_default_timeout(TIMEOUT_MS)
            page = context.new_page()
        visitor = Visitor(page, app_url)
        visitor.watch()
        visitors.append(visitor)
        if as_usual:
            usual.append(visitor)
        if path is not None:
            visitor.go(path)
        return visitor

    yield send
    complaints = [complaint for visitor in visitors for complaint in visitor.complaints]
    for visitor in visitors:
        if visitor in usual and not complaints and visitor.page.context.pages == [visitor.page]:
            visitor.leave()
            tabs_left.append(visitor.page)
        else:
            visitor.page.context.close()
    assert complaints == []
