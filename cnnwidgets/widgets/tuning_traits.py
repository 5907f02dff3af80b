"""What the tuning explorer's reader sets, and what is refused: the grating, how it is shown."""

from __future__ import annotations

from math import isfinite, pi
from typing import Any

import traitlets as t

from cnnwidgets.engines.gratings import COLOURS, NYQUIST, Grating
from cnnwidgets.widgets.frequency_units import UNITS, Axis, axis_of
from cnnwidgets.widgets.quantity import Quantity
from cnnwidgets.widgets.selection import Selection
from cnnwidgets.widgets.tuning_controls import FASTEST

STIMULUS = ("orientation", "frequency", "phase", "contrast", "diameter", "centre", "colour")
MOVED = STIMULUS[:-1]
"""What shows that the grating is moved by hand: its best is sought in any colour."""


class TuningTraits(t.HasTraits):
    """What is on the screen, and in which numbers it is told; angles come round.

    Attributes
    ----------
    selection : whose network's channels decide about colours; without one there are three.
    """

    selection: Selection

    orientation = Quantity(0.0)
    """Radians in [0, pi): direction of the wave vector, counter-clockwise, 0 = vertical bars."""
    frequency = Quantity(0.1, min=1 / 1024, max=NYQUIST)
    """Cycles per pixel."""
    phase = Quantity(0.0)
    """Radians, 0 is brightest at the centre."""
    contrast = Quantity(1.0, min=0, max=1)
    """0 to 1, around mid-grey."""
    diameter = Quantity(None, allow_none=True, min=0)
    """Px of a round patch; None is the full field."""
    centre: Any = t.Tuple(Quantity(), Quantity(), default_value=None, allow_none=True)
    """(y, x) px of patch and phase; None is the middle of the unit's field."""
    colour = t.Enum(tuple(COLOURS), "grey")
    """What goes up and down: one of `cnnwidgets.engines.gratings.COLOURS`."""
    drift = Quantity(0.0, min=0, max=FASTEST)
    """Cycles a second; 0 stands still."""
    measure = t.Enum(("f0", "f1"), "f0")
    """What the curves and numbers are of: the mean response, or its modulation by the phase."""
    frequency_in = t.Enum(UNITS, UNITS[0])
    """The unit in which frequencies are shown."""
    viewing_distance = Quantity(2.8, min=0.1)
    """In widths of the picture, for cycles per degree; 2.8 widths make the picture 20 degrees."""

    def stimulus(self) -> Grating:
        """Give the grating as it stands; its centre is None where it is the unit's field's."""
        return Grating(**{name: getattr(self, name) for name in STIMULUS})

    def _axis(self) -> Axis:
        return axis_of(self, self.selection.model.input_shape[1:])

    @t.validate(*MOVED, "drift", "viewing_distance")
    def _check_finite(self, proposal: Any) -> Any:
        name, value = proposal["trait"].name, proposal["value"]
        if value is None:
            return None
        if not all(map(isfinite, value if name == "centre" else [value])):
            raise t.TraitError(f"{name} takes finite numbers; {value} was asked")
        around = {"orientation": pi, "phase": 2 * pi}.get(name)
        return value if around is None else float(value % around)

    @t.validate("colour")
    def _check_colour(self, proposal: Any) -> str:
        channels = self.selection.model.input_shape[0] if hasattr(self, "selection") else 3
        if channels != 3 and proposal["value"] != "grey":
            raise t.TraitError(
                f"this network takes {channels} input channels, so its gratings are grey; "
                f"{proposal['value']} was asked"
            )
        return str(proposal["value"])
