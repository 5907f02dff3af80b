"""How well two similarity matrices of the same objects agree: representational similarity."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Literal

import torch
from torch import Tensor

from cnnwidgets.engines.alignment.ranks import ranks
from cnnwidgets.engines.choices.triplets import Array, rows, tensor
from cnnwidgets.engines.shares import middle
from cnnwidgets.results import Progress, no_progress

Method = Literal["pearson", "spearman"]
METHODS: tuple[Method, ...] = ("pearson", "spearman")
TOGETHER = 64
"""Resamples of the bootstrap in one matrix product."""
ROUNDING = 1e-12
"""An exchange that changes nothing gives the same r but for this."""
EQUAL = 1e-12
"""Values whose spread is not more, relative to the largest, are all the same."""


@dataclass(frozen=True)
class RSA:
    """Correlation of two similarity matrices over pairs of objects.

    Attributes
    ----------
    r : -1..1.
    interval : 95 % of bootstrap resamples of the objects, the two ends.
    p : one-sided, of a correlation as large where the objects of one matrix are exchanged.
    method : "pearson" or "spearman".
    objects, pairs : how many there are, and how many pairs count.
    """

    r: float
    interval: tuple[float, float]
    p: float
    method: str
    objects: int
    pairs: int


def rsa(
    first: Array,
    second: Array,
    *,
    method: Method = "pearson",
    where: Array | None = None,
    resamples: int = 1000,
    permutations: int = 1000,
    seed: int = 0,
    progress: Progress = no_progress,
) -> RSA:
    """Correlate two similarity matrices over all pairs of different objects.

    Parameters
    ----------
    first, second : [n, n] symmetric, of the same objects in the same order, n at least 4; what is
        above their diagonals is read.
    method : "pearson", as the paper of Mahner et al. (2025) has it, or "spearman".
    where : bool [n, n], pairs that count, say those that a class was asked; None: all. `first` may
        hold anything elsewhere, `second` must not hold NaN.
    resamples : of the bootstrap; `permutations` : of the test; `seed` : of both.
    progress : told (resamples and permutations done, all of them); raising ends the work.

    Raises
    ------
    ValueError
        The matrices are not square and of one size, there are less than 4 objects or 3 pairs, NaN
        is among what counts, or one matrix is the same for all pairs.

    Notes
    -----
    Pairs that share an object are not independent, so objects are drawn and not pairs [1]_: object
    i counts w_i times and the pair (i, j) of different objects w_i w_j times, by which all sums
    are quadratic forms in w. Ranks are those among all pairs, and stay so in resamples. The test
    exchanges the objects of `second`; p = (1 + those that correlate at least as well) / (1 + all).
    An exchange that brings equal values to all pairs that count has no correlation, and is taken
    for one as large, so that p is rather too large than too small.

    References
    ----------
    .. [1] H. Nili et al., "A toolbox for representational similarity analysis", PLoS Comput. Biol.
       10 (2014) e1003553.
    """
    if method not in METHODS:
        raise ValueError(f"method is one of {', '.join(METHODS)}, got {method!r}")
    if resamples < 1 or permutations < 1:
        raise ValueError(
            f"at least one of each: {resamples} resamples, {permutations} permutations"
        )
    a, b, counted = _matrices(first, second, where)
    n, every = len(a), resamples + permutations
    off = ~torch.eye(n, dtype=torch.bool)
    ranked = method == "spearman"
    one = _standard(a, counted, ranked, "first")
    two = _standard(b, counted, ranked, "second")
    generator = torch.Generator().manual_seed(seed)
    r = float((one * two).sum() / counted.sum())
    drawn: list[Tensor] = []
    for part in rows(resamples, TOGETHER):
        progress(part.start, every)
        picked = torch.randint(n, (part.stop - part.start, n), generator=generator)
        times = torch.zeros(picked.shape, dtype=torch.float64)
        times.scatter_add_(1, picked, torch.ones_like(times))
        drawn.append(_weighted(one, two, counted, times))
    # Where only some pairs count, others come in their place, so these are ranked as well.
    whole = _standard(b, off, ranked, "second")
    weights = None if torch.equal(counted, off) else counted.double()
    exceeding, actual = 0, _correlation(one, whole, weights)
    for number in range(permutations):
        progress(resamples + number, every)
        order = torch.randperm(n, generator=generator)
        exchanged = whole.index_select(1, order).index_select(0, order)
        exceeding += _correlation(one, exchanged, weights) >= actual - ROUNDING
    progress(every, every)
    low, high = middle(torch.cat(drawn)).tolist()
    p = (1 + exceeding) / (1 + permutations)
    return RSA(r, (low, high), p, method, n, int(counted.sum()) // 2)


def _matrices(first: Array, second: Array, where: Array | None) -> tuple[Tensor, Tensor, Tensor]:
    """Give both matrices in float64, and which of their entries count."""
    a, b = tensor(first).double(), tensor(second).double()
    if a.ndim != 2 or a.shape[0] != a.shape[1] or a.shape != b.shape or len(a) < 4:
        raise ValueError(
            "two square similarity matrices of the same objects, at least 4: got"
            f" {list(a.shape)} and {list(b.shape)}"
        )
    counted = ~torch.eye(len(a), dtype=torch.bool)
    if where is not None:
        mask = tensor(where).bool()
        if mask.shape != a.shape:
            raise ValueError(f"where is as large as the matrices, got {list(mask.shape)}")
        counted &= mask & mask.T
    if int(counted.sum()) < 6:
        raise ValueError(f"a correlation takes at least 3 pairs, got {int(counted.sum()) // 2}")
    off = ~torch.eye(len(a), dtype=torch.bool)
    both = []
    for name, matrix, among in (("first", a, counted), ("second", b, off)):
        # Both halves of a product may differ in their last bit, by which equals would be ranked.
        above = matrix.triu(1)
        both.append(above + above.T)
        bad = int((~both[-1][among].isfinite()).sum()) // 2
        if bad:
            raise ValueError(f"{bad} pairs of the {name} similarity are NaN or infinite")
    return both[0], both[1], counted


def _standard(matrix: Tensor, counted: Tensor, ranked: bool, name: str) -> Tensor:
    """Give a matrix whose entries that count have mean 0 and variance 1; the others are 0."""
    values = matrix[counted]
    if ranked:
        values = ranks(values)
    centred = values - values.mean()
    scale = centred.square().mean().sqrt()
    if float(scale) <= EQUAL * float(values.abs().max()):
        raise ValueError(f"the {name} similarity is the same for all pairs: it has no correlation")
    found = torch.zeros_like(matrix)
    found[counted] = centred / scale
    return found


def _weighted(one: Tensor, two: Tensor, counted: Tensor, times: Tensor) -> Tensor:
    """Give the correlation [R] where object i of resample r counts times[r, i] times."""

    def total(matrix: Tensor) -> Tensor:
        return ((times @ matrix) * times).sum(1)

    n, a, b = total(counted.double()), total(one), total(two)
    covariance = total(one * two) / n - a * b / n**2
    first = total(one.square()) / n - (a / n).square()
    return covariance / (first * (total(two.square()) / n - (b / n).square())).sqrt()


def _correlation(one: Tensor, two: Tensor, weights: Tensor | None) -> float:
    """Give the correlation over pairs of weight 1; None: all, over which both are standard.

    It is infinite where `two` is the same for all of them.
    """
    product = torch.dot(one.flatten(), two.flatten())
    if weights is None:
        return float(product) / (len(one) * (len(one) - 1))
    counted, values = weights.flatten(), two.flatten()
    n = counted.sum()
    spread = (values - torch.dot(counted, values) / n).mul_(counted)
    scale = (torch.dot(spread, spread) / n).sqrt()
    if float(scale) <= EQUAL * float((counted * values).abs().max()):
        return inf
    return float(product / n / scale)
