"""Convolutions: the reverse is the transposed convolution, without bias."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from cnnwidgets.graph.fields import Field, Pair
from cnnwidgets.graph.operations.base import Operation, SeenCall, reads
from cnnwidgets.graph.prepared import PreparedKernel, PreparedWeights
from cnnwidgets.graph.rules import Rule
from cnnwidgets.graph.windows import Shape, Windows


@dataclass(frozen=True, eq=False)
class Convolution:
    """A convolution with weight [out, in / groups, kh, kw]."""

    weight: Tensor
    stride: Pair
    padding: Pair
    dilation: Pair
    groups: int

    def field(self, fields: Sequence[Field], shapes: Sequence[Shape]) -> Field:
        """Widen the input's field by the kernel."""
        return fields[0].through_window(
            self.weight.shape[2:], self.stride, self.padding, self.dilation
        )

    def reverse(
        self, windows: Windows, shapes: Sequence[Shape], rule: Rule, weights: PreparedWeights
    ) -> list[Windows]:
        """Spread the windows by the transposed kernel."""
        rows = [row * self.stride[0] - self.padding[0] for row in windows.rows]
        columns = [column * self.stride[1] - self.padding[1] for column in windows.columns]
        prepared = weights.convolution(self.weight, self.stride, self.groups, windows.values.dtype)
        one_channel = windows.channels is not None and self.groups == 1
        if one_channel and windows.values.shape[2:] == (1, 1) and self.dilation == (1, 1):
            # From one unit the reverse is that unit's kernel itself.
            values = prepared.plain[list(windows.channels or ())] * windows.values
        else:
            values, cut = self._spread(windows, prepared, shapes[0], rows, columns)
            rows, columns = [row + cut[0] for row in rows], [column + cut[1] for column in columns]
        return [Windows(values, rows, columns, owned=True).inside(shapes[0])]

    def _spread(
        self,
        windows: Windows,
        prepared: PreparedKernel,
        shape: Shape,
        rows: list[int],
        columns: list[int],
    ) -> tuple[Tensor, Pair]:
        """Give the transposed convolution and how many rows and columns were left out before it."""
        channels = windows.channels
        same_channel = channels is not None and len(set(channels)) == 1 and windows.aligned
        one_channel = same_channel and self.groups == 1 and self.stride == (1, 1)
        values = windows.values if one_channel else windows.dense(self.weight.shape[0]).values
        if self.stride != (1, 1):
            return prepared.spread_strided(values, self.stride, self.dilation, self.groups), (0, 0)
        # A transposed convolution of stride 1 is a convolution with the flipped kernel, padded in
        # full; rows and columns that fall outside the map for every window are not computed.
        full = [d * (k - 1) for d, k in zip(self.dilation, self.weight.shape[2:], strict=True)]
        size = [n + f for n, f in zip(values.shape[2:], full, strict=True)]
        cut = tuple(
            max(
                0,
                min(
                    f, min(-start for start in starts), min(start + n - length for start in starts)
                ),
            )
            for starts, n, length, f in zip((rows, columns), size, shape[2:], full, strict=True)
        )
        padding = [f - c for f, c in zip(full, cut, strict=True)]
        if one_channel and channels is not None:
            kernel = prepared.of_channel(channels[0])
            return F.conv2d(values, kernel, padding=padding, dilation=self.dilation), (
                cut[0],
                cut[1],
            )
        return prepared.spread(values, padding, self.dilation, self.groups), (cut[0], cut[1])


@reads("convolution")
def _convolution(call: SeenCall) -> Operation | None:
    a = call.arguments
    weight = a["weight"]
    if a["transposed"] or call.varies(weight) or call.varies(a["bias"]) or weight.dim() != 4:
        return None
    return Convolution(
        weight, call.pair("stride"), call.pair("padding"), call.pair("dilation"), a["groups"]
    )
