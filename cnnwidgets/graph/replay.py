"""Running recorded calls again, from any value to any other."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from cnnwidgets.graph.conditions import draws, random_state_as_found
from cnnwidgets.graph.operations import Unknown
from cnnwidgets.graph.operations.shaping import Identity, Reshape
from cnnwidgets.graph.records import LOST, Call, Record, ValueRef

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
    NotImplementedError
        The network goes on by numbers that it read out of the picture.
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
        raise ValueError(
            f"{record.model_name} does not answer with one tensor, so nothing runs to its output"
        )
    if record.reads:
        raise NotImplementedError(
            f"{record.model_name} reads numbers out of the picture (as .item() does) and goes on "
            "by them, so its calls cannot be run from a layer"
        )
    record.check_current()
    output = record.values[""]
    needed = _needed(record.calls, {value}, {output})
    if value != PICTURE and any(PICTURE in call.inputs for call in needed):
        raise ValueError(
            f"{layer!r} does not hold all that the output needs: another way leads from the "
            "picture around it; choose a layer through which everything flows"
        )
    return replay(record.calls, {value: activation}, [output])[output]


def replay(
    calls: Sequence[Call], given: Mapping[int, Tensor], wanted: Collection[int]
) -> dict[int, Tensor]:
    """Give the wanted values from the given ones; only the calls in between are run.

    The given values may hold N pictures where the record held one; if a call may treat a batch in
    its own way they are run one by one. In-place calls are run on a copy, so that every value stays
    what it was when it was made.

    Raises
    ------
    NotImplementedError
        A call reads a tensor of which nobody knows what it holds; the sentence names it.
    """
    needed = _needed(calls, set(given), set(wanted))
    for call in needed:
        if LOST in call.inputs:
            raise NotImplementedError(
                f"the call {call.name!r} reads a tensor that was overwritten through a view, so it "
                "cannot be run alone; ask for a module's output"
            )
    count = len(next(iter(given.values())))
    if count == 1 or not any(isinstance(call.operation, Unknown) for call in needed):
        return _replay(needed, given, wanted)
    singles = [
        _replay(needed, {value: tensor[i : i + 1] for value, tensor in given.items()}, wanted)
        for i in range(count)
    ]
    return {value: torch.cat([single[value] for single in singles]) for value in wanted}


def _replay(
    needed: Sequence[Call], given: Mapping[int, Tensor], wanted: Collection[int]
) -> dict[int, Tensor]:
    last_use = {value: i for i, call in enumerate(needed) for value in call.inputs}
    values = dict(given)
    count = len(next(iter(given.values())))
    for i, call in enumerate(needed):
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


def _run(call: Call, values: Mapping[int, Tensor], count: int, spent: Collection[int] = ()) -> Any:
    """Run a call; what it writes is copied before, but for spent values, which nobody needs."""
    args = [_filled(argument, values) for argument in call.args]
    kwargs = {name: _filled(argument, values) for name, argument in call.kwargs.items()}
    for i, argument in enumerate(call.function._schema.arguments):
        given = call.args[i] if i < len(args) else call.kwargs.get(argument.name)
        if not argument.is_write or (isinstance(given, ValueRef) and given.value in spent):
            continue
        if i < len(args):
            args[i] = args[i].clone()
        elif argument.name in kwargs:
            kwargs[argument.name] = kwargs[argument.name].clone()
    known = isinstance(call.operation, Reshape | Identity)
    view = call.function.overloadpacket.__name__ in ("view", "_unsafe_view")
    if known and view and args[1][0] == 1:
        args[1] = [count, *args[1][1:]]  # its shape begins with the number of pictures
    if draws(call.function, call.args, call.kwargs):
        with random_state_as_found(values[call.inputs[0]].device):
            return call.function(*args, **kwargs)
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
