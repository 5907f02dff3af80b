"""What is shown of a population: the fields that say it, and the units that are picked in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets
import numpy as np

from cnnwidgets.views import layout
from cnnwidgets.widgets.frequency_units import PER_PIXEL, Axis
from cnnwidgets.widgets.population_panels import PopulationPanels, Shown, bars_of
from cnnwidgets.widgets.population_sweep import PopulationLook
from cnnwidgets.widgets.population_words import (
    COURSES,
    HINT,
    INDICES,
    Course,
    Index,
    picked_words,
)


class PopulationCharts:
    """The drawings with fields above them and a line of words beneath.

    Units are picked in the scatter and the first histogram, and marked in mosaic and scatter.

    Parameters
    ----------
    choose : called with layer and unit when the reader chooses one.
    told : called when `picked` has changed.

    Attributes
    ----------
    body : all of it; `panels` : the drawings; `picked` : units of the layer that is shown.
    index, against, course, other : dropdowns of what is counted, what it is drawn against, what is
        drawn over layers, and the layer beside this one.
    """

    def __init__(self, choose: Callable[[str, int], None], told: Callable[[], None]) -> None:
        self._choose, self._told = choose, told
        self.panels = PopulationPanels()
        self.said = ipywidgets.Label(HINT)
        self.index, self.against = _listed(INDICES), _listed(INDICES, INDICES[2])
        self.other, self.course = ipywidgets.Dropdown(options=[]), _listed(COURSES)
        self.picked: list[int] = []
        self._look: PopulationLook | None = None
        self._axis = PER_PIXEL
        self._layer, self._unit, self._bar, self._busy = "", -1, -1, False
        fields = {
            "index": self.index,
            "against": self.against,
            "compare with": self.other,
            "over layers": self.course,
        }
        controls = [layout.labelled(label, field) for label, field in fields.items()]
        self.body = layout.population_body(controls, self.panels.charts, self.said)
        self._listen()

    def draw(self, look: PopulationLook | None, layer: str, unit: int, axis: Axis) -> None:
        """Draw what is known, for the unit that is looked at; None if nothing is."""
        shown = layer
        if axis != self._axis:
            self._clear_brushes()  # what they span is in the unit before; the units stay picked
            self._axis = axis
        if look is not None and layer not in look.tunings:  # the one before, where it is another's
            shown = self._layer if self._layer in look.tunings else next(iter(look.tunings))
        if shown != self._layer:
            self._clear_brushes()
            self.picked = []
        self._look, self._layer = look, shown
        self._unit = unit if shown == layer else -1
        if look is not None:
            self._list_layers(look)
        self.panels.draw(self._shown())
        self._say()

    def clear(self) -> None:
        """Pick no units."""
        self._clear_brushes()
        self._pick([])

    def _shown(self) -> Shown | None:
        if self._look is None:
            return None
        return Shown(
            look=self._look,
            layer=self._layer,
            beside=self.other.value,
            unit=self._unit,
            picked=self.picked,
            bar=self._bar,
            index=self.index.value.on(self._axis),
            against=self.against.value.on(self._axis),
            course=self.course.value.on(self._axis),
        )

    def _draw_units(self, _: Any = None) -> None:
        if not self._busy and (shown := self._shown()) is not None:
            self.panels.draw_units(shown)
            self._say()

    def _draw_course(self, _: Any = None) -> None:
        if (shown := self._shown()) is not None:
            self.panels.draw_course(shown)

    def _say(self) -> None:
        shown = self._shown()
        self.said.value = HINT
        if shown is not None:
            values = shown.index.of(shown.tuning)
            self.said.value = picked_words(self.picked, len(values), shown.index, values)

    def _list_layers(self, look: PopulationLook) -> None:
        """Offer the other layers for comparison: to begin with, the one furthest away."""
        every = [*look.tunings]
        names = [name for name in every if name != self._layer] or every
        if names == [*self.other.options]:
            return
        before, late = self.other.value, every.index(self._layer) >= len(every) / 2
        self._busy = True
        try:
            self.other.options = names
            self.other.value = before if before in names else names[0 if late else -1]
        finally:
            self._busy = False

    # What is chosen

    def _listen(self) -> None:
        panels = self.panels
        self.index.observe(self._index_chosen, "value")
        for field in (self.against, self.other):
            field.observe(self._draw_units, "value")
        self.course.observe(self._draw_course, "value")
        panels.mosaic.observe(self._unit_chosen, "chosen")
        panels.scatter.observe(self._unit_chosen, "chosen")
        panels.curve.observe(self._layer_chosen, "chosen")
        panels.histogram.observe(self._bar_chosen, "chosen")
        panels.histogram.observe(self._interval_brushed, "brushed")
        panels.scatter.observe(self._points_brushed, "brushed")

    def _index_chosen(self, _: Any) -> None:
        self._clear_brushes()  # they are of the index before; the units stay picked
        self._draw_units()

    def _unit_chosen(self, change: Any) -> None:
        unit = change["new"].get("index", -1)
        if self._look is not None and 0 <= unit < self._look.tunings[self._layer].units:
            self._choose(self._layer, unit)

    def _layer_chosen(self, change: Any) -> None:
        at = change["new"].get("index", -1)
        if self._look is not None and 0 <= at < len(self._look.population.layers):
            layer = self._look.population.layers[at]
            last = self._look.tunings[layer].units - 1
            self._choose(layer, min(max(0, self._unit), last))

    def _bar_chosen(self, change: Any) -> None:
        if (shown := self._shown()) is not None:
            bars = bars_of(shown.index, shown.index.of(shown.tuning))
            self._clear_brushes()
            self._bar = change["new"]["index"]
            self._pick(np.flatnonzero(bars == self._bar))

    def _interval_brushed(self, change: Any) -> None:
        shown, side = self._shown(), change["new"]
        if self._busy or shown is None:
            return
        self._clear_brushes(but=self.panels.histogram)
        values = shown.index.of(shown.tuning)
        within = (values >= side["low"]) & (values <= side["high"]) if side else []
        self._pick(np.flatnonzero(within))

    def _points_brushed(self, change: Any) -> None:
        if not self._busy:
            self._clear_brushes(but=self.panels.scatter)
            self._pick(change["new"].get("indices", []))

    def _pick(self, units: Sequence[int] | Any) -> None:
        self.picked = [int(unit) for unit in units]
        self._draw_units()
        self._told()

    def _clear_brushes(self, but: Any = None) -> None:
        """Take the brushes off, and the mark on a bar; what is picked stays."""
        self._busy, self._bar = True, -1
        try:
            for chart, names in (
                (self.panels.histogram, ("selected",)),
                (self.panels.scatter, ("selected_x", "selected_y")),
            ):
                if chart is but or all(getattr(chart.brush, name) is None for name in names):
                    continue
                for name in names:
                    setattr(chart.brush, name, None)
                chart.brush.reset()
        finally:
            self._busy = False


def _listed(things: Sequence[Index | Course], first: Any = None) -> ipywidgets.Dropdown:
    named = [(thing.label, thing) for thing in things]
    return ipywidgets.Dropdown(options=named, value=first or things[0])
