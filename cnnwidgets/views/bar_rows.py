"""Rows of a name, a bar and a number."""

from typing import Any

import traitlets as t

from cnnwidgets.views.view import Numbers, View, source


class BarRows(View):
    """Names with their shares of one whole: what the network says, and how sure it is."""

    _esm = source("caption.js", "bar_rows.js")

    labels = t.List(t.Unicode()).tag(sync=True)
    """One name a row."""
    values = Numbers().tag(sync=True)
    """Lengths of the bars, 0 to 1; the full width is 1 in every update."""
    readings = t.List(t.Unicode()).tag(sync=True)
    """The values in words."""
    message = t.List(t.Unicode()).tag(sync=True)
    """One or two lines in place of the rows (a network without a head)."""

    @t.validate("values")
    def _check_values(self, proposal: Any) -> list[float]:
        values: list[float] = proposal["value"]
        if any(not 0 <= value <= 1 for value in values):
            raise t.TraitError(f"bars in rows are shares from 0 to 1; got {values}.")
        return values
