"""How fast this machine is at what training consists of: a few short measurements, once in a process.

Each is a chain of the same operation, forward and backward, whose intermediate results all stay alive as in training:
so caches, page faults and the memory allocator play their usual part. The best of several tries counts, because
whatever else runs on the machine can only slow a try down.
"""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from explorer.cost_results import Calibration
from explorer.errors import ExplorerError

_LOCK = threading.Lock()
_clock: Callable[[], float] = time.perf_counter
_TRIES = 9
_SECONDS = 2.2
"""For everything together; each measurement gets its share of what is left, and at least one try that counts."""

_CHAIN = 4
_FLOAT_BYTES = 4
_MAP = (8, 64, 56, 56)
"""A feature map of 6 MB; a chain with its gradients is more than most caches hold."""

_DEEP_MAP = (8, 256, 14, 14)
"""Of many channels: convolutions here are all arithmetic."""

_CIFAR_MAP = (64, 16, 32, 32)
"""Of few channels: convolutions here have few multiply-adds a byte."""

_TINY_MAP = (1, 4, 4, 4)
"""On which all that takes time is the calling."""


def calibrate(device: torch.device | str = "cpu", *, again: bool = False) -> Calibration:
    """Measure how fast `device` trains. It takes one to three seconds; afterwards the figures are remembered.

    Torch's random numbers go on as if nothing had happened.

    Args:
        device: `cpu`, `cuda`, `cuda:1`, `mps`.
        again: measure anew, because the machine was busy the last time or the number of threads has changed.

    Raises:
        ExplorerError: this machine has no such device.

    >>> calibrate("cpu").macs_per_second > 1e8
    True
    """
    where = usable_device(device)
    with _LOCK:
        if again:
            _calibrated.cache_clear()
        return _calibrated(str(where), torch.get_num_threads())


def usable_device(device: torch.device | str) -> torch.device:
    """`device` if tensors can be put there.

    Raises:
        ExplorerError: this machine has no such device.
    """
    try:
        where = torch.device(device)
        torch.empty(1, device=where)
    except (RuntimeError, AssertionError, TypeError) as error:
        raise ExplorerError(f"device={str(device)[:40]!r} is not on this machine: use 'cpu'.") from error
    if where.type == "meta":
        raise ExplorerError("device='meta' computes nothing: use 'cpu' or a GPU.")
    return where


@functools.cache
def _calibrated(device: str, threads: int) -> Calibration:
    began = _clock()
    where = torch.device(device)
    with torch.random.fork_rng(), torch.inference_mode(False), torch.enable_grad():
        measure = _Measure(where, measurements=10)
        measure.warm_up()
        wide = measure.chain(lambda: nn.Conv2d(256, 256, 3, padding=1, bias=False), _DEEP_MAP)
        narrow = measure.chain(lambda: nn.Conv2d(16, 16, 3, padding=1, bias=False), _CIFAR_MAP)
        rate, per_byte = _solve(_conv_work(_DEEP_MAP), wide, _conv_work(_CIFAR_MAP), narrow)
        linear, optimizer = measure.linear(4096, 16)
        map_bytes = _bytes(*_MAP)
        return Calibration(
            device=device,
            threads=threads,
            macs_per_second=rate,
            conv_seconds_per_byte=per_byte,
            norm_seconds_per_byte=measure.chain(lambda: nn.BatchNorm2d(64), _MAP) / map_bytes,
            activation_seconds_per_byte=measure.chain(nn.ReLU, _MAP) / map_bytes,
            add_seconds_per_byte=measure.additions(_MAP) / map_bytes,
            pool_seconds_per_byte=measure.chain(lambda: nn.MaxPool2d(2), _MAP, length=1) / map_bytes,
            linear_seconds_per_byte=linear,
            optimizer_seconds_per_byte=optimizer,
            operation_seconds=(measure.chain(nn.ReLU, _TINY_MAP) + measure.chain(_tiny_norm, _TINY_MAP)) / 2,
            took_seconds=_clock() - began,
        )


def _conv_work(shape: tuple[int, int, int, int]) -> tuple[float, float]:
    """Multiply-adds of a 3x3 convolution that keeps `shape`, forward and twice backward, and the bytes it moves."""
    batch, channels, height, width = shape
    return 3.0 * 9 * channels**2 * batch * height * width, 2.0 * _bytes(*shape)


