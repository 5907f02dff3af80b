"""Who is told what, and where: on the kernel's loop, which a cell may block, or in a script."""

import asyncio
import gc
import threading
import time
import weakref
from itertools import pairwise

import pytest

from cnnwidgets.widgets.scheduler import Lane, Slot
from tests.widgets.owner import PATIENCE, Gate, Owner, answered, on_a_loop, says, told


def test_an_owner_that_cannot_show_is_told_so(lane, caplog):
    owner = Owner(lane, rest=0)
    slot = Slot(lane, lambda answer, preview: answer.missing, owner.fail)
    slot.submit(says(1))
    owner.until("fail", "AttributeError")
    assert "could not be shown" in caplog.text


def test_stale_answers_are_dropped_at_delivery():
    async def scenario(lane):
        owner = Owner(lane, rest=0)
        owner.slot.submit(says("old"))
        answered(lane)  # "old" lies on the loop, which is busy: here
        owner.slot.submit(says("new"))
        await told(owner, "exact", "new")
        assert owner.answers() == [("exact", "new")]

    on_a_loop(scenario)


def test_answers_come_on_the_loop_wherever_asked():
    async def scenario(lane):
        owner, asked = Owner(lane, rest=0), []

        def ask():  # as in a subshell
            asked.append(threading.get_ident())
            owner.slot.submit(lambda progress, preview: threading.get_ident())

        threading.Thread(target=ask).start()
        while not owner.answers():
            await asyncio.sleep(0.001)
        here = threading.get_ident()
        assert owner.threads == [here]
        assert len({here, *asked, owner.answers()[0][1]}) == 3

    on_a_loop(scenario)


def test_a_blocked_loop_keeps_one_answer_only():
    async def scenario(lane):
        owner, alive = Owner(lane, rest=60), []

        class Picture:
            pass

        def job(progress, preview):
            picture = Picture()
            alive.append(weakref.ref(picture))
            return picture

        for _ in range(20):
            owner.slot.submit(job)
            answered(lane)
        gc.collect()
        assert len(alive) == 20
        assert sum(ref() is not None for ref in alive) == 1
        owner.slot.close()

    on_a_loop(scenario)


@pytest.mark.parametrize("kernel", [True, False])
def test_progress_is_told_at_most_20_times_a_second_and_the_last_before_the_answer(kernel):
    """Time is the lane's, so that the machine's speed does not matter."""
    now = [0.0]

    def work(progress, preview):
        for step in range(1001):
            now[0] = step / 1000
            progress(step, 1000)
        return "built"

    async def scenario():
        return script()

    def script():
        lane = Lane(inline=True, clock=lambda: now[0])
        owner = Owner(lane, long=True)
        owner.slot.submit(work)
        owner.slot.wait(PATIENCE)
        return owner.told

    told = asyncio.run(scenario()) if kernel else script()
    assert told[-2:] == [("progress", 1000, 1000), ("exact", "built")]
    steps = [what[1] for what in told[:-1]]
    if kernel:  # its loop was blocked all the while: the last one only
        assert steps == [1000]
    else:
        assert len(steps) <= 22
        assert all(later - earlier >= 50 for earlier, later in pairwise(steps[:-1]))


def test_the_last_progress_before_a_pause_is_told_during_the_pause():
    async def scenario(lane):
        owner, gate = Owner(lane, long=True), Gate()

        def work(progress, preview):
            progress(0, 1000)
            owner.until("progress", 0, 1000)
            for step in range(1, 200):  # within the pause that follows the first
                progress(step, 1000)
            return gate(lambda done, total: None, preview)

        owner.slot.submit(work)
        await told(owner, "progress", 199, 1000)
        assert owner.answers() == []
        gate.open()
        await told(owner, "exact", "gated")
        assert owner.told[-2:] == [("progress", 199, 1000), ("exact", "gated")]

    on_a_loop(scenario)


def test_progress_on_a_loop_is_limited():
    async def scenario(lane):
        owner, over = Owner(lane, long=True, reports_per_second=10), threading.Event()

        def work(progress, preview):
            while not over.is_set():
                progress(0, 1)

        start = time.monotonic()
        owner.slot.submit(work)
        while len(owner.told) < 5:
            await asyncio.sleep(0.001)
        assert time.monotonic() - start >= 0.35  # five of them lie four pauses of 0.1 s apart
        over.set()
        await told(owner, "exact", None)

    on_a_loop(scenario)


@pytest.mark.parametrize("busy", ["idle", "long", "interactive"])
def test_waiting_for_a_cell_is_told_once_from_the_worker_whatever_it_does(busy):
    async def scenario(lane):
        owner, over = Owner(lane, rest=0), threading.Event()
        other = Owner(lane, rest=0, long=busy == "long")

        def work(progress, preview):
            while not over.is_set():
                progress(0, 1)
                time.sleep(0.001)

        owner.slot.submit(says("answer"))
        if busy != "idle":
            other.slot.submit(work)
        owner.until("waiting")  # blocks the loop, as a cell does
        if busy != "interactive":
            owner.slot.submit(says("newer"))
            answered(lane)
        time.sleep(0.3)  # twice as long as it takes to be told again
        over.set()
        last = "answer" if busy == "interactive" else "newer"
        assert owner.told == [("waiting",)]
        await told(owner, "exact", last)
        assert owner.told == [("waiting",), ("exact", last)]
        assert owner.threads[0] != threading.get_ident() == owner.threads[1]

        owner.slot.submit(says("in the next cell"))
        while len(owner.told) < 3:
            time.sleep(0.001)
        assert owner.told[2:] == [("waiting",)]

    on_a_loop(scenario)


def test_waiting_is_not_told_where_the_loop_takes_answers_in_time():
    async def scenario(lane):
        owner = Owner(lane, rest=0)
        for i in range(4):
            owner.slot.submit(says(i))
            await told(owner, "exact", i)
            await asyncio.sleep(0.1)
        await asyncio.sleep(0.2)
        assert owner.told == [("exact", i) for i in range(4)]

    on_a_loop(scenario)


def test_waiting_is_never_told_in_a_script(lane):
    owner, gate, telling = Owner(lane, rest=0), Gate(), threading.Event()

    def slowly(done, total):
        telling.set()
        time.sleep(0.5)  # the answer comes meanwhile, and lies until this has been told

    def job(progress, preview):
        answer = gate(progress, preview)
        assert telling.wait(PATIENCE)
        return answer

    slot = Slot(lane, owner.show, owner.fail, slowly, owner.waiting, long=True)
    slot.submit(job)
    gate.entered()
    threading.Timer(0.05, gate.open).start()
    slot.wait(PATIENCE)
    assert owner.told == [("exact", "gated")]


def test_after_waiting_the_answer_has_the_last_word():
    """The cell may end while `waiting` is being told: the answer must not come before it."""

    async def scenario(lane):
        said, writing = [], threading.Event()

        def waiting():
            writing.set()
            time.sleep(0.2)  # the loop is free meanwhile
            said.append("waiting")

        slot = Slot(lane, lambda answer, preview: said.append(answer), print, None, waiting)
        slot.submit(says("answer"))
        assert writing.wait(PATIENCE)
        while "answer" not in said:
            await asyncio.sleep(0.001)
        assert said == ["waiting", "answer"]

    on_a_loop(scenario)
