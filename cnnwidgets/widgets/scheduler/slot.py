"""A question of one owner: asked over and over while a slider moves, answered for the newest."""

import contextlib
import inspect
import logging
import math
import queue
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from cnnwidgets.widgets.scheduler.ask import Ask, Job, Letter, Reference, Stopped, Superseded
from cnnwidgets.widgets.scheduler.lane import Lane
from cnnwidgets.widgets.scheduler.loop import delivers_here, kernel_loop


class Slot:
    """One question of one owner.

    While asks come less than `rest` seconds apart they run as previews: each runs to its end and is
    shown even if a newer one waits. At rest the last one runs exactly; exact and long jobs are
    ended at their next `progress` when a newer ask comes. In a script, which has no loop, the owner
    is told in the worker's thread, or in that of `wait`.

    Parameters
    ----------
    lane
        The worker: `process_lane()`.
    show
        `show(answer, preview)`, on the kernel's loop. It draws from the answer alone: by then the
        owner may have been asked for something else. Bound methods are held weakly, here and below.
    fail
        `fail(error)`, on the loop: the job's error, or `Stopped`.
    report
        `report(done, total)`, on the loop, at most `reports_per_second`, the last one always.
    waiting
        `waiting()`, from the worker's thread, once the loop has not taken an answer for 150 ms
        because the kernel runs a cell; `show` or `fail` follows when the cell ends.
    long
        Long work, with interactive questions answered in between.
    rest
        Seconds. Long work has no previews.
    """

    def __init__(
        self,
        lane: Lane,
        show: Callable[[Any, bool], None],
        fail: Callable[[BaseException], None],
        report: Callable[[int, int], None] | None = None,
        waiting: Callable[[], None] = lambda: None,
        *,
        long: bool = False,
        rest: float = 0.15,
        reports_per_second: float = 20,
    ) -> None:
        self.lane, self.long, self.newest = lane, long, Ask()
        self._show, self._fail, self._waiting = _weakly(show), _weakly(fail), _weakly(waiting)
        self._report = _weakly(report) if report else None
        self._rest, self._pause = 0 if long else rest, 1 / reports_per_second
        self._asked = self._reported = -math.inf
        self._loop, self._stop_mark, self._closed = kernel_loop(), 0, False
        # A loop that was blocked finds the newest only.
        self._answers: deque[Letter] = deque(maxlen=1)
        self._reports: deque[Letter] = deque(maxlen=1)
        self._report_due = False
        self._bell: queue.SimpleQueue[None] | None = None  # wakes the thread that is in `wait`
        self._teller: int | None = None  # the thread in which the owner is being told something

    def submit(self, job: Job) -> None:
        """Ask `job(progress, preview)`, which replaces the ask before it. Returns at once."""
        if not self._closed:
            now, before = self.lane.clock(), self._asked
            self._asked, rests_at = now, now + self._rest if now - before < self._rest else now
            self.newest = Ask(job, next(self.lane.numbers), rests_at, settled=False)
            self.lane.put(self)

    def wait(self, timeout: float | None = None) -> None:
        """Block until the newest ask is answered exactly and its owner has been told.

        For scripts and cells. The owner is told in the calling thread, unless the kernel's loop is
        free to do it. Ctrl-C, and the kernel's interrupt, stop this question.

        Parameters
        ----------
        timeout
            Seconds; None waits for ever.

        Raises
        ------
        TimeoutError
            There is no exact answer yet. The work goes on.
        RuntimeError
            It would wait for itself: called from a job, or while the owner is being told; or the
            worker has ended.
        """
        if self.lane.runs_here() or self._teller == threading.get_ident():
            raise RuntimeError(
                "wait() was called from inside the work it waits for; call it outside."
            )
        end = math.inf if timeout is None else time.monotonic() + timeout
        bell = self._bell = queue.SimpleQueue()
        try:
            self.newest.rests_at = -math.inf  # nothing moves: no need to wait for rest
            if not self.newest.settled:
                self.lane.put(self)
            while not self._settled():
                if self.lane.closed:
                    raise RuntimeError("the worker has ended, so no answer will come.")
                if time.monotonic() >= end:
                    raise TimeoutError(
                        f"no exact answer within {timeout:g} s; the work goes on: "
                        "wait longer, or stop it."
                    )
                with contextlib.suppress(queue.Empty):  # 0.1 s: for Ctrl-C on Windows, and new asks
                    bell.get(timeout=max(0, min(0.1, end - time.monotonic())))
        except KeyboardInterrupt:
            self.stop()
            raise
        finally:
            self._bell = None
            self._settled()

    def stop(self) -> None:
        """End what runs and what waits. `fail` gets `Stopped`, or `show` what the job returned."""
        self._stop_mark = next(self.lane.numbers)

    def close(self) -> None:
        """Forget everything, tell nothing any more. From anywhere, also twice."""
        self._closed, self.newest.job = True, None
        self._answers.clear()
        self._reports.clear()

    # The worker's side

    def check(self, ask: Ask, preview: bool) -> None:
        """Raise if the ask should end."""
        if self._closed or (self.newest is not ask and not preview):
            raise Superseded
        if ask.number < max(self._stop_mark, self.lane.stop_mark):
            raise Stopped

    def report(self, ask: Ask, done: int, total: int) -> None:
        """Have the owner told how far its job is: now, or the newest at the end of a pause."""
        if self._report is None:
            return
        self._reports.append(Letter(ask, self._report, (done, total)))
        now = self.lane.clock()
        due = max(now, self._reported + self._pause)
        if self._report_due or (self._loop is None and due > now):
            return  # it goes with what is on its way already; in a script, with the answer
        self._report_due, self._reported = self._loop is not None, due
        self._ring(due - now)

    def post_answer(self, ask: Ask, answer: Any, preview: bool) -> None:
        """Have the owner shown an answer."""
        self._post(Letter(ask, self._show, (answer, preview), frame=preview, final=not preview))

    def post_error(self, ask: Ask, error: BaseException, final: bool) -> None:
        """Have the owner told that a job failed or was stopped."""
        self._post(Letter(ask, self._fail, (error,), final=final))

    def tell_waiting(self) -> None:
        """Tell the owner, if its answer is still not taken, that the kernel runs a cell."""
        if letter := _take(self._answers):  # held back meanwhile, so that `show` has the last word
            self._tell(self._waiting)
            self._answers.append(letter)
            self._ring()

    def _post(self, letter: Letter) -> None:
        if self._loop and not self._answers:
            self.lane.watch(self)
        self._answers.append(letter)
        self._ring()

    def _ring(self, delay: float = 0) -> None:
        """Have `_deliver` called: on the loop, by the thread that waits, or else here."""
        if bell := self._bell:
            bell.put(None)
        if self._loop:
            deliver = (
                partial(self._loop.call_later, delay, self._deliver) if delay else self._deliver
            )
            with contextlib.suppress(RuntimeError):  # closed: the interpreter ends
                self._loop.call_soon_threadsafe(deliver)
        elif not bell:
            self._deliver()

    # The owner's side

    def _settled(self) -> bool:
        """Tell the owner what has come, if this thread may; whether nothing more will come."""
        if delivers_here(self._loop):
            self._deliver()
        return self._closed or self.newest.settled

    def _deliver(self) -> None:
        self._report_due = False  # first: what is reported from here on needs a delivery of its own
        # A report is put in before its answer. Taken after it and told before it, it is never late.
        answer, report = _take(self._answers), _take(self._reports)
        self._teller = threading.get_ident()
        try:
            for letter in (report, answer):
                if letter and not self._closed and (letter.frame or letter.ask is self.newest):
                    self._tell(letter.tell, *letter.what)
                    letter.ask.settled |= letter.final
        finally:
            self._teller = None

    def _tell(self, tell: Reference, *what: Any) -> None:
        try:
            if owner := tell():
                owner(*what)
        except Exception as error:  # the owner's own: the loop and the worker live on
            logging.getLogger(__name__).exception("an answer could not be shown")
            if tell is self._show:
                self._tell(self._fail, error)


def _take(box: deque[Letter]) -> Letter | None:
    with contextlib.suppress(IndexError):
        return box.pop()
    return None


def _weakly(callback: Callable[..., None]) -> Reference:
    return weakref.WeakMethod(callback) if inspect.ismethod(callback) else lambda: callback
