"""How alike two objects are: how often they stay together when a third is added."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from cnnwidgets.engines.alignment.contexts import Matrix, sums
from cnnwidgets.engines.choices.triplets import Array, as_embedding, as_temperature, as_triplets
from cnnwidgets.results import Progress, no_progress

NARROW = 1200.0
"""Range of logits within which their exponentials, and sums of their inverses, are finite."""
ROWS = 64
"""Of a piece of the matrix that stays in the cache."""


def similarity(
    embedding: Array,
    *,
    temperature: float = 1.0,
    contexts: int | None = None,
    generator: torch.Generator | None = None,
    compiled: bool | None = None,
    progress: Progress = no_progress,
) -> Tensor:
    """Give the probability that two objects stay together, averaged over the third object.

    Parameters
    ----------
    embedding : [n, D], a row an object, n at least 3.
    temperature : of the choices: dot products are divided by it.
    contexts : None averages over all n - 2 third objects, exactly; 3..n over so many, drawn at
        random and the same for all pairs (r with the exact of human data [1]_: 16 .991, 64 .997).
    generator : of this draw; None: torch's own.
    compiled : whether the exact sums are compiled by numba; None: where it is installed and pays.
    progress : told (parts done, all of them); raising ends the work.

    Returns
    -------
    float64 [n, n], symmetric, 0..1, 1 on the diagonal; the exact one has a mean of 1/3 beside it.

    Raises
    ------
    ValueError
        There are less than 3 objects, the embedding holds NaN, the temperature is not above 0, or
        contexts are out of range.
    ImportError
        `compiled` is true and numba is missing.

    Notes
    -----
    With s_ij = x_i x_j / temperature::

        R_ij = mean over k of e^s_ij / (e^s_ij + e^s_ik + e^s_jk),  k other than i and j

    The time grows with n^3 (n^2 contexts), the memory with n^2. Where the s range so widely that
    their exponentials would overflow, each triplet's largest is subtracted first, at ten times the
    time.

    References
    ----------
    .. [1] M. N. Hebart, C. Y. Zheng, F. Pereira, C. I. Baker, "Revealing the multidimensional
       mental representations of natural objects underlying human similarity judgements", Nat. Hum.
       Behav. 4 (2020) 1173-1185, methods.
    """
    weights = as_embedding(embedding).double()
    n = len(weights)
    if n < 3:
        raise ValueError(f"a similarity in the context of a third object takes 3 objects, got {n}")
    products = weights @ weights.T / as_temperature(temperature)
    logits = ((products + products.T) / 2).numpy()  # the halves may differ in their last bit
    beside = logits[~np.eye(n, dtype=bool)]
    low, high = float(beside.min()), float(beside.max())
    wide = high - low > NARROW
    if not wide:
        np.fill_diagonal(logits, (low + high) / 2)  # takes part in nothing, but must not overflow
        logits = np.exp(logits - (low + high) / 2)
    if contexts is None:
        found = sums(logits, wide=wide, compiled=compiled, progress=progress) / (n - 2)
        if not wide:
            found *= logits
    else:
        if not 3 <= contexts <= n:
            raise ValueError(f"contexts are 3..{n} of the objects, got {contexts}")
        drawn = torch.randperm(n, generator=generator)[:contexts].numpy()
        found = _sampled(logits, drawn, wide, progress)
    np.fill_diagonal(found, 1)
    return torch.from_numpy(found)


def _sampled(values: Matrix, contexts: np.ndarray, wide: bool, progress: Progress) -> Matrix:
    """Give the mean over these contexts; an object is none to its own pairs."""
    n = len(values)
    total, counts = np.zeros((n, n)), np.full((n, n), float(len(contexts)))
    for start in range(0, n, ROWS):
        progress(start, n)
        part = slice(start, start + ROWS)
        piece = values[part]
        for k in contexts:
            with np.errstate(over="ignore"):  # the limit, 0, is right
                if wide:
                    rest = np.exp(piece[:, k, None] - piece) + np.exp(values[k] - piece)
                    shares = 1 / (1 + rest)
                else:
                    shares = piece / (piece + piece[:, k, None] + values[k])
            shares[:, k] = 0
            if start <= k < start + ROWS:
                shares[k - start] = 0
            total[part] += shares
    counts[contexts] -= 1
    counts[:, contexts] -= 1
    counts[np.diag_indices(n)] = 1
    progress(n, n)
    mean: Matrix = total / counts
    return mean


def empirical_similarity(triplets: Array, objects: int) -> tuple[Tensor, Tensor]:
    """Give how often two objects stayed together among the answers that showed both.

    Parameters
    ----------
    triplets : integers [M, 3], the odd one in column 2.
    objects : how many there are.

    Returns
    -------
    similarity : float64 [n, n], symmetric, (together + 1) / (shown + 3): what is expected before
        any answer is 1/3, and one answer does not make certain; 1 on the diagonal.
    counts : int64 [n, n], how many answers showed both; 0 on the diagonal.

    Raises
    ------
    ValueError
        There are no triplets, numbers are out of range, or a row holds an object twice.
    """
    one, two, odd = as_triplets(triplets, objects).long().unbind(1)
    together = _counted(((one, two),), objects)
    counts = _counted(((one, two), (one, odd), (two, odd)), objects)
    found = (together + 1).double() / (counts + 3)
    return found.fill_diagonal_(1), counts


def _counted(pairs: tuple[tuple[Tensor, Tensor], ...], objects: int) -> Tensor:
    codes = torch.cat([one * objects + two for one, two in pairs])
    counts = torch.bincount(codes, minlength=objects**2).view(objects, objects)
    return counts + counts.T
