"""Reading any module as a graph: torchvision's nets, odd modules, errors, and the module left as it was."""

from __future__ import annotations

import copy
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional as F

from explorer import TraceError, clear_caches, create_model, layer_table
from explorer.analysis.graph import read, trace

# ---------------------------------------------------------------- torchvision's nets

FOREIGN: dict[str, tuple[int, dict[str, object]]] = {
    "alexnet": (224, {}),
    "squeezenet1_1": (224, {}),
    "densenet121": (224, {}),
    "googlenet": (224, {"aux_logits": False, "init_weights": False}),
    "inception_v3": (299, {"aux_logits": False, "init_weights": False}),
    "mobilenet_v2": (224, {}),
    "mobilenet_v3_small": (224, {}),
    "mnasnet1_0": (224, {}),
    "shufflenet_v2_x1_0": (224, {}),
    "efficientnet_b0": (224, {}),
    "regnet_y_400mf": (224, {}),
    "convnext_tiny": (224, {}),
    "resnet18": (224, {}),
    "vgg11_bn": (224, {"init_weights": False}),
    "vit_b_16": (224, {}),
}


def state_of(module: nn.Module) -> list[object]:
    """All that reading a module must leave alone."""
    return [
        [
            (name, id(value), value.data_ptr(), value._version)
            for name, value in module.state_dict(keep_vars=True).items()
        ],
        [(name, each.training, sorted(vars(each))) for name, each in module.named_modules()],
        [(id(p), p.requires_grad, p.grad, p.device) for p in module.parameters()],
        [
            len(each._forward_hooks) + len(each._forward_pre_hooks) + len(each._backward_hooks)
            for each in module.modules()
        ],
    ]


@pytest.mark.parametrize("name", FOREIGN)
def test_torchvisions_nets(name: str) -> None:
    """Parameters exactly, multiply-adds to 1 % of the published ones, the output's shape; the module untouched."""
    size, options = FOREIGN[name]
    module = getattr(torchvision.models, name)(weights=None, **options).eval()
    before = state_of(module)
    table = layer_table(module, image_size=size)
    assert state_of(module) == before
    assert table.totals.params == sum(p.numel() for p in module.parameters())
    published = torchvision.models.get_model_weights(name)["IMAGENET1K_V1"].meta["_ops"]
    # Three digits after the point: 0.057 for MobileNet v3 small.
    assert table.totals.macs / 1e9 == pytest.approx(published, rel=0.01, abs=0.0005)
    assert table.rows[-1].output_shape == (1000,)
    assert table.config is None
    assert table.name == type(module).__name__


@pytest.mark.parametrize("name", ["mobilenet_v2", "densenet121", "shufflenet_v2_x1_0", "googlenet", "inception_v3"])
def test_receptive_fields_are_known_all_the_way(name: str) -> None:
    size, options = FOREIGN[name]
    table = layer_table(getattr(torchvision.models, name)(weights=None, **options).eval(), image_size=size)
    assert all(row.receptive_field is not None for row in table.rows)
    field = table.totals.receptive_field
    assert field is not None
    assert not field.is_global


def test_modules_in_training_mode_are_read_in_it() -> None:
    """GoogLeNet's auxiliary classifiers run in training only: their parameters are in the table only then."""
    module = torchvision.models.googlenet(weights=None, init_weights=False)
    auxiliary = sum(p.numel() for name, p in module.named_parameters() if name.startswith("aux"))
    total = sum(p.numel() for p in module.parameters())
    assert layer_table(module.eval()).totals.params == total - auxiliary == 6_624_904
    assert layer_table(module.train()).totals.params == total == 13_004_888
    assert module.training


def test_parameters_without_gradient_are_not_trainable() -> None:
    module = torchvision.models.resnet18(weights=None).requires_grad_(False)
    module.fc.requires_grad_(True)
    totals = layer_table(module).totals
    assert (totals.params, totals.trainable) == (11_689_512, 512 * 1000 + 1000)


