"""Correlation of similarity matrices: planted, and against slow resampling of objects."""

import numpy as np
import pytest
import torch
from scipy.stats import pearsonr, spearmanr
from torch import Tensor

from cnnwidgets.engines.alignment import rsa


def matrix(objects: int = 25, seed: int = 0) -> Tensor:
    source = torch.Generator().manual_seed(seed)
    features = torch.randn(objects, 6, generator=source, dtype=torch.float64)
    return features @ features.T


def planted(share: float, objects: int = 25) -> tuple[Tensor, Tensor]:
    """Two matrices with a part in common."""
    common = matrix(objects, 1)
    return matrix(objects, 2) + share * common, matrix(objects, 3) + share * common


UPPER = np.triu_indices(25, 1)


@pytest.mark.parametrize(("method", "reference"), [("pearson", pearsonr), ("spearman", spearmanr)])
def test_r_is_that_of_the_upper_triangle(method: str, reference: object) -> None:
    one, two = planted(1.0)
    two = two.exp() if method == "spearman" else two
    found = rsa(one, two, method=method, resamples=50, permutations=99)  # type: ignore[arg-type]
    wanted = reference(one.numpy()[UPPER], two.numpy()[UPPER])[0]  # type: ignore[operator]
    assert found.r == pytest.approx(wanted, abs=1e-12)
    assert found.interval[0] < found.r < found.interval[1]
    assert found.p == 1 / 100
    assert (found.method, found.objects, found.pairs) == (method, 25, 300)
    again = rsa(one.numpy(), two.numpy(), method=method, resamples=50, permutations=99)  # type: ignore[arg-type]
    assert again == found
    assert rsa(one, one, method=method, resamples=9).r == pytest.approx(1)  # type: ignore[arg-type]


def test_the_interval_is_that_of_objects_drawn_one_by_one() -> None:
    one, two = planted(1.0)
    found = rsa(one, two, resamples=400, permutations=1, seed=4)
    generator = torch.Generator().manual_seed(4)
    slow = []
    for size in (64,) * 6 + (16,):
        for drawn in torch.randint(25, (size, 25), generator=generator).tolist():
            pairs = [(i, j) for i in drawn for j in drawn if i != j]
            i, j = np.array(pairs).T
            slow.append(pearsonr(one.numpy()[i, j], two.numpy()[i, j])[0])
    assert found.interval == pytest.approx(np.quantile(slow, [0.025, 0.975]).tolist(), abs=1e-10)
    # A bootstrap of pairs takes them for independent, and is too narrow.
    pairs = np.random.default_rng(0).integers(300, size=(400, 300))
    a, b = one.numpy()[UPPER], two.numpy()[UPPER]
    narrow = np.quantile([pearsonr(a[row], b[row])[0] for row in pairs], [0.025, 0.975])
    assert found.interval[1] - found.interval[0] > 1.2 * (narrow[1] - narrow[0])


def test_the_interval_covers_what_was_planted() -> None:
    """Objects whose two rows of features correlate, many times over."""
    truth = rsa(*features(2000, 0), resamples=1, permutations=1).r
    ends = [rsa(*features(30, seed), resamples=100, permutations=1).interval for seed in range(60)]
    assert 45 <= sum(low <= truth <= high for low, high in ends) <= 60


def features(objects: int, seed: int) -> tuple[Tensor, Tensor]:
    source = torch.Generator().manual_seed(seed)
    one = torch.randn(objects, 6, generator=source, dtype=torch.float64)
    two = one + torch.randn(objects, 6, generator=source, dtype=torch.float64)
    return one @ one.T, two @ two.T


def test_p_is_uniform_where_nothing_is_in_common() -> None:
    ps = [
        rsa(matrix(12, seed), matrix(12, 1000 + seed), resamples=1, permutations=39).p
        for seed in range(150)
    ]
    assert abs(np.mean(ps) - 0.5) < 5 * 0.29 / 150**0.5
    assert abs(np.mean(np.array(ps) <= 0.25) - 0.25) < 5 * (0.25 * 0.75 / 150) ** 0.5


