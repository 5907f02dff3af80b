"""The one worker of the process: interactive questions pass before long work and run inside it.

No lock but around the start of the thread: callers set an attribute of their slot and put on a
re-entrant queue, and only the worker touches the lists of what waits. For a callback may come in
any thread, be interrupted by Ctrl-C, or be a finaliser that the collector runs inside another call.
"""

import atexit
import contextlib
import itertools
import logging
import math
import queue
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from contextvars import Context
from typing import TYPE_CHECKING, Any

from cnnwidgets.widgets.scheduler.ask import Ask, Stopped, Superseded

if TYPE_CHECKING:
    from cnnwidgets.widgets.scheduler.slot import Slot

TAKEN_AFTER = 0.15
"""Seconds within which a kernel's loop takes an answer, unless it runs a cell."""


class Lane:
    """The worker, and what waits for it.

    Each `Slot` waits with its newest ask only. Interactive slots run in order of arrival; then long
    work goes on by one step, up to its next `progress`.

    Parameters
    ----------
    inline
        Run each job where it is submitted, in the caller's thread: for tests. `rest()` then stands
        for a slider that comes to rest. Where no thread can be started, a lane becomes inline by
        itself, and answers exactly at once.
    clock
        Gives the time in seconds.
    guard
        Makes the context manager around each job: `torch_modes`, so that jobs nested in one another
        do not share torch's modes.
    """

    def __init__(
        self,
        *,
        inline: bool = False,
        clock: Callable[[], float] = time.monotonic,
        guard: Callable[[], contextlib.AbstractContextManager[Any]] = contextlib.nullcontext,
    ) -> None:
        self.inline, self.clock, self.guard = inline, clock, guard
        self.numbers, self.stop_mark, self.closed = itertools.count(1), 0, False
        self._inbox: queue.SimpleQueue[Slot | None] = queue.SimpleQueue()
        self._quick: OrderedDict[Slot, None] = OrderedDict()
        self._long: OrderedDict[Slot, None] = OrderedDict()
        self._resting: dict[Slot, Ask] = {}  # previewed, to be answered exactly at rest
        self._untaken: dict[Slot, float] = {}  # when an answer still on the loop means a cell runs
        self._previews = True
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._ident: int | None = None  # the thread that is in `_turn`

    def put(self, slot: "Slot | None") -> None:
        """Have the newest ask of a slot run; None only wakes the worker."""
        self._inbox.put(slot)
        if not self.inline and not (self._thread and self._thread.is_alive()):
            self._start()
        if self.inline:
            while self._ident is None and (self._long or not self._inbox.empty()):
                self._turn()

    def stop(self) -> None:
        """End everything that runs or waits, as `Slot.stop` does for one slot."""
        self.stop_mark = next(self.numbers)

    def rest(self) -> None:
        """Of an inline lane: answer exactly what has only been previewed."""
        for ask in self._resting.values():
            ask.rests_at = -math.inf
        self.put(None)

    def close(self, wait: float = 2.0) -> None:
        """Stop everything and end the worker.

        A job that calls no `progress` for `wait` seconds is left behind.
        """
        self.closed = True
        self.stop()
        self._inbox.put(None)
        if self._thread and self._thread is not threading.current_thread():
            self._thread.join(wait)
        atexit.unregister(self.close)

    def runs_here(self) -> bool:
        """Whether the calling thread is in the middle of this lane's work."""
        return threading.get_ident() == self._ident

    def watch(self, slot: "Slot") -> None:
        """From the worker: see whether the loop takes this slot's answer in time."""
        self._untaken[slot] = self.clock() + TAKEN_AFTER

    def _start(self) -> None:
        """Start the worker: the first time, or in a forked child."""
        if not self._starting.acquire(blocking=False):
            return  # being started; blocking would hang a finaliser that came in the middle
        try:
            if self.closed or (self._thread and self._thread.is_alive()):
                return
            thread = threading.Thread(target=self._work, name="cnnwidgets", daemon=True)
            thread.start()
            self._thread = thread
            atexit.register(self.close)
        except RuntimeError as error:
            said = "No thread can be started (%s), so pictures are computed in the kernel's own."
            logging.getLogger(__name__).warning(said, error)
            self.inline, self._previews, self._ident = True, False, None  # nobody wakes it at rest
        finally:
            self._starting.release()

    def _work(self) -> None:
        while not self.closed:
            self._turn(self._patience())

    def _patience(self) -> float | None:
        """Seconds for which there is nothing to do; None is for ever."""
        if self._long:
            return 0
        dues = [ask.rests_at for ask in self._resting.values()] + list(self._untaken.values())
        return max(0, min(dues) - self.clock()) if dues else None

    def _turn(self, patience: float | None = 0) -> None:
        self._ident = threading.get_ident()
        try:
            self._serve(patience)
            self._tell_waiting()
            if self._long and not self.closed:
                self._run(self._long.popitem(last=False)[0])
        finally:
            self._ident = None

    def _serve(self, patience: float | None = 0) -> None:
        """Run each waiting interactive slot once, and only once: then long work goes on."""
        with contextlib.suppress(queue.Empty):
            while slot := self._inbox.get(patience != 0, patience):
                waiting = self._long if slot.long else self._quick
                waiting[slot] = None  # one that waits already keeps its place
                patience = 0
        now = self.clock()
        rested = [slot for slot, ask in self._resting.items() if ask.rests_at <= now]
        self._quick.update(dict.fromkeys(rested))
        while self._quick:
            self._run(self._quick.popitem(last=False)[0])

    def _run(self, slot: "Slot") -> None:
        ask = slot.newest
        job = ask.job
        preview = self._previews and self.clock() < ask.rests_at
        if preview and job and self._resting.get(slot) is ask:
            return  # previewed already
        self._resting.pop(slot, None)
        if not job:
            return  # answered already, or closed
        exact_follows = preview
        try:
            slot.check(ask, preview)
            with self.guard():
                answer = Context().run(job, self._progress(slot, ask, preview), preview)
            slot.post_answer(ask, answer, preview)
        except Superseded:
            pass
        except BaseException as error:  # SystemExit too: a job must not end the only worker
            exact_follows = preview and not isinstance(error, Stopped)
            slot.post_error(ask, error, final=not exact_follows)
            if self.inline and not isinstance(error, (Exception, Stopped)):
                raise  # Ctrl-C in a script
        finally:
            if exact_follows and slot.newest is ask:
                self._resting[slot] = ask
            else:
                ask.job = None

    def _progress(self, slot: "Slot", ask: Ask, preview: bool) -> Callable[[int, int], None]:
        def progress(done: int, total: int) -> None:
            if self.runs_here():  # a job may call it from threads of its own
                self._tell_waiting()
                if slot.long:
                    self._serve()
            slot.check(ask, preview)
            slot.report(ask, done, total)

        return progress

    def _tell_waiting(self) -> None:
        """Tell the slots whose answers the loop does not take, once for each wait."""
        if self._untaken:
            now = self.clock()
            for slot in [slot for slot, due in self._untaken.items() if due <= now]:
                del self._untaken[slot]
                slot.tell_waiting()


_lanes: dict[str, Lane] = {}


def process_lane() -> Lane:
    """The lane that all explorers of this process share: they share models and the device."""
    if not _lanes:
        from cnnwidgets.widgets.torch_modes import torch_modes

        _lanes.setdefault("process", Lane(guard=torch_modes))  # the same for two threads at once
    return _lanes["process"]
