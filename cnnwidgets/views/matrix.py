"""A square matrix of similarities, one cell a pair of objects."""

import json
from math import isfinite
from typing import Any

import traitlets as t

from cnnwidgets.views.display import OVERLAY_POWER, VIRIDIS
from cnnwidgets.views.event import Event, whole
from cnnwidgets.views.view import Numbers, View, counts, source


def _told(values: list[float], _view: View) -> list[float | None]:
    """Values for the wire, which knows no NaN."""
    return [value if isfinite(value) else None for value in values]


class Pair(t.List[int]):
    """A trait of a row and a column, or []."""

    def validate(self, obj: Any, value: Any) -> list[int]:
        """Give two whole numbers, or none."""
        return counts(value, 2, str(self.name)) if len(value) else []


class Matrix(View):
    """Cells in viridis with a name before each row; the columns are in the same order.

    A cell without a value is hatched, which the legend says; the diagonal is left empty. A click
    chooses a cell, and so do the arrow keys, Home and End once the matrix has the focus.
    """

    _esm = (
        f"const VIRIDIS = {json.dumps(VIRIDIS.tobytes().hex())};\n"
        f"const OVERLAY_POWER = {OVERLAY_POWER};\n"
        + source("caption.js", "painting.js", "numbers_table.js", "matrix.js")
    )

    moved = View.moved | {"selected"}

    values = Numbers().tag(sync=True, to_json=_told)
    """Row by row, n x n; NaN where there is no value."""
    names = t.List(t.Unicode()).tag(sync=True)
    """One a row, n of them."""
    limits = Numbers(2).tag(sync=True)
    """The values at the two ends of the colours."""
    breaks = t.List(t.Int()).tag(sync=True)
    """Rows before which a new group of objects begins: a gap is left there."""
    unknown = t.Unicode("no value").tag(sync=True)
    """What a hatched cell means, for the legend."""
    selected = Pair().tag(sync=True)
    """[row, column] of the cell that is outlined, or []; the page outlines what it chooses."""
    said = t.Unicode().tag(sync=True)
    """The outlined cell in words, read out while the matrix has the focus."""
    message = t.List(t.Unicode()).tag(sync=True)
    """One or two lines in place of the cells."""
    chosen = Event(row=whole, column=whole)
    """Written by the browser: {"row", "column", "count"}."""

    @t.validate("breaks")
    def _check_breaks(self, proposal: Any) -> list[int]:
        return counts(proposal["value"], len(proposal["value"]), "breaks")

    def show(self, **state: Any) -> None:
        """Assign traits; the browser gets one message with what has changed, or none.

        Raises
        ------
        TypeError
            For a name that is not a trait of this view.
        TraitError
            For a value its trait refuses, or as many values as make no square of the names.
        """
        values, names = state.get("values", self.values), state.get("names", self.names)
        if len(values) != len(names) ** 2:
            raise t.TraitError(
                f"{len(names)} names take {len(names) ** 2} values, row by row; got {len(values)}."
            )
        super().show(**state)
