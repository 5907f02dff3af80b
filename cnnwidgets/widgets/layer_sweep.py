"""The sweep of the layer that is looked at: in the background, drawn while it grows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cnnwidgets.engines.gratings import Tuning
from cnnwidgets.widgets.grating_look import GratingQuestion
from cnnwidgets.widgets.layer_tunings import LayerTuning, LayerTunings, SweepQuestion
from cnnwidgets.widgets.scheduler import Lane, Slot


class LayerSweep:
    """Measures one layer after the other, as they are asked, and keeps what it measured.

    It is long work: every other question is answered in between. One that is stopped goes on
    where it was.

    Parameters
    ----------
    lane : the worker.
    drawn : called when more is there.
    told : called with the number of gratings that were shown, and of all.
    ended : called with None when all is there, and with the error when it is not.
    """

    def __init__(
        self,
        lane: Lane,
        drawn: Callable[[], None],
        told: Callable[[int, int], None],
        ended: Callable[[BaseException | None], None],
    ) -> None:
        self._drawn, self._told, self._ended = drawn, told, ended
        self._tunings = LayerTunings()
        self._now: LayerTuning | None = None
        self._complete: LayerTuning | None = None
        self._seen: tuple[int, Any] = (-1, None)
        self._slot = Slot(lane, self._show, self._fail, self._report, long=True)

    def of(self, question: GratingQuestion) -> LayerTuning:
        """Give what is known of a question's layer, which may be nothing."""
        q = question
        return self._tunings.of(SweepQuestion(q.model, q.layer, q.grating.colour))

    def result(self, measure: str) -> Tuning | None:
        """Give the tuning of the layer that was asked last, once all of it is there."""
        return None if self._complete is None else self._complete.by(measure)

    def ask(self, question: GratingQuestion) -> None:
        """Have a question's layer measured, unless it is or was, from its frequency outwards.

        It is measured anew where the weights have changed.
        """
        wanted, frequency = self.of(question), question.grating.frequency
        known, current = wanted.complete or not self._slot.newest.settled, wanted.is_current()
        if wanted is self._now and known and current:
            return
        self._now = wanted
        if wanted.complete and current:
            self._show(wanted.tuning, False)
            return
        self._complete = None
        self._slot.submit(lambda progress, _: wanted.build(frequency, progress))

    def wait(self, timeout: float | None = None) -> None:
        """Block until all is there."""
        self._slot.wait(timeout)

    def stop(self) -> None:
        """End what runs; what is there stays."""
        self._slot.stop()

    def close(self) -> None:
        """End everything and free what was kept but the result; twice is harmless."""
        self._slot.close()
        self._tunings.forget()
        self._now = None

    def _report(self, done: int, total: int) -> None:
        if self._now is None:
            return
        state = (self._now.done, self._now.tuning)
        if state != self._seen:
            self._seen = state
            self._drawn()
        self._told(done, total)

    def _show(self, tuning: Tuning | None, _: bool) -> None:
        if tuning is None or self._now is None:
            return
        if self._now.tuning is tuning:  # and not another layer's, which was asked before
            self._complete = self._now
        self._drawn()
        self._ended(None)

    def _fail(self, error: BaseException) -> None:
        self._now = None
        self._ended(error)
