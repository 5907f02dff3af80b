"""Similarity in the context of a third object, against a loop over all triplets."""

import sys
from importlib.util import find_spec
from itertools import permutations

import numpy as np
import pytest
import torch
from torch import Tensor

from cnnwidgets.engines.alignment import contexts, empirical_similarity, similarity
from cnnwidgets.engines.alignment.contexts import COMPILED_ROWS, TILE_COLUMNS, TILE_ROWS
from cnnwidgets.engines.choices import choose, logits, sample

COMPILED = [
    False,
    pytest.param(True, marks=pytest.mark.skipif(find_spec("numba") is None, reason="needs numba")),
]


def planted(objects: int = 40, scale: float = 1.0) -> Tensor:
    source = torch.Generator().manual_seed(objects)
    weights = torch.rand(objects, 5, generator=source, dtype=torch.float64)
    return scale * weights * (weights > 0.4)


def loops(embedding: Tensor, temperature: float = 1.0) -> Tensor:
    s = (embedding @ embedding.T / temperature).tolist()
    found = torch.eye(len(s), dtype=torch.float64)
    for i, j in permutations(range(len(s)), 2):
        others = [k for k in range(len(s)) if k not in (i, j)]
        shares = []
        for k in others:
            most = max(s[i][j], s[i][k], s[j][k])
            three = np.exp([s[i][j] - most, s[i][k] - most, s[j][k] - most])
            shares.append(three[0] / three.sum())
        found[i, j] = sum(shares) / len(others)
    return found


def beside(matrix: Tensor) -> Tensor:
    return matrix[~torch.eye(len(matrix), dtype=torch.bool)]


@pytest.mark.parametrize("compiled", COMPILED)
@pytest.mark.parametrize("temperature", [1.0, 0.2])
def test_the_exact_similarity_is_that_of_three_loops(compiled: bool, temperature: float) -> None:
    weights = planted()
    found = similarity(weights, temperature=temperature, compiled=compiled)
    assert torch.allclose(found, loops(weights, temperature), rtol=0, atol=1e-12)
    assert torch.allclose(found, found.T, rtol=0, atol=1e-15)
    assert float(beside(found).mean()) == pytest.approx(1 / 3, abs=1e-14)
    assert bool((found.diagonal() == 1).all())


