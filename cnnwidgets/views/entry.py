"""A line of text that the reader writes and gives with Enter."""

import traitlets as t

from cnnwidgets.views.event import Event, word
from cnnwidgets.views.view import View, source


class Entry(View):
    """A text field under its title; nothing is told before Enter.

    Unlike ipywidgets' own, it also tells the same text given again, and never half of one.
    """

    _esm = source("caption.js", "entry.js")

    text = t.Unicode().tag(sync=True)
    """What stands in the field, set by the kernel."""
    example = t.Unicode().tag(sync=True)
    """What stands in the empty field, to show how it is written."""
    entered = Event(text=word)
    """Written by the browser: {"text", "count"}."""
