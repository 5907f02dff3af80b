"""Whether a device computes what the CPU does: a small network, forward and back, in numbers."""

from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from cnnwidgets import graph

TOLERANCE = 5e-3
"""Largest deviation that passes, as a share of the largest number: TensorFloat-32 stays below."""

_CHANNELS, _SIDE = 3, 33


@cache
def passes(device: torch.device) -> bool:
    """Tell whether a device computes right; asked once in a process.

    A device that cannot do one of the operations does not pass.
    """
    try:
        return deviation(device) <= TOLERANCE
    except (RuntimeError, TypeError, NotImplementedError):
        return False


def deviation(device: torch.device) -> float:
    """Measure how far a device's numbers are from those of the CPU in float64.

    A small network of every kind of layer that matters is run in float32 (strides, padding, groups,
    normalisation, overlapping pools, a classifier), and its units are carried back by each rule of
    the deconvnet family.

    Returns
    -------
    float
        The largest difference, as a share of the largest value of its tensor; inf where the device
        gives NaN or infinity. About 1e-6 is float32's own.

    Raises
    ------
    RuntimeError, TypeError, NotImplementedError
        The device lacks an operation.
    """
    right = _answers(torch.device("cpu"), torch.float64)
    found = _answers(device, torch.float32)
    worst = 0.0
    for one, other in zip(found, right, strict=True):
        if not bool(one.isfinite().all()):
            return float("inf")
        difference = (one.double() - other).abs().max() / other.abs().max()
        worst = max(worst, float(difference))
    return worst


def _answers(device: torch.device, dtype: torch.dtype) -> list[Tensor]:
    """Give outputs of layers, and what units see under each rule, on the CPU."""
    module, picture = _planted()
    record = graph.record(module.to(device, dtype), picture.to(device, dtype))
    places: list[tuple[str, list[Any]]] = [("3", [(2, 4, 5), (7, 0, 3)]), ("7", [(1, 1, 2)])]
    found = [record.activation(name).detach().cpu() for name in ("3", "7", "10")]
    for layer, units in places:
        for rule in (graph.DECONVNET, graph.SALIENCY, graph.GUIDED):
            walk = graph.reverse(record, layer, units, rule, dtype=dtype)
            found.append(walk.windows.values.cpu())
    return found


def _planted() -> tuple[nn.Module, Tensor]:
    """Give a network and a picture, the same everywhere; the user's random numbers stay."""
    generator = torch.Generator().manual_seed(4)
    with torch.random.fork_rng(devices=[]):
        module = _layers()
    with torch.no_grad():
        for values in module.state_dict().values():
            if values.is_floating_point():
                noise = torch.rand(values.shape, generator=generator)
                # Variances must be positive; all else goes both ways.
                values.copy_(noise + 0.5 if values.dim() == 1 else noise - 0.5)
    picture = torch.rand(1, _CHANNELS, _SIDE, _SIDE, generator=generator) - 0.5
    return module, picture


def _layers() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(_CHANNELS, 8, 5, stride=2, padding=2),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.MaxPool2d(3, stride=2),
        nn.Conv2d(8, 8, 3, padding=1, groups=2),
        nn.ReLU(),
        nn.AvgPool2d(2),
        nn.Conv2d(8, 6, 1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(6 * 4 * 4, 5),
    ).eval()
