"""`wait`: for scripts and cells that need the answer now."""

import asyncio
import signal
import threading
import time

import pytest

from cnnwidgets.widgets.scheduler import Lane, Slot
from cnnwidgets.widgets.scheduler import slot as slot_module
from tests.widgets.owner import PATIENCE, Gate, Owner, says


def test_it_returns_when_the_newest_ask_is_answered_exactly(lane):
    owner, gate = Owner(lane, rest=60), Gate()
    Slot(lane, print, print).submit(gate)
    gate.entered()
    for i in range(3):
        owner.slot.submit(says(i))
    threading.Timer(0.05, gate.open).start()
    owner.slot.wait(PATIENCE)  # does not sit out the minute of rest
    assert owner.answers()[-1] == ("exact", 2)
    assert owner.threads[-1] == threading.get_ident()
    owner.slot.wait(0)  # nothing is asked


def test_an_ask_that_has_been_previewed_is_answered_exactly_without_rest(lane):
    owner = Owner(lane, rest=60)
    owner.slot.submit(says("first"))
    owner.until("exact", "first")
    owner.slot.submit(says("second"))
    owner.until("preview", "second")
    owner.slot.wait(PATIENCE)
    assert owner.answers()[2:] == [("exact", "second")]


def test_it_returns_after_the_owner_has_been_told_also_elsewhere(lane):
    shown = []

    def show(answer, preview):
        time.sleep(0.2)
        shown.append(answer)

    slot, gate = Slot(lane, show, print), Gate("drawn")
    slot.submit(gate)
    gate.entered()
    gate.open()
    slot.wait(PATIENCE)
    assert shown == ["drawn"]


def test_with_nothing_asked_or_closed_it_returns(lane):
    owner, gate = Owner(lane), Gate()
    owner.slot.wait(0)
    owner.slot.submit(gate)
    gate.entered()
    threading.Timer(0.05, owner.slot.close).start()
    owner.slot.wait(PATIENCE)
    gate.open()
    assert owner.told == []


def test_a_failure_and_a_stop_end_it_too(lane):
    owner = Owner(lane, rest=0)
    owner.slot.submit(lambda progress, preview: 1 / 0)
    owner.slot.wait(PATIENCE)
    gate = Gate()
    owner.slot.submit(gate)
    gate.entered()
    owner.slot.stop()
    gate.open()
    owner.slot.wait(PATIENCE)
    assert owner.answers() == [("fail", "ZeroDivisionError"), ("fail", "Stopped")]


def test_too_long_raises_and_the_work_goes_on(lane):
    owner, gate = Owner(lane, rest=0), Gate()
    owner.slot.submit(gate)
    with pytest.raises(TimeoutError, match=r"no exact answer within 0\.05 s; the work goes on"):
        owner.slot.wait(0.05)
    gate.open()
    owner.until("exact", "gated")  # told by the worker again


def test_what_comes_while_it_gives_up_is_told_all_the_same(lane, monkeypatch):
    owner, gate, times = Owner(lane, rest=0), Gate(), []

    class Clock:
        @staticmethod
        def monotonic():
            times.append(time.monotonic())
            if len(times) == 2:  # it has looked for an answer, and is about to give up
                gate.open()
                mark = threading.Event()
                Slot(lane, print, print, rest=0).submit(lambda progress, preview: mark.set())
                assert mark.wait(PATIENCE)
            return times[-1] + 100 * (len(times) > 1)

    owner.slot.submit(gate)
    gate.entered()
    monkeypatch.setattr(slot_module, "time", Clock)
    with pytest.raises(TimeoutError):
        owner.slot.wait(50)
    assert owner.told[-1] == ("exact", "gated")


def test_a_newer_ask_from_elsewhere_is_waited_for_as_well(lane):
    owner, gate = Owner(lane, rest=0), Gate("new")
    old = Gate("old")
    owner.slot.submit(old)
    old.entered()

    def elsewhere():
        owner.slot.submit(gate)
        old.open()
        gate.entered()
        gate.open()

    threading.Timer(0.05, elsewhere).start()
    owner.slot.wait(PATIENCE)
    assert owner.answers() == [("exact", "new")]


