"""The line at the foot of an explorer: what it does, what it shows, what can be pressed."""

from itertools import count
from typing import Any

import traitlets as t

from cnnwidgets.views.event import Event, word
from cnnwidgets.views.view import Buttons, View, source

STATES = ("ready", "busy", "working", "waiting", "stopped", "warning", "refused", "error")
_serial = count(1)


class StatusLine(View):
    """State, one sentence, progress, and a few words to press.

    The line tells its state to the explorer around it: while nothing new was drawn for 150 ms of
    "busy", pictures fade and numbers become "…", without a message from the kernel.
    """

    _esm = source("caption.js", "surroundings.js", "status_line.js")

    state = t.Enum(STATES, "ready").tag(sync=True)
    """Shown as a dot: ready and stopped green, busy accent, waiting open, warning, error.

    "working" looks like "busy", but is of long work beside what is shown, which is not stale.

    "refused" looks like an error, but what is shown is still true and does not fade.
    """
    headline = t.Unicode("Ready").tag(sync=True)
    """The first word or sentence, in full ink."""
    text = t.Unicode().tag(sync=True)
    """The rest, soft, after a middle dot (after an error's full stop, a space)."""
    done = t.Int(0, min=0).tag(sync=True)
    """Steps of long work that are done."""
    total = t.Int(0, min=0).tag(sync=True)
    """All steps; a bar is shown where this is above 0."""
    buttons = Buttons().tag(sync=True)
    """[{"name", "label"}, ...]; one named "stop" is also pressed by the key S."""
    panel = t.Unicode().tag(sync=True)
    """Text below the line (code, details of an error), with Copy and Close; "" for none."""
    still = t.Unicode().tag(sync=True)
    """Key of the still picture that the page hides while this line is on it; see `still_html`."""
    download = t.Dict().tag(sync=True)
    """A file on its way to the reader, see `offer`."""
    pressed = Event(name=word)
    """Written by the browser: {"name", "count"}. The panel's Close comes as "close"."""

    def __init__(self, **state: Any) -> None:
        super().__init__(**state)
        self.observe(self._close_panel, "pressed")

    def offer(self, name: str, kind: str, data: bytes) -> None:
        """Hand a file to the reader's browser, which saves it.

        Parameters
        ----------
        name
            File name that is proposed.
        kind
            Media type, such as "image/png".
        data
            The file. It is not kept in the notebook.
        """
        self.download = {"name": name, "type": kind, "data": bytes(data), "count": next(_serial)}
        self.download = {}

    def _close_panel(self, change: dict[str, Any]) -> None:
        if change["new"].get("name") == "close":
            self.panel = ""
