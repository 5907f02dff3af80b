"""How a network answers one picture: a layer's maps, its most active units, its best classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from cnnwidgets.engines.memory import a_pass, fitted
from cnnwidgets.engines.provenance import provenance_of
from cnnwidgets.graph import Record
from cnnwidgets.results import Result


@dataclass(frozen=True, eq=False, kw_only=True)
class LayerResponse(Result):
    """A layer's answer to one picture.

    Attributes
    ----------
    peaks : [C], each unit's strongest activation over the positions of its map.
    positions : int [C, 2], (row, column) of it, the first one if several are equal; (0, 0) in a
        vector layer.
    order : int [C], the units from the most to the least active.
    """

    axes: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "peaks": ("unit",),
        "positions": ("unit", "axis"),
        "order": ("rank",),
    }
    layer: str
    peaks: Tensor
    positions: Tensor
    order: Tensor


@dataclass(frozen=True, eq=False, kw_only=True)
class BestClasses(Result):
    """The classes that a network with a head holds most likely.

    Attributes
    ----------
    labels : their names, best first; "class 7" where the network has none.
    probabilities : float [k], the softmax of the network's output.
    classes : int [k], their indices; `count` : how many classes there are.
    """

    axes: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "probabilities": ("rank",),
        "classes": ("rank",),
    }
    labels: tuple[str, ...]
    probabilities: Tensor
    classes: Tensor
    count: int

    def _labels(self) -> dict[str, Any]:
        return {"label": self.labels}


@torch.inference_mode(False)  # a caller's would stick to the result
def layer_response(record: Record, layer: str) -> LayerResponse:
    """Give each unit's peak in this picture, and the units in order of it.

    Raises
    ------
    ValueError
        There is no such layer.
    StaleRecordError
        The weights changed since the record was made.
    MemoryError
        The pass does not fit.
    """
    activation = activation_of(record, layer)
    peaks, places = (
        activation.flatten(1).max(1)
        if activation.dim() > 1
        else (activation, torch.zeros_like(activation))
    )
    width = activation.shape[-1] if activation.dim() == 3 else 1
    places = places.long()
    positions = torch.stack([torch.div(places, width, rounding_mode="floor"), places % width], 1)
    return LayerResponse(
        provenance=provenance_of(record, activation.dtype),
        layer=layer,
        peaks=peaks.cpu(),
        positions=positions.cpu(),
        order=peaks.sort(descending=True, stable=True).indices.cpu(),
    )


def activation_of(record: Record, layer: str) -> Tensor:
    """Give a layer's activation [C, h, w] (or [F]) in the record's picture.

    Raises
    ------
    ValueError
        There is no such layer.
    MemoryError
        It does not fit.
    """
    asked = a_pass(record.model_name, record.picture.shape[2:])
    return fitted(lambda: record.activation(layer)[0], asked, record.picture.device)


def strongest_position(record: Record, layer: str, unit: int) -> tuple[int, int]:
    """Give the (row, column) where a unit of a map answers most; the first of equals."""
    channel = activation_of(record, layer)[unit]
    row, column = divmod(int(channel.argmax()), channel.shape[-1])
    return row, column


@torch.inference_mode(False)
def best_classes(
    record: Record, labels: Sequence[str] | None = None, count: int = 5
) -> BestClasses:
    """Give the most probable classes of a network that answers with one score a class.

    Raises
    ------
    ValueError
        The network does not answer with a vector, or has another number of classes than labels.
    StaleRecordError
        The weights changed since the record was made.
    """
    output = record.output
    if output is None or output.dim() != 2:
        got = "no single tensor" if output is None else f"a tensor {list(output.shape)}"
        raise ValueError(
            f"best classes need a network that answers with one score a class, got {got}"
        )
    classes = output.shape[1]
    if labels is not None and len(labels) != classes:
        raise ValueError(
            f"labels must name the {classes} classes of {record.model_name}, got {len(labels)}"
        )
    probabilities, best = output[0].cpu().double().softmax(0).topk(min(count, classes))
    names = tuple(labels[i] if labels is not None else f"class {i}" for i in best.tolist())
    return BestClasses(
        provenance=provenance_of(record, output.dtype),
        labels=names,
        probabilities=probabilities.float().cpu(),
        classes=best.cpu(),
        count=classes,
    )
