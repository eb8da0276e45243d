"""What each stage of a net says of pictures: its output, averaged over the plane. Computed once, kept on disk."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from explorer.models.net import Net
from explorer.models.stages import head_of, stages
from explorer.training.augment import Augmentation
from explorer.training.batches import read_batches
from explorer.training.evaluation import testing
from explorer.training.splits import FileSplit, MemorySplit, ResizedSplit, Split
from explorer.training.tensor_cache import TensorCache

FEATURES = TensorCache("features", most_sets=32, most_bytes=1 << 30)
"""By the content of net and pictures: whatever they are called, they are computed once."""

_PIXELS_AT_ONCE = 2**20
_FORMAT = 1


def stage_features(
    net: Net,
    split: Split,
    preparation: Augmentation,
    *,
    names: Sequence[str] | None = None,
    on_progress: Callable[[float], None] | None = None,
) -> dict[str, Tensor]:
    """The features of all pictures of a split, float32 (N, D) for each name.

    Args:
        net: on the preparation's device.
        split: the pictures.
        preparation: from stored pictures to what the net takes; nothing is drawn.
        names: of stages, see `feature_names`; None: the last one, whose features are what the head gets.
        on_progress: told the share of the pictures that is done; what it raises ends the work.
    """
    names = feature_names(net)[-1:] if names is None else names
    key = content_key(net, split, preparation)
    kept = FEATURES.load(key)
    known = {} if kept is None else kept[0]
    if not set(names) <= known.keys():
        # All of them in one pass: the forward pass is what takes time.
        known = _computed(net, split, preparation, on_progress)
        FEATURES.keep(key, known, {})
    return {name: known[name] for name in names}


def feature_names(net: Net) -> tuple[str, ...]:
    """The stages before the head, in depth order."""
    return tuple(stage.name for stage in stages(net)[:-1])


def _computed(
    net: Net, split: Split, preparation: Augmentation, on_progress: Callable[[float], None] | None
) -> dict[str, Tensor]:
    at_once = max(1, min(256, _PIXELS_AT_ONCE // preparation.size**2))
    batches = torch.split(torch.arange(len(split)), at_once)
    found: dict[str, list[Tensor]] = {name: [] for name in feature_names(net)}
    with testing(net), _recorded(net) as seen:
        for done, (x, _) in enumerate(read_batches(split, batches, preparation.device), start=1):
            net(preparation(x))
            for name, value in seen.items():
                found[name].append(value.float().cpu())
            if on_progress is not None:
                on_progress(done / len(batches))
    return {name: torch.cat(values) for name, values in found.items()}  # (N, D)


@contextmanager
def _recorded(net: Net) -> Iterator[dict[str, Tensor]]:
    """While it is open, the features of the last batch by name; its hooks are gone afterwards."""
    seen: dict[str, Tensor] = {}

    def after(name: str) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
        def hook(module: nn.Module, given: tuple[Tensor, ...], output: Tensor) -> None:
            seen[name] = output.mean((2, 3)) if output.dim() == 4 else output  # (N, C)

        return hook

    *inner, last, _ = stages(net)

    def before_head(module: nn.Module, given: tuple[Tensor, ...]) -> None:
        seen[last.name] = given[0]  # (N, D)

    handles: list[RemovableHandle] = []
    handles += [net.get_submodule(stage.end).register_forward_hook(after(stage.name)) for stage in inner]
    handles.append(head_of(net).register_forward_pre_hook(before_head))
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


def content_key(net: Net, split: Split, preparation: Augmentation) -> str:
    """A digest of all that the features depend on: weights, pictures, normalisation."""
    digest = hashlib.blake2b(digest_size=16)
    head = f"{stages(net)[-1].end}."
    digest.update(repr((_FORMAT, net.config.replace(num_classes=1), preparation.size)).encode())
    for name, value in sorted(net.state_dict().items()):
        if not name.startswith(head):  # features do not depend on the head
            digest.update(name.encode() + value.detach().cpu().contiguous().numpy().tobytes())
    for tensor in (preparation.mean, preparation.scale):
        digest.update(tensor.cpu().numpy().tobytes())
    for part in _content(split):
        digest.update(part)
    return digest.hexdigest()


def _content(split: Split) -> Iterator[bytes]:
    if isinstance(split, MemorySplit | ResizedSplit):
        yield repr((tuple(split.images.shape), getattr(split, "side", 0))).encode()
        for block in torch.split(split.images.cpu(), 4096):
            yield block.contiguous().numpy().tobytes()
    elif isinstance(split, FileSplit):
        yield repr((split.side, split.channels)).encode()
        for name in split.files:
            stat = (split.root / name).stat()
            yield repr((str(split.root / name), stat.st_size, stat.st_mtime_ns)).encode()
    else:
        raise TypeError(f"{type(split).__name__} is no split that features can be kept for.")
