"""What a net still does when blocks are cut, and along which paths its gradient comes: on real pictures.

Veit et al. 2016, arXiv 1605.06431: sections 4.1 (one block dropped), 4.2 (several) and 4.3 (gradient by path length).
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping

import torch

from explorer.analysis.gradient_flow import gradient_flow
from explorer.analysis.path_lengths import DRAWS, gradients_by_length, path_counts, whole_gradient
from explorer.analysis.shortcut_surgery import (
    DROPPED,
    Scales,
    answers_without_each,
    blocks_of,
    can_drop,
    first_answers,
    operated,
    share_of,
)
from explorer.errors import ConfigError, UnknownNameError
from explorer.flow_results import GradientFlow
from explorer.lessons.patients import Patient
from explorer.models.net import Net
from explorer.surgery_results import BlockDrops, DroppedBlock, PathGradients, RandomDrops, SeveralDropped, Surgery

GRADIENT_PICTURES = 32
"""Of the patient's, that gradients are measured on: what is to be seen is seen with as many."""

_MOST_COUNTS = 10
"""Of dropped blocks that are tried."""


def operate(patient: Patient, block: str, *, branch: float = 1.0, shortcut: float = 1.0) -> Surgery:
    """Scale the two ways of one block, and ask the net about its pictures again.

    Args:
        patient: from `surgery_patient`.
        block: name of the module, such as `layer2.1`.
        branch: factor of the residual branch, 0 to 1; 0 drops the block.
        shortcut: factor of the shortcut, 0 to 1.

    Raises:
        UnknownNameError: there is no such block.
        ConfigError: a factor is out of range, or the block is plain and cannot be cut so.

    >>> from explorer.lessons.patients import surgery_patient
    >>> operate(surgery_patient("initial:resnet8", pictures=8), "layer1.0").share
    1.0
    """
    net = copy.deepcopy(patient.net)
    scales = {block: Scales(branch, shortcut)}
    answers = _answers(net, patient, scales)
    names = list(blocks_of(net))
    return Surgery(
        subject=patient.subject,
        block=block,
        kind=blocks_of(net)[block].kind,
        number=names.index(block) + 1,
        blocks=len(names),
        branch=branch,
        shortcut=shortcut,
        whole=_whole(patient),
        share=share_of(answers, patient.labels),
        same=share_of(answers, patient.answers),
    )


def surgery_flow(
    patient: Patient, block: str, *, branch: float = 1.0, shortcut: float = 1.0
) -> tuple[GradientFlow, GradientFlow]:
    """Gradient flow before and after an operation, in evaluation mode; arguments and errors as of `operate`."""
    net = copy.deepcopy(patient.net)
    if block not in blocks_of(net):
        raise UnknownNameError("block", block, blocks_of(net))
    subject = patient.subject
    x, y = patient.pictures[:GRADIENT_PICTURES], patient.labels[:GRADIENT_PICTURES]
    flows = []
    for scale in (Scales(), Scales(branch, shortcut)):
        with operated(net, {block: scale}):
            flows.append(gradient_flow(net, x, y, training=False, weights=subject.weights, dataset=subject.dataset))
    return flows[0], flows[1]


def drop_each_block(patient: Patient) -> Iterator[BlockDrops]:
    """Drop every block by itself, and ask the net about its pictures; yields what is known after each block."""
    blocks, done = blocks_of(patient.net), []
    for name, answers in answers_without_each(patient.net, patient.pictures):
        share = None if answers is None else share_of(answers, patient.labels)
        done.append(DroppedBlock(name, blocks[name].kind, share))
        yield BlockDrops(patient.subject, _whole(patient), len(blocks), tuple(done))


def drop_several_blocks(patient: Patient, *, draws: int = 4, seed: int = 0) -> Iterator[RandomDrops]:
    """Drop more and more blocks, drawn at random; yields what is known after each count.

    Of a deep net not every count is tried; all blocks that can be dropped are the last one.

    Args:
        patient: from `surgery_patient`.
        draws: for each count, 1 to 100; all blocks at once are one draw.
        seed: of the draws.

    Raises:
        ConfigError: `draws` is out of range.
    """
    if type(draws) is not int or not 1 <= draws <= 100:
        said = f"draws={str(draws)[:40]}"
        message = f"{said} is not possible: use a whole number from 1 to 100."
        raise ConfigError(message, key="range", said=said, low=1, high=100)
    net = copy.deepcopy(patient.net)
    names = [name for name, block in blocks_of(net).items() if can_drop(block)]
    points = [SeveralDropped(0, (_whole(patient),))]
    draw = torch.Generator().manual_seed(seed)
    for count in _counts(len(names)):
        shares = []
        for _ in range(draws if count < len(names) else 1):
            chosen = torch.randperm(len(names), generator=draw)[:count].tolist()
            answers = _answers(net, patient, dict.fromkeys([names[index] for index in chosen], DROPPED))
            shares.append(share_of(answers, patient.labels))
        points.append(SeveralDropped(count, tuple(shares)))
        yield RandomDrops(patient.subject, len(names), seed, tuple(points))


def _counts(total: int) -> list[int]:
    """1 to `total`, about as many as are wanted, evenly spaced."""
    steps = min(total, _MOST_COUNTS)
    return sorted({round(1 + index * (total - 1) / max(1, steps - 1)) for index in range(steps)})


def path_gradients(patient: Patient, *, draws: int = DRAWS, seed: int = 0) -> Iterator[PathGradients]:
    """The gradient at the picture by path length; yields what is known after each length.

    Args:
        patient: from `surgery_patient`, a residual net.
        draws: paths for each picture and length, see `explorer.analysis.path_lengths.gradients_by_length`.
        seed: of the draws.

    Raises:
        ConfigError: a block has no shortcut, or `draws` is out of range.
    """
    x, y = patient.pictures[:GRADIENT_PICTURES], patient.labels[:GRADIENT_PICTURES]
    whole, blocks = whole_gradient(patient.net, x, y), len(path_counts(patient.net)) - 1
    lengths = []
    for length in gradients_by_length(patient.net, x, y, draws=draws, seed=seed):
        lengths.append(length)
        yield PathGradients(patient.subject, blocks, whole, tuple(lengths))


def _answers(net: Net, patient: Patient, scales: Mapping[str, Scales]) -> torch.Tensor:
    with operated(net, scales):
        return first_answers(net, patient.pictures)


def _whole(patient: Patient) -> float:
    return share_of(patient.answers, patient.labels)
