"""Layers that are read from the same pictures of gratings, and what was read of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from math import pi

import torch
from torch import Tensor

from cnnwidgets.engines.gratings.sampling import (
    Showing,
    middle,
    plan,
    positions,
    shown_alone,
    spacing,
    wave_vector,
    weights,
)
from cnnwidgets.engines.gratings.stimuli import Grating, render
from cnnwidgets.engines.memory import Portions, a_pass, fitted
from cnnwidgets.engines.pace import pixels_at_once
from cnnwidgets.graph import Layer, any_size, visit, visit_inside
from cnnwidgets.graph.visit import Take
from cnnwidgets.models import VisionModel


class Group:
    """Layers that are read from the same pictures of gratings: all at once, in one pass.

    Parameters
    ----------
    orientations, frequencies : radians, cycles per pixel.
    stimulus : whose contrast and colour all gratings have.
    rectified : count negative answers as 0.
    phase_gap : cycles between the phases that are seen, see `plan`.
    free : whether all these layers have positions free of padding, which are read together; else
        the middle position is, in pictures of the network's own size.

    Attributes
    ----------
    layers, by_name : the layers.
    done : bool [gratings], which have been measured.
    sums : by layer, float64 [gratings, unit, 3]: mean, cosine and sine of the first harmonic.
    blanks : by layer, float64 [unit], the answer to mid-grey.
    """

    def __init__(
        self,
        model: VisionModel,
        layers: Sequence[Layer],
        orientations: Sequence[float],
        frequencies: Sequence[float],
        stimulus: Grating,
        *,
        rectified: bool,
        free: bool,
        phase_gap: float,
    ) -> None:
        self.layers, self.free = tuple(layers), free
        self._model, self._rectified = model, rectified
        self._pixels_at_once = pixels_at_once(model)
        self._gratings = [
            replace(stimulus, orientation=o, frequency=f) for o in orientations for f in frequencies
        ]
        self._names = [layer.name for layer in layers]
        self.by_name = {layer.name: layer for layer in layers}
        fields, extent = [layer.field for layer in layers], model.input_shape[1:]
        self.record = fitted(lambda: model.structure, a_pass(model.name, extent), model.device)
        self._resizable = any_size(self.record, self._names)
        # Channels last is what convolutions like; a recorded view may not fit it.
        self._order = torch.channels_last if self._resizable else torch.contiguous_format
        if free:
            self._step = spacing(fields)
            self._showings = plan(
                fields, orientations, frequencies, resizable=self._resizable, phase_gap=phase_gap
            )
        else:
            self._step = (0, 0)  # of the one position that is read
            self._showings = shown_alone(extent, len(self._gratings), phase_gap)
        self.done = torch.zeros(len(self._gratings), dtype=torch.bool)
        self.sums = {
            x.name: torch.zeros(len(self.done), x.units, 3, dtype=torch.float64) for x in layers
        }
        self.blanks = self._read_blank()

    @property
    def pictures(self) -> list[tuple[int, int, int]]:
        """(height, width, how many) of the pictures that all gratings take."""
        sizes: dict[tuple[int, int], int] = {}
        for showing in self._showings:
            size = (showing.height, showing.width)
            sizes[size] = sizes.get(size, 0) + len(showing.phases)
        return [(*size, count) for size, count in sizes.items()]

    def update(
        self, numbers: Sequence[int], portions: Portions, between: Callable[[], None]
    ) -> None:
        """Show gratings by number, but for those that it has already."""
        wanted = [number for number in numbers if not self.done[number]]
        for batch in self._batches(wanted):
            found = self._measured(batch, portions, between)
            self.record.check_current()
            for name, sums in found.items():
                self.sums[name][batch] = sums
            self.done[batch] = True

    def merge(self, other: Group) -> None:
        """Take in what another has of the same gratings."""
        new = other.done & ~self.done
        for name, sums in self.sums.items():
            sums[new] = other.sums[name][new]
        self.done |= other.done

    def _batches(self, numbers: Sequence[int]) -> Iterator[list[int]]:
        """Give gratings of one size together, as many as make no call long."""

        def size(number: int) -> tuple[int, int]:
            return self._showings[number].height, self._showings[number].width

        for pixels, same in groupby(sorted(numbers, key=size), key=size):
            room = self._room(*pixels)
            batch: list[int] = []
            count = 0
            for number in same:
                pictures = len(self._showings[number].phases)
                if batch and count + pictures > room:
                    yield batch
                    batch, count = [], 0
                batch.append(number)
                count += pictures
            yield batch

    def _room(self, height: int, width: int) -> int:
        """Give how many pictures of this size make no call long."""
        return max(1, self._pixels_at_once // (height * width))

    def _measured(
        self, batch: Sequence[int], portions: Portions, between: Callable[[], None]
    ) -> dict[str, Tensor]:
        """Give the sums of gratings of one size, [gratings, unit, 3] by layer."""
        showing = self._showings[batch[0]]
        height, width = showing.height, showing.width
        stimuli = [
            replace(self._gratings[number], phase=2 * pi * phase)
            for number in batch
            for phase in self._showings[number].phases
        ]
        owners = [i for i, number in enumerate(batch) for _ in self._showings[number].phases]
        sums = {x.name: torch.zeros(len(batch), x.units, 3).double() for x in self.layers}
        shares = self._weights(batch)

        def show(part: slice) -> list[tuple[str, list[int], Tensor]]:
            found = []

            def take(name: str, first: int, answers: Tensor) -> None:
                pictures = slice(part.start + first, part.start + first + len(answers))
                each = torch.bmm(answers, shares[pictures])
                found.append((name, owners[pictures], each.cpu().double()))
                between()

            self._read(self._rendered(stimuli[part], height, width), showing, take)
            return found

        asked = f"one grating of {height} × {width}"
        room = self._room(height, width)
        for _, parts in portions.each(len(stimuli), show, asked, self._model.device, room):
            for name, rows, each in parts:
                for row, part in zip(rows, each, strict=True):
                    sums[name][row] += part
        return sums

    def _weights(self, batch: Sequence[int]) -> Tensor:
        """Give what each answer counts for, [pictures, positions, 3]."""
        shown = [self._gratings[number] for number in batch]
        waves = [wave_vector(one.orientation, one.frequency) for one in shown]
        showings = [self._showings[number] for number in batch]
        return weights(showings, waves, self._step).to(self._model.device)

    def _read(self, pictures: Tensor, showing: Showing, take: Take) -> None:
        """Run pictures and hand over the answers that are read, float32 [n, unit, positions]."""

        def take_answers(name: str, first: int, answers: Tensor) -> None:
            read = answers.reshape(*answers.shape[:2], -1).float()
            take(name, first, read.clamp_min(0) if self._rectified else read)

        def take_part(name: str, part: Tensor, corner: tuple[int, int]) -> None:
            rows, columns = positions(self.by_name[name].field, showing, self._step, corner)
            take_answers(name, 0, part[:, :, rows, columns])

        def take_map(name: str, first: int, activation: Tensor) -> None:
            if self.free:
                rows, columns = positions(self.by_name[name].field, showing, self._step)
                activation = activation[:, :, rows, columns]
            elif activation.dim() == 4:
                row, column = middle(activation.shape[2:])
                activation = activation[:, :, row, column]
            take_answers(name, first, activation)

        if self.free and self._resizable:
            visit_inside(self.record, pictures, self._names, take_part)
        else:
            visit(self.record, pictures, self._names, take_map)

    def _read_blank(self) -> dict[str, Tensor]:
        """Give the answers to mid-grey, float64 [unit] by layer."""
        found: dict[str, Tensor] = {}

        def take(name: str, _: int, answers: Tensor) -> None:
            found[name] = answers[0, :, 0].cpu().double()

        showing, blank = self._showings[0], replace(self._gratings[0], contrast=0.0)
        pictures = self._rendered([blank], showing.height, showing.width)
        asked = a_pass(self._model.name, (showing.height, showing.width))
        fitted(lambda: self._read(pictures, showing, take), asked, pictures.device)
        return found

    def _rendered(self, stimuli: Sequence[Grating], height: int, width: int) -> Tensor:
        """Give gratings as the network takes them."""
        shown = render(stimuli, self._model.input_shape[0], height, width)
        pictures = self._model.normalize(shown.to(self._model.device, self._model.dtype))
        return pictures.contiguous(memory_format=self._order)


def sees_padding(layer: Layer, *, free: bool) -> bool:
    """Tell whether padding has a part in what is read of a layer, at a free position or another."""
    return layer.field.padded if layer.field.whole else not free
