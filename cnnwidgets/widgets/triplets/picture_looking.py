"""The long look that networks take at all pictures before they can be compared."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from cnnwidgets.views import words
from cnnwidgets.widgets.explorer import STOP
from cnnwidgets.widgets.scheduler import Lane, Slot, Stopped
from cnnwidgets.widgets.triplets.agents import Source


class PictureLooking:
    """Has networks look at all pictures in the background, one after the other.

    Parameters
    ----------
    worker : does it, as long work.
    waiting_for : gives the sources that are compared now.
    looked : called when one is through.
    moved : called when it has got further.
    failed : is told an error, or a sentence where it was stopped.

    Attributes
    ----------
    name : of the network that looks, "" for none; `done`, `total` : pictures.
    """

    def __init__(
        self,
        worker: Lane,
        waiting_for: Callable[[], Iterable[Source | None]],
        looked: Callable[[], None],
        moved: Callable[[], None],
        failed: Callable[[BaseException | str], None],
    ) -> None:
        self._sources, self._tell, self._moved, self._fail = waiting_for, looked, moved, failed
        self.name, self.done, self.total = "", 0, 0
        self._slot = Slot(worker, self._looked, self._not_looked, self._report, long=True)

    def follow(self) -> None:
        """Begin with the first network that has not looked yet, if there is one."""
        waiting = next((one for one in self._sources() if one and not one.ready()), None)
        if waiting is None or waiting.name == self.name:
            return
        self.name, self.done, self.total = waiting.name, 0, 0
        self._slot.submit(lambda progress, _: waiting.prepare(progress))

    def state(self, until: str) -> dict[str, Any]:
        """Give the status line's state, with what holds until it is through."""
        return {
            "state": "working",
            "headline": f"{words.shortened(self.name)} looks at the pictures",
            "text": f"{self.done} of {self.total}; {until}" if self.total else until,
            "done": self.done,
            "total": self.total,
            "buttons": [STOP],
        }

    def wait(self, timeout: float | None = None) -> None:
        """Block until the newest look is through.

        Raises
        ------
        TimeoutError
            It is not after `timeout` seconds; the work goes on.
        """
        self._slot.wait(timeout)

    def stop(self) -> None:
        """End it; the pictures that were looked at are kept."""
        self._slot.stop()

    def close(self) -> None:
        """End it and tell nothing any more; twice is harmless."""
        self._slot.close()

    def _looked(self, _: Any, __: bool) -> None:
        self.name = ""
        self.follow()
        self._tell()

    def _not_looked(self, error: BaseException) -> None:
        name, self.name = self.name, ""
        stopped = f"{words.shortened(name)} was stopped while it looked at the pictures"
        self._fail(stopped if isinstance(error, Stopped) else error)

    def _report(self, done: int, total: int) -> None:
        self.done, self.total = done, total
        self._moved()
