"""The tuning explorer's answer to its question: what a unit answers to one grating."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from cnnwidgets.engines.gratings import Grating, render, respond
from cnnwidgets.engines.gratings.rig import placed
from cnnwidgets.graph import Layer
from cnnwidgets.models import VisionModel

FIELDS_ACROSS = 5
"""How much of the picture is shown: so many times the field, or all of it."""


@dataclass(frozen=True)
class GratingQuestion:
    """What is asked: all that the controls say. The grating has no centre where it is the field's.

    Without a position it is the middle one of those that see no padding.
    """

    model: VisionModel
    layer: str
    unit: int
    position: tuple[int, int] | None
    grating: Grating


@dataclass(frozen=True, eq=False)
class GratingLook:
    """The answer.

    Attributes
    ----------
    shown : uint8 [H, W, 3], the grating as a picture of the network's own size.
    layer : with kind, shape and field; `position` : (row, column), () in a vector layer.
    box : the unit's field, unclipped; `padded` : whether it reaches past the picture.
    centre : (y, x) px, of the grating.
    responses : float64 [unit], of all units of the layer there; `value` : the unit's own.
    """

    question: GratingQuestion
    shown: NDArray[np.uint8]
    layer: Layer
    position: tuple[int, ...]
    box: tuple[int, int, int, int]
    padded: bool
    centre: tuple[float, float]
    responses: Tensor
    seconds: float

    @property
    def value(self) -> float:
        """The unit's response; what is below 0 counts as 0."""
        return float(self.responses[self.question.unit])

    @property
    def window(self) -> list[float]:
        """The part of the picture to show: some fields across, square, inside the picture."""
        (top, left, bottom, right), (height, width) = self.box, self.shown.shape[:2]
        side = min(max(height, width), FIELDS_ACROSS * max(bottom - top, right - left))
        starts = [
            min(max(0.0, (low + high - side) / 2), max(0.0, length - side))
            for low, high, length in ((top, bottom, height), (left, right, width))
        ]
        return [*starts, *(start + side for start in starts)]


def look_at(question: GratingQuestion, progress: Callable[[int, int], None]) -> GratingLook:
    """Show a unit one grating.

    Raises
    ------
    ValueError, MemoryError
        As `respond`.
    """
    started = time.perf_counter()
    model, layer = question.model, question.model.layer(question.layer)
    position = placed(layer, question.position)
    row, column = position or (0, 0)
    field, extent = layer.field, model.input_shape[1:]
    centre = question.grating.centre or field.centre(row, column)
    grating = Grating(**{**vars(question.grating), "centre": centre})
    progress(0, 2)
    responses = respond(model, question.layer, [grating], position=question.position)[0]
    progress(1, 2)
    channels, height, width = model.input_shape
    shown = render([grating], 3 if channels != 3 else channels, height, width)[0]
    return GratingLook(
        question=question,
        shown=shown.mul(255).round().byte().permute(1, 2, 0).contiguous().numpy(),
        layer=layer,
        position=position,
        box=field.box(row, column) if not field.whole else (0, 0, extent[0], extent[1]),
        padded=bool(position) and field.touches_padding(row, column),
        centre=centre,
        responses=responses,
        seconds=time.perf_counter() - started,
    )
