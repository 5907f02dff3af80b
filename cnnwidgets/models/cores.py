"""Work in plain arrays that is shared out among the cores, for what torch has no operation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from threading import local
from typing import TypeVar

import torch

Task = TypeVar("Task")
State = TypeVar("State")


def share_out(
    work: Callable[[Task, State], None],
    tasks: Sequence[Task],
    state: Callable[[], State],
    *,
    most: int = 8,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[State]:
    """Do tasks on as many threads as torch uses, each with a state of its own.

    Parameters
    ----------
    work : called with a task and the state of the thread that does it; it pays only where most of
        its time goes to functions that let other threads run, as numpy's do on large arrays.
    tasks : in the order in which they are begun; the longest first lets all threads end together.
    state : makes a state, say an array for sums; once a thread.
    most : threads.
    progress : told (tasks done, all of them) by the caller's thread; raising ends the work, as does
        an error in a task.

    Returns
    -------
    The states, one of each thread that did something.
    """
    own, states = local(), []

    def do(task: Task) -> None:
        if not hasattr(own, "state"):
            own.state = state()
            states.append(own.state)
        work(task, own.state)

    pool = ThreadPoolExecutor(max(1, min(torch.get_num_threads(), len(tasks), most)))
    try:
        progress(0, len(tasks))
        for done, ended in enumerate(as_completed([pool.submit(do, task) for task in tasks]), 1):
            ended.result()
            progress(done, len(tasks))
    finally:
        pool.shutdown(cancel_futures=True)
    return states
