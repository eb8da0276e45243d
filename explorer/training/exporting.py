"""A trained net as a file of its own, to keep or to hand on: weights or ONNX, each with a card."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from explorer.cards import checksum, shipped_card
from explorer.errors import CheckpointError, ConfigError
from explorer.export_results import FORMATS, ExportCard, Format
from explorer.recipes import RECIPES
from explorer.training.checkpoints import LAST, read_header, read_tensors, weights_of, write_tensors
from explorer.training.data import shown_name
from explorer.training.onnx_file import check_onnx_is_there, write_onnx
from explorer.training.runs import RunStore
from explorer.training.storage import disk_error
from explorer.training.trained import Trained, kept_epoch, load_trained, weights_file

_SHIPPED = "shipped:"


def export(weights: str, out: str | Path, *, last: bool = False, store: RunStore | None = None) -> ExportCard:
    """Write a trained net to a file of its own, and its card beside it.

    Weights go with `load_trained`, `explorer predict` and every program that reads safetensors. An ONNX file goes
    without explorer and without PyTorch: it takes pixels between 0 and 1, has the classes in its metadata, and is only
    written if onnxruntime gives the same answers as PyTorch. What is written is made to be handed on: folders, zips and
    files are called by their own names, not by where they lie.

    Args:
        weights: name or id of a run, `shipped:NET`, or a file of weights that explorer wrote.
        out: `NAME.safetensors`, with the card `NAME.json`, or `NAME.onnx`, with the card `NAME.onnx.json`. What was
            there is replaced.
        last: of a run, the last epoch's weights instead of the best one's.
        store: where to look for runs; default: in explorer's home.

    Returns:
        The card.

    Raises:
        UnknownNameError: there is neither a run nor a file, nor a net, of that name.
        ConfigError: another ending, `last` of what is no run, or a file onto itself.
        CheckpointError: no epoch of the run has finished, or a file cannot be read or written.
        ExplorerError: ONNX is not installed, or its answers would not be PyTorch's.
    """
    path, store = Path(out).expanduser(), store or RunStore()
    kind = _format_of(path)
    source = _source(weights, last, store)
    if source.resolve() == path.resolve():
        raise ConfigError(f"{path.name} would be written onto itself: choose another name.")
    header, called = _described(source), _called(weights, store)
    difference = None
    if kind == "onnx":
        check_onnx_is_there()  # before the net is read
        trained = load_trained(str(source))
        difference = write_onnx(trained, path, _about(header, trained, called))
        written = path.with_name(f"{path.name}.json")
    else:
        tensors, _ = read_tensors(source)
        write_tensors(path, weights_of(tensors), header)
        trained = load_trained(str(path))
        written = path.with_suffix(".json")  # in the place of the header's readable copy
    card = _card(called, header, trained, path, kind, difference)
    _write_json(written, card.as_dict())
    return card


def _format_of(path: Path) -> Format:
    for kind in FORMATS:
        if path.suffix == f".{kind}":
            return kind
    message = f"out={str(path)[:60]!r} is not possible: use a name that ends with .safetensors or .onnx."
    raise ConfigError(message)


def _source(weights: str, last: bool, store: RunStore) -> Path:
    if not last:
        return weights_file(weights, store)
    if weights.startswith(_SHIPPED) or Path(weights).expanduser().is_file():
        raise ConfigError(f"{weights} has one state only: `last` is for runs.")
    return store.folder(store.get(weights).run_id) / LAST


def _called(weights: str, store: RunStore) -> str:
    """A run's name, also where its id was given; a file's own one."""
    if weights.startswith(_SHIPPED):
        return weights
    path = Path(weights).expanduser()
    return path.name if path.is_file() else store.get(weights).name


def _described(source: Path) -> dict[str, Any]:
    """The header of a file of weights. A last checkpoint's has the optimizer's state instead of the last metrics."""
    header = read_header(source)
    state = header.pop("state", None)
    if state is not None:
        header["metrics"] = state["history"][-1]
        header["kept"] = "last"
    if not {"metrics", "model", "dataset", "train"} <= header.keys():
        message = f"{source.name} does not say what its net was trained on."
        raise CheckpointError(message, key="checkpoint_data", file=source.name)
    train, start = header["train"], header["train"].get("start_from")
    train |= {"dataset": shown_name(str(train["dataset"]))} | ({"start_from": Path(start).name} if start else {})
    return header | {"dataset": shown_name(str(header["dataset"]))}


def _about(header: Mapping[str, Any], trained: Trained, weights: str) -> dict[str, Any]:
    """What an ONNX file says of itself."""
    return {
        "classes": trained.classes,
        "size": trained.config.image_size,
        "side": trained.side or trained.config.image_size,
        "channels": trained.config.in_channels,
        "mean": trained.mean,
        "std": trained.std,
        "net": trained.config.label(),
        "weights": weights,
        "dataset": header["dataset"],
        "top1": _accuracy(weights, header)["top1"],
    }


def _card(
    weights: str, header: Mapping[str, Any], trained: Trained, path: Path, kind: Format, difference: float | None
) -> ExportCard:
    config, train, metrics = trained.config, header["train"], header["metrics"]
    channels, size = config.in_channels, config.image_size
    colours = "RGB" if channels == 3 else "grey"
    takes = f"{colours} between 0 and 1" if kind == "onnx" else f"{colours} between 0 and 1, less `mean`, over `std`"
    recipe = RECIPES.get(str(train["recipe"]))
    return ExportCard(
        file=path.name,
        format=kind,
        sha256=checksum(path),
        bytes=path.stat().st_size,
        model=config,
        weights=weights,
        dataset=header["dataset"],
        classes=trained.classes,
        mean=trained.mean,
        std=trained.std,
        size=size,
        side=trained.side or size,
        channels=channels,
        takes=f"float32 (N, {channels}, {size}, {size}), {takes}",
        recipe=f"{recipe.name}: {recipe.source}" if recipe else str(train["recipe"]),
        training=dict(train),
        epoch=int(metrics["epoch"]),
        kept=kept_epoch(weights, header),
        versions={"python": platform.python_version(), "torch": torch.__version__.partition("+")[0]},
        largest_difference=difference,
        **_accuracy(weights, header),
    )


def _accuracy(weights: str, header: Mapping[str, Any]) -> dict[str, Any]:
    """Of the very weights: what the run counted after that epoch, or a shipped file's own card."""
    if weights.startswith(_SHIPPED):
        shipped = shipped_card(weights.removeprefix(_SHIPPED))
        names = ("top1", "top5", "low", "high", "test_pictures")
        return {name: getattr(shipped, name) for name in names}
    metrics = header["metrics"]
    top5 = metrics.get("test_top5_error")
    return {"top1": 1 - metrics["test_error"], "top5": None if top5 is None else 1 - top5}


def _write_json(path: Path, values: Mapping[str, Any]) -> None:
    try:
        path.write_text(json.dumps(values, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise disk_error(error, path) from error
