"""What runs when: previews and exact answers, long work, taking turns, modes of the thread."""

import torch

from cnnwidgets.widgets.scheduler import Lane, Slot, process_lane
from cnnwidgets.widgets.torch_modes import torch_modes
from tests.widgets.owner import PATIENCE, Gate, Owner, says


def test_a_burst_runs_three_times_at_most_and_the_last_is_shown(lane):
    owner, runs, gate = Owner(lane, rest=0.3), [], Gate()
    owner.slot.submit(
        lambda progress, preview: (runs.append((0, preview)), gate(progress, preview))
    )
    gate.entered()
    for i in range(1, 200):
        owner.slot.submit(lambda progress, preview, i=i: runs.append((i, preview)) or i)
    gate.open()
    owner.until("exact", 199)
    assert len(runs) <= 3
    assert {i for i, _ in runs} == {0, 199}
    assert runs[-1] == (199, False)
    slow_machine = [("exact", 199)]
    assert owner.answers() in ([("preview", 199), ("exact", 199)], slow_machine)


def test_an_interactive_job_waits_for_one_step_and_long_work_is_not_starved(lane):
    long, quick, steps, waited = Owner(lane, long=True), Owner(lane, rest=0), [], []

    def work(progress, preview):
        for step in range(50):
            quick.slot.submit(lambda p, preview, at=step: waited.append(len(steps) - at))
            steps.append(step)
            progress(step, 50)  # the question asked during this step is answered here
        return "built"

    long.slot.submit(work)
    long.until("exact", "built")
    assert waited == [1] * 50
    assert steps == list(range(50))


def test_a_question_that_asks_itself_again_does_not_hold_up_long_work(lane):
    long, quick, steps = Owner(lane, long=True), Owner(lane, rest=0), []

    def again(progress, preview):
        if len(steps) < 30:
            quick.slot.submit(again)

    def work(progress, preview):
        for step in range(30):
            steps.append(step)
            progress(step, 30)
        return "built"

    quick.slot.submit(again)
    long.slot.submit(work)
    long.until("exact", "built")


def test_two_owners_take_turns(lane):
    order, a, b, gate = [], Owner(lane, rest=0), Owner(lane, rest=0), Gate()
    Slot(lane, print, print).submit(gate)
    gate.entered()

    def turn(owner, name, left):
        def job(progress, preview):
            order.append(name)
            if left:
                owner.slot.submit(turn(owner, name, left - 1))
            return left

        return job

    a.slot.submit(turn(a, "a", 9))
    b.slot.submit(turn(b, "b", 9))
    gate.open()
    a.until("exact", 0)
    b.until("exact", 0)
    assert "".join(order) == "ab" * 10


def test_a_nested_job_has_modes_of_its_own_and_its_failure_stays_its_own():
    lane, modes = Lane(guard=torch_modes), []
    long, quick = Owner(lane, long=True), Owner(lane, rest=0)

    def ask(progress, preview):
        modes.append(torch.is_grad_enabled())
        torch.set_grad_enabled(False)  # left behind
        raise SystemExit  # must not end the worker, nor the long job

    def work(progress, preview):
        torch.set_grad_enabled(False)
        quick.slot.submit(ask)
        progress(0, 1)
        modes.append(torch.is_grad_enabled())
        torch.set_grad_enabled(True)
        quick.slot.submit(ask)
        progress(1, 1)
        modes.append(torch.is_grad_enabled())
        return "built"

    long.slot.submit(work)
    long.until("exact", "built")
    assert modes == [True, False, True, True]
    assert quick.answers() == [("fail", "SystemExit")] * 2
    lane.close()


def test_the_lane_of_the_process_is_one_and_guards_the_modes():
    assert process_lane() is process_lane()
    owner = Owner(process_lane(), rest=0)
    owner.slot.submit(lambda progress, preview: torch.set_grad_enabled(False) and None)
    owner.slot.wait(PATIENCE)
    owner.slot.submit(lambda progress, preview: torch.is_grad_enabled())
    owner.slot.wait(PATIENCE)
    assert owner.answers() == [("exact", None), ("exact", True)]


def test_exact_at_rest_with_a_clock():
    now = [0.0]
    lane = Lane(inline=True, clock=lambda: now[0])
    owner = Owner(lane)
    for i, at in enumerate([0.0, 0.05, 0.10, 0.40]):
        now[0] = at
        owner.slot.submit(says(i))
    assert owner.answers() == [("exact", 0), ("preview", 1), ("preview", 2), ("exact", 3)]
    now[0] = 0.45
    owner.slot.submit(says(4))
    lane.put(None)
    assert owner.answers()[4:] == [("preview", 4)]  # not yet at rest
    now[0] = 0.61
    lane.put(None)
    assert owner.answers()[4:] == [("preview", 4), ("exact", 4)]
    lane.rest()
    assert len(owner.answers()) == 6
    assert lane._patience() is None  # a worker would sleep


def test_exact_at_rest_for_real(lane):
    owner = Owner(lane, rest=0.15)
    owner.slot.submit(says("a"))
    owner.slot.submit(says("b"))
    owner.until("exact", "b")
    assert owner.answers()[-1] == ("exact", "b")
    assert len(owner.answers()) <= 3


def test_a_drag_shows_frames_though_each_is_superseded_while_it_runs():
    lane = Lane(inline=True, clock=lambda: 0.0)
    owner, asks = Owner(lane), []

    def frame(i):
        def job(progress, preview):
            asks.append(owner.slot.newest)
            if (i < 5 and preview) or i == 0:
                owner.slot.submit(frame(i + 1))
            progress(0, 1)
            return i

        return job

    owner.slot.submit(frame(0))  # exact, superseded
    lane.rest()
    assert owner.answers() == [("preview", i) for i in range(1, 6)] + [("exact", 5)]
    assert not any(ask.job for ask in asks)  # nothing is kept of them


def test_long_work_has_no_previews():
    lane = Lane(inline=True, clock=lambda: 0.0)
    owner = Owner(lane, long=True)
    for i in range(3):
        owner.slot.submit(says(i))
    assert owner.answers() == [("exact", i) for i in range(3)]


def test_a_late_wake_up_runs_nothing_twice():
    lane = Lane(inline=True, clock=lambda: 0.0)
    owner = Owner(lane)
    for i in range(2):
        owner.slot.submit(says(i))
        lane.put(owner.slot)
    lane.rest()
    lane.put(owner.slot)
    assert owner.answers() == [("exact", 0), ("preview", 1), ("exact", 1)]
