"""The learning-rate range test: rates as said, nothing kept, a suggestion where the loss falls and none where not."""

from __future__ import annotations

import pytest
import torch

from explorer import ModelConfig, TrainConfig
from explorer.errors import ConfigError
from explorer.figures.rate_range import describe_rate_range, plot_rate_range
from explorer.training.rate_range import HIGHEST, LOWEST, rate_range
from explorer.training.splits import DataSet
from explorer.transfer_results import RateRange, RateTrial

NET = ModelConfig("resnet8", num_classes=3, in_channels=1, image_size=8)
TRAIN = TrainConfig("digits", batch_size=20, precision="float32", device="cpu", crop_padding=0)


def test_rates_grow_by_equal_factors_until_the_loss_explodes(data: DataSet) -> None:
    *_, last = rate_range(NET, TRAIN, dataset=data, steps=60)
    rates = torch.tensor([trial.lr for trial in last.trials], dtype=torch.float64)
    factors = rates[1:] / rates[:-1]
    assert rates[0] == pytest.approx(LOWEST)
    torch.testing.assert_close(factors, torch.full_like(factors, (HIGHEST / LOWEST) ** (1 / 59)))
    smallest = min(last.trials, key=lambda trial: trial.smoothed)
    assert last.suggestion == pytest.approx(smallest.lr / 10)
    assert smallest.smoothed < last.trials[0].smoothed


def test_the_smoothed_loss_forgets_by_a_tenth_each_step(data: DataSet) -> None:
    *_, last = rate_range(NET, TRAIN, dataset=data, steps=12)
    losses = [trial.loss for trial in last.trials]
    expected = (0.81 * losses[0] + 0.9 * losses[1] + losses[2]) / (0.81 + 0.9 + 1)
    assert last.trials[2].smoothed == pytest.approx(expected)


def test_the_same_seed_gives_the_same_trials(data: DataSet) -> None:
    first, second = (list(rate_range(NET, TRAIN, dataset=data, steps=10))[-1] for _ in range(2))
    assert first == second


def test_a_loss_that_never_falls_suggests_nothing() -> None:
    from explorer.training.rate_range import _suggestion

    rising = [RateTrial(10.0**power, 2.0 + power, 2.0 + power) for power in range(-5, 1)]
    assert _suggestion(sorted(rising, key=lambda trial: trial.lr)[::-1][:1]) is None
    assert _suggestion([RateTrial(1e-5, 2, 2), RateTrial(1e-4, 1.99, 1.99)]) is None
    assert _suggestion([RateTrial(1e-5, 2, 2), RateTrial(1e-2, 1.0, 1.0)]) == pytest.approx(1e-3)


def test_it_stops_when_asked(data: DataSet) -> None:
    seen: list[RateRange] = []
    for result in rate_range(NET, TRAIN, dataset=data, should_stop=lambda: len(seen) >= 3):
        seen.append(result)
    assert len(seen) == 3


def test_what_has_no_rate_is_refused(data: DataSet) -> None:
    with pytest.raises(ConfigError, match="has no learning rate"):
        next(rate_range(NET, TRAIN.replace(strategy="probe"), dataset=data))
    with pytest.raises(ConfigError, match="steps=3 is not possible"):
        next(rate_range(NET, TRAIN, dataset=data, steps=3))


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_figure_has_its_axes_and_says_what_it_shows(language: str) -> None:
    trials = [RateTrial(1e-5, 2.0, 2.0), RateTrial(1e-2, 1.0, 1.1), RateTrial(1.0, 5.0, 4.0)]
    result = RateRange(tuple(trials), 1e-3)
    figure = plot_rate_range(result, language)
    assert list(figure.data[1].y) == [2.0, 1.1, 4.0]
    assert figure.layout.xaxis.type == "log"
    said = describe_rate_range(result, language)
    assert all(number in said for number in ("2.00", "1.10", "0.01", "0.001"))
    assert "0.001" not in describe_rate_range(RateRange(tuple(trials), None), language)
