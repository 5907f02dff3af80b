"""The unit explorer's row of controls: they read as a sentence and follow the selection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipywidgets
import traitlets as t

from cnnwidgets.graph import RULES
from cnnwidgets.views import layout
from cnnwidgets.widgets.selection import Selection
from cnnwidgets.widgets.unit_words import layer_label


class UnitControls:
    """Model, picture, layer, unit, reverse rule, colour.

    Parameters
    ----------
    selection : what the first controls write, and follow whoever moves it.
    owner : has the traits ``rule`` and ``colour``, which the last two are linked with.
    refused : is told the sentence when the selection refuses a value.
    """

    def __init__(
        self, selection: Selection, owner: t.HasTraits, refused: Callable[[str], None]
    ) -> None:
        self._selection, self._refused, self._following = selection, refused, False
        pictures = [(name, number) for number, name in enumerate(selection.images.names)]
        self.picture = ipywidgets.Dropdown(options=pictures, value=selection.picture)
        listed = dict(selection.model.layers)
        listed.setdefault(selection.layer, selection.current_layer)
        layers = [(layer_label(layer), name) for name, layer in listed.items()]
        self.layer = ipywidgets.Dropdown(options=layers, value=selection.layer)
        last = selection.current_layer.units - 1
        self.slider = ipywidgets.IntSlider(value=selection.unit, max=last, readout=False)
        self.number = ipywidgets.IntText(value=selection.unit)
        self.rule = ipywidgets.Dropdown(options=tuple(RULES))
        self.colour = ipywidgets.Dropdown(options=[("colour", True), ("grey", False)])
        self._carry(self.picture, "picture")
        self._carry(self.layer, "layer")
        self._carry(self.slider, "unit")
        self._carry(self.number, "unit")
        t.link((owner, "rule"), (self.rule, "value"))
        t.link((owner, "colour"), (self.colour, "value"))
        self.row = layout.controls_row(
            layout.named("model", selection.model.name),
            layout.labelled("picture", self.picture, flex="1 1 96px"),
            layout.labelled("layer", self.layer, flex="1 1 228px"),
            layout.labelled("unit", self.slider, self.number, flex="6 1 150px", wide=True),
            layout.labelled("reverse rule", self.rule, flex="1 1 104px"),
            layout.labelled("shown in", self.colour, flex="0 1 84px"),
        )

    def follow(self) -> None:
        """Show what is selected, whoever selected it."""
        selection = self._selection
        self._following = True  # a slider that is made shorter clamps its value: not a choice
        try:
            if selection.layer not in {name for _, name in self.layer.options}:
                extra = (layer_label(selection.current_layer), selection.layer)
                self.layer.options = [*self.layer.options, extra]
            self.slider.max = selection.current_layer.units - 1
            self.picture.value = selection.picture
            self.layer.value = selection.layer
            self.slider.value = self.number.value = selection.unit
        finally:
            self._following = False

    def _carry(self, control: ipywidgets.Widget, name: str) -> None:
        """Carry a control's value to the selection; say so and take it back where that refuses."""

        def choose(change: Any) -> None:
            if self._following:
                return
            try:
                setattr(self._selection, name, change["new"])
            except t.TraitError as error:
                control.value = getattr(self._selection, name)
                self._refused(str(error))

        control.observe(choose, "value")
