"""Units as points: one quantity against another, some of them picked with a brush."""

from typing import Any

import bqplot
import numpy as np
import traitlets as t

from cnnwidgets.views import chart, event
from cnnwidgets.views.span import Listed, Span, listed, paired, span, stepped
from cnnwidgets.views.view import Numbers

REACH = 0.06
"""Share of the plot area within which a click takes a point."""


class Scatter(chart.Chart):
    """Points, those picked in the accent colour, one of them large.

    `chosen` is {"index", "count"}: a click takes the nearest point, arrow keys go to the next point
    along x or y, Home and End to the first and the last along x. A drag is a brush: the points in
    it are `brushed`.
    """

    x = Numbers()
    """[n]; a point with a NaN is left out, and so is one below zero on a logarithmic axis."""
    y = Numbers()
    """[n]."""
    names = t.List(t.Unicode())
    """[n], what the pointer says over a point; or []."""
    called = t.List(t.Unicode())
    """[n], what the points are called in the table; [] for their numbers."""
    log_x = t.Bool(False)
    log_y = t.Bool(False)
    limits_x = Numbers(2)
    """[low, high]; [] for those of the data."""
    limits_y = Numbers(2)
    """[low, high]; [] for those of the data."""
    label_x = t.Unicode()
    label_y = t.Unicode()
    ticks_x = Numbers()
    """Values under which a number stands; [] for those that fit."""
    ticks_y = Numbers()
    picked = t.List(t.Int())
    """Indices of the points in the accent colour."""
    marker = t.Int(None, allow_none=True)
    """Index of the large point, or None."""
    brushed = t.Dict()
    """{"indices", "count"} once the brush rests, or after Space; {} without one."""

    margin = chart.MARGIN | {"bottom": 36, "left": 44}

    def __init__(self, **state: Any) -> None:
        super().__init__(**state)
        self.caption.picks = True
        self.brush.observe(self._brushing, ["brushing", "selected_x", "selected_y"])

    def _own_marks(self) -> list[Any]:
        self._points = self._dots(chart.BAR, 20)
        self._picks = self._dots(chart.ACCENT, 36)
        self._picks.marker = "diamond"  # told apart without colour too
        self._spot = self._dots(chart.ACCENT, 100, chart.GROUND)
        return [self._points, self._picks, self._spot]

    def _own_brush(self) -> bqplot.interacts.Interaction:
        return bqplot.interacts.BrushSelector(
            x_scale=self._scales["x"], y_scale=self._scales["y"], color=chart.ACCENT
        )

    def _spans(self) -> tuple[Span, Span]:
        paired(self.x, self.y, "x and y of a scatter")
        across = span(self.limits_x, self.x, self.log_x, "the x axis")
        return across, span(self.limits_y, self.y, self.log_y, "the y axis")

    def _places(self) -> chart.Floats:
        """Shares of the plot area [2, n]; NaN for a point that is not drawn."""
        across, up = self._spans()
        places = np.stack([across.share(self.x), up.share(self.y)])
        lost = (self.log_x & (np.array(self.x) <= 0)) | (self.log_y & (np.array(self.y) <= 0))
        places[:, lost | ~np.isfinite(places).all(axis=0)] = np.nan
        return places

    def _draw(self) -> None:
        for names in filter(None, (self.names, self.called)):
            paired(names, self.x, "names and points")
        across, up = self._spans()
        places = self._places()
        drawn = np.isfinite(places[0])
        picked = np.zeros(len(drawn), dtype=bool)
        picked[[index for index in self.picked if 0 <= index < len(drawn)]] = True
        chosen = np.zeros(len(drawn), dtype=bool)
        if self.marker is not None and 0 <= self.marker < len(drawn):
            chosen[self.marker] = True
        for mark, kept in (
            (self._points, drawn & ~picked),
            (self._picks, drawn & picked),
            (self._spot, drawn & chosen),
        ):
            chart.assign(mark, x=places[0, kept], y=places[1, kept])
        self._tick("x", across, self.ticks_x or across.ticks(), ())
        self._tick("y", up, self.ticks_y or up.ticks(4), ())
        chart.assign(self._axes["x"], label=self.label_x, label_offset="28px")
        chart.assign(self._axes["y"], label=self.label_y, label_offset="34px")
        named = zip(*places.tolist(), self.names, strict=True) if self.names else ()
        self.caption.spots = [[x, y, name] for x, y, name in named if np.isfinite(x)]

    def _numbers(self) -> Listed:
        picked = set(self.picked)
        called = self.called or [str(index) for index in range(len(self.x))]
        said = [f"{name}{', picked' * (at in picked)}" for at, name in enumerate(called)]
        return listed([self.title, self.label_x, self.label_y], said, self.x, self.y)

    def _toggle(self) -> None:
        """Pick the point at the marker, or let it go: what a brush does by mouse."""
        if self.marker is not None and 0 <= self.marker < len(self.x):
            self._brush(sorted({*self.picked} ^ {self.marker}))

    def _brush(self, indices: list[int]) -> None:
        self.brushed = {"indices": indices, "count": self.brushed.get("count", 0) + 1}

    def _nearest(self, x: float, y: float) -> dict[str, Any] | None:
        places = self._places()
        far = np.hypot(places[0] - x, places[1] - y)
        if not np.isfinite(far).any() or np.nanmin(far) > REACH:
            return None
        return {"index": int(np.nanargmin(far))}

    def _step(self, key: str) -> dict[str, Any] | None:
        places = self._places()
        along = places[1 if key in ("ArrowUp", "ArrowDown") else 0]
        order = [
            int(index) for index in np.argsort(along, kind="stable") if along[index] == along[index]
        ]
        if not order:
            return None
        at = self.marker if self.marker is not None else self.chosen.get("index")
        if at not in order:
            return {"index": order[-1 if key == "End" else 0]}
        return {"index": order[stepped(key, order.index(at), len(order) - 1)]}

    def _brushing(self, _change: Any) -> None:
        if self.brush.brushing:
            return
        across = event.span(self.brush.selected_x)
        up = event.span(self.brush.selected_y)
        if across is None or up is None:
            self.brushed = {}
            return
        within = [
            (along >= low) & (along <= high)
            for along, (low, high) in zip(self._places(), (across, up), strict=True)
        ]
        self._brush([int(index) for index in np.flatnonzero(within[0] & within[1])])
