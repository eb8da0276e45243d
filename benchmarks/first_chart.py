"""From the command to the first chart in a browser: our app against a bare Gradio page with one plot.

Both are started as a user starts them, with a new browser; the clock stops when the chart's drawing stands in the page.
The bare page imports torch too, as any page about nets would. Runs take turns; the figures are medians.

    python -m benchmarks.first_chart [--runs 5]
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

from playwright.sync_api import Browser, Error, sync_playwright

from benchmarks.startup import free_port

PEER = Path(__file__).parent / "peers" / "bare_plot.py"
DRAWN = ".main-svg .trace, .main-svg .bars, .main-svg .scatterlayer path"


def seconds_to_chart(command: list[str], port: int, browser: Browser) -> float:
    """Start `command`, open its page, and wait for a drawn chart."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    page = browser.new_page()
    try:
        while time.perf_counter() - start < 120:
            try:
                page.goto(f"http://127.0.0.1:{port}/", wait_until="commit")
                break
            except Error:  # not listening yet
                time.sleep(0.05)
        page.wait_for_selector(DRAWN, state="attached", timeout=60_000)
        return time.perf_counter() - start
    finally:
        page.close()
        process.terminate()
        process.wait(timeout=20)


def main() -> None:
    """Measure both in turn and print the medians and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    runs: int = parser.parse_args().runs
    chrome = next(filter(None, map(shutil.which, ("chromium", "google-chrome", "chromium-browser"))), None)
    ours: list[float] = []
    bare: list[float] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chrome, args=["--no-sandbox", "--disable-gpu"])
        for _ in range(runs + 1):  # the first round warms the disk's cache and does not count
            port = free_port()
            ours.append(
                seconds_to_chart(
                    [sys.executable, "-m", "explorer", "app", "--port", str(port), "--no-browser"], port, browser
                )
            )
            port = free_port()
            bare.append(seconds_to_chart([sys.executable, str(PEER), str(port)], port, browser))
        browser.close()
    a, b = statistics.median(ours[1:]), statistics.median(bare[1:])
    print(f"explorer app  {a:.2f} s to the first chart (median of {runs}; {min(ours[1:]):.2f} to {max(ours[1:]):.2f})")
    print(f"bare page     {b:.2f} s to its plot        (median of {runs}; {min(bare[1:]):.2f} to {max(bare[1:]):.2f})")
    print(f"ratio         {a / b:.2f}")


if __name__ == "__main__":
    main()
