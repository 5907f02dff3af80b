"""Where a network computes, and on how many cores."""

from threading import Lock

import torch

from cnnwidgets.machine import usable_cores
from cnnwidgets.models import self_check

_KNOWN = "'auto', 'cpu', 'cuda', 'cuda:N' or 'mps'"
_once = Lock()
_threads_set = False


def choose_device(device: str | torch.device = "auto") -> torch.device:
    """Turn what a user asks for into a device that is there.

    Parameters
    ----------
    device : "auto", "cpu", "cuda", "cuda:N", "mps" or torch.device
        "auto" takes the current CUDA device if there is one, else Apple's "mps" where it computes
        what the CPU does (see `self_check`), else the CPU. Asked for by name, "mps" is taken as it
        is; it has no float64, in which sums are taken elsewhere.

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
        device = _automatic()
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


def devices_here() -> list[torch.device]:
    """Give all devices that networks can be loaded onto, the CPU first."""
    found = [torch.device("cpu")]
    if torch.cuda.is_available():
        found += [torch.device("cuda", index) for index in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        found.append(torch.device("mps", 0))
    return found


def _automatic() -> str:
    if torch.cuda.is_available():
        return "cuda"
    if torch.backends.mps.is_available() and self_check.passes(torch.device("mps", 0)):
        return "mps"
    return "cpu"


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
