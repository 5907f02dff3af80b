"""How many cores and how much memory there are for a kernel."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from importlib import import_module

from cnnwidgets import machine
from cnnwidgets.health.findings import Finding

TOPIC = "machine"
ENOUGH = 1.2e9
"""Bytes that a kernel with an explorer takes at most."""


def threads() -> Iterator[Finding]:
    """Tell how many threads are used, and why not more."""
    try:
        cores = machine.usable_cores()
    except ValueError as error:
        yield Finding(TOPIC, "threads", "fault", str(error), "unset CNNWIDGETS_THREADS")
        return
    named = os.environ.get("CNNWIDGETS_THREADS", "").strip()
    why = "CNNWIDGETS_THREADS says so" if named else f"the machine has {os.cpu_count()}"
    text = f"{cores} for cnnwidgets ({why})"
    if torch := sys.modules.get("torch"):  # where it is broken that is told already
        text += f"; torch uses {min(torch.get_num_threads(), cores)}"
    yield Finding(TOPIC, "threads", "ok", text, value=cores)


def memory() -> Iterator[Finding]:
    """Tell how much memory there is, with the limit of a container."""
    total, limit, available = _known()
    if available is None:
        yield Finding(TOPIC, "memory", "note", "how much is free cannot be known on this system")
        return
    text = f"{_gigabytes(available)} free"
    text += f" of {_gigabytes(total)}" if total is not None else ""
    text += f"; this container may take {_gigabytes(limit)}" if limit is not None else ""
    value = {"total": total, "limit": limit, "available": available}
    if available < ENOUGH:
        text += f", where an explorer may take {_gigabytes(ENOUGH)}"
        remedy = "shut down other kernels (Lab: Kernel > Shut Down All Kernels), or ask for more"
        yield Finding(TOPIC, "memory", "note", text, remedy, value)
    else:
        yield Finding(TOPIC, "memory", "ok", text, value=value)


def _known() -> machine.Memory:
    found = machine.memory()
    if found.available is None and sys.platform != "linux":
        known = import_module("psutil").virtual_memory()  # comes with ipykernel
        return machine.Memory(known.total, None, known.available)
    return found


def _gigabytes(count: float) -> str:
    return f"{count / 1e9:.1f} GB"
