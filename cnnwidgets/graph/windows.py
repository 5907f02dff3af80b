"""What the reverse walk carries: one small window of a map for each unit it started from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Windows:
    """K windows of one map, walking back from K units. They always lie inside the map.

    Attributes
    ----------
    values : [K, C, h, w], or [K, F] of a vector layer. Of what is laid out otherwise, [K, ...] the
        whole value, of which the last two dimensions are handled as rows and columns.
    rows, columns : where each window starts in the map; empty for a vector layer.
    channels : while set, `values` has one channel and that of window k is ``channels[k]``: so a
        walk's first steps cost one channel, not all.
    owned : `values` is nobody else's and may be overwritten.
    """

    values: Tensor
    rows: Sequence[int] = ()
    columns: Sequence[int] = ()
    channels: Sequence[int] | None = None
    owned: bool = False

    @property
    def flat(self) -> bool:
        """Whether these are windows of a vector layer."""
        return self.values.dim() <= 2

    @property
    def aligned(self) -> bool:
        """Whether all windows lie at the same place."""
        return self.flat or (len(set(self.rows)) == 1 and len(set(self.columns)) == 1)

    def singles(self) -> list[Windows]:
        """Give the windows one by one."""
        return [
            replace(
                self,
                values=self.values[k : k + 1],
                rows=self.rows[k : k + 1],
                columns=self.columns[k : k + 1],
                channels=None if self.channels is None else self.channels[k : k + 1],
            )
            for k in range(len(self.values))
        ]

    def dense(self, channels: int) -> Windows:
        """Give the same windows with all channels written out."""
        if self.channels is None:
            return self
        shape = (len(self.values), channels, *self.values.shape[2:])
        values = _zeros(shape, self.values)
        values[range(len(values)), list(self.channels)] = self.values[:, 0]
        return replace(self, values=values, channels=None, owned=True)

    def scaled(self, factor: Tensor | float) -> Windows:
        """Give the windows times a factor that broadcasts against them."""
        values = self.values.mul_(factor) if self.owned else self.values * factor
        return replace(self, values=values, owned=True)

    def of(self, recorded: Tensor, scale: tuple[int, int] = (1, 1)) -> Tensor:
        """Cut from a map [1, C, H, W] (or vector [1, F]) the part under each window.

        With a scale, the map has that many rows and columns for each one of the windows' own.
        """
        if self.flat:
            return recorded if self.channels is None else recorded[:, list(self.channels)].T
        down, across = scale
        h, w = self.values.shape[-2] * down, self.values.shape[-1] * across
        rows = [row * down for row in self.rows]
        columns = [column * across for column in self.columns]
        if self.channels is None and self.aligned:
            return recorded[..., rows[0] : rows[0] + h, columns[0] : columns[0] + w]
        parts = []
        for k, (row, column) in enumerate(zip(rows, columns, strict=True)):
            only = slice(None)
            if self.channels is not None:
                only = slice(self.channels[k], self.channels[k] + 1)
            parts.append(recorded[:, only, row : row + h, column : column + w])
        return torch.cat(parts)

    def moved(
        self, rows: Sequence[int], columns: Sequence[int], height: int, width: int
    ) -> Windows:
        """See the same values through other windows: a slice where that can be, else a copy."""
        h, w = self.values.shape[-2:]
        down = {new - old for new, old in zip(rows, self.rows, strict=True)}
        right = {new - old for new, old in zip(columns, self.columns, strict=True)}
        if len(down) == len(right) == 1:
            y, x = down.pop(), right.pop()
            if y >= 0 and x >= 0 and y + height <= h and x + width <= w:
                return replace(
                    self,
                    values=self.values[..., y : y + height, x : x + width],
                    rows=rows,
                    columns=columns,
                )
        values = _zeros((*self.values.shape[:-2], height, width), self.values)
        for k, (row, column, old_row, old_column) in enumerate(
            zip(rows, columns, self.rows, self.columns, strict=True)
        ):
            top, bottom = max(row, old_row), min(row + height, old_row + h)
            left, right_ = max(column, old_column), min(column + width, old_column + w)
            if top < bottom and left < right_:
                values[k, ..., top - row : bottom - row, left - column : right_ - column] = (
                    self.values[
                        k,
                        ...,
                        top - old_row : bottom - old_row,
                        left - old_column : right_ - old_column,
                    ]
                )
        return replace(self, values=values, rows=rows, columns=columns, owned=True)

    def inside(self, shape: Shape) -> Windows:
        """Cut away what lies outside a map of this shape [1, C, H, W]."""
        h, w = self.values.shape[-2:]
        rows, height = _common_span(self.rows, (row + h for row in self.rows), shape[-2])
        columns, width = _common_span(
            self.columns, (column + w for column in self.columns), shape[-1]
        )
        return self.moved(rows, columns, height, width)

    def plus(self, other: Windows, shape: Shape) -> Windows:
        """Add what came back on another branch, in windows that hold both."""
        a, b = self, other
        if a.channels != b.channels:
            a, b = a.dense(shape[1]), b.dense(shape[1])
        if a.flat:
            return replace(a, values=a.values + b.values, owned=True)
        (ah, aw), (bh, bw) = a.values.shape[-2:], b.values.shape[-2:]
        bottoms = (max(p + ah, q + bh) for p, q in zip(a.rows, b.rows, strict=True))
        rights = (max(p + aw, q + bw) for p, q in zip(a.columns, b.columns, strict=True))
        rows, height = _common_span(list(map(min, a.rows, b.rows)), bottoms, shape[-2])
        columns, width = _common_span(list(map(min, a.columns, b.columns)), rights, shape[-1])
        a, b = (windows.moved(rows, columns, height, width) for windows in (a, b))
        return replace(a, values=a.values + b.values, owned=True)


def join(parts: Sequence[Windows], shape: Shape) -> Windows:
    """Give the windows of several walks together, at one common size inside a map of this shape."""
    rows = [row for part in parts for row in part.rows]
    columns = [column for part in parts for column in part.columns]
    height, width = (max(part.values.shape[axis] for part in parts) for axis in (-2, -1))
    rows = [min(row, shape[-2] - height) for row in rows]
    columns = [min(column, shape[-1] - width) for column in columns]
    values, first = [], 0
    for part in parts:
        these = slice(first, first + len(part.values))
        values.append(part.moved(rows[these], columns[these], height, width).values)
        first += len(part.values)
    return Windows(torch.cat(values), rows, columns, owned=True)


def _zeros(shape: Shape, like: Tensor) -> Tensor:
    zeros = like.new_zeros(shape)
    return zeros.contiguous(memory_format=torch.channels_last) if len(shape) == 4 else zeros


def _common_span(starts: Iterable[int], ends: Iterable[int], length: int) -> tuple[list[int], int]:
    """Clip K ranges to [0, length) and give them one common size, still inside."""
    lows, highs = [max(0, low) for low in starts], [min(length, high) for high in ends]
    size = max(1, max(high - low for low, high in zip(lows, highs, strict=True)))
    return [max(0, min(low, length - size)) for low in lows], size
