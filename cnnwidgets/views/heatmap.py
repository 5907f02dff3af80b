"""Responses over two quantities of the stimulus, as coloured cells."""

from typing import Any

import bqplot
import numpy as np
import traitlets as t

from cnnwidgets.views import chart
from cnnwidgets.views.display import VIRIDIS
from cnnwidgets.views.span import Listed, listed, stepped, words
from cnnwidgets.views.view import Numbers

EVERY_EIGHTH = [
    f"#{bytes(colour).hex()}" for colour in VIRIDIS[np.linspace(0, 255, 33).astype(int)]
]


class HeatMap(chart.Chart):
    """Cells in viridis, the first row at the bottom, and the present stimulus outlined.

    `chosen` is {"row", "column", "count"}: a click takes the cell under it, an arrow key the next,
    Home and End the first and the last of its row.
    """

    margin = chart.MARGIN | {"left": 40}

    values = t.Any(np.empty((0, 0)))
    """[rows, columns]; NaN is not measured and drawn as an empty panel."""
    row_labels = t.List(t.Unicode())
    """One a row, from the bottom; "" for none."""
    column_labels = t.List(t.Unicode())
    """One a column; "" for none."""
    row_names = t.List(t.Unicode())
    """Of all rows, for the table; [] for their labels."""
    column_names = t.List(t.Unicode())
    """Of all columns."""
    limits = Numbers(2)
    """The values at the two ends of the colours; [] for zero and the largest."""
    ends = t.List(t.Unicode())
    """The limits in words, for the caption; [] for their numbers."""
    marker = t.Tuple(None, allow_none=True)
    """(row, column) of the present stimulus, or None."""

    @t.validate("values")
    def _check_values(self, proposal: Any) -> Any:
        values = np.array(proposal["value"], dtype=float)
        if values.ndim != 2:
            raise t.TraitError(f"values are [rows, columns]; got shape {list(values.shape)}.")
        return values

    def __init__(self, **state: Any) -> None:
        super().__init__(**state)
        self.add_class("cw-heatmap")

    def _own_axes(self) -> dict[str, Any]:
        axes = super()._own_axes()
        axes["y"].grid_lines = "none"
        return axes

    def _own_marks(self) -> list[Any]:
        self._colours = bqplot.ColorScale(colors=EVERY_EIGHTH, min=0, max=1)
        scales = {"row": self._scales["y"], "column": self._scales["x"], "color": self._colours}
        none, edges = np.full((2, 2), np.nan), np.linspace(0, 1, 3)
        self._cells = bqplot.GridHeatMap(
            color=none,
            row=edges,
            column=edges,
            scales=scales,
            interactions={},
            stroke="transparent",
        )
        self._owned += [self._colours, self._cells]
        self._ground = self._line("white", 4.5, close_path=True)
        self._outline = self._line(chart.ACCENT, 1.75, close_path=True)
        return [self._cells, self._ground, self._outline]

    def _draw(self) -> None:
        rows, columns = self.values.shape
        known = self.values[np.isfinite(self.values)]
        low, high = self.limits or (0.0, float(known.max(initial=0)))
        shares = np.clip((self.values - low) / (high - low or 1), 0, 1)
        shares = shares if shares.size else np.full((2, 2), np.nan)
        # bqplot would take a single row or column for a list: it is drawn as two halves.
        for axis in (0, 1):
            shares = np.repeat(shares, 2, axis) if shares.shape[axis] == 1 else shares
        edges = [np.linspace(0, 1, length + 1) for length in shares.shape]
        chart.assign(self._cells, color=shares, row=edges[0], column=edges[1])
        self._label_cells("y", self.row_labels, rows)
        self._label_cells("x", self.column_labels, columns)
        self.caption.limits = self.ends or [words(low), words(high)]
        x, y = np.empty(0), np.empty(0)
        if self.marker is not None and rows and columns:
            row, column = self._inside(*self.marker)
            x = (column + np.array([0, 1, 1, 0])) / columns
            y = (row + np.array([0, 0, 1, 1])) / rows
        chart.assign(self._ground, x=x, y=y)
        chart.assign(self._outline, x=x, y=y)

    def _label_cells(self, axis: str, labels: list[str], cells: int) -> None:
        if labels and len(labels) != cells:
            raise t.TraitError(f"{cells} cells take as many labels; got {len(labels)}.")
        places = (
            {
                f"{place:g}": text
                for place, text in zip(
                    np.round((np.arange(cells) + 0.5) / cells, 4), labels, strict=True
                )
                if text
            }
            if labels
            else {}
        )
        ticks = np.array([float(place) for place in places])
        self._name_ticks(axis, places, ticks)

    def _inside(self, row: int, column: int) -> tuple[int, int]:
        rows, columns = self.values.shape
        return max(0, min(int(row), rows - 1)), max(0, min(int(column), columns - 1))

    def _numbers(self) -> Listed:
        rows, columns = self.values.shape
        named = [*self.row_names] or [*self.row_labels] or [str(row) for row in range(rows)]
        heads = [*self.column_names] or [*self.column_labels] or [str(n) for n in range(columns)]
        return listed([self.title, *heads], named, *self.values.T)

    def _nearest(self, x: float, y: float) -> dict[str, Any] | None:
        rows, columns = self.values.shape
        if not rows or not columns:
            return None
        row, column = self._inside(int(y * rows), int(x * columns))
        return {"row": row, "column": column}

    def _step(self, key: str) -> dict[str, Any] | None:
        rows, columns = self.values.shape
        if not rows or not columns:
            return None
        row, column = self.marker or (self.chosen.get("row", 0), self.chosen.get("column", 0))
        upright = key in ("ArrowUp", "ArrowDown")
        if upright:
            row = stepped(key, int(row), rows - 1)
        else:
            column = stepped(key, int(column), columns - 1)
        row, column = self._inside(row, column)
        return {"row": row, "column": column}
