"""The reverse walk: from units back to the picture, inside their growing windows, under a rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from cnnwidgets.graph.conditions import plain_conditions
from cnnwidgets.graph.fallback import reverse_by_autograd
from cnnwidgets.graph.operations import Unknown
from cnnwidgets.graph.records import Record
from cnnwidgets.graph.rules import Rule
from cnnwidgets.graph.windows import Windows

Unit = tuple[int, ...]


@dataclass(frozen=True)
class Walk:
    """Where a reverse walk ended.

    Attributes
    ----------
    windows : of the picture, [K, C, h, w]; everywhere else the result is exactly 0.
    by_autograd : the names of the calls that autograd reversed, for want of a reversal of ours.
    """

    windows: Windows
    by_autograd: tuple[str, ...]


def reverse(
    record: Record,
    layer: str,
    units: Sequence[Unit],
    rule: Rule,
    *,
    dtype: torch.dtype = torch.float32,
) -> Walk:
    """Walk back from K units of one layer to the picture.

    Parameters
    ----------
    units : (channel, row, column) each, or (index,) of a vector layer; each starts with 1.
    rule : how rectifiers and pools reverse.

    Raises
    ------
    NotImplementedError
        A call between the picture and the layer has no reversal under this rule; the sentence
        names it.
    StaleRecordError
        The weights changed since the record was made.
    """
    value = record.value_of(layer)
    pending = {value: _seeds(units, record.picture, dtype)}
    by_autograd: list[str] = []
    with plain_conditions(record.picture.device):
        for call in reversed(record.calls[: record.makers[value] + 1]):
            windows = [pending.pop(output, None) for output in call.outputs]
            if not any(windows):
                continue
            shapes = [record.shapes[number] for number in call.inputs]
            parts: Sequence[Windows | None]
            if windows[0] is None or any(windows[1:]) or isinstance(call.operation, Unknown):
                parts = reverse_by_autograd(record, call, windows, layer, rule)
                by_autograd.append(call.name)
            else:
                parts = call.operation.reverse(windows[0], shapes, rule, record.weights)
            for number, part, shape in zip(call.inputs, parts, shapes, strict=True):
                if part is not None:
                    known = pending.get(number)
                    pending[number] = part if known is None else known.plus(part, shape)
    record.check_unwritten()
    if 0 not in pending:
        raise ValueError(f"{layer!r} of {record.model_name} does not depend on the picture")
    windows_there = pending[0].dense(record.shapes[0][1])
    return Walk(windows_there, tuple(reversed(by_autograd)))


def _seeds(units: Sequence[Unit], like: Tensor, dtype: torch.dtype) -> Windows:
    channels = [unit[0] for unit in units]
    if len(units[0]) == 1:
        return Windows(like.new_ones((len(units), 1), dtype=dtype), channels=channels)
    ones = like.new_ones((len(units), 1, 1, 1), dtype=dtype)
    return Windows(ones, [unit[1] for unit in units], [unit[2] for unit in units], channels)
