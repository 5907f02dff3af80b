"""Whoever asks the scheduler, for tests."""

import asyncio
import threading

from cnnwidgets.widgets.scheduler import Lane, Slot

PATIENCE = 20
"""Seconds after which a test gives up; nothing here takes more than one or two."""


class Owner:
    """Writes down what it is told, and wakes whoever waits for that."""

    def __init__(self, lane, **settings):
        self.told, self.threads, self.changed = [], [], threading.Condition()
        self.slot = Slot(lane, self.show, self.fail, self.report, self.waiting, **settings)

    def note(self, *what):
        with self.changed:
            self.told.append(what)
            self.threads.append(threading.get_ident())
            self.changed.notify_all()

    def show(self, answer, preview):
        self.note("preview" if preview else "exact", answer)

    def fail(self, error):
        self.note("fail", type(error).__name__)

    def report(self, done, total):
        self.note("progress", done, total)

    def waiting(self):
        self.note("waiting")

    def until(self, *what):
        with self.changed:
            assert self.changed.wait_for(lambda: what in self.told, PATIENCE), (what, self.told)

    def answers(self):
        return [what for what in self.told if what[0] not in ("progress", "waiting")]


class Gate:
    """A job that says when it has been entered, and goes on when told."""

    def __init__(self, answer="gated"):
        self.answer, self._entered, self._open = answer, threading.Event(), threading.Event()

    def __call__(self, progress, preview):
        self._entered.set()
        assert self._open.wait(PATIENCE)
        progress(1, 2)
        return self.answer

    def entered(self):
        assert self._entered.wait(PATIENCE)

    def open(self):
        self._open.set()


def says(answer):
    """A job with this answer."""
    return lambda progress, preview: answer


def on_a_loop(scenario):
    """Run a coroutine function as a kernel would: owners made inside are told on its loop."""

    async def closing():
        lane = Lane()
        try:
            await asyncio.wait_for(scenario(lane), PATIENCE)
        finally:
            lane.close()

    asyncio.run(closing())


def answered(lane):
    """Wait until the worker has done what was asked before; the loop stays blocked meanwhile."""
    mark = threading.Event()
    Slot(lane, print, print, rest=0).submit(lambda progress, preview: mark.set())
    assert mark.wait(PATIENCE)


async def told(owner, *what):
    """Leave the loop free until the owner has been told this."""
    while what not in owner.told:
        await asyncio.sleep(0.001)
