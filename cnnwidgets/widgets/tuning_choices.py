"""What a click or a key on the tuning explorer's drawings does: it sets the grating."""

from __future__ import annotations

from collections.abc import Callable
from math import radians
from typing import Any

from cnnwidgets.widgets.tuning_panels import TuningPanels


class TuningChoices:
    """Carries what is chosen on the drawings to the explorer's traits.

    Parameters
    ----------
    owner : the explorer.
    moved : called first: the grating is moved by hand.
    """

    def __init__(self, owner: Any, panels: TuningPanels, moved: Callable[[], None]) -> None:
        self._owner, self._panels, self._moved = owner, panels, moved
        panels.picture.observe(self._place, "chosen")
        for chart, choose in (
            (panels.orientation, self._orientation),
            (panels.frequency, self._frequency),
            (panels.joint, self._both),
            (panels.phase, self._phase),
            (panels.contrast, self._contrast),
            (panels.diameter, self._diameter),
        ):
            chart.observe(choose, "chosen")

    def _place(self, change: Any) -> None:
        """Put the stimulus somewhere else; a full field becomes a patch as large as the field."""
        owner, position = self._owner, change["new"].get("position")
        look = owner._shown
        if look is None:
            return
        self._moved()
        with owner.hold_trait_notifications():
            if position is None:
                owner.centre = None
                return
            owner.centre = (position[0] + 0.5, position[1] + 0.5)
            if owner.diameter is None:
                top, left, bottom, right = look.box
                owner.diameter = float(max(bottom - top, right - left))

    def _orientation(self, change: Any) -> None:
        self._moved()
        self._owner.orientation = radians(self._panels.orientation.angles[change["new"]["index"]])

    def _frequency(self, change: Any) -> None:
        self._moved()
        chosen = self._panels.frequency.x[change["new"]["index"]]
        self._owner.frequency = chosen / self._owner._axis().factor

    def _both(self, change: Any) -> None:
        self._moved()
        row, column = change["new"]["row"], change["new"]["column"]
        with self._owner.hold_trait_notifications():
            self._owner.frequency = self._panels.frequency.x[row] / self._owner._axis().factor
            self._owner.orientation = radians(self._panels.orientation.angles[column])

    def _phase(self, change: Any) -> None:
        self._moved()
        self._owner.phase = radians(self._panels.phase.x[change["new"]["index"]])

    def _contrast(self, change: Any) -> None:
        self._moved()
        self._owner.contrast = self._panels.contrast.x[change["new"]["index"]] / 100

    def _diameter(self, change: Any) -> None:
        self._moved()
        self._owner.diameter = self._panels.diameter.x[change["new"]["index"]]
