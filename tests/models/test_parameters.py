"""Exact parameter counts: published ones, and those worked out by hand."""

from __future__ import annotations

import pytest

from explorer import ModelConfig, create_model, layer_table
from explorer.catalog import entries

PUBLISHED = {
    # Simonyan & Zisserman, table 2 (133, 133, 133, 134, 138, 144 millions), exactly; batch norm as in torchvision
    "vgg_a": 132_863_336,
    "vgg_a_lrn": 132_863_336,
    "vgg_b": 133_047_848,
    "vgg_c": 133_638_952,
    "vgg_d": 138_357_544,
    "vgg_e": 143_667_240,
    "vgg_a_bn": 132_868_840,
    "vgg_b_bn": 133_053_736,
    "vgg_d_bn": 138_365_992,
    "vgg_e_bn": 143_678_248,
    # torchvision's
    "resnet18": 11_689_512,
    "resnet34": 21_797_672,
    "resnet50": 25_557_032,
    "resnet101": 44_549_160,
    "resnet152": 60_192_808,
    "wide_resnet50_2": 68_883_240,
    "resnext50_32x4d": 25_028_904,
    # He et al. 2015, table 6 (0.27, 0.46, 0.66, 0.85, 1.7, 19.4 millions), exactly
    "resnet20": 269_722,
    "resnet32": 464_154,
    "resnet44": 658_586,
    "resnet56": 853_018,
    "resnet110": 1_727_962,
    "resnet1202": 19_421_274,
    # Zagoruyko & Komodakis, table 5: 36.5 millions
    "wide_resnet28_10": 36_479_194,
    # the lecture
    "lenet5": 61_706,
    "alexnet": 60_965_224,
    "googlenet": 6_624_904,
}


def params(name: str, **options: object) -> int:
    return layer_table(name, **options).totals.params


@pytest.mark.parametrize(("name", "count"), PUBLISHED.items())
def test_published_counts(name: str, count: int) -> None:
    assert params(name) == count


@pytest.mark.each_net
@pytest.mark.parametrize("name", [entry.name for entry in entries()])
def test_the_table_counts_the_modules_own_parameters(name: str) -> None:
    assert params(name) == sum(p.numel() for p in create_model(name, device="meta").parameters())


def test_5x5_convolutions_in_place_of_pairs_of_3x3() -> None:
    convolutions = sum(5 * 5 * i * o + o for i, o in [(3, 64), (64, 128), (128, 256), (256, 512), (512, 512)])
    classifier = (7 * 7 * 512 * 4096 + 4096) + (4096 * 4096 + 4096) + (4096 * 1000 + 1000)
    assert params("vgg_b_5x5") == convolutions + classifier == 134_503_528
    # batch norm: a scale and a shift for each channel, and the biases stay as in torchvision
    assert params("vgg_b_5x5_bn") == 134_503_528 + 2 * (64 + 128 + 256 + 512 + 512)


def test_vgg_c_has_three_1x1_more_than_b() -> None:
    one_by_one = (256 * 256 + 256) + (512 * 512 + 512) + (512 * 512 + 512)
    assert params("vgg_c") == params("vgg_b") + one_by_one


def test_slim_head() -> None:
    """512 means and one linear layer instead of 4096-4096-1000."""
    fully_connected = (25088 * 4096 + 4096) + (4096 * 4096 + 4096) + (4096 * 1000 + 1000)
    assert params("vgg_d", head="slim") == 138_357_544 - fully_connected + (512 * 1000 + 1000)


def test_squeeze_and_excitation_adds_two_small_layers_a_block() -> None:
    """Reduction 16: C to C/16 and back with biases, in blocks of 256, 512, 1024 and 2048 channels."""
    gates = sum(
        blocks * (channels * (channels // 16) + channels // 16 + (channels // 16) * channels + channels)
        for blocks, channels in [(3, 256), (4, 512), (6, 1024), (3, 2048)]
    )
    assert params("se_resnet50") == 25_557_032 + gates == 28_088_024


def test_preactivation_saves_the_batch_norms_of_its_projections() -> None:
    """The first block has one batch norm less (64), the end one more (512), each block starts with its input's."""
    moved = -2 * 64 + 2 * ((64 - 128) + (128 - 256) + (256 - 512)) + 2 * 512
    assert moved == 0
    assert params("preact_resnet18") == 11_689_512 - 2 * (128 + 256 + 512)


@pytest.mark.parametrize(
    ("name", "millions"), [("resnet164", 1.7), ("preact_resnet164", 1.7), ("preact_resnet1001", 10.2)]
)
def test_bottleneck_cifar_nets(name: str, millions: float) -> None:
    """He et al. 2016, table 4: 1.7 and 10.2 millions (1001 is 10.29 with batch norm's parameters, 10.14 without)."""
    assert params(name) == pytest.approx(millions * 1e6, rel=0.03)


def test_resnet164_by_hand() -> None:
    def block(width: int) -> int:
        return 4 * width * width + 9 * width * width + width * 4 * width

    # 18 blocks a stage; the first of each takes other than 4 * width channels in: 16, 64, 128
    convolutions = 3 * 9 * 16 + sum(18 * block(width) for width in (16, 32, 64))
    convolutions += (16 - 64) * 16 + (64 - 128) * 32 + (128 - 256) * 64
    norms = 2 * 16 + 18 * sum(2 * (width + width + 4 * width) for width in (16, 32, 64))
    assert params("resnet164") == convolutions + norms + (256 * 10 + 10) == 1_661_274


@pytest.mark.parametrize("depth", [18, 34, 50, 101, 20, 32, 56, 110, 164])
@pytest.mark.parametrize("norm", ["batch", "none"])
def test_plain_and_residual_have_the_same_parameters_under_option_a(depth: int, norm: str) -> None:
    plain = create_model(f"plain{depth}", norm=norm, device="meta").state_dict()
    residual = create_model(f"resnet{depth}", shortcut="A", norm=norm, device="meta").state_dict()
    if depth == 164:
        assert ModelConfig("plain164").stride_on == ModelConfig("resnet164").stride_on == "1x1"
    assert {name: weight.shape for name, weight in plain.items()} == {name: w.shape for name, w in residual.items()}


def test_plain_is_the_residual_net_with_one_argument_changed() -> None:
    assert ModelConfig("resnet34").replace(residual=False).options() == ModelConfig("plain34").options()


def test_shortcut_options_cost_what_they_project() -> None:
    """B: 1x1 with batch norm where dimensions grow; C: around every block (ResNet-34)."""
    grow = sum(i * o + 2 * o for i, o in [(64, 128), (128, 256), (256, 512)])
    rest = sum(blocks * (c * c + 2 * c) for blocks, c in [(3, 64), (3, 128), (5, 256), (2, 512)])
    assert params("resnet34", shortcut="B") - params("resnet34", shortcut="A") == grow
    assert params("resnet34", shortcut="C") - params("resnet34", shortcut="A") == grow + rest


def test_width_scales_every_stage() -> None:
    """Half the channels: a quarter of each convolution between stages."""
    full = {row.path: row for row in layer_table("resnet18").rows}
    half = {row.path: row for row in layer_table("resnet18", width=0.5).rows}
    assert half["layer3.1.conv1"].params * 4 == full["layer3.1.conv1"].params
    assert half["conv1"].params * 2 == full["conv1"].params, "its input stays the picture"
    vgg = {row.path: row for row in layer_table("vgg_a", width=0.5).rows}
    assert vgg["features.18"].params == 256 * 256 * 9 + 256
    assert vgg["classifier.0"].params == 256 * 49 * 4096 + 4096, "the classifier keeps its own width"
