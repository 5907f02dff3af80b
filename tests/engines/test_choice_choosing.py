"""What is taken out, against loops over pairs."""

from itertools import permutations

import numpy as np
import pytest
import torch
from torch import Tensor

from cnnwidgets.engines.choices import (
    automatic_temperature,
    choose,
    logits,
    logits_of_similarity,
    probabilities,
    sample,
    space,
)


def planted(objects: int = 30, dimensions: int = 5) -> Tensor:
    source = torch.Generator().manual_seed(7)
    return torch.rand(objects, dimensions, generator=source, dtype=torch.float64)


def triplets(count: int = 500, objects: int = 30) -> Tensor:
    return sample(objects, count, generator=torch.Generator().manual_seed(8))


@pytest.mark.parametrize("count", [20, 500])  # gathered rows, and one matrix of all
def test_a_logit_is_the_similarity_of_the_other_two(count: int) -> None:
    weights, asked = planted(), triplets(count)
    found = logits(asked, weights)
    for row, (i, j, k) in zip(found.tolist(), asked.tolist(), strict=True):
        wanted = [float(weights[a] @ weights[b]) for a, b in ((j, k), (i, k), (i, j))]
        assert row == pytest.approx(wanted, abs=1e-12)
    assert torch.allclose(found, logits_of_similarity(asked, weights @ weights.T), atol=1e-12)
    assert logits(asked.numpy(), weights.numpy()).dtype == torch.float64
    assert logits(asked, weights.float()).dtype == torch.float32


def test_a_read_only_array_is_read() -> None:
    weights, asked = planted().numpy(), triplets(9).numpy()
    weights.flags.writeable = asked.flags.writeable = False
    assert torch.equal(logits(asked, weights), logits(asked.copy(), weights.copy()))


def test_a_choice_is_that_of_a_loop_and_does_not_depend_on_the_order() -> None:
    weights, asked = planted(), triplets()
    for order in permutations(range(3)):
        turned = asked[:, list(order)]
        chosen = choose(turned, logits(turned, weights))
        assert chosen.dtype == asked.dtype
        for given, (one, two, odd) in zip(turned.tolist(), chosen.tolist(), strict=True):
            best = max(
                ((a, b) for a in given for b in given if a < b),
                key=lambda pair: float(weights[pair[0]] @ weights[pair[1]]),
            )
            assert {one, two} == set(best) and odd == (set(given) - set(best)).pop()
            assert given.index(one) < given.index(two)  # the pair keeps its order


def test_of_equals_the_first_pair_stays() -> None:
    asked = torch.tensor([[0, 1, 2]] * 4)
    equal = torch.tensor([[1.0, 1, 1], [1, 1, 0], [1, 0, 1], [0, 1, 1]])
    # pairs (0, 1), (0, 2), (1, 2) leave columns 2, 1, 0
    assert choose(asked, equal)[:, 2].tolist() == [2, 1, 2, 2]


def test_sampled_choices_come_with_their_probability() -> None:
    drive = torch.tensor([[2.0, 1.0, -1.0]]).repeat(60_000, 1)
    wanted = probabilities(drive[:1], 1.7)[0]
    assert wanted.tolist() == pytest.approx(
        (np.exp([2 / 1.7, 1 / 1.7, -1 / 1.7]) / np.exp([2 / 1.7, 1 / 1.7, -1 / 1.7]).sum()).tolist()
    )
    source = torch.Generator().manual_seed(1)
    chosen = choose(torch.tensor([[4, 5, 6]] * 60_000), drive, temperature=1.7, generator=source)
    shares = torch.bincount(chosen[:, 2] - 4, minlength=3) / 60_000
    assert torch.allclose(shares, wanted, atol=5 * (0.25 / 60_000) ** 0.5)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 400.0])
@pytest.mark.parametrize("target", [0.4, 0.65, 0.95])
def test_the_automatic_temperature_hits_its_target_at_any_scale(
    scale: float, target: float
) -> None:
    drive = scale * logits(triplets(3000), planted())
    found = automatic_temperature(drive, target)
    assert abs(float(probabilities(drive, found).amax(1).mean()) - target) < 0.005


def test_a_temperature_that_ties_forbid_is_refused() -> None:
    with pytest.raises(ValueError, match="in 100% of the triplets the similarities tie, so 0.333"):
        automatic_temperature(torch.zeros(9, 3))
    some = torch.tensor([[1.0, 0, 0], [1, 1, 0]])
    assert automatic_temperature(some, 0.7) > 0
    with pytest.raises(ValueError, match="in 50% of the triplets the similarities tie, so 0.750"):
        automatic_temperature(some, 0.8)
    with pytest.raises(ValueError, match="in 1/3..1: 0.2"):
        automatic_temperature(some, 0.2)


def test_spaces_have_the_similarities_asked_for() -> None:
    features = torch.randn(12, 40, dtype=torch.float64)
    features[3] = 0
    positive = features.clamp_min(0)
    assert torch.equal(space(features), positive)
    assert torch.equal(space(features, rectify=False), features)
    for rectify, rows in ((True, positive), (False, features)):
        found = space(features, measure="cosine", rectify=rectify)
        wanted = torch.nn.functional.cosine_similarity(rows[:, None], rows[None], dim=2)
        assert torch.allclose(found @ found.T, wanted, atol=1e-12)
        assert not found[3].any()
    found = space(100 + features, measure="centred cosine")
    lengths = np.linalg.norm(100 + features.numpy(), axis=1, keepdims=True)
    centred = (100 + features.numpy()) / lengths
    centred -= centred.mean(0)
    one, two = centred[1], centred[2]
    wanted = one @ two / np.sqrt((one @ one) * (two @ two))
    assert float(found[1] @ found[2]) == pytest.approx(wanted, abs=1e-10)


def test_what_is_no_triplet_or_embedding_is_refused_in_one_sentence() -> None:
    weights = planted(5)
    for bad, words in (
        ([[0, 1, 1]], "1 of 1 rows hold one twice"),
        ([[1, 2, 5]], "from 0 to 4, got 1 to 5"),
        ([[-1, 2, 3]], "got -1 to 3"),
        ([[0, 1]], r"got an array of shape \[1, 2\]"),
        ([[0.0, 1.0, 2.0]], "triplets are integers, got torch.float32"),
    ):
        with pytest.raises(ValueError, match=words):
            logits(torch.tensor(bad), weights)
    with pytest.raises(ValueError, match="at least one row"):
        logits(torch.empty(0, 3, dtype=torch.int64), weights)
    weights[[1, 4], 2] = float("nan")
    with pytest.raises(ValueError, match="2 of 5 rows of the embedding hold NaN"):
        logits(torch.tensor([[0, 1, 2]]), weights)
    with pytest.raises(ValueError, match="2 of 5 rows of the features hold NaN"):
        space(weights)
    with pytest.raises(ValueError, match="measure is one of dot, cosine"):
        space(planted(), measure="euclid")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"square matrix, got \[5, 4\]"):
        logits_of_similarity(torch.tensor([[0, 1, 2]]), torch.zeros(5, 4))
    with pytest.raises(ValueError, match="temperature is above 0"):
        probabilities(torch.zeros(1, 3), 0.0)
    with pytest.raises(ValueError, match="2 triplets need as many rows of logits, got 3"):
        choose(triplets(2), torch.zeros(3, 3))
