"""The two strings files hold the same keys with the same gaps, and hold what the code asks for: no less and no more."""

from __future__ import annotations

import ast
import itertools
import json
import re
import string
from collections.abc import Iterator
from pathlib import Path

import pytest

import explorer
from explorer.app import picker
from explorer.app.page import TABS
from explorer.catalog import OPTION_CHOICES, entries
from explorer.config import OPTION_NAMES, ModelConfig
from explorer.errors import UnknownNameError
from explorer.language import LANGUAGES, operation_name, strings, text
from explorer.papers import published
from explorer.pictures import PHOTOGRAPHS

PACKAGE = Path(explorer.__file__).parent
HANGUL = re.compile("[가-힣]")


def placeholders(words: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(words) if name is not None}


def test_both_languages_have_the_same_keys_in_the_same_order() -> None:
    # English errors speak for themselves.
    assert list(strings("en")) == [key for key in strings("ko") if not key.startswith("error.")]


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_key_stands_twice_in_a_file(language: str) -> None:
    content = (PACKAGE / "strings" / f"{language}.json").read_text(encoding="utf-8")
    keys = [key for key, _ in json.loads(content, object_pairs_hook=list)]
    assert sorted(keys) == sorted(set(keys))


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_string_is_empty_or_has_spaces_around_it(language: str) -> None:
    assert [key for key, words in strings(language).items() if not words or words != words.strip()] == []


def test_both_languages_leave_the_same_gaps() -> None:
    # A caption may say less in one language, but it must not ask for a value that the other does not have.
    apart = {
        key: (placeholders(strings("en")[key]), placeholders(strings("ko")[key]))
        for key in strings("en")
        if placeholders(strings("en")[key]) != placeholders(strings("ko")[key])
    }
    assert apart == {}


def test_sentences_are_translated() -> None:
    """A Korean string without a Korean letter is a name or a symbol: it has no English sentence beside it."""
    untranslated = {
        key: words
        for key, words in strings("ko").items()
        if not HANGUL.search(words) and (len(words.split()) > 4 or words.endswith("."))
    }
    assert untranslated == {}
    assert not any(HANGUL.search(words) for words in strings("en").values())


# ---------------------------------------------------------------- what the code asks for


Names = dict[str, ast.expr]


def alternatives(node: ast.expr, names: Names) -> list[str] | None:
    """The regular expressions of the keys that an expression can become; None where nothing can be said.

    `names` are the local variables of the function around it.
    """
    match node:
        case ast.Constant(value=str(value)):
            return [re.escape(value)]
        case ast.Name(id=name) if name in names:
            return alternatives(names[name], {})
        case ast.IfExp(body=body, orelse=orelse):
            one, other = alternatives(body, names), alternatives(orelse, names)
            return None if one is None or other is None else one + other
        case ast.JoinedStr(values=values):
            parts = [alternatives(value, names) for value in values]
            return ["".join(pieces) for pieces in itertools.product(*(part or [r"[^.]+"] for part in parts))]
        case ast.FormattedValue(value=value):
            return alternatives(value, names)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            one, other = alternatives(left, names), alternatives(right, names)
            return None if one is None else [a + b for a in one for b in (other or [r"[^.]+"])]
    return None


