"""The units of a layer at one position, shown gratings one by one: as at the rig.

Phase, contrast and size of a stimulus are varied about the middle of the unit's own field.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import pi
from typing import ClassVar

import torch
from torch import Tensor

from cnnwidgets.engines.gratings.sampling import middle
from cnnwidgets.engines.gratings.stimuli import Grating, render
from cnnwidgets.engines.memory import Portions, a_pass, fitted
from cnnwidgets.engines.pace import pictures_at_once
from cnnwidgets.engines.provenance import provenance_of
from cnnwidgets.graph import Layer, any_size, visit
from cnnwidgets.models import VisionModel
from cnnwidgets.results import Progress, Result, no_progress

PHASES = 16
"""Phases over which each mean response is taken."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Series(Result):
    """The responses of all units of a layer, at one position, while one thing is varied.

    Attributes
    ----------
    layer, position : where; () in a vector layer.
    varied : "phase", "contrast" or "diameter"; `values` : float64 [n], radians, 0 to 1, or px.
    responses : float64 [n, phases, unit]; one phase where that is what is varied.
    orientation, frequency : of the gratings, radians and cycles per pixel.
    padded : whether the position sees padding.
    """

    axes: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "values": ("value",),
        "responses": ("value", "phase", "unit"),
    }
    layer: str
    position: tuple[int, ...]
    varied: str
    values: Tensor
    responses: Tensor
    orientation: float
    frequency: float
    padded: bool

    @cached_property
    def f0(self) -> Tensor:
        """The mean over the phases, [n, unit] (of phases varied: each response itself)."""
        return self.responses.mean(1)

    @cached_property
    def f1(self) -> Tensor:
        """Amplitude of the first harmonic, [n, unit]; of phases varied, the same for all: [unit].

        Of evenly spaced phases only.
        """
        by_phase = self.responses[:, 0] if self.varied == "phase" else self.responses.mT
        axis = 0 if self.varied == "phase" else 2
        count = by_phase.shape[axis]
        turns = 2 * pi * torch.arange(count, dtype=torch.float64) / count
        waves = torch.polar(torch.ones_like(turns), -turns)
        found: Tensor = torch.tensordot(by_phase.to(waves.dtype), waves, ([axis], [0]))
        return 2 * found.abs() / count

    @property
    def suppression(self) -> Tensor:
        """(peak - last) / peak of the mean responses, [unit]: how much the largest size costs.

        NaN for a silent unit.
        """
        peak = self.f0.amax(0)
        return ((peak - self.f0[-1]) / peak).where(peak > 0, torch.nan)


def respond(
    model: VisionModel,
    layer: str,
    gratings: Sequence[Grating],
    *,
    position: tuple[int, int] | None = None,
    rectified: bool = True,
    progress: Progress = no_progress,
) -> Tensor:
    """Give the responses of all units of a layer, at one position, to gratings.

    Parameters
    ----------
    gratings : where they have no centre, it is the middle of the unit's field.
    position : (row, column); None takes the middle one of those that see no padding.
    rectified : count negative answers as 0.
    progress : told (gratings shown, all of them); raising ends the work.

    Returns
    -------
    float64 [gratings, unit].

    Raises
    ------
    ValueError
        There is no such layer or position.
    MemoryError
        Not even one picture fits.
    """
    return _Rig(model, layer, position).respond(gratings, rectified, progress)


def phase_tuning(
    model: VisionModel,
    layer: str,
    stimulus: Grating,
    *,
    phases: int = 24,
    position: tuple[int, int] | None = None,
    rectified: bool = True,
    progress: Progress = no_progress,
) -> Series:
    """Vary a grating's phase, evenly over a turn; 0 is brightest in the middle of the field."""
    values = [2 * pi * k / phases for k in range(phases)]
    shown = [replace(stimulus, phase=value) for value in values]
    return _series(
        _Rig(model, layer, position), "phase", values, [[one] for one in shown], rectified, progress
    )


def contrast_response(
    model: VisionModel,
    layer: str,
    stimulus: Grating,
    contrasts: Sequence[float] = (0, 0.03, 0.06, 0.12, 0.25, 0.5, 0.75, 1),
    *,
    position: tuple[int, int] | None = None,
    rectified: bool = True,
    progress: Progress = no_progress,
) -> Series:
    """Vary a grating's contrast; the mean response over all phases."""
    shown = [_at_all_phases(replace(stimulus, contrast=one)) for one in contrasts]
    rig = _Rig(model, layer, position)
    return _series(rig, "contrast", contrasts, shown, rectified, progress)


