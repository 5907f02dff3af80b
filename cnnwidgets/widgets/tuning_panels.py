"""The tuning explorer's drawings, and how answers and measurements are drawn on them."""

from __future__ import annotations

from collections.abc import Sequence
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
from cnnwidgets.widgets.frequency_units import Axis, number
from cnnwidgets.widgets.grating_look import GratingLook, GratingQuestion
from cnnwidgets.widgets.tuning_words import index_words, picture_alt, tuning_alt

NOTHING: dict[str, Any] = {"x": [], "y": [], "marker": None, "level": None, "bound": None}


class TuningPanels:
    """Grating with meter, orientation, frequency, both together, phase, contrast, size, numbers.

    Everything is drawn from what was measured: by then the controls may have moved on.
    """

    def __init__(self, sliders: Sequence[Any]) -> None:
        self.picture = Picture(title="Grating", smooth=True)
        self.meter = Meter()
        self.orientation = Polar(title="Orientation", notes=["0° = ‖"])
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
        self._reach(q, look.value)
        frame = encoding.jpeg(look.shown) if moving else encoding.raw(look.shown)
        field = look.layer.field
        marks = [] if field.whole else [{"kind": "field", "box": look.box}]
        edge = " ▫" if look.padded else ""
        self.picture.show(
            frame=frame,
            window=look.window,
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

    def draw_tuning(
        self, tuning: Tuning | None, look: GratingLook, axis: Axis, size: Series | None
    ) -> None:
        """Draw how the unit is tuned, cut where the grating stands, and write its indices.

        Parameters
        ----------
        tuning : of the layer; NaN where it is not measured yet, None if it is nowhere.
        size : the unit's size tuning, where it is there.
        """
        q = look.question
        self._write_numbers(tuning, q.unit, size, axis)
        if tuning is None:
            self._clear()
            return
        self._reach(q, float((tuning.f0 + tuning.f1)[:, :, q.unit].nan_to_num(0).max()))
        self.meter.show(top=self._top or 1.0)
        known = ~tuning.f0[:, :, q.unit].isnan().numpy()
        response = np.where(known, tuning.response[:, :, q.unit].numpy(), np.nan)
        angles, frequencies = tuning.orientations.rad2deg().numpy(), tuning.frequencies.numpy()
        away = np.abs(np.log(frequencies / max(q.grating.frequency, 1e-6)))
        row, column = int(away.argmin()), nearest_angle(angles, degrees(q.grating.orientation))
        peak = float(tuning.response[:, :, q.unit].nan_to_num(0).max())
        self.orientation.show(
            angles=angles,
            radii=response[:, row],
            limit=peak or 1.0,
            marker=degrees(q.grating.orientation) % 180,
            reading=f"at {axis.words(frequencies[row])}",
            alt=tuning_alt(tuning, q.unit, axis.words(float(tuning.preferred_frequency[q.unit]))),
        )
        self._draw_frequency(frequencies, response[column], peak, angles[column], look, axis)
        self._draw_joint(response, frequencies * axis.factor, angles, peak, (row, column))

    def _draw_frequency(
        self, frequencies: Any, response: Any, peak: float, angle: float, look: Any, axis: Axis
    ) -> None:
        scaled, at = frequencies * axis.factor, look.question.grating.frequency * axis.factor
        self.frequency.show(
            x=scaled,
            y=response,
            limits=[0, peak or 1.0],
            marker=min(max(at, scaled[0]), scaled[-1]),
            notes=[f"{axis.short}, log"],
            reading=f"at {angle:.0f}°",
            alt=frequency_alt(scaled, response, f"{angle:.0f} degrees", axis.short),
        )

    def _draw_joint(
        self, response: Any, scaled: Any, angles: Any, peak: float, at: tuple[int, int]
    ) -> None:
        every = max(1, round(len(angles) / 6))
        said = words.response(peak) if peak else "silent"
        self.joint.show(
            values=response.T,
            row_labels=[number(f) if i % 2 == 0 else "" for i, f in enumerate(scaled)],
            column_labels=[
                f"{a:.0f}{'' if i else '°'}" if i % every == 0 else "" for i, a in enumerate(angles)
            ],
            row_names=[number(f) for f in scaled],
            column_names=[f"{a:.0f}°" for a in angles],
            limits=[0, peak or 1.0],
            ends=["0", words.response(peak) if peak else "1"],
            marker=at,
            alt=f"Mean response over {len(angles)} orientations and {len(scaled)} frequencies; "
            f"peak {said}.",
        )

    def _reach(self, question: GratingQuestion, response: float) -> None:
        """Make the meter's scale reach to a response; another unit has its own."""
        q = question
        if (of := (q.model, q.layer, q.unit, q.grating.colour)) != self._scale_of:
            self._scale_of, self._top = of, 0.0
        self._top = max(self._top, response)

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

    def _write_numbers(
        self, tuning: Tuning | None, unit: int, size: Series | None, axis: Axis
    ) -> None:
        numbers = index_words(tuning, unit, size, axis.factor, axis.short)
        said = ", ".join(f"{n['label']} {n['value']}{n['unit']}" for n in numbers)
        self.numbers.show(numbers=numbers, alt=words.shortened(said, 200))

    def forget_series(self) -> None:
        """Show that the series of another place or grating are not there yet."""
        for chart in (self.phase, self.contrast, self.diameter):
            chart.show(**NOTHING, reading="", alt="")

    def _clear(self) -> None:
        self.orientation.show(angles=[], radii=[], marker=None, reading="", alt="")
        self.frequency.show(**NOTHING, reading="", alt="")
        self.joint.show(
            values=np.empty((0, 0)),
            row_labels=[],
            column_labels=[],
            row_names=[],
            column_names=[],
            marker=None,
            alt="",
        )


def nearest_angle(angles: Any, degrees_: float) -> int:
    """Give the number of the nearest orientation: 179 is as near to 0 as 1 is."""
    away = np.abs((np.asarray(angles) - degrees_ + 90) % 180 - 90)
    return int(away.argmin())


def frequency_alt(frequencies: Any, response: Any, at: str, unit: str) -> str:
    """Say the frequency tuning at an orientation: its range and its peak, where there is one."""
    span = f"{number(frequencies[0])} to {number(frequencies[-1])} {unit}"
    said = f"Response over {len(frequencies)} frequencies at {at}, {span}"
    if not np.isfinite(response).any() or not np.nanmax(response):
        return f"{said}."
    best = int(np.nanargmax(response))
    return f"{said}; peak {words.response(response[best])} at {number(frequencies[best])} {unit}."
