"""Looks again every few seconds, on the kernel's loop, while somebody sees the result."""

from __future__ import annotations

import weakref
from collections.abc import Callable

from cnnwidgets.widgets.scheduler import kernel_loop


class RepeatedLook:
    """Calls `look` every so often; in a script, which has no loop, never.

    Parameters
    ----------
    look : a bound method, held weakly: this keeps nobody alive.
    every : seconds between two calls.
    """

    def __init__(self, look: Callable[[], None], every: float) -> None:
        self._look, self.every = weakref.WeakMethod(look), every
        self._turn = 0

    @property
    def going(self) -> bool:
        """Whether it looks again by itself."""
        return self._turn % 2 == 1

    def start(self) -> None:
        """Begin, unless it has begun."""
        loop = kernel_loop()
        if not self.going and loop is not None:
            self._turn += 1
            loop.call_soon_threadsafe(loop.call_later, self.every, self._again, self._turn)

    def stop(self) -> None:
        """End; what was begun is not called any more."""
        self._turn += self.going

    def _again(self, turn: int) -> None:
        look, loop = self._look(), kernel_loop()
        if turn != self._turn or look is None or loop is None:
            return
        loop.call_later(self.every, self._again, turn)
        look()
