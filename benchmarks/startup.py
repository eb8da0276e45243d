"""From the command to the first answer: `explorer app` against a bare Gradio page that also imports torch.

The clock starts with the process and stops at the first HTTP 200 of the page at `/`. Runs take turns; the first round
warms the disk's cache and does not count.

    python -m benchmarks.startup [--runs 7]
"""

from __future__ import annotations

import argparse
import http.client
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

PEER = Path(__file__).parent / "peers" / "bare_hello.py"
GOAL = 1.3
_TIMEOUT_SECONDS = 120.0
_PAUSE_SECONDS = 0.01


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int) -> bool:
    """Whether the page at `/` comes with status 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def seconds_to_answer(command: list[str], port: int) -> float:
    """Start `command` and wait until its page is there."""
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not answers(port):
            if process.poll() is not None:
                raise SystemExit(f"{' '.join(command)} ended with exit code {process.returncode}")
            if time.perf_counter() - began > _TIMEOUT_SECONDS:
                raise SystemExit(f"{' '.join(command)} did not answer within {_TIMEOUT_SECONDS:.0f} s")
            time.sleep(_PAUSE_SECONDS)
        return time.perf_counter() - began
    finally:
        process.terminate()
        process.wait(timeout=20)


def main() -> None:
    """Measure both by turns and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=7)
    runs: int = parser.parse_args().runs
    times: dict[str, list[float]] = {"explorer app": [], "bare page": []}
    for _ in range(runs + 1):
        for name, seconds in times.items():
            port = free_port()
            ours = [sys.executable, "-m", "explorer", "app", "--port", str(port), "--no-browser"]
            seconds.append(
                seconds_to_answer(ours if name == "explorer app" else [sys.executable, str(PEER), str(port)], port)
            )
    print("| | median | best | worst |\n|---|---|---|---|")
    for name, seconds in times.items():
        counted = seconds[1:]
        print(f"| {name} | {statistics.median(counted):.2f} s | {min(counted):.2f} s | {max(counted):.2f} s |")
    ours_times, peer_times = (seconds[1:] for seconds in times.values())
    medians = statistics.median(ours_times) / statistics.median(peer_times)
    print(f"| ratio (goal {GOAL}×) | {medians:.2f}× | {min(ours_times) / min(peer_times):.2f}× | |")


if __name__ == "__main__":
    main()
