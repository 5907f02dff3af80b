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

from cnnwidgets.engines.gratings.rig import Rig
from cnnwidgets.engines.gratings.stimuli import Grating
from cnnwidgets.engines.provenance import provenance_of
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
        """(peak - largest) / peak of the mean responses, [unit]: what the largest diameter costs.

        NaN for a silent unit. Of a size tuning only.
        """
        peak, largest = self.f0.amax(0), self.f0[self.values.argmax()]
        return ((peak - largest) / peak).where(peak > 0, torch.nan)


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
    return Rig(model, layer, position).respond(gratings, rectified, progress)


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
    if phases < 3:
        raise ValueError(f"a first harmonic takes at least 3 phases, got {phases}")
    values = [2 * pi * k / phases for k in range(phases)]
    shown = [replace(stimulus, phase=value) for value in values]
    return _series(
        Rig(model, layer, position), "phase", values, [[one] for one in shown], rectified, progress
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
    rig = Rig(model, layer, position)
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
    rig = Rig(model, layer, position)
    if diameters is None:
        largest = 1.5 * max(rig.field.size)
        diameters = [largest * k / 12 for k in range(13)]
    shown = [_at_all_phases(replace(stimulus, diameter=one, centre=None)) for one in diameters]
    return _series(rig, "diameter", diameters, shown, rectified, progress)


def _series(
    rig: Rig,
    varied: str,
    values: Sequence[float],
    shown: Sequence[Sequence[Grating]],
    rectified: bool,
    progress: Progress,
) -> Series:
    if not shown:
        raise ValueError(f"there is no {varied} to show; give at least one")
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
        padded=rig.padded,
    )


def _at_all_phases(stimulus: Grating) -> list[Grating]:
    return [replace(stimulus, phase=2 * pi * k / PHASES) for k in range(PHASES)]
