"""The triplet stepper's rows of controls: who is compared, and what comes next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import log2
from typing import Any

import ipywidgets
import traitlets as t

from cnnwidgets.engines.choices import MEASURES
from cnnwidgets.views import layout
from cnnwidgets.widgets.triplet_parties import Parties

NOBODY = ("nobody", "")
COLDEST, HOTTEST, PER_DOUBLING = -3, 3, 4
"""The temperature's slider: from 1/8 to 8 times the automatic one, four steps a doubling."""


class TripletControls:
    """People, network, layer, order, Next; beneath, the filter, the measure, the temperature.

    Parameters
    ----------
    owner : has the traits of these names, with which they are linked.
    parties : who can be chosen, and the objects that one can filter by.
    orders : what the next triplet can be.
    next_asked : called when Next is pressed.

    Attributes
    ----------
    row, second : the rows.
    """

    def __init__(
        self,
        owner: t.HasTraits,
        parties: Parties,
        orders: Sequence[str],
        next_asked: Callable[[], None],
    ) -> None:
        self._owner, self._sources = owner, parties.sources
        everybody = [(name, name) for name in parties.sources]
        self.people = ipywidgets.Dropdown(options=[*everybody, NOBODY])
        self.network = ipywidgets.Dropdown(options=[*everybody, NOBODY])
        objects = parties.objects
        self.layer = ipywidgets.Dropdown()
        self.temperature = ipywidgets.IntSlider(
            min=COLDEST * PER_DOUBLING, max=HOTTEST * PER_DOUBLING, readout=False
        )
        self.reading = ipywidgets.Label()
        self.order = ipywidgets.Dropdown(options=list(orders))
        self.button = ipywidgets.Button(description="Next →", button_style="primary")
        self.button.tooltip = "The next triplet (N)"
        names = [*objects.categories, *objects.names]
        self.wanted = ipywidgets.Combobox(
            options=names, placeholder="an object or a category", continuous_update=False
        )
        self.measure = ipywidgets.Dropdown(options=list(MEASURES))
        self._link()
        self.button.on_click(lambda _: next_asked())
        self.row = layout.controls_row(
            layout.labelled("people" if parties.people else "compare", self.people),
            layout.labelled("network" if parties.people else "with", self.network),
            layout.labelled("layer", self.layer, flex="1.4 1 0"),
            layout.labelled("next triplet", self.order, flex="1 1 0"),
            layout.labelled("\N{NO-BREAK SPACE}", self.button, flex="0 0 88px"),
        )
        self.second = layout.columns_row(
            layout.labelled("only with", self.wanted, flex="1 1 0"),
            layout.labelled("similarity", self.measure, flex="0 1 160px"),
            layout.labelled("temperature", self.temperature, self.reading, flex="1 1 0"),
        )

    def follow(self) -> None:
        """Show what was chosen, whoever chose it."""
        owner: Any = self._owner
        source = self._sources.get(owner.network)
        layers = list(source.layers) if source else []
        if [*self.layer.options] != layers:
            with self.layer.hold_trait_notifications():
                self.layer.options = layers
        self.layer.disabled = not layers
        if layers and owner.layer in {name for _, name in layers}:
            self.layer.value = owner.layer
        self.temperature.value = _step(owner.temperature)
        self.temperature.disabled = self.measure.disabled = source is None
        self.reading.value = f"× {owner.temperature:.3g}"

    def _link(self) -> None:
        for name in ("people", "network", "order", "wanted", "measure"):
            t.link((self._owner, name), (getattr(self, name), "value"))
        self.layer.observe(self._layer_chosen, "value")
        self.temperature.observe(self._temperature_chosen, "value")

    def _layer_chosen(self, change: Any) -> None:
        owner: Any = self._owner
        source = self._sources.get(owner.network)
        if source and change["new"] in {name for _, name in source.layers}:
            owner.layer = change["new"]

    def _temperature_chosen(self, change: Any) -> None:
        owner: Any = self._owner
        if _step(owner.temperature) != change["new"]:
            owner.temperature = 2 ** (change["new"] / PER_DOUBLING)


def _step(temperature: float) -> int:
    """Give the slider's place nearest to a temperature."""
    return max(
        COLDEST * PER_DOUBLING, min(HOTTEST * PER_DOUBLING, round(log2(temperature) * PER_DOUBLING))
    )
