"""Where branches meet: concatenation and addition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from cnnwidgets.graph.operations.base import Operation, Pointwise, SeenCall, reads
from cnnwidgets.graph.prepared import PreparedWeights
from cnnwidgets.graph.rules import Rule
from cnnwidgets.graph.windows import Shape, Windows


@dataclass(frozen=True)
class Concatenation(Pointwise):
    """Channels of several inputs side by side."""

    channels: tuple[int, ...]

    def reverse(
        self, windows: Windows, shapes: Sequence[Shape], rule: Rule, weights: PreparedWeights
    ) -> list[Windows]:
        """Give each input its channels back."""
        dense = windows.dense(sum(self.channels))
        return [
            replace(dense, values=part, owned=False)
            for part in dense.values.split(self.channels, 1)
        ]


@dataclass(frozen=True)
class Addition(Pointwise):
    """The sum of inputs, or one input plus something that does not depend on the picture."""

    def reverse(
        self, windows: Windows, shapes: Sequence[Shape], rule: Rule, weights: PreparedWeights
    ) -> list[Windows]:
        """Give every input the same."""
        return [replace(windows, owned=len(shapes) == 1 and windows.owned) for _ in shapes]


@reads("cat")
def _cat(call: SeenCall) -> Operation | None:
    parts, dim = call.arguments["tensors"], call.arguments["dim"]
    along_channels = dim in (1, 1 - call.output.dim()) and all(map(call.varies, parts))
    return Concatenation(tuple(shape[1] for shape in call.shapes)) if along_channels else None


@reads("add")
def _add(call: SeenCall) -> Operation | None:
    same = all(shape == tuple(call.output.shape) for shape in call.shapes)
    return Addition() if same and call.arguments.get("alpha", 1) == 1 else None


@reads("sub")
def _sub(call: SeenCall) -> Operation | None:
    minuend_only = len(call.shapes) == 1 and call.varies(call.arguments["self"])
    return Addition() if minuend_only and call.shapes[0] == tuple(call.output.shape) else None
