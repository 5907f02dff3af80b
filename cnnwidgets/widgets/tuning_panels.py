"""The tuning explorer's drawings, and how answers and measurements are drawn on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import degrees
from typing import Any

import numpy as np

from cnnwidgets.engines.gratings import Series, Tuning
from cnnwidgets.views import (
    Curve,
    HeatMap,
    Meter,
    NumberRow,
    Picture,
    Polar,
    encoding,
    layout,
    words,
)
from cnnwidgets.widgets.frequency_units import SHORT, number
from cnnwidgets.widgets.grating_look import GratingLook
from cnnwidgets.widgets.tuning_words import index_words, picture_alt, tuning_alt

FIELDS_ACROSS = 5
"""How much of the picture is shown: so many times the field, or all of it."""
NOTHING: dict[str, Any] = {"x": [], "y": [], "marker": None, "level": None, "bound": None}


@dataclass(frozen=True)
class Axis:
    """In which unit frequencies are written: its name, and what cycles per pixel are times."""

    unit: str
    factor: float

    @property
    def short(self) -> str:
        """The unit in short: "c/px"."""
        return SHORT[self.unit]

    def number(self, frequency: float) -> str:
        """Write a frequency without its unit."""
        return number(frequency * self.factor)

    def words(self, frequency: float) -> str:
        """Write a frequency with its unit."""
        return f"{self.number(frequency)}{words.THIN}{self.short}"


class TuningPanels:
    """Grating with meter, orientation, frequency, both together, phase, contrast, size, numbers.

    Everything is drawn from what was measured: by then the controls may have moved on.
    """

    def __init__(self, sliders: Sequence[Any]) -> None:
        self.picture = Picture(title="Grating", smooth=True)
        self.meter = Meter()
        self.orientation = Polar(title="Orientation")
        self.frequency = Curve(title="Frequency", log_x=True)
        self.joint = HeatMap(title="Joint tuning")
        self.phase = Curve(title="Phase")
        self.contrast = Curve(title="Contrast", notes=["%"])
        self.diameter = Curve(title="Size", notes=["px"])
        self.numbers = NumberRow()
        charts = [self.orientation, self.frequency, self.joint]
        charts += [self.phase, self.contrast, self.diameter]
        self.main = layout.tuning_main(self.picture, self.meter, sliders, charts, self.numbers)
        self._top = 0.0
        self._scale_of: tuple[Any, ...] = ()

    def draw_look(self, look: GratingLook, *, moving: bool) -> None:
        """Draw a grating, with the unit's field, and the unit's response."""
        q, extent = look.question, look.shown.shape[:2]
        self._keep_scale(look)
        frame = encoding.jpeg(look.shown) if moving else encoding.raw(look.shown)
        field = look.layer.field
        marks = [] if field.whole else [{"kind": "field", "box": look.box}]
        edge = " ▫" if look.padded else ""
        self.picture.show(
            frame=frame,
            window=window_about(look.box, extent),
            extent=extent,
            marks=marks,
            grid={"rows": extent[0], "columns": extent[1], "start": [0.5, 0.5], "jump": [1, 1]},
            position=[
                min(n - 1, max(0, round(c - 0.5))) for c, n in zip(look.centre, extent, strict=True)
            ],
            notes=["□ field"] if marks else ["sees the whole picture"],
            reading=f"response {words.response(look.value)}{edge}",
            alt=picture_alt(look),
        )
        self.meter.show(
            value=look.value,
            top=self._top or 1.0,
            alt=f"Response of unit {q.unit}: {words.response(look.value)}.",
        )

    def expect(self, largest: float, of: tuple[Any, ...]) -> None:
        """Make the meter's scale reach to a response, of a unit and layer."""
        if of != self._scale_of:
            self._scale_of, self._top = of, 0.0
        self._top = max(self._top, largest)
        self.meter.show(top=self._top or 1.0)

    def _keep_scale(self, look: GratingLook) -> None:
        q = look.question
        of = (q.model, q.layer, q.unit, q.grating.colour)
        if of != self._scale_of:
            self._scale_of, self._top = of, 0.0
        self._top = max(self._top, look.value)

    def draw_tuning(
        self, tuning: Tuning | None, look: GratingLook, axis: Axis, peak: float
    ) -> None:
        """Draw how the unit is tuned, cut where the grating stands.

        Parameters
        ----------
        peak : what the charts reach to.
        """
        unit, grating = look.question.unit, look.question.grating
        if tuning is None:
            self._clear()
            return
        angles = tuning.orientations.rad2deg().numpy()
        frequencies = tuning.frequencies.numpy()
        response = tuning.response[:, :, unit].numpy()
        shown = np.where(tuning.f0[:, :, unit].isnan().numpy(), np.nan, response)
        row = int(np.abs(np.log(frequencies / max(grating.frequency, 1e-6))).argmin())
        column = nearest_angle(angles, degrees(grating.orientation))
        top = peak or 1.0
        said = words.response(peak) if peak else "silent"
        self.orientation.show(
            angles=angles,
            radii=shown[:, row],
            limit=top,
            marker=degrees(grating.orientation) % 180,
            reading=f"at {axis.words(frequencies[row])}",
            alt=tuning_alt(tuning, unit, axis.words(float(tuning.preferred_frequency[unit]))),
        )
        scaled = frequencies * axis.factor
        ends = [scaled[0], scaled[len(scaled) // 2], scaled[-1]]
        self.frequency.show(
            x=scaled,
            y=shown[column],
            limits=[0, top],
            marker=min(max(grating.frequency * axis.factor, scaled[0]), scaled[-1]),
            notes=[f"{axis.short}, log"],
            reading=f"at {angles[column]:.0f}°",
            alt=f"Response over {len(scaled)} frequencies at {angles[column]:.0f} degrees; "
            f"from {number(ends[0])} to {number(ends[2])} {axis.short}.",
        )
        every = max(1, round(len(angles) / 6))
        self.joint.show(
            values=shown.T,
            row_labels=[number(f) if i % 2 == 0 else "" for i, f in enumerate(scaled)],
            column_labels=[
                f"{a:.0f}{'' if i else '°'}" if i % every == 0 else "" for i, a in enumerate(angles)
            ],
            limits=[0, top],
            ends=["0", words.response(top) if peak else "1"],
            marker=(row, column),
            alt=f"Mean response over {len(angles)} orientations and {len(scaled)} frequencies; "
            f"peak {said}.",
        )

    def draw_series(self, series: Series, unit: int, grating: Any, at: str, field: int) -> None:
        """Draw what one series of gratings gave for the unit."""
        responses = series.f0[:, unit].numpy()
        top = float(responses.max()) or 1.0
        if series.varied == "phase":
            values = np.degrees(series.values.numpy())
            mean = float(responses.mean())
            self.phase.show(
                x=[*values, 360.0],
                y=[*responses, responses[0]],
                limits=[0, top],
                ticks=[0, 90, 180, 270, 360],
                tick_labels=["0°", "90", "180", "270", "360"],
                marker=degrees(grating.phase) % 360,
                level=mean if responses.any() else None,
                level_label=f"mean, F0 {words.response(mean)}",
                reading=f"at {at}",
                alt=f"Response over phase; mean {words.response(mean)}, first harmonic "
                f"{words.response(float(series.f1[unit]))}.",
            )
        elif series.varied == "contrast":
            self.contrast.show(
                x=100 * series.values.numpy(),
                y=responses,
                limits=[0, top],
                ticks=[0, 25, 50, 75, 100],
                marker=100 * grating.contrast,
                reading=f"at {at}",
                alt="Mean response over contrast; "
                f"{words.response(float(responses[-1]))} at 100 %.",
            )
        else:
            values = series.values.numpy()
            known = grating.diameter is not None
            self.diameter.show(
                x=values,
                y=responses,
                limits=[0, top],
                marker=min(grating.diameter, values[-1]) if known else values[-1],
                bound=float(field),
                bound_label=f"field {field}{words.THIN}px",
                reading=f"at {at}",
                alt=f"Mean response over the patch's diameter; largest {words.response(top)} at "
                f"{values[responses.argmax()]:.0f} pixels, field {field} pixels.",
            )

    def mark_grating(self, grating: Any) -> None:
        """Move the marks on the series, whose curves are still true."""
        if self.phase.x:
            self.phase.show(marker=degrees(grating.phase) % 360)
        if self.contrast.x:
            self.contrast.show(marker=100 * grating.contrast)
        if self.diameter.x:
            last = self.diameter.x[-1]
            self.diameter.show(marker=min(grating.diameter or last, last))

    def draw_numbers(
        self, tuning: Tuning | None, unit: int, size: Series | None, axis: Axis
    ) -> None:
        """Write the unit's indices."""
        numbers = index_words(tuning, unit, size, axis.factor, axis.short)
        said = ", ".join(f"{n['label']} {n['value']}{n['unit']}" for n in numbers)
        self.numbers.show(numbers=numbers, alt=words.shortened(said, 200))

    def forget_series(self) -> None:
        """Show that the series of another place or grating are not there yet."""
        for chart in (self.phase, self.contrast, self.diameter):
            chart.show(**NOTHING, reading="", alt="")

    def _clear(self) -> None:
        self.orientation.show(angles=[], radii=[], marker=None, reading="", notes=[], alt="")
        self.frequency.show(**NOTHING, reading="", alt="")
        self.joint.show(
            values=np.empty((0, 0)), row_labels=[], column_labels=[], marker=None, alt=""
        )


def window_about(box: Sequence[int], extent: Sequence[int]) -> list[float]:
    """Give the part of the picture to show: some fields across, square, inside the picture."""
    top, left, bottom, right = box
    side = min(max(extent), FIELDS_ACROSS * max(bottom - top, right - left))
    window = []
    for low, high, length in ((top, bottom, extent[0]), (left, right, extent[1])):
        start = min(max(0.0, (low + high - side) / 2), max(0.0, length - side))
        window.append(start)
    return [window[0], window[1], window[0] + side, window[1] + side]


def nearest_angle(angles: Any, degrees_: float) -> int:
    """Give the number of the nearest orientation: 179 is as near to 0 as 1 is."""
    away = np.abs((np.asarray(angles) - degrees_ + 90) % 180 - 90)
    return int(away.argmin())
