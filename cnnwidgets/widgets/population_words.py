"""What the population strip says: its indices and shares by name, and words for its drawings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnwidgets.engines.gratings import Population, Tuning
from cnnwidgets.engines.gratings.grid import HIGHEST, LOWEST
from cnnwidgets.views import words
from cnnwidgets.widgets.frequency_units import Axis, number
from cnnwidgets.widgets.population_sweep import PopulationLook

FOLDED = ["all units of all layers; measures the whole network once"]
HINT = (
    "Drag over the scatter or the first histogram to pick units, or click a bar (Space on a point "
    "picks it); click a point or a square to look at its unit"
)
NONE = "–"
LISTED = 14
"""Picked units that are named in the line beneath the charts."""
OCTAVES = 5.0
"""Where the axis of bandwidths ends: hardly more lie between the lowest and highest grating."""
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Index:
    """A number that every unit has.

    Attributes
    ----------
    name : of a `Tuning`; `median` : of a `Population`, or "" where a median means nothing.
    limits : ends of its axis, which stays when the layer changes.
    angle : whether it is in radians, and shown in degrees.
    factor : what a frequency in cycles per pixel is times in the unit that is shown.
    """

    name: str
    median: str
    label: str
    unit: str = ""
    limits: tuple[float, float] = (0.0, 1.0)
    log: bool = False
    angle: bool = False
    factor: float = 1.0

    def on(self, axis: Axis) -> Index:
        """Give the same index with frequencies in an axis's unit."""
        if self.unit != "c/px":
            return self
        low, high = self.limits
        limits = (low * axis.factor, high * axis.factor)
        return replace(self, unit=axis.short, factor=axis.factor, limits=limits)

    @property
    def axis(self) -> str:
        """What stands along an axis: name and unit."""
        return f"{self.label}, {self.unit}" if self.unit else self.label

    @property
    def ticks(self) -> list[float]:
        """Where numbers stand on an axis; [] for those that fit."""
        return [0, 45, 90, 135, 180] if self.angle and self.limits[1] == 180 else []

    def shown(self, values: Any) -> Floats:
        """Give values in the unit that is shown."""
        found = np.asarray(values, dtype=np.float64)
        return np.degrees(found) if self.angle else found * self.factor

    def of(self, tuning: Tuning) -> Floats:
        """Give the values of all units, in the unit that is shown; NaN where there is none."""
        return self.shown(getattr(tuning, self.name).numpy())

    def said(self, value: float, *, unit: bool = True) -> str:
        """Write a value."""
        if np.isnan(value):
            return NONE
        if self.log:
            text, gap = number(value), words.THIN
        elif self.angle:
            text, gap = f"{value:.0f}", ""
        else:
            digits = 1 if self.limits[1] > 2 else 2
            text, gap = f"{value:.{digits}f}".removeprefix("0"), words.THIN
        return f"{text}{gap}{self.unit}" if unit and self.unit else text

    def edges(self, count: int) -> Floats:
        """Give the edges of so many bars of a histogram."""
        spaced = np.geomspace if self.log else np.linspace
        return spaced(*self.limits, count + 1)


INDICES = (
    Index("osi", "osi", "OSI"),
    Index("gosi", "gosi", f"gOSI, 1 {words.MINUS} CV"),
    Index(
        "preferred_frequency", "frequency", "best frequency", "c/px", (LOWEST, HIGHEST), log=True
    ),
    Index("bandwidth", "bandwidth", "bandwidth", "oct", (0.0, OCTAVES)),
    Index("half_width", "half_width", "half width", "°", (0.0, 90.0), angle=True),
    Index("modulation", "modulation", "F1/F0", limits=(0.0, 2.0)),
    Index("preferred_orientation", "", "orientation", "°", (0.0, 180.0), angle=True),
)


@dataclass(frozen=True)
class Course:
    """A number that every layer has: a share, or the median of an index.

    Attributes
    ----------
    name : of a `Population`; `index` : whose median it is, or None for a share.
    """

    name: str
    label: str
    index: Index | None = None

    def on(self, axis: Axis) -> Course:
        """Give the same number with frequencies in an axis's unit."""
        return replace(self, index=self.index and self.index.on(axis))

    def of(self, population: Population) -> tuple[Floats, Floats]:
        """Give [layer] and the intervals [layer, 2], in the unit that is shown; shares in %."""
        found = getattr(population, self.name).numpy()
        ends = getattr(population, f"{self.name}_interval").numpy()
        if self.index is None:
            return 100 * found, 100 * ends
        return self.index.shown(found), self.index.shown(ends)

    def said(self, value: float, ends: Sequence[float]) -> str:
        """Write a layer's number with its interval: 67 % (47–82)."""
        if np.isnan(value):
            return NONE
        if self.index is None:
            return f"{value:.0f}{words.THIN}% ({ends[0]:.0f}–{ends[1]:.0f})"
        low, high = (self.index.said(end, unit=False) for end in ends)
        return f"{self.index.said(value)} ({low}–{high})"

    @property
    def unit(self) -> str:
        """What it is in: "%", the index's unit, or ""."""
        return "%" if self.index is None else self.index.unit


