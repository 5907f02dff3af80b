"""The population strip's drawings: all units of one layer, and all layers side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cnnwidgets.engines.gratings import Population, Tuning
from cnnwidgets.views import Histogram, IntervalCurve, Scatter, UnitMosaic, words
from cnnwidgets.widgets.population_sweep import PopulationLook
from cnnwidgets.widgets.population_words import (
    Course,
    Floats,
    Index,
    course_words,
    histogram_words,
    mosaic_alt,
    scatter_words,
    unit_words,
)

BARS = 12
SHORT, TICK = 24, 14
"""Signs of a layer's name in a caption and under an axis."""


@dataclass(frozen=True)
class Shown:
    """What is to be drawn of all that is known.

    Attributes
    ----------
    layer : whose units; `beside` : another one, or the same where there is no other.
    unit : that is looked at, or -1; `picked` : units of the layer; `bar` : that was chosen, or -1.
    index, against : of the units; `course` : of the layers.
    """

    look: PopulationLook
    layer: str
    beside: str
    unit: int
    picked: Sequence[int]
    bar: int
    index: Index
    against: Index
    course: Course

    @property
    def tuning(self) -> Tuning:
        """Of the layer whose units are drawn."""
        return self.look.tunings[self.layer]


class PopulationPanels:
    """A mosaic, two histograms of the same bars, a scatter, and a curve over layers."""

    def __init__(self) -> None:
        self.mosaic = UnitMosaic(title="Orientation")
        self.histogram = Histogram(label_y="% of units")
        self.beside = Histogram(label_y="% of units")
        self.scatter = Scatter(title="Units")
        self.curve = IntervalCurve(title="Layers")
        self.beside.figure.interaction = None  # its units are of another layer than the mosaic's
        self.charts = [self.mosaic, self.histogram, self.beside, self.scatter, self.curve]

    def draw(self, shown: Shown | None) -> None:
        """Draw everything, or that nothing is known."""
        if shown is None:
            self._draw_nothing()
            return
        self.draw_units(shown)
        self.draw_course(shown)

    def draw_units(self, shown: Shown) -> None:
        """Draw the units of the layer, and those of the one beside it."""
        tuning = shown.tuning
        states = _states(tuning)
        degrees = tuning.preferred_orientation.rad2deg().numpy() % 180
        self.mosaic.show(
            orientations=np.where([state == "tuned" for state in states], degrees, np.nan),
            states=states,
            selected=shown.unit,
            picked=shown.picked,
            alt=mosaic_alt(shown.layer, states),
        )
        self._draw_histograms(shown)
        self._draw_scatter(shown)

    def draw_course(self, shown: Shown) -> None:
        """Draw a number of all layers, with its interval."""
        population, course = shown.look.population, shown.course
        layers, at = population.layers, population.layers.index(shown.layer)
        found, ends = course.of(population)
        named = sorted({1, len(layers), (len(layers) + 1) // 2})
        self.curve.show(
            x=range(1, len(layers) + 1),
            y=found,
            low=ends[:, 0],
            high=ends[:, 1],
            limits=[0, _top(course, [*found, *ends[:, 1]])],
            ticks=named,
            tick_labels=[words.shortened(layers[number - 1], TICK) for number in named],
            names=layers,
            marker=at + 1,
            notes=[f"{course.label}, {course.unit}" if course.unit else course.label],
            **course_words(course, layers, found, ends, at),
        )

    def _draw_nothing(self) -> None:
        nothing: dict[str, Any] = {"notes": [], "reading": "", "alt": ""}
        points: dict[str, Any] = {"x": [], "y": [], "marker": None, **nothing}
        self.mosaic.show(orientations=[], states=[], selected=-1, picked=[], **nothing)
        for chart in (self.histogram, self.beside):
            chart.show(counts=[], edges=[], median=None, marker=None, **nothing)
        self.scatter.show(names=[], called=[], picked=[], **points)
        self.curve.show(names=[], low=[], high=[], ticks=[], tick_labels=[], **points)

    def _draw_histograms(self, shown: Shown) -> None:
        index = shown.index
        values = [index.of(shown.look.tunings[name]) for name in (shown.layer, shown.beside)]
        bars = [bars_of(index, one) for one in values]
        shares = [
            100 * np.bincount(one[one >= 0], minlength=BARS) / max(1, len(one)) for one in bars
        ]
        own = int(bars[0][shown.unit]) if shown.unit >= 0 else -1
        marker = shown.bar if shown.bar >= 0 else own
        for chart, layer, given, heights in zip(
            (self.histogram, self.beside), (shown.layer, shown.beside), values, shares, strict=True
        ):
            middle = _middle(index, shown.look.population, layer)
            median = None if middle is None else float(np.clip(middle[0], *index.limits))
            chart.show(
                title=words.shortened(layer, SHORT),
                counts=heights,
                edges=index.edges(BARS),
                limit=max(1.0, *(float(one.max()) for one in shares)),  # so that the two compare
                log_x=index.log,
                ticks=index.ticks,
                label_x=index.axis,
                median=median,
                marker=marker if chart is self.histogram and marker >= 0 else None,
                **histogram_words(layer, index, given, middle),
            )

    def _draw_scatter(self, shown: Shown) -> None:
        across, up, unit = shown.index, shown.against, shown.unit
        x, y = across.of(shown.tuning), up.of(shown.tuning)
        names = [
            unit_words(number, [(across, one), (up, other)])
            for number, (one, other) in enumerate(zip(x, y, strict=True))
        ]
        drawn = int((np.isfinite(x) & np.isfinite(y)).sum())
        here = names[unit] if unit >= 0 else ""
        self.scatter.show(
            x=x,
            y=y,
            names=names,
            called=[f"unit {number}" for number in range(len(names))],
            log_x=across.log,
            log_y=up.log,
            limits_x=across.limits,
            limits_y=up.limits,
            ticks_x=across.ticks,
            ticks_y=up.ticks,
            label_x=across.axis,
            label_y=up.axis,
            picked=list(shown.picked),
            marker=unit if unit >= 0 else None,
            notes=[words.shortened(shown.layer, SHORT)],
            **scatter_words(shown.layer, across, up, drawn, here),
        )


def bars_of(index: Index, values: Floats) -> Any:
    """Give the number of each value's bar; what is beyond the ends is in the last, -1 is none."""
    bars = np.searchsorted(index.edges(BARS), values, side="right") - 1
    return np.where(np.isfinite(values), np.clip(bars, 0, BARS - 1), -1)


def _middle(
    index: Index, population: Population, layer: str
) -> tuple[float, Sequence[float]] | None:
    """Give the median of a layer with its interval, where there is one."""
    if not index.median:
        return None
    row = population.layers.index(layer)
    found, ends = Course(index.median, "", index).of(population)
    return (float(found[row]), ends[row].tolist()) if np.isfinite(found[row]) else None


def _states(tuning: Tuning) -> list[str]:
    silent, tuned = tuning.silent.tolist(), tuning.tuned().tolist()
    return [
        "silent" if quiet else "tuned" if sharp else "untuned"
        for quiet, sharp in zip(silent, tuned, strict=True)
    ]


def _top(course: Course, values: Sequence[float]) -> float:
    """Give the end of the axis: of a share always the same, of a median as far as there is one."""
    if course.index is None:
        return 100.0
    known = [value for value in values if np.isfinite(value)]
    return min(course.index.limits[1], 1.1 * max(known)) if known and max(known) > 0 else 1.0
