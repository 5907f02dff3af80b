"""The triplets on which two models differ: planted, and by a slow count."""

from collections import Counter
from itertools import combinations

import numpy as np
import pytest
import torch
from scipy.spatial.distance import jensenshannon
from torch import Tensor

from cnnwidgets.engines.alignment import divergence, divergent, refine
from cnnwidgets.engines.choices import logits, probabilities, sample


def models(objects: int = 40, scale: float = 3.0) -> tuple[Tensor, Tensor]:
    """Two embeddings of the same objects, half in common."""
    source = torch.Generator().manual_seed(objects)
    one = torch.rand(objects, 6, generator=source, dtype=torch.float64)
    two = torch.rand(objects, 4, generator=source, dtype=torch.float64)
    return scale * one, scale * torch.cat([one[:, :2], two], 1)


def pool(count: int = 3000) -> tuple[Tensor, Tensor, Tensor]:
    one, two = models()
    triplets = sample(40, count, generator=torch.Generator().manual_seed(1))
    return triplets, probabilities(logits(triplets, one)), probabilities(logits(triplets, two))


def test_the_divergence_is_that_of_scipy() -> None:
    _, p, q = pool(200)
    found = divergence(p, q)
    wanted = jensenshannon(p.numpy(), q.numpy(), base=2, axis=1) ** 2
    assert np.allclose(found, wanted, atol=1e-12)
    sure = torch.eye(3)
    assert divergence(sure, sure.roll(1, 0)).tolist() == [1, 1, 1]
    for mode in ("js", "rank"):
        assert not divergence(p, p, mode).any()  # type: ignore[arg-type]
        assert torch.allclose(divergence(p, q, mode), divergence(q, p, mode))  # type: ignore[arg-type]
        turned = divergence(p[:, [2, 0, 1]], q[:, [2, 0, 1]], mode)  # type: ignore[arg-type]
        assert torch.allclose(turned, divergence(p, q, mode))  # type: ignore[arg-type]


def test_ranks_are_those_of_a_slow_count() -> None:
    _, p, q = pool(200)
    found = divergence(p, q, "rank")
    below = [(p < value).sum() for value in p.flatten()]
    ranks = torch.tensor(below).view_as(p) / 599  # no two are equal
    other = torch.tensor([(q < value).sum() for value in q.flatten()]).view_as(q) / 599
    assert torch.allclose(found, (ranks - other).abs().amax(1).double(), atol=1e-6)


@pytest.mark.parametrize("mode", ["js", "rank"])
def test_the_most_divergent_come_first_and_no_object_too_often(mode: str) -> None:
    triplets, p, q = pool()
    found = divergent(triplets, p, q, count=20, mode=mode, most_per_object=2, confident=0.5)  # type: ignore[arg-type]
    value = divergence(p, q, mode)  # type: ignore[arg-type]
    sure = (p.amax(1) > 0.5) & (q.amax(1) > 0.5) & (p.argmax(1) != q.argmax(1))
    times: Counter[int] = Counter()
    wanted = []
    for row in sorted(sure.nonzero()[:, 0].tolist(), key=lambda row: -float(value[row])):
        if len(wanted) < 20 and all(times[item] < 2 for item in triplets[row].tolist()):
            wanted.append(row)
            times.update(triplets[row].tolist())
    assert len(wanted) == 20 and found.tolist() == wanted
    assert max(Counter(triplets[found].flatten().tolist()).values()) == 2
    again = divergent(triplets, p, q, count=20, scores=value, most_per_object=2, confident=0.5)
    assert torch.equal(again, found)


def test_a_planted_disagreement_is_found() -> None:
    triplets, p, _ = pool(500)
    q = p.clone()
    p[[17, 250]] = torch.tensor([0.9, 0.05, 0.05]).double()
    q[[17, 250]] = torch.tensor([[0.05, 0.9, 0.05], [0.1, 0.2, 0.7]]).double()
    assert divergent(triplets, p, q, count=5).tolist() == [17, 250]  # no others differ


def test_where_too_few_are_left_the_less_confident_follow_then_objects_come_again() -> None:
    triplets = torch.tensor([[0, 1, 2], [0, 1, 3], [4, 5, 6], [7, 8, 9], [0, 1, 4]])
    p = torch.tensor(
        [[0.8, 0.1, 0.1], [0.8, 0.1, 0.1], [0.5, 0.3, 0.2], [0.9, 0.1, 0], [0.7, 0.3, 0]]
    )
    q = torch.tensor(
        [[0.1, 0.8, 0.1], [0.15, 0.75, 0.1], [0.2, 0.3, 0.5], [0.9, 0, 0.1], [0.3, 0.7, 0]]
    )

    def rows(count: int, most: int) -> list[int]:
        return divergent(triplets, p, q, count=count, most_per_object=most).tolist()

    assert rows(1, 1) == [0] and rows(2, 1) == [0, 2]
    assert rows(3, 1) == [0, 2, 1] and rows(9, 1) == [0, 2, 1, 4]  # 3 is agreed on
    assert rows(9, 2) == [0, 1, 2, 4] and rows(9, 3) == [0, 1, 4, 2]


def test_exchanging_objects_finds_what_differs_more() -> None:
    one, two = models(12)
    every = torch.tensor(list(combinations(range(12), 3)))

    def value(rows: Tensor) -> Tensor:
        p, q = probabilities(logits(rows, one), 0.5), probabilities(logits(rows, two), 2.0)
        return divergence(p, q)

    best, typical = float(value(every).max()), float(value(every).median())
    for start in range(0, 200, 40):
        found = refine(every[start], one, two, 0.5, 2.0, candidates=200)
        reached = float(value(found[None]))
        assert reached >= float(value(every[start : start + 1]))
        assert reached > (typical + 2 * best) / 3
        assert len(set(found.tolist())) == 3
        for place in range(3):  # no single exchange goes higher
            others = found.repeat(12, 1)
            others[:, place] = torch.arange(12)
            others = others[[len(set(row)) == 3 for row in others.tolist()]]
            assert float(value(others).max()) <= reached + 1e-12
    source = [torch.Generator().manual_seed(2) for _ in range(2)]
    twice = [refine(every[3], one, two, candidates=5, generator=g) for g in source]
    assert torch.equal(*twice)


def test_bad_input_is_refused_in_one_sentence() -> None:
    triplets, p, q = pool(9)
    one, two = models()
    with pytest.raises(ValueError, match="9 and 8 rows"):
        divergence(p, q[:8])
    with pytest.raises(ValueError, match="rows of three probabilities sum to 1"):
        divergence(p, 2 * q)
    with pytest.raises(ValueError, match="mode is one of js, rank"):
        divergence(p, q, "kl")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="8 triplets need as many probabilities, got 9"):
        divergent(triplets[:8], p, q, count=2)
    with pytest.raises(ValueError, match=r"9 triplets need as many scores, got \[4\]"):
        divergent(triplets, p, q, count=2, scores=torch.zeros(4))
    with pytest.raises(ValueError, match="at least one row and object"):
        divergent(triplets, p, q, count=0)
    with pytest.raises(ValueError, match="got 40 and 30 rows"):
        refine(triplets[0], one, two[:30])
    with pytest.raises(ValueError, match="hold one twice"):
        refine(torch.tensor([1, 1, 2]), one, two)

    def stop(done: int, total: int) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        divergent(triplets, p, q, count=2, progress=stop)
