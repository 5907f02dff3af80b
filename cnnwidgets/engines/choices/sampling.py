"""Random triplets of objects, none of them twice."""

from __future__ import annotations

from collections.abc import Callable
from math import comb

import torch
from torch import Tensor

from cnnwidgets.engines.choices.triplets import MOST_OBJECTS, rows
from cnnwidgets.results import Progress, no_progress

PIECE = 1 << 20
"""Triplets numbered at a time."""
DENSE = 4
"""From one in so many triplets on, all of them are put in a random order and the first taken."""


def sample(
    objects: int,
    count: int,
    *,
    generator: torch.Generator | None = None,
    progress: Progress = no_progress,
) -> Tensor:
    """Draw triplets uniformly from all there are, without replacement.

    Parameters
    ----------
    objects : how many there are, 3..2,000,000.
    count : how many triplets, 1..objects (objects - 1) (objects - 2) / 6, which gives all of them.
    generator : of the draws; None: torch's own.
    progress : told (triplets done, all of them); raising ends the work.

    Returns
    -------
    int32 [count, 3], in random order, the numbers in a row ascending. 20 million take about 0.5 GB
    while they are drawn.

    Raises
    ------
    ValueError
        There are less than 3 objects or too many, or not so many triplets.

    Notes
    -----
    All triplets i < j < k are numbered C(k, 3) + C(j, 2) + i, from 0, and numbers are drawn.
    """
    if not 3 <= objects <= MOST_OBJECTS:
        raise ValueError(f"triplets are made of 3 to {MOST_OBJECTS:,} objects, got {objects}")
    every = comb(objects, 3)
    if not 1 <= count <= every:
        raise ValueError(f"{objects} objects make {every:,} triplets; asked were {count:,}")
    numbers = _numbers(every, count, generator)
    found = torch.empty(count, 3, dtype=torch.int32)
    for part in rows(count, PIECE):
        progress(part.start, count)
        found[part] = _triplets(numbers[part])
    progress(count, count)
    return found


def _numbers(every: int, count: int, generator: torch.Generator | None) -> Tensor:
    """Draw `count` different numbers below `every`, in random order."""
    if count * DENSE > every:
        return torch.randperm(every, generator=generator)[:count]
    found = torch.empty(0, dtype=torch.int64)
    while len(found) < count:
        lacking = count - len(found)
        drawn = torch.randint(every, (lacking + lacking // 5 + 16,), generator=generator)
        found = torch.cat([found, drawn]).unique()
    # In random order, so that the surplus that goes is not that of the highest numbers.
    return found[torch.randperm(len(found), generator=generator)[:count]]


def _triplets(numbers: Tensor) -> Tensor:
    """Give the triplets of these numbers, int64 [M, 3]; the highest object is found first."""
    high = _largest(numbers, (6 * numbers.double()).pow(1 / 3), _threes)
    numbers = numbers - _threes(high)
    middle = _largest(numbers, (2 * numbers.double()).sqrt(), _twos)
    return torch.stack([numbers - _twos(middle), middle, high], 1)


def _largest(numbers: Tensor, near: Tensor, below: Callable[[Tensor], Tensor]) -> Tensor:
    """Give the largest object of which not more than `numbers` sets lie below."""
    # A root is a little below the answer, by less than 2, and rounded; whole numbers decide.
    found = near.long()
    for _ in range(2):
        found += (below(found + 1) <= numbers).long()
    found -= (below(found) > numbers).long()
    return found


def _twos(objects: Tensor) -> Tensor:
    return objects * (objects - 1) // 2


def _threes(objects: Tensor) -> Tensor:
    return objects * (objects - 1) * (objects - 2) // 6
