"""Max pools: the reverse goes through their switches."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from cnnwidgets.graph.fields import Field, Pair
from cnnwidgets.graph.operations.base import Operation, SeenCall, reads
from cnnwidgets.graph.prepared import PreparedWeights
from cnnwidgets.graph.rules import Rule
from cnnwidgets.graph.windows import Shape, Windows

# The integers as wide as a number type: unpooling then is a bitwise operation on its bits.
_INTEGERS = {
    torch.float32: torch.int32,
    torch.bfloat16: torch.int16,
    torch.float16: torch.int16,
    torch.float64: torch.int64,
}


@dataclass(frozen=True)
class PoolWindow:
    """The geometry of a pool."""

    kernel: Pair
    stride: Pair
    padding: Pair
    dilation: Pair = (1, 1)

    def spread(self, values: Tensor, add: Callable[[int, Tensor], object]) -> Tensor:
        """Sum over the places of the pooling window, also where windows overlap.

        ``add(place, view)`` adds what belongs to a place (row x kernel width + column) into the
        view [K, C, h, w] of the input positions that all windows have at that place.
        """
        (kh, kw), (sy, sx), (dy, dx) = self.kernel, self.stride, self.dilation
        k, c, h, w = values.shape
        size = ((h - 1) * sy + dy * (kh - 1) + 1, (w - 1) * sx + dx * (kw - 1) + 1)
        out = values.new_zeros((k, *size, c)).permute(0, 3, 1, 2)
        for row in range(kh):
            for column in range(kw):
                rows = slice(row * dy, row * dy + (h - 1) * sy + 1, sy)
                columns = slice(column * dx, column * dx + (w - 1) * sx + 1, sx)
                add(row * kw + column, out[:, :, rows, columns])
        return out

    @property
    def tiles(self) -> bool:
        """Whether the windows lie side by side: no input is in two of them."""
        return self.kernel == self.stride and self.dilation == (1, 1)

    def place(self, values: Tensor, windows: Windows, shape: Shape) -> Windows:
        """Put spread values where they belong in the input, a map of this shape."""
        rows = [row * self.stride[0] - self.padding[0] for row in windows.rows]
        columns = [column * self.stride[1] - self.padding[1] for column in windows.columns]
        return Windows(values, rows, columns, windows.channels, owned=True).inside(shape)


@dataclass(frozen=True, eq=False)
class MaxPool:
    """A max pool; `switches` [1, C, H, W] hold the place of the maximum in its window.

    A place is row x kernel width + column, counted from 0. Of equal maxima torch's forward pass
    takes the first, and so does the switch.
    """

    window: PoolWindow
    switches: Tensor
    _masks: dict[torch.dtype, Tensor] = dataclasses.field(default_factory=dict)

    def field(self, fields: Sequence[Field], shapes: Sequence[Shape]) -> Field:
        """Widen the input's field by the window."""
        w = self.window
        return fields[0].through_window(w.kernel, w.stride, w.padding, w.dilation)

    def reverse(
        self, windows: Windows, shapes: Sequence[Shape], rule: Rule, weights: PreparedWeights
    ) -> list[Windows]:
        """Send each value to the place of its maximum, or to the window's centre.

        Where overlapping windows share a maximum their values add up. (`torch.max_unpool2d`
        overwrites instead, which is wrong by 80 % on AlexNet.) The centre is place
        ceil(k / 2) - 1, as in Mahendran & Vedaldi's code.
        """
        if not rule.switch:
            spread = self._to_centres(windows.values)
        elif self.window.tiles and windows.values.dtype in _INTEGERS:
            spread = self._to_maxima_side_by_side(windows)
        else:
            spread = self._to_maxima(windows)
        return [self.window.place(spread, windows, shapes[0])]

    def _to_centres(self, values: Tensor) -> Tensor:
        kh, kw = self.window.kernel
        centre = ((kh + 1) // 2 - 1) * kw + (kw + 1) // 2 - 1
        return self.window.spread(
            values, lambda place, view: view.add_(values) if place == centre else None
        )

    def _to_maxima(self, windows: Windows) -> Tensor:
        values, switches = windows.values, windows.of(self.switches)

        def to_maximum(place: int, view: Tensor) -> None:
            view.addcmul_(values, (switches == place).to(values.dtype))

        return self.window.spread(values, to_maximum)

    def _to_maxima_side_by_side(self, windows: Windows) -> Tensor:
        """Unpool by one bitwise and: a mask of ones where an input is its window's maximum.

        Eight times as fast as adding place by place, where no two windows share an input.
        """
        kh, kw = self.window.kernel
        integer = _INTEGERS[windows.values.dtype]
        mask = windows.of(self._mask(integer), (kh, kw)).permute(0, 2, 3, 1)
        values = windows.values.permute(0, 2, 3, 1)
        k, h, w, c = values.shape
        spread = values.new_empty((k, h, kh, w, kw, c))
        torch.bitwise_and(
            values.view(integer)[:, :, None, :, None],
            mask.unflatten(1, (h, kh)).unflatten(3, (w, kw)),
            out=spread.view(integer),
        )
        return spread.view(k, h * kh, w * kw, c).permute(0, 3, 1, 2)

    def _mask(self, integer: torch.dtype) -> Tensor:
        """Give [1, C, h x kh, w x kw]: all bits set where a position is its window's maximum."""
        if integer not in self._masks:
            kh, kw = self.window.kernel
            switches = self.switches.permute(0, 2, 3, 1)
            _, h, w, c = switches.shape
            mask = torch.empty((1, h, kh, w, kw, c), dtype=integer, device=switches.device)
            for place in range(kh * kw):
                mask[:, :, place // kw, :, place % kw] = -(switches == place).to(integer)
            self._masks[integer] = mask.view(1, h * kh, w * kw, c).permute(0, 3, 1, 2)
        return self._masks[integer]


@reads("max_pool2d_with_indices")
def _max_pool(call: SeenCall) -> Operation | None:
    kernel = call.pair("kernel_size")
    stride = call.pair("stride") if call.arguments["stride"] else kernel
    window = PoolWindow(kernel, stride, call.pair("padding"), call.pair("dilation"))
    switches = _places(call.outputs[1], call.shapes[0][-1], window)
    return MaxPool(window, switches.contiguous(memory_format=torch.channels_last))


def _places(indices: Tensor, width: int, window: PoolWindow) -> Tensor:
    """Turn indices into a map of this width into places in the pool's window."""
    indices, (dy, dx) = indices.to(torch.int32), window.dilation
    starts = [
        torch.arange(count, dtype=torch.int32, device=indices.device) * stride - padding
        for count, stride, padding in zip(
            indices.shape[2:], window.stride, window.padding, strict=True
        )
    ]
    first = (starts[0] * width).view(-1, 1) + starts[1]
    if (window.kernel[1] - 1) * dx < width and window.kernel[0] < 256:
        # Division of integers is slow. The row is how many beginnings of rows lie before.
        offset = indices - first
        row = torch.zeros_like(offset, dtype=torch.uint8)
        for further in range(1, window.kernel[0]):
            row += offset >= further * dy * width
        row = row.to(torch.int32)
        column = offset - row * (dy * width)
    else:
        rows = torch.div(indices, width, rounding_mode="floor")
        row = (rows - starts[0].view(-1, 1)) // dy
        column = indices - rows * width - starts[1]
    column = column // dx if dx > 1 else column
    places = row * window.kernel[1] + column
    return places.to(torch.uint8) if window.kernel[0] * window.kernel[1] <= 256 else places
