"""The standard training loop: torchvision's image folder and transforms, a DataLoader with two workers, float32 SGD."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision import datasets, transforms


def loader(folder: Path, batch_size: int, *, train: bool) -> DataLoader[tuple[torch.Tensor, torch.Tensor]]:
    """Batches of an image folder, with the CIFAR paper's augmentation."""
    normalise = transforms.Normalize((0.49, 0.48, 0.45), (0.25, 0.24, 0.26))
    steps = [transforms.RandomCrop(32, padding=4), transforms.RandomHorizontalFlip()] if train else []
    data = datasets.ImageFolder(str(folder), transforms.Compose([*steps, transforms.ToTensor(), normalise]))
    return DataLoader(data, batch_size, shuffle=train, num_workers=2, drop_last=train, persistent_workers=train)


def train(
    model: nn.Module, folder: Path, epochs: int, batch_size: int, lr: float, device: str
) -> Iterator[tuple[int, float]]:
    """Train; yields pictures and seconds of each epoch."""
    model.to(device).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9, nesterov=True, weight_decay=5e-4)
    batches = loader(folder, batch_size, train=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=epochs * len(batches), pct_start=0.25)
    criterion = nn.CrossEntropyLoss(label_smoothing=0.1)
    for _ in range(epochs):
        began, pictures = time.perf_counter(), 0
        for x, y in batches:
            x, y = x.to(device), y.to(device)
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step()
            schedule.step()
            pictures += len(y)
        if device.startswith("cuda"):
            torch.cuda.synchronize()
        yield pictures, time.perf_counter() - began


def error(model: nn.Module, folder: Path, device: str) -> float:
    """Top-1 error on an image folder."""
    model.eval()
    wrong = total = 0
    with torch.no_grad():
        for x, y in loader(folder, 500, train=False):
            wrong += int((model(x.to(device)).argmax(1).cpu() != y).sum())
            total += len(y)
    return wrong / total
