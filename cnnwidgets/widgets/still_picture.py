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

SPARED = 10.0
"""Seconds between two stills: one takes some 70 ms of the loop, and makes the notebook unsaved."""

Shown = tuple[bytes, list[str]]
"""A PNG file, or b"", and what it shows in words: the main thing first."""


class StillPicture:
    """An output of its own after the live one, renewed at rest, hidden while the live one stands.

    Front ends show a widget's output as the widget alone, and without a kernel as an error: what
    else its output held is never shown. So the still is an output after it, at the cell's end.

    Parameters
    ----------
    key : of the explorer.
    name : what it is a picture of.
    make : gives what is shown now; no picture while nothing is.
    resting : tells whether the explorer waits for nothing.
    """

    def __init__(
        self, key: str, name: str, make: Callable[[], Shown], resting: Callable[[], bool]
    ) -> None:
        self._key, self._name, self._make, self._resting = key, name, make, resting
        self._handle: Any = None
        self._cell = ""  # the one at whose end the still follows
        self._due, self._made_at = 0.0, -SPARED
        self._pictured, self._waiting = False, False

    def follow(self) -> None:
        """Put the still at the end of the cell that runs, where there is a notebook and a cell."""
        shell = _notebook()
        cell = _running_cell(shell) if shell is not None else ""
        if cell and cell != self._cell:
            self._cell = cell
            shell.events.register("post_run_cell", self._display)

    def renew(self) -> None:
        """Renew it once nothing new has been shown for a while; the first picture soon."""
        if self._handle is None:
            return
        now = time.monotonic()
        self._due = max(now + REST, self._made_at + SPARED) if self._pictured else now
        loop = kernel_loop()
        if loop is not None and not self._waiting:
            self._waiting = True
            loop.call_soon_threadsafe(self._look)

    def close(self) -> None:
        """Take the last picture, if it is due, and let go; twice is harmless."""
        if self._handle is not None and self._waiting:
            self._update()
        self._handle = None

    def _display(self, *_: Any) -> None:
        shell = _notebook()
        if shell is None:
            return
        shell.events.unregister("post_run_cell", self._display)
        if _running_cell(shell) != self._cell:  # that one was interrupted: this is another's end
            return
        from IPython.display import DisplayHandle

        # Displayed in several cells, all of them are renewed.
        self._handle = self._handle or DisplayHandle()
        self._handle.display(self._output(), raw=True)

    def _look(self) -> None:
        self._waiting = False
        if self._handle is None or (loop := kernel_loop()) is None:
            return
        left = self._due - time.monotonic() if self._resting() else REST
        if left > 0:
            self._waiting = True
            loop.call_later(left, self._look)
        else:
            self._update()

    def _update(self) -> None:
        self._handle.update(self._output(), raw=True)

    def _output(self) -> dict[str, str]:
        try:
            png, words = self._make()
        except (OSError, RuntimeError, ValueError):  # what explorers say on export; nobody asked
            png, words = b"", []
        self._pictured, self._made_at = bool(png), time.monotonic()
        alt, *more = words or [f"{self._name}: nothing is shown yet"]
        said = " ".join([*more[:2], f"A still of {self._name}; run the notebook to make it live."])
        return {"text/html": still_html(self._key, png, alt, said), "text/plain": alt}


def _notebook() -> Any:
    """Give the shell of a notebook that shows its outputs in one page; else None.

    Colab shows each output in a frame of its own, where the live one could not hide the still.
    """
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return shell if hasattr(shell, "kernel") and "google.colab" not in sys.modules else None


def _running_cell(shell: Any) -> str:
    """Give the id of the request to run the cell that runs now; "" between cells."""
    header = (shell.kernel.get_parent() or {}).get("header", {})
    return str(header["msg_id"]) if header.get("msg_type") == "execute_request" else ""
