"""A process that is killed at any moment loses the epoch that it was in, and no byte of the end differs."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from explorer.config import ModelConfig
from explorer.jobs.running import run_here
from explorer.run_results import EpochMetrics
from explorer.train_config import TrainConfig
from explorer.training.runs import RunStore

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")

DRIVER = """
import os, signal, sys
from pathlib import Path

import lightning_fabric
import torch

from explorer.jobs import memory
from explorer.jobs.running import run_here
from explorer.training.callbacks import Callback
from explorer.training.data import load_dataset
from explorer.training.loop import fit
from explorer.training.runs import RunStore

torch.set_num_threads(1)
load_dataset("digits", image_size=8, channels=1)

def die():
    os.kill(os.getpid(), signal.SIGKILL)

class Killer(Callback):
    def on_start(self, training):
        if moment == "before the first epoch":
            die()

    def on_step(self, training):
        if moment == f"in batch {training.step}":
            die()

written = []
replace = Path.replace

def killing_replace(self, target):
    written.append(Path(target).name)
    if moment == f"while {written[-1]} is written for the {written.count(written[-1])}. time":
        os.truncate(self, self.stat().st_size // 2)
        die()
    result = replace(self, target)
    if moment == f"after {written[-1]} was written for the {written.count(written[-1])}. time":
        die()
    return result

Path.replace = killing_replace
record = RunStore.record_epoch

def killing_record(self, run, metrics, **options):
    if moment == f"before epoch {metrics.epoch} is recorded":
        die()
    record(self, run, metrics, **options)

RunStore.record_epoch = killing_record

for line in sys.stdin:
    folder, run, moment = line.rstrip().split("\\t")
    child = os.fork()
    if not child:
        run_here(RunStore(Path(folder)), run, callbacks=[Killer()])
        os._exit(0)
    _, status = os.waitpid(child, 0)
    print(os.waitstatus_to_exitcode(status), flush=True)
"""
"""Forks a process for each run, because importing torch takes longer than all that is tested here."""

MOMENTS = {
    "before the first epoch": 0,
    "in batch 3": 0,
    "in batch 8": 1,
    "while last.safetensors is written for the 2. time": 1,
    "while last.json is written for the 1. time": 1,
    "after best.safetensors was written for the 1. time": 0,
    "before epoch 2 is recorded": 2,
}
"""Moments of a run of three epochs of five batches, and how many its last checkpoint holds then."""


def curve(epochs: tuple[EpochMetrics, ...]) -> list[tuple[float, ...]]:
    return [(m.epoch, m.step, m.train_loss, m.train_error, m.test_loss, m.test_error, m.lr) for m in epochs]


def test_whenever_it_is_killed_it_ends_with_the_same_bytes(
    store: RunStore, net: ModelConfig, short: TrainConfig
) -> None:
    train = short.replace(crop_padding=2, schedule="plateau", validation_share=0.1)
    whole = run_here(store, store.create(net, train, name="uninterrupted").run_id)
    expected = {file.name: file.read_bytes() for file in store.folder(whole.run_id).glob("*.*")}
    assert set(expected) == {"last.safetensors", "last.json", "best.safetensors", "best.json"}
    driver = subprocess.Popen([sys.executable, "-c", DRIVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert driver.stdin is not None
    assert driver.stdout is not None
    for moment, finished in MOMENTS.items():
        own = RunStore(store.path / moment)
        run = own.create(net, train).run_id
        print(own.path, run, moment, sep="\t", file=driver.stdin, flush=True)
        assert driver.stdout.readline() == f"{-signal.SIGKILL}\n", moment
        killed = own.get(run)
        assert killed.status == "interrupted", moment
        assert len(killed.epochs) <= finished, moment
        own.requeue(run)
        began: list[int] = []
        resumed = run_here(own, run, lambda m, began=began: began.append(m.epoch))  # type: ignore[misc]
        assert resumed.status == "finished"
        assert began[0] == finished + 1, moment  # nothing that was finished is trained again
        assert curve(resumed.epochs) == curve(whole.epochs), moment
        assert resumed.best_epoch == whole.best_epoch
        files = {file.name: file.read_bytes() for file in Path(own.folder(run)).iterdir()}
        assert files == expected, moment
    driver.communicate()
