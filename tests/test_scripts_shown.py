"""The scripts in `examples`, run as somebody runs them: with and without explorer a net says the same."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

import explorer
from explorer.pictures import photograph

TOP = Path(__file__).parents[1]
EXAMPLES = sorted((TOP / "examples").glob("*.py"))
README = (TOP / "README.md").read_text(encoding="utf-8")


def test_the_readme_shows_them_as_they_are() -> None:
    assert len(EXAMPLES) == 2
    shown = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    for file in EXAMPLES:
        assert file.read_text(encoding="utf-8") in shown, file.name


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a shipped net's two files and of three photographs, one upright by its EXIF tag only."""
    pytest.importorskip("onnxruntime")
    folder = tmp_path_factory.mktemp("내 모델")
    for ending in ("safetensors", "onnx"):
        explorer.export("shipped:resnet18", folder / f"net.{ending}")
    Image.fromarray(photograph("coffee")).save(folder / "coffee.png")
    Image.fromarray(photograph("camera")).convert("L").save(folder / "camera.png")
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = Image.fromarray(photograph("rocket")).transpose(Image.Transpose.ROTATE_90)
    turned.save(folder / "rocket turned.jpg", exif=exif, quality=95)
    return folder


def answers(script: str, net: Path, picture: Path) -> list[tuple[str, float]]:
    command = [sys.executable, str(TOP / "examples" / script), str(net), str(picture)]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    return [(name, float(share.rstrip("%"))) for share, name in lines]


@pytest.mark.parametrize(
    "picture",
    ["camera.png", *(pytest.param(one, marks=pytest.mark.slow) for one in ("coffee.png", "rocket turned.jpg"))],
)
def test_both_say_the_same(exported: Path, picture: str) -> None:
    with_explorer = answers("predict.py", exported / "net.safetensors", exported / picture)
    without = answers("use_onnx.py", exported / "net.onnx", exported / picture)
    assert [name for name, _ in with_explorer] == [name for name, _ in without]
    assert [share for _, share in with_explorer] == pytest.approx([share for _, share in without], abs=0.0201)
    # And both what explorer says of the shipped net itself.
    net = explorer.load_trained("shipped:resnet18")
    [found] = explorer.predict(net, [explorer.read_picture(exported / picture)], top=3, device="cpu")
    assert with_explorer == [(name, pytest.approx(100 * share, abs=0.006)) for name, share in found]


def test_the_one_for_onnx_asks_for_nothing_of_ours() -> None:
    words = (TOP / "examples" / "use_onnx.py").read_text(encoding="utf-8")
    imported = set(re.findall(r"^(?:import|from) (\w+)", words, flags=re.MULTILINE))
    assert imported == {"json", "sys", "numpy", "onnxruntime", "PIL"}
