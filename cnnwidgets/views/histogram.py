"""How often: counts of units in intervals of one quantity."""

from typing import Any

import bqplot
import numpy as np
import traitlets as t

from cnnwidgets.views import chart, event
from cnnwidgets.views.span import Listed, Span, listed, span, stepped
from cnnwidgets.views.view import Numbers


class Histogram(chart.Chart):
    """Bars between edges, the median as a dashed line.

    `chosen` is {"index", "count"}: a click takes the bar at its place, an arrow key the next, Home
    and End the first and the last. A drag is a brush: its interval is `brushed`.
    """

    counts = Numbers()
    """[n], from zero."""
    edges = Numbers()
    """[n + 1], ascending."""
    log_x = t.Bool(False)
    """A logarithmic x axis; the edges are then above zero."""
    label_x = t.Unicode()
    label_y = t.Unicode()
    ticks = Numbers()
    """Values under which a label stands; [] for those that fit."""
    tick_labels = t.List(t.Unicode())
    """One a tick; [] for their numbers."""
    limit = t.Float(None, allow_none=True)
    """Upper end of the y axis; None for the largest count."""
    median = t.Float(None, allow_none=True)
    """Where the dashed line stands, or None."""
    median_label = t.Unicode()
    marker = t.Int(None, allow_none=True)
    """Index of the bar in the accent colour, or None."""
    brushed = t.Dict()
    """{"low", "high", "count"} once the brush rests, in the units of `edges`; {} without one."""

    margin = chart.MARGIN | {"top": 20, "bottom": 36, "left": 44}

    def __init__(self, **state: Any) -> None:
        super().__init__(**state)
        self.brush.observe(self._brushing, ["brushing", "selected"])

    def _own_marks(self) -> list[Any]:
        self._bars = self._area(chart.BAR)
        self._bar = self._area(chart.ACCENT)
        self._bar.colors, self._bar.stroke_width = [chart.INK], 2.0  # seen without colour too
        self._middle = self._line(chart.INK, 1.0, line_style="dashed")
        self._words = self._label(y_offset=-6)
        return [self._bars, self._bar, self._middle, self._words]

    def _area(self, colour: str) -> bqplot.Lines:
        return self._line(
            "transparent", 0.0, fill="inside", fill_colors=[colour], fill_opacities=[1.0]
        )

    def _own_brush(self) -> bqplot.interacts.Interaction:
        return bqplot.interacts.BrushIntervalSelector(scale=self._scales["x"], color=chart.ACCENT)

    def _span(self) -> Span:
        if len(self.edges) != len(self.counts) + 1 and (self.edges or self.counts):
            raise t.TraitError(
                f"{len(self.counts)} counts take {len(self.counts) + 1} edges; "
                f"got {len(self.edges)}."
            )
        return span([], self.edges, self.log_x, "the x axis")

    def _draw(self) -> None:
        across = self._span()
        up = span([0, self.limit] if self.limit else [], [0, *self.counts], what="the y axis")
        edges, heights = across.share(self.edges), up.share(self.counts)
        bars = np.arange(len(heights))
        chosen = bars == (-1 if self.marker is None else self.marker)
        for mark, kept in ((self._bars, bars[~chosen]), (self._bar, bars[chosen])):
            # Each bar goes up and down again: one outline for all, with a gap between them.
            x = np.stack([edges[kept], edges[kept], edges[kept + 1], edges[kept + 1]], axis=1)
            flat = np.zeros(len(kept))
            y = np.stack([flat, heights[kept], heights[kept], flat], axis=1)
            chart.assign(mark, x=x.ravel(), y=y.ravel())
        self._tick("x", across, self.ticks or across.ticks(), self.tick_labels)
        self._tick("y", up, up.ticks(4), ())
        chart.assign(self._axes["x"], label=self.label_x, label_offset="28px")
        chart.assign(self._axes["y"], label=self.label_y, label_offset="34px")
        median = None if self.median is None else float(across.share(self.median))
        self._upright(self._middle, self._words, median, 1.0, self.median_label)

    def _numbers(self) -> Listed:
        heads = ["From", "To", self.label_y or "Count"]
        return listed(heads, self.edges[:-1], self.edges[1:], self.counts)

    def _nearest(self, x: float, y: float) -> dict[str, Any] | None:
        if not self.counts:
            return None
        bar = int(np.searchsorted(self._span().share(self.edges), x, side="right")) - 1
        return {"index": max(0, min(bar, len(self.counts) - 1))}

    def _step(self, key: str) -> dict[str, Any] | None:
        if not self.counts:
            return None
        at = self.chosen.get("index", 0) if self.marker is None else self.marker
        return {"index": stepped(key, at, len(self.counts) - 1)}

    def _brushing(self, _change: Any) -> None:
        if self.brush.brushing:
            return
        if (side := event.span(self.brush.selected)) is None:
            self.brushed = {}
            return
        low, high = (self._span().value(end) for end in side)
        count = self.brushed.get("count", 0) + 1
        self.brushed = {"low": low, "high": high, "count": count}
