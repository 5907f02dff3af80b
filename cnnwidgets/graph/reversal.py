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
from cnnwidgets.graph.windows import Windows, join

Unit = tuple[int, ...]

_IN_CACHE = 2**22  # bytes; of sizes tried, the one that slowed no case down


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
    with plain_conditions(record.picture.device):
        walk = _walked(record, record.makers[value] + 1, pending, layer, rule)
    record.check_unwritten()
    return walk


def _walked(record: Record, end: int, pending: dict[int, Windows], layer: str, rule: Rule) -> Walk:
    """Walk back through the calls before `end`, from the windows that wait at some values."""
    by_autograd: list[str] = []
    for i in reversed(range(end)):
        call = record.calls[i]
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
        if len(pending) == 1 and (number := next(iter(pending))) and _too_many(pending[number]):
            walks = [
                _walked(record, i, {number: single}, layer, rule)
                for single in pending[number].singles()
            ]
            joined = join([walk.windows for walk in walks], record.shapes[0])
            return Walk(joined, (*walks[0].by_autograd, *reversed(by_autograd)))
    if 0 not in pending:
        raise ValueError(f"{layer!r} of {record.model_name} does not depend on the picture")
    return Walk(pending[0].dense(record.shapes[0][1]), tuple(reversed(by_autograd)))


def _too_many(windows: Windows) -> bool:
    """Tell whether several windows are better carried on one by one.

    Together they cost less as long as the weights are what has to be fetched; once their values
    fill a processor's cache they only drive each other out of it.
    """
    values = windows.values
    return len(values) > 1 and values.device.type == "cpu" and values.nbytes > _IN_CACHE


def _seeds(units: Sequence[Unit], like: Tensor, dtype: torch.dtype) -> Windows:
    channels = [unit[0] for unit in units]
    if len(units[0]) == 1:
        return Windows(like.new_ones((len(units), 1), dtype=dtype), channels=channels)
    ones = like.new_ones((len(units), 1, 1, 1), dtype=dtype)
    return Windows(ones, [unit[1] for unit in units], [unit[2] for unit in units], channels)
