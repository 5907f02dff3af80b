"""What a layer's units prefer among gratings: curves, and the indices computed from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor

from cnnwidgets.engines.gratings.peaks import (
    half_crossings,
    refined_frequency,
    turned,
    vector_sum,
)
from cnnwidgets.results import Result

if TYPE_CHECKING:
    import pandas

TUNED = 0.2
"""gOSI from which a unit is called tuned to orientation, unless another criterion is given."""


_ROUNDING = 1e-5
"""Of the blank's answer: a unit that never leaves it by more is silent, it shows only noise."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Tuning(Result):
    """How all units of a layer answer gratings of several orientations and frequencies.

    Attributes
    ----------
    layer : its name.
    orientations : float64 [O], radians in [0, pi), direction of the wave vector, counter-clockwise,
        0 = vertical bars; `frequencies` : float64 [F], cycles per pixel, ascending.
    f0 : float64 [O, F, unit], mean response over all phases.
    f1 : float64 [O, F, unit], amplitude of its first harmonic: how much it follows the phase.
    blank : float64 [unit], response to mid-grey.
    contrast, colour : of the gratings; `rectified` : whether negative answers counted as 0.
    padded : whether the units that were read see padding: no position of the layer is free of it.
    measure : the response that all indices are computed from. "f0" is F0 above the blank's (what
        is below counts as 0), "f1" is F1, for linear units, whose mean response does not change.

    Notes
    -----
    The indices are NaN for a silent unit, and where the stimuli do not tell: one orientation only,
    a curve that does not fall to half its height, or of which not all was shown yet.

    References
    ----------
    .. [1] D. Shiraishi et al., arXiv:2103.02587: every unit of VGG16 shown gratings.
    .. [2] D. L. Ringach, R. M. Shapley, M. J. Hawken, "Orientation selectivity in macaque V1",
       J. Neurosci. 22 (2002): circular variance, 1 - gOSI.
    .. [3] B. C. Skottun et al., "Classifying simple and complex cells on the basis of response
       modulation", Vision Res. 31 (1991): F1/F0.
    """

    axes: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "blank": ("unit",),
        "orientations": ("orientation",),
        "frequencies": ("frequency",),
        "f0": ("orientation", "frequency", "unit"),
        "f1": ("orientation", "frequency", "unit"),
    }
    layer: str
    orientations: Tensor
    frequencies: Tensor
    f0: Tensor
    f1: Tensor
    blank: Tensor
    contrast: float = 1.0
    colour: str = "grey"
    rectified: bool = True
    padded: bool = False
    measure: str = "f0"

    def by(self, measure: str) -> Tuning:
        """Give the same tuning with its indices computed from the other measure.

        Raises
        ------
        ValueError
            It is neither "f0" nor "f1".
        """
        if measure not in ("f0", "f1"):
            raise ValueError(f"a tuning's measure is 'f0' or 'f1', got {measure!r}")
        return replace(self, measure=measure)

    @property
    def units(self) -> int:
        """How many units the layer has."""
        return self.blank.shape[0]

    @cached_property
    def response(self) -> Tensor:
        """The response that the indices are computed from, [O, F, unit], nowhere negative.

        NaN where a grating was not shown yet.
        """
        found = self.f1 if self.measure == "f1" else (self.f0 - self.blank).clamp_min(0)
        peak = found.nan_to_num(0).amax((0, 1))
        return found.where((peak > _ROUNDING * self.blank.abs()) | found.isnan(), 0)

    @cached_property
    def peak(self) -> Tensor:
        """The largest response, [unit]; NaN for a silent unit."""
        peak = self.response.nan_to_num(0).amax((0, 1))
        return peak.where(peak > 0, torch.nan)

    @cached_property
    def silent(self) -> Tensor:
        """Whether no grating drives the unit, bool [unit]: none more than mid-grey does."""
        return self.peak.isnan()

    @cached_property
    def best(self) -> Tensor:
        """Number of the best orientation and frequency, int64 [unit, 2]; (0, 0) if silent."""
        place = self.response.nan_to_num(0).flatten(0, 1).argmax(0)
        count = len(self.frequencies)
        return torch.stack([torch.div(place, count, rounding_mode="floor"), place % count], 1)

    @cached_property
    def orientation_curve(self) -> Tensor:
        """The response over orientations at each unit's best frequency, [O, unit]."""
        return self.response[:, self.best[:, 1], torch.arange(self.units)]

    @cached_property
    def frequency_curve(self) -> Tensor:
        """The response over frequencies at each unit's best orientation, [F, unit]."""
        return self.response[self.best[:, 0], :, torch.arange(self.units)].T

    @cached_property
    def preferred_orientation(self) -> Tensor:
        """Half the angle of the vector sum at the best frequency, radians in [0, pi), [unit]."""
        if len(self.orientations) < 2:
            return torch.full_like(self.blank, torch.nan)
        angle = vector_sum(self.orientations, self.orientation_curve).angle() / 2
        # Rounding would make almost half a turn of an angle that is nearly 0.
        angle = angle.where(angle.abs() > _ROUNDING, 0) % torch.pi
        return angle.where(~self.silent, torch.nan)

    @cached_property
    def preferred_frequency(self) -> Tensor:
        """The frequency curve's peak, by a parabola over the logarithms; cycles per pixel."""
        return refined_frequency(self.frequencies, self.frequency_curve)

    @cached_property
    def osi(self) -> Tensor:
        """(best - orthogonal) / (best + orthogonal), at the best frequency, [unit]."""
        if len(self.orientations) < 2:
            return torch.full_like(self.blank, torch.nan)
        best = self.orientations[self.best[:, 0]]
        across = turned(self.orientations, self.orientation_curve, best + torch.pi / 2)
        return (self.peak - across) / (self.peak + across)

    @cached_property
    def gosi(self) -> Tensor:
        """Length of the vector sum over the sum, at the best frequency: 1 - circular variance."""
        if len(self.orientations) < 2:
            return torch.full_like(self.blank, torch.nan)
        return vector_sum(self.orientations, self.orientation_curve).abs()

    @cached_property
    def half_width(self) -> Tensor:
        """Half the width of the orientation curve at half its height, radians, [unit].

        NaN where it stays above half its height.
        """
        curve, angles, count = self.orientation_curve, self.orientations, len(self.orientations)
        if count < 3:
            return torch.full_like(self.blank, torch.nan)
        # Once around to each side of the best one, as if that stood in the middle.
        steps = torch.arange(-count, count + 1)[:, None] + self.best[:, 0]
        around = curve.gather(0, steps % count)
        at = angles[steps % count] + torch.pi * torch.div(steps, count, rounding_mode="floor")
        low, high = half_crossings(at, around, torch.full_like(self.best[:, 0], count))
        width = (high - low) / 2
        return width.where(width <= torch.pi / 2, torch.nan)

    @cached_property
    def frequency_cuts(self) -> tuple[Tensor, Tensor]:
        """Where the frequency curve falls to half its height, below and above; NaN: nowhere."""
        logs = self.frequencies.log2()[:, None].expand(-1, self.units)
        low, high = half_crossings(logs, self.frequency_curve, self.best[:, 1])
        return low.exp2(), high.exp2()

    @property
    def bandwidth(self) -> Tensor:
        """Octaves between the cuts of the frequency curve, [unit]."""
        low, high = self.frequency_cuts
        return (high / low).log2()

    @property
    def low_pass(self) -> Tensor:
        """Whether the frequency curve has no low cut in the range that was shown, bool [unit].

        Nothing is low-pass of which one frequency was shown.
        """
        if len(self.frequencies) < 2:
            return torch.zeros_like(self.silent)
        return self.frequency_curve[0] > self.peak / 2

    @cached_property
    def modulation(self) -> Tensor:
        """F1 / F0 at the best stimulus, [unit]: pi/2 for a rectified linear unit, 0 for energy.

        F0 is the whole mean here, with what the blank gives, so the ratio of rectified responses
        lies between 0 and 2; above 1 a unit is called simple.
        """
        o, f = self.best.unbind(1)
        units = torch.arange(self.units)
        ratio = self.f1[o, f, units] / self.f0[o, f, units]
        return ratio.where(~self.silent & (self.f0[o, f, units] > 0), torch.nan)

    def tuned(self, criterion: float = TUNED) -> Tensor:
        """Tell which units are tuned to orientation, bool [unit]: gOSI at least the criterion."""
        return self.gosi >= criterion

    def to_frame(self) -> pandas.DataFrame:
        """Give a pandas DataFrame with a row a unit: all indices, angles in degrees."""
        import pandas

        degrees = {
            "preferred_orientation_deg": self.preferred_orientation.rad2deg(),
            "half_width_deg": self.half_width.rad2deg(),
        }
        names = ("preferred_frequency", "osi", "gosi", "bandwidth", "modulation", "peak", "blank")
        plain = {name: getattr(self, name) for name in names}
        flags = {"silent": self.silent, "low_pass": self.low_pass}
        columns: dict[str, Any] = {"layer": self.layer, "unit": range(self.units)}
        columns |= {name: found.numpy() for name, found in (degrees | plain | flags).items()}
        return pandas.DataFrame({**columns, "padded": self.padded})
