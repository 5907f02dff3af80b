"""What the reader chooses on the unit explorer's drawings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import traitlets as t

from cnnwidgets.engines.top_images import Peak
from cnnwidgets.widgets.selection import Selection
from cnnwidgets.widgets.unit_look import UnitLook
from cnnwidgets.widgets.unit_panels import UnitPanels
from cnnwidgets.widgets.unit_question import Question


class UnitChoices:
    """Carries choices on drawings to the selection, unless that has gone on to another layer.

    Parameters
    ----------
    shown : gives what the drawings show, or None.
    refused : is told the sentence when the selection refuses a choice.
    """

    def __init__(
        self,
        selection: Selection,
        panels: UnitPanels,
        shown: Callable[[], UnitLook | None],
        refused: Callable[[str], None],
    ) -> None:
        self._selection, self._panels = selection, panels
        self._shown, self._refused = shown, refused
        panels.picture.observe(self._position_chosen, "chosen")
        panels.active.observe(self._bar_chosen, "chosen")

    def tile_chosen(self, question: Question, peak: Peak) -> None:
        """Go to the picture and the place of a tile."""
        spatial = self._selection.model.layer(question.layer).spatial
        self._selection.choose(
            layer=question.layer,
            unit=question.unit,
            picture=peak.picture,
            position=peak.position if spatial else None,
        )

    def _position_chosen(self, change: Any) -> None:
        position = change["new"]["position"]
        self._choose("position", tuple(map(int, position)) if position is not None else None)

    def _bar_chosen(self, change: Any) -> None:
        index, labels = change["new"]["index"], self._panels.active.labels
        if 0 <= index < len(labels):
            self._choose("unit", int(labels[index]))

    def _choose(self, name: str, value: Any) -> None:
        look = self._shown()
        if look is None or look.question.layer != self._selection.layer:
            return
        try:
            setattr(self._selection, name, value)
        except t.TraitError as error:
            self._refused(str(error))
