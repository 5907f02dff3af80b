"""What outlives what: owners, failed jobs, finalisers, forks, the interpreter, missing threads."""

import gc
import os
import subprocess
import sys
import threading
import weakref
from pathlib import Path

import pytest

import cnnwidgets
from cnnwidgets.widgets.scheduler import Lane
from tests.widgets.owner import PATIENCE, Owner, says

PACKAGE = str(Path(cnnwidgets.__file__).parents[1])


@pytest.mark.parametrize("close", [True, False])
def test_an_owner_is_collectable_after_its_last_answer_or_close(lane, close):
    owner, other = Owner(lane, rest=60), Owner(lane, rest=0)

    def fails(progress, preview, owner=owner):
        raise ValueError(owner)

    owner.slot.submit(fails)
    owner.until("fail", "ValueError")
    if close:
        owner.slot.submit(lambda progress, preview, owner=owner: "held until rest, in a minute")
        owner.until("preview", "held until rest, in a minute")
        owner.slot.close()
    dead = weakref.ref(owner)
    del owner, fails
    other.slot.submit(says("next"))  # the worker's frames have moved on
    other.until("exact", "next")
    gc.collect()
    assert dead() is None


def test_a_failed_job_is_freed_without_the_collector():
    lane, alive = Lane(inline=True), []
    owner = Owner(lane, rest=0)

    def fails(progress, preview):
        picture = Owner(lane)
        alive.append(weakref.ref(picture))
        raise ValueError

    gc.disable()
    try:
        owner.slot.submit(fails)
        assert owner.answers() == [("fail", "ValueError")]
        assert alive[0]() is None
    finally:
        gc.enable()


def test_a_finaliser_may_close_and_submit_inside_any_call(lane):
    class Closing(Owner):
        def __del__(self):
            self.slot.submit(says("late"))
            self.slot.close()

    owner = Owner(lane, rest=0)
    for _ in range(50):
        closing = Closing(lane, rest=0)
        closing.slot.submit(lambda progress, preview, closing=closing: None)
        closing.cycle = closing
        del closing
        owner.slot.submit(lambda progress, preview: gc.collect(0))
    owner.slot.submit(says("end"))
    owner.until("exact", "end")


def test_a_finaliser_may_submit_while_the_worker_is_being_started(lane, monkeypatch):
    owner, start = Owner(lane, rest=0), threading.Thread.start

    def collected_in_the_middle(thread):
        if thread.name == "cnnwidgets":
            monkeypatch.undo()
            owner.slot.submit(says("from the finaliser"))
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", collected_in_the_middle)
    caller = threading.Thread(target=lambda: owner.slot.submit(says("first")), daemon=True)
    caller.start()
    owner.until("exact", "from the finaliser")


def test_inline_is_deterministic_and_ctrl_c_reaches_the_caller():
    lane = Lane(inline=True)
    owner, long = Owner(lane, rest=0), Owner(lane, long=True)

    def interrupt(progress, preview):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        owner.slot.submit(interrupt)

    def work(progress, preview):
        owner.slot.submit(says("between"))
        progress(0, 1)
        assert owner.answers()[-1] == ("exact", "between")
        return "built"

    long.slot.submit(work)
    assert long.answers() == [("exact", "built")]
    assert lane._thread is None


def test_where_no_thread_can_start_answers_are_exact_and_at_once(monkeypatch, caplog):
    def refuse(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    lane = Lane()
    quick, long = Owner(lane), Owner(lane, long=True)
    for i in range(3):
        quick.slot.submit(says(i))
    long.slot.submit(lambda progress, preview: progress(0, 1) or "built")
    quick.slot.wait(0)
    assert quick.answers() == [("exact", 0), ("exact", 1), ("exact", 2)]
    assert long.answers() == [("exact", "built")]
    assert {*quick.threads, *long.threads} == {threading.get_ident()}
    assert caplog.text.count("No thread can be started (can't start new thread)") == 1
    lane.close()


@pytest.mark.parametrize(
    ("last", "said"), [("progress(0, 1)", "what there is False\n"), ("time.sleep(60)", "")]
)
def test_the_interpreter_stops_a_job_and_ends_without_one_that_does_not_listen(last, said):
    code = f"""
import sys, time; sys.path.insert(0, {PACKAGE!r})
from cnnwidgets.widgets.scheduler import Lane, Slot, Stopped
import threading
on = threading.Event()
def job(progress, preview):
    on.set()
    try:
        while True: {last}
    except Stopped:
        return "what there is"
Slot(Lane(), print, lambda error: None, long=True).submit(job); on.wait()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=40)
    assert (done.returncode, done.stdout, done.stderr) == (0, said, "")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork")
def test_a_forked_child_has_a_worker_of_its_own(lane):
    owner = Owner(lane, rest=0)
    owner.slot.submit(says("parent"))
    owner.until("exact", "parent")
    if (child := os.fork()) == 0:
        owner.slot.submit(says("child"))
        with owner.changed:
            seen = owner.changed.wait_for(lambda: ("exact", "child") in owner.told, PATIENCE)
        os._exit(0 if seen else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
