"""Each attribution method against captum asked directly, against brute force, and against what can be worked out."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterator

import captum.attr
import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torchvision.models import resnet18

from explorer.analysis import attribution_methods
from explorer.analysis.attribution_copy import Windows
from explorer.analysis.covering import window_of
from explorer.analysis.saliency import saliency
from explorer.analysis.superpixels import superpixels
from explorer.attribution_results import METHODS, SIGNED
from explorer.errors import ExplorerError
from explorer.models.create import create_model
from explorer.options import read_net


def settled(net: nn.Module) -> nn.Module:
    """With statistics of batch norm that are not the initial ones, so that evaluation mode means something."""
    generator = torch.Generator().manual_seed(3)
    for one in net.modules():
        if isinstance(one, nn.BatchNorm2d):
            one.running_mean = torch.randn(one.num_features, generator=generator) * 0.1
            one.running_var = torch.rand(one.num_features, generator=generator) + 0.5
    return net.eval()


def ours(name: str) -> nn.Module:
    return settled(create_model(read_net(name), seed=1))


def theirs(make: Callable[..., nn.Module]) -> nn.Module:
    torch.manual_seed(0)
    return settled(make(num_classes=10))


def picture(side: int = 32, channels: int = 3) -> Tensor:
    return torch.randn(1, channels, side, side, generator=torch.Generator().manual_seed(5))


@pytest.fixture
def _captum_may_warn() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


# ---------------------------------------------------------------- captum asked directly


def bare(method: str, net: nn.Module, x: Tensor, target: int) -> Tensor:
    """What captum says, (C, H, W)."""
    attr, x = captum.attr, x.clone().requires_grad_()
    zeros = torch.zeros_like(x)
    if method == "gradient":
        return attr.Saliency(net).attribute(x, target=target, abs=False)[0]
    if method == "gradient-x-input":
        return attr.InputXGradient(net).attribute(x, target=target)[0]
    if method == "integrated-gradients":
        found = attr.IntegratedGradients(net)
        return found.attribute(x, zeros, target=target, n_steps=50, method="riemann_middle")[0]
    if method == "guided-backprop":
        return attr.GuidedBackprop(net).attribute(x, target=target)[0]
    if method == "deeplift":
        return attr.DeepLift(net).attribute(x, zeros, target=target)[0]
    assert method == "guided-grad-cam"
    return attr.GuidedGradCam(net, net.layer3).attribute(x, target=target, interpolate_mode="bilinear")[0]


@pytest.mark.usefixtures("_captum_may_warn")
@pytest.mark.parametrize(
    "method",
    ["gradient", "gradient-x-input", "integrated-gradients", "guided-backprop", "deeplift", "guided-grad-cam"],
)
@pytest.mark.parametrize("name", ["resnet20", "plain20"])
def test_it_is_what_captum_says(method: str, name: str) -> None:
    """On a net that captum takes as it is: each ReLU is a module of its own and works out of place."""
    net, x = ours(name), picture()
    found = saliency(net, x, method=method, target=3)
    expected = bare(method, copy.deepcopy(net), x, 3).detach()
    summed = expected.sum(0) if method in SIGNED else expected.abs().sum(0)
    scale = float(summed.abs().max())
    assert scale > 0
    # On the way from the baseline some units are at their edge: there the last digit decides on which side.
    close = 2e-3 if method == "integrated-gradients" else 2e-5
    np.testing.assert_allclose(found.values / scale, summed / scale, atol=close)
    assert found.signed == (method in SIGNED)
    assert found.signed == bool((found.values < 0).any())


def test_smoothgrad_is_the_mean_gradient_under_noise() -> None:
    """Of a linear score it is the gradient itself; otherwise it is nearer to its mean than one gradient is."""
    linear = nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, 4)).eval()
    found = saliency(linear, picture(8), method="smoothgrad", target=2)
    expected = linear[1].weight[2].detach().view(3, 8, 8).abs().sum(0)
    np.testing.assert_allclose(found.values, expected, rtol=1e-4)
    net, x = ours("resnet8"), picture()
    noise = torch.randn(400, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    noisy = (x + attribution_methods.NOISE * float(x.max() - x.min()) * noise).requires_grad_()
    (gradients,) = torch.autograd.grad(net(noisy)[:, 2].sum(), noisy)
    mean = gradients.mean(0).abs().sum(0).numpy()
    [one] = torch.autograd.grad(net(noisy[:1])[0, 2], noisy)
    single = one[0].abs().sum(0).numpy()
    values = saliency(net, x, method="smoothgrad", target=2).values

    def likeness(other: np.ndarray) -> float:
        return float(np.corrcoef(values.ravel(), other.ravel())[0, 1])

    assert likeness(mean) > likeness(single) + 0.1


# ---------------------------------------------------------------- completeness

COMPLETE = [
    ("resnet20", 32),
    ("plain20", 32),
    ("preact_resnet20", 32),
    ("preact_resnet20:norm=none", 32),  # the shortcut reads what the ReLU reads
    ("resnet18:image_size=64,num_classes=10", 64),  # its pooling's windows overlap
    ("resnet50:image_size=64,num_classes=10,width=0.25", 64),
    ("vgg_a:image_size=64,num_classes=10,head=slim,width=0.25", 64),
    ("vgg_a_bn:image_size=32,num_classes=10,width=0.25", 32),
    ("googlenet:image_size=64,num_classes=10", 64),  # windows overlap by two thirds, and reach over the edge
    ("lenet5", 32),
    ("torchvision resnet18", 64),  # one ReLU for two uses, in place
]


def net_of(name: str) -> nn.Module:
    return theirs(resnet18) if name == "torchvision resnet18" else ours(name)


@pytest.mark.parametrize(("name", "side"), COMPLETE, ids=[name for name, _ in COMPLETE])
def test_deeplift_adds_up_to_the_change_of_the_score(name: str, side: int) -> None:
    net = net_of(name)
    x = picture(side, 1 if name == "lenet5" else 3)
    found = saliency(net, x, method="deeplift", target=3)
    with torch.no_grad():
        change = float(net(x)[0, 3] - net(torch.zeros_like(x))[0, 3])
    assert found.score_change == pytest.approx(change, rel=1e-4, abs=1e-5)
    assert found.values.astype(np.float64).sum() == pytest.approx(found.summed, rel=1e-3, abs=1e-4)
    assert found.gap < 2e-3
    assert found.summed == pytest.approx(change, rel=2e-3)


@pytest.mark.usefixtures("_captum_may_warn")
def test_captum_alone_does_not_get_there() -> None:
    """What the copy is for: captum refuses a ReLU that is used twice, and loses a part where windows overlap."""
    with pytest.raises(RuntimeError, match="used more than once"):
        bare("deeplift", theirs(resnet18), picture(64), 3)
    torch.manual_seed(0)
    pooled = nn.Sequential(nn.Conv2d(3, 3, 3), nn.MaxPool2d(3, 2), nn.Flatten(), nn.Linear(3 * 7 * 7, 4)).eval()
    x = picture(17)
    change = float((pooled(x) - pooled(torch.zeros_like(x)))[0, 3].detach())
    assert abs(float(bare("deeplift", pooled, x, 3).sum().detach()) - change) > 0.05 * abs(change)
    assert saliency(pooled, x, method="deeplift", target=3).gap < 1e-5


@pytest.mark.parametrize(
    ("name", "side"), [("resnet20", 32), ("plain20", 32), ("vgg_a:image_size=32,num_classes=10,width=0.25", 32)]
)
def test_integrated_gradients_add_up_to_the_change_of_the_score(name: str, side: int) -> None:
    net, x = ours(name), picture(side)
    found = saliency(net, x, method="integrated-gradients", target=3)
    with torch.no_grad():
        change = float(net(x)[0, 3] - net(torch.zeros_like(x))[0, 3])
    assert found.score_change == pytest.approx(change, rel=1e-4)
    assert found.gap < 0.05
    assert found.summed == pytest.approx(float(found.values.astype(np.float64).sum()), rel=1e-3)


def test_of_a_linear_score_all_that_explain_it_say_the_same() -> None:
    linear = nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, 4, bias=False)).eval()
    x = picture(8)
    expected = (linear[1].weight[1].detach().view(3, 8, 8) * x[0]).sum(0)
    for method in ("gradient-x-input", "integrated-gradients", "deeplift"):
        np.testing.assert_allclose(saliency(linear, x, method=method, target=1).values, expected, atol=1e-5)


@pytest.mark.parametrize(
    "pool",
    [
        nn.MaxPool2d(3, 2, 1),
        nn.MaxPool2d(3, 2, ceil_mode=True),
        nn.MaxPool2d(3, 1, 1),
        nn.MaxPool2d(2, 2, ceil_mode=True),
        nn.MaxPool2d((2, 3), (1, 2), (1, 0)),
        nn.MaxPool2d(3, 3, 1, dilation=2),
    ],
    ids=str,
)
@pytest.mark.parametrize("side", [7, 8, 12])
def test_windows_laid_out_have_the_same_maxima(pool: nn.MaxPool2d, side: int) -> None:
    x = torch.randn(2, 3, side, side + 1, generator=torch.Generator().manual_seed(side))
    assert torch.equal(Windows(pool)(x), pool(x))


# ---------------------------------------------------------------- covering, by brute force


@pytest.mark.parametrize(("name", "side"), [("resnet8", 32), ("lenet5", 32), ("resnet8", 37)])
def test_occlusion_is_brute_force(name: str, side: int) -> None:
    net = ours(name)
    x = picture(side, 1 if name == "lenet5" else 3)
    window, stride = window_of(side, side)
    lost, windows = np.zeros((side, side)), np.zeros((side, side))
    with torch.no_grad():
        whole = float(net(x)[0, 4])
        for top in range(0, side - window + stride, stride):
            for left in range(0, side - window + stride, stride):
                covered = x.clone()
                covered[:, :, top : top + window, left : left + window] = 0
                lost[top : top + window, left : left + window] += whole - float(net(covered)[0, 4])
                windows[top : top + window, left : left + window] += 1
    assert windows.min() >= 1
    found = saliency(net, x, method="occlusion", target=4)
    np.testing.assert_allclose(found.values, lost / windows, atol=1e-4 * np.abs(lost).max())
    assert found.pictures == len(range(0, side - window + stride, stride)) ** 2 + 9 + 1


def test_occlusion_is_what_captum_says_of_the_whole_picture() -> None:
    net, x = ours("resnet8"), picture()
    window, stride = window_of(32, 32)
    whole = captum.attr.Occlusion(net).attribute(
        x, target=4, sliding_window_shapes=(3, window, window), strides=(3, stride, stride), perturbations_per_eval=15
    )
    found = saliency(net, x, method="occlusion", target=4).values
    np.testing.assert_allclose(found, whole[0, 0], atol=1e-4 * float(whole.abs().max()))


def test_feature_ablation_is_brute_force_and_what_captum_says() -> None:
    net, x = ours("resnet8"), picture()
    numbers = superpixels(x[0])
    assert 20 < numbers.max() + 1 < 100
    expected = np.zeros((32, 32))
    with torch.no_grad():
        whole = float(net(x)[0, 4])
        for number in range(numbers.max() + 1):
            covered = torch.where(torch.from_numpy(numbers == number), torch.zeros_like(x), x)
            expected[numbers == number] = whole - float(net(covered)[0, 4])
    found = saliency(net, x, method="feature-ablation", target=4)
    np.testing.assert_allclose(found.values, expected, atol=1e-4 * np.abs(expected).max())
    assert found.pictures == numbers.max() + 2
    mask = torch.from_numpy(numbers)[None, None]
    asked = captum.attr.FeatureAblation(net).attribute(x, target=4, feature_mask=mask, perturbations_per_eval=16)
    np.testing.assert_allclose(found.values, asked[0, 0], atol=1e-4 * np.abs(expected).max())


def test_superpixels_follow_colours() -> None:
    x = torch.full((3, 32, 32), -1.0)
    x[:, 5:27, 9:20] = 1.0
    numbers = superpixels(x)
    block = np.zeros((32, 32), bool)
    block[5:27, 9:20] = True
    shares = [block[numbers == number].mean() for number in range(numbers.max() + 1)]
    # Squares of a grid of as many would have a third of theirs across the edge.
    assert np.mean([0.2 < share < 0.8 for share in shares]) < 0.1
    assert 0.1 < np.mean([share > 0.8 for share in shares]) < 0.4
    assert superpixels(torch.zeros(1, 8, 8)).shape == (8, 8)


# ---------------------------------------------------------------- guided backprop, worked out


class Worked(nn.Module):
    """Two pixels a and b: u = relu(x), v = relu(-x), z = relu(3u - 2v + 10), score z_a + z_b / 2.

    At a = 2, b = -3: u = (2, 0), v = (0, 3), z = (16, 4). The gradient is 3 at a; at b it is -1 in v and so +1 in the
    pixel. Guided, the -1 goes no further: 3 and 0.
    """

    def __init__(self, relus: tuple[nn.Module, nn.Module]) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 2, 1, bias=False), nn.Conv2d(2, 1, 1)
        self.one, self.two = relus
        self.last = nn.Linear(2, 1, bias=False)
        for weight, values in (
            (self.first.weight, [1.0, -1.0]),
            (self.second.weight, [3.0, -2.0]),
            (self.second.bias, [10.0]),
            (self.last.weight, [1.0, 0.5]),
        ):
            weight.data = torch.tensor(values).view_as(weight)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.two(self.second(self.one(self.first(x)))).flatten(1))


SHARED = nn.ReLU(inplace=True)
TWO_PIXELS = torch.tensor([[[[2.0, -3.0]]]])


@pytest.mark.parametrize("relus", [(nn.ReLU(), nn.ReLU()), (SHARED, SHARED)], ids=["two", "one, in place"])
def test_guided_backprop_is_what_is_worked_out(relus: tuple[nn.Module, nn.Module]) -> None:
    net = Worked(relus).eval()
    assert saliency(net, TWO_PIXELS, method="gradient", target=0).values.tolist() == [[3.0, 1.0]]
    assert saliency(net, TWO_PIXELS, method="guided-backprop", target=0).values.tolist() == [[3.0, 0.0]]


class Beside(nn.Module):
    """One pixel, score relu(x) - 2x: what goes round the ReLU is not guided."""

    def __init__(self) -> None:
        super().__init__()
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return (self.relu(x) - 2 * x).flatten(1)


def test_only_what_goes_through_a_relu_is_guided() -> None:
    """At x = 2 the gradient is 1 - 2 = -1; the 1 through the ReLU is positive and stays."""
    x = torch.full((1, 1, 1, 1), 2.0)
    assert saliency(Beside(), x, method="guided-backprop", target=0).values.tolist() == [[1.0]]
    assert saliency(Beside(), x, method="deeplift", target=0).summed == pytest.approx(-2.0)


# ---------------------------------------------------------------- what does not apply


class Functional(nn.Module):
    def __init__(self, module: nn.Module | None = None) -> None:
        super().__init__()
        self.conv, self.relu, self.fc = nn.Conv2d(3, 4, 3), module or nn.Identity(), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(torch.relu(self.relu(self.conv(x))).mean((2, 3)))


def test_a_method_that_does_not_apply_says_so() -> None:
    x = picture()
    for net, words in (
        (ours("se_resnet50:image_size=32,num_classes=10,width=0.25"), r"no rule for mul in SqueezeExcitation\."),
        (ours("alexnet:image_size=67,num_classes=10"), "no rule for .* in LocalResponseNorm"),
        (Functional(), "DeepLift does not apply to Functional: it has no rule for relu in Functional"),
        (Functional(nn.GELU()), "no rule for gelu in GELU, relu in Functional"),
    ):
        with pytest.raises(ExplorerError, match=words):
            saliency(net, picture(67) if hasattr(net, "features") else x, method="deeplift", target=1)
    with pytest.raises(ExplorerError, match=r"it has no nn\.ReLU"):
        saliency(ours("lenet5"), picture(32, 1), method="guided-backprop")
    with pytest.raises(ExplorerError, match="does not apply to Functional: its relu is a function"):
        saliency(Functional(nn.ReLU()), x, method="guided-grad-cam", layer="conv")
    # What they do not need is no reason to refuse.
    assert saliency(Functional(), x, method="gradient").values.any()


def test_numbers_in_the_words_are_those_of_the_code() -> None:
    from explorer.analysis.superpixels import SUPERPIXELS
    from explorer.language import LANGUAGES, text

    assert attribution_methods.STEPS == attribution_methods.SAMPLES == 50
    for side in (32, 112, 224):
        window, stride = window_of(side, side)
        assert len(range(0, side - window + stride, stride)) ** 2 == 225
    for language in LANGUAGES:
        assert "50" in text("saliency.about.smoothgrad.cost", language)
        assert "50" in text("saliency.about.integrated-gradients.cost", language)
        assert "225" in text("saliency.about.occlusion.cost", language)
        assert str(SUPERPIXELS) in text("saliency.about.feature-ablation.cost", language)


def test_every_method_answers_for_every_kind_of_net() -> None:
    for name in ("resnet8:image_size=16", "vgg_a_bn:image_size=32,head=slim,width=0.125"):
        net = ours(name)
        side = net.config.image_size
        for method in METHODS:
            found = saliency(net, picture(side), method=method)
            assert found.values.shape == (side, side)
            assert found.share_done == 1
            assert np.isfinite(found.values).all()
