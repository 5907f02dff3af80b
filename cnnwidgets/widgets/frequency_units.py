"""Spatial frequencies in the units that readers know: per pixel, per picture, per degree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import atan, degrees
from typing import Any

from cnnwidgets.views import words

UNITS = ("cycles / px", "cycles / image", "cycles / degree")
SHORT = {"cycles / px": "c/px", "cycles / image": "c/image", "cycles / degree": "c/°"}


def per_pixel_factor(unit: str, extent: Sequence[int], viewing_distance: float) -> float:
    """Give what a frequency in cycles per pixel is multiplied with.

    Parameters
    ----------
    unit : one of `UNITS`.
    extent : (height, width) px of the picture.
    viewing_distance : in widths of the picture.
    """
    if unit == "cycles / px":
        return 1.0
    if unit == "cycles / image":
        return float(extent[1])
    return extent[1] / (2 * degrees(atan(0.5 / viewing_distance)))


def number(value: float) -> str:
    """Write a frequency with two significant digits: .28, 1.4, 35."""
    if value >= 9.95:
        return f"{value:.0f}"
    text = f"{value:.1f}" if value >= 0.995 else f"{value:.2g}"
    return text.removeprefix("0")


@dataclass(frozen=True)
class Axis:
    """In which unit frequencies are written: its name, and what cycles per pixel are times."""

    unit: str
    factor: float

    @property
    def short(self) -> str:
        """The unit in short: "c/px"."""
        return SHORT[self.unit]

    def number(self, frequency: float) -> str:
        """Write a frequency without its unit."""
        return number(frequency * self.factor)

    def words(self, frequency: float) -> str:
        """Write a frequency with its unit."""
        return f"{self.number(frequency)}{words.THIN}{self.short}"


PER_PIXEL = Axis(UNITS[0], 1.0)


def axis_of(owner: Any, extent: Sequence[int]) -> Axis:
    """Give the axis of an explorer's unit."""
    return Axis(owner.frequency_in, factor_of(owner, extent))


def factor_of(owner: Any, extent: Sequence[int]) -> float:
    """Give the factor of an explorer's unit."""
    return per_pixel_factor(owner.frequency_in, extent, owner.viewing_distance)


def frequency_words(owner: Any, extent: Sequence[int], frequency: float | None = None) -> str:
    """Write a frequency, or an explorer's own, in its unit: ".28 c/px"."""
    shown = owner.frequency if frequency is None else frequency
    return f"{number(shown * factor_of(owner, extent))}{words.THIN}{SHORT[owner.frequency_in]}"