@pytest.mark.parametrize("compiled", COMPILED)
@pytest.mark.parametrize(
    "objects",
    [3, 4, COMPILED_ROWS + 1, TILE_ROWS, TILE_ROWS + 1, 2 * TILE_ROWS + 3, TILE_COLUMNS + 70],
)
def test_tiles_meet_without_gap_or_overlap(compiled: bool, objects: int) -> None:
    weights = planted(objects)
    found = similarity(weights, compiled=compiled)
    assert float(beside(found).mean()) == pytest.approx(1 / 3, abs=1e-13)
    # The plain sum over contexts, at the first and last objects and around the seams.
    e = (weights @ weights.T).exp()
    for i in {0, objects // 2, min(objects, TILE_ROWS) - 1, objects - 1}:
        for j in {0, 1, min(TILE_COLUMNS, objects - 1), objects - 2, objects - 1} - {i}:
            shares = e[i, j] / (e[i, j] + e[i] + e[j])
            shares[[i, j]] = 0
            assert float(found[i, j]) == pytest.approx(
                float(shares.sum()) / (objects - 2), abs=1e-13
            )


def test_logits_of_any_range_do_not_overflow() -> None:
    weights = planted(TILE_ROWS + 9, 40.0)
    assert float((weights @ weights.T).max()) > 800  # exp of which is infinite
    assert torch.allclose(similarity(weights[:30]), loops(weights[:30]), rtol=0, atol=1e-12)
    for count in (None, len(weights), 5):
        found = similarity(weights, contexts=count)
        assert bool(found.isfinite().all()) and 0 <= float(found.min()) <= float(found.max()) <= 1
    assert float(beside(similarity(weights)).mean()) == pytest.approx(1 / 3, abs=1e-12)
    few = planted(9, 7.0)  # narrow and wide are two ways of one number
    few_hot = similarity(few, temperature=0.02)
    assert float((few @ few.T / 0.02)[0].max()) > 1200
    assert torch.allclose(few_hot, loops(few, 0.02), rtol=0, atol=1e-12)


def test_what_does_not_change_it() -> None:
    weights = planted()
    wanted = similarity(weights)
    order, nothing = torch.randperm(5), torch.zeros(40, 2)
    assert torch.allclose(similarity(weights[:, order]), wanted, atol=1e-13)
    assert torch.allclose(similarity(torch.cat([weights, nothing], 1)), wanted, atol=1e-13)
    assert torch.allclose(similarity(3 * weights, temperature=9.0), wanted, atol=1e-12)
    objects = torch.randperm(40)
    assert torch.allclose(similarity(weights[objects]), wanted[objects][:, objects], atol=1e-13)
    assert torch.allclose(beside(similarity(0 * weights)), torch.tensor(1 / 3).double(), atol=1e-15)


@pytest.mark.parametrize("scale", [1.0, 40.0])
def test_all_objects_as_contexts_give_the_exact_one(scale: float) -> None:
    weights = planted(70, scale)
    found = similarity(weights, contexts=70)
    assert torch.allclose(found, similarity(weights), rtol=0, atol=1e-12)


def test_random_contexts_are_unbiased_and_more_come_nearer() -> None:
    weights, source = planted(30, 2.0), torch.Generator().manual_seed(5)
    exact = similarity(weights)

    def sampled(count: int) -> Tensor:
        many = [similarity(weights, contexts=count, generator=source) for _ in range(300)]
        return torch.stack(many)

    few, more = sampled(4), sampled(16)
    assert float(beside(few.std(0)).mean()) > 2 * float(beside(more.std(0)).mean())
    errors = beside((more.mean(0) - exact) / (more.std(0) / 300**0.5 + 1e-12))
    assert float(errors.abs().max()) < 5
    again = [similarity(weights, contexts=9, generator=torch.Generator().manual_seed(1))] * 2
    assert torch.equal(*again)


def test_without_numba_the_same_numbers_come(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = similarity(planted(30))
    monkeypatch.setitem(sys.modules, "numba", None)
    monkeypatch.setattr(contexts, "LARGE", 20)
    contexts._compiled_strip.cache_clear()
    assert torch.equal(similarity(planted(30)), wanted)
    with pytest.raises(ImportError, match="pip install 'cnnwidgets\\[fast\\]'"):
        similarity(planted(30), compiled=True)
    contexts._compiled_strip.cache_clear()


def test_stopping_ends_it() -> None:
    def stop(done: int, total: int) -> None:
        if done:
            raise InterruptedError

    for count in (None, 10):
        with pytest.raises(InterruptedError):
            similarity(planted(300), contexts=count, progress=stop)
    told: list[tuple[int, int]] = []
    similarity(planted(300), progress=lambda *now: told.append(now))
    assert told == [(0, 3), (1, 3), (2, 3), (3, 3)]


def test_the_empirical_similarity_counts_who_stayed_together() -> None:
    answers = torch.tensor([[0, 1, 2], [1, 0, 3], [2, 3, 0]], dtype=torch.int32)
    found, counts = empirical_similarity(answers, 5)
    assert counts[0].tolist() == [0, 2, 2, 2, 0] and torch.equal(counts, counts.T)
    assert found[0].tolist() == pytest.approx([1, 3 / 5, 1 / 5, 1 / 5, 1 / 3])
    assert float(found[2, 3]) == 2 / 4 and float(found[4, 1]) == pytest.approx(1 / 3)
    assert torch.equal(found, found.T)


def test_the_similarity_of_many_answers_becomes_that_of_the_model() -> None:
    weights, source = planted(12, 2.0), torch.Generator().manual_seed(2)
    asked = sample(12, 220, generator=source).repeat(300, 1)
    answers = choose(asked, logits(asked, weights), temperature=1.0, generator=source)
    found, counts = empirical_similarity(answers, 12)
    assert bool((beside(counts) == 3000).all())
    assert float((found - similarity(weights)).abs().max()) < 5 * (0.25 / 3000) ** 0.5


def test_bad_input_is_refused_in_one_sentence() -> None:
    weights = planted(8)
    with pytest.raises(ValueError, match="takes 3 objects, got 2"):
        similarity(weights[:2])
    with pytest.raises(ValueError, match="contexts are 3..8 of the objects, got 2"):
        similarity(weights, contexts=2)
    with pytest.raises(ValueError, match="temperature is above 0"):
        similarity(weights, temperature=-1)
    weights[3, 1] = torch.nan
    with pytest.raises(ValueError, match="1 of 8 rows of the embedding hold NaN"):
        similarity(weights)
    with pytest.raises(ValueError, match="from 0 to 3, got 1 to 4"):
        empirical_similarity(torch.tensor([[1, 2, 4]]), 4)
