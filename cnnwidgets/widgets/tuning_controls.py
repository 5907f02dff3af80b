"""The tuning explorer's controls: whose unit, and the sliders of the grating."""

from __future__ import annotations

from collections.abc import Callable
from math import degrees, log2, radians
from typing import Any

import ipywidgets
import traitlets as t

from cnnwidgets.engines.gratings import COLOURS, NYQUIST
from cnnwidgets.views import layout, words
from cnnwidgets.widgets.frequency_units import UNITS, frequency_words
from cnnwidgets.widgets.selection import Selection
from cnnwidgets.widgets.selection_controls import SelectionControls

LOWEST = 1 / 128
"""Cycles per pixel at the slider's left end."""
STEPS = 8
"""Of the frequency's slider in an octave."""
FASTEST = 4.0
"""Cycles a second of a drifting grating: more would flash."""
MEASURES = (("mean, F0", "f0"), ("modulated, F1", "f1"))


class TuningControls:
    """Model, layer, unit, colour, units of frequency, response; and a slider for each quantity.

    Parameters
    ----------
    selection : what the first controls write, and follow whoever moves it.
    owner : has the stimulus as traits, which the others are linked with.
    refused : is told the sentence when a value is refused.
    moved : called when the reader moves the grating by a slider.
    best : called when the unit's best grating is asked for.

    Attributes
    ----------
    row : the controls above; `sliders` : rows of label, slider and value.
    """

    def __init__(
        self,
        selection: Selection,
        owner: Any,
        refused: Callable[[str], None],
        moved: Callable[[], None],
        best: Callable[[], None],
    ) -> None:
        self._owner, self._moved, self._extent = owner, moved, selection.model.input_shape[1:]
        self._refused = refused
        self.selected = SelectionControls(selection, refused)
        self.colour = ipywidgets.Dropdown(
            options=list(COLOURS) if selection.model.input_shape[0] == 3 else ["grey"]
        )
        self.unit_of_frequency = ipywidgets.Dropdown(options=[(u, u) for u in UNITS])
        self.measure = ipywidgets.Dropdown(options=MEASURES)
        self.best = ipywidgets.Button(
            description="Best grating", tooltip="Show the unit what it answers most"
        )
        self.best.on_click(lambda _: best())
        t.link((owner, "colour"), (self.colour, "value"))
        t.link((owner, "frequency_in"), (self.unit_of_frequency, "value"))
        t.link((owner, "measure"), (self.measure, "value"))
        self.row = layout.controls_row(
            self.selected.model,
            self.selected.layers,
            self.selected.units,
            layout.labelled("colour", self.colour, flex="1 1 96px"),
            layout.labelled("frequency in", self.unit_of_frequency, flex="1 1 108px"),
            layout.labelled("response", self.measure, flex="1 1 108px"),
        )
        self._make_sliders()
        self.follow()

    def _make_sliders(self) -> None:
        largest = max(self._extent)
        # Whole steps all: the browser would round others, and send them back as if they were moved.
        whole = ipywidgets.IntSlider
        self.orientation = whole(max=179)
        self.frequency = whole(max=round(STEPS * log2(NYQUIST / LOWEST)))
        self.phase = whole(max=355, step=5)
        self.contrast = whole(max=100)
        self.diameter = whole(min=1, max=largest + 1)  # the last step is the full field
        self.drift = whole(max=round(4 * FASTEST))  # quarters of a cycle a second
        self.distance = whole(min=5, max=80)  # tenths of a width
        sliders = {
            "orientation": self.orientation,
            "frequency": self.frequency,
            "phase": self.phase,
            "contrast": self.contrast,
            "size": self.diameter,
            "drift": self.drift,
            "distance": self.distance,
        }
        self.readings = {name: ipywidgets.Label() for name in sliders}
        self.sliders = [
            layout.slider_row(name, slider, self.readings[name]) for name, slider in sliders.items()
        ]
        self._by_angle = self.sliders[-1]
        self.sliders.append(self.best)
        self._following = False
        for slider in sliders.values():
            slider.observe(self._slid, "value")

    def follow(self) -> None:
        """Show what the traits and the selection are, whoever set them."""
        owner, largest = self._owner, max(self._extent)
        self.selected.follow()
        self._following = True
        try:
            self.orientation.value = min(179, round(degrees(owner.orientation)))
            self.frequency.value = round(STEPS * log2(max(LOWEST, owner.frequency) / LOWEST))
            self.phase.value = 5 * round(degrees(owner.phase) / 5) % 360
            self.contrast.value = round(100 * owner.contrast)
            full = owner.diameter is None
            self.diameter.value = largest + 1 if full else min(largest, round(owner.diameter))
            self.drift.value = round(4 * owner.drift)
            self.distance.value = round(10 * owner.viewing_distance)
        finally:
            self._following = False
        self._say()

    def _slid(self, change: Any) -> None:
        if self._following:
            return
        try:
            self._set(change["owner"], change["new"])
        except (t.TraitError, OverflowError) as error:  # the page has made the slider longer
            self._refused(str(error))
            self.follow()

    def _set(self, slider: Any, value: int) -> None:
        owner = self._owner
        if slider is self.orientation:
            owner.orientation = radians(value)
        elif slider is self.frequency:
            owner.frequency = min(NYQUIST, LOWEST * 2 ** (value / STEPS))
        elif slider is self.phase:
            owner.phase = radians(value)
        elif slider is self.contrast:
            owner.contrast = value / 100
        elif slider is self.diameter:
            owner.diameter = None if value > max(self._extent) else float(value)
        elif slider is self.drift:
            owner.drift = value / 4
        else:
            owner.viewing_distance = value / 10
        if slider not in (self.drift, self.distance):
            self._moved()

    def _say(self) -> None:
        """Write the values beside the sliders."""
        owner, thin = self._owner, words.THIN
        shown = {
            "orientation": f"{degrees(owner.orientation):.0f}°",
            "frequency": frequency_words(owner, self._extent),
            "phase": f"{degrees(owner.phase) % 360:.0f}°",
            "contrast": words.share(owner.contrast),
            "size": "full field" if owner.diameter is None else f"{owner.diameter:.0f}{thin}px",
            "drift": f"{owner.drift:g}{thin}c/s" if owner.drift else "off",
            "distance": f"{owner.viewing_distance:.1f} widths",
        }
        for name, text in shown.items():
            self.readings[name].value = text
        by_angle = owner.frequency_in == "cycles / degree"
        self._by_angle.layout.display = "" if by_angle else "none"