def calls(file: Path) -> Iterator[tuple[ast.Call, Names]]:
    """The calls in a file with some argument, each with the local variables of the function that it is in."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    local: dict[ast.AST, Names] = {}
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef):
            names = {
                assignment.targets[0].id: assignment.value
                for assignment in ast.walk(function)
                if isinstance(assignment, ast.Assign) and isinstance(assignment.targets[0], ast.Name)
            }
            local |= dict.fromkeys(ast.walk(function), names)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield node, local.get(node, {})


def asked_for() -> Iterator[tuple[str, list[str] | None]]:
    """Where the code asks for a string, and the keys that it can ask for there."""
    for file in sorted(PACKAGE.rglob("*.py")):
        for node, names in calls(file):
            is_text = isinstance(node.func, ast.Name) and node.func.id == "text"
            is_get = (
                isinstance(node.func, ast.Attribute)
                and node.func.attr == "get"
                and isinstance(node.func.value, ast.Call)
                and getattr(node.func.value.func, "id", "") == "strings"
            )
            if (is_text or is_get) and node.args:
                yield f"{file.relative_to(PACKAGE)}:{node.lineno}", alternatives(node.args[0], names)


def keys_of_errors() -> Iterator[tuple[str, str, set[str]]]:
    """Where an error is raised that can be said in two languages: its key, and the values that it brings along."""
    for file in sorted(PACKAGE.rglob("*.py")):
        for node, names in calls(file):
            given = {word.arg: word.value for word in node.keywords if word.arg}
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            is_init = isinstance(node.func, ast.Attribute) and name == "__init__"
            if "key" in given and (name.endswith("Error") or name == "Remark" or is_init):
                for key in alternatives(given["key"], names) or ["?"]:
                    yield (
                        f"{file.relative_to(PACKAGE)}:{node.lineno}",
                        re.sub(r"\\(.)", r"\1", key),
                        set(given) - {"key"},
                    )


ASKED_FOR = list(asked_for())


def test_the_code_says_which_strings_it_asks_for() -> None:
    """A key in a variable could not be checked here: write it out, or as an f-string with its beginning."""
    assert [where for where, patterns in ASKED_FOR if patterns is None] == []
    assert len(ASKED_FOR) > 60


def test_no_string_is_missing() -> None:
    missing = [
        (where, pattern)
        for where, patterns in ASKED_FOR
        for pattern in patterns or ()
        if not any(re.fullmatch(pattern, key) for key in strings("ko"))
    ]
    assert missing == []


def test_no_string_is_unused() -> None:
    patterns = {pattern for _, found in ASKED_FOR for pattern in found or ()}
    unused = [key for key in strings("ko") if not any(re.fullmatch(pattern, key) for pattern in patterns)]
    assert unused == []


def test_every_error_with_a_key_can_be_said_in_korean() -> None:
    raised = list(keys_of_errors())
    assert {key for _, key, _ in raised} == keys_beginning("error.")
    for where, key, values in raised:
        assert placeholders(strings("ko")[f"error.{key}"]) <= values, where


def keys_beginning(prefix: str) -> set[str]:
    return {key.removeprefix(prefix) for key in strings("ko") if key.startswith(prefix)}


def test_every_name_that_the_app_shows_has_its_string() -> None:
    options = {name for name in keys_beginning("option.") if not name.endswith(".info")}
    assert options == set(OPTION_NAMES)
    assert keys_beginning("option.") == options | {f"{name}.info" for name in options}
    words = {name: choices for name, choices in OPTION_CHOICES.items() if choices != (True, False)}
    assert keys_beginning("choice.") == {f"{name}.{choice}" for name, choices in words.items() for choice in choices}
    assert keys_beginning("photo.") == set(PHOTOGRAPHS)
    assert keys_beginning("tab.") == set(TABS)
    shown = {picker.group_label(group, "en") for group in picker.groups()}
    assert shown == {strings("en")[key] for key in strings("en") if key.startswith("group.")}


def test_every_published_error_has_a_name() -> None:
    quantities = {
        figure.quantity for entry in entries() for figure in published(ModelConfig(entry.name)) if figure.unit == "%"
    }
    assert "top1_error" in quantities
    assert quantities <= keys_beginning("quantity.")


# ---------------------------------------------------------------- text


def test_text_puts_values_in() -> None:
    assert text("table.count", "en", count=41) == "41 rows"
    assert text("table.count", "ko", count=41) == "41행"


def test_text_of_an_unknown_language_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="Unknown language 'fr'"):
        text("table.count", "fr")


def test_an_operation_without_a_string_keeps_its_name() -> None:
    assert operation_name("linear", "en") == "fully connected"
    assert operation_name("softmax", "ko") == "softmax"
