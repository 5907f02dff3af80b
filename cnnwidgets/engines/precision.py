"""Which number type pays for previews on this machine: told by a timed probe, once a process."""

from __future__ import annotations

import time
from functools import cache

import torch
import torch.nn.functional as F

_CHANNELS, _SIDE, _ROUNDS = 256, 28, 5
_WORTH = 0.7  # share of float32's time below which the coarser type is taken


def preview_dtype(device: torch.device) -> torch.dtype:
    """Give bfloat16 where its convolutions are clearly faster than float32's, else float32.

    Many processors compute bfloat16 slower than float32 (it needs AMX or AVX512-BF16), so it is
    tried: a convolution as the reverse walk has them, a few milliseconds, once for each device.
    Only what is looked at for a moment is drawn with it; results are float32.
    """
    return _probed(device.type, device.index)


@cache
def _probed(kind: str, index: int | None) -> torch.dtype:
    device = torch.device(kind) if index is None else torch.device(kind, index)
    if kind not in ("cpu", "cuda"):
        return torch.float32
    seconds = {dtype: _seconds(device, dtype) for dtype in (torch.float32, torch.bfloat16)}
    pays = seconds[torch.bfloat16] < _WORTH * seconds[torch.float32]
    return torch.bfloat16 if pays else torch.float32


@torch.no_grad()
def _seconds(device: torch.device, dtype: torch.dtype) -> float:
    values = torch.ones(1, _CHANNELS, _SIDE, _SIDE, device=device, dtype=dtype)
    weight = torch.ones(_CHANNELS, _CHANNELS, 3, 3, device=device, dtype=dtype)
    values, weight = (t.contiguous(memory_format=torch.channels_last) for t in (values, weight))
    times = []
    for _ in range(_ROUNDS):
        start = time.perf_counter()
        F.conv2d(values, weight, padding=1)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        times.append(time.perf_counter() - start)
    return min(times)
