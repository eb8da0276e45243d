"""The examples in the docstrings of models, configurations and tables run and give what they say."""

from __future__ import annotations

import doctest
from importlib import import_module

import pytest

EXAMPLES = {
    "explorer.analysis.layer_table": 1,
    "explorer.analysis.receptive_field": 1,
    "explorer.catalog": 1,
    "explorer.config": 4,
    "explorer.models.create": 2,
    "explorer.models.lecture": 1,
    "explorer.results": 1,
}


@pytest.mark.parametrize(("module", "count"), EXAMPLES.items())
def test_examples(module: str, count: int) -> None:
    result = doctest.testmod(import_module(module))
    assert result.failed == 0
    assert result.attempted >= count
