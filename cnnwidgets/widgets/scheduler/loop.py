"""The kernel's event loop, on which widgets are touched."""

import asyncio
import contextlib
import sys


def kernel_loop() -> asyncio.AbstractEventLoop | None:
    """The loop of the kernel's main thread; else the running one; None in a script.

    Asked in a subshell, as widget callbacks may be, `get_running_loop` would give the subshell's,
    which ends with it.
    """
    ipython = sys.modules.get("IPython")  # not there: no kernel either
    kernel = getattr(ipython.get_ipython(), "kernel", None) if ipython else None
    if kernel is not None and hasattr(kernel, "io_loop"):
        return kernel.io_loop.asyncio_loop
    with contextlib.suppress(RuntimeError):
        return asyncio.get_running_loop()
    return None


def delivers_here(loop: asyncio.AbstractEventLoop | None) -> bool:
    """Whether this thread may do what is meant for the loop: it runs it, or no thread does."""
    if loop is None or not loop.is_running():
        return True
    with contextlib.suppress(RuntimeError):
        return asyncio.get_running_loop() is loop
    return False
