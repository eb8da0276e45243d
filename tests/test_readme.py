"""The README: what it shows is what comes out."""

from __future__ import annotations

import doctest
import re
import shlex
from pathlib import Path

import pytest

from explorer.cli import main

TOP = Path(__file__).parents[1]
README = (TOP / "README.md").read_text(encoding="utf-8")
CONSOLE = re.findall(r"```console\n\$ (explorer [^\n]+)\n(.*?)```", README, flags=re.DOTALL)


def test_the_examples_are_found() -> None:
    assert len(CONSOLE) >= 5
    assert README.count("```console") == len(CONSOLE)


@pytest.mark.parametrize(("command", "shown"), CONSOLE, ids=[command for command, _ in CONSOLE])
def test_a_command_prints_what_is_shown(command: str, shown: str, capsys: pytest.CaptureFixture[str]) -> None:
    main(shlex.split(command)[1:])
    out, err = capsys.readouterr()
    assert out + err == shown


def test_the_python_examples_are_true() -> None:
    session = "\n".join(re.findall(r"```pycon\n(.*?)```", README, flags=re.DOTALL))
    test = doctest.DocTestParser().get_doctest(session, {}, "README.md", "README.md", 0)
    assert len(test.examples) > 10
    assert doctest.DocTestRunner().run(test).failed == 0


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "weights/README.md"])
def test_links_between_files_lead_somewhere(name: str) -> None:
    file = TOP / name
    for target in re.findall(r"\]\(([^)#]+)", file.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (file.parent / target).exists(), f"{name} links to {target}"


def test_make_targets_that_are_named_exist() -> None:
    makefile = (TOP / "Makefile").read_text(encoding="utf-8")
    for name in ("README.md", "CONTRIBUTING.md"):
        for target in re.findall(r"^make ([a-z-]+)|`make ([a-z-]+)", (TOP / name).read_text(encoding="utf-8"), re.M):
            assert re.search(rf"^{''.join(target)}:", makefile, re.M), f"{name}: make {''.join(target)}"
