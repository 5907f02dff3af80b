"""Peaks, widths and vector sums of tuning curves: one column a unit."""

from __future__ import annotations

import torch
from torch import Tensor


def vector_sum(orientations: Tensor, curves: Tensor) -> Tensor:
    """Give sum r exp(2 i orientation) / sum r, complex [unit], of curves [O, unit].

    Doubled, since an orientation comes back after half a turn. Where the orientations are uneven,
    each counts as far as it stands for: half way to its neighbours.
    """
    turns = torch.polar(torch.ones_like(orientations), 2 * orientations)
    gaps = (orientations.roll(-1) - orientations) % torch.pi
    share = ((gaps + gaps.roll(1)) / 2)[:, None] * curves
    return (turns[:, None] * share).sum(0) / share.sum(0)


def turned(orientations: Tensor, curves: Tensor, at: Tensor) -> Tensor:
    """Give the curves [O, unit] at one orientation a unit, between neighbours by a straight line.

    Parameters
    ----------
    orientations : [O] ascending radians in [0, pi), anywhere apart; the curves go round.
    at : [unit], radians.
    """
    place, count = at % torch.pi, len(orientations)
    above = torch.searchsorted(orientations.contiguous(), place.contiguous(), right=True)
    low, high = (above - 1) % count, above % count
    span = (orientations[high] - orientations[low]) % torch.pi
    span = span.where(span > 0, torch.pi)
    share = ((place - orientations[low]) % torch.pi) / span
    units = torch.arange(curves.shape[1])
    return curves[low, units] * (1 - share) + curves[high, units] * share


def refined_frequency(frequencies: Tensor, curves: Tensor) -> Tensor:
    """Give each curve's peak between the frequencies, [unit]; NaN for curves that are 0.

    By a parabola through the logarithms of the largest response and its neighbours over log
    frequency. At either end, and where a neighbour is 0, the best frequency itself.
    """
    best = curves.nan_to_num(0).argmax(0)
    inner = best.clamp(1, max(1, len(frequencies) - 2))
    found = frequencies[best]
    if len(frequencies) > 2:
        units, x = torch.arange(curves.shape[1]), frequencies.log()
        x0, x1, x2 = x[inner - 1], x[inner], x[inner + 1]
        y0, y1, y2 = (curves[inner + step, units].log() for step in (-1, 0, 1))
        left, right = (y1 - y0) / (x1 - x0), (y2 - y1) / (x2 - x1)
        # Where the parabola's slope, left at the first half step and right at the second, is 0.
        share = left / (left - right)
        top = ((x0 + x1) / 2 + share * (x2 - x0) / 2).exp()
        usable = (inner == best) & top.isfinite() & (left > right)
        found = top.where(usable, found)
    return found.where(curves.nan_to_num(0).amax(0) > 0, torch.nan)


def half_crossings(at: Tensor, curves: Tensor, best: Tensor) -> tuple[Tensor, Tensor]:
    """Give where curves first fall to half their peak, on either side of it, by straight lines.

    Parameters
    ----------
    at : [n, unit], ascending.
    curves : [n, unit]; `best` : int [unit], where each has its peak.

    Returns
    -------
    (below, above), [unit] each; NaN where the curve does not fall so far.
    """
    numbers, units = torch.arange(len(curves))[:, None], torch.arange(curves.shape[1])
    half = curves[best, units] / 2
    below = (curves <= half) & (half > 0)
    left = torch.where(below & (numbers < best), numbers, -1).amax(0)
    right = torch.where(below & (numbers > best), numbers, len(curves)).amin(0)
    missing = (left < 0, right == len(curves))
    found = []
    for outer, step, none in ((left, 1, missing[0]), (right, -1, missing[1])):
        outer = outer.where(~none, best)
        inner = (outer + step).where(~none, best)
        x0, x1, y0, y1 = (
            at[outer, units],
            at[inner, units],
            curves[outer, units],
            curves[inner, units],
        )
        crossing = x0 + (x1 - x0) * (half - y0) / (y1 - y0)
        found.append(crossing.where(~none, torch.nan))
    return found[0], found[1]