# ---------------------------------------------------------------- odd modules


class Functional(nn.Module):
    """All that other people write instead of modules."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(8, 3, 3, 3))
        self.scale = nn.Parameter(torch.ones(1, 8, 1, 1))
        self.register_buffer("mean", torch.zeros(1, 3, 1, 1))
        self.mean: Tensor
        self.fc = nn.Linear(8 * 2 * 2, 5)
        self.last: Any = None
        self.calls = 0

    def forward(self, x: Tensor, unused: Tensor | None = None) -> Tensor:
        self.calls += 1
        x = (x - self.mean) * torch.tensor(2.0)
        x = F.relu(F.conv2d(x, self.weight, None, 2, padding=1)) * self.scale
        x = F.avg_pool2d(F.max_pool2d(x, 2), kernel_size=2)
        self.last = x
        self.extra = x
        first, second = x.chunk(2, dim=1)
        x = torch.cat([second, first], dim=1)
        return self.fc(x.view(x.size(0), -1))  # type: ignore[no-any-return]


def test_functions_count_like_the_layers_that_they_are() -> None:
    module = Functional()
    table = layer_table(module, input_shape=(3, 16, 16))
    assert table.totals.params == sum(p.numel() for p in module.parameters()) == 8 * 27 + 8 + (32 * 5 + 5)
    assert table.totals.macs == 8 * 8 * 8 * 27 + 32 * 5
    convolution = table.row("conv2d")
    assert (convolution.op, convolution.kernel, convolution.stride, convolution.padding) == ("conv", 3, 2, 1)
    assert (convolution.params, convolution.output_shape) == (8 * 27, (8, 8, 8))
    pools = [row for row in table.rows if row.op == "pool"]
    assert [(row.kernel, row.stride) for row in pools] == [(2, 2), (2, 2)]
    field = table.row("cat").receptive_field
    assert field is not None
    assert (field.size, field.stride) == (3 + 2 * 1 + 4 * 1, 8)
    assert table.rows[-1].receptive_field is not None
    assert table.rows[-1].receptive_field.is_global


def test_what_forward_stores_on_the_module_is_taken_back() -> None:
    """While it traces, fx runs `forward` on placeholders: neither they nor the tensors made there may stay behind."""
    module = Functional()
    kept = module.last = object()
    before = state_of(module)
    layer_table(module, input_shape=(3, 16, 16))
    assert state_of(module) == before
    assert module.last is kept
    assert module.calls == 0
    assert module(torch.zeros(1, 3, 16, 16)).shape == (1, 5)


def test_hooks_are_not_called() -> None:
    called: list[str] = []
    module = torchvision.models.convnext_tiny(weights=None)
    for each in (module, module.features[1], module.features[0][0], module.features[0][1], module.classifier):
        each.register_forward_hook(lambda *_: called.append("after"))
        each.register_forward_pre_hook(lambda *_: called.append("before"))
    layer_table(module, image_size=64)
    assert called == []


class Shared(nn.Module):
    """One layer used twice."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(self.conv(x))  # type: ignore[no-any-return]


def test_a_layer_used_twice_has_two_rows_and_counts_its_parameters_once() -> None:
    table = layer_table(Shared(), input_shape=(3, 8, 8))
    assert [row.path for row in table.rows] == ["input", "conv", "conv#2"]
    assert [row.params for row in table.rows] == [0, 3 * 3 * 9 + 3, 0]
    assert table.totals.macs == 2 * (8 * 8 * 3 * 27)
    field = table.row("conv#2").receptive_field
    assert field is not None
    assert field.size == 5


