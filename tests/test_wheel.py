"""The wheel: it holds all that the package needs, and works in an environment of its own, far from a checkout."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
import venv
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

from explorer.cards import SUFFIX, shipped_cards

TOP = Path(__file__).parents[1]
START_SECONDS = 90


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(TOP)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    [built] = folder.glob("explorer-*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the commands of a new environment that has the wheel, and what it needs from this one."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    commands = folder / ("Scripts" if os.name == "nt" else "bin")
    python = commands / ("python.exe" if os.name == "nt" else "python")
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-index", "--no-deps"]
    subprocess.run([*pip, str(wheel)], check=True)
    [site] = folder.rglob("site-packages")
    # Packages from here; the .pth files among them, an editable explorer's too, are not followed from there.
    here = Path(pytest.__file__).parents[1]
    (site / "from_here.pth").write_text(f"{here}\n", encoding="utf-8")
    return commands


def run(command: list[str | Path], cwd: Path) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_holds_all_that_belongs_to_it(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert "explorer/py.typed" in names
    assert {f"explorer/strings/{language}.json" for language in ("en", "ko")} <= names
    assert {f"explorer/papers/data/{name}.csv" for name in ("papers", "vgg", "resnet", "identity", "lecture")} <= names
    assert "explorer/shipped/weights/README.md" in names
    for card in shipped_cards():
        assert {f"explorer/shipped/weights/{card.name}{end}" for end in (".json", SUFFIX)} <= names
    assert any(name.startswith("explorer/shipped/notebooks/") for name in names)
    assert any(name.endswith("licenses/LICENSE") for name in names)
    for file in (TOP / "explorer").rglob("*"):
        if file.is_file() and "__pycache__" not in file.parts:
            assert file.relative_to(TOP).as_posix() in names


def test_the_wheel_holds_nothing_else(wheel: Path) -> None:
    roots = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {root.split("-")[0] for root in roots} == {"explorer"}
    assert not any(name.endswith((".pyc", ".sqlite3")) for name in zipfile.ZipFile(wheel).namelist())


def test_the_installed_package_is_the_wheels(installed: Path, tmp_path: Path) -> None:
    where = run([installed / "python", "-c", "import explorer; print(explorer.__file__)"], tmp_path).strip()
    assert Path(where).is_relative_to(installed.parent)


def test_its_commands_work_anywhere(installed: Path, tmp_path: Path) -> None:
    assert "vgg_d" in run([installed / "explorer", "list"], tmp_path)
    data = json.loads(run([installed / "explorer", "layers", "resnet20", "--format", "json"], tmp_path))
    assert data["totals"]["params"] == 269_722


def test_its_weights_are_whole_and_loaded(installed: Path, tmp_path: Path) -> None:
    said = run([installed / "explorer", "weights", "verify"], tmp_path)
    assert said.count("as its card says") == len(shipped_cards()) > 0
    script = (
        "import explorer\n"
        "net = explorer.create_model(explorer.shipped_cards()[0].name, weights='shipped')\n"
        "print(len(net.card.classes))\n"
    )
    assert run([installed / "python", "-c", script], tmp_path).strip() == "10"


def test_it_finds_what_it_ships(installed: Path, tmp_path: Path) -> None:
    script = (
        "from explorer.paths import shipped\n"
        "from explorer.papers import published\n"
        "print(shipped('weights'), shipped('notebooks'), published('resnet56', 'error')[0].text, sep='\\n')\n"
    )
    weights, notebooks, error = run([installed / "python", "-c", script], tmp_path).splitlines()
    for folder in (weights, notebooks):
        assert Path(folder).is_dir()
        assert Path(folder).is_relative_to(installed.parent)
    assert error == "6.97 %"


@pytest.mark.skipif(os.name != "posix", reason="ends the app by a signal")
@pytest.mark.skipif(find_spec("gradio") is None, reason='the app is not installed: pip install -e ".[app]"')
def test_its_app_starts_and_ends(installed: Path, tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [installed / "explorer", "app", "--port", str(port), "--no-browser"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "EXPLORER_HOME": str(tmp_path / "home")},
    )
    assert process.stdout is not None
    url = f"http://127.0.0.1:{port}"
    giving_up = threading.Timer(START_SECONDS, process.kill)
    giving_up.start()
    lines = []
    try:
        # It names its address when it is ready to be stopped, too.
        for line in process.stdout:
            lines.append(line)
            if url in line:
                break
        with urllib.request.urlopen(url, timeout=START_SECONDS) as response:
            assert response.status == 200
    finally:
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=START_SECONDS)
        giving_up.cancel()
    output = "".join(lines) + rest
    assert process.returncode == 0, output
    assert "Traceback" not in output
