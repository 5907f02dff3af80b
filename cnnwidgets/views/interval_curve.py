"""A curve whose points are estimates: each with its interval."""

from typing import Any

import numpy as np
import traitlets as t

from cnnwidgets.views import chart
from cnnwidgets.views.curve import Curve
from cnnwidgets.views.span import Listed, listed, paired, span
from cnnwidgets.views.view import Numbers


class IntervalCurve(Curve):
    """A `Curve` with a thin upright line through each point, from `low` to `high`."""

    low = Numbers()
    """[n], or []; NaN is a point without an interval. What is beyond `limits` is cut off."""
    high = Numbers()
    """[n], or []."""
    names = t.List(t.Unicode())
    """[n], what the points are called in the table; [] for their numbers."""

    margin = chart.MARGIN | {"right": 40, "left": 36}  # names stand under the first and last point

    def _own_marks(self) -> list[Any]:
        self._whiskers = self._line(chart.BAR, 1.5)
        return [self._whiskers, *super()._own_marks()]

    def _numbers(self) -> Listed:
        heads = [self.title, self.notes[0] if self.notes else "Value"]
        if not self.low:
            return listed(heads, self.names or self.x, self.y)
        return listed([*heads, "From", "To"], self.names or self.x, self.y, self.low, self.high)

    def _draw(self) -> None:
        super()._draw()
        paired(self.low, self.high, "lower and upper ends")
        if self.low:
            paired(self.low, self.x, "intervals and points of a curve")
        across = span([], self.x, self.log_x, "the x axis")
        up = span(self.limits, [0, *self.y], what="the y axis")
        places = across.share(self.x)[: len(self.low)]
        ends = np.stack([up.share(self.low), up.share(self.high)], axis=1)
        known = np.isfinite(places) & np.isfinite(ends).all(axis=1)
        gap = np.full((int(known.sum()), 1), np.nan)
        x = np.hstack([np.repeat(places[known, None], 2, axis=1), gap])
        y = np.hstack([ends[known], gap])
        # A line that ended in a gap would have no place for bqplot's label of it.
        chart.assign(self._whiskers, x=x.ravel()[:-1], y=y.ravel()[:-1])
