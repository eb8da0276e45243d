"""The public names: they load, they are documented, and their examples are true."""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import explorer

PACKAGE = Path(explorer.__file__).parent
MODULES = [
    module.name
    for module in pkgutil.walk_packages([str(PACKAGE)], "explorer.")
    # Importing __main__ runs it; the app has no examples, and needs Gradio.
    if module.name != "explorer.__main__" and not module.name.startswith("explorer.app")
]


@pytest.mark.parametrize("name", explorer.__all__)
def test_a_public_name_loads_and_says_what_it_is(name: str) -> None:
    value = getattr(explorer, name)
    assert inspect.getdoc(value), name
    assert name in dir(explorer)


def test_type_checkers_see_the_same_names_as_programs() -> None:
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    [block] = [node for node in tree.body if isinstance(node, ast.If)]
    declared = {
        alias.asname or alias.name: node.module
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert declared == explorer._HOMES


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="create_modle"):
        explorer.create_modle  # noqa: B018


def test_a_star_import_brings_exactly_the_public_names() -> None:
    script = "from explorer import *\nprint(*sorted(name for name in dir() if not name.startswith('_')))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == sorted(explorer.__all__)


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_are_true(name: str) -> None:
    module = importlib.import_module(name)
    assert module.__doc__, f"{name} does not say what it is"
    assert doctest.testmod(module).failed == 0
