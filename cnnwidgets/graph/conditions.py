"""The conditions of our own passes, whatever the caller's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def plain_conditions(device: torch.device) -> Iterator[None]:
    """Run without grad, inference mode and autocast, and leave the random state as found."""
    with random_state_as_found(device), plain_modes(device):
        yield


@contextmanager
def plain_modes(device: torch.device) -> Iterator[None]:
    """Run without grad, inference mode and autocast."""
    with (
        torch.inference_mode(False),
        torch.no_grad(),
        torch.autocast(device.type, enabled=False),
    ):
        yield


@contextmanager
def random_state_as_found(device: torch.device) -> Iterator[None]:
    """Let a pass that draws random numbers (dropout left on) leave the generators as they were."""
    drawing = [] if device.type == "cpu" else [device]
    kind = "cuda" if device.type == "cpu" else device.type  # with no device this is never asked
    with torch.random.fork_rng(drawing, device_type=kind):
        yield