def test_attention_counts_its_parts() -> None:
    """Queries, keys, values and the result are projected; every position is compared with every other."""

    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention = nn.MultiheadAttention(16, 4, batch_first=True)

        def forward(self, x: Tensor) -> Tensor:
            tokens = x.flatten(2).transpose(1, 2)  # (N, 64, 16)
            mixed, _ = self.attention(tokens, tokens, tokens, need_weights=False)
            return tokens + mixed  # type: ignore[no-any-return]

    module = Attention()
    table = layer_table(module, input_shape=(16, 8, 8))
    row = table.row("attention")
    assert row.params == sum(p.numel() for p in module.parameters()) == (3 * 16 * 16 + 3 * 16) + (16 * 16 + 16)
    assert row.macs == 4 * 64 * 16 * 16 + 2 * 64 * 64 * 16
    assert row.output_shape == (64, 16)
    assert row.receptive_field is None, "what it does to positions is not known"


def test_graphs_have_branches_and_merges() -> None:
    nodes = {node.path: node for node in trace(create_model("resnet20", shortcut="B", device="meta"), (3, 32, 32))}
    order = list(nodes)
    add = nodes["layer2.0.add"]
    assert [order[i] for i in add.inputs] == ["layer2.0.se", "layer2.0.downsample.1"]
    assert [order[i] for i in nodes["layer2.1.add"].inputs] == ["layer2.1.se", "layer2.0.relu2"]
    assert add.shape == (1, 32, 16, 16)
    assert add.input_shapes == ((1, 32, 16, 16), (1, 32, 16, 16))


