"""The caption of a strip that is folded until the reader opens it."""

import traitlets as t

from cnnwidgets.views.event import Event, word
from cnnwidgets.views.view import Buttons, View, source


class Fold(View):
    """A caption as the handle of what stands beneath it in a box of `layout.folded_strip`.

    Beside it stand progress and a few words to press. While it is folded only title, notes and
    reading are shown.
    """

    _esm = source("caption.js", "fold.js")

    moved = View.moved | {"opened"}

    opened = t.Bool(False).tag(sync=True)
    """The reader's choice, and written by both sides."""
    done = t.Int(0, min=0).tag(sync=True)
    """Steps of long work that are done."""
    total = t.Int(0, min=0).tag(sync=True)
    """All steps; a bar is shown where this is above 0."""
    buttons = Buttons().tag(sync=True)
    """[{"name", "label"}, ...]."""
    pressed = Event(name=word)
    """Written by the browser: {"name", "count"}."""
