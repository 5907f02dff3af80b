"""A plain table of words."""

from typing import Any

import traitlets as t

from cnnwidgets.views.view import View, source


class Table(View):
    """Rows of words under their heads; the first column leads, the others are numbers.

    Whatever the words hold is shown as text.
    """

    _esm = source("caption.js", "numbers_table.js", "table.js")

    heads = t.List(t.Unicode()).tag(sync=True)
    """One a column."""
    rows: t.List[Any] = t.List(t.List(t.Unicode())).tag(sync=True)
    """As many words each as there are heads."""

    @t.validate("rows")
    def _check_rows(self, proposal: Any) -> list[list[str]]:
        for row in proposal["value"]:
            if len(row) != len(self.heads):
                raise t.TraitError(f"a row holds {len(self.heads)} words; got {len(row)}.")
        return list(proposal["value"])
