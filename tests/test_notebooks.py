"""The notebooks run from top to bottom, use public names only, and store no output; the app shows in a cell."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

import explorer

TOP = Path(__file__).parents[1]
NOTEBOOKS = sorted((TOP / "notebooks").glob("*.ipynb"))
HANGS_SECONDS = 400
"""After so long a notebook is taken to hang. On two cores that do nothing else each takes less than a minute."""

TEST_SIZES = {
    "pictures, epochs = 100, 5": "pictures, epochs = 20, 2",
    "steps=200": "steps=50",
    "steps=100": "steps=20",
    "pictures, tested = 20, 20": "pictures, tested = 8, 8",
    "epochs=6": "epochs=1",
    "pictures = 64": "pictures = 16",
    "steps=40": "steps=12",
    "epochs=4, subset=60": "epochs=1, subset=20",
}
"""How much is learned in notebooks 03 to 05: as it stands there, and in the tests."""

APP_TAG = "skip-test"
"""The tag of the cell that shows the app; it is tried by itself."""

HANGUL = re.compile("[가-힣]")
each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def read(path: Path) -> Any:
    return nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]


def code_of(path: Path) -> list[ast.Module]:
    return [ast.parse(cell.source) for cell in read(path).cells if cell.cell_type == "code"]


def words_of(path: Path) -> list[str]:
    return [cell.source for cell in read(path).cells if cell.cell_type == "markdown"]


def run(notebook: Any, folder: Path) -> Any:
    """`notebook` with its outputs, executed in a fresh kernel in `folder`."""
    # Threads that wait for each other in the matrix products sleep instead of spinning: other tests may be running.
    environment = {**os.environ, "OMP_WAIT_POLICY": "passive", "EXPLORER_HOME": str(folder / "home")}
    for cell in notebook.cells:
        for full, small in TEST_SIZES.items():
            cell.source = cell.source.replace(full, small)
    deadline = time.monotonic() + HANGS_SECONDS
    client = NotebookClient(
        notebook,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        skip_cells_with_tag=APP_TAG,
        timeout_func=lambda _: max(1, round(deadline - time.monotonic())),
    )
    client.execute(env=environment)
    return notebook


def outputs(notebook: Any) -> list[Any]:
    return [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]


# ---------------------------------------------------------------- what is in them


def test_there_are_six_and_make_opens_them() -> None:
    assert [path.name for path in NOTEBOOKS] == [
        "01_depth_and_small_filters.ipynb",
        "02_receptive_fields.ipynb",
        "03_degradation_and_residual_learning.ipynb",
        "04_gradient_flow.ipynb",
        "05_transfer_learning.ipynb",
        "06_saliency.ipynb",
    ]
    makefile = (TOP / "Makefile").read_text(encoding="utf-8")
    assert re.search(r"^notebooks:.*\n\t.*jupyter lab notebooks$", makefile, re.MULTILINE)


@each_notebook
def test_no_output_is_stored(path: Path) -> None:
    for cell in read(path).cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None
        assert set(cell.metadata) <= {"tags"}


@each_notebook
def test_only_public_names_are_used(path: Path) -> None:
    for cell in code_of(path):
        for node in ast.walk(cell):
            if isinstance(node, ast.Import):
                names = {alias.name for alias in node.names}
                assert names <= {"explorer", "pandas"}, names
            elif isinstance(node, ast.ImportFrom):
                names = {alias.name for alias in node.names}
                assert node.module == "itertools" or (node.module == "explorer" and names <= set(explorer.__all__))
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "explorer":
                assert node.attr in explorer.__all__, node.attr
            if isinstance(node, ast.Attribute):
                assert not node.attr.startswith("_"), node.attr


@each_notebook
def test_no_helpers_are_defined(path: Path) -> None:
    defined = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
    assert not [node for cell in code_of(path) for node in ast.walk(cell) if isinstance(node, defined)]


@each_notebook
def test_it_is_a_lesson_in_both_languages(path: Path) -> None:
    words = words_of(path)
    question = words[0].splitlines()
    assert any(line.endswith("?**") and not HANGUL.search(line) for line in question), "it begins with its question"
    text = "\n".join(words)
    for heading in ("## What was seen", "## What it does not show", "## Go on in the app"):
        assert heading in text
    assert text.count("Guess first.") == text.count("먼저 예상해 보세요.") >= 5
    for heading, below in re.findall(r"^#+ (.*)\n\n(.*)$", text, re.MULTILINE):
        assert HANGUL.search(below), f"no Korean line under {heading!r}"
    for cell in words:
        assert HANGUL.search(cell), cell


@each_notebook
def test_the_last_cell_shows_the_app(path: Path) -> None:
    cells = read(path).cells
    assert [index for index, cell in enumerate(cells, 1) if APP_TAG in cell.metadata.get("tags", [])] == [len(cells)]
    assert cells[-1].source == "address = explorer.launch(inline=True, language=language)"


# ---------------------------------------------------------------- running them


@pytest.mark.parametrize("language", ["en", pytest.param("ko", marks=pytest.mark.slow)])
@each_notebook
def test_it_runs_from_top_to_bottom(path: Path, language: str, tmp_path: Path) -> None:
    notebook = read(path)
    notebook.cells[1].source, changes = re.subn('language = "en"', f'language = "{language}"', notebook.cells[1].source)
    assert changes == 1
    found = outputs(run(notebook, tmp_path))
    assert not [output for output in found if output.output_type == "error" or output.get("name") == "stderr"]
    figures = [output for output in found if "application/vnd.plotly.v1+json" in output.get("data", {})]
    assert len(figures) >= 5
    printed = "".join(output.text for output in found if output.output_type == "stream")
    assert bool(HANGUL.search(printed)) == (language == "ko"), "the sentences are in the chosen language"
    if path.stem.startswith("01"):
        assert "does not agree" in printed, "the lecture's sum over the layers is not what they add up to"


@pytest.mark.slow
def test_the_app_shows_in_a_cell_and_the_notebook_goes_on(tmp_path: Path) -> None:
    notebook = read(NOTEBOOKS[0])
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    setup, ask, app = code[0], code[1], code[-1]
    app.metadata.tags = []
    ask.source = "import urllib.request\nprint(urllib.request.urlopen(address, timeout=10).status)"
    notebook.cells = [setup, app, ask]
    shown, asked = (cell.outputs for cell in run(notebook, tmp_path).cells[1:])
    frames = [output.data["text/html"] for output in shown if "text/html" in output.get("data", {})]
    assert len(frames) == 1
    address = re.search(r'<iframe src="(http://127\.0\.0\.1:\d+/)"', frames[0])
    assert address is not None
    printed = [output for output in shown if output.output_type == "stream"]
    assert address[1] in "".join(output.text for output in printed)
    assert all(output.name == "stdout" for output in printed), "no warnings in the reader's cell"
    assert asked[0].text == "200\n"


# ---------------------------------------------------------------- explorer.launch


def test_launch_takes_what_the_app_takes() -> None:
    signatures = []
    for file in ("__init__.py", "app/main.py"):
        tree = ast.parse((TOP / "explorer" / file).read_text(encoding="utf-8"))
        [launch] = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "launch"]
        signatures.append(ast.unparse(launch.args))
    assert signatures[0] == signatures[1]


def test_launch_without_gradio_says_what_to_install() -> None:
    script = (
        "import sys\nsys.modules['gradio'] = None\nimport explorer\n"
        "try:\n    explorer.launch()\nexcept explorer.ExplorerError as error:\n    print(error)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == 'The app needs gradio: pip install "explorer[app]".\n'
