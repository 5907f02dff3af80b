"""Where a value stands on an axis, as a share of its length, and the next one along it."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import traitlets as t
from numpy.typing import NDArray

from cnnwidgets.views.words import MINUS, THIN

Shares = NDArray[np.float64]
Listed = tuple[list[str], list[list[str]]]
"""Heads and rows of a table."""


class Span(NamedTuple):
    """The two ends of an axis and whether it is logarithmic."""

    low: float
    high: float
    log: bool = False

    def share(self, values: Any) -> Shares:
        """Values as shares 0..1 of the axis; what lies beyond stands at its end, NaN stays NaN.

        Four decimals, a twentieth of a pixel: a tick's label is found by its share, which
        Python and the browser must write alike.
        """
        given = np.asarray(values, dtype=float)
        low, high = self.low, self.high
        if self.log:
            with np.errstate(divide="ignore", invalid="ignore"):
                given, low, high = np.log(given), np.log(low), np.log(high)
        shares: Shares = np.clip((given - low) / (high - low), 0, 1).round(4) + 0.0
        return shares

    def value(self, share: float) -> float:
        """Give the value that stands at a share."""
        if self.log:
            return float(self.low * (self.high / self.low) ** share)
        return float(self.low + share * (self.high - self.low))

    def ticks(self, most: int = 6) -> list[float]:
        """At most so many round numbers between the ends, at equal steps of the axis."""
        if self.log:
            powers = range(int(np.floor(np.log10(self.low))), int(np.ceil(np.log10(self.high))) + 1)
            found = [digit * 10.0**power for power in powers for digit in (1, 2, 5)]
            kept = [tick for tick in found if self.low * 0.999 <= tick <= self.high * 1.001]
            return kept[:: max(1, -(-len(kept) // most))]
        power = 10.0 ** np.floor(np.log10((self.high - self.low) / most))
        for step in (power * factor for factor in (1, 2, 5, 10)):
            first, last = np.ceil(self.low / step - 0.001), np.floor(self.high / step + 0.001)
            if last - first < most:
                break
        return [float(step * number) for number in np.arange(first, last + 1)]


def span(limits: list[float], values: Any, log: bool = False, what: str = "the axis") -> Span:
    """The axis from `limits`, or where there are none, from the finite `values`.

    Raises
    ------
    TraitError
        If the ends do not ascend, or are not above zero on a logarithmic axis.
    """
    given = np.asarray(values, dtype=float)
    known = given[np.isfinite(given) & (given > 0 if log else True)]
    if limits:
        low, high = limits
    elif known.size and known.max() > known.min():
        low, high = float(known.min()), float(known.max())
    else:
        low = float(known[0]) if known.size else 1.0 if log else 0.0
        high = 2 * low if log else low + 1
    if not low < high or not np.isfinite([low, high]).all() or (log and low <= 0):
        ends = "two ascending numbers" + (" above zero" if log else "")
        raise t.TraitError(f"the limits of {what} are {ends}; got {low:g} and {high:g}.")
    return Span(low, high, log)


def words(value: float) -> str:
    """A tick's number in three figures at most: .05, 10, 1 200."""
    if abs(value) >= 999.5:
        text = f"{abs(value):,.0f}".replace(",", THIN)
    else:
        text = f"{abs(value):.3g}".replace("0.", ".", 1) if abs(value) < 1 else f"{abs(value):.3g}"
    return (MINUS if value < 0 else "") + text


def listed(heads: Sequence[str], *columns: Sequence[Any]) -> Listed:
    """Give heads and rows of a table: numbers in short, strings as they are."""
    return [*heads], [[_cell(value) for value in row] for row in zip(*columns, strict=True)]


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return value
    if np.isnan(value):
        return "not measured"
    return words(value) if np.isfinite(value) else "beyond"


def paired(x: Sequence[Any], y: Sequence[Any], names: str) -> None:
    """Refuse sequences of different lengths.

    Raises
    ------
    TraitError
        With both lengths.
    """
    if len(x) != len(y):
        raise t.TraitError(f"{names} are of one length; got {len(x)} and {len(y)}.")


def stepped(key: str, at: int, last: int) -> int:
    """Index after a key: arrows one step on or back, Home and End to the ends 0 and `last`."""
    steps = {"ArrowRight": 1, "ArrowUp": 1, "ArrowLeft": -1, "ArrowDown": -1}
    wanted = {"Home": 0, "End": last}.get(key, at + steps.get(key, 0))
    return max(0, min(wanted, last))
