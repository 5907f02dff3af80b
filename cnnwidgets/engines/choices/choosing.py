"""Which of three objects is taken out: similarities of the other two, and choices from them."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

from cnnwidgets.engines.choices.triplets import (
    Array,
    as_embedding,
    as_logits,
    as_temperature,
    as_triplets,
    rows,
    tensor,
)

Measure = Literal["dot", "cosine", "centred cosine"]
MEASURES: tuple[Measure, ...] = ("dot", "cosine", "centred cosine")
TARGET = 0.65
"""Mean of the largest probability: that of the human embedding of THINGS on random triplets."""
TOLERANCE = 0.005
ENOUGH = 200_000
"""Triplets from which a temperature is found; their mean is sure to 0.001."""


def space(features: Array, *, measure: Measure = "dot", rectify: bool = True) -> Tensor:
    """Turn features of a network into rows whose dot products are the similarities asked for.

    Parameters
    ----------
    features : [n, D], a row an object.
    measure : "dot" (as in [1]_), "cosine" (rows of length 1; a row of zeros stays so), or "centred
        cosine": the mean of the rows of length 1 is subtracted, and what is left has length 1
        again, as suits features that are no rates and all point one way (CLIP).
    rectify : whether negative features become 0 first; without effect on "centred cosine".

    Returns
    -------
    float32 or float64 [n, D], as the features are.

    Raises
    ------
    ValueError
        The measure is unknown, the features are no matrix, or rows hold NaN or infinity.

    References
    ----------
    .. [1] F. P. Mahner, L. Muttenthaler, U. Guclu, M. N. Hebart, "Dimensions underlying the
       representational alignment of deep neural networks with humans", Nat. Mach. Intell. 7 (2025).
    """
    if measure not in MEASURES:
        raise ValueError(f"measure is one of {', '.join(MEASURES)}, got {measure!r}")
    found = as_embedding(features, "features")
    if rectify and measure != "centred cosine":
        found = found.clamp_min(0)
    if measure == "dot":
        return found
    if measure == "centred cosine":
        found = _of_length_one(found)
        found = found - found.mean(0)
    return _of_length_one(found)


def _of_length_one(features: Tensor) -> Tensor:
    lengths: Tensor = features.norm(dim=1, keepdim=True)
    return features / lengths.clamp_min(torch.finfo(features.dtype).tiny)


def logits(triplets: Array, embedding: Array) -> Tensor:
    """Give how strongly each object of a triplet is the odd one: the other two's dot product.

    Parameters
    ----------
    triplets : integers [M, 3], numbers of objects, from 0.
    embedding : [n, D], a row an object.

    Returns
    -------
    [M, 3], as precise as the embedding: column a is the dot product of the two objects that remain
    when the one in column a is taken out.

    Raises
    ------
    ValueError
        A row holds an object twice, a number is out of range, there are no triplets, or the
        embedding holds NaN.
    """
    weights = as_embedding(embedding)
    asked = as_triplets(triplets, len(weights))
    count = len(weights)
    if 6 * len(asked) > count**2:  # then all similarities at once cost less than those asked for
        return _gathered(asked, weights @ weights.T)
    found = torch.empty(len(asked), 3, dtype=weights.dtype)
    # So that the three gathered pieces stay in the cache.
    for part in rows(len(asked), max(256, (1 << 17) // weights.shape[1])):
        one, two, three = (weights[column] for column in asked[part].long().unbind(1))
        found[part, 0] = (two * three).sum(1)
        found[part, 1] = (one * three).sum(1)
        found[part, 2] = (one * two).sum(1)
    return found


def logits_of_similarity(triplets: Array, similarity: Array) -> Tensor:
    """Give the same as `logits`, from a symmetric matrix of similarities [n, n].

    Raises
    ------
    ValueError
        As in `logits`; or the matrix is not square.
    """
    matrix = as_embedding(similarity, "similarity")
    if matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f"a similarity is a square matrix, got {list(matrix.shape)}")
    return _gathered(as_triplets(triplets, len(matrix)), matrix)


def _gathered(asked: Tensor, similarity: Tensor) -> Tensor:
    flat, count = similarity.reshape(-1), len(similarity)
    found = torch.empty(len(asked), 3, dtype=similarity.dtype)
    for part in rows(len(asked)):
        # Sorted, as a product's two halves may differ in their last bit.
        one, two, three = asked[part].long().unbind(1)
        for column, (a, b) in enumerate(((two, three), (one, three), (one, two))):
            found[part, column] = flat[torch.minimum(a, b) * count + torch.maximum(a, b)]
    return found


def probabilities(logits: Array, temperature: float = 1.0) -> Tensor:
    """Give the probability [M, 3] that each object is taken out: softmax(logits / temperature).

    Raises
    ------
    ValueError
        The logits are no [M, 3], hold NaN, or the temperature is not above 0.
    """
    return (as_logits(logits) / as_temperature(temperature)).softmax(1)


def automatic_temperature(logits: Array, target: float = TARGET) -> float:
    """Give the temperature at which the mean of the largest probability is `target`.

    Choices sampled at it are as sure as people's are, whatever the scale of a network's features.
    Beyond 200,000 triplets, as many of them at even distances are looked at.

    Raises
    ------
    ValueError
        The target is not between 1/3 and 1, or no temperature reaches it, as the logits of too
        many triplets are equal.
    """
    found = as_logits(logits).double()
    if not 1 / 3 < target < 1:
        raise ValueError(f"the mean of the largest of three probabilities is in 1/3..1: {target}")
    found = found[:: math.ceil(len(found) / ENOUGH)]
    gaps = found.max(1, keepdim=True).values - found
    tied = (gaps == 0).sum(1)
    surest = float((1 / tied).mean())  # at a temperature towards 0
    if surest < target - TOLERANCE:
        raise ValueError(
            f"no temperature gives a mean largest probability of {target}: in"
            f" {float((tied > 1).double().mean()):.0%} of the triplets the similarities tie, so"
            f" {surest:.3f} is the most"
        )
    unequal = gaps[gaps > 0]
    # The mean falls as the temperature rises; its logarithm is halved.
    low, high = math.log(float(unequal.min()) / 40), math.log(float(unequal.max()) * 1e4)
    while True:
        middle = (low + high) / 2
        # exp(-gap / T) / sum: the largest has a gap of 0
        mean = float((1 / (-gaps / math.exp(middle)).exp().sum(1)).mean())
        if abs(mean - target) < TOLERANCE / 100 or high - low < 1e-12:
            return math.exp(middle)
        low, high = (middle, high) if mean > target else (low, middle)


def choose(
    triplets: Array,
    logits: Array,
    *,
    temperature: float | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Choose the odd one of each triplet, and move it to the last column.

    Parameters
    ----------
    triplets : integers [M, 3]; `logits` : [M, 3], of the object in that column being the odd one.
    temperature : None takes out the one with the largest logit; of equals that which leaves the
        first pair in the order (0, 1), (0, 2), (1, 2). Else a draw from `probabilities`, as the
        largest logit / temperature + Gumbel noise.
    generator : of the noise; None: torch's own.

    Returns
    -------
    [M, 3], integers as given: the pair in its order, then the odd one.

    Raises
    ------
    ValueError
        As in `logits` and `probabilities`, or there is not one row of logits a triplet.
    """
    asked, found = as_triplets(tensor(triplets)), as_logits(logits)
    if len(asked) != len(found):
        raise ValueError(f"{len(asked)} triplets need as many rows of logits, got {len(found)}")
    if temperature is not None:
        as_temperature(temperature)
    chosen = torch.empty_like(asked)
    orders = torch.tensor([[1, 2, 0], [0, 2, 1], [0, 1, 2]])
    for part in rows(len(asked)):
        drive = found[part].double()
        if temperature is not None:
            noise = torch.empty_like(drive).exponential_(generator=generator)
            drive = drive / temperature - noise.log()
        odd = 2 - drive.flip(1).argmax(1)  # argmax gives the first of equals
        chosen[part] = asked[part].gather(1, orders[odd])
    return chosen
