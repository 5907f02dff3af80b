"""Which triplet to ask next, so that all pairs of objects are asked alike."""

from __future__ import annotations

import torch
from torch import Tensor

from cnnwidgets.engines.choices.triplets import Array, as_triplets, tensor


def least_asked(
    asked: Array, objects: int, *, seed: int = 0, generator: torch.Generator | None = None
) -> tuple[int, int, int]:
    """Give the next triplet: of a pair asked least, and the object asked least with both.

    Parameters
    ----------
    asked : integers [M, 3], all triplets so far, in any order; M may be 0.
    objects : how many there are, from 3.
    generator : of the choice among equals; None: one from `seed`, and the same triplet again.

    Returns
    -------
    Three different numbers below `objects`, ascending. A triplet comes again only where all with
    that pair have been asked.

    Raises
    ------
    ValueError
        There are less than 3 objects, or a triplet holds another number, or an object twice.
    """
    if objects < 3:
        raise ValueError(f"a triplet takes at least 3 objects, got {objects}")
    generator = torch.Generator().manual_seed(seed) if generator is None else generator
    given = tensor(asked)
    done = as_triplets(given, objects).long() if given.numel() else torch.empty(0, 3).long()
    times = _pairs(done, objects)
    flat = times.flatten()
    pair = _any((flat == flat.min()).nonzero()[:, 0], generator)
    one, two = divmod(pair, objects)
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
