"""What a process holds, round after round of the same moves: nothing may be left behind.

Each round makes the same moves, so what the first has made new the others find again.
"""

import ctypes
import gc
import logging
from collections.abc import Iterable
from typing import NamedTuple

import psutil
import torch
from ipywidgets.widgets.widget import _instances  # Widget.widgets warns

GROWTH = 20e6
"""Bytes by which the process may grow after the first round."""


class Left(NamedTuple):
    """What is there after a round."""

    widgets: int
    tensors: int
    hooks: tuple[int, ...]
    threads: int
    files: int


def left(modules: Iterable[torch.nn.Module]) -> Left:
    """Count it all; hooks by network."""
    gc.collect()
    process = psutil.Process()
    return Left(
        widgets=len(_instances),
        tensors=sum(issubclass(type(thing), torch.Tensor) for thing in gc.get_objects()),
        hooks=tuple(
            sum(len(part._forward_hooks) + len(part._forward_pre_hooks) for part in whole.modules())
            for whole in modules
        ),
        threads=process.num_threads(),
        files=process.num_fds(),
    )


class Watch:
    """Compares what is there after each round with what was there after the first.

    Parameters
    ----------
    modules
        Whose hooks are counted.
    length
        Moves in a round, for the words of the log.
    """

    def __init__(self, modules: Iterable[torch.nn.Module] = (), *, length: int) -> None:
        self._modules, self._length, self._moves = list(modules), length, 0
        self._first: tuple[Left, int] | None = None

    def end_round(self) -> None:
        self._moves += self._length
        found, held = left(self._modules), psutil.Process().memory_info().rss
        # The C library holds back what was freed, in pieces: some 100 MB here. A leak is not freed.
        if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):
            trim(0)
        used = psutil.Process().memory_info().rss
        self._first = self._first or (found, used)
        grown = used - self._first[1]
        words = "%5d moves: %s, %+.1f MB in use, and %.1f MB held back by the C library"
        logging.getLogger(__name__).info(
            words, self._moves, found, grown / 1e6, (held - used) / 1e6
        )
        assert found == self._first[0]
        assert grown <= GROWTH