COURSES = (
    Course("tuned", "share tuned"),
    Course("silent", "share silent"),
    Course("simple", "share simple"),
    *(Course(index.median, f"median {index.label}", index) for index in INDICES if index.median),
)


def mosaic_alt(layer: str, states: Sequence[str]) -> str:
    """Describe a layer's mosaic, from the states of its units."""
    counts = {name: states.count(name) for name in ("tuned", "untuned", "silent")}
    said = ", ".join(f"{count} {name}" for name, count in counts.items())
    return words.shortened(
        f"Preferred orientation of the {len(states)} units of {layer}: {said}.", 200
    )


def histogram_words(
    layer: str, index: Index, values: Floats, middle: tuple[float, Sequence[float]] | None
) -> dict[str, Any]:
    """Give the words of a histogram; `middle` is median and interval, where there is one."""
    plain = replace(index, unit="")  # it stands along the axis
    known = values[np.isfinite(values)]
    ends = f", from {index.said(known.min())} to {index.said(known.max())}" if len(known) else ""
    said = f"; median {Course('', '', index).said(*middle)}" if middle else ""
    return {
        "reading": f"median {Course('', '', plain).said(*middle)}" if middle else "",
        "alt": words.shortened(
            f"{index.label} of {len(known)} of {len(values)} units of {layer}{said}{ends}.", 200
        ),
    }


def scatter_words(layer: str, x: Index, y: Index, drawn: int, here: str) -> dict[str, Any]:
    """Give the words of a scatter of so many units; `here` is the unit that is looked at."""
    return {
        "reading": f"{drawn} units",
        "alt": words.shortened(
            f"{y.label} against {x.label} of {drawn} units of {layer}{here and f'; {here}'}.", 200
        ),
    }


def course_words(
    course: Course, layers: Sequence[str], found: Floats, ends: Floats, at: int | None
) -> dict[str, Any]:
    """Give the words of a curve over layers; `at` is the one that is looked at."""
    named = [0, len(layers) - 1] if at is None else [0, len(layers) - 1, at]
    said = [f"{layers[n]} {course.said(found[n], ends[n])}" for n in dict.fromkeys(named)]
    return {
        "reading": "" if at is None else said[-1] if at else said[0],
        "alt": words.shortened(
            f"{course.label} of {len(layers)} layers, 95 % intervals: {'; '.join(said)}.", 200
        ),
    }


def unit_words(unit: int, values: Sequence[tuple[Index, float]]) -> str:
    """Name a unit with some of its numbers: unit 5, OSI .83, F1/F0 1.2."""
    return ", ".join([f"unit {unit}", *(f"{index.label} {index.said(v)}" for index, v in values)])


def picked_words(picked: Sequence[int], count: int, index: Index, values: Floats) -> str:
    """List the picked units of a layer with so many, with the median of their index."""
    if not picked:
        return HINT
    named = [str(unit) for unit in picked]
    listed = words.listing(named) if len(named) <= LISTED else f"{', '.join(named[:LISTED])} …"
    known = values[list(picked)]
    known = known[np.isfinite(known)]
    typical = ""
    if len(known) and index.median:
        typical = f" · median {index.label} {index.said(float(np.median(known)))}"
    return f"{len(picked)} of {count} units picked: {listed}{typical}"


def measured_words(look: PopulationLook) -> list[str]:
    """Say what was measured: 4224 units of 13 layers, 120 gratings."""
    units = sum(tuning.units for tuning in look.tunings.values())
    layers, padded = len(look.tunings), int(look.population.padded.sum())
    said = [f"{units} units of {_layers(layers)}, {look.done} gratings"]
    return [*said, f"padding reaches all units of {_layers(padded)}"] if padded else said


def _layers(count: int) -> str:
    return f"{count} layer{'s' if count != 1 else ''}"
