"""The scheduler in a real kernel, with messages sent as a browser sends them."""

from pathlib import Path

import pytest

import cnnwidgets
from tests.widgets.owner import PATIENCE

SETUP = f"""
import sys, threading, time
sys.path.insert(0, {str(Path(cnnwidgets.__file__).parents[1])!r})
import ipywidgets
from cnnwidgets.widgets.scheduler import Lane, Slot

lane, told, calls, steps = Lane(), [], [], []
slider = ipywidgets.IntSlider(max=10**6)
label, bar, status = ipywidgets.Label(), ipywidgets.Label(), ipywidgets.Label()

def note(*what):
    told.append((threading.current_thread() is threading.main_thread(), *what))
def show(answer, preview):
    note(answer)
    label.value = str(answer)
    status.value = "ready"
def waiting():
    note("waiting")
    status.value = "waiting"
def moved(change):
    value = change["new"]
    calls.append((value, threading.current_thread().name))
    slot.submit(lambda progress, preview: value)
def built(answer, preview):
    note(answer)
    bar.value = str(answer)
def build(n, step):
    def job(progress, preview):
        steps.clear()
        for i in range(n):
            time.sleep(step)
            steps.append(i)
            progress(i, n)
        return "built"
    long.submit(job)
slot = Slot(lane, show, lambda error: note(repr(error)), None, waiting, rest=0)
fail, report = lambda error: built(repr(error), 0), lambda done, total: note("progress")
long = Slot(lane, built, fail, report, long=True)
slider.observe(moved, "value")
print(slider.comm.comm_id, label.comm.comm_id, bar.comm.comm_id, status.comm.comm_id)
"""


class Browser:
    """A kernel, and what a browser does with it."""

    def __init__(self):
        from jupyter_client import KernelManager

        self.kernel = KernelManager(kernel_name="python3")
        self.kernel.start_kernel()
        self.client = self.kernel.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)
        self.slider, self.label, self.bar, self.status = self.run(SETUP).split()

    def close(self):
        self.client.stop_channels()
        self.kernel.shutdown_kernel(now=True)

    def run(self, code, error=None):
        """Run a cell to its end; what it printed. `error` is the name of one that it must raise."""
        return self.end(self.client.execute(code), error)

    def end(self, cell, error=None):
        out, raised = [], None
        while True:
            message = self.client.get_iopub_msg(timeout=3 * PATIENCE)
            content = message["content"]
            if message["parent_header"].get("msg_id") == cell:
                if message["msg_type"] == "error":
                    raised = content["ename"]
                out.append(content.get("text", ""))
                if content.get("execution_state") == "idle":
                    assert raised == error
                    return "".join(out)

    def start(self, code):
        """Run a cell, and come back when the kernel is in the middle of it."""
        cell = self.client.execute(f"bar.value = 'started'\n{code}")
        self.until(self.bar, "started")
        return cell

    @property
    def generation(self):
        return self.value("__import__('ipykernel').version_info[0]")

    def value(self, code):
        return eval(self.run(f"print(repr({code}))"))

    def move(self, value, subshell=None):
        data = {"method": "update", "state": {"value": value}, "buffer_paths": []}
        message = self.client.session.msg("comm_msg", {"comm_id": self.slider, "data": data})
        message["header"]["subshell_id"] = subshell
        self.client.shell_channel.send(message)

    def subshell(self):
        self.client.control_channel.send(self.client.session.msg("create_subshell_request", {}))
        return self.client.get_control_msg(timeout=PATIENCE)["content"]["subshell_id"]

    def until(self, comm, value):
        """The values of a label up to and with this one."""
        seen = []
        while value not in seen:
            content = self.client.get_iopub_msg(timeout=PATIENCE)["content"]
            if content.get("comm_id") == comm and "value" in content["data"].get("state", {}):
                seen.append(content["data"]["state"]["value"])
        return seen


@pytest.fixture(scope="module")
def kernel():
    pytest.importorskip("ipykernel")
    browser = Browser()
    yield browser
    browser.close()


@pytest.fixture
def browser(kernel):
    """The kernel at rest, with nothing told so far."""
    kernel.run("long.wait(30); slot.wait(30); label.value = bar.value = status.value = ''")
    kernel.run("told.clear(); calls.clear()")
    return kernel


@pytest.fixture(scope="module")
def subshell(kernel):
    if kernel.generation < 7:
        pytest.skip("this ipykernel has no subshells")
    name = kernel.subshell()
    kernel.move(1, name)  # ipykernel 7.4 sends the next one to where this one says
    kernel.until(kernel.label, "1")
    return name


