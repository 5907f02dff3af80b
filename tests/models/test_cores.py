"""Tasks shared out among threads: all done once, stopped by progress and by an error."""

import time

import pytest
import torch

from cnnwidgets.models.cores import share_out


@pytest.mark.parametrize("most", [1, 2, 8])
def test_every_task_is_done_once(most: int) -> None:
    told: list[tuple[int, int]] = []
    states = share_out(
        lambda task, own: own.append(task),
        range(50),
        list,
        most=most,
        progress=lambda *now: told.append(now),
    )
    assert sorted(task for own in states for task in own) == list(range(50))
    assert 1 <= len(states) <= min(most, torch.get_num_threads())
    assert told == [(done, 50) for done in range(51)]


def test_progress_and_errors_end_the_work() -> None:
    done: list[int] = []

    def stop(count: int, total: int) -> None:
        if count:
            raise InterruptedError(f"{count} of {total}")

    def slowly(task: int, own: int) -> None:
        time.sleep(0.002)
        done.append(task)

    with pytest.raises(InterruptedError, match="1 of 1000"):
        share_out(slowly, range(1000), int, progress=stop)
    assert len(done) < 500  # the rest was not begun

    def fail(task: int, own: int) -> None:
        raise ArithmeticError(f"task {task}")

    with pytest.raises(ArithmeticError, match="task"):
        share_out(fail, range(3), int)
