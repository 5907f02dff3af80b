"""Fully connected layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from cnnwidgets.graph.fields import Field
from cnnwidgets.graph.operations.base import Operation, SeenCall, join, reads
from cnnwidgets.graph.prepared import PreparedWeights
from cnnwidgets.graph.rules import Rule
from cnnwidgets.graph.windows import Shape, Windows


@dataclass(frozen=True, eq=False)
class Linear:
    """A matrix `weight` [out, in] on a vector."""

    weight: Tensor

    def field(self, fields: Sequence[Field], shapes: Sequence[Shape]) -> Field:
        """See the whole picture; or one position, where the positions are the matrix's rows."""
        field = join(fields)
        return field if field.whole or shapes[0][0] > 1 else field.seen_whole()

    def reverse(
        self, windows: Windows, shapes: Sequence[Shape], rule: Rule, weights: PreparedWeights
    ) -> list[Windows]:
        """Multiply by the transposed matrix; from one unit that is its row."""
        weight = self.weight.detach().to(windows.values.dtype)
        if windows.channels is not None:
            return [Windows(weight[list(windows.channels)] * windows.values, owned=True)]
        return [replace(windows, values=windows.values @ weight, owned=True)]


@reads("addmm")
def _addmm(call: SeenCall) -> Operation | None:
    a = call.arguments
    plain = a.get("alpha", 1) == 1 and a.get("beta", 1) == 1
    only_input_varies = (
        call.varies(a["mat1"]) and not call.varies(a["mat2"]) and not call.varies(a["self"])
    )
    return Linear(a["mat2"].t()) if plain and only_input_varies else None


@reads("mm")
def _mm(call: SeenCall) -> Operation | None:
    a = call.arguments
    return Linear(a["mat2"].t()) if call.varies(a["self"]) and not call.varies(a["mat2"]) else None
