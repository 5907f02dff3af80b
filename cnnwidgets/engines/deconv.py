"""Deconvnet, saliency and guided reconstructions: what of the picture a unit answers to.

References
----------
.. [1] M. D. Zeiler, R. Fergus, "Visualizing and understanding convolutional networks", ECCV 2014,
   arXiv:1311.2901 (section 2.1).
.. [2] A. Mahendran, A. Vedaldi, "Salient deconvolutional networks", ECCV 2016.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from operator import index
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor

from cnnwidgets.engines.memory import Portions, fitted
from cnnwidgets.engines.provenance import provenance_of
from cnnwidgets.engines.responses import activation_of, strongest_position
from cnnwidgets.graph import Record, Rule, named_rule, reverse
from cnnwidgets.graph.reversal import Walk
from cnnwidgets.results import Result

Unit = int | Sequence[int]


@dataclass(frozen=True, eq=False, kw_only=True)
class Reconstruction(Result):
    """Units of one layer carried back to the picture.

    Attributes
    ----------
    layer, units : where the walk began: (channel, row, column) each, or (index,) of a vector.
    rule : how rectifiers and pools were reversed.
    images : [K, C, H, W] on the CPU, in units of the network's (normalised) input per unit of
        response; exactly 0 outside what the units see.
    boxes : int [K, 4], the units' fields (top, left, bottom, right): half-open, unclipped.
    responses : [K], the units' activations in this picture.
    by_autograd : names of the calls that were reversed by autograd, for want of a reversal of ours.
    """

    axes: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "responses": ("unit",),
        "images": ("unit", "channel", "row", "column"),
        "boxes": ("unit", "edge"),
    }
    layer: str
    units: tuple[tuple[int, ...], ...]
    rule: Rule
    images: Tensor
    boxes: Tensor
    responses: Tensor
    by_autograd: tuple[str, ...] = ()

    def crop(self, k: int = 0) -> Tensor:
        """Give reconstruction k [C, h, w] within its field; zero where that leaves the picture."""
        top, left, bottom, right = self.boxes[k].tolist()
        image = self.images[k]
        crop = image.new_zeros(image.shape[0], bottom - top, right - left)
        inside = image[:, max(0, top) : max(0, bottom), max(0, left) : max(0, right)]
        y, x = max(0, -top), max(0, -left)
        crop[:, y : y + inside.shape[1], x : x + inside.shape[2]] = inside
        return crop

    def _labels(self) -> dict[str, Any]:
        return {"layer": self.layer, "unit": self.units}

    @classmethod
    def _restored(cls, name: str, value: Any) -> Any:
        return Rule(*value) if name == "rule" else super()._restored(name, value)


@torch.inference_mode(False)  # a caller's would stick to the result
def reconstruct(
    record: Record,
    layer: str,
    units: Sequence[Unit],
    *,
    rule: str | Rule = "deconvnet",
    dtype: torch.dtype = torch.float32,
) -> Reconstruction:
    """Carry units of a layer back to the picture by deconvnet, gradient, or guided backprop.

    Every unit starts with 1 and walks alone: only saliency adds over units, so seeds are never
    summed. All rules are positively homogeneous, so Zeiler and Fergus' seed (the unit's activation)
    differs by that factor only.

    Parameters
    ----------
    record : the picture's record, from `cnnwidgets.graph.record`.
    layer : name of a layer, as in `VisionModel.layers`.
    units : (channel, row, column) each; a channel alone stands at its strongest place in this
        picture. Of a vector layer: the index.
    rule : "deconvnet" [1]_, "saliency" (the gradient), "guided" (DeSaliNet [2]_) or a `Rule`.
    dtype : in what the walk is computed. bfloat16 is for previews (see `precision`); the result is
        float32 then, and its provenance says bfloat16.

    Raises
    ------
    ValueError
        The layer, a unit or the rule does not exist.
    NotImplementedError
        The network makes a call before this layer that no rule reverses; its name is told.
    StaleRecordError
        The network's weights changed since the record was made.
    MemoryError
        Not even one unit fits. Where not all of them fit at once fewer are taken at a time, and
        the provenance says how many.
    """
    chosen = named_rule(rule)
    record.check_current()
    placed = tuple(placed_unit(record, layer, unit) for unit in units)
    if not placed:
        raise ValueError("units must name at least one unit, got none")
    activation = activation_of(record, layer)
    carried = _carried_back(record, layer, placed, chosen, dtype)
    field = record.layer(layer).field
    boxes = [field.box(*(unit[1:] or (0, 0))) for unit in placed]
    return Reconstruction(
        provenance=provenance_of(record, carried.computed_in, at_once=carried.at_once),
        layer=layer,
        units=placed,
        rule=chosen,
        images=carried.images,
        boxes=torch.tensor(boxes),
        responses=torch.stack([activation[unit] for unit in placed]).to(carried.images),
        by_autograd=carried.by_autograd,
    )


class _Carried(NamedTuple):
    """What came back of K units: images [K, C, H, W] on the CPU, and how."""

    images: Tensor
    by_autograd: tuple[str, ...]
    computed_in: torch.dtype
    at_once: int | None


def _carried_back(
    record: Record, layer: str, units: Sequence[tuple[int, ...]], rule: Rule, dtype: torch.dtype
) -> _Carried:
    """Walk back from units, as many at once as fit into memory, and lay them out."""
    (channels, *size), device = record.picture.shape[1:], record.picture.device
    picture = f"a picture of {size[0]} × {size[1]}"
    images = fitted(
        lambda: torch.zeros(
            (len(units), channels, *size), dtype=torch.promote_types(dtype, torch.float32)
        ),
        f"{len(units)} times {picture}",
        torch.device("cpu"),
        "ask for fewer units at once",
    )

    def walked(part: slice) -> Walk:
        walk = reverse(record, layer, units[part], rule, dtype=dtype)
        return replace(walk, windows=replace(walk.windows, values=walk.windows.values.cpu()))

    portions, asked = Portions(), f"one unit of {layer!r} carried back to {picture}"
    for part, walk in portions.each(len(units), walked, asked, device):
        windows = walk.windows
        height, width = windows.values.shape[2:]
        for k, (row, column) in enumerate(zip(windows.rows, windows.columns, strict=True)):
            there = images[part.start + k, :, row : row + height, column : column + width]
            there.copy_(windows.values[k])
    return _Carried(images, walk.by_autograd, windows.values.dtype, portions.largest)


def placed_unit(record: Record, layer: str, unit: Unit) -> tuple[int, ...]:
    """Give a unit with its position: (channel, row, column), or (index,) of a vector layer.

    Parameters
    ----------
    unit : as `reconstruct` takes it; a channel alone stands at its strongest place.

    Raises
    ------
    ValueError
        There is no such layer or unit.
    """
    shape = record.layer(layer).shape
    numbers = tuple(map(index, unit)) if isinstance(unit, Sequence) else (index(unit),)
    if len(shape) not in (1, 3):
        raise ValueError(
            f"{layer!r} gives {list(shape)}, neither a map [channels, rows, columns] nor a vector; "
            "its units cannot be carried back"
        )
    if not record.is_map(layer):
        raise ValueError(
            f"the axes of {layer!r}, {list(shape)}, are not known to be channels, rows, columns; "
            "choose one of the layers that are listed"
        )
    if len(numbers) not in (1, len(shape)):
        wanted = "(channel, row, column) or a channel" if len(shape) == 3 else "an index"
        raise ValueError(f"a unit of {layer!r} is {wanted}, got {unit!r}")
    check_unit(record, layer, numbers[0])
    if len(numbers) == 1 and len(shape) == 3:
        return (numbers[0], *strongest_position(record, layer, numbers[0]))
    for name, number, count in zip(("row", "column"), numbers[1:], shape[1:], strict=False):
        if not 0 <= number < count:
            raise ValueError(
                f"{layer} has {count} {name}s, 0 to {count - 1}; {name} {number} was asked"
            )
    return numbers


def check_unit(record: Record, layer: str, unit: int) -> None:
    """Raise a ValueError unless the layer has this unit."""
    count = record.layer(layer).units
    if not 0 <= unit < count:
        raise ValueError(f"{layer} has {count} units, 0 to {count - 1}; {unit} was asked")
