"""The grid of gratings: which orientations and which spatial frequencies are shown."""

from __future__ import annotations

from collections.abc import Sequence
from math import log

import numpy as np
import torch
from torch import Tensor

from cnnwidgets.engines.gratings.stimuli import NYQUIST

ORIENTATIONS = 12
FREQUENCIES = 10
LOWEST, HIGHEST = 1 / 64, 0.45
"""Cycles per pixel, of the frequencies that are shown where only their number is given."""


def orientations_of(given: int | Sequence[float]) -> Tensor:
    """Give orientations, float64 [O]: so many evenly, or the given ones (radians).

    Raises
    ------
    ValueError
        They do not ascend within 0 to pi.
    """
    if isinstance(given, int | np.integer):
        if given < 1:
            raise ValueError(f"tuning takes at least one orientation, got {given}")
        return torch.arange(given, dtype=torch.float64) * torch.pi / given
    angles = torch.as_tensor(given, dtype=torch.float64).flatten()
    if not len(angles) or not angles.isfinite().all():
        raise ValueError(f"orientations are one or more finite angles in radians, got {given!r}")
    ascending = bool((angles.diff() > 0).all())
    if not ascending or angles[0] < 0 or angles[-1] >= torch.pi:
        raise ValueError(
            "orientations ascend within 0 to pi (without pi: a grating comes back after half a "
            f"turn), got {[round(angle, 3) for angle in angles.tolist()]}"
        )
    return angles


def frequencies_of(given: int | Sequence[float]) -> Tensor:
    """Give frequencies, float64 [F]: so many on a logarithmic axis, or the given ones.

    Raises
    ------
    ValueError
        They do not ascend above 0, or cannot be shown.
    """
    if isinstance(given, int | np.integer):
        if given < 1:
            raise ValueError(f"tuning takes at least one frequency, got {given}")
        low, high = log(LOWEST), log(HIGHEST)
        return torch.linspace(low, high, given, dtype=torch.float64).exp()
    found = torch.as_tensor(given, dtype=torch.float64).flatten()
    if not len(found) or not (found > 0).all() or not (found.diff() > 0).all():
        raise ValueError(
            "frequencies ascend above 0, in cycles per pixel, got "
            f"{[round(one, 4) for one in found.tolist()]}"
        )
    if found[-1] > NYQUIST:
        raise ValueError(
            f"a frequency of {found[-1]:.3g} cycles per pixel cannot be shown; the highest that "
            f"pixels show is {NYQUIST} (Nyquist)"
        )
    return found
