"""A row of numbers with what they are beneath."""

from typing import Any

import traitlets as t

from cnnwidgets.views.view import View, source

KEYS = {"value", "unit", "label", "title"}
NEEDED = {"value", "label"}


class NumberRow(View):
    """A few numbers on a tint, each over its label: a list of descriptions, without a caption.

    As many stand side by side as there are, half as many where the explorer is narrow.
    """

    _esm = source("caption.js", "number_row.js")

    numbers = t.List(t.Dict(value_trait=t.Unicode(), key_trait=t.Unicode())).tag(sync=True)
    """[{"value": "27", "unit": "°", "label": "orientation, mean", "title": "what it is"}, ...], all
    in words; "unit" and "title" (the tooltip) may be left out."""

    @t.validate("numbers")
    def _check_numbers(self, proposal: Any) -> list[dict[str, str]]:
        for number in proposal["value"]:
            if not NEEDED <= set(number) <= KEYS:
                got = ", ".join(sorted(number)) or "nothing"
                raise t.TraitError(
                    f"a number holds label and value, and may hold title and unit; got {got}."
                )
        return list(proposal["value"])
