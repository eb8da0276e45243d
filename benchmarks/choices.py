"""How long a choice on the page takes to be answered, with ten people choosing at once.

Starts the app, then lets ten clients pick nets in the Architecture tab as the page's own script would, each with a
pause of a second on average between two choices, and prints the median and the 95th percentile of the answers. For
scale, the same clients call a bare Gradio function that returns as many bytes. With `--training`, resnet20 learns
`textures` in a worker process meanwhile.

    python -m benchmarks.choices [--clients 10] [--choices 20] [--training]
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"

NETS = (
    *("vgg_a", "vgg_d", "vgg_e", "resnet18", "resnet34", "resnet50", "resnet101", "resnet152"),
    *("resnet20", "resnet56", "plain20", "plain34"),
)


def post(url: str, fn_index: int, session: str, data: list[object], trigger: int) -> tuple[float, int]:
    """Seconds and bytes of one answer."""
    body = {"data": data, "fn_index": fn_index, "session_hash": session, "event_data": None, "trigger_id": trigger}
    request = urllib.request.Request(
        f"{url}gradio_api/run/predict/", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    start = time.perf_counter()
    with urllib.request.urlopen(request) as answer:
        size = len(answer.read())
    return time.perf_counter() - start, size


def event(url: str, elem_id: str) -> tuple[int, int]:
    """(index of the function, id of the component) behind the input event of a component."""
    with urllib.request.urlopen(f"{url}config") as answer:
        config = json.load(answer)
    component = next(c["id"] for c in config["components"] if c["props"].get("elem_id") == elem_id)
    return next(d["id"] for d in config["dependencies"] if [component, "input"] in d["targets"]), component


def crowd(clients: int, choices: int, ask: object) -> list[float]:
    """Answer times of `clients` at once, each asking `choices` times."""
    times: list[float] = []

    def one(number: int) -> None:
        chance = random.Random(number)
        for _ in range(choices):
            times.append(ask(f"client{number}", chance.choice(NETS)))  # type: ignore[operator]
            time.sleep(chance.uniform(0, 2))

    threads = [threading.Thread(target=one, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(times)


def _print(name: str, times: list[float]) -> float:
    p95 = times[int(0.95 * (len(times) - 1))]
    print(f"{name:24} median {statistics.median(times) * 1000:5.0f} ms   95 % within {p95 * 1000:5.0f} ms")
    return p95


@contextmanager
def training() -> Iterator[None]:
    """A training in a worker process, from its first batch until the body is over."""
    from explorer import ModelConfig, RunStore, TrainConfig, adapt_to_data, dataset_info
    from explorer.jobs.queue import stop_all, submit

    with tempfile.TemporaryDirectory() as folder:
        store = RunStore(Path(folder))
        net = adapt_to_data(ModelConfig("resnet20"), dataset_info("textures"))
        run = submit(store, net, TrainConfig("textures", epochs=1000))
        while not store.get(run.run_id).steps:
            time.sleep(0.2)
        try:
            yield
        finally:
            rate = store.get(run.run_id).progress.images_per_second
            print(f"the training beside it went at {rate:,.0f} images a second")
            stop_all(store)


def main() -> None:
    """Measure the app, then the bare function, and print the ratio."""
    import gradio as gr

    from explorer.app.main import launch

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=10)
    parser.add_argument("--choices", type=int, default=20)
    parser.add_argument("--training", action="store_true", help="train a net in a worker process meanwhile")
    options = parser.parse_args()
    url = launch(block=False, quiet=True)
    index, trigger = event(url, "arch")
    start = "?tab=architecture&model=vgg_d"
    cold = {net: post(url, index, "cold", [start, net], trigger) for net in NETS}
    print("first time asked, alone: " + ", ".join(f"{net} {cold[net][0] * 1000:.0f} ms" for net in NETS))
    payload = {net: "x" * size for net, (_, size) in cold.items()}
    with training() if options.training else nullcontext():
        ours = _print(
            "explorer",
            crowd(options.clients, options.choices, lambda who, net: post(url, index, who, [start, net], trigger)[0]),
        )
        with gr.Blocks() as bare:
            name = gr.Textbox(elem_id="name")
            answer = gr.Textbox()
            name.input(lambda net: payload[net], name, answer, queue=False)
        _, bare_url, _ = bare.launch(prevent_thread_lock=True, quiet=True)
        index, trigger = event(bare_url, "name")
        theirs = _print(
            "bare Gradio function",
            crowd(options.clients, options.choices, lambda who, net: post(bare_url, index, who, [net], trigger)[0]),
        )
    print(f"ratio of the 95 % figures {ours / theirs:.2f}")
    os._exit(0)  # both servers run in this process


if __name__ == "__main__":
    main()
