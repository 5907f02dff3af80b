"""Keeps a still picture of an explorer in the notebook, for readers without a kernel."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

from cnnwidgets.views.still import still_html
from cnnwidgets.widgets.scheduler import kernel_loop

REST = 1.5
"""Seconds without a new picture after which the still is renewed: never while a slider moves."""

Shown = tuple[bytes, str]
"""A PNG file, or b"", and its alternative text."""


class StillPicture:
    """An output of its own beside the live one, renewed at rest, hidden while the live one stands.

    Front ends show a widget's output as the widget alone, and without a kernel as an error: what
    else its output held is never shown. So the still is an output after it.

    Parameters
    ----------
    key : of the explorer.
    name : what it is a picture of.
    make : gives what is shown now.
    """

    def __init__(self, key: str, name: str, make: Callable[[], Shown]) -> None:
        self._key, self._name, self._make = key, name, make
        self._handle: Any = None
        self._due = 0.0
        self._waiting = False

    def display(self) -> None:
        """Put the still beneath what was displayed last, where there is a notebook."""
        if not _keeps_outputs():
            return
        from IPython.display import DisplayHandle

        if self._handle is not None:  # displayed twice: both are renewed
            self._handle.display(self._output(), raw=True)
            return
        self._handle = DisplayHandle()
        self._handle.display(self._output(), raw=True)

    def renew(self) -> None:
        """Renew it once nothing has been shown for a while."""
        self._due = time.monotonic() + REST
        if self._handle is None or self._waiting or (loop := kernel_loop()) is None:
            return
        self._waiting = True
        loop.call_soon_threadsafe(loop.call_later, REST, self._look)

    def close(self) -> None:
        """Leave the still as it is; twice is harmless."""
        self._handle = None

    def _look(self) -> None:
        self._waiting = False
        if self._handle is None or (loop := kernel_loop()) is None:
            return
        if (left := self._due - time.monotonic()) > 0:
            self._waiting = True
            loop.call_later(left, self._look)
        else:
            self._handle.update(self._output(), raw=True)

    def _output(self) -> dict[str, str]:
        png, alt = self._make()
        caption = f"A still of {self._name}. Run the notebook to make it live."
        return {"text/html": still_html(self._key, png, alt, caption), "text/plain": alt}


def _keeps_outputs() -> bool:
    """Tell whether this is the kernel of a notebook that shows outputs in one page.

    Colab shows each output in a frame of its own, where the live one could not hide the still.
    """
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return hasattr(shell, "kernel") and "google.colab" not in sys.modules
