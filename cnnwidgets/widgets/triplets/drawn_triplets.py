"""Random triplets for the pool, all different, with or without an object that each holds."""

from __future__ import annotations

from math import comb

import torch
from torch import Tensor

from cnnwidgets.engines import choices

SIZE = 60_000
"""Triplets that both agents are asked about at once: some 200 ms."""


def drawn_triplets(known: Tensor, held: int | None, generator: torch.Generator) -> Tensor:
    """Draw triplets of objects.

    Parameters
    ----------
    known : int64 [n], numbers of objects, three or more.
    held : one of these that each triplet holds; None for any.

    Returns
    -------
    int64 [at most SIZE, 3], in random order; all there are where these are fewer.
    """
    if held is None:
        count = min(SIZE, comb(len(known), 3))
        return known[choices.sample(len(known), count, generator=generator).long()]
    others = known[known != held]
    pairs = others[_pairs(len(others), generator)]
    return torch.cat([torch.full((len(pairs), 1), held), pairs], 1)


def _pairs(count: int, generator: torch.Generator) -> Tensor:
    """Give random pairs of numbers below `count`, int64 [at most SIZE, 2]."""
    if comb(count, 2) <= 4 * SIZE:
        pairs = torch.combinations(torch.arange(count), 2)
    else:
        # With 4 pairs or more for each that is wanted, 3 draws each leave enough without copies.
        drawn = torch.randint(count, (3 * SIZE, 2), generator=generator).sort(1).values
        low, high = drawn[drawn[:, 0] < drawn[:, 1]].T
        numbers = (low * count + high).unique()
        pairs = torch.stack([numbers // count, numbers % count], 1)
    return pairs[torch.randperm(len(pairs), generator=generator)[:SIZE]]
