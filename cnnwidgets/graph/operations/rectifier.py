"""Rectifiers: the calls on which the rules of the deconvnet family differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from cnnwidgets.graph.operations.base import Operation, Pointwise, SeenCall, reads
from cnnwidgets.graph.prepared import PreparedWeights
from cnnwidgets.graph.rules import Rule
from cnnwidgets.graph.windows import Shape, Windows


@dataclass(frozen=True, eq=False)
class Rectifier(Pointwise):
    """max(x, 0), or with a ceiling, as ReLU6; `active` [1, C, H, W] is where it passed."""

    active: Tensor

    def reverse(
        self, windows: Windows, shapes: Sequence[Shape], rule: Rule, weights: PreparedWeights
    ) -> list[Windows]:
        """Rectify what comes back, or stop it where the rectifier was not active, or both."""
        if rule.rectify:
            values = windows.values.clamp_min_(0) if windows.owned else windows.values.clamp_min(0)
            windows = Windows(values, windows.rows, windows.columns, windows.channels, owned=True)
        return [windows.scaled(windows.of(self.active)) if rule.mask else windows]


def _active(output: Tensor, ceiling: float | None = None) -> Rectifier:
    layout = torch.channels_last if output.dim() == 4 else torch.contiguous_format
    active = torch.empty(output.shape, dtype=torch.bool, device=output.device, memory_format=layout)
    torch.gt(output, 0, out=active)
    if ceiling is not None:
        active &= output < ceiling
    return Rectifier(active)


@reads("relu")
def _relu(call: SeenCall) -> Operation | None:
    return _active(call.output)


@reads("clamp_min")
def _clamp_min(call: SeenCall) -> Operation | None:
    return _active(call.output) if _is_zero(call.arguments["min"]) else None


@reads("clamp")
def _clamp(call: SeenCall) -> Operation | None:
    return _active(call.output, call.arguments["max"]) if _is_zero(call.arguments["min"]) else None


@reads("hardtanh")
def _hardtanh(call: SeenCall) -> Operation | None:
    a = call.arguments
    return _active(call.output, a["max_val"]) if _is_zero(a["min_val"]) else None


@reads("threshold")
def _threshold(call: SeenCall) -> Operation | None:
    return (
        _active(call.output)
        if call.arguments["threshold"] == call.arguments["value"] == 0
        else None
    )


def _is_zero(bound: object) -> bool:
    return isinstance(bound, int | float) and bound == 0
