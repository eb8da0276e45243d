"""Shared by all tests: golden files, and `--overwrite-golden` to write them anew."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parent / "golden"
LARGE = re.compile(r"(?:plain|resnet|preact_resnet)(?:1001|1202)|resnet1(?:01|52)|vgg1[369](?:_bn)?|googlenet_5x5")
"""Nets that take seconds each; a smaller one of the same kind is in every list that they are in."""

# Tests that run side by side share the cores: with a thread for every core each, torch's threads spend most of their
# time waiting for one another. Set before anything imports torch, and inherited by what the tests start.
if beside := int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")) - 1:
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // (beside + 1))))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--overwrite-golden",
        action="store_true",
        help="write tests/golden/ anew from what the tests see now; read the difference before you commit it",
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if isinstance(item, pytest.Function) and item.get_closest_marker("each_net"):
            values = item.callspec.params.values()
            if any(isinstance(value, str) and LARGE.fullmatch(value) for value in values):
                item.add_marker(pytest.mark.slow)


@pytest.fixture
def check_golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare a text with the golden file of that name."""

    def check(name: str, text: str) -> None:
        path = GOLDEN / name
        if request.config.getoption("--overwrite-golden"):
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.exists(), f"{path.name} is missing: run with --overwrite-golden"
        golden = path.read_text(encoding="utf-8")
        if text != golden:
            lines = difflib.unified_diff(golden.splitlines(), text.splitlines(), "golden", "now", lineterm="", n=1)
            pytest.fail("\n".join([f"{name} has changed; with --overwrite-golden it is written anew:", *lines]))

    return check
