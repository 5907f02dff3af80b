"""Multiplication by what does not depend on the picture: batch norm in eval mode, and numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from cnnwidgets.graph.operations.base import Operation, Pointwise, SeenCall, precise, reads
from cnnwidgets.graph.prepared import PreparedWeights
from cnnwidgets.graph.rules import Rule
from cnnwidgets.graph.windows import Shape, Windows


@dataclass(frozen=True, eq=False)
class ChannelScaling(Pointwise):
    """A factor a channel [1, C, 1, 1] or [1, C], sign kept: gamma / sqrt(variance + eps)."""

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
    factors = (precise(variance) + a.get("eps", a.get("epsilon"))).rsqrt()
    factors = factors if gamma is None else factors * precise(gamma)
    return ChannelScaling(factors.view(1, -1, *[1] * (call.output.dim() - 2)))


@reads("mul")
def _mul(call: SeenCall) -> Operation | None:
    one, other = call.arguments["self"], call.arguments["other"]
    return None if len(call.shapes) > 1 else _scaling(other if call.varies(one) else one, call)


@reads("div")
def _div(call: SeenCall) -> Operation | None:
    other = call.arguments["other"]
    plain = len(call.shapes) == 1 and call.varies(call.arguments["self"])
    if not plain or call.arguments.get("rounding_mode") is not None:
        return None
    return _scaling(precise(other).reciprocal() if isinstance(other, Tensor) else 1 / other, call)


def _scaling(factor: Tensor | float, call: SeenCall) -> Operation | None:
    """Give the multiplication by a number, or by one number a channel of a map."""
    if isinstance(factor, int | float):
        return Scaling(factor)
    shape = call.shapes[0]
    if tuple(call.output.shape) != shape or not factor.is_floating_point():
        return None
    if factor.numel() == 1:
        return Scaling(float(factor))
    per_channel = (shape[1], 1, 1) if len(shape) == 4 else ()
    fits = tuple(factor.shape) in (per_channel, (1, *per_channel))
    return ChannelScaling(precise(factor.detach()).reshape(1, -1, 1, 1)) if fits else None
