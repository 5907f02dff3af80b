"""torch's modes belong to a thread, and all jobs of the scheduler share one.

An interactive job runs inside a long one, at its `progress` calls: it must neither see the modes of
the long job nor leave its own behind. So each job starts from the defaults.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import overrides
from torch.utils import _python_dispatch as dispatch

AUTOCAST_DTYPES = {"cpu": torch.bfloat16, "cuda": torch.float16}
"""Device types whose autocast is guarded, with the dtype that torch itself starts from."""


@contextmanager
def torch_modes() -> Iterator[None]:
    """Run a block under torch's default modes, and put back those of before it.

    Guarded, whatever the block or what stands around it sets: grad mode, inference mode,
    forward-mode differentiation, autocast on CPU and CUDA (enabled, dtype, cache), dispatch modes,
    and function modes, with them `with torch.device(...)`. Not touched, since they are the whole
    process's: default dtype, seeds, number of threads, deterministic algorithms. Nor are CUDA's
    current device and stream.

    Examples
    --------
    >>> with torch.no_grad(), torch_modes():
    ...     torch.is_grad_enabled()
    True
    """
    # Function modes leave first and come back last: they would see the calls in between.
    with _no_function_modes(), _no_dispatch_modes(), _no_autocast(), torch.inference_mode(False):
        yield


def _no_function_modes() -> Any:
    return _without(torch._C._len_torch_function_stack, overrides._pop_mode, overrides._push_mode)


def _no_dispatch_modes() -> Any:
    return _without(torch._C._len_torch_dispatch_stack, dispatch._pop_mode, dispatch._push_mode)


@contextmanager
def _without(
    depth: Callable[[], int], pop: Callable[[], Any], push: Callable[[Any], None]
) -> Iterator[None]:
    """Empty a stack of modes, and refill it after throwing away what was left on it."""
    outside = [pop() for _ in range(depth())]
    try:
        yield
    finally:
        for _ in range(depth()):
            pop()
        for mode in reversed(outside):
            push(mode)


@contextmanager
def _no_autocast() -> Iterator[None]:
    cache = torch.is_autocast_cache_enabled()
    before = {
        device: (torch.is_autocast_enabled(device), torch.get_autocast_dtype(device))
        for device in AUTOCAST_DTYPES
    }
    try:
        torch.set_autocast_cache_enabled(True)
        for device, dtype in AUTOCAST_DTYPES.items():
            torch.set_autocast_enabled(device, False)
            torch.set_autocast_dtype(device, dtype)
        yield
    finally:
        for device, (enabled, dtype) in before.items():
            torch.set_autocast_enabled(device, enabled)
            torch.set_autocast_dtype(device, dtype)
        torch.set_autocast_cache_enabled(cache)