def test_progress_and_previews_are_told_to_the_one_who_waits(lane):
    owner, here = Owner(lane, rest=0, long=True), threading.get_ident()

    def work(progress, preview):
        for step in range(3):
            progress(step, 3)
        with owner.changed:  # told while the job still runs: by the thread that waits
            assert owner.changed.wait_for(lambda: ("progress", 2, 3) in owner.told, PATIENCE)
        return threading.get_ident()

    gate = Gate()
    Slot(lane, print, print).submit(gate)
    gate.entered()
    owner.slot.submit(work)
    threading.Timer(0.05, gate.open).start()
    owner.slot.wait(PATIENCE)
    assert set(owner.threads) == {here}
    assert owner.answers()[0][1] != here


def test_ctrl_c_stops_the_question(lane):
    owner, started = Owner(lane, long=True), threading.Event()

    def work(progress, preview):
        started.set()
        while True:
            progress(0, 1)
            time.sleep(0.001)

    def ctrl_c():
        assert started.wait(PATIENCE)
        signal.raise_signal(signal.SIGINT)

    owner.slot.submit(work)
    threading.Timer(0.05, ctrl_c).start()
    with pytest.raises(KeyboardInterrupt):
        owner.slot.wait(PATIENCE)
    owner.until("fail", "Stopped")


def test_it_refuses_to_wait_for_itself(lane):
    owner, other = Owner(lane, rest=0), Owner(lane, rest=0)
    owner.slot.submit(lambda progress, preview: other.slot.wait())
    owner.until("fail", "RuntimeError")
    told = []

    def show(answer, preview):
        with pytest.raises(RuntimeError, match="from inside the work it waits for"):
            slot.wait(PATIENCE)
        told.append(answer)

    async def kernel():
        nonlocal slot
        slot = Slot(lane, show, told.append)
        slot.submit(says("shown"))
        slot.wait(PATIENCE)

    slot = None
    asyncio.run(kernel())
    assert told == ["shown"]


def test_a_worker_that_has_ended_is_not_waited_for():
    lane = Lane()
    owner = Owner(lane)
    lane.close()
    owner.slot.submit(says("never"))
    with pytest.raises(RuntimeError, match="the worker has ended"):
        owner.slot.wait()


def test_in_a_cell_the_owner_is_told_there_and_then():
    async def cell():
        lane = Lane()
        owner = Owner(lane, rest=0)
        owner.slot.submit(says("answer"))
        owner.slot.wait(PATIENCE)
        assert owner.told == [("exact", "answer")]
        await asyncio.sleep(0.2)
        assert owner.told == [("exact", "answer")]  # not told again, nor that it waited
        assert owner.threads == [threading.get_ident()]
        lane.close()

    asyncio.run(cell())


def test_after_its_loop_has_ended_the_owner_is_told_by_the_one_who_waits(lane):
    owners = []

    async def made():
        owners.append(Owner(lane, rest=0))

    asyncio.run(made())
    owners[0].slot.submit(says("answer"))
    owners[0].slot.wait(PATIENCE)
    assert owners[0].answers() == [("exact", "answer")]


def test_another_thread_waits_until_the_loop_has_told_the_owner():
    async def scenario():
        lane = Lane()
        owner, seen = Owner(lane, rest=0), []

        def subshell():
            owner.slot.submit(says("answer"))
            owner.slot.wait(PATIENCE)
            seen.append(list(owner.told))

        thread = threading.Thread(target=subshell)
        thread.start()
        time.sleep(0.4)  # a cell: the answer is there, but nobody may be told it elsewhere
        assert (owner.answers(), seen) == ([], [])
        while thread.is_alive():
            await asyncio.sleep(0.001)
        assert seen == [[("waiting",), ("exact", "answer")]]
        assert owner.threads[1] == threading.get_ident()
        lane.close()

    asyncio.run(asyncio.wait_for(scenario(), PATIENCE))
