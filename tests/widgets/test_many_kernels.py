"""Several kernels on one machine keep to their share of its cores.

The numbers are logged: `make test-slow ARGS="-k many_kernels --log-cli-level=INFO"`.
"""

import logging
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from queue import Empty

import psutil
import pytest

import cnnwidgets

pytestmark = pytest.mark.slow

SETUP = f"""
import sys
sys.path.insert(0, {str(Path(cnnwidgets.__file__).parents[1])!r})
import torch
import cnnwidgets as cw
explorer = cw.UnitExplorer(cw.load_model("alexnet", device="cpu"), "photos", layer="features.8")
explorer.wait(300)
explorer.top_nine.wait(300)
print(torch.get_num_threads())
"""
MOVES = 30
MOVE = f"""
for step in range({MOVES}):
    explorer.selection.choose(unit=step % 256, picture=step % 10)
    explorer.wait(300)
"""
LEFT_OUT = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "CNNWIDGETS_THREADS", "CPU_LIMIT")


class Kernel:
    """A kernel in a process of its own, with an explorer in it."""

    def __init__(self, environment: dict[str, str]) -> None:
        from jupyter_client import KernelManager

        self._manager = KernelManager(kernel_name="python3")
        kept = {name: value for name, value in os.environ.items() if name not in LEFT_OUT}
        self._manager.start_kernel(env=kept | environment)
        self._client = self._manager.client()
        self._client.start_channels()
        self._client.wait_for_ready(timeout=120)
        self.process = psutil.Process(self._manager.provisioner.pid)

    def start(self, code: str) -> None:
        """Begin a cell."""
        self._cell, self.said = self._client.execute(code), ""

    def ended(self) -> bool:
        """Take a message, if there is one, and tell whether the cell has ended."""
        try:
            message = self._client.get_iopub_msg(timeout=0.005)
        except Empty:
            return False
        content = message["content"]
        if message["parent_header"].get("msg_id") != self._cell:
            return False
        assert message["msg_type"] != "error", content
        self.said += content.get("text", "") if message["msg_type"] == "stream" else ""
        return content.get("execution_state") == "idle"

    def running(self) -> int:
        """Count the threads that are on a core, or wait for one."""
        found = 0
        for task in Path(f"/proc/{self.process.pid}/task").iterdir():
            try:
                found += (task / "stat").read_text().rpartition(")")[2].split()[0] == "R"
            except OSError:  # it has ended meanwhile
                continue
        return found

    def close(self) -> None:
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)


@contextmanager
def kernels(count: int, **environment: str) -> Iterator[list[Kernel]]:
    with ExitStack() as stack:
        made = []
        for _ in range(count):
            made.append(Kernel(environment))
            stack.callback(made[-1].close)
        yield made


def run(group: list[Kernel], code: str, seen: list[int]) -> None:
    """Run a cell in all at once to its end; what is seen is the number of running threads."""
    for one in group:
        one.start(code)
    left = group
    while left:
        left = [one for one in left if not one.ended()]
        seen.append(sum(one.running() for one in group))


def at_work(group: list[Kernel]) -> tuple[float, float, float, list[float]]:
    """Have all move at once: moves a second of them together, threads that run, shares of cores.

    Returns
    -------
    Moves a second, mean and largest number of running threads, and each kernel's share of a core.
    """
    before = [sum(one.process.cpu_times()[:2]) for one in group]
    begun, seen = time.monotonic(), [0]
    run(group, MOVE, seen)
    took = time.monotonic() - begun
    after = [sum(one.process.cpu_times()[:2]) for one in group]
    shares = [(late - early) / took for early, late in zip(before, after, strict=True)]
    return MOVES * len(group) / took, sum(seen) / len(seen), max(seen), shares


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs Linux' /proc")
@pytest.mark.parametrize(
    ("environment", "threads"),
    [({"CPU_LIMIT": "1.0"}, 1), ({"CNNWIDGETS_THREADS": "1"}, 1), ({}, None)],
    ids=["hub", "variable", "machine"],
)
def test_four_kernels_share_the_machine(environment: dict[str, str], threads: int | None) -> None:
    """Each computes with as many threads as its share has cores, and few others run beside."""
    with kernels(1, **environment) as group:
        run(group, SETUP, [])
        alone = at_work(group)
    with kernels(4, **environment) as group:
        run(group, SETUP, [])
        told = [int(one.said) for one in group]
        together = at_work(group)
        counts = [one.process.num_threads() for one in group]
    words = "%s: %d kernel(s): %.1f moves/s, %.1f threads run (at most %d), cores %s"
    for count, found in ((1, alone), (4, together)):
        shares = " ".join(f"{share:.2f}" for share in found[3])
        logging.getLogger(__name__).info(words, environment, count, *found[:3], shares)
    logging.getLogger(__name__).info("torch's threads %s, threads in all %s", told, counts)
    wanted = threads or len(os.sched_getaffinity(0))
    assert told == [wanted] * 4
    # The kernel's loop, its messages and the worker are hardly ever awake at once.
    assert together[1] <= 4 * (wanted + 0.5)
    assert max(together[3]) <= wanted + 0.25
