"""Controls that choose who is compared: people, network, layer, measure of similarity."""

from __future__ import annotations

from typing import Any

import ipywidgets
import traitlets as t

from cnnwidgets.engines.choices import MEASURES
from cnnwidgets.views import layout
from cnnwidgets.widgets.triplets.parties import Parties

NOBODY = ("nobody", "")


class AgentControls:
    """Fields that are linked with an owner's traits `people`, `network`, `layer` and `measure`.

    Attributes
    ----------
    fields : to be put into a row, in this order.
    """

    def __init__(self, owner: t.HasTraits, parties: Parties) -> None:
        self._owner, self._sources = owner, parties.sources
        everybody = [*((name, name) for name in parties.sources), NOBODY]
        self.people = ipywidgets.Dropdown(options=everybody)
        self.network = ipywidgets.Dropdown(options=everybody)
        self.layer = ipywidgets.Dropdown()
        self.measure = ipywidgets.Dropdown(options=list(MEASURES))
        for name in ("people", "network", "measure"):
            t.link((owner, name), (getattr(self, name), "value"))
        self.layer.observe(self._layer_chosen, "value")
        self.fields = (
            layout.labelled(
                "people" if parties.people else "other network", self.people, flex="1 1 120px"
            ),
            layout.labelled("network", self.network, flex="1 1 120px"),
            layout.labelled("layer", self.layer, flex="1.4 1 140px"),
            layout.labelled("similarity", self.measure, flex="1 1 90px"),
        )

    def follow(self) -> None:
        """Show what was chosen, whoever chose it."""
        owner: Any = self._owner
        source = self._sources.get(owner.network)
        layers = list(source.layers) if source else []
        if [*self.layer.options] != layers:
            with self.layer.hold_trait_notifications():
                self.layer.options = layers
        self.layer.disabled, self.measure.disabled = not layers, source is None
        if owner.layer in {name for _, name in layers}:
            self.layer.value = owner.layer

    def _layer_chosen(self, change: Any) -> None:
        owner: Any = self._owner
        source = self._sources.get(owner.network)
        if source and change["new"] in {name for _, name in source.layers}:
            owner.layer = change["new"]
