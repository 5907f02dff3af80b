"""Where networks can compute, and whether it comes out right there."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

from cnnwidgets.health.findings import Finding, State, reason
from cnnwidgets.health.versions import installed, pip

if TYPE_CHECKING:
    import torch

TOPIC = "devices"


def devices() -> Iterator[Finding]:
    """Compute the same on every device, and compare it with the CPU in float64."""
    if installed("torch") is None:
        return  # told already
    import torch

    from cnnwidgets.models.devices import choose_device, devices_here

    here = devices_here()
    for device in here:
        yield _checked(device)
    chosen = str(choose_device())
    yield Finding(TOPIC, "automatic device", "ok", chosen, value=chosen)
    if len(here) == 1 and shutil.which("nvidia-smi"):
        text = f"an NVIDIA GPU seems to be here, and torch {torch.__version__} sees none"
        remedy = f"nvidia-smi tells whether its driver works; then {pip('--upgrade torch')}"
        yield Finding(TOPIC, "cuda", "note", text, remedy)


def _checked(device: torch.device) -> Finding:
    from cnnwidgets.models import self_check

    name = f"device {device}"
    remedy = 'cw.load_model(NAME, device="cpu")'
    if device.type == "cpu":
        remedy = pip("--force-reinstall torch")
    try:
        found = self_check.deviation(device)
    except (RuntimeError, TypeError, NotImplementedError) as error:
        return Finding(TOPIC, name, _state(device), f"it cannot compute ({reason(error)})", remedy)
    if not found <= self_check.TOLERANCE:
        off = f"they are {found:.1g} off" if math.isfinite(found) else "NaN or infinity comes out"
        text = f"its numbers are wrong: {off}"
        return Finding(TOPIC, name, _state(device), text, remedy, found)
    text = f"computes right, forward and back ({found:.1g} off)"
    if device.type == "mps":
        text += "; it has no float64, so sums are taken on the CPU"
    return Finding(TOPIC, name, "ok", text, value=found)


def _state(device: torch.device) -> State:
    """What is never chosen automatically when it is wrong stands in nobody's way."""
    return "note" if device.type == "mps" else "fault"
