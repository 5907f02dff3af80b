"""Running recorded calls again, from any value to any other."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from cnnwidgets.graph.operations import Unknown
from cnnwidgets.graph.operations.shaping import Reshape
from cnnwidgets.graph.records import Call, Record, ValueRef

PICTURE = 0  # the number of the value that is the picture


def run_from(record: Record, layer: str, activation: Tensor) -> Tensor:
    """Give the network's output when a layer has this activation; differentiable in it.

    Parameters
    ----------
    record : of any picture of the right size: only its calls are used.
    layer : everything that reaches the output must flow through it.
    activation : [N, C, h, w] (or [N, F]), the layer's shape.

    Raises
    ------
    ValueError
        The shape is not the layer's, or the output also depends on the picture by a way around the
        layer.
    """
    value, expected = record.value_of(layer), record.shapes[record.value_of(layer)]
    if tuple(activation.shape[1:]) != tuple(expected[1:]):
        raise ValueError(
            f"the activation of {layer!r} must be [N, {', '.join(map(str, expected[1:]))}], "
            f"got {list(activation.shape)}"
        )
    if record.output is None:
        raise ValueError(f"{record.model_name} does not answer with one tensor, so nothing runs to its output")
    record.check_current()
    output = len(record.shapes) - 1 if "" not in record.values else record.values[""]
    needed = _needed(record.calls, {value}, {output})
    if PICTURE != value and any(PICTURE in call.inputs for call in needed):
        raise ValueError(
            f"{layer!r} does not hold all that the output needs: another way leads from the picture around "
            "it; choose a layer through which everything flows"
        )
    return replay(record.calls, {value: activation}, [output])[output]


def replay(calls: Sequence[Call], given: Mapping[int, Tensor], wanted: Collection[int]) -> dict[int, Tensor]:
    """Give the wanted values from the given ones; only the calls in between are run.

    The given values may hold N pictures where the record held one. In-place calls are run on a
    copy, so that every value stays what it was when it was made.
    """
    needed = _needed(calls, set(given), set(wanted))
    last_use = {value: i for i, call in enumerate(needed) for value in call.inputs}
    values = dict(given)
    count = len(next(iter(given.values())))
    for i, call in enumerate(needed):
        if count != 1 and isinstance(call.operation, Unknown):
            raise NotImplementedError(
                f"the call {call.name!r} is not known to treat {count} pictures as it treats one; run them one by one"
            )
        results = _outputs(_run(call, values, count))
        values.update(zip(call.outputs, results, strict=True))
        for value in call.inputs:
            if last_use[value] == i and value not in wanted:
                values.pop(value, None)
    return {value: values[value] for value in wanted}


def _needed(calls: Sequence[Call], given: Collection[int], wanted: set[int]) -> list[Call]:
    missing, needed = set(wanted) - set(given), []
    for call in reversed(calls):
        if missing.intersection(call.outputs):
            needed.append(call)
            missing.difference_update(call.outputs)
            missing.update(value for value in call.inputs if value not in given)
    return needed[::-1]


def _run(call: Call, values: Mapping[int, Tensor], count: int) -> Any:
    args = [_filled(argument, values) for argument in call.args]
    kwargs = {name: _filled(argument, values) for name, argument in call.kwargs.items()}
    if call.function._schema.is_mutable:
        args[0] = args[0].clone()
    if isinstance(call.operation, Reshape) and isinstance(args[1], list | tuple):
        args[1] = [count, *args[1][1:]]
    return call.function(*args, **kwargs)


def _filled(argument: Any, values: Mapping[int, Tensor]) -> Any:
    if isinstance(argument, ValueRef):
        return values[argument.value]
    if isinstance(argument, list | tuple):
        return [_filled(part, values) for part in argument]
    return argument


def _outputs(result: Any) -> list[Tensor]:
    parts = result if isinstance(result, list | tuple) else (result,)
    return [part for part in parts if isinstance(part, torch.Tensor)]
