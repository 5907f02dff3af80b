"""Accuracy with its three rules for ties, cross-entropy, and noise ceilings by a slow count."""

import math
from collections import Counter, defaultdict

import numpy as np
import pytest
import torch
from torch import Tensor

from cnnwidgets.engines.choices import (
    accuracy,
    accuracy_of_logits,
    choose,
    cross_entropy,
    cross_entropy_of_logits,
    logits,
    noise_ceiling,
    probabilities,
    sample,
)
from cnnwidgets.engines.shares import wilson


def chosen(count: int = 4000, temperature: float | None = None) -> tuple[Tensor, Tensor]:
    """Choices from a planted embedding, and it."""
    source = torch.Generator().manual_seed(3)
    weights = 2 * torch.rand(40, 4, generator=source, dtype=torch.float64)
    asked = sample(40, count, generator=source)
    drive = logits(asked, weights)
    return choose(asked, drive, temperature=temperature, generator=source), weights


def test_the_planted_embedding_predicts_its_choices() -> None:
    triplets, weights = chosen()
    found = accuracy(triplets, weights)
    assert (found.share, found.count, found.ties) == (1, 4000, 0)
    assert found.interval == tuple(wilson(4000, 4000).tolist())
    shuffled = weights[torch.randperm(40, generator=torch.Generator().manual_seed(0))]
    other = accuracy(triplets, shuffled)
    assert other.share < 0.7 and other.interval[0] < other.share < other.interval[1]


def test_sampled_choices_are_predicted_as_often_as_the_model_says() -> None:
    triplets, weights = chosen(temperature=1.0)
    p = probabilities(logits(triplets, weights))
    sure = float(p.amax(1).mean())
    assert abs(accuracy(triplets, weights).share - sure) < 5 * (0.25 / 4000) ** 0.5
    entropy = float(-(p * p.log()).sum(1).mean())
    assert abs(cross_entropy(triplets, weights) - entropy) < 0.05
    slow = -np.log([softmax(row)[2] for row in logits(triplets, weights).tolist()]).mean()
    assert cross_entropy(triplets, weights) == pytest.approx(slow, abs=1e-12)
    assert cross_entropy(triplets, weights) < cross_entropy(triplets, weights, 3.0) < math.log(3)


def softmax(row: list[float]) -> np.ndarray:
    return np.exp(row) / np.exp(row).sum()


def test_an_embedding_of_zeros_ties_everywhere() -> None:
    triplets, weights = chosen(60)
    nothing = torch.zeros_like(weights)
    found = accuracy(triplets, nothing)
    assert found.share == pytest.approx(1 / 3, abs=1e-12) and found.ties == 60
    assert accuracy(triplets, nothing, ties="wrong").share == 0
    assert accuracy(triplets, nothing, ties="first").share == 1
    assert cross_entropy(triplets, nothing) == pytest.approx(math.log(3), abs=1e-12)


def test_ties_of_two_and_those_that_rounding_made() -> None:
    drive = torch.tensor(
        [[1.0, 0, 1], [0, 0, 1], [1, 1, 0], [0.3, 0, 0.1 + 0.2], [2, 0, 2 - 1e-9]],
        dtype=torch.float64,
    )
    assert accuracy_of_logits(drive).share == pytest.approx((0.5 + 1 + 0 + 0.5 + 0) / 5)
    assert accuracy_of_logits(drive, ties="wrong").share == pytest.approx(1 / 5)
    assert accuracy_of_logits(drive, ties="first").share == pytest.approx(3 / 5)
    assert accuracy_of_logits(drive).ties == 2  # the third ties, but not with what was chosen


