"""The screen before the units of a layer at one position."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import prod

import torch
from torch import Tensor

from cnnwidgets.engines.gratings.sampling import middle
from cnnwidgets.engines.gratings.stimuli import Grating, render
from cnnwidgets.engines.memory import Portions, a_pass, fitted
from cnnwidgets.engines.pace import pixels_at_once
from cnnwidgets.graph import Layer, any_size, visit, visit_inside
from cnnwidgets.models import VisionModel
from cnnwidgets.results import Progress


class Rig:
    """Where the units of a layer look, and the smallest pictures that show them all they see.

    Attributes
    ----------
    layer, position, field : of the units; `padded` : whether they see padding there.
    extent : (height, width) px of the pictures that they are shown.
    """

    def __init__(self, model: VisionModel, layer: str, position: tuple[int, int] | None) -> None:
        self.model, self.layer = model, model.layer(layer)
        self.field = self.layer.field
        self.position = placed(self.layer, position)
        self.padded = self.field.touches_padding(*(self.position or (0, 0)))
        self.record = fitted(
            lambda: model.structure, a_pass(model.name, model.input_shape[1:]), model.device
        )
        extent = (model.input_shape[1], model.input_shape[2])
        self.extent, self._shift, self._read_at = extent, (0, 0), (0, 0)
        self._smaller = not self.padded and bool(self.position) and any_size(self.record, [layer])
        if self._smaller:
            self._make_smaller()

    def _make_smaller(self) -> None:
        """Read the first position that sees no padding, in a picture that ends with its field."""
        free = self.field.free_positions(*self.layer.shape[1:])
        assert free is not None  # the position is one of them
        self._read_at = free[:2]
        there, here = self.field.box(*self._read_at), self.field.box(*self.position)
        self.extent = there[2], there[3]
        self._shift = there[0] - here[0], there[1] - here[1]

    def respond(self, gratings: Sequence[Grating], rectified: bool, progress: Progress) -> Tensor:
        """Give the responses of all units, float64 [gratings, unit]."""
        model = self.model
        found = torch.empty(len(gratings), self.layer.units, dtype=torch.float64)
        here = [self._placed(one) for one in gratings]

        def keep(first: int, answers: Tensor) -> None:
            found[first : first + len(answers)] = answers.cpu().double()

        def show(part: slice) -> None:
            shown = render(here[part], model.input_shape[0], *self.extent)
            self._read(model.normalize(shown.to(model.device, model.dtype)), part.start, keep)
            self.record.check_current()

        asked = f"one grating of {self.extent[0]} × {self.extent[1]}"
        room = max(1, pixels_at_once(model) // prod(self.extent))
        for part, _ in Portions().each(len(gratings), show, asked, model.device, room):
            progress(part.stop, len(gratings))
        return found.clamp_min_(0) if rectified else found

    def _read(self, pictures: Tensor, start: int, keep: Callable[[int, Tensor], None]) -> None:
        """Run pictures and keep the answers at the position."""

        def take(_: str, first: int, activation: Tensor) -> None:
            if self.position:
                activation = activation[:, :, self.position[0], self.position[1]]
            keep(start + first, activation)

        def take_inside(_: str, part: Tensor, corner: tuple[int, int]) -> None:
            row, column = self._read_at[0] - corner[0], self._read_at[1] - corner[1]
            keep(start, part[:, :, row, column])

        if self._smaller:
            visit_inside(self.record, pictures, [self.layer.name], take_inside)
        else:
            visit(self.record, pictures, [self.layer.name], take)

    def _placed(self, one: Grating) -> Grating:
        """Give a grating about the middle of the field, in the coordinates of our pictures."""
        if not self.position:
            return one
        y, x = one.centre or self.field.centre(*self.position)
        return replace(one, centre=(y + self._shift[0], x + self._shift[1]))


def placed(layer: Layer, position: tuple[int, int] | None) -> tuple[int, ...]:
    """Give a position of a layer, by default the middle one of those that see no padding.

    Raises
    ------
    ValueError
        There is no such position.
    """
    if not layer.spatial:
        if position is not None:
            raise ValueError(f"{layer.name} is a vector, its units have no position")
        return ()
    rows, columns = layer.shape[1:]
    if position is None:
        free = layer.field.free_positions(rows, columns)
        if layer.field.whole or free is None:
            return middle((rows, columns))
        return (free[0] + free[2]) // 2, (free[1] + free[3]) // 2
    row, column = position
    if not (0 <= row < rows and 0 <= column < columns):
        raise ValueError(
            f"{layer.name} has {rows} rows and {columns} columns; position {position} was asked"
        )
    return row, column
