"""What of this machine the process may use: cores, memory."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_ROOT = Path("/")  # of /proc and /sys; tests lay their own
_NO_LIMIT = 2**60  # version 1 of the control groups writes a number like this for none


class Memory(NamedTuple):
    """Bytes of memory; None where the system does not say.

    Attributes
    ----------
    total : of the machine; `limit` : that its control group may take, None without such a limit.
    available : that can be taken now, under both.
    """

    total: int | None
    limit: int | None
    available: int | None


def usable_cores() -> int:
    """Count the cores that this process may use: at least 1.

    ``CNNWIDGETS_THREADS`` says it outright. Otherwise it is the smallest of the processor
    affinity, the CPU quota of the control group (container, batch system), and ``CPU_LIMIT``,
    which JupyterHub sets. Part of a core is not counted: a thread over the quota would make all
    others wait for it.

    Raises
    ------
    ValueError
        If ``CNNWIDGETS_THREADS`` is no whole number of at least 1.
    """
    wish = os.environ.get("CNNWIDGETS_THREADS", "").strip()
    if wish:
        if not (wish.isdecimal() and int(wish) >= 1):
            raise ValueError(
                f"CNNWIDGETS_THREADS must be a whole number of at least 1, got {wish!r}; "
                "set it to the number of cores to use, or unset it"
            )
        return int(wish)
    quotas = [quota for group in _groups("cpu") if (quota := _quota(group)) is not None]
    limits = [_affinity(), *quotas]
    hub = _positive(os.environ.get("CPU_LIMIT", ""))
    if hub is not None:
        limits.append(hub)
    return max(1, int(min(limits)))


def memory() -> Memory:
    """Tell how much memory there is, by Linux' own files; elsewhere nothing is known."""
    known = _meminfo()
    total, available = known.get("MemTotal"), known.get("MemAvailable")
    limits, rooms = [], [] if available is None else [available]
    for group in _groups("memory"):
        limit = _bytes(group, "memory.max", "memory.limit_in_bytes")
        used = _bytes(group, "memory.current", "memory.usage_in_bytes")
        if limit is None or (total is not None and limit >= total):
            continue
        limits.append(limit)
        if used is not None:
            rooms.append(max(0, limit - used + _reclaimable(group)))
    return Memory(total, min(limits, default=None), min(rooms, default=None))


def _affinity() -> float:
    if hasattr(os, "sched_getaffinity"):  # Linux
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _groups(controller: str) -> Iterator[Path]:
    """Give the folders of this process's control group and of all those above it."""
    try:
        groups = (_ROOT / "proc/self/cgroup").read_text().splitlines()
    except OSError:  # no Linux, or /proc is hidden
        return
    for line in groups:
        _, controllers, path = line.split(":", 2)
        if not controllers:  # version 2
            mounts = [_ROOT / "sys/fs/cgroup"]
        elif controller in controllers.split(","):  # version 1, mounted under either name
            mounts = [_ROOT / "sys/fs/cgroup" / name for name in {controllers, controller}]
        else:
            continue
        inside = Path(path.lstrip("/"))
        # In a container the path may be the host's: then only the top of the mount is there.
        for mount in mounts:
            yield from (mount / folder for folder in (inside, *inside.parents))


def _quota(group: Path) -> float | None:
    """Give the CPU quota of a control group, in cores."""
    try:
        if (group / "cpu.max").exists():
            quota, period = (group / "cpu.max").read_text().split()
        else:
            quota = (group / "cpu.cfs_quota_us").read_text()
            period = (group / "cpu.cfs_period_us").read_text()
    except (OSError, ValueError):
        return None
    cores, length = _positive(quota), _positive(period)  # "max" and -1 stand for no limit
    return None if cores is None or length is None else cores / length


def _bytes(group: Path, *names: str) -> int | None:
    """Give the number in the first of these files that is there and holds one."""
    for name in names:
        try:
            found = _positive((group / name).read_text())
        except OSError:
            continue
        return None if found is None or found >= _NO_LIMIT else int(found)
    return None


def _reclaimable(group: Path) -> int:
    """Give what a group's usage counts of files that are cached, and given back when asked for."""
    try:
        lines = (group / "memory.stat").read_text().splitlines()
    except OSError:
        return 0
    known = dict(line.split(" ", 1) for line in lines if " " in line)
    # In version 1 only what is called total counts the groups below, as the usage does.
    found = _positive(known.get("total_inactive_file", known.get("inactive_file", "")))
    return int(found or 0)


def _meminfo() -> dict[str, int]:
    """Give the numbers of /proc/meminfo, in bytes."""
    try:
        lines = (_ROOT / "proc/meminfo").read_text().splitlines()
    except OSError:
        return {}
    rows = [line.split() for line in lines]
    numbers = [row for row in rows if len(row) == 3 and row[1].isdecimal()]
    return {row[0].rstrip(":"): int(row[1]) * 1024 for row in numbers}


def _positive(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0 < number < float("inf") else None
