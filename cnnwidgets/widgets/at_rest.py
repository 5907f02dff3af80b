"""What is drawn piece by piece while the explorer rests, and never in the way of a slider."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from cnnwidgets.widgets.explorer import Job
from cnnwidgets.widgets.scheduler import Lane, Slot, kernel_loop

PAUSE = 0.4
"""Seconds of rest before the first piece: whoever steps from unit to unit waits for none."""


class AtRest:
    """Has the worker make the pieces of one question, each as a question of its own.

    So a moving slider waits for one piece at most.

    Parameters
    ----------
    lane : the worker.
    job : gives the work for the next piece of a question, or None where all are there.
    show : called with each piece and False; calls `next` for the next one.
    fail : called with the error of a piece, or `Stopped`.

    Attributes
    ----------
    question : the last one that was asked, or None; `left` tells whether it is being drawn no more.
    asked_at : when the last piece was asked for, on the monotonic clock.
    """

    def __init__(
        self,
        lane: Lane,
        job: Callable[[Any], Job | None],
        show: Callable[[Any, bool], None],
        fail: Callable[[BaseException], None],
    ) -> None:
        self.question: Any = None
        self.asked_at = 0.0
        self._job, self._slot = job, Slot(lane, show, fail, rest=0)
        self.left, self._due = False, False

    def ask(self, question: Any) -> None:
        """Begin with a question, after a pause in which nothing else is asked."""
        self.question, self.left, self._due = question, False, True
        if (loop := kernel_loop()) is None:
            self.next()
        else:
            loop.call_soon_threadsafe(loop.call_later, PAUSE, self._start, question)

    def leave(self) -> None:
        """Make no more pieces, until the next question."""
        self.left, self._due = True, False
        self._slot.stop()

    def next(self) -> None:
        """Have the next piece made, if there is one."""
        if self.question is None or self.left:
            return
        self._due = False
        self.asked_at = time.monotonic()
        if job := self._job(self.question):
            self._slot.submit(job)

    @property
    def settled(self) -> bool:
        """Whether nothing more will come."""
        return not self._due and self._slot.newest.settled

    def wait(self, timeout: float | None = None) -> None:
        """Block until the piece that was asked for last is there; no pause.

        Raises
        ------
        TimeoutError
            It is not there after `timeout` seconds; the work goes on.
        """
        if self._due:
            self.next()
        self._slot.wait(timeout)

    def close(self) -> None:
        """Forget the question, show nothing any more; twice is harmless."""
        self.question, self._due = None, False
        self._slot.close()

    def _start(self, question: Any) -> None:
        if self._due and question is self.question:
            self.next()
