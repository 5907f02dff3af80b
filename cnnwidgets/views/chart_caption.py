"""What stands over a chart, and makes bqplot's figure speak, take the focus, keys and clicks."""

from typing import Any

import traitlets as t

from cnnwidgets.views.display import VIRIDIS
from cnnwidgets.views.event import Event, number, word
from cnnwidgets.views.view import View, source

RAMP = [f"#{bytes(colour).hex()}" for colour in VIRIDIS[[*range(0, 256, 32), 255]]]


class Caption(View):
    """The caption over a chart; its script also makes the chart beside it speak, focus and listen.

    The browser tells where the plot area was clicked and which key was pressed; what that chooses
    is worked out in Python.
    """

    _esm = f"const RAMP = {RAMP};\n" + source("caption.js", "numbers_table.js", "chart_caption.js")

    moved = View.moved | {"tabled"}

    limits = t.List(t.Unicode()).tag(sync=True)
    """The two ends of a colour scale in words, beside a colour bar; [] for none."""
    picks = t.Bool(False).tag(sync=True)
    """Space picks, or lets go, what stands at the marker; else the key stays the page's."""
    spots: t.List[Any] = t.List().tag(sync=True)
    """[[x, y, words], ...]: places in shares of the plot area that have words of their own."""
    pointed = Event(x=number, y=number)
    """Written by the browser: {"x", "y", "count"}, shares of the plot area from the lower left."""
    pressed = Event(key=word)
    """Written by the browser: {"key", "count"}; an arrow key, Home, End, Space where it picks."""
    tabled = t.Bool(False).tag(sync=True, echo_update=False)
    """Written by the browser: the numbers are shown as a table in place of the figure."""
    heads = t.List(t.Unicode()).tag(sync=True)
    """Of the table, one a column; sent only while it is shown."""
    rows: t.List[Any] = t.List().tag(sync=True)
    """[[word, ...], ...], as many words each as there are heads."""
