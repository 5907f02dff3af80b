"""One pass that computes no position whose field reaches past the picture: padding is left out.

Where only units are read that see no padding, all others are work for nothing: of a picture that
is little larger than a field, they are most. So every call is run without its padding, and its
map shrinks; what is computed is what a whole pass would give at those positions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from cnnwidgets.graph.conditions import plain_conditions
from cnnwidgets.graph.fields import Pair
from cnnwidgets.graph.operations.averaging import AveragePool
from cnnwidgets.graph.operations.convolution import Convolution
from cnnwidgets.graph.operations.padding import Padding
from cnnwidgets.graph.operations.pooling import MaxPool, PoolWindow
from cnnwidgets.graph.records import Call, Record
from cnnwidgets.graph.replay import PICTURE, _needed, _outputs, _run
from cnnwidgets.graph.visit import _alone, any_size

TakeInside = Callable[[str, Tensor, Pair], None]
"""`take(layer, part, corner)`: part [N, C, h, w] of its map, whose first position is `corner`."""


@dataclass(frozen=True)
class _Part:
    """A part of a map, and where in the map its first position lies."""

    values: Tensor
    corner: Pair

    @property
    def end(self) -> Pair:
        rows, columns = self.values.shape[2:]
        return self.corner[0] + rows, self.corner[1] + columns

    def between(self, corner: Pair, end: Pair) -> _Part:
        """Give what lies in a range of positions that this part covers."""
        if (corner, end) == (self.corner, self.end):
            return self
        top, left = corner[0] - self.corner[0], corner[1] - self.corner[1]
        rows, columns = end[0] - corner[0], end[1] - corner[1]
        if min(top, left, rows, columns) < 0 or 0 in (rows, columns):
            raise ValueError("the picture is too small: no unit of the layers asked sees it alone")
        part = self.values[:, :, top : top + rows, left : left + columns]
        return _Part(part, corner)


def visit_inside(record: Record, pictures: Tensor, layers: Sequence[str], take: TakeInside) -> None:
    """Run N pictures, and hand over each layer's activation where its units see no padding.

    Nothing is hooked or half written while `take` runs: it may do other work in between, or raise
    to end the pass.

    Parameters
    ----------
    record : of any picture.
    pictures : [N, C, H, W], of any height and width; they stay as they are.
    layers : names, for which `any_size` holds.
    take : gets the part of each map; it is written over afterwards: reduce it, or copy it.

    Raises
    ------
    ValueError
        There is no such layer, its calls do not fit pictures of any size, or the picture is
        smaller than a unit's field.
    StaleRecordError
        The weights changed since the record was made.
    """
    names: dict[int, list[str]] = {}
    for name in layers:
        names.setdefault(record.value_of(name), []).append(name)
    if not any_size(record, layers):
        raise ValueError(
            f"the calls of {record.model_name} up to {', '.join(layers)} do not fit pictures of "
            "any size; use visit"
        )
    record.check_current()
    needed = _needed(record.calls, {PICTURE}, set(names))
    last_use = {value: i for i, call in enumerate(needed) for value in call.inputs}
    parts = {PICTURE: _Part(pictures, (0, 0))}
    for name in names.get(PICTURE, ()):
        take(name, pictures, (0, 0))
    with plain_conditions(pictures.device):
        for i, call in enumerate(needed):
            values = {value: part.values for value, part in parts.items()}
            spent = [
                value
                for value in call.inputs
                if last_use[value] == i and _alone(value, values, pictures)
            ]
            made = _inside(call, parts, spent)
            parts[call.outputs[0]] = made
            for name in names.get(call.outputs[0], ()):
                take(name, made.values, made.corner)
            for value in {*call.inputs, *call.outputs}:
                if last_use.get(value, i) <= i:
                    parts.pop(value, None)


def _inside(call: Call, parts: Mapping[int, _Part], spent: Sequence[int]) -> _Part:
    operation, part = call.operation, parts[call.inputs[0]]
    if isinstance(operation, Convolution):
        kernel = operation.weight.shape[2:]
        window = PoolWindow(
            (kernel[0], kernel[1]), operation.stride, operation.padding, operation.dilation
        )
        covered, corner = _covered(part, window)
        bias = call.args[2] if len(call.args) > 2 else call.kwargs.get("bias")
        plain = (operation.stride, 0, operation.dilation, operation.groups)
        return _Part(F.conv2d(covered, operation.weight, bias, *plain), corner)
    if isinstance(operation, MaxPool):
        window = operation.window
        covered, corner = _covered(part, window)
        made = F.max_pool2d(covered, window.kernel, window.stride, 0, window.dilation)
        return _Part(made, corner)
    if isinstance(operation, AveragePool):
        window = operation.window
        covered, corner = _covered(part, window)
        divisor = call.args[6] if len(call.args) > 6 else call.kwargs.get("divisor_override")
        made = F.avg_pool2d(covered, window.kernel, window.stride, divisor_override=divisor)
        return _Part(made, corner)
    if isinstance(operation, Padding):
        corner = (part.corner[0] + operation.top, part.corner[1] + operation.left)
        return _Part(part.values, corner)
    return _pointwise(call, parts, spent)


def _covered(part: _Part, window: PoolWindow) -> tuple[Tensor, Pair]:
    """Give the input of all windows that lie within a part, and the first window's position."""
    corner = [0, 0]
    start, end = [0, 0], [0, 0]
    for axis in (0, 1):
        stride, padding = window.stride[axis], window.padding[axis]
        span = window.dilation[axis] * (window.kernel[axis] - 1) + 1
        corner[axis] = -((part.corner[axis] + padding) // -stride)
        start[axis] = stride * corner[axis] - padding
        count = (part.end[axis] - start[axis] - span) // stride + 1
        end[axis] = start[axis] + (count - 1) * stride + span if count > 0 else start[axis]
    covered = part.between((start[0], start[1]), (end[0], end[1]))
    return covered.values, (corner[0], corner[1])


def _pointwise(call: Call, parts: Mapping[int, _Part], spent: Sequence[int]) -> _Part:
    """Run a call that treats every position on its own, where all its inputs are there."""
    given = {value: parts[value] for value in call.inputs}
    corners, ends = ([getattr(part, side) for part in given.values()] for side in ("corner", "end"))
    corner = (max(c[0] for c in corners), max(c[1] for c in corners))
    end = (min(e[0] for e in ends), min(e[1] for e in ends))
    values = {value: part.between(corner, end).values for value, part in given.items()}
    count = len(values[call.inputs[0]])
    return _Part(_outputs(_run(call, values, count, spent))[0], corner)
