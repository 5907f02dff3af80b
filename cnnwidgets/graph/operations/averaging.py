"""Average pools: the reverse is their adjoint, every input gets its share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from cnnwidgets.graph.fields import Field
from cnnwidgets.graph.operations.base import Operation, SeenCall, precise, reads
from cnnwidgets.graph.operations.pooling import PoolWindow
from cnnwidgets.graph.operations.shaping import Identity
from cnnwidgets.graph.prepared import PreparedWeights
from cnnwidgets.graph.rules import Rule
from cnnwidgets.graph.windows import Shape, Windows


@dataclass(frozen=True, eq=False)
class AveragePool:
    """An average pool; `share` [1, 1, H, W] is what each input of a window contributes."""

    window: PoolWindow
    share: Tensor

    def field(self, fields: Sequence[Field], shapes: Sequence[Shape]) -> Field:
        """Widen the input's field by the window."""
        return fields[0].through_window(
            self.window.kernel, self.window.stride, self.window.padding, (1, 1)
        )

    def reverse(
        self, windows: Windows, shapes: Sequence[Shape], rule: Rule, weights: PreparedWeights
    ) -> list[Windows]:
        """Give every input of a window its share."""
        one_channel = Windows(
            windows.values, windows.rows, windows.columns, [0] * len(windows.values)
        )
        values = windows.values * one_channel.of(self.share.to(windows.values.dtype))
        spread = self.window.spread(values, lambda place, view: view.add_(values))
        return [self.window.place(spread, windows, shapes[0])]


@dataclass(frozen=True, eq=False)
class AdaptiveAverage:
    """An average over regions: `down` [h, H] and `across` [w, W] hold each output's shares."""

    down: Tensor
    across: Tensor

    def field(self, fields: Sequence[Field], shapes: Sequence[Shape]) -> Field:
        """See the whole picture."""
        return fields[0].seen_whole(*shapes[0][2:])

    def reverse(
        self, windows: Windows, shapes: Sequence[Shape], rule: Rule, weights: PreparedWeights
    ) -> list[Windows]:
        """Give every input of a region its share."""
        values = windows.values[:, :, None, None] if windows.flat else windows.values
        count, (h, w) = len(values), values.shape[2:]
        rows, columns = windows.rows or [0] * count, windows.columns or [0] * count
        down = torch.stack([self.down[row : row + h] for row in rows]).to(values.dtype)
        across = torch.stack([self.across[column : column + w] for column in columns]).to(
            values.dtype
        )
        spread = torch.einsum("kcab,kay,kbx->kcyx", values, down, across)
        return [
            Windows(spread.contiguous(), [0] * count, [0] * count, windows.channels, owned=True)
        ]


@reads("avg_pool2d")
def _average_pool(call: SeenCall) -> Operation | None:
    a, kernel = call.arguments, call.pair("kernel_size")
    window = PoolWindow(
        kernel, call.pair("stride") if a["stride"] else kernel, call.pair("padding")
    )
    counts = []
    for axis in (0, 1):
        length, padding = call.shapes[0][2 + axis], window.padding[axis]
        low = (
            torch.arange(call.output.shape[2 + axis], device=call.output.device)
            * window.stride[axis]
            - padding
        )
        high = (low + kernel[axis]).clamp(max=length + padding)
        counts.append(
            high - low if a["count_include_pad"] else high.clamp(max=length) - low.clamp(min=0)
        )
    count = counts[0].view(-1, 1) * counts[1]
    if a["divisor_override"]:
        count = torch.full_like(count, a["divisor_override"])
    return AveragePool(window, (1 / precise(count))[None, None])


@reads("_adaptive_avg_pool2d")
def _adaptive_average_pool(call: SeenCall) -> Operation | None:
    (rows, columns), (h, w) = call.shapes[0][2:], call.output.shape[2:]
    if (rows, columns) == (h, w):
        return Identity()
    device = call.output.device
    return AdaptiveAverage(_regions(rows, h, device), _regions(columns, w, device))


@reads("mean")
def _mean(call: SeenCall) -> Operation | None:
    shape, dims = call.shapes[0], call.arguments.get("dim")
    if len(shape) != 4 or dims is None or sorted(d % 4 for d in dims) != [2, 3]:
        return None
    device = call.output.device
    return AdaptiveAverage(_regions(shape[2], 1, device), _regions(shape[3], 1, device))


def _regions(length: int, count: int, device: torch.device) -> Tensor:
    shares = torch.zeros(count, length, dtype=torch.float64)
    for i in range(count):
        low, high = i * length // count, -(-(i + 1) * length // count)
        shares[i, low:high] = 1 / (high - low)
    return shares.float().to(device) if device.type == "mps" else shares.to(device)
