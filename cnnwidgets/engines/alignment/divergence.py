"""The triplets about which two models disagree most."""

from __future__ import annotations

import math
from collections import Counter
from typing import Literal

import torch
from torch import Tensor

from cnnwidgets.engines.alignment.ranks import ranks
from cnnwidgets.engines.choices.choosing import logits, probabilities
from cnnwidgets.engines.choices.triplets import (
    Array,
    as_embedding,
    as_logits,
    as_triplets,
    rows,
    tensor,
)
from cnnwidgets.results import Progress, no_progress

Mode = Literal["js", "rank"]
MODES: tuple[Mode, ...] = ("js", "rank")
CONFIDENT = 0.6
ROUNDS = 20
"""Of a hill climb, at most; it ends by itself after three to six."""
TOLD_EVERY = 1024


def divergence(first: Array, second: Array, mode: Mode = "js") -> Tensor:
    """Give how far apart two models are on each triplet, float64 [M], 0..1.

    Parameters
    ----------
    first, second : probabilities [M, 3] of each object being taken out.
    mode : "js" is the Jensen-Shannon divergence of the two rows, in bits: 0 where they are equal, 1
        where each is sure of something else. "rank" ranks each model's probabilities of all
        triplets, and gives the largest difference of rank of an object, as a share of all: the
        criterion of [1]_, which does not depend on how sure the models are as a whole.

    Raises
    ------
    ValueError
        The mode is unknown, the two are not as long, or rows are no probabilities.

    References
    ----------
    .. [1] F. P. Mahner, L. Muttenthaler, U. Guclu, M. N. Hebart, "Dimensions underlying the
       representational alignment of deep neural networks with humans", Nat. Mach. Intell. 7 (2025).
    """
    if mode not in MODES:
        raise ValueError(f"mode is one of {', '.join(MODES)}, got {mode!r}")
    p, q = _both(first, second)
    if mode == "rank":
        return (_ranks(p) - _ranks(q)).abs().amax(1)
    mixed = torch.xlogy((p + q) / 2, (p + q) / 2)
    found = (torch.xlogy(p, p) + torch.xlogy(q, q)) / 2 - mixed
    return (found.sum(1) / math.log(2)).clamp(0, 1)


def divergent(
    triplets: Array,
    first: Array,
    second: Array,
    *,
    count: int,
    mode: Mode = "js",
    most_per_object: int = 3,
    confident: float = CONFIDENT,
    scores: Array | None = None,
    progress: Progress = no_progress,
) -> Tensor:
    """Give the rows of the triplets on which two models differ most, the most divergent first.

    Both models take out different objects, both are confident, and no object comes back often.

    Parameters
    ----------
    triplets : integers [M, 3]; `first`, `second` : probabilities [M, 3] of the two models.
    count : how many rows are wanted.
    mode : of `divergence`; `scores` : what that gave, [M], where the pool is asked again; None: it
        is computed here.
    most_per_object : how often an object may occur among the rows.
    confident : both models' largest probability is above it.
    progress : told (rows found, `count`) now and then; raising ends the work.

    Returns
    -------
    int64, numbers of rows, at most `count`. Where there are too few, less confident ones follow,
    and after these such as have objects that occur more often; never a triplet on which both choose
    the same.

    Raises
    ------
    ValueError
        As in `divergence`; or there are not as many triplets as probabilities, or `count` or
        `most_per_object` is below 1.
    """
    if count < 1 or most_per_object < 1:
        raise ValueError(f"at least one row and object: got {count} and {most_per_object}")
    asked, (p, q) = as_triplets(triplets), _both(first, second)
    if len(asked) != len(p):
        raise ValueError(f"{len(asked)} triplets need as many probabilities, got {len(p)}")
    value = divergence(p, q, mode) if scores is None else tensor(scores)
    if value.shape != (len(p),):
        raise ValueError(f"{len(p)} triplets need as many scores, got {list(value.shape)}")
    differ = (p.argmax(1) != q.argmax(1)).nonzero()[:, 0]
    differ = differ[value[differ].argsort(descending=True, stable=True)]
    sure = (torch.minimum(p.amax(1), q.amax(1)) > confident)[differ]
    queue = _Queue(asked, count, progress)
    queue.fill(differ[sure], most_per_object)
    queue.fill(differ[~sure], most_per_object)
    queue.fill(differ, len(asked))
    progress(len(queue.rows), count)
    return torch.tensor(queue.rows, dtype=torch.int64)