def size_tuning(
    model: VisionModel,
    layer: str,
    stimulus: Grating,
    diameters: Sequence[float] | None = None,
    *,
    position: tuple[int, int] | None = None,
    rectified: bool = True,
    progress: Progress = no_progress,
) -> Series:
    """Vary the diameter of a patch of grating in the middle of the field.

    Parameters
    ----------
    diameters : px; None takes thirteen from 0 to one and a half times the field's side: then the
        patch covers its corners.
    """
    rig = _Rig(model, layer, position)
    if diameters is None:
        largest = 1.5 * max(rig.field.size)
        diameters = [largest * k / 12 for k in range(13)]
    shown = [_at_all_phases(replace(stimulus, diameter=one, centre=None)) for one in diameters]
    return _series(rig, "diameter", diameters, shown, rectified, progress)


class _Rig:
    """Where the units of a layer look, and the smallest pictures that show them all they see."""

    def __init__(self, model: VisionModel, layer: str, position: tuple[int, int] | None) -> None:
        self.model, self.layer = model, model.layer(layer)
        self.field = self.layer.field
        self.position = placed(self.layer, position)
        self.padded = bool(self.position) and self.field.touches_padding(*self.position)
        self.record = fitted(
            lambda: model.structure, a_pass(model.name, model.input_shape[1:]), model.device
        )
        extent = (model.input_shape[1], model.input_shape[2])
        self.extent, self.read_at = extent, self.position
        self._shift = (0, 0)
        if self.position and not self.padded and any_size(self.record, [layer]):
            self._make_smaller()

    def _make_smaller(self) -> None:
        """Read the first position that sees no padding, in a picture that ends with its field."""
        free = self.field.free_positions(*self.layer.shape[1:])
        assert free is not None  # the position is one of them
        self.read_at = free[:2]
        there, here = self.field.box(*self.read_at), self.field.box(*self.position)
        self.extent = there[2], there[3]
        self._shift = there[0] - here[0], there[1] - here[1]

    def respond(self, gratings: Sequence[Grating], rectified: bool, progress: Progress) -> Tensor:
        model, name = self.model, self.layer.name
        found = torch.empty(len(gratings), self.layer.units, dtype=torch.float64)
        placed_here = [self._placed(one) for one in gratings]

        def show(part: slice) -> None:
            def take(_: str, first: int, activation: Tensor) -> None:
                start = part.start + first
                if self.read_at:
                    activation = activation[:, :, self.read_at[0], self.read_at[1]]
                found[start : start + len(activation)] = activation.double().cpu()

            shown = render(placed_here[part], model.input_shape[0], *self.extent)
            pictures = model.normalize(shown.to(model.device, model.dtype))
            visit(self.record, pictures, [name], take)
            self.record.check_current()

        own = model.input_shape[1] * model.input_shape[2]
        portions = Portions()
        portions.largest = max(
            1, pictures_at_once(model) * own // (self.extent[0] * self.extent[1])
        )
        asked = f"one grating of {self.extent[0]} × {self.extent[1]}"
        for part, _ in portions.each(len(gratings), show, asked, model.device):
            progress(part.stop, len(gratings))
        return found.clamp_min_(0) if rectified else found

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


def _series(
    rig: _Rig,
    varied: str,
    values: Sequence[float],
    shown: Sequence[Sequence[Grating]],
    rectified: bool,
    progress: Progress,
) -> Series:
    flat = [one for group in shown for one in group]
    responses = rig.respond(flat, rectified, progress)
    return Series(
        provenance=provenance_of(rig.record),
        layer=rig.layer.name,
        position=rig.position,
        varied=varied,
        values=torch.tensor(list(values), dtype=torch.float64),
        responses=responses.view(len(shown), -1, rig.layer.units),
        orientation=flat[0].orientation,
        frequency=flat[0].frequency,
        padded=rig.padded or rig.field.whole,
    )


def _at_all_phases(stimulus: Grating) -> list[Grating]:
    return [replace(stimulus, phase=2 * pi * k / PHASES) for k in range(PHASES)]
