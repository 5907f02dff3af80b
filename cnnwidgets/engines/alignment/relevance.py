"""Which dimensions of an embedding drive a choice: what becomes of it without each of them."""

from __future__ import annotations

import torch
from torch import Tensor

from cnnwidgets.engines.choices.triplets import (
    Array,
    as_columns,
    as_embedding,
    as_temperature,
    as_triplets,
    rows,
)
from cnnwidgets.results import Progress, no_progress

PIECE = 1 << 16
"""Numbers, triplets times dimensions, worked on at a time: they stay in the cache."""


def contributions(triplets: Array, embedding: Array) -> Tensor:
    """Give what each dimension adds to the logit of each object being the odd one, [M, 3, D].

    Entry [m, a, d] is the product of the weights in d of the two objects that remain when the one
    in column a is taken out; their sum over d is `choices.logits`.

    Raises
    ------
    ValueError
        A row holds an object twice, a number is out of range, there are no triplets, or the
        embedding holds NaN.
    """
    weights = as_embedding(embedding)
    one, two, three = weights[as_triplets(triplets, len(weights)).long()].unbind(1)
    return torch.stack([two * three, one * three, one * two], 1)


def relevance(
    triplets: Array,
    embedding: Array,
    *,
    odd: int | Array = 2,
    temperature: float = 1.0,
    progress: Progress = no_progress,
) -> Tensor:
    """Give how much each dimension speaks for taking out one object: the jackknife of choices.

    Parameters
    ----------
    triplets : integers [M, 3], numbers of objects.
    embedding : [n, D], a row an object.
    odd : column of the object whose being taken out is examined: one for all, or integers [M].
    temperature : of the softmax.
    progress : told (triplets done, all of them); raising ends the work.

    Returns
    -------
    [M, D], as precise as the embedding, in -1..1: the probability of that choice, minus what it is
    without the dimension. Positive: the dimension speaks for the choice.

    Raises
    ------
    ValueError
        As in `contributions`; or `odd` is no column, or the temperature is not above 0.

    Notes
    -----
    With y the choice, c its contributions and L its logits (all over the temperature)::

        p_y(without d) = 1 / (1 + sum_{b != y} exp((L_b - c_bd) - (L_y - c_yd)))

    which is what a softmax gives after the column has been deleted, at two exponentials a
    dimension; one that overflows gives the limit, 0. [1]_ takes the absolute value and draws the
    embedding from its posterior; here it is what is given, and the sign is kept.

    References
    ----------
    .. [1] F. P. Mahner, L. Muttenthaler, U. Guclu, M. N. Hebart, "Dimensions underlying the
       representational alignment of deep neural networks with humans", Nat. Mach. Intell. 7 (2025),
       methods, "Jackknife".
    """
    weights, asked = _scaled(triplets, embedding, temperature)
    columns = as_columns(odd, len(asked))
    found = torch.empty(len(asked), weights.shape[1], dtype=weights.dtype)
    for part in rows(len(asked), _length(weights)):
        progress(part.start, len(asked))
        found[part] = _without(asked[part], weights, _of(columns, part))
    progress(len(asked), len(asked))
    return found


def strongest_dimensions(
    triplets: Array,
    embedding: Array,
    k: int = 5,
    *,
    odd: int | Array = 2,
    temperature: float = 1.0,
    progress: Progress = no_progress,
) -> tuple[Tensor, Tensor]:
    """Give the k dimensions of each triplet that matter most to a choice, and their relevance.

    For millions of triplets, of which not all of `relevance` is to be kept.

    Parameters
    ----------
    k : how many, 1..D; those whose relevance is the largest, whatever its sign.
    triplets, embedding, odd, temperature, progress : as in `relevance`.

    Returns
    -------
    relevance [M, k], strongest first, with its sign; dimensions int64 [M, k].

    Raises
    ------
    ValueError
        As in `relevance`; or k is out of range.
    """
    weights, asked = _scaled(triplets, embedding, temperature)
    if not 1 <= k <= weights.shape[1]:
        raise ValueError(f"k is 1..{weights.shape[1]}, the number of dimensions, got {k}")
    columns = as_columns(odd, len(asked))
    values = torch.empty(len(asked), k, dtype=weights.dtype)
    dimensions = torch.empty(len(asked), k, dtype=torch.int64)
    for part in rows(len(asked), _length(weights)):
        progress(part.start, len(asked))
        found = _without(asked[part], weights, _of(columns, part))
        dimensions[part] = found.abs().topk(k, 1).indices
        values[part] = found.gather(1, dimensions[part])
    progress(len(asked), len(asked))
    return values, dimensions


def _scaled(triplets: Array, embedding: Array, temperature: float) -> tuple[Tensor, Tensor]:
    """Give weights whose products are already divided by the temperature, and the triplets."""
    weights = as_embedding(embedding)
    asked = as_triplets(triplets, len(weights))
    return weights / as_temperature(temperature) ** 0.5, asked


def _length(weights: Tensor) -> int:
    return max(1, PIECE // weights.shape[1])


def _of(columns: int | Tensor, part: slice) -> int | Tensor:
    return columns if isinstance(columns, int) else columns[part]


def _without(asked: Tensor, weights: Tensor, odd: int | Tensor) -> Tensor:
    """Give the relevance [m, D] of a piece of the triplets."""
    if isinstance(odd, int):
        order = torch.tensor([odd, (odd + 1) % 3, (odd + 2) % 3]).expand(len(asked), 3)
    else:
        order = (odd[:, None] + torch.arange(3)) % 3
    out, one, two = weights[asked.long().gather(1, order)].unbind(1)
    # What the two other choices have above this one: the pair that would remain is out with one
    # of the two, instead of one with two.
    chosen = one * two
    first, second = out * two - chosen, out * one - chosen
    base, other = first.sum(1, keepdim=True), second.sum(1, keepdim=True)
    probability = 1 / (1 + base.exp() + other.exp())
    gone = (base - first).exp_().add_((other - second).exp_()).add_(1).reciprocal_()
    return gone.neg_().add_(probability)
