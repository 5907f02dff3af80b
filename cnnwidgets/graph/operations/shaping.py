"""Calls that only lay values out anew, or do nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from cnnwidgets.graph.fields import Field
from cnnwidgets.graph.operations.base import Operation, Pointwise, SeenCall, join, reads
from cnnwidgets.graph.prepared import PreparedWeights
from cnnwidgets.graph.rules import Rule
from cnnwidgets.graph.windows import Shape, Windows


@dataclass(frozen=True)
class Identity(Pointwise):
    """A call that changes nothing."""

    def reverse(
        self, windows: Windows, shapes: Sequence[Shape], rule: Rule, weights: PreparedWeights
    ) -> list[Windows]:
        """Change nothing."""
        return [windows]


@dataclass(frozen=True)
class Reshape:
    """A map laid out as a vector (flatten), or a vector as a map of one position a channel."""

    def field(self, fields: Sequence[Field], shapes: Sequence[Shape]) -> Field:
        """Keep the field where every value stays its own position's, else see the whole picture."""
        field = join(fields)
        single = len(shapes[0]) != 4 or shapes[0][2:] == (1, 1)
        return field if field.whole and single else field.seen_whole(*shapes[0][2:])

    def reverse(
        self, windows: Windows, shapes: Sequence[Shape], rule: Rule, weights: PreparedWeights
    ) -> list[Windows]:
        """Lay the windows out as the input was."""
        shape = shapes[0]
        count = len(windows.values)
        if len(shape) == 2:
            return [replace(windows, values=windows.values.reshape(count, -1), rows=(), columns=())]
        places = shape[2] * shape[3]
        if places > 1:
            windows = windows.dense(shape[1] * places)
        channels = 1 if windows.channels is not None else shape[1]
        values = windows.values.reshape(count, channels, *shape[2:])
        return [replace(windows, values=values, rows=[0] * count, columns=[0] * count)]


@reads("view", "_unsafe_view", "reshape", "flatten", "squeeze", "unsqueeze")
def _view(call: SeenCall) -> Operation | None:
    before, after = call.shapes[0], tuple(call.output.shape)
    if before == after:
        return Identity()
    flattened = len(before) == 4 and after == (before[0], before[1] * before[2] * before[3])
    unflattened = len(before) == 2 and after == (*before, 1, 1)
    return Reshape() if flattened or unflattened else None


@reads("clone", "alias", "detach", "_to_copy", "contiguous", "dropout", "lift_fresh")
def _same(call: SeenCall) -> Operation | None:
    same = call.shapes[0] == tuple(call.output.shape) and call.output.is_floating_point()
    return Identity() if same else None
