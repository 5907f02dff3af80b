"""Why an agent takes out what it does: one row a dimension, each of which can be switched off."""

from typing import Any

import numpy as np
import traitlets as t
from numpy.typing import NDArray

from cnnwidgets.views.triplet import PLACES, check_frame
from cnnwidgets.views.view import Numbers, View, source, stamped

KINDS = ("", "semantic", "visual", "mixed", "unclear")
TOPS_KEYS = {"dims", "names", "side", "frame"}


class Products(t.TraitType[NDArray[np.float32], Any]):
    """A trait of float32 [3, D], taken from any such array; [3, 0] for none."""

    default_value = np.zeros((PLACES, 0), np.float32)

    def validate(self, obj: Any, value: Any) -> NDArray[np.float32]:
        """Give a copy of its own, C-contiguous and finite."""
        taken = np.array(value, np.float32, order="C")
        if taken.ndim != 2 or taken.shape[0] != PLACES or not np.isfinite(taken).all():
            raise t.TraitError(
                f"products are finite numbers [{PLACES}, dimensions]; got {list(taken.shape)}."
            )
        return taken


def _wired(value: NDArray[np.float32], view: View) -> dict[str, Any]:
    sent = {"data": value.astype("<f4").tobytes(), "dimensions": value.shape[1]}
    return stamped(sent, view)


class DimensionRows(View):
    """Rows of dimensions: a tick, a label, its kind, tiny pictures, a signed bar and a number.

    The number is the relevance of the dimension: the probability that the agent takes out object
    `odd`, less the same without the dimension, among those that are on. Switching one off is
    computed in the browser: p_a = softmax_a(sum of c[a, d] over the dimensions d that are on).
    Bars and numbers follow at once, and so do the bars of that agent in a `Triplet` of the same
    explorer; the kernel hears `off` and `probabilities` in one message.

    Up and down move, Space ticks. Before the answer `products` are [3, 0]: the rows are empty and
    keep their height.
    """

    _esm = source("caption.js", "frames.js", "dimension_rows.js")

    moved = View.moved | {"off", "opened", "probabilities"}

    agent = t.Enum(("people", "network"), "people").tag(sync=True)
    """Whose dimensions: the colour of the bars, and the `kind` of the agent in a `Triplet`."""
    labels = t.List(t.Unicode()).tag(sync=True)
    """Short names of all dimensions, D words."""
    kinds = t.List(t.Enum(KINDS)).tag(sync=True)
    """Kind of each dimension, "" for none; [] for no kinds at all."""
    tops = t.Dict().tag(sync=True, to_json=stamped)
    """Objects that are high on a dimension, from `sprite.tiny_tops`: {"dims", "names", "side",
    "frame"}; {} for none. Where its frame is {} the names are shown."""
    products = Products().tag(sync=True, to_json=_wired)
    """float32 [3, D]: what dimension d adds to the logit of column a, over the temperature."""
    odd = t.Int(0, min=0, max=PLACES - 1).tag(sync=True)
    """Column of the object that this agent takes out."""
    odd_name = t.Unicode().tag(sync=True)
    """Its name, for screen readers: "+.15 for taking out taxi"."""
    order = t.List(t.Int()).tag(sync=True)
    """Dimensions that have a row, from the top; [] for all, by the size of their relevance when
    all are on. Give at most a few hundred."""
    off = t.List(t.Int()).tag(sync=True)
    """Dimensions that are switched off; written by both sides, set it to [] with new products."""
    limit = t.Float(0.0, min=0).tag(sync=True)
    """Relevance at the ends of the bars, so that two agents share a scale; 0 for the largest of
    these dimensions."""
    count = t.Int(6, min=1).tag(sync=True)
    """Rows that are shown; the others are folded under "n more"."""
    opened = t.Bool(False).tag(sync=True)
    """The other rows are shown: the reader's choice, and written by both sides."""
    message = t.List(t.Unicode()).tag(sync=True)
    """One or two lines in place of the rows (a layer without dimensions)."""
    probabilities = Numbers(PLACES).tag(sync=True, echo_update=False)
    """Written by the browser with `off`: that each object is taken out by what is on."""

    @t.validate("off")
    def _check_off(self, proposal: Any) -> list[int]:
        off: list[int] = proposal["value"]
        if any(not 0 <= dimension < self.products.shape[1] for dimension in off):
            raise t.TraitError(f"there are {self.products.shape[1]} dimensions; got {off}.")
        return off

    @t.validate("probabilities")
    def _check_probabilities(self, proposal: Any) -> list[float]:
        values: list[float] = proposal["value"]
        if any(not 0 <= value <= 1 for value in values):
            raise t.TraitError(f"probabilities are from 0 to 1; got {values}.")
        return values

    @t.validate("tops")
    def _check_tops(self, proposal: Any) -> dict[str, Any]:
        tops = proposal["value"]
        if not tops:
            return {}
        if set(tops) != TOPS_KEYS or len(tops["dims"]) != len(tops["names"]):
            got = ", ".join(sorted(tops))
            raise t.TraitError(
                f"tops hold {', '.join(sorted(TOPS_KEYS))}, as many names as dims; got {got}."
            )
        return {**tops, "frame": check_frame(tops["frame"], "the frame of tops")}
