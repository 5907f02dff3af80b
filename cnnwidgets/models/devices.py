"""Where a network computes, and on how many cores."""

import os
from pathlib import Path
from threading import Lock

import torch

_ROOT = Path("/")  # of /proc and /sys; tests lay their own
_KNOWN = "'auto', 'cpu', 'cuda', 'cuda:N' or 'mps'"
_once = Lock()
_threads_set = False


def choose_device(device: str | torch.device = "auto") -> torch.device:
    """Turn what a user asks for into a device that is there.

    Parameters
    ----------
    device : "auto", "cpu", "cuda", "cuda:N", "mps" or torch.device
        "auto" takes the current CUDA device if there is one, else the CPU. Apple's "mps" must be
        asked for by name: it has no float64, in which sums are taken elsewhere.

    Returns
    -------
    torch.device
        With its index, as tensors on it report it ("cuda:0", "mps:0"; "cpu" has none).

    Raises
    ------
    ValueError
        If no such device is known here.
    RuntimeError
        If it is known, but this torch or this machine has none.
    TypeError
        If it is neither a string nor a torch.device.
    """
    if not isinstance(device, str | torch.device):
        raise TypeError(f"device must be {_KNOWN}, got {device!r} of type {type(device).__name__}")
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        asked = torch.device(device)
    except RuntimeError:
        raise ValueError(f"device must be {_KNOWN}, got {device!r}") from None
    if asked.type == "cpu":
        return torch.device("cpu")
    if asked.type == "cuda":
        return _cuda(asked)
    if asked.type == "mps":
        return _mps()
    raise ValueError(f"device must be {_KNOWN}, got {str(device)!r}")


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
    limits = [_affinity(), *_quotas()]
    hub = _positive(os.environ.get("CPU_LIMIT", ""))
    if hub is not None:
        limits.append(hub)
    return max(1, int(min(limits)))


def set_threads_once() -> None:
    """Lower torch's threads to `usable_cores`, the first time this is called in a process.

    Without it thirty kernels on a hub of 64 cores would start 64 threads each. The number is never
    raised, so what the user set before (``OMP_NUM_THREADS``, ``torch.set_num_threads``) holds, as
    does what is set after.
    """
    global _threads_set
    with _once:
        if not _threads_set:
            torch.set_num_threads(min(torch.get_num_threads(), usable_cores()))
            _threads_set = True


def _cuda(asked: torch.device) -> torch.device:
    if not torch.cuda.is_available():
        raise RuntimeError(
            f"device {str(asked)!r} was asked, but this torch ({torch.__version__}) sees no CUDA "
            "device; use device='cpu', or install a CUDA build of torch and its driver"
        )
    count = torch.cuda.device_count()
    index = torch.cuda.current_device() if asked.index is None else asked.index
    if index >= count:
        raise RuntimeError(
            f"device {str(asked)!r} was asked, but this machine has {count} CUDA device(s); "
            f"use 'cuda:0' to 'cuda:{count - 1}'"
        )
    return torch.device("cuda", index)


def _mps() -> torch.device:
    if not torch.backends.mps.is_available():
        raise RuntimeError(
            f"device 'mps' was asked, but this torch ({torch.__version__}) sees no Apple GPU; "
            "use device='cpu'"
        )
    return torch.device("mps", 0)


def _affinity() -> float:
    if hasattr(os, "sched_getaffinity"):  # Linux
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _quotas() -> list[float]:
    """CPU quotas, in cores, of this process's control group and all those above it."""
    try:
        groups = (_ROOT / "proc/self/cgroup").read_text().splitlines()
    except OSError:  # no Linux, or /proc is hidden
        return []
    found = []
    for line in groups:
        _, controllers, path = line.split(":", 2)
        if not controllers:  # version 2
            mounts = [_ROOT / "sys/fs/cgroup"]
        elif "cpu" in controllers.split(","):  # version 1, mounted under either name
            mounts = [_ROOT / "sys/fs/cgroup" / name for name in {controllers, "cpu"}]
        else:
            continue
        inside = Path(path.lstrip("/"))
        # In a container the path may be the host's: then only the top of the mount is there.
        for mount in mounts:
            found += [_quota(mount / folder) for folder in (inside, *inside.parents)]
    return [quota for quota in found if quota is not None]


def _quota(group: Path) -> float | None:
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


def _positive(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0 < number < float("inf") else None
