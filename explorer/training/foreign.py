"""Files of weights that somebody else wrote: their tensors, under the names that our nets give them.

No code in a file is run: safetensors has none, and a pickle is read by PyTorch's unpickler for weights alone, which
refuses everything but tensors and plain values. What a file holds beside the tensors of one net is left to be named,
never skipped.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from explorer.errors import CheckpointError

_WRAPPERS = ("state_dict", "model_state_dict", "model", "net")
_PREFIXES = ("module.", "model.", "_orig_mod.")
_HEAD = re.compile(r"(?:fc|classifier|linear|head)(?:\.\w+)*?\.(weight|bias)")
_CODE = re.compile(r"GLOBAL (\S+) (?:was not an allowed|whose module)|(TorchScript) archives")
"""What PyTorch says of a pickle that names something to be called, and of a program of its own."""
_WEB_PAGE = re.compile(rb"\s*<(?:!doctype|html|head|body|\?xml|script|!--)", re.IGNORECASE)
_TEXT = bytes([9, 10, 13, *range(32, 127)])
_START = 512


def read_foreign(path: Path) -> dict[str, Any]:
    """What a file of weights holds, under its own names but for prefixes that only say how the net was wrapped.

    Args:
        path: safetensors, or what `torch.save` wrote of a state dict, alone or under `state_dict`, `model_state_dict`,
            `model` or `net`.

    Returns:
        Values by name, on the CPU, as they are in the file; what is no tensor is there, too.

    Raises:
        CheckpointError: the file cannot be read, is none of these, is damaged, or holds code.
    """
    start = _checked_start(path)
    # Eight bytes of length, then the header's JSON. What is named so must be so: then it holds no code.
    if path.suffix == ".safetensors" or start[8:9] == b"{":
        return _without_prefixes(_safetensors(path), path)
    return _without_prefixes(_state_dict(_unpickled(path), path), path)


def is_head(name: str) -> bool:
    """Whether a value's name is one that nets give to their last layers: `fc`, `classifier`, `linear` or `head`."""
    return _HEAD.fullmatch(name) is not None


def with_own_head(found: Mapping[str, Any], head: str, own: Collection[str]) -> dict[str, Any]:
    """The same values, the last layer under our net's name, where it is the only one that is called like a head.

    A block's `shortcut`, as CIFAR's nets call it elsewhere, becomes its `downsample`.

    Args:
        found: values by name.
        head: name of our net's last layer.
        own: names of all of our net's values.
    """
    renamed = {name.replace(".shortcut.", ".downsample."): name for name in found}
    values = {name: found[theirs] for name, theirs in renamed.items()} if len(renamed) == len(found) else dict(found)
    others = {name.rpartition(".")[0] for name in values if name not in own and is_head(name)}
    if f"{head}.weight" in values or len(others) != 1:
        return values
    other = others.pop()
    theirs = {f"{other}.{kind}": f"{head}.{kind}" for kind in ("weight", "bias")}
    return {theirs.get(name, name): value for name, value in values.items()}


def _checked_start(path: Path) -> bytes:
    """How the file begins; what can be no weights is refused by that."""
    name = path.name
    if path.exists() and not path.is_file():
        message = f"{path} is {'a folder' if path.is_dir() else 'no file'}: name a file of weights."
        raise CheckpointError(message, key="weights_folder", file=str(path))
    try:
        with path.open("rb") as file:
            start = file.read(_START)
    except FileNotFoundError as error:
        raise CheckpointError(f"There is no file {path}.", key="checkpoint_missing", file=str(path)) from error
    except OSError as error:
        message = f"{path} cannot be read ({error.strerror})."
        raise CheckpointError(message, key="weights_unreadable", file=str(path), reason=error.strerror) from error
    if not start:
        raise CheckpointError(f"{name} is empty: fetch or copy it again.", key="weights_empty", file=name)
    if _WEB_PAGE.match(start):
        message = f"{name} is a web page, not a file of weights: fetch the file itself."
        raise CheckpointError(message, key="weights_page", file=name)
    if not start.translate(None, _TEXT):
        message = f"{name} is a text, not a file of weights: use safetensors, or what torch.save wrote."
        raise CheckpointError(message, key="weights_text", file=name)
    return start


def _safetensors(path: Path) -> dict[str, Any]:
    try:
        with safe_open(path, framework="pt") as file:
            # Copies: the tensors themselves would go with the file.
            return {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, RuntimeError, ValueError) as error:
        message = f"{path.name} is damaged, or not safetensors."
        raise CheckpointError(message, key="weights_safetensors", file=path.name) from error


def _unpickled(path: Path) -> Any:
    try:
        # `weights_only` is said outright: no variable of the environment can turn it off then.
        with path.open("rb") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # about what is refused anyway
            return torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file makes the unpickler raise whatever it meets
        code = _CODE.search(str(error))
        if code is not None:
            what = (code.group(1) or code.group(2))[:80]
            message = (
                f"{path.name} holds code ({what}) and was not opened: save the weights alone, "
                "torch.save(net.state_dict(), file), or as safetensors."
            )
            raise CheckpointError(message, key="weights_code", file=path.name, what=what) from error
        message = f"{path.name} is damaged, or not a file of weights: use safetensors, or what torch.save wrote."
        raise CheckpointError(message, key="weights_damaged", file=path.name) from error


def _state_dict(content: Any, path: Path) -> dict[str, Any]:
    """The state dict in what was unpickled, also some levels down."""
    if isinstance(content, Mapping):
        wrapped = [name for name in _WRAPPERS if isinstance(content.get(name), Mapping)]
        if len(wrapped) > 1:
            listed = ", ".join(wrapped)
            message = f"{path.name} holds several nets ({listed}): save the one that is meant alone."
            raise CheckpointError(message, key="weights_several", file=path.name, names=listed)
        if wrapped:
            return _state_dict(content[wrapped[0]], path)
        if any(isinstance(value, Tensor) for value in content.values()):
            return {str(name): value for name, value in content.items()}
    message = f"{path.name} holds no weights by name: save net.state_dict()."
    raise CheckpointError(message, key="weights_none", file=path.name)


def _without_prefixes(found: Mapping[str, Any], path: Path) -> dict[str, Any]:
    bare: dict[str, Any] = {}
    for name, value in found.items():
        short = name
        while short.startswith(_PREFIXES):
            short = short.partition(".")[2]
        if short in bare:
            message = f"{path.name} holds several nets ({short} stands twice): save the one that is meant alone."
            raise CheckpointError(message, key="weights_several", file=path.name, names=short)
        bare[short] = value
    return bare
