"""Linear read-outs of layers: what fits a layer, and which of them a layer is read through."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from cnnwidgets.graph import Layer, ReadOut


def read_out(
    name: str, reads: Layer, weight: Tensor, bias: Tensor | None, place: tuple[Any, torch.dtype]
) -> ReadOut:
    """Give a read-out of a layer.

    Parameters
    ----------
    name : of the new layer.
    reads : the layer it reads.
    weight : [K, C] reads every position, [K, C, h, w] the whole map, [K, F] a vector layer.
    bias : [K]; none is 0.
    place : the device and the number type that weight and bias are brought to.

    Raises
    ------
    ValueError
        A shape does not fit the layer, or a number is not finite.
    """
    fitting = [(reads.shape[0],), reads.shape]
    if weight.dim() < 2 or tuple(weight.shape[1:]) not in fitting:
        wanted = " or ".join(
            f"[K, {', '.join(map(str, shape))}]" for shape in dict.fromkeys(fitting)
        )
        raise ValueError(
            f"weight must be {wanted} to read {reads.name!r}, got {list(weight.shape)}"
        )
    bias = torch.zeros(len(weight)) if bias is None else bias
    if tuple(bias.shape) != (len(weight),):
        raise ValueError(f"bias must be [{len(weight)}], got {list(bias.shape)}")
    weight, bias = (given.detach().to(*place) for given in (weight, bias))
    for what, given in (("weight", weight), ("bias", bias)):
        if not bool(torch.isfinite(given).all()):
            raise ValueError(f"{what} of the read-out {name!r} must be finite, got NaN or infinity")
    return ReadOut(name, reads.name, weight, bias)


def read_through(layer: str, read_outs: Sequence[ReadOut]) -> tuple[ReadOut, ...]:
    """Give the read-outs that a layer is read through, its own last; none for a plain layer."""
    by_name = {read_out.name: read_out for read_out in read_outs}
    chain: list[ReadOut] = []
    while layer in by_name:
        chain.append(by_name[layer])
        layer = by_name[layer].at
    return tuple(reversed(chain))