def test_slider_answers_while_long_work_runs(browser):
    browser.run("build(60, .02)")
    for i in range(101, 121):
        browser.move(i)
        browser.until(browser.label, str(i))
    browser.until(browser.bar, "built")
    told = browser.value("told")
    values = [what[1] for what in told]
    assert all(main for main, *_ in told)
    assert values.index(120) < values.index("built")
    assert "progress" in values


def test_drawings_wait_for_a_cell_but_jobs_do_not(browser, subshell):
    browser.start("""
build(5, .01)
while not calls or calls[-1][0] != 239: time.sleep(.001)
while len(steps) < 5: time.sleep(.001)
drawn = [what for what in told if what[1] != 'waiting']
""")
    for i in range(200, 240):
        browser.move(i, subshell)
    assert browser.until(browser.label, "239") == ["239"]
    calls, drawn, told = browser.value("(calls, drawn, told)")
    assert [value for value, _ in calls] == list(range(200, 240))
    assert {name for _, name in calls} == {f"subshell-{subshell}"}
    assert drawn == []
    assert all(main for main, *what in told if what != ["waiting"])
    assert (True, 239) in told


def test_the_status_line_says_that_a_cell_runs_while_it_runs(browser, subshell):
    browser.start("""
while not status.value: time.sleep(.001)
bar.value = 'the cell has seen it'
time.sleep(.4)
""")
    browser.move(250, subshell)
    assert browser.until(browser.status, "waiting") == ["waiting"]  # from the worker's thread
    browser.until(browser.bar, "the cell has seen it")
    assert browser.until(browser.status, "ready") == ["ready"]
    assert browser.value("told") == [(False, "waiting"), (True, 250)]


def test_a_slot_made_in_a_callback_tells_its_owner_on_the_main_thread(browser, subshell):
    browser.run("""
def make(change):
    calls.append(threading.current_thread().name)
    made.append(Slot(lane, show, print))
    made[0].submit(lambda progress, preview: "made")
made = []
slider.observe(make, "value")
""")
    browser.move(260, subshell)
    browser.until(browser.label, "made")
    assert browser.value("calls[-1]") == f"subshell-{subshell}"
    assert (True, "made") in browser.value("told")
    browser.run("slider.unobserve(make, 'value')")


def test_an_async_cell_lets_answers_through(browser):
    if browser.generation < 7:
        pytest.skip("this ipykernel takes one message after the other, also in async cells")
    browser.start("""
import asyncio
while label.value != '300': await asyncio.sleep(.005)
bar.value = 'seen'
""")
    browser.move(300)
    browser.until(browser.bar, "seen")


def test_a_cell_can_wait_for_its_answer_and_goes_on_with_it(browser):
    code = "slot.submit(lambda progress, preview: 'now'); slot.wait(20); print(label.value, told)"
    assert browser.run(code) == "now [(True, 'now')]\n"
    browser.run("build(10**4, .01); long.wait(.05)", error="TimeoutError")
    browser.run("long.stop(); long.wait(20)")
    assert browser.value("told[-1]") == (True, "Stopped()")


def test_interrupt_ends_the_cell_and_not_the_long_work(browser):
    browser.run("build(40, .02)")
    cell = browser.start("while True: slot.submit(lambda *_: 0)")
    browser.kernel.interrupt_kernel()
    browser.end(cell, error="KeyboardInterrupt")
    browser.until(browser.bar, "built")
    browser.move(400)
    browser.until(browser.label, "400")


def test_interrupt_of_a_cell_that_waits_stops_its_question_only(browser):
    browser.run("build(200, .01)")
    cell = browser.start("""
def forever(progress, preview):
    while other._bell is None: time.sleep(.001)
    bar.value = 'runs, and the cell waits'
    while True:
        progress(0, 1)
        time.sleep(.001)
other = Slot(lane, print, lambda error: note('other', repr(error)))
other.submit(forever)
other.wait()
""")
    browser.until(browser.bar, "runs, and the cell waits")
    browser.kernel.interrupt_kernel()
    browser.end(cell, error="KeyboardInterrupt")  # until then the kernel drops other cells
    browser.run("other.wait(20); long.wait(20)")
    assert browser.value("[what for what in told if what[1] in ('other', 'built')]") == [
        (True, "other", "Stopped()"),
        (True, "built"),
    ]


def test_kernel_shuts_down_under_a_job_without_progress(browser):
    browser.run("build(1, 600)")
    browser.client.shutdown()
    assert browser.kernel.provisioner.process.wait(PATIENCE) == 0
