"""The unit explorer's rows of controls: they read as a sentence and follow the selection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipywidgets
import traitlets as t

from cnnwidgets.graph import RULES
from cnnwidgets.views import layout
from cnnwidgets.widgets.checkpoint_slider import CheckpointSlider
from cnnwidgets.widgets.rule_words import rule_label
from cnnwidgets.widgets.selection import Selection
from cnnwidgets.widgets.unit_words import layer_label


class UnitControls:
    """Model, picture, layer, unit, reverse rule, colour; beneath, what makes other networks of it.

    Parameters
    ----------
    selection : what the first controls write, and follow whoever moves it.
    owner : has the traits ``rule`` and ``colour``, which the last two are linked with.
    refused : is told the sentence when the selection refuses a value.
    checkpoints : the slider over them, if there are any.
    group : the field in which a group of units is written.

    Attributes
    ----------
    row, second : the rows; `checkpoints` : the slider over them, or None.
    """

    def __init__(
        self,
        selection: Selection,
        owner: t.HasTraits,
        refused: Callable[[str], None],
        checkpoints: CheckpointSlider | None,
        group: ipywidgets.Widget,
    ) -> None:
        self.checkpoints = checkpoints
        self._selection, self._refused, self._following = selection, refused, False
        pictures = [(name, number) for number, name in enumerate(selection.images.names)]
        self.picture = ipywidgets.Dropdown(options=pictures, value=selection.picture)
        self._model = selection.model
        self.layer = ipywidgets.Dropdown(options=self._layers(), value=selection.layer)
        last = selection.current_layer.units - 1
        self.slider = ipywidgets.IntSlider(value=selection.unit, max=last, readout=False)
        self.number = ipywidgets.IntText(value=selection.unit)
        self.rule = ipywidgets.Dropdown(options=[(rule_label(name), name) for name in RULES])
        self.colour = ipywidgets.Dropdown(options=[("colour", True), ("grey", False)])
        self._carry(self.picture, "picture")
        self._carry(self.layer, "layer")
        self._carry(self.slider, "unit")
        self._carry(self.number, "unit")
        t.link((owner, "rule"), (self.rule, "value"))
        t.link((owner, "colour"), (self.colour, "value"))
        self._name = layout.named("model", self._model_name())
        self.row = layout.controls_row(
            self._name,
            layout.labelled("picture", self.picture, flex="1 1 96px"),
            layout.labelled("layer", self.layer, flex="1 1 228px"),
            layout.labelled("unit", self.slider, self.number, flex="6 1 150px", wide=True),
            layout.labelled("reverse rule", self.rule, flex="1 1 128px"),
            layout.labelled("shown in", self.colour, flex="0 1 84px"),
        )
        self.second = layout.columns_row(*([checkpoints.field] if checkpoints else []), group)

    def follow(self) -> None:
        """Show what is selected, whoever selected it."""
        selection = self._selection
        self._following = True  # a slider that is made shorter clamps its value: not a choice
        try:
            unlisted = selection.layer not in {name for _, name in self.layer.options}
            if unlisted or selection.model is not self._model:
                self._model = selection.model
                self._name.children[1].value = self._model_name()
                if (layers := self._layers()) != [*self.layer.options]:
                    self.layer.options = layers
            self.slider.max = selection.current_layer.units - 1
            self.picture.value = selection.picture
            self.layer.value = selection.layer
            self.slider.value = self.number.value = selection.unit
        finally:
            self._following = False
        if self.checkpoints:
            self.checkpoints.follow()

    def _layers(self) -> list[tuple[str, str]]:
        selection = self._selection
        listed = dict(selection.model.layers)
        listed.setdefault(selection.layer, selection.current_layer)
        return [(layer_label(layer), name) for name, layer in listed.items()]

    def _model_name(self) -> str:
        """Say which network it is; its checkpoint is named by the slider, where there is one."""
        model = self._selection.model
        return str(model.origin.name if self.checkpoints else model.name)

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
