"""The pictures that excite the units of a layer most, and where on them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
from torch import Tensor, nn

from explorer.analysis.layer_run import LayerRun, checked_pictures, label_of, stage_of, whole_number
from explorer.errors import ConfigError
from explorer.feature_results import ExcitedUnit, Exciting, UnitPictures

_MOST_EACH = 100


def top_pictures(
    net: nn.Module,
    pictures: Tensor,
    layer: str,
    *,
    units: int | Sequence[int] = 6,
    each: int = 6,
) -> UnitPictures:
    """For the strongest units of a layer the pictures that excite them most, with the place and what it sees.

    A unit's value on a picture is the highest in its map; the strongest units are those that reach the highest values
    on any of the pictures. The net runs in evaluation mode and only as far as the layer; nothing of it is left changed.

    Args:
        net: any module that torch.fx can trace.
        pictures: as the net takes them, normalised, float (N, C, H, W).
        layer: one of `feature_layers`, or the name of a module that holds some: then its last operation.
        units: how many of the strongest, or the numbers of channels.
        each: how many pictures for each unit; fewer where a unit is above 0 on fewer.

    Raises:
        UnknownNameError: there is no such layer.
        ConfigError: there is no such unit, or no or too many pictures for each are asked for.
        ExplorerError: the pictures have another shape than the net takes, the layer has no places, or a value is no
            finite number.
        TraceError: the module cannot be traced.

    >>> import explorer
    >>> net = explorer.load_trained("shipped:resnet18")
    >>> pictures = explorer.prepare(net, [explorer.photograph(name) for name in ("coffee", "rocket", "chelsea")])
    >>> found = top_pictures(net.model, pictures, "layer1", units=1, each=2)
    >>> [one.box[2] - one.box[0] <= 43 for one in found.units[0].best]
    [True, True]
    """
    found = None
    for found in top_pictures_steps(net, pictures, layer, units=units, each=each):  # noqa: B007
        pass
    assert found is not None
    return found


def top_pictures_steps(
    net: nn.Module,
    pictures: Tensor,
    layer: str,
    *,
    units: int | Sequence[int] = 6,
    each: int = 6,
) -> Iterator[UnitPictures]:
    """`top_pictures` as it goes on: after each batch what is found so far, and `share_done`; closing it stops it.

    Arguments and errors are checked at once, before the first step is asked for.
    """
    x = checked_pictures(net, pictures)
    run = LayerRun(net, layer, (x.shape[1], x.shape[2], x.shape[3]))
    shown = whole_number(each)
    if shown is None or not 1 <= shown <= _MOST_EACH:
        raise _out_of_range("each", each, 1, _MOST_EACH)
    return _steps(run, x, _checked_units(units, run.row.output_shape[0]), shown)


def _steps(run: LayerRun, pictures: Tensor, units: int | Sequence[int], each: int) -> Iterator[UnitPictures]:
    count, channels = len(pictures), run.row.output_shape[0]
    peaks = np.zeros((count, channels), np.float32)
    places = np.zeros((count, channels), np.int64)
    for start in range(0, count, run.at_once):
        maps = run.maps(pictures[start : start + run.at_once]).flatten(2)  # (n, C, h · w)
        found = maps.argmax(dim=2, keepdim=True)  # (n, C, 1), the first of several
        seen = start + len(maps)
        peaks[start:seen] = maps.gather(2, found)[:, :, 0].cpu().numpy()
        places[start:seen] = found[:, :, 0].cpu().numpy()
        yield _result(run, peaks[:seen], places[:seen], count, units, each)


def _result(
    run: LayerRun,
    peaks: npt.NDArray[np.float32],
    places: npt.NDArray[np.int64],
    pictures: int,
    units: int | Sequence[int],
    each: int,
) -> UnitPictures:
    """What is found so far; `peaks` and `places` are (pictures seen, C)."""
    channels, height, width = run.row.output_shape
    image_size = (run.input_shape[1], run.input_shape[2])
    highest = peaks.max(axis=0)  # (C,)
    chosen = np.argsort(-highest, kind="stable")[:units].tolist() if isinstance(units, int) else list(units)
    field = run.row.receptive_field

    def exciting(unit: int, picture: int) -> Exciting:
        row, column = divmod(int(places[picture, unit]), width)
        box = (0, 0, *image_size) if field is None else field.region((row, column), image_size)
        return Exciting(picture, float(peaks[picture, unit]), (row, column), box)

    def excited(unit: int) -> ExcitedUnit:
        own = peaks[:, unit]
        order = [int(picture) for picture in np.argsort(-own, kind="stable")[:each] if own[picture] > 0]
        best = tuple(exciting(unit, picture) for picture in order)
        return ExcitedUnit(unit, best, float(np.median(own)), float((own > 0).mean()))

    return UnitPictures(
        net=label_of(run.net),
        layer=run.row.path,
        stage=stage_of(run.net, run.row.path),
        channels=channels,
        size=(height, width),
        image_size=image_size,
        field=field,
        silent=int((highest <= 0).sum()),
        seen=len(peaks),
        pictures=pictures,
        units=tuple(excited(unit) for unit in chosen),
    )


def _checked_units(units: int | Sequence[int], channels: int) -> int | list[int]:
    """How many of the strongest, or which ones: numpy's numbers, such as those of `FeatureMaps.strongest`, too."""
    count = whole_number(units)
    if count is not None or not isinstance(units, Iterable):
        if count is None or not 1 <= count <= channels:
            raise _out_of_range("units", units, 1, channels)
        return count
    numbers: list[int] = []
    for unit in units:
        number = whole_number(unit)
        if number is None or not 0 <= number < channels:
            raise _out_of_range("unit", unit, 0, channels - 1)
        numbers.append(number)
    return numbers


def _out_of_range(name: str, value: object, low: int, high: int) -> ConfigError:
    said = f"{name}={str(value)[:40]}"
    message = f"{said} is not possible: use a whole number from {low} to {high}."
    return ConfigError(message, key="range", said=said, low=low, high=high)
