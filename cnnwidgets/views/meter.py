"""A vertical bar beside a picture: how large the response is now."""

from math import isfinite
from typing import Any

import traitlets as t

from cnnwidgets.views.view import View, source


class Meter(View):
    """One number as a bar from 0 to the end of a fixed scale; as high as the picture beside it.

    The bar ends at its scale: a small mark says that the value is beyond it, or below 0. It has no
    caption; its number stands in that of the picture.
    """

    _esm = source("caption.js", "meter.js")

    value = t.CFloat(None, allow_none=True).tag(sync=True)
    """The number, in units of its own; None, or NaN, while it is not known."""
    top = t.CFloat(1.0).tag(sync=True)
    """The scale's end, above 0; change it at rest only, and say so."""
    peak = t.CFloat(None, allow_none=True).tag(sync=True)
    """The largest value seen, a thin line; None for none."""

    @t.validate("value", "peak")
    def _check_number(self, proposal: Any) -> float | None:
        number: float | None = proposal["value"]
        return number if number is not None and isfinite(number) else None

    @t.validate("top")
    def _check_top(self, proposal: Any) -> float:
        top: float = proposal["value"]
        if not (isfinite(top) and top > 0):
            raise t.TraitError(f"the top of a meter is a number above 0; got {top}.")
        return top
