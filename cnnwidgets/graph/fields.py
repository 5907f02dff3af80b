"""Receptive fields as geometry: where in the picture a unit can look.

A pixel has its index as coordinate; boxes are half-open and may reach past the picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

Pair = tuple[int, int]
Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Field:
    """The receptive field of a layer's units; every pair is (rows, columns), in pixels.

    Attributes
    ----------
    size : how many pixels a unit sees.
    jump : how far the fields of neighbouring units lie apart; 0 where every unit sees the whole
        picture.
    start : the first pixel of unit (0, 0); negative where it reaches into padding (-90 for
        VGG16's last pool).
    extent : the picture's own size.
    padded : only for units that see the whole picture: whether padding has a part in them.

    Notes
    -----
    With kernel k, stride s, padding p and dilation d: ``size += d (k - 1) jump``,
    ``start -= p jump``, ``jump *= s``. Branches join to the smallest box that holds both.

    References
    ----------
    .. [1] A. Araujo, W. Norris, J. Sim, "Computing receptive fields of convolutional neural
       networks", Distill 2019, doi:10.23915/distill.00021.
    """

    size: Pair
    jump: Pair
    start: Pair
    extent: Pair
    padded: bool = False

    @classmethod
    def of_pixels(cls, extent: Pair) -> Field:
        """Give the field of the picture's own pixels."""
        return cls((1, 1), (1, 1), (0, 0), extent)

    @classmethod
    def of_anything(cls, extent: Pair) -> Field:
        """Give the field of units of which nothing is known: the whole picture and its padding."""
        return cls(extent, (0, 0), (0, 0), extent, padded=True)

    @property
    def whole(self) -> bool:
        """Whether every unit sees the whole picture."""
        return self.jump == (0, 0)

    def box(self, row: int, column: int) -> Box:
        """Give (top, left, bottom, right) of a unit's field: half-open and unclipped."""
        top = self.start[0] + row * self.jump[0]
        left = self.start[1] + column * self.jump[1]
        return top, left, top + self.size[0], left + self.size[1]

    def centre(self, row: int, column: int) -> tuple[float, float]:
        """Give the centre of a unit's field as (y, x); a pixel's middle is its index + 1/2."""
        top, left, bottom, right = self.box(row, column)
        return (top + bottom) / 2, (left + right) / 2

    def touches_padding(self, row: int, column: int) -> bool:
        """Tell whether a unit's field reaches past the picture, and so sees padding.

        Padding inside the network always lies past the picture's edge in these coordinates, so the
        unclipped box tells it for every layer.
        """
        top, left, bottom, right = self.box(row, column)
        outside = top < 0 or left < 0 or bottom > self.extent[0] or right > self.extent[1]
        return self.padded if self.whole else outside

    def free_positions(self, rows: int, columns: int) -> Box | None:
        """Give the half-open range of positions that touch no padding; None: there is none."""
        ys, xs = _free_along(self, 0, rows), _free_along(self, 1, columns)
        return (ys[0], xs[0], ys[-1] + 1, xs[-1] + 1) if ys and xs else None

    def through_window(
        self,
        kernel: Sequence[int],
        stride: Sequence[int],
        padding: Sequence[int],
        dilation: Sequence[int],
    ) -> Field:
        """Give the field after a convolution or a pool with this window."""
        if self.whole:
            return replace(self, padded=self.padded or any(padding))
        size, jump, start = zip(
            *(
                (r + d * (k - 1) * j, j * s, c - p * j)
                for r, j, c, k, s, p, d in zip(
                    self.size, self.jump, self.start, kernel, stride, padding, dilation, strict=True
                )
            ),
            strict=True,
        )
        return Field(size, jump, start, self.extent)

    def seen_whole(self, rows: int = 1, columns: int = 1) -> Field:
        """Give the field of a unit that reads all of a map of this many rows and columns."""
        padded = self.touches_padding(0, 0) or self.touches_padding(rows - 1, columns - 1)
        return Field(self.extent, (0, 0), (0, 0), self.extent, padded)

    def joined(self, other: Field) -> Field:
        """Give the field of what sees what both see; the whole picture where grids differ."""
        if self == other:
            return self
        if self.whole or other.whole or self.jump != other.jump:
            return Field.of_anything(self.extent)
        start = tuple(map(min, self.start, other.start))
        end = [
            max(a + b, c + d)
            for a, b, c, d in zip(self.start, self.size, other.start, other.size, strict=True)
        ]
        size = (end[0] - start[0], end[1] - start[1])
        return Field(size, self.jump, (start[0], start[1]), self.extent)


def _free_along(field: Field, axis: int, count: int) -> list[int]:
    start, jump, size, extent = (
        pair[axis] for pair in (field.start, field.jump, field.size, field.extent)
    )
    if field.whole:
        return [] if field.padded else list(range(count))
    return [i for i in range(count) if start + i * jump >= 0 and start + i * jump + size <= extent]
