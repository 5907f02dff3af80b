"""A few large bars with labels beneath: choose one of them."""

import traitlets as t

from cnnwidgets.views.event import Event, whole
from cnnwidgets.views.view import Numbers, View, source


class BarStrip(View):
    """Bars side by side on one scale with a common zero; the chosen one in the accent colour.

    As many bars are drawn as the width takes, from the first on. A click, or the arrow keys and
    Enter, choose one.
    """

    _esm = source("caption.js", "bar_strip.js")

    values = Numbers().tag(sync=True)
    """Heights, in units of their own; a bar of 0 is only its zero line."""
    labels = t.List(t.Unicode()).tag(sync=True)
    """What stands beneath each bar."""
    readings = t.List(t.Unicode()).tag(sync=True)
    """The values in words (tooltip, screen reader); may be left out."""
    selected = t.Int(-1).tag(sync=True)
    """Index of the bar that is shown now, or -1."""
    message = t.List(t.Unicode()).tag(sync=True)
    """One or two lines in place of the bars."""
    chosen = Event(index=whole)
    """Written by the browser: {"index", "count"}."""