def test_a_graph_can_be_run_again() -> None:
    """`read` gives fx's graph, what its nodes are, and the tensors that forward made."""
    module = Functional().eval()
    traced = read(module, (3, 16, 16))
    values: dict[torch.fx.Node, Any] = {}
    picture = torch.randn(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    for node in traced.graph.nodes:
        args, kwargs = torch.fx.node.map_arg((node.args, node.kwargs), lambda other: values[other])
        if node.op == "placeholder":
            values[node] = picture if node.prev.op == "root" else None
        elif node.op == "get_attr":
            name = str(node.target)
            values[node] = traced.constants[name] if name in traced.constants else getattr(module, name)
        elif node.op == "call_module":
            values[node] = module.get_submodule(node.target)(*args, **kwargs)
        elif node.op == "call_method":
            values[node] = getattr(args[0], node.target)(*args[1:], **kwargs)
        elif node.op == "call_function":
            values[node] = node.target(*args, **kwargs)
        if node in traced.index and isinstance(values[node], Tensor):
            assert tuple(values[node].shape) == traced.nodes[traced.index[node]].shape
    last = next(node for node in traced.graph.nodes if node.op == "output").args[0]
    torch.testing.assert_close(values[last], module(picture))


# ---------------------------------------------------------------- errors


class DependsOnValues(nn.Module):
    """Its forward asks for a tensor's value."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x) if x.sum() > 0 else x


class Crashes(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        raise RuntimeError("No! Not this. Never.\nSecond line.")


class TakesNothing(nn.Module):
    def forward(self) -> Tensor:
        return torch.zeros(1)


def stack(*layers: nn.Module) -> nn.Module:
    return nn.Sequential(*layers)


@pytest.mark.parametrize(
    ("module", "size", "message"),
    [
        (DependsOnValues(), 32, "DependsOnValues cannot be read as a graph"),
        (stack(DependsOnValues()), 32, "Sequential cannot be read as a graph"),
        (Crashes(), 32, "Crashes cannot be read as a graph of operations \\(No\\)"),
        (TakesNothing(), 32, "TakesNothing takes no input"),
        (stack(nn.Conv2d(3, 8, 5)), 4, "Sequential does not take an input of 3 × 4 × 4: 0 fails"),
        (stack(nn.Conv2d(3, 8, 3), nn.Conv2d(4, 8, 3)), 16, "does not take an input of 3 × 16 × 16: 1 fails"),
        (stack(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(4)), 16, "it takes 4 channels, not 8"),
        (stack(nn.Flatten(), nn.BatchNorm2d(4)), 16, "it takes maps, not rows of values"),
        (stack(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(7, 8)), 16, "it takes 7 values, not 1568"),
        (stack(nn.MaxPool2d(3), nn.MaxPool2d(3), nn.MaxPool2d(3)), 9, "2 fails \\(its window of 3 × 3 does not fit"),
    ],
)
def test_what_cannot_be_read_gets_one_sentence(module: nn.Module, size: int, message: str) -> None:
    before = state_of(module)
    with pytest.raises(TraceError, match=message) as caught:
        layer_table(module, image_size=size)
    text = str(caught.value)
    assert "\n" not in text
    assert text.endswith(".")
    assert ". " not in text
    assert state_of(module) == before


def test_reading_works_again_after_a_failure() -> None:
    with pytest.raises(TraceError):
        layer_table(DependsOnValues())
    assert layer_table(nn.Sequential(nn.Conv2d(3, 4, 3)), image_size=8).totals.params == 4 * 27 + 4


# ---------------------------------------------------------------- memory

_MEASURE = """
import resource, sys
from explorer import layer_table
layer_table("vgg_a", image_size=32); layer_table("resnet20")  # what is loaded on first use
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
table = layer_table(sys.argv[1])
print(table.totals.parameter_bytes, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)
"""


@pytest.mark.each_net
@pytest.mark.skipif(sys.platform == "win32", reason="the resource module is Unix's")
@pytest.mark.parametrize(("name", "weights_mb"), [("vgg_e", 574), ("resnet152", 240)])
def test_no_weights_are_allocated(name: str, weights_mb: int) -> None:
    """The table of a net takes a few megabytes, whatever its weights would take."""
    done = subprocess.run([sys.executable, "-c", _MEASURE, name], capture_output=True, text=True, check=True)
    would_be, grown = (int(word) for word in done.stdout.split())
    assert would_be // 10**6 == weights_mb
    unit = 1 if sys.platform != "darwin" else 1024  # macOS counts bytes, not kibibytes
    assert grown / unit < 30e6


# ---------------------------------------------------------------- threads


def in_threads(*jobs: Callable[[], None]) -> None:
    """Run jobs at once, and raise what any of them raised."""
    errors: list[BaseException] = []
    start = threading.Barrier(len(jobs))

    def guarded(job: Callable[[], None]) -> None:
        try:
            start.wait()
            job()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def test_reading_while_other_threads_compute() -> None:
    """While it traces, fx patches every module's call: neither side may notice the other."""
    vit = torchvision.models.VisionTransformer(32, 8, 2, 2, 16, 32, num_classes=5).eval()
    net = create_model("resnet20").eval()
    pictures = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = {module: module(pictures) for module in (net, vit)}
    tables = {module: layer_table(module, image_size=32) for module in (net, vit)}

    def compute(module: nn.Module) -> Callable[[], None]:
        def job() -> None:
            for _ in range(15):
                with torch.no_grad():
                    output = module(pictures)
                assert torch.equal(output, expected[module])

        return job

    def train() -> None:
        mine = copy.deepcopy(net).train()
        for _ in range(4):
            mine(pictures).sum().backward()
        assert all(p.grad is not None for p in mine.parameters())

    def read_again(module: nn.Module) -> Callable[[], None]:
        def job() -> None:
            for _ in range(6):
                assert layer_table(module, image_size=32) == tables[module]

        return job

    in_threads(compute(net), compute(vit), train, read_again(net), read_again(vit), read_again(vit))


def test_building_nets_and_tables_in_many_threads() -> None:
    names = ["resnet20", "preact_resnet20", "vgg_a", "googlenet", "se_resnet50"]
    expected = {name: layer_table(name) for name in names}
    clear_caches()

    def job() -> None:
        for name in names:
            assert layer_table(name) == expected[name]
            create_model("resnet8")

    in_threads(job, job, job, job)
