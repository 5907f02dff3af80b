"""A tuning curve: response against one quantity of the stimulus."""

from typing import Any

import numpy as np
import traitlets as t

from cnnwidgets.views import chart
from cnnwidgets.views.span import Listed, Span, listed, paired, span, stepped
from cnnwidgets.views.view import Numbers

LABEL = 0.45
"""Share of the width that the words on the level may take."""


class Curve(chart.Chart):
    """A line with dots over a horizontal axis, and where the present stimulus stands on it.

    `chosen` is {"index", "count"}: a click takes the nearest point of `x`, an arrow key the next,
    Home and End the first and the last.
    """

    x = Numbers()
    """[n], ascending."""
    y = Numbers()
    """[n]; NaN is a gap."""
    log_x = t.Bool(False)
    """A logarithmic x axis, from the first to the last of `x`, which are then above zero."""
    limits = Numbers(2)
    """[low, high] of the y axis; [] for those of the data, from zero on."""
    ticks = Numbers()
    """Values of x under which a label stands; [] for those that fit."""
    tick_labels = t.List(t.Unicode())
    """One a tick; [] for their numbers."""
    marker = t.Float(None, allow_none=True)
    """x of the present stimulus, or None."""
    level = t.Float(None, allow_none=True)
    """y of a dashed horizontal line, or None."""
    level_label = t.Unicode()
    bound = t.Float(None, allow_none=True)
    """x of a dotted vertical line, or None."""
    bound_label = t.Unicode()

    def _own_marks(self) -> list[Any]:
        self._level = self._line(chart.BAR, 1.0, line_style="dashed")
        self._bound = self._line(chart.BAR, 1.0, line_style="dotted")
        self._drop = self._line(chart.ACCENT, 1.25, line_style="dashed")
        self._curve = self._line(chart.INK)
        self._points = self._dots(chart.INK, 13)
        self._spot = self._dots(chart.ACCENT, 80, chart.GROUND)
        self._level_words = self._label(y_offset=-7)
        self._bound_words = self._label()
        lines = [self._level, self._bound, self._drop, self._curve]
        return [*lines, self._points, self._level_words, self._bound_words, self._spot]

    def _draw(self) -> None:
        paired(self.x, self.y, "x and y of a curve")
        across = span([], self.x, self.log_x, "the x axis")
        up = span(self.limits, [0, *self.y], what="the y axis")
        x, y = across.share(self.x), up.share(self.y)
        known = np.isfinite(y) & np.isfinite(x)
        # A line that ended in a gap would have no place for bqplot's label of it.
        end = 1 + int(np.flatnonzero(known).max(initial=-1))
        chart.assign(self._curve, x=x[:end], y=y[:end])
        chart.assign(self._points, x=x[known], y=y[known])
        self._tick("x", across, self.ticks or across.ticks(), self.tick_labels)
        self._tick("y", up, up.ticks(4), ())
        self._draw_marker(across, x, y)
        self._draw_level(up, x, y)
        bound = None if self.bound is None else float(across.share(self.bound))
        free = bound is None or not x.size or self._lowest(x, y, bound) > 0.15
        height = 0.06 if free else 0.94
        self._upright(self._bound, self._bound_words, bound, height, self.bound_label)

    def _draw_marker(self, across: Span, x: chart.Floats, y: chart.Floats) -> None:
        if self.marker is None or not x.size:
            chart.assign(self._drop, x=chart.EMPTY, y=chart.EMPTY)
            chart.assign(self._spot, x=chart.EMPTY, y=chart.EMPTY)
            return
        at = float(across.share(self.marker))
        height = float(np.interp(at, x, y))
        known = np.isfinite(height)
        chart.assign(self._drop, x=np.array([at, at]), y=np.array([0, height if known else 1.0]))
        dot = np.array([[at], [height]]) if known else np.empty((2, 0))
        chart.assign(self._spot, x=dot[0], y=dot[1])

    def _draw_level(self, up: Span, x: chart.Floats, y: chart.Floats) -> None:
        height = None if self.level is None else float(up.share(self.level))
        ends = ([0.0, 1.0], [height, height]) if height is not None else ([], [])
        chart.assign(self._level, x=np.array(ends[0]), y=np.array(ends[1], dtype=float))
        if height is None or not self.level_label:
            self._say(self._level_words, None, "")
            return
        # The words stand where the curve leaves them most room.
        dense = np.linspace(0, 1, 101)
        away = np.abs(np.interp(dense, x, y) - height - 0.04) if x.size else dense
        away = np.nan_to_num(away, nan=1.0)
        starts = np.array([0.02, 0.14, (1 - LABEL) / 2, 1 - LABEL])
        room = [away[(dense >= start) & (dense <= start + LABEL)].min() for start in starts]
        place = float(starts[np.argmax(room)])
        self._say(self._level_words, (place, height), self.level_label)

    @staticmethod
    def _lowest(x: chart.Floats, y: chart.Floats, at: float) -> float:
        """The curve's lowest share within the room of some words beside `at`."""
        near = np.linspace(at, at + 0.35 if at < 0.6 else at - 0.35, 50)
        return float(np.nan_to_num(np.interp(near, x, y), nan=1.0).min())

    def _numbers(self) -> Listed:
        across = ", ".join([self.title, *self.notes[:1]])
        return listed([across, "Response"], self.x, self.y)

    def _nearest(self, x: float, y: float) -> dict[str, Any] | None:
        if not self.x:
            return None
        shares = span([], self.x, self.log_x).share(self.x)
        return {"index": int(np.nanargmin(np.abs(shares - x)))}

    def _step(self, key: str) -> dict[str, Any] | None:
        if not self.x:
            return None
        at = self.chosen.get("index", 0)
        if self.marker is not None:
            at = int(np.nanargmin(np.abs(np.subtract(self.x, self.marker))))
        return {"index": stepped(key, at, len(self.x) - 1)}
