"""All units of a layer as small squares, coloured by what they prefer."""

import json
from math import isfinite, isnan
from typing import Any

import traitlets as t

from cnnwidgets.views.event import Event, whole
from cnnwidgets.views.view import Numbers, View, counts, source

TWILIGHT = ("#E2D9E2", "#7BA1C2", "#5E43A5", "#2F1436", "#8E2C50", "#C68A6D")
"""Cyclic colours of orientations at 0, 30, 60, 90, 120 and 150 degrees; linear between them."""
STATES = ("tuned", "untuned", "silent")


def _told(degrees: list[float], _view: View) -> list[float | None]:
    """Orientations for the wire, which knows no NaN."""
    return [angle if isfinite(angle) else None for angle in degrees]


class Indices(t.List[int]):
    """A trait of indices, taken from any sequence; sorted, each once."""

    def validate(self, obj: Any, value: Any) -> list[int]:
        """Give the indices as a list."""
        return sorted(set(counts(value, len(value), str(self.name))))


class UnitMosaic(View):
    """The preferred orientation of every unit of a layer: one square a unit, row by row.

    The squares fill the width and are at least 8 px wide. A click, or the arrow keys and Enter,
    choose one.
    """

    _esm = f"const TWILIGHT = {json.dumps(TWILIGHT)};\n" + source("caption.js", "unit_mosaic.js")

    orientations = Numbers().tag(sync=True, to_json=_told)
    """Degrees in [0, 180), counter-clockwise, 0 = vertical bars, one a unit; NaN: untuned."""
    states = t.List(t.Unicode()).tag(sync=True)
    """"tuned", "untuned" or "silent", one a unit; may be left out where NaN says enough."""
    selected = t.Int(-1).tag(sync=True)
    """Index of the unit that is shown now, or -1."""
    picked = Indices().tag(sync=True)
    """Indices of units that are marked; the others are dimmed. [] for no choice."""
    message = t.List(t.Unicode()).tag(sync=True)
    """One or two lines in place of the squares."""
    chosen = Event(index=whole)
    """Written by the browser: {"index", "count"}."""

    @t.validate("orientations")
    def _check_orientations(self, proposal: Any) -> list[float]:
        degrees: list[float] = proposal["value"]
        for angle in degrees:
            if not (isnan(angle) or 0 <= angle < 180):
                raise t.TraitError(f"orientations are in [0, 180) degrees, or NaN; got {angle}.")
        return degrees

    @t.validate("states")
    def _check_states(self, proposal: Any) -> list[str]:
        states: list[str] = proposal["value"]
        for state in states:
            if state not in STATES:
                raise t.TraitError(f"a unit is tuned, untuned or silent; got {state!r}.")
        return states
