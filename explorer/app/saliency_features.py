"""What a stage of the nets makes of the picture: its maps, the first filters, and what excites its strongest units."""

from __future__ import annotations

import functools
from collections.abc import Iterator

from explorer.app import saliency_cards, saliency_nets, widgets
from explorer.app.saliency_choice import SaliencyChoice
from explorer.app.saliency_nets import Key
from explorer.errors import UnknownNameError
from explorer.feature_results import UnitPictures
from explorer.figures.feature_maps import describe_feature_maps, feature_maps_data, plot_feature_maps
from explorer.figures.filters import describe_filters, filters_data, plot_filters
from explorer.figures.unit_pictures import describe_unit_pictures, plot_unit_pictures, unit_pictures_data
from explorer.language import text
from explorer.pictures import Pixels

_UNITS, _EACH = 5, 5
_USUAL = 2
"""Which stage is shown at first: far enough from the picture, and its maps are not yet coarse."""


@functools.lru_cache(maxsize=16)
def _stages(key: Key) -> dict[str, str]:
    from explorer.analysis.layer_run import stage_layers

    return stage_layers(saliency_nets.net_of(key).model)


def layers_of(chosen: SaliencyChoice) -> list[str]:
    """For each net its last operation of the chosen stage: that of the same name, or the same number.

    Raises:
        UnknownNameError: the net has no such stage with maps.
    """
    first, *others = (_stages(key) for key in saliency_nets.keys_of(chosen))
    names = list(first)
    stage = chosen.features or names[min(_USUAL, len(names) - 1)]
    if stage not in first:
        raise UnknownNameError("stage", stage, names)
    layers = [first[stage]]
    for there in others:
        numbered = list(there)[min(names.index(stage), len(there) - 1)]
        layers.append(there[stage if stage in there else numbered])
    return layers


def stream_features(chosen: SaliencyChoice, language: str) -> Iterator[tuple[list[str], str]]:
    """The maps of the stage for the picture, and the filters that see the picture itself."""
    from explorer.analysis.feature_maps import feature_maps, first_filters
    from explorer.lessons.observed import as_seen
    from explorer.training.predicting import prepare

    yield [], widgets.busy(0, text("look.features.busy", language))
    nets, picture = saliency_nets.nets_of(chosen), saliency_nets.picture_of(chosen)
    names = saliency_cards.short_names(nets, language)
    maps = [
        feature_maps(net.model, prepare(net, [picture]), layer)
        for net, layer in zip(nets, layers_of(chosen), strict=True)
    ]
    shown = widgets.chart_value(
        plot_feature_maps(maps, as_seen(nets[0], picture), names=names, language=language),
        describe_feature_maps(maps, names, language=language),
        feature_maps_data(maps, names),
        "feature_maps",
        language,
    )
    filters = [first_filters(net.model) for net in nets]
    card = widgets.chart_value(
        plot_filters(filters, names=names, language=language),
        describe_filters(filters, names, language=language),
        filters_data(filters, names),
        "first_filters",
        language,
    )
    yield [shown, card], ""


@functools.lru_cache(maxsize=4)
def _gallery(key: Key) -> tuple[list[Pixels], tuple[str, ...]]:
    from explorer.lessons.observed import gallery

    return gallery(saliency_nets.net_of(key))


def stream_units(chosen: SaliencyChoice, language: str) -> Iterator[tuple[list[str], str]]:
    """The strongest units of the stage and the pictures that excite them most, batch by batch."""
    from explorer.analysis.top_pictures import top_pictures_steps
    from explorer.lessons.observed import prepared_whole

    yield [], widgets.busy(0, text("look.units.busy", language))
    keys, nets = saliency_nets.keys_of(chosen), saliency_nets.nets_of(chosen)
    pictures, classes = _gallery(keys[0])
    names = saliency_cards.short_names(nets, language)
    done: list[UnitPictures] = []
    for number, (net, layer) in enumerate(zip(nets, layers_of(chosen), strict=True)):
        ready, found = prepared_whole(net, pictures), None
        for found in top_pictures_steps(net.model, ready, layer, units=_UNITS, each=_EACH):
            share = (number + found.share_done) / len(nets)
            if share < 1:
                card = _units_card([*done, found], pictures, names, classes, language)
                yield [card], widgets.busy(share, text("look.units.busy", language))
        assert found is not None
        done.append(found)
    yield [_units_card(done, pictures, names, classes, language)], ""


def _units_card(
    found: list[UnitPictures], pictures: list[Pixels], names: list[str], classes: tuple[str, ...], language: str
) -> str:
    shown = names[: len(found)]
    caption = describe_unit_pictures(found, shown, classes=classes, language=language)
    if not classes:
        caption = f"{caption} {text('look.units.crops', language, count=len(pictures))}"
    return widgets.chart_value(
        plot_unit_pictures(found, pictures, names=shown, classes=classes, language=language),
        caption,
        unit_pictures_data(found, shown, classes=classes),
        "unit_pictures",
        language,
    )
