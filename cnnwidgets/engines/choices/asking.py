"""Which triplet to ask next, so that all pairs of objects are asked alike."""

from __future__ import annotations

import torch
from torch import Tensor

from cnnwidgets.engines.choices.triplets import Array, as_triplets, tensor

MOST_COUNTED = 5_000
"""Objects whose pairs are counted one by one, in 200 MB."""


def least_asked(
    asked: Array,
    objects: int,
    *,
    holding: int | None = None,
    seed: int = 0,
    generator: torch.Generator | None = None,
) -> tuple[int, int, int]:
    """Give the next triplet: of a pair asked least, and the object asked least with both.

    Parameters
    ----------
    asked : integers [M, 3], all triplets so far, in any order; M may be 0.
    objects : how many there are, 3..5,000.
    holding : an object that the triplet holds; None: any.
    generator : of the choice among equals; None: one from `seed`, and the same triplet again.

    Returns
    -------
    Three different numbers below `objects`, ascending. A triplet comes again only where all with
    that pair have been asked.

    Raises
    ------
    ValueError
        There are less than 3 objects or too many, or a triplet or `holding` has another number, or
        a triplet an object twice.
    """
    if objects < 3:
        raise ValueError(f"a triplet takes at least 3 objects, got {objects}")
    if objects > MOST_COUNTED:
        raise ValueError(
            f"the least asked are found among at most {MOST_COUNTED:,} objects, got {objects:,}; of"
            " more, draw them at random: choices.sample"
        )
    generator = torch.Generator().manual_seed(seed) if generator is None else generator
    given = tensor(asked)
    if holding is not None and not 0 <= holding < objects:
        raise ValueError(f"the object held is a number from 0 to {objects - 1}, got {holding}")
    done = as_triplets(given, objects).long() if given.numel() else torch.empty(0, 3).long()
    times = _pairs(done, objects)
    among = times.flatten() if holding is None else times[holding]
    pair = _any((among == among.min()).nonzero()[:, 0], generator)
    one, two = divmod(pair, objects) if holding is None else (holding, pair)
    together = times[one] + times[two]
    # Sums stay below twice the largest entry: one for each time that the triplet has been asked.
    with_both = done[(done == one).any(1) & (done == two).any(1)]
    third = with_both[(with_both != one) & (with_both != two)]
    again = 2 * (len(done) + 1)
    together += again * torch.bincount(third, minlength=objects)
    together[[one, two]] = torch.iinfo(torch.int64).max
    low, middle, high = sorted(
        (one, two, _any((together == together.min()).nonzero()[:, 0], generator))
    )
    return low, middle, high


def _pairs(asked: Tensor, objects: int) -> Tensor:
    """Give how often each pair was asked, int64 [objects, objects]; more than that on itself."""
    times = torch.zeros(objects * objects, dtype=torch.int64)
    for one, two in ((0, 1), (0, 2), (1, 2)):
        for a, b in ((one, two), (two, one)):
            places = asked[:, a] * objects + asked[:, b]
            times.index_add_(0, places, torch.ones_like(places))
    found = times.view(objects, objects)
    found.fill_diagonal_(len(asked) + 1)
    return found


def _any(numbers: Tensor, generator: torch.Generator) -> int:
    return int(numbers[torch.randint(len(numbers), (1,), generator=generator)])
