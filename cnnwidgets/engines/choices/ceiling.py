"""How well people agree with each other: the most that a model of them can reach."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from cnnwidgets.engines.choices.triplets import Array, as_triplets, codes, rows
from cnnwidgets.engines.shares import middle

RESAMPLES = 1000
DRAWN = 1 << 22
"""Numbers drawn at a time."""


@dataclass(frozen=True)
class Ceiling:
    """Two noise ceilings of answers to triplets that were asked at least twice.

    Attributes
    ----------
    plurality : share of the answers to a triplet that are its most frequent one, averaged over
        triplets. An upper bound, and too high where there are few answers: two that differ are
        already half.
    leave_one_out : share of the answers that the most frequent one of all the *other* answers to
        the same triplet predicts, a tie of t counted as 1 / t. Fair to a model, which like this
        prediction has not seen the answer, and over all answers, as its accuracy is.
    plurality_interval, leave_one_out_interval : 95 %, the two ends.
    triplets : how many were asked at least twice; `answers` : that these got.

    Notes
    -----
    Where no triplet was asked twice, shares and ends are NaN, `triplets` and `answers` are 0.
    """

    plurality: float
    leave_one_out: float
    plurality_interval: tuple[float, float]
    leave_one_out_interval: tuple[float, float]
    triplets: int
    answers: int


def noise_ceiling(triplets: Array, *, resamples: int = RESAMPLES, seed: int = 0) -> Ceiling:
    """Give how far answers to the same triplets agree.

    Parameters
    ----------
    triplets : integers [M, 3], an answer a row, the odd one in column 2. Rows of the same three
        objects are answers to one triplet, in whatever order the pair stands.
    resamples : of the bootstrap over triplets, from which the intervals are; `seed` : of its draws.

    Raises
    ------
    ValueError
        A row holds an object twice, there are no rows, or less than one resample.
    """
    if resamples < 1:
        raise ValueError(f"the bootstrap takes at least one resample, got {resamples}")
    counts = _counts(as_triplets(triplets))
    counts = counts[counts.sum(1) >= 2]
    if not len(counts):
        nothing = (torch.nan, torch.nan)
        return Ceiling(torch.nan, torch.nan, nothing, nothing, 0, 0)
    answers, plurality, right = counts.sum(1), _plurality(counts), _predicted(counts)
    first, second = _bootstrap(plurality, right, answers, (resamples, seed))
    return Ceiling(
        plurality=float(plurality.mean()),
        leave_one_out=float(right.sum() / answers.sum()),
        plurality_interval=first,
        leave_one_out_interval=second,
        triplets=len(counts),
        answers=int(answers.sum()),
    )


def _counts(triplets: Tensor) -> Tensor:
    """Give how often each object of each unordered triplet was taken out, int64 [T, 3]."""
    ordered = triplets.sort(1)
    _, which = codes(triplets, int(triplets.max()) + 1).unique(return_inverse=True)
    place = (ordered.indices == 2).long().argmax(1)  # of the odd one among the sorted three
    found = torch.bincount(3 * which + place, minlength=3 * (int(which.max()) + 1))
    return found.view(-1, 3)


def _plurality(counts: Tensor) -> Tensor:
    return counts.amax(1).double() / counts.sum(1)


def _predicted(counts: Tensor) -> Tensor:
    """Give how many of each triplet's answers its other answers predict, float64 [T]."""
    credit = torch.zeros(len(counts), dtype=torch.float64)
    for column in range(3):
        others = counts.clone()
        others[:, column] -= 1
        best = others.amax(1, keepdim=True)
        right = (others[:, column] == best[:, 0]).double() / (others == best).sum(1)
        credit += counts[:, column] * right  # a column without answers counts 0 times
    return credit


def _bootstrap(
    plurality: Tensor, right: Tensor, answers: Tensor, draws: tuple[int, int]
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Give the ends of the two intervals, from triplets drawn with replacement."""
    (resamples, seed), count = draws, len(answers)
    generator = torch.Generator().manual_seed(seed)
    shares = []
    for part in rows(resamples, max(1, DRAWN // count)):
        drawn = torch.randint(count, (part.stop - part.start, count), generator=generator)
        pooled = right[drawn].sum(1) / answers[drawn].sum(1)
        shares.append(torch.stack([plurality[drawn].mean(1), pooled]))
    first, second = (middle(values).tolist() for values in torch.cat(shares, 1))
    return (first[0], first[1]), (second[0], second[1])
