"""The grating that a unit answers most: shown to each unit, until it is moved by hand."""

from __future__ import annotations

from typing import Any

from cnnwidgets.engines.gratings import Tuning


class BestGrating:
    """Moves an explorer's grating to the best one, where that is wanted.

    Parameters
    ----------
    owner : has the grating as traits.
    follows : whether it is wanted to begin with; False for a grating that the reader gave.
    """

    def __init__(self, owner: Any, follows: bool) -> None:
        self._owner, self.follows, self._leading = owner, follows, False

    def leave(self) -> None:
        """Follow no more, the reader moves the grating; nothing if it is moved from here."""
        if not self._leading:
            self.follows = False

    def lead(self, tuning: Tuning, unit: int) -> None:
        """Show a unit its best orientation and frequency in the full field, if it has them."""
        if not self.follows or not bool(tuning.peak[unit] > 0):
            return
        row, column = tuning.best[unit].tolist()
        self._move(
            orientation=float(tuning.orientations[row]),
            frequency=float(tuning.frequencies[column]),
            diameter=None,
            centre=None,
            contrast=1.0,
        )

    def lead_phase(self, phase: float | None) -> None:
        """Show the best phase (radians), if there is one."""
        if self.follows and phase is not None:
            self._move(phase=phase)

    def _move(self, **stimulus: Any) -> None:
        self._leading = True
        try:
            with self._owner.hold_trait_notifications():
                for name, value in stimulus.items():
                    setattr(self._owner, name, value)
        finally:
            self._leading = False