def refine(
    triplet: Array,
    first_embedding: Array,
    second_embedding: Array,
    first_temperature: float = 1.0,
    second_temperature: float = 1.0,
    *,
    candidates: int = 64,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Make a triplet more divergent by exchanging its objects, one at a time.

    Parameters
    ----------
    triplet : integers [3].
    first_embedding, second_embedding : [n, D], of the same objects; D may differ.
    first_temperature, second_temperature : of the two models' probabilities.
    candidates : objects, drawn anew for each exchange, of which the best is taken.
    generator : of these draws; None: torch's own.

    Returns
    -------
    int64 [3], whose Jensen-Shannon divergence is at least that of the triplet; the climb ends where
    no exchange in any of the three places helped.

    Raises
    ------
    ValueError
        The triplet or an embedding is none, or the two have not as many rows.
    """
    one, two = as_embedding(first_embedding), as_embedding(second_embedding, "second embedding")
    if len(one) != len(two):
        raise ValueError(f"two embeddings of the same objects: got {len(one)} and {len(two)} rows")
    here = as_triplets(tensor(triplet)[None], len(one))[0].long()

    def values(asked: Tensor) -> Tensor:
        p = probabilities(logits(asked, one), first_temperature)
        return divergence(p, probabilities(logits(asked, two), second_temperature))

    best, tried = float(values(here[None])), 0
    for turn in range(3 * ROUNDS):
        drawn = torch.randint(len(one), (candidates,), generator=generator)
        drawn = drawn[~torch.isin(drawn, here)]
        if len(drawn):
            others = here.repeat(len(drawn), 1)
            others[:, turn % 3] = drawn
            found = values(others)
            if float(found.max()) > best:
                here, best, tried = others[int(found.argmax())], float(found.max()), -1
        tried += 1
        if tried == 3:
            break
    return here


class _Queue:
    """Rows taken in order, as long as none of their objects has been taken too often."""

    def __init__(self, triplets: Tensor, count: int, progress: Progress) -> None:
        self.rows: list[int] = []
        self._triplets, self._count, self._progress = triplets, count, progress
        self._times: Counter[int] = Counter()

    def fill(self, candidates: Tensor, most: int) -> None:
        """Take of the candidates until there are enough."""
        taken = set(self.rows)
        for part in rows(len(candidates), TOLD_EVERY):
            if len(self.rows) >= self._count:
                return
            self._progress(len(self.rows), self._count)
            numbers = candidates[part]
            objects = self._triplets[numbers].tolist()
            for row, triplet in zip(numbers.tolist(), objects, strict=True):
                if len(self.rows) >= self._count:
                    return
                if row not in taken and all(self._times[item] < most for item in triplet):
                    self.rows.append(row)
                    self._times.update(triplet)


def _both(first: Array, second: Array) -> tuple[Tensor, Tensor]:
    """Give two models' probabilities in float64."""
    both = []
    for given in (first, second):
        found = as_logits(given, "probabilities").double()
        if float(found.min()) < 0 or float((found.sum(1) - 1).abs().max()) > 1e-3:
            raise ValueError("rows of three probabilities sum to 1, and none is below 0")
        both.append(found)
    if len(both[0]) != len(both[1]):
        raise ValueError(f"two models on the same triplets: {len(both[0])} and {len(both[1])} rows")
    return both[0], both[1]


def _ranks(probabilities: Tensor) -> Tensor:
    """Give ranks among all numbers, equals their mean rank, as a share of all, 0..1."""
    found = ranks(probabilities.flatten())
    return ((found - 1) / max(len(found) - 1, 1)).view_as(probabilities)
