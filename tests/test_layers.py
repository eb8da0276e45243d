"""The layers: imports go down only, and each heavy package stays where it belongs.

Imports are read, not run, so those inside functions and under `TYPE_CHECKING` count, too.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

TOP = Path(__file__).parents[1]
PACKAGE = TOP / "explorer"

# From the bottom up. A unit (a module or subpackage of explorer) imports from lower layers only, never from its own.
LAYERS: tuple[frozenset[str], ...] = (
    frozenset({"errors"}),
    frozenset({"language", "layouts", "paths", "pictures", "units", "writers"}),
    frozenset({"catalog"}),
    frozenset({"config", "recipes"}),
    frozenset({"cards", "options", "results", "train_config"}),
    frozenset(
        {
            "attribution_results",
            "cost_results",
            "departures",
            "examination_results",
            "export_results",
            "feature_results",
            "flow_results",
            "landscape_results",
            "run_results",
            "saliency_check_results",
            "surgery_results",
            "train_options",
            "transfer_results",
        }
    ),
    frozenset({"models", "papers", "progress"}),
    frozenset({"analysis", "examination_tables", "lesson_results", "training"}),
    frozenset({"tables", "figures"}),
    frozenset({"jobs"}),
    frozenset({"lessons"}),
    frozenset({"app"}),
    frozenset({"cli"}),
    frozenset({"__main__"}),
)
RANK = {unit: rank for rank, layer in enumerate(LAYERS) for unit in layer}

# Who may import what. What is not listed may be imported anywhere.
ONLY_IN = {
    "torch": {"models", "analysis", "training", "jobs", "lessons"},
    "torchvision": {"models", "analysis", "training", "jobs"},
    "gradio": {"app"},
    "starlette": {"app"},
    "fastapi": {"app"},
    "plotly": {"figures", "app"},
    "pandas": {"examination_tables", "tables", "figures", "app", "cli"},
    "typer": {"cli"},
    "rich": {"cli"},
    "sqlite3": {"training"},
    "PIL": {"pictures", "figures", "app", "training"},
    "skimage": {"analysis", "pictures", "training"},
    "sklearn": {"training"},
    "lightning_fabric": {"training"},
    "safetensors": {"models", "training"},
    "torchmetrics": {"training"},
    "captum": {"analysis"},
    "onnxruntime": {"training"},
    "onnxscript": {"training"},
    "psutil": {"training", "jobs"},
}
# The distribution that a module comes in, where the names differ.
DISTRIBUTIONS = {
    "PIL": "pillow",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "lightning_fabric": "lightning-fabric",
}

FILES = sorted(PACKAGE.rglob("*.py"))


def unit_of(file: Path) -> str:
    parts = file.relative_to(PACKAGE).parts
    return parts[0].removesuffix(".py")


def imports(file: Path) -> Iterator[tuple[int, str]]:
    """(line, full module name) of every import; `from explorer import tables` is `explorer.tables`."""
    here = ["explorer", *file.relative_to(PACKAGE).parent.parts]
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(here[: len(here) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (base, node.module or "") if part)
            if module == "explorer":
                yield from ((node.lineno, f"explorer.{alias.name}") for alias in node.names)
            else:
                yield node.lineno, module


def test_every_unit_has_its_layer() -> None:
    units = {unit_of(file) for file in FILES} - {"__init__"}
    assert units <= set(RANK), "a new module or subpackage: say in LAYERS which layer it is in"


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_imports_go_down_only(file: Path) -> None:
    unit = unit_of(file)
    for line, module in imports(file):
        if module.split(".")[0] != "explorer" or unit == "__init__":
            continue
        where = f"{file.relative_to(TOP)}:{line} imports {module}"
        target = module.split(".")[1] if "." in module else "__init__"
        if target not in RANK:
            # The package itself, for its version and its public names: only from the top.
            assert RANK[unit] >= RANK["app"], f"{where}: only the app and the command line do that"
        elif target != unit:
            assert RANK[target] < RANK[unit], f"{where}, which is not below it"


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_heavy_packages_stay_where_they_belong(file: Path) -> None:
    unit = unit_of(file)
    for line, module in imports(file):
        allowed = ONLY_IN.get(module.split(".")[0])
        if allowed is not None and unit != "__init__":
            assert unit in allowed, f"{file.relative_to(TOP)}:{line} imports {module}"


def test_the_package_itself_imports_nothing_heavy() -> None:
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    for node in tree.body:  # what runs at import, not what stands under TYPE_CHECKING
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            assert all(name.split(".")[0] in sys.stdlib_module_names for name in names)


def test_everything_imported_is_asked_for_and_everything_asked_for_is_imported() -> None:
    project = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    def names(requirements: list[str]) -> set[str]:
        return {re.split(r"[<>=!~\[; ]", requirement)[0].lower() for requirement in requirements}

    core = names(project["dependencies"])
    app, onnx = (names(project["optional-dependencies"][extra]) for extra in ("app", "onnx"))
    imported: dict[str, set[str]] = {}
    for file in FILES:
        for _, module in imports(file):
            root = module.split(".")[0]
            if root not in sys.stdlib_module_names and root != "explorer":
                imported.setdefault(DISTRIBUTIONS.get(root, root), set()).add(unit_of(file))
    for name, units in imported.items():
        allowed = (name in app and units <= {"app", "pictures"}) or (name in onnx and units <= {"training"})
        assert name in core or allowed, f"{name} is imported in {units}, but not asked for"
    assert core | app | onnx <= set(imported), "asked for, but not imported"
