"""Padding that is a call of its own, as in networks that came from TensorFlow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from cnnwidgets.graph.fields import Field
from cnnwidgets.graph.operations.base import Operation, SeenCall, reads
from cnnwidgets.graph.prepared import PreparedWeights
from cnnwidgets.graph.rules import Rule
from cnnwidgets.graph.windows import Shape, Windows


@dataclass(frozen=True)
class Padding:
    """A border of a constant around a map; every rule cuts it off again."""

    top: int
    left: int

    def field(self, fields: Sequence[Field], shapes: Sequence[Shape]) -> Field:
        """Move the first unit into the border."""
        field = fields[0]
        if field.whole:
            return replace(field, padded=True)
        return field.through_window((1, 1), (1, 1), (self.top, self.left), (1, 1))

    def reverse(
        self, windows: Windows, shapes: Sequence[Shape], rule: Rule, weights: PreparedWeights
    ) -> list[Windows]:
        """Leave out what lies in the border."""
        rows = [row - self.top for row in windows.rows]
        columns = [column - self.left for column in windows.columns]
        return [replace(windows, rows=rows, columns=columns).inside(shapes[0])]


@reads("constant_pad_nd")
def _pad(call: SeenCall) -> Operation | None:
    left, _, top, _ = [*call.arguments["pad"], 0, 0, 0, 0][:4]
    spatial = len(call.shapes[0]) == 4 and len(call.arguments["pad"]) in (2, 4)
    return Padding(top, left) if spatial and min(call.arguments["pad"]) >= 0 else None
