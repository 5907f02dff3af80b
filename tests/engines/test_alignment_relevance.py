"""What becomes of a choice without a dimension, against deleting it."""

import pytest
import torch
from torch import Tensor

from cnnwidgets.engines.alignment import contributions, relevance, strongest_dimensions
from cnnwidgets.engines.choices import logits, probabilities, sample


def planted(count: int = 300, dimensions: int = 7) -> tuple[Tensor, Tensor]:
    source = torch.Generator().manual_seed(0)
    weights = 2 * torch.rand(25, dimensions, generator=source, dtype=torch.float64)
    return sample(25, count, generator=source), weights * (weights > 0.6)


def deleted(triplets: Tensor, weights: Tensor, temperature: float) -> Tensor:
    """The probabilities' change [M, 3, D] when a column is taken away."""
    whole = probabilities(logits(triplets, weights), temperature)
    changes = []
    for d in range(weights.shape[1]):
        rest = torch.cat([weights[:, :d], weights[:, d + 1 :]], 1)
        changes.append(whole - probabilities(logits(triplets, rest), temperature))
    return torch.stack(changes, 2)


def test_contributions_are_products_and_sum_to_the_logits() -> None:
    triplets, weights = planted()
    found = contributions(triplets, weights)
    assert found.shape == (300, 3, 7)
    assert torch.allclose(found.sum(2), logits(triplets, weights), atol=1e-12)
    i, j, k = triplets[11].tolist()
    for column, (a, b) in enumerate(((j, k), (i, k), (i, j))):
        assert torch.equal(found[11, column], weights[a] * weights[b])


@pytest.mark.parametrize("temperature", [1.0, 0.3, 5.0])
def test_the_jackknife_is_deletion(temperature: float) -> None:
    triplets, weights = planted()
    wanted = deleted(triplets, weights, temperature)
    for odd in range(3):
        found = relevance(triplets, weights, odd=odd, temperature=temperature)
        assert torch.allclose(found, wanted[:, odd], rtol=0, atol=1e-10)
    columns = torch.arange(300) % 3
    found = relevance(triplets.numpy(), weights.numpy(), odd=columns, temperature=temperature)
    assert torch.allclose(found, wanted[torch.arange(300), columns], rtol=0, atol=1e-10)
    assert float(found.abs().max()) > 0.05


def test_the_sign_tells_what_a_dimension_speaks_for() -> None:
    # Dimension 0 holds the pair (0, 1) together; dimension 1 the pair (0, 2); 2 is of no use.
    weights = torch.tensor([[1.0, 1, 0], [1, 0, 0], [0, 1, 0]])
    triplet = torch.tensor([[0, 1, 2]])
    found = torch.cat([relevance(triplet, weights, odd=odd) for odd in range(3)])
    assert found[2, 0] > 0 > found[2, 1] and found[1, 1] > 0 > found[1, 0]
    assert not found[:, 2].any()
    assert torch.allclose(found.sum(0), torch.zeros(3), atol=1e-7)  # probabilities sum to 1


def test_pieces_and_precision_do_not_matter() -> None:
    triplets, weights = planted(2000, 40)
    whole = relevance(triplets, weights)
    one = torch.cat([relevance(row[None], weights) for row in triplets[:2000:97]])
    assert torch.allclose(whole[::97], one, rtol=0, atol=1e-15)
    single = relevance(triplets, weights.float())
    assert single.dtype == torch.float32
    assert torch.allclose(single.double(), whole, atol=1e-5)
    huge = relevance(triplets, weights.float(), temperature=1e-6)  # exponentials overflow
    assert bool(huge.isfinite().all()) and float(huge.abs().max()) <= 1


def test_the_strongest_dimensions_are_those_of_all() -> None:
    triplets, weights = planted(1500, 60)
    whole = relevance(triplets, weights, odd=1, temperature=2.0)
    values, dimensions = strongest_dimensions(triplets, weights, 4, odd=1, temperature=2.0)
    order = whole.abs().argsort(1, descending=True)[:, :4]
    assert torch.equal(values.abs(), whole.abs().gather(1, order))
    assert torch.equal(values, whole.gather(1, dimensions))
    assert bool((values < 0).any())  # its sign is kept


def test_bad_input_is_refused_and_stopping_ends_it() -> None:
    triplets, weights = planted(10)
    with pytest.raises(ValueError, match="column 0, 1 or 2"):
        relevance(triplets, weights, odd=3)
    with pytest.raises(ValueError, match=r"one for each of 10 triplets, got \[4\]"):
        relevance(triplets, weights, odd=torch.zeros(4, dtype=torch.int64))
    with pytest.raises(ValueError, match="temperature is above 0"):
        relevance(triplets, weights, temperature=0)
    with pytest.raises(ValueError, match=r"k is 1..7, the number of dimensions, got 8"):
        strongest_dimensions(triplets, weights, 8)
    for ask in (contributions, relevance):
        with pytest.raises(ValueError, match="from 0 to 3"):
            ask(triplets, weights[:4])

    def stop(done: int, total: int) -> None:
        raise InterruptedError(f"{done} of {total}")

    for ask in (relevance, strongest_dimensions):
        with pytest.raises(InterruptedError, match="0 of 10"):
            ask(triplets, weights, progress=stop)
