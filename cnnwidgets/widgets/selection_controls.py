"""The controls that say whose unit it is: model, layer, unit; they follow the selection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipywidgets
import traitlets as t

from cnnwidgets.views import layout
from cnnwidgets.widgets.selection import Selection
from cnnwidgets.widgets.unit_words import layer_label


class SelectionControls:
    """The network's name, a list of its layers, a slider and a number field for the unit.

    Parameters
    ----------
    selection : what the controls write, and follow whoever moves it.
    refused : is told the sentence when the selection refuses a value.
    names_checkpoints : whether the network's name says which checkpoint it is.

    Attributes
    ----------
    layer, slider, number : the controls; `model`, `layers`, `units` : their fields, with labels.
    """

    def __init__(
        self,
        selection: Selection,
        refused: Callable[[str], None],
        *,
        names_checkpoints: bool = True,
    ) -> None:
        self._selection, self._refused, self._following = selection, refused, False
        self._shown, self._names_checkpoints = selection.model, names_checkpoints
        self.layer = ipywidgets.Dropdown(options=self._layers(), value=selection.layer)
        last = selection.current_layer.units - 1
        self.slider = ipywidgets.IntSlider(value=selection.unit, max=last, readout=False)
        self.number = ipywidgets.IntText(value=selection.unit)
        self.carry(self.layer, "layer")
        self.carry(self.slider, "unit")
        self.carry(self.number, "unit")
        self.model = layout.named("model", self._model_name())
        self.layers = layout.labelled("layer", self.layer, flex="1 1 228px")
        self.units = layout.labelled("unit", self.slider, self.number, flex="6 1 150px", wide=True)

    def carry(self, control: ipywidgets.Widget, name: str) -> None:
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

    def follow(self, **others: ipywidgets.Widget) -> None:
        """Show what is selected, whoever selected it; `others` are carried controls by trait."""
        selection = self._selection
        self._following = True  # a slider that is made shorter clamps its value: not a choice
        try:
            unlisted = selection.layer not in {name for _, name in self.layer.options}
            if unlisted or selection.model is not self._shown:
                self._shown = selection.model
                self.model.children[1].value = self._model_name()
                if (layers := self._layers()) != [*self.layer.options]:
                    self.layer.options = layers
            self.slider.max = selection.current_layer.units - 1
            for name, control in others.items():
                control.value = getattr(selection, name)
            self.layer.value = selection.layer
            self.slider.value = self.number.value = selection.unit
        finally:
            self._following = False

    def _layers(self) -> list[tuple[str, str]]:
        selection = self._selection
        listed = dict(selection.model.layers)
        listed.setdefault(selection.layer, selection.current_layer)
        return [(layer_label(layer), name) for name, layer in listed.items()]

    def _model_name(self) -> str:
        model = self._selection.model
        return str(model.name if self._names_checkpoints else model.origin.name)
