"""How jobs end: by an error, a Stop, or their owner's leaving; and `submit` never blocks."""

import threading

import pytest

from cnnwidgets.widgets.scheduler import Lane, Slot, Stopped, Superseded
from tests.widgets.owner import PATIENCE, Gate, Owner, says


def test_a_superseded_exact_job_ends_at_its_next_progress_and_tells_nothing(lane):
    owner, gate, seen = Owner(lane, rest=0), Gate(), []

    def old(progress, preview):
        try:
            gate(progress, preview)
        except Superseded as why:
            seen.append(why)
            return "old"  # returned all the same: dropped

    owner.slot.submit(old)
    gate.entered()
    owner.slot.submit(says("new"))
    gate.open()
    owner.until("exact", "new")
    assert seen
    assert owner.answers() == [("exact", "new")]


def test_after_an_error_the_next_ask_is_answered(lane):
    owner = Owner(lane, rest=0)
    owner.slot.submit(lambda progress, preview: 1 / 0)
    owner.until("fail", "ZeroDivisionError")
    owner.slot.submit(says("well"))
    owner.until("exact", "well")


def test_a_preview_that_fails_is_followed_by_the_exact_answer():
    lane = Lane(inline=True, clock=lambda: 0.0)
    owner = Owner(lane)
    owner.slot.submit(says("first"))
    owner.slot.submit(lambda progress, preview: 1 / 0 if preview else "exact")
    assert owner.answers()[1:] == [("fail", "ZeroDivisionError")]
    assert not owner.slot.newest.settled
    lane.rest()
    assert owner.answers()[2:] == [("exact", "exact")]
    assert owner.slot.newest.settled


@pytest.mark.parametrize("everything", [False, True])
def test_stop_keeps_what_the_job_has(lane, everything):
    owner, steps = Owner(lane, long=True), []

    def work(progress, preview):
        try:
            for step in range(10):
                steps.append(step)
                if step == 3:
                    (lane if everything else owner.slot).stop()
                progress(step, 10)
        except Stopped:
            return f"{len(steps)} of 10"

    owner.slot.submit(work)
    owner.until("exact", "4 of 10")


def test_stop_without_a_partial_answer_says_stopped_also_to_the_waiting(lane):
    running, waiting, gate = Owner(lane, rest=0), Owner(lane, rest=0), Gate()
    running.slot.submit(gate)
    gate.entered()
    waiting.slot.submit(says("never"))
    lane.stop()
    gate.open()
    running.until("fail", "Stopped")
    waiting.until("fail", "Stopped")
    waiting.slot.submit(says("again"))
    waiting.until("exact", "again")
    assert running.answers() == [("fail", "Stopped")]


@pytest.mark.parametrize("calls_progress", [True, False])
def test_stop_during_a_preview_is_told_once_and_no_exact_answer_follows(calls_progress):
    lane = Lane(inline=True, clock=lambda: 0.0)
    owner = Owner(lane)

    def job(progress, preview):
        owner.slot.stop()
        if calls_progress:
            progress(0, 1)
        return "frame"

    owner.slot.submit(says("first"))
    owner.slot.submit(job)
    lane.rest()
    lane.rest()
    frames = [] if calls_progress else [("preview", "frame")]
    assert owner.answers()[1:] == [*frames, ("fail", "Stopped")]
    assert owner.slot.newest.settled


def test_close_while_running_tells_nothing_and_the_lane_goes_on(lane):
    closed, other, gate = Owner(lane, rest=0), Owner(lane, rest=0), Gate()
    closed.slot.submit(gate)
    gate.entered()
    closed.slot.submit(says("waiting"))
    closed.slot.close()
    closed.slot.close()
    closed.slot.submit(says("late"))
    gate.open()
    other.slot.submit(says("alive"))
    other.until("exact", "alive")
    assert closed.told == []


def test_submit_returns_while_the_worker_is_busy_from_any_thread(lane):
    owner, gate, threads = Owner(lane, rest=0), Gate(), []
    Slot(lane, print, print).submit(gate)
    gate.entered()
    for i in range(4):
        thread = threading.Thread(target=owner.slot.submit, args=(says(i),))
        thread.start()
        threads.append(thread)
    for thread in threads:
        thread.join(PATIENCE)
    assert not any(thread.is_alive() for thread in threads)
    assert owner.told == []
    gate.open()
    owner.slot.wait(PATIENCE)
    assert len(owner.answers()) == 1  # only the newest
