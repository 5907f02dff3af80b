"""The slider over a network's checkpoints, with the checkpoint's name beside it."""

from __future__ import annotations

from typing import Any

import ipywidgets
import traitlets as t

from cnnwidgets.models import Checkpoints, VisionModel, load_checkpoints
from cnnwidgets.views import layout
from cnnwidgets.widgets.selection import Selection

LONGEST = 26  # signs of a name that are shown; the whole one stands in the tooltip


class CheckpointSlider:
    """Chooses a checkpoint, and follows the selection whoever moves it.

    Parameters
    ----------
    checkpoints : what is chosen from.
    selection : whose network is followed.
    owner : has the trait ``checkpoint``, which the slider writes.
    """

    def __init__(self, checkpoints: Checkpoints, selection: Selection, owner: t.HasTraits) -> None:
        self._checkpoints, self._selection, self._owner = checkpoints, selection, owner
        self._following = False
        self.slider = ipywidgets.IntSlider(max=len(checkpoints) - 1, readout=False)
        self.name = layout.plain()
        self.name.add_class("cw-beside")
        # As wide as the longest: else the track would change under the pointer.
        width = min(LONGEST, max(map(len, checkpoints.names)))
        self.name.layout.width = f"{width + 1}ch"
        self.field = layout.labelled("checkpoint", self.slider, self.name)
        self.slider.observe(self._moved, "value")
        self.follow()

    def follow(self) -> None:
        """Show the checkpoint that is selected, whoever selected it."""
        model = self._selection.model
        number = self._checkpoints.number_of(model)
        shown = model.name if number is None else model.checkpoint
        self.name.value = self.name.tooltip = shown
        if number is not None:
            self._following = True
            try:
                self.slider.value = number
            finally:
                self._following = False

    def _moved(self, change: Any) -> None:
        if not self._following and change["new"] in range(len(self._checkpoints)):
            self._owner.set_trait("checkpoint", change["new"])


def starting_point(
    model: VisionModel, given: Any, number: int | None, shared: Selection | None
) -> tuple[Checkpoints | None, VisionModel]:
    """Give the checkpoints of a new explorer, and the network that it starts with.

    Parameters
    ----------
    given : `Checkpoints`, what `load_checkpoints` takes, or None.
    number : of the one to start with; None is where a shared selection is, or the last.

    Raises
    ------
    TypeError, ValueError, OSError
        As `load_checkpoints`; or model, checkpoints and shared selection are not of one network.
    TraitError
        There is no such number.
    """
    if not isinstance(model, VisionModel):
        raise TypeError(
            "model must be a VisionModel, from load_model or wrap_model, "
            f"got {type(model).__name__}"
        )
    current = shared.model if shared is not None else model
    if current.origin is not model.origin:
        raise ValueError(f"the shared selection is of {current.name}, not of this {model.name}")
    if more := [made for made in model.read_outs if made not in current.read_outs]:
        current = current.with_read_outs((*current.read_outs, *more))
    if given is None:
        if number is not None:
            check_number(number, None)
        return None, current
    found = given if isinstance(given, Checkpoints) else load_checkpoints(model, given)
    if found.model.origin is not model.origin:
        raise ValueError(f"the checkpoints are of {found.model.name}, not of this {model.name}")
    if number is None:
        if found.number_of(current) is not None:
            return found, current
        number = len(found) - 1
    check_number(number, found)
    return found, found[number].with_read_outs(current.read_outs)


def check_number(number: int, checkpoints: Checkpoints | None) -> int:
    """Refuse, by a TraitError, a number that no checkpoint has."""
    if checkpoints is None:
        raise t.TraitError(
            f"there are no checkpoints; checkpoint {number} was asked of an explorer that was made "
            "without the argument checkpoints"
        )
    if not 0 <= number < len(checkpoints):
        last = len(checkpoints) - 1
        raise t.TraitError(f"there are {last + 1} checkpoints, 0 to {last}; {number} was asked")
    return number