def test_the_chosen_column_may_be_any() -> None:
    triplets, weights = chosen(200, temperature=2.0)
    wanted = accuracy(triplets, weights), cross_entropy(triplets, weights, 1.5)
    places = torch.arange(200) % 3
    turned = triplets.gather(1, (torch.arange(3) + 2 - places[:, None]) % 3)
    assert torch.equal(turned.gather(1, places[:, None])[:, 0], triplets[:, 2])
    drive = logits(turned, weights)
    assert accuracy_of_logits(drive, odd=places) == wanted[0]
    assert cross_entropy_of_logits(drive, 1.5, odd=places) == pytest.approx(wanted[1], abs=1e-12)
    assert accuracy_of_logits(drive.roll(1, 1), odd=(places + 1) % 3) == wanted[0]
    with pytest.raises(ValueError, match="column 0, 1 or 2"):
        accuracy_of_logits(drive, odd=3)
    with pytest.raises(ValueError, match=r"one for each of 200 triplets, got \[7\]"):
        accuracy_of_logits(drive, odd=places[:7])
    with pytest.raises(ValueError, match="ties is one of share, wrong, first"):
        accuracy(triplets, weights, ties="vice")  # type: ignore[arg-type]


def answered(seed: int = 0) -> Tensor:
    """Answers of people who all follow one embedding, 1 to 9 of them a triplet, pairs turned."""
    source = torch.Generator().manual_seed(seed)
    weights = torch.rand(20, 3, generator=source, dtype=torch.float64)
    asked = sample(20, 150, generator=source)
    times = torch.randint(1, 10, (150,), generator=source)
    asked = asked.repeat_interleave(times, 0)
    asked = asked[torch.arange(len(asked))[:, None], torch.rand(asked.shape).argsort(1)]
    return choose(asked, logits(asked, weights), temperature=0.3, generator=source)


def test_the_ceilings_are_those_of_a_slow_count() -> None:
    answers = answered()
    by_triplet: dict[frozenset[int], list[int]] = defaultdict(list)
    for row in answers.tolist():
        by_triplet[frozenset(row)].append(row[2])
    asked_again = [odd for odd in by_triplet.values() if len(odd) >= 2]
    plurality = [Counter(odd).most_common(1)[0][1] / len(odd) for odd in asked_again]
    right = 0.0
    for odd in asked_again:
        for place, answer in enumerate(odd):
            others = Counter(odd[:place] + odd[place + 1 :])
            best = [item for item, n in others.items() if n == max(others.values())]
            right += (answer in best) / len(best)
    found = noise_ceiling(answers, resamples=200)
    assert found.triplets == len(asked_again) and found.answers == sum(map(len, asked_again))
    assert found.plurality == pytest.approx(np.mean(plurality), abs=1e-12)
    assert found.leave_one_out == pytest.approx(right / found.answers, abs=1e-12)
    assert found.leave_one_out < found.plurality
    spread = np.std(plurality) / len(plurality) ** 0.5
    low, high = found.plurality_interval
    assert low < found.plurality < high
    assert 0.8 * 3.92 * spread < high - low < 1.2 * 3.92 * spread
    assert found == noise_ceiling(answers.numpy(), resamples=200)
    assert found != noise_ceiling(answers, resamples=200, seed=1)


def test_ceilings_of_few_answers() -> None:
    same = torch.tensor([[0, 1, 2], [1, 0, 2], [3, 4, 5], [4, 3, 5]])
    found = noise_ceiling(same, resamples=20)
    assert (found.plurality, found.leave_one_out, found.answers) == (1, 1, 4)
    assert found.plurality_interval == found.leave_one_out_interval == (1, 1)
    differ = noise_ceiling(torch.tensor([[0, 1, 2], [1, 2, 0]]), resamples=20)
    assert (differ.plurality, differ.leave_one_out) == (0.5, 0)  # the upper bound flatters
    once = noise_ceiling(torch.tensor([[0, 1, 2], [0, 1, 3]]))
    assert (once.triplets, once.answers) == (0, 0)
    assert math.isnan(once.plurality) and math.isnan(once.leave_one_out_interval[1])
    with pytest.raises(ValueError, match="at least one row"):
        noise_ceiling(torch.empty(0, 3, dtype=torch.int64))
    with pytest.raises(ValueError, match="at least one resample, got 0"):
        noise_ceiling(same, resamples=0)
