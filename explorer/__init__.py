"""explorer: understand why convolutional nets got deep.

The public names. They are loaded when first used, so that `import explorer` and `explorer --help` stay light: nothing
here imports torch or gradio by itself.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from explorer.analysis.layer_table import clear_caches as clear_caches
    from explorer.analysis.layer_table import layer_table as layer_table
    from explorer.analysis.receptive_field import receptive_field as receptive_field
    from explorer.catalog import list_models as list_models
    from explorer.config import ModelConfig as ModelConfig
    from explorer.errors import ConfigError as ConfigError
    from explorer.errors import ExplorerError as ExplorerError
    from explorer.errors import TraceError as TraceError
    from explorer.errors import UnknownNameError as UnknownNameError
    from explorer.models.create import create_model as create_model

__version__ = "0.1.0"

_HOMES = {
    "ConfigError": "explorer.errors",
    "ExplorerError": "explorer.errors",
    "ModelConfig": "explorer.config",
    "TraceError": "explorer.errors",
    "UnknownNameError": "explorer.errors",
    "clear_caches": "explorer.analysis.layer_table",
    "create_model": "explorer.models.create",
    "layer_table": "explorer.analysis.layer_table",
    "list_models": "explorer.catalog",
    "receptive_field": "explorer.analysis.receptive_field",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'explorer' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
