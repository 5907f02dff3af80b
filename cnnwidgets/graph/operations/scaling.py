"""Multiplication by what does not depend on the picture: batch norm in eval mode, and numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from cnnwidgets.graph.operations.base import Operation, Pointwise, SeenCall, reads
from cnnwidgets.graph.prepared import PreparedWeights
from cnnwidgets.graph.rules import Rule
from cnnwidgets.graph.windows import Shape, Windows


@dataclass(frozen=True, eq=False)
class ChannelScaling(Pointwise):
    """A factor a channel [1, C, 1, 1]: batch norm's gamma / sqrt(variance + eps), sign kept."""

    factors: Tensor

    def reverse(
        self, windows: Windows, shapes: Sequence[Shape], rule: Rule, weights: PreparedWeights
    ) -> list[Windows]:
        """Multiply by the same factors."""
        factors = self.factors.to(windows.values.dtype)
        if windows.flat:
            factors = factors.flatten(1)
        if windows.channels is not None:
            factors = factors[0, list(windows.channels)].unflatten(0, (-1, 1))
        return [windows.scaled(factors)]


@dataclass(frozen=True)
class Scaling(Pointwise):
    """Multiplication by one number."""

    factor: float

    def reverse(
        self, windows: Windows, shapes: Sequence[Shape], rule: Rule, weights: PreparedWeights
    ) -> list[Windows]:
        """Multiply by the same number."""
        return [windows.scaled(self.factor)]


@reads(
    "native_batch_norm",
    "cudnn_batch_norm",
    "_native_batch_norm_legit_no_training",
    "miopen_batch_norm",
)
def _batch_norm(call: SeenCall) -> Operation | None:
    a = call.arguments
    gamma, variance = a["weight"], a["running_var"]
    if a.get("training", False) or variance is None or call.output.dim() not in (2, 4):
        return None
    factors = (variance.double() + a.get("eps", a.get("epsilon"))).rsqrt()
    factors = factors if gamma is None else factors * gamma.double()
    return ChannelScaling(factors.view(1, -1, 1, 1))


@reads("mul")
def _mul(call: SeenCall) -> Operation | None:
    other = call.arguments["other"]
    return Scaling(other) if len(call.shapes) == 1 and isinstance(other, int | float) else None


@reads("div")
def _div(call: SeenCall) -> Operation | None:
    other = call.arguments["other"]
    rounded = call.arguments.get("rounding_mode") is not None
    return Scaling(1 / other) if isinstance(other, int | float) and not rounded else None
