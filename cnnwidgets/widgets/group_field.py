"""The field in which a group of units is written, and directions of units from code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from cnnwidgets.graph import ReadOut
from cnnwidgets.models import VisionModel
from cnnwidgets.models.read_outs import read_out
from cnnwidgets.models.unit_groups import UnitGroup, read_group
from cnnwidgets.views import Entry
from cnnwidgets.widgets.scheduler import Lane, Slot, Stopped
from cnnwidgets.widgets.selection import Selection

EXAMPLE = "311 + 0.5*40 − 12, or mean of 311, 40"

Numbers = Tensor | np.ndarray | Sequence[Any]


class GroupField:
    """Makes a layer of the group that is entered, and selects it.

    The pass that tells the new layer's place in the network is the worker's.

    Parameters
    ----------
    selection : has the layer whose units the group is of, and gets the network with the new one.
    lane : the worker.
    refused : is told the sentence when a text means nothing.
    """

    def __init__(self, selection: Selection, lane: Lane, refused: Callable[[str], None]) -> None:
        self._selection, self._refused = selection, refused
        self._slot = Slot(lane, self._made, self._failed, rest=0)
        self.field = Entry(title="group of units", example=EXAMPLE)
        self.field.observe(self._entered, "entered")

    def attach(self, name: str, weight: Numbers, at: str | None, bias: Numbers | None) -> None:
        """Make a direction of units a layer and select it, as `UnitExplorer.attach` says."""
        model, at = self._selection.model, at or layer_of_units(self._selection)
        self._select(_read_out(model, name, at, weight, bias))

    def wait(self, timeout: float | None) -> None:
        """Block until the group that was entered is selected or refused."""
        self._slot.wait(timeout)

    def close(self) -> None:
        """Forget what was entered."""
        self._slot.close()

    def _entered(self, change: Any) -> None:
        text = change["new"]["text"]
        model, at = self._selection.model, layer_of_units(self._selection)
        try:
            group = read_group(str(text), model.layer(at))
        except ValueError as error:
            self._refused(str(error))
            return
        self._slot.submit(lambda *_: _attached(model, at, group))

    def _made(self, found: ReadOut, _: bool) -> None:
        self._select(found)

    def _failed(self, error: BaseException) -> None:
        if not isinstance(error, Stopped):
            self._refused(str(error) or type(error).__name__)

    def _select(self, found: ReadOut) -> None:
        model = self._selection.model  # perhaps at another checkpoint by now
        if found not in model.read_outs:
            model = model.with_read_outs((*model.read_outs, found))
        self._selection.choose(model=model, layer=found.name, unit=0)


def layer_of_units(selection: Selection) -> str:
    """Give the layer whose units a group is of: the current one; of a group, the one it reads."""
    for found in selection.model.read_outs:
        if found.name == selection.layer and len(found.weight) == 1:
            return found.at
    return selection.layer


def _attached(model: VisionModel, at: str, group: UnitGroup) -> ReadOut:
    """Do the worker's part: also record which layers there are then."""
    found = _read_out(model, f"{at}[{group.text}]", at, group.weight, None)
    if found not in model.read_outs:
        _ = model.with_read_outs((*model.read_outs, found)).layers
    return found


def _read_out(
    model: VisionModel, name: str, at: str, weight: Numbers, bias: Numbers | None
) -> ReadOut:
    """Give the read-out of this name if it is there and the same, else a new one."""
    reads, weight = model.layer(at), _tensor(weight)
    if tuple(weight.shape) in ((reads.shape[0],), reads.shape):
        weight = weight[None]
    given = None if bias is None else _tensor(bias)
    made = read_out(name, reads, weight, given, (model.device, model.dtype))
    for there in model.read_outs:
        if (there.name, there.at) == (name, at) and _equal(there, made):
            return there
    return model.attach(name, at=at, weight=weight, bias=given).read_outs[-1]


def _equal(one: ReadOut, other: ReadOut) -> bool:
    return torch.equal(one.weight, other.weight) and torch.equal(one.bias, other.bias)


def _tensor(numbers: Numbers) -> Tensor:
    return numbers if isinstance(numbers, Tensor) else torch.from_numpy(np.array(numbers))
