"""The unit explorer's rows of controls: they read as a sentence and follow the selection."""

from __future__ import annotations

from collections.abc import Callable

import ipywidgets
import traitlets as t

from cnnwidgets.graph import RULES
from cnnwidgets.views import layout
from cnnwidgets.widgets.checkpoint_slider import CheckpointSlider
from cnnwidgets.widgets.rule_words import rule_label
from cnnwidgets.widgets.selection import Selection
from cnnwidgets.widgets.selection_controls import SelectionControls


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
        # Its checkpoint is named by the slider, where there is one.
        self._selected = SelectionControls(
            selection, refused, names_checkpoints=checkpoints is None
        )
        self.layer, self.slider = self._selected.layer, self._selected.slider
        self.number = self._selected.number
        pictures = [(name, number) for number, name in enumerate(selection.images.names)]
        self.picture = ipywidgets.Dropdown(options=pictures, value=selection.picture)
        self.rule = ipywidgets.Dropdown(options=[(rule_label(name), name) for name in RULES])
        self.colour = ipywidgets.Dropdown(options=[("colour", True), ("grey", False)])
        self._selected.carry(self.picture, "picture")
        t.link((owner, "rule"), (self.rule, "value"))
        t.link((owner, "colour"), (self.colour, "value"))
        self.row = layout.controls_row(
            self._selected.model,
            layout.labelled("picture", self.picture, flex="1 1 96px"),
            self._selected.layers,
            self._selected.units,
            layout.labelled("reverse rule", self.rule, flex="1 1 128px"),
            layout.labelled("shown in", self.colour, flex="0 1 84px"),
        )
        self.second = layout.columns_row(*([checkpoints.field] if checkpoints else []), group)

    def follow(self) -> None:
        """Show what is selected, whoever selected it."""
        self._selected.follow(picture=self.picture)
        if self.checkpoints:
            self.checkpoints.follow()
