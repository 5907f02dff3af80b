"""Ranks among numbers. `scipy.stats` has them too, and takes 75 MB and a second to import."""

import torch
from torch import Tensor


def ranks(values: Tensor) -> Tensor:
    """Give each number its rank, equals their mean rank.

    Parameters
    ----------
    values : [n], finite.

    Returns
    -------
    float64 [n], from 1 to n.
    """
    _, which, counts = values.unique(return_inverse=True, return_counts=True)
    counts = counts.to(torch.float64)
    of_each: Tensor = counts.cumsum(0) - (counts - 1) / 2
    return of_each[which]
