"""How much is done at a time, so that a slider is answered in between."""

from __future__ import annotations

from math import prod

from torch import Tensor, nn

from cnnwidgets.models import VisionModel

_WORK_AT_ONCE = 2_000_000_000  # multiplications of one call: some 15 ms on two cores
_MOVING = 30
_MOST, _MOST_ON_ACCELERATORS = 8, 64


def pictures_at_once(model: VisionModel) -> int:
    """Give a number of pictures with which no call of the pass is long, and few are wasted."""
    if model.device.type != "cpu":
        return _MOST_ON_ACCELERATORS
    # Of the copy: in training a computed weight (spectral norm) is written by being looked at.
    parts = dict(model.twin.module.named_modules())
    work = [
        prod(layer.shape) * _per_value(parts.get(layer.name)) for layer in model.layers.values()
    ]
    return max(1, min(_MOST, _WORK_AT_ONCE // max(work, default=1)))


def pixels_at_once(model: VisionModel) -> int:
    """Give how many pixels these pictures have in all: for pictures of another size."""
    return pictures_at_once(model) * prod(model.input_shape[1:])


def _per_value(part: nn.Module | None) -> int:
    """Give how many multiplications a layer's value costs; moving it costs as much as some."""
    weight = getattr(part, "weight", None)
    return max(_MOVING, weight[0].numel() if isinstance(weight, Tensor) and weight.dim() > 1 else 1)
