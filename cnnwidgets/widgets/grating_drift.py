"""A grating that drifts: its phase goes on by the time that goes by."""

from __future__ import annotations

import time
from math import inf, pi
from typing import Any

from cnnwidgets.widgets.scheduler import kernel_loop

FRAME = 0.06
"""Seconds between the frames of a drifting grating."""


class Drift:
    """Moves an explorer's phase on the kernel's loop, while its `drift` is not 0.

    Parameters
    ----------
    owner : has `drift` (cycles a second), `phase` (radians) and `busy`. A frame is left out while
        it is busy, and the next one makes up for it.
    """

    def __init__(self, owner: Any) -> None:
        self._owner, self._at, self._closed = owner, -inf, False

    def start(self) -> None:
        """Begin, unless it moves already or has nothing to do; it ends by itself."""
        loop = kernel_loop()
        if self._owner.drift and self._at == -inf and loop is not None:
            self._at = time.monotonic()
            loop.call_soon_threadsafe(loop.call_later, FRAME, self._go_on)

    def close(self) -> None:
        """Move nothing any more."""
        self._closed = True

    def _go_on(self) -> None:
        owner, loop, now = self._owner, kernel_loop(), time.monotonic()
        if self._closed or not owner.drift or loop is None:
            self._at = -inf
            return
        if not owner.busy:
            owner.phase += 2 * pi * owner.drift * (now - self._at)
            self._at = now
        loop.call_later(FRAME, self._go_on)
