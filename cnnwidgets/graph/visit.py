"""One forward pass whose activations are handed over one after another, and none is kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import SimpleNamespace

from torch import Tensor

from cnnwidgets.graph.conditions import plain_conditions
from cnnwidgets.graph.operations import Unknown
from cnnwidgets.graph.operations.averaging import AveragePool
from cnnwidgets.graph.operations.base import Pointwise
from cnnwidgets.graph.operations.convolution import Convolution
from cnnwidgets.graph.operations.padding import Padding
from cnnwidgets.graph.operations.pooling import MaxPool
from cnnwidgets.graph.records import LOST, Call, Record, ValueRef
from cnnwidgets.graph.replay import PICTURE, _needed, _outputs, _run

_SLIDING = (Pointwise, Convolution, MaxPool, AveragePool, Padding)
_OF_TWO = tuple(f"{name}{ending}" for name in ("add", "sub", "mul", "div") for ending in ("", "_"))
_OF_ONE_SIZE = ("view", "_unsafe_view", "reshape", "expand")  # their arguments are shapes

Take = Callable[[str, int, Tensor], None]
"""`take(layer, first, activation)`: [n, ...] of the pictures `first` to `first + n - 1`."""


def visit(record: Record, pictures: Tensor, layers: Sequence[str], take: Take) -> None:
    """Run N pictures and hand each layer's activation to a function as soon as it is there.

    The network's calls are run one by one, so nothing is hooked or half written while `take` runs:
    it may do other work in between, or raise to end the pass. Memory is that of a plain pass, for
    however many layers.

    Parameters
    ----------
    record : of any picture of the same height and width (or of another: see `any_size`); its calls
        are run.
    pictures : [N, C, H, W]; they stay as they are.
    layers : names; a layer that is the same tensor as another is handed over with it.
    take : gets a batch, or picture after picture if a call may treat a batch in its own way. The
        activation is written over afterwards: reduce it, or copy it.

    Raises
    ------
    ValueError
        There is no such layer.
    NotImplementedError
        A call reads a tensor of which nobody knows what it holds; `reachable` tells before.
    StaleRecordError
        The weights changed since the record was made.
    """
    if not record.reads:
        _visit(record, pictures, layers, take)
        return
    from cnnwidgets.graph.recording import record as record_anew  # which reads this

    # What the network reads out of one picture, and goes on by, is not true of another.
    for number in range(len(pictures)):
        picture = pictures[number : number + 1]
        made = record_anew(SimpleNamespace(twin=record.twin), picture)

        def take_one(name: str, _: int, activation: Tensor, number: int = number) -> None:
            take(name, number, activation)

        _visit(made, picture, layers, take_one)


def _visit(record: Record, pictures: Tensor, layers: Sequence[str], take: Take) -> None:
    names: dict[int, list[str]] = {}
    for name in layers:
        names.setdefault(record.value_of(name), []).append(name)
    record.check_current()
    needed = _needed(record.calls, {PICTURE}, set(names))
    lost = next((call.name for call in needed if LOST in call.inputs), None)
    if lost:
        raise NotImplementedError(
            f"the call {lost!r} reads a tensor that was overwritten through a view, so it cannot "
            "be run alone; ask for layers before it"
        )
    apart = any(isinstance(call.operation, Unknown) for call in needed)
    with plain_conditions(pictures.device):
        for first in range(0, len(pictures), 1 if apart else len(pictures)):
            part = pictures[first : first + 1] if apart else pictures
            _run_through(needed, part, names, partial(_shifted, take, first))


def reachable(record: Record) -> list[str]:
    """Give the layers that `visit` can hand over a picture at a time, in execution order."""
    unknown: set[int] = set()  # values that no run of the calls can give
    for call in record.calls:
        if LOST in call.inputs or unknown.intersection(call.inputs):
            unknown.update(call.outputs)
    values = {name: record.value_of(name) for name in record.layers}
    return [
        name
        for name, value in values.items()
        if value not in unknown and record.shapes[value][0] == len(record.picture)
    ]


def any_size(record: Record, layers: Sequence[str]) -> bool:
    """Tell whether the calls up to these layers also fit pictures of another height and width.

    True only where every call slides a window or goes from value to value: then `visit` may be
    given such pictures, and a unit whose field lies inside one answers as it does in any other.
    """
    if record.reads or place_bound(record, layers):
        return False
    needed = _needed(record.calls, {PICTURE}, {record.value_of(name) for name in layers})
    return all(
        isinstance(call.operation, _SLIDING)
        and call.apart
        and LOST not in call.inputs
        and call.function.overloadpacket.__name__ not in _OF_ONE_SIZE
        for call in needed
    )


def place_bound(record: Record, layers: Sequence[str]) -> bool:
    """Tell whether a call up to these layers joins a map of constants, such as of positions.

    Then the layer's positions are no copies of one function, even if each sees only its field.
    """
    needed = _needed(record.calls, {PICTURE}, {record.value_of(name) for name in layers})
    return any(
        isinstance(argument, Tensor) and any(length > 1 for length in argument.shape[-2:])
        for call in needed
        if call.function.overloadpacket.__name__ in _OF_TWO
        for argument in (*call.args, *call.kwargs.values())
    )


def derived(record: Record, layers: Sequence[str]) -> dict[str, tuple[tuple[str, ...], bool]]:
    """Give the layers whose peaks follow from those of others: joined channels, max(x, 0).

    Returns
    -------
    name -> (the layers whose channels it holds, in order; whether it rectifies them), in execution
    order: what it follows from may follow itself.
    """
    names = {record.value_of(name): name for name in reversed(layers)}
    found = {}
    for value in sorted(names):
        call = record.calls[record.makers[value]] if record.makers[value] >= 0 else None
        parts = _joined(call, len(record.shapes[value])) if call else ()
        if parts and all(part in names for part in parts):
            found[names[value]] = (tuple(names[part] for part in parts), len(parts) == 1)
    return found


def _joined(call: Call, axes: int) -> Sequence[int]:
    """Give the value that a call rectifies, or those whose channels it joins; else nothing."""
    kind = call.function.overloadpacket.__name__
    if kind in ("relu", "relu_"):
        return call.inputs
    if kind != "cat" or len(call.args) < 2 or call.args[1] not in (1, 1 - axes):
        return ()
    parts = [part.value for part in call.args[0] if isinstance(part, ValueRef)]
    return parts if 1 < len(parts) == len(call.args[0]) else ()


def _shifted(take: Take, first: int, name: str, activation: Tensor) -> None:
    take(name, first, activation)


def _run_through(
    needed: Sequence[Call],
    pictures: Tensor,
    names: Mapping[int, Sequence[str]],
    take: Callable[[str, Tensor], None],
) -> None:
    last_use = {value: i for i, call in enumerate(needed) for value in call.inputs}
    values = {PICTURE: pictures}
    for name in names.get(PICTURE, ()):
        take(name, pictures)
    for i, call in enumerate(needed):
        writes = call.function._schema.is_mutable
        spent = [
            v for v in call.inputs if writes and last_use[v] == i and _alone(v, values, pictures)
        ]
        result = _run(call, values, len(pictures), spent)
        values.update(zip(call.outputs, _outputs(result), strict=True))
        del result
        for value in call.outputs:
            for name in names.get(value, ()):
                take(name, values[value])
        for value in {*call.inputs, *call.outputs}:
            if last_use.get(value, i) <= i:
                values.pop(value, None)


def _alone(value: int, values: Mapping[int, Tensor], pictures: Tensor) -> bool:
    """Tell whether a value's memory is no other's, so that an in-place call may write it."""
    place = values[value].untyped_storage().data_ptr()
    others = [tensor for other, tensor in values.items() if other != value]
    return all(tensor.untyped_storage().data_ptr() != place for tensor in [pictures, *others])