def _tiny_norm() -> nn.Module:
    return nn.BatchNorm2d(_TINY_MAP[1])


def _bytes(*shape: int) -> int:
    return torch.Size(shape).numel() * _FLOAT_BYTES


def _solve(
    wide_work: tuple[float, float], wide: float, narrow_work: tuple[float, float], narrow: float
) -> tuple[float, float]:
    """Multiply-adds a second and seconds a byte, from the (MACs, bytes) and the seconds of two convolutions.

    seconds = MACs / rate + bytes · per_byte, for both. On a noisy machine the solution can be negative; then the wide
    convolution counts as all arithmetic.
    """
    (wide_macs, wide_bytes), (narrow_macs, narrow_bytes) = wide_work, narrow_work
    determinant = wide_macs * narrow_bytes - narrow_macs * wide_bytes
    per_mac = (wide * narrow_bytes - narrow * wide_bytes) / determinant
    per_byte = (wide_macs * narrow - narrow_macs * wide) / determinant
    if per_mac <= 0 or per_byte < 0:
        per_mac = wide / wide_macs
        per_byte = max(0.0, narrow - narrow_macs * per_mac) / narrow_bytes
    return 1 / per_mac, per_byte


class _Measure:
    """Seconds of one operation, forward and backward, on a device."""

    def __init__(self, device: torch.device, measurements: int) -> None:
        self.device = device
        self.left = measurements
        self.end = _clock() + _SECONDS

    def warm_up(self) -> None:
        """Load what the first call of each operation loads, and let the allocator get used to blocks of this size."""
        net = nn.Sequential(nn.Conv2d(64, 64, 1), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(2)).to(self.device)
        for _ in range(2):
            torch.autograd.backward(net(torch.randn(_MAP, device=self.device, requires_grad=True)).sum())
        self._wait()

    def chain(self, layer: Callable[[], nn.Module], shape: tuple[int, ...], length: int = _CHAIN) -> float:
        """Seconds for one of `length` layers in a row, on an input of `shape`."""
        net = nn.Sequential(*(layer() for _ in range(length))).to(self.device)
        x = torch.randn(shape, device=self.device, requires_grad=True)  # `shape`

        def run() -> None:
            net.zero_grad(set_to_none=True)
            x.grad = None
            torch.autograd.backward(net(x).sum())

        return self.best(run) / length

    def additions(self, shape: tuple[int, ...]) -> float:
        """Seconds for adding a branch: the sum itself, and that of the two gradients where the branches began."""
        x = torch.randn(shape, device=self.device, requires_grad=True)  # `shape`

        def run() -> None:
            x.grad = None
            value: Tensor = x * 1  # `shape`
            for _ in range(_CHAIN):
                value = value + x  # `shape`
            torch.autograd.backward(value.sum())

        return self.best(run) / (_CHAIN + 1)

    def linear(self, width: int, batch: int) -> tuple[float, float]:
        """Seconds a byte of weights: of a fully-connected layer, and of the optimizer's step on it."""
        # No module and no `torch.optim`: initial values and its imports would take longer than the measurement.
        weight = torch.zeros(width, width, device=self.device, requires_grad=True)  # (out, in)
        momentum = torch.zeros_like(weight)  # (out, in)
        x = torch.randn(batch, width, device=self.device, requires_grad=True)  # (N, in)

        def run() -> None:
            weight.grad = None
            torch.autograd.backward(nn.functional.linear(x, weight).sum())

        def step() -> None:
            assert weight.grad is not None
            with torch.no_grad():
                momentum.mul_(0.9).add_(weight.grad)
                weight.add_(momentum, alpha=-1e-6)

        seconds = self.best(run)
        return seconds / _bytes(width, width), self.best(step) / _bytes(width, width)

    def best(self, run: Callable[[], object]) -> float:
        """Seconds of the fastest of several tries, after one that does not count."""
        began = _clock()
        end = began + max(0.0, self.end - began) / self.left
        self.left -= 1
        run()
        self._wait()
        best = float("inf")
        for _ in range(_TRIES):
            began = _clock()
            run()
            self._wait()
            now = _clock()
            best = min(best, now - began)
            if now > end:
                break
        return best

    def _wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        elif self.device.type == "mps":
            torch.mps.synchronize()
