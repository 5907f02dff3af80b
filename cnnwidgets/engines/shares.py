"""Shares of a count, and the intervals that all engines give them."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist

import torch
from torch import Tensor

LEVEL = 0.95
"""Of all intervals."""


def wilson(
    counts: Tensor | Sequence[float] | float, totals: Tensor | Sequence[float] | float
) -> Tensor:
    """Give the Wilson 95 % interval of shares, float64 [..., 2]; NaN of none.

    Notes
    -----
    Of k in n, with z = 1.96 [1]_::

        (k + z^2 / 2 -+ z sqrt(k (n - k) / n + z^2 / 4)) / (n + z^2)

    References
    ----------
    .. [1] E. B. Wilson, "Probable inference, the law of succession, and statistical inference",
       J. Am. Stat. Assoc. 22 (1927) 209-212.
    """
    k = torch.as_tensor(counts, dtype=torch.float64)
    n = torch.as_tensor(totals, dtype=torch.float64)
    z = NormalDist().inv_cdf((1 + LEVEL) / 2)
    half = z * (k * (n - k) / n + z**2 / 4).sqrt()
    ends = torch.stack([k + z**2 / 2 - half, k + z**2 / 2 + half], -1) / (n + z**2)[..., None]
    return ends.clamp(0, 1)  # the ends of none and of all are 0 and 1 but for rounding


def middle(values: Tensor) -> Tensor:
    """Give the two ends between which the middle 95 % of `values` lie, float64 [2]; NaN of none."""
    known = values[~values.isnan()].double()
    if not len(known):
        return torch.full((2,), torch.nan, dtype=torch.float64)
    ends = torch.tensor([(1 - LEVEL) / 2, (1 + LEVEL) / 2], dtype=torch.float64)
    return known.quantile(ends)