def test_p_is_that_of_objects_exchanged_one_by_one() -> None:
    one, two = planted(0.0)
    found = rsa(one, two, resamples=1, permutations=99, seed=7)
    generator = torch.Generator().manual_seed(7)
    torch.randint(25, (1, 25), generator=generator)  # the bootstrap's
    as_large = 0
    for _ in range(99):
        order = torch.randperm(25, generator=generator).numpy()
        exchanged = two.numpy()[np.ix_(order, order)]
        as_large += pearsonr(one.numpy()[UPPER], exchanged[UPPER])[0] >= found.r
    assert 5 < as_large < 95 and found.p == (1 + as_large) / 100


@pytest.mark.parametrize("method", ["pearson", "spearman"])
def test_only_pairs_that_were_asked_count(method: str) -> None:
    one, two = planted(1.0)
    where = torch.rand(25, 25).triu(1) > 0.5
    where = where | where.T
    first = one.where(where, torch.nan)
    found = rsa(first, two, method=method, where=where, resamples=99, permutations=99)  # type: ignore[arg-type]
    kept = where.numpy()[UPPER]
    reference = pearsonr if method == "pearson" else spearmanr
    wanted = reference(one.numpy()[UPPER][kept], two.numpy()[UPPER][kept])[0]
    assert found.r == pytest.approx(wanted, abs=1e-12) and found.pairs == kept.sum()
    assert found.p == 0.01 and found.interval[0] < found.r < found.interval[1]
    every = torch.ones(25, 25, dtype=torch.bool)
    assert rsa(one, two, where=every, permutations=9) == rsa(one, two, permutations=9)


def test_a_mask_leaves_p_as_it_was_where_nothing_is_in_common() -> None:
    where = torch.rand(12, 12).triu(1) > 0.5
    ps = [
        rsa(
            matrix(12, seed), matrix(12, 1000 + seed), where=where | where.T, resamples=1,
            permutations=39,
        ).p
        for seed in range(150)
    ]  # fmt: skip
    assert abs(np.mean(ps) - 0.5) < 5 * 0.29 / 150**0.5


def test_bad_input_is_refused_in_one_sentence() -> None:
    one, two = planted(1.0)
    for bad in (two[:20, :20], two[:20]):
        with pytest.raises(ValueError, match="two square similarity matrices of the same objects"):
            rsa(one, bad)
    with pytest.raises(ValueError, match="at least 4"):
        rsa(one[:3, :3], two[:3, :3])
    with pytest.raises(ValueError, match="at least 3 pairs, got 0"):
        rsa(one, two, where=torch.eye(25))
    with pytest.raises(ValueError, match="the first similarity is the same for all pairs"):
        rsa(torch.full((25, 25), 1 / 3), two)
    with pytest.raises(ValueError, match=r"where is as large as the matrices, got \[2, 2\]"):
        rsa(one, two, where=torch.ones(2, 2))
    with pytest.raises(ValueError, match="method is one of pearson, spearman"):
        rsa(one, two, method="kendall")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="at least one of each"):
        rsa(one, two, permutations=0)
    two[1, 2] = torch.nan
    with pytest.raises(ValueError, match="1 pairs of the second similarity are NaN"):
        rsa(one, two)

    def stop(done: int, total: int) -> None:
        if done >= 1000:
            raise InterruptedError(total)

    with pytest.raises(InterruptedError, match="2000"):
        rsa(one, one, progress=stop)


def test_an_exchange_without_a_correlation_counts_as_exceeding() -> None:
    """Two of ten pairs differ, and three count: most exchanges bring them equal values."""
    first, second, where = torch.zeros(5, 5), torch.zeros(5, 5), torch.zeros(5, 5)
    for (i, j), value in {(0, 1): 3.0, (0, 2): 1.0, (1, 2): 2.0}.items():
        first[i, j], where[i, j] = value, 1
    second[0, 1] = second[3, 4] = 1 / 3
    found = rsa(first, second, where=where + where.T, resamples=1, permutations=199, seed=3)
    generator = torch.Generator().manual_seed(3)
    torch.randint(5, (1, 5), generator=generator)  # the bootstrap's
    pairs = np.array([[0, 0, 1], [1, 2, 2]])
    whole = (second + second.T).numpy()
    exceeding = equal = 0
    for _ in range(199):
        order = torch.randperm(5, generator=generator).numpy()
        values = whole[np.ix_(order, order)][tuple(pairs)]
        equal += np.ptp(values) == 0
        exceeding += np.ptp(values) == 0 or pearsonr([3, 1, 2], values)[0] >= found.r - 1e-9
    assert equal > 60 and found.p == (1 + exceeding) / 200
