"""The slow, obvious way to measure tuning: one grating a call, in float64, at one unit a channel.

Also a command, which compares the engine with it on the real VGG16, unit by unit, and writes
docs/gratings.md: ``python -m tests.engines.slow_gratings`` (some 25 minutes).
"""

from collections.abc import Sequence
from math import cos, pi, sin

import numpy as np
import torch
from torch import Tensor, nn


def picture(size: int, orientation: float, frequency: float, phase: float) -> Tensor:
    """One grating [3, size, size] in 0..1, pixel by pixel from the formula."""
    rows, columns = np.mgrid[:size, :size] + 0.5 - size / 2
    along = columns * cos(orientation) - rows * sin(orientation)
    wave = 0.5 + 0.5 * np.cos(2 * pi * frequency * along + phase)
    return torch.from_numpy(np.stack([wave] * 3))


@torch.no_grad()
def middle_responses(
    module: nn.Module,
    layers: Sequence[str],
    stimuli: Sequence[tuple[float, float]],
    phases: int,
    *,
    size: int = 224,
    mean: Sequence[float],
    std: Sequence[float],
) -> dict[str, Tensor]:
    """Rectified responses [stimuli, phases, unit] of the units in the middle of each layer's map."""
    found: dict[str, list[Tensor]] = {name: [] for name in layers}

    def keep(name: str):
        def hook(_module: nn.Module, _given: object, answer: Tensor) -> None:
            row, column = (length // 2 for length in answer.shape[2:])
            found[name].append(answer[0, :, row, column].clamp_min(0))

        return hook

    double = module.double()
    scale = [torch.tensor(values, dtype=torch.float64)[:, None, None] for values in (mean, std)]
    hooks = [double.get_submodule(name).register_forward_hook(keep(name)) for name in layers]
    for orientation, frequency in stimuli:
        for k in range(phases):
            shown = picture(size, orientation, frequency, 2 * pi * k / phases)
            double(((shown - scale[0]) / scale[1])[None])
    for hook in hooks:
        hook.remove()
    return {
        name: torch.stack(kept).view(len(stimuli), phases, -1) for name, kept in found.items()
    }


def harmonics(responses: Tensor) -> tuple[Tensor, Tensor]:
    """F0 and F1 [..., unit] of responses [..., phases, unit] at evenly spaced phases."""
    phases = responses.shape[-2]
    turns = 2 * pi * torch.arange(phases, dtype=torch.float64) / phases
    waves = torch.polar(torch.ones_like(turns), -turns)[:, None]
    return responses.mean(-2), 2 * (responses * waves).mean(-2).abs()
