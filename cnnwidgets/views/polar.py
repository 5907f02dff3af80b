"""Orientation tuning around a circle: 0° at the right, counter-clockwise, as on the screen."""

from typing import Any

import numpy as np
import traitlets as t

from cnnwidgets.views import chart
from cnnwidgets.views.span import Listed, listed, paired, stepped
from cnnwidgets.views.view import Numbers

RADIUS = 0.38
"""Of the outer circle, as a share of the square; the rest is for the labels."""
LABELS = (0, 30, 60, 90, 120, 150)
CENTRE = 0.03
"""A click nearer to the centre than this has no direction."""


def _around(degrees: chart.Floats, radii: Any) -> tuple[chart.Floats, chart.Floats]:
    """Shares of the plot area for angles and radii, where a radius of 1 is the outer circle."""
    angles = np.radians(degrees)
    return 0.5 + RADIUS * radii * np.cos(angles), 0.5 + RADIUS * radii * np.sin(angles)


class Polar(chart.Chart):
    """Radii over orientations; each point is drawn twice, since θ and θ + 180° are one.

    `chosen` is {"index", "count"}: a click takes the orientation nearest to its direction, arrow
    keys go around, Home and End to the first and the last.
    """

    angles = Numbers()
    """[n], degrees in [0, 180), ascending."""
    radii = Numbers()
    """[n], from zero; a NaN point is left out."""
    limit = t.Float(None, allow_none=True)
    """Radius of the outer circle; None for the largest of `radii`."""
    marker = t.Float(None, allow_none=True)
    """Orientation of the present stimulus in degrees, or None."""

    margin = dict.fromkeys(chart.MARGIN, 0)

    def __init__(self, **state: Any) -> None:
        super().__init__(**state)
        self.add_class("cw-polar")
        self.figure.layout.align_self = "center"
        self.figure.layout.width = self.figure.layout.height
        self.figure.layout.max_width = "100%"

    def _own_axes(self) -> dict[str, Any]:
        return {}

    def _own_marks(self) -> list[Any]:
        turn, ends = np.linspace(0, 360, 73), np.linspace(-1, 1, 73)
        rings = [_around(turn, radius) for radius in (0.5, 1.0)]
        spokes = [_around(np.full(73, float(angle)), ends) for angle in LABELS]
        x, y = np.stack([*rings, *spokes], axis=1)
        web = self._line(chart.RULE, 1.0, x=x, y=y)
        web.colors = [chart.RULE] * len(x)
        x, y = _around(np.array(LABELS, dtype=float), 1.19)
        texts = np.array([f"{angle}°" if not angle else f"{angle}" for angle in LABELS])
        words = self._label(x=x, y=y, text=texts, align="middle", y_offset=4)
        self._fan = self._line(
            chart.INK,
            fill="inside",
            fill_colors=[chart.ACCENT],
            fill_opacities=[0.12],
            close_path=True,
        )
        self._points = self._dots(chart.INK, 13)
        self._ray = self._line(chart.ACCENT, 1.25, line_style="dashed")
        self._spot = self._dots(chart.ACCENT, 80, chart.GROUND)
        return [web, words, self._fan, self._points, self._ray, self._spot]

    def _draw(self) -> None:
        paired(self.angles, self.radii, "angles and radii")
        angles, radii = np.array(self.angles), np.array(self.radii)
        known = np.isfinite(radii)
        angles, radii = angles[known], radii[known]
        limit = self.limit if self.limit is not None else float(radii.max(initial=0))
        shares = np.clip(radii / limit, 0, 1) if limit > 0 else np.zeros(len(radii))
        x, y = _around(np.concatenate([angles, angles + 180]), np.concatenate([shares, shares]))
        chart.assign(self._fan, x=x, y=y)
        chart.assign(self._points, x=x, y=y)
        ray, spot = np.empty((2, 0)), np.empty((2, 0))
        if self.marker is not None and angles.size:
            reach = float(np.interp(self.marker, angles, shares, period=180))
            ends = _around(np.full(2, self.marker % 180), np.array([0, reach]))
            ray = np.array(ends)
            spot = ray[:, 1:]
        chart.assign(self._ray, x=ray[0], y=ray[1])
        chart.assign(self._spot, x=spot[0], y=spot[1])

    def _numbers(self) -> Listed:
        return listed(["Orientation, °", "Response"], self.angles, self.radii)

    def _closest(self, angle: float) -> int:
        apart = (np.array(self.angles) - angle + 90) % 180 - 90
        return int(np.argmin(np.abs(apart)))

    def _nearest(self, x: float, y: float) -> dict[str, Any] | None:
        if not self.angles or np.hypot(x - 0.5, y - 0.5) < CENTRE:
            return None
        return {"index": self._closest(float(np.degrees(np.arctan2(y - 0.5, x - 0.5))))}

    def _step(self, key: str) -> dict[str, Any] | None:
        if not self.angles:
            return None
        last = len(self.angles) - 1
        at = self.chosen.get("index", 0) if self.marker is None else self._closest(self.marker)
        steps = {"ArrowRight": -1, "ArrowDown": -1, "ArrowLeft": 1, "ArrowUp": 1}
        if key in steps:
            return {"index": (at + steps[key]) % (last + 1)}
        return {"index": stepped(key, at, last)}
