"""Receptive fields: worked out by hand, and measured by gradients on linearised nets."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from explorer import ExplorerError, UnknownNameError, create_model, layer_table, receptive_field
from explorer.models.blocks import ResidualBlock
from explorer.models.layers import PaddingShortcut, ShortcutAdd
from explorer.results import Field1d, LayerTable, ReceptiveField

# ---------------------------------------------------------------- worked by hand


@pytest.mark.parametrize(
    ("name", "options", "size"),
    [
        ("vgg_a", {}, 150),
        ("vgg_b", {}, 156),
        ("vgg_c", {}, 156),
        ("vgg_d", {}, 212),
        ("vgg_e", {}, 268),
        ("vgg_d_bn", {}, 212),
        ("vgg_b_5x5", {}, 156),
        ("resnet18", {}, 435),
        ("resnet34", {}, 899),
        ("plain34", {}, 899),
        ("preact_resnet34", {}, 899),
        ("resnet50", {"stride_on": "1x1"}, 483),
        ("resnet101", {"stride_on": "1x1"}, 1027),
        ("resnet152", {"stride_on": "1x1"}, 1507),
        ("resnet50", {}, 427),
        ("resnet101", {}, 971),
        ("resnet152", {}, 1451),
        ("alexnet", {}, 195),
        ("lenet5", {}, 16),
    ],
)
def test_fields_of_whole_nets(name: str, options: dict[str, str], size: int) -> None:
    field = layer_table(name, **options).totals.receptive_field
    assert field is not None
    assert field.size == size


def test_vgg_a_by_hand() -> None:
    """A 3x3 adds 2 strides, a 2x2 pooling 1; the stride doubles after each pooling."""
    expected = 1 + (2 + 1) * 1 + (2 + 1) * 2 + (2 * 2 + 1) * 4 + (2 * 2 + 1) * 8 + (2 * 2 + 1) * 16
    field = receptive_field("vgg_a", "features.20")
    assert field is not None
    assert field.size == expected == 150
    assert field.stride == 2**5


@pytest.mark.parametrize("n", [1, 2, 3, 5, 9])
@pytest.mark.parametrize("kind", ["plain", "resnet"])
def test_cifar_nets_see_28n_less_3(n: int, kind: str) -> None:
    """3 after the stem; 2n - 1 convolutions more at stride 1 ..., the first of a stage still at the stride before."""
    at_stride_1, at_stride_2, at_stride_4 = 2 * n + 1, 2 * n, 2 * n - 1
    expected = 3 + 2 * (1 * at_stride_1 + 2 * at_stride_2 + 4 * at_stride_4)
    field = receptive_field(f"{kind}{6 * n + 2}", f"layer3.{n - 1}.conv2")
    assert field is not None
    assert field.size == expected == 28 * n - 3
    assert field.stride == 4


def test_the_smallest_path_of_a_residual_net_goes_through_its_shortcuts() -> None:
    """ResNet-18: 7x7 and pooling see 11 pixels, projections of stride 2 look at one position each."""
    field = receptive_field("resnet18", "layer4.1.add")
    assert field is not None
    assert (field.size, field.min_size, field.stride, field.aligned) == (435, 11, 32, True)
    plain = receptive_field("plain18", "layer4.1.relu2")
    assert plain is not None
    assert (plain.size, plain.min_size) == (435, 435)


def test_one_layer() -> None:
    field = layer_table(nn.Sequential(nn.Conv2d(3, 4, 7, stride=2, padding=3)), image_size=32).row("0").receptive_field
    assert field is not None
    assert (field.rows, field.size, field.stride, field.offset) == (Field1d(-3, 3, 2), 7, 2, 0)
    pool = layer_table(nn.Sequential(nn.MaxPool2d(2, 2)), image_size=32).row("0").receptive_field
    assert pool is not None
    assert (pool.size, pool.stride, pool.offset) == (2, 2, 0.5)


# ---------------------------------------------------------------- global


def test_after_global_pooling_and_linear_layers_a_unit_sees_everything() -> None:
    for name, layer in [
        ("resnet18", "avgpool"),
        ("resnet18", "fc"),
        ("vgg_a", "classifier.0"),
        ("vgg_a", "classifier.6"),
    ]:
        field = receptive_field(name, layer)
        assert field is not None
        assert field.is_global
        assert (field.size, field.stride, field.offset) == (None, None, None)
        assert field.region((0, 0), 224) == (0, 0, 224, 224)


def test_after_squeeze_and_excitation_a_unit_sees_everything_but_one_path_stays_small() -> None:
    table = layer_table("se_resnet50")
    before, after = table.row("layer1.0.bn3").receptive_field, table.row("layer1.0.se.mul").receptive_field
    assert before is not None
    assert after is not None
    assert (before.size, before.is_global) == (19, False)
    assert (after.size, after.is_global, after.min_size) == (None, True, 19)
    last = table.row("layer4.2.add").receptive_field
    assert last is not None
    assert (last.is_global, last.min_size) == (True, 11)
    assert table.totals.receptive_field == last


@pytest.mark.parametrize("size", [32, 224])
def test_global_pooling_is_global_on_a_map_of_one_position_too(size: int) -> None:
    field = receptive_field("resnet18", "avgpool", image_size=size)
    assert field is not None
    assert field.is_global


def test_group_norm_is_global_and_unknown_operations_are_not_guessed() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.GroupNorm(2, 4), nn.Conv2d(4, 4, 3), nn.Upsample(scale_factor=2))
    fields = [row.receptive_field for row in layer_table(net, image_size=16).rows]
    assert fields[2] is not None
    assert fields[2].is_global
    assert fields[2].min_size == 3
    assert fields[-1] is None
    behind = layer_table(nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(3, 3, 3)), image_size=16).row("1")
    assert behind.receptive_field is None


# ---------------------------------------------------------------- measured


class Branches(nn.Module):
    """Two branches that are added up, or put one behind the other."""

    def __init__(self, one: nn.Module, other: nn.Module, concatenate: bool = False) -> None:
        super().__init__()
        self.one, self.other, self.add = one, other, ShortcutAdd()
        self.concatenate = concatenate
        self.last = nn.Conv2d(8 if concatenate else 4, 4, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        one, other = self.one(x), self.other(x)
        return self.last(torch.cat([one, other], 1) if self.concatenate else self.add(one, other))


def conv(kernel: int | tuple[int, int], channels: int = 4, into: int = 4, **options: object) -> nn.Conv2d:
    return nn.Conv2d(channels, into, kernel, **options)  # type: ignore[arg-type]


def chain(*layers: nn.Module) -> Callable[[], nn.Module]:
    return lambda: nn.Sequential(*layers)


def net(name: str, **options: object) -> Callable[[], nn.Module]:
    return lambda: create_model(name, **options)


def zfnets_features() -> nn.Module:
    features = create_model("zfnet", device="meta").features
    assert isinstance(features, nn.Module)
    return features.to_empty(device="cpu")


THIN = {"width": 1 / 64, "num_classes": 2}
SMALL_NETS: dict[str, tuple[Callable[[], nn.Module], tuple[int, int, int]]] = {
    "plain8": (net("plain8"), (3, 32, 32)),
    "resnet8, option A": (net("resnet8"), (3, 32, 32)),
    "resnet8, option A, odd": (net("resnet8"), (3, 33, 45)),
    "resnet8, option B": (net("resnet8", shortcut="B"), (3, 30, 32)),
    "resnet14, option C": (net("resnet14", shortcut="C"), (3, 32, 32)),
    "preact_resnet14": (net("preact_resnet14"), (3, 32, 32)),
    "resnet18, thin": (net("resnet18", **THIN), (3, 100, 90)),
    "resnet50, thin, paper": (net("resnet50", stride_on="1x1", **THIN), (3, 64, 64)),
    "resnet50, thin, torchvision": (net("resnet50", **THIN), (3, 64, 70)),
    "preact_resnet50, thin": (net("preact_resnet50", stride_on="1x1", **THIN), (3, 72, 64)),
    "vgg_a, thin": (net("vgg_a", head="slim", **THIN), (3, 71, 96)),
    "vgg_b_5x5, thin": (net("vgg_b_5x5", head="slim", **THIN), (3, 64, 64)),
    "googlenet_5x5": (net("googlenet_5x5", num_classes=2, norm="none"), (3, 36, 32)),
    "zfnet's features": (zfnets_features, (3, 75, 64)),
    "dilated": (
        chain(conv(3, 3, dilation=2, padding=2), conv(3, dilation=3, stride=2, padding=1)),
        (3, 40, 31),
    ),
    "1x1 with stride": (
        chain(conv(1, 3, stride=2), conv(3, padding=1), conv(1, stride=3), conv(3, padding=1)),
        (3, 36, 41),
    ),
    "non-square": (
        chain(conv((1, 5), 3, padding=(0, 2)), conv((3, 2), stride=(2, 1)), nn.MaxPool2d((2, 3), (2, 1))),
        (3, 33, 40),
    ),
    "same padding, even kernel": (chain(conv(4, 3, padding="same"), conv(2, padding="same")), (3, 16, 17)),
    "more padding than kernel": (chain(conv(1, 3, padding=2), conv(3, stride=2, padding=2)), (3, 12, 13)),
    "poolings that reach over the border": (
        chain(nn.MaxPool2d(3, 2, ceil_mode=True), conv(3, 3, padding=1), nn.AvgPool2d(2, 2, ceil_mode=True)),
        (3, 30, 33),
    ),
    "poolings that leave the border out": (
        chain(nn.MaxPool2d(3, 3), conv(3, 3, padding=1), nn.MaxPool2d(2, 2), conv(3, padding=1)),
        (3, 35, 31),
    ),
    "adaptive pooling, uneven": (
        chain(conv(3, 3, stride=2), nn.AdaptiveAvgPool2d((5, 7)), conv(3, padding=1)),
        (3, 36, 41),
    ),
    "adaptive pooling, enlarging": (chain(conv(3, 3, stride=4), nn.AdaptiveAvgPool2d(7)), (3, 16, 16)),
    "branches that do not align": (
        lambda: Branches(conv(2, 3, stride=2), conv(1, 3, stride=2)),
        (3, 20, 22),
    ),
    "branches, concatenated": (
        lambda: Branches(conv(5, 3, padding=2), conv(3, 3, padding=1), concatenate=True),
        (3, 20, 21),
    ),
    "zero-padding shortcut": (
        lambda: Branches(conv(3, 3, stride=2, padding=1), PaddingShortcut(3, 4, 2)),
        (3, 20, 21),
    ),
}


def linearised(model: nn.Module) -> nn.Module:
    """A copy through which every gradient flows: all weights positive, no bias, averages for maxima, no batch norm."""
    model = copy.deepcopy(model).double().eval()
    for parent in list(model.modules()):
        for name, child in parent.named_children():
            if isinstance(child, nn.BatchNorm2d | nn.LocalResponseNorm):
                setattr(parent, name, nn.Identity())
            elif isinstance(child, nn.MaxPool2d):
                pool = nn.AvgPool2d(child.kernel_size, child.stride, child.padding, child.ceil_mode)
                setattr(parent, name, pool)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                module.weight.fill_(1 / module.weight[0].numel())
                if module.bias is not None:
                    module.bias.zero_()
    return model


def units_of(shape: tuple[int, ...]) -> list[tuple[int, int]]:
    """Corners, edges and the middle of a map, and two units beside them."""
    rows, columns = shape[1] - 1, shape[2] - 1
    at = {(0, 0), (0, columns), (rows, 0), (rows, columns), (rows // 2, columns // 2), (rows // 2, columns), (0, 1)}
    at |= {(max(rows - 1, 0), columns // 3), (1, max(columns - 1, 0))}
    return sorted((row, column) for row, column in at if row <= rows and column <= columns)


Box = tuple[int, int, int, int]


def seen_by(
    model: nn.Module, picture: tuple[int, int, int], units: dict[str, list[tuple[int, int]]]
) -> dict[str, list[Box]]:
    """For units of layers the box around all pixels with a gradient: (top, left, bottom, right)."""
    outputs: dict[str, Tensor] = {}
    for layer in units:
        model.get_submodule(layer).register_forward_hook(lambda _, __, out, layer=layer: outputs.update({layer: out}))
    pictures = torch.ones(max(map(len, units.values())), *picture, dtype=torch.float64, requires_grad=True)
    model(pictures)
    boxes: dict[str, list[Box]] = {}
    for layer, wanted in units.items():
        total = torch.stack([outputs[layer][i, :, row, column].sum() for i, (row, column) in enumerate(wanted)]).sum()
        (gradient,) = torch.autograd.grad(total, pictures, retain_graph=True)
        boxes[layer] = []
        for each in gradient[: len(wanted)].abs().sum(1):  # (H, W)
            rows, columns = each.sum(1).nonzero().flatten().tolist(), each.sum(0).nonzero().flatten().tolist()
            box = (rows[0], columns[0], rows[-1] + 1, columns[-1] + 1) if rows else (0, 0, 0, 0)
            boxes[layer].append(box)
    return boxes


def measurable(table: LayerTable, model: nn.Module) -> dict[str, ReceptiveField]:
    """Fields of the modules that move or join windows, where they are known and local."""
    modules = dict(model.named_modules())
    return {
        row.path: row.receptive_field
        for row in table.rows
        if row.path in modules
        and row.op in {"conv", "pool", "add", "pad"}
        and row.receptive_field is not None
        and not row.receptive_field.is_global
    }


@pytest.mark.each_net
@pytest.mark.parametrize("name", SMALL_NETS)
def test_regions_are_where_the_gradient_is(name: str) -> None:
    """The box around all pixels with a gradient, for units inside and at the borders of every layer."""
    build, picture = SMALL_NETS[name]
    model = linearised(build())
    table = layer_table(model, input_shape=picture)
    fields = measurable(table, model)
    units = {path: units_of(table.row(path).output_shape) for path in fields}
    assert units
    for path, boxes in seen_by(model, picture, units).items():
        assert [fields[path].region(unit, picture[1:]) for unit in units[path]] == boxes, path


def units_inside(field: ReceptiveField, shape: tuple[int, ...], picture: tuple[int, int, int]) -> list[tuple[int, int]]:
    """The first and the last unit whose fields lie in the picture, of those the rules give."""
    assert field.rows is not None
    assert field.columns is not None
    along = []
    for axis, length, side in ((field.rows, shape[1], picture[1]), (field.columns, shape[2], picture[2])):
        inside = [i for i in range(length) if axis.start + i * axis.stride >= 0 and axis.end + i * axis.stride < side]
        along.append(inside)
    return [(along[0][end], along[1][end]) for end in (0, -1)] if all(along) else []


@pytest.mark.parametrize("name", [name for name in SMALL_NETS if not name.startswith("adaptive")])
def test_the_three_rules_hold_away_from_the_borders(name: str) -> None:
    """Size, stride and offset, which know no picture: wherever they fit into it, they are what the gradient shows."""
    build, picture = SMALL_NETS[name]
    model = linearised(build())
    table = layer_table(model, input_shape=picture)
    fields = measurable(table, model)
    units = {path: units_inside(field, table.row(path).output_shape, picture) for path, field in fields.items()}
    units = {path: inside for path, inside in units.items() if inside}
    assert units
    for path, boxes in seen_by(model, picture, units).items():
        rows, columns = fields[path].rows, fields[path].columns
        assert rows is not None
        assert columns is not None
        for unit, (top, left, bottom, right) in zip(units[path], boxes, strict=True):
            assert (bottom - top, right - left) == (rows.size, columns.size), path
            assert (top + bottom - 1) / 2 == rows.centre + unit[0] * rows.stride, path
            assert (left + right - 1) / 2 == columns.centre + unit[1] * columns.stride, path


@pytest.mark.parametrize(
    ("name", "options", "picture"),
    [
        ("resnet14", {"shortcut": "A"}, (3, 32, 32)),
        ("resnet14", {"shortcut": "B"}, (3, 32, 32)),
        ("resnet14", {"shortcut": "C"}, (3, 32, 32)),
        ("preact_resnet14", {}, (3, 32, 32)),
        ("resnet50", THIN, (3, 96, 96)),
        ("resnet50", {**THIN, "stride_on": "1x1"}, (3, 96, 96)),
    ],
)
def test_smallest_path_is_what_is_left_without_the_residual_branches(
    name: str, options: dict[str, object], picture: tuple[int, int, int]
) -> None:
    model = linearised(create_model(name, **options))
    table = layer_table(model, input_shape=picture)
    for block in model.modules():
        if isinstance(block, ResidualBlock):
            nn.init.zeros_(block.get_submodule(f"conv{block.length}").weight)  # type: ignore[arg-type]
    adds = {row.path: row for row in table.rows if row.op == "add"}
    assert len(adds) >= 6
    middles = {path: [(row.output_shape[1] // 2, row.output_shape[2] // 2)] for path, row in adds.items()}
    for path, boxes in seen_by(model, picture, middles).items():
        field = adds[path].receptive_field
        assert field is not None
        top, left, bottom, right = boxes[0]
        assert (bottom - top, right - left) == (field.min_size, field.min_size), path
        assert isinstance(field.size, int)
        assert isinstance(field.min_size, int)
        assert field.min_size < field.size


def test_alignment_where_branches_meet() -> None:
    """A 2x2 of stride 2 looks at the middle of two pixels, a 1x1 of stride 2 at the first of them."""
    crooked = layer_table(Branches(conv(2, 3, stride=2), conv(1, 3, stride=2)), image_size=20)
    straight = layer_table(Branches(conv(3, 3, stride=2, padding=1), conv(1, 3, stride=2)), image_size=20)
    for table, aligned in [(crooked, False), (straight, True)]:
        field, after = table.row("add").receptive_field, table.row("last").receptive_field
        assert field is not None
        assert after is not None
        assert field.aligned is aligned
        assert after.aligned is aligned, "what follows inherits it"
    first = crooked.row("one").receptive_field
    assert first is not None
    assert first.aligned
    every = [row.receptive_field for row in layer_table("resnet50").rows]
    assert all(field is not None and field.aligned for field in every), "a residual net's branches align"


def test_branches_of_different_strides_are_not_guessed() -> None:
    net = Branches(conv(1, 3, stride=4), nn.Sequential(conv(1, 3), nn.AdaptiveAvgPool2d(2)))
    rows = layer_table(net, image_size=8)
    assert rows.row("add").output_shape == (4, 2, 2)
    stretched = Branches(conv(1, 3, stride=7), nn.Sequential(conv(1, 3, stride=5)))
    field = layer_table(stretched, image_size=8).row("add").receptive_field
    assert field is None


# ---------------------------------------------------------------- regions


def test_region_at_another_size_is_the_clipped_field() -> None:
    field = receptive_field("resnet18", "maxpool")
    assert field is not None
    assert field.size == 11
    assert field.region((0, 0), 224) == (0, 0, 6, 6)
    assert field.region((10, 20), 1000) == (35, 75, 46, 86)
    assert field.region((10, 20), (224, 1000)) == (35, 75, 46, 86)


def test_a_unit_that_sees_padding_only_has_an_empty_region() -> None:
    net = nn.Sequential(nn.Conv2d(3, 3, 1, padding=2))
    field = layer_table(net, image_size=8).row("0").receptive_field
    assert field is not None
    for size in (8, 9):
        top, left, bottom, right = field.region((0, 5), size)
        assert (bottom - top, right - left) == (0, 0)


@pytest.mark.parametrize("unit", [(-1, 0), (0, -1), (7, 0), (0, 7)])
def test_units_outside_the_map_are_refused(unit: tuple[int, int]) -> None:
    field = receptive_field("resnet18", "layer4.1.conv2")
    assert field is not None
    with pytest.raises(ExplorerError, match="is not in the feature map"):
        field.region(unit, 224)


def test_fields_as_plain_data() -> None:
    field = receptive_field("resnet18", "layer1.0.add")
    assert field is not None
    assert field.as_dict() == {
        "size": 27,
        "stride": 4,
        "offset": 0,
        "min_size": 11,
        "global": False,
        "aligned": True,
    }
    assert field == ReceptiveField(Field1d(-13, 13, 4), Field1d(-13, 13, 4), 11), "what is seen at one size is no part"


def test_unknown_layers_are_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"layer1\.0\.conv1"):
        receptive_field("resnet18", "layer1.0.conv")
