"""A linear layer fitted to features: logistic regression, whatever the number of pictures."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor

STRENGTH = 0.1
"""Inverse weight of the L2 penalty (scikit-learn's C) on standardised features: one value for 5 and for 500 pictures a
class. Not chosen by test pictures."""

FOLDS = 3
"""Parts that the training pictures are divided into for cross-validation, or as many as the rarest class has."""

_ABSENT = -20.0
"""What the bias of a class without a picture is below the others'."""


def fit_linear(features: Tensor, labels: Tensor, classes: int, strength: float = STRENGTH) -> tuple[Tensor, Tensor]:
    """Weights and biases of the layer that tells classes apart best on these features.

    Multinomial logistic regression with an L2 penalty, by scikit-learn's L-BFGS, on features of mean 0 and standard
    deviation 1; the scaling is folded into the layer, so that it takes the features as they are.

    Args:
        features: float (N, D).
        labels: int64 (N,).
        classes: outputs of the layer; one without a picture is never answered.
        strength: inverse weight of the penalty.

    Returns:
        Weights (classes, D) and biases (classes,), float32.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    x = features.double()
    mean, std = x.mean(0), x.std(0, correction=0)
    std = torch.where(std > 1e-6, std, torch.ones_like(std))  # a feature that never changes says nothing
    present = sorted(set(labels.tolist()))
    weight = torch.zeros((classes, x.shape[1]), dtype=torch.float64)
    bias = torch.full((classes,), _ABSENT, dtype=torch.float64)
    if len(present) == 1:
        bias[present[0]] = 0.0
        return weight.float(), bias.float()
    model = LogisticRegression(C=strength, max_iter=300)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # 300 steps are close enough
        model.fit(((x - mean) / std).numpy(), labels.numpy())
    found, offset = torch.from_numpy(model.coef_), torch.from_numpy(model.intercept_)
    if len(present) == 2:  # scikit-learn gives one row: the second class against the first
        found, offset = torch.cat([-found, found]) / 2, torch.cat([-offset, offset]) / 2
    weight[present] = found / std
    bias[present] = offset - (found / std) @ mean
    bias[[label for label in range(classes) if label not in present]] += bias[present].min()
    return weight.float(), bias.float()


def cross_validated(features: Tensor, labels: Tensor, classes: int, *, seed: int = 0) -> float | None:
    """Accuracy of such layers on pictures that they were not fitted to, of the training pictures alone.

    Args:
        features: float (N, D).
        labels: int64 (N,).
        classes: outputs of the layer.
        seed: of the division into three parts, in each of which every class has its share.

    Returns:
        Share of the right answers; None where a class has but one picture.
    """
    from sklearn.model_selection import StratifiedKFold

    counts = [count for count in torch.bincount(labels).tolist() if count]
    if min(counts) < 2 or len(counts) < 2:
        return None
    right = 0
    folds = StratifiedKFold(min(FOLDS, *counts), shuffle=True, random_state=seed)
    for fitted, kept in folds.split(features.numpy(), labels.numpy()):
        weight, bias = fit_linear(features[fitted], labels[fitted], classes)
        right += int(((features[kept] @ weight.T + bias).argmax(1) == labels[kept]).sum())
    return right / len(labels)
