"""The reverse walk: from units back to the picture, inside their growing windows, under a rule."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from cnnwidgets.graph.conditions import plain_conditions
from cnnwidgets.graph.operations import Unknown
from cnnwidgets.graph.records import Record
from cnnwidgets.graph.rules import Rule
from cnnwidgets.graph.windows import Windows

Unit = tuple[int, ...]


def reverse(
    record: Record,
    layer: str,
    units: Sequence[Unit],
    rule: Rule,
    *,
    dtype: torch.dtype = torch.float32,
) -> Windows:
    """Walk back from K units of one layer to the picture.

    Parameters
    ----------
    units : (channel, row, column) each, or (index,) of a vector layer; each starts with 1.
    rule : how rectifiers and pools reverse.

    Returns
    -------
    Windows
        Of the picture, [K, C, h, w]; everywhere else the result is exactly 0.

    Raises
    ------
    NotImplementedError
        A call between the picture and the layer has no reversal; the sentence names it.
    StaleRecordError
        The weights changed since the record was made.
    """
    record.check_current()
    value = record.value_of(layer)
    pending = {value: _seeds(units, record.picture, dtype)}
    with plain_conditions(record.picture.device):
        for call in reversed(record.calls[: record.makers[value] + 1]):
            windows = pending.pop(call.outputs[0], None)
            if any(other in pending for other in call.outputs[1:]) or (
                windows is not None and isinstance(call.operation, Unknown)
            ):
                raise NotImplementedError(_refusal(record, call.name, call.operation, layer))
            if windows is None:
                continue
            shapes = [record.shapes[number] for number in call.inputs]
            parts = call.operation.reverse(windows, shapes, rule, record.weights)
            for number, part, shape in zip(call.inputs, parts, shapes, strict=True):
                pending[number] = pending[number].plus(part, shape) if number in pending else part
    if 0 not in pending:
        raise ValueError(f"{layer!r} of {record.model_name} does not depend on the picture")
    return pending[0].dense(record.shapes[0][1])


def _seeds(units: Sequence[Unit], like: Tensor, dtype: torch.dtype) -> Windows:
    channels = [unit[0] for unit in units]
    if len(units[0]) == 1:
        return Windows(like.new_ones((len(units), 1), dtype=dtype), channels=channels)
    ones = like.new_ones((len(units), 1, 1, 1), dtype=dtype)
    return Windows(ones, [unit[1] for unit in units], [unit[2] for unit in units], channels)


def _refusal(record: Record, name: str, operation: object, layer: str) -> str:
    reason = (
        operation.reason
        if isinstance(operation, Unknown)
        else "only its first output can be walked back"
    )
    return (
        f"{record.model_name} makes a call that no rule reverses between the picture and "
        f"{layer!r}: {name!r} ({reason}); choose a layer before it"
    )
