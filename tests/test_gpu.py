"""What needs a GPU: the CPU and CUDA agree on outputs, tables and a short training. Run with `make test-gpu`."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from explorer.analysis.layer_table import layer_table
from explorer.config import ModelConfig
from explorer.errors import TrainingError
from explorer.models.create import create_model
from explorer.run_results import EpochMetrics
from explorer.train_config import TrainConfig
from explorer.training import speed
from explorer.training.loop import fit

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device: nothing here was tested"),
]

NETS = [
    ModelConfig("resnet20"),
    ModelConfig("plain20", norm="none"),
    ModelConfig("preact_resnet20"),
    ModelConfig("vgg_a", image_size=64, num_classes=10, width=0.25),
    ModelConfig("resnet50", image_size=64, num_classes=10),
]


@pytest.fixture(autouse=True)
def float32_is_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    monkeypatch.setattr(torch.backends.cuda.matmul, "allow_tf32", False)


@pytest.mark.parametrize("config", NETS, ids=lambda config: config.label())
def test_outputs_and_gradients_agree(config: ModelConfig) -> None:
    x = torch.randn(4, config.in_channels, config.image_size, config.image_size)
    results = []
    for device in ("cpu", "cuda"):
        net = create_model(config).double().to(device).eval()
        logits = net(x.double().to(device))
        torch.autograd.backward(logits.square().sum())
        gradients = [p.grad.cpu() for p in net.parameters() if p.grad is not None]
        results.append([logits.detach().cpu(), *gradients])
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("config", NETS, ids=lambda config: config.label())
def test_the_table_of_a_net_on_the_gpu_is_the_same(config: ModelConfig) -> None:
    there = create_model(config, device="cuda")
    here = layer_table(config)
    table = layer_table(there, image_size=config.image_size)
    assert [(r.op, r.output_shape, r.params, r.macs) for r in table.rows] == [
        (r.op, r.output_shape, r.params, r.macs) for r in here.rows
    ]
    assert all(p.is_cuda for p in there.parameters())


def curve(device: str, **figures: object) -> list[EpochMetrics]:
    net = ModelConfig("resnet8", in_channels=1, image_size=8)
    config = TrainConfig("digits", epochs=4, subset=60, batch_size=64, device=device, **figures)
    return [metrics for metrics in fit(net, config) if isinstance(metrics, EpochMetrics)]


def test_a_short_training_agrees() -> None:
    cpu, cuda = (curve(device, precision="float32", lr=0.05) for device in ("cpu", "cuda"))
    # The first epoch's losses follow each other closely; later ones part by rounding, as in any training.
    assert cuda[0].train_loss == pytest.approx(cpu[0].train_loss, rel=1e-2)
    assert cuda[-1].test_error == pytest.approx(cpu[-1].test_error, abs=0.08)


@pytest.mark.parametrize("compiled", ["off", "on"])
def test_bf16_channels_last_and_compiled_nets_learn(compiled: str) -> None:
    if compiled == "on" and not speed.can_compile(torch.device("cuda")):
        pytest.skip("no Triton")
    epochs = curve("cuda", precision="bf16", compile=compiled)
    assert epochs[-1].test_error < 0.5 < epochs[0].train_error


def test_a_checkpoint_of_the_gpu_goes_on_there(tmp_path: Path) -> None:
    net = ModelConfig("resnet8", in_channels=1, image_size=8)
    config = TrainConfig("digits", epochs=3, subset=30, device="cuda")
    first = fit(net, config, folder=tmp_path)
    for metrics in first:
        if isinstance(metrics, EpochMetrics):
            first.stop()
    resumed = fit(net, config, folder=tmp_path, resume=True)
    list(resumed)
    assert [metrics.epoch for metrics in resumed.history] == [1, 2, 3]


def test_too_little_memory_is_said_in_a_sentence() -> None:
    net = ModelConfig("resnet8", in_channels=1, image_size=8)
    config = TrainConfig("digits", epochs=1, device="cuda")
    torch.cuda.set_per_process_memory_fraction(1e-4)
    try:
        with pytest.raises((TrainingError, torch.OutOfMemoryError), match="memory"):
            list(fit(net.replace(width=8.0, image_size=64), config))
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
