"""The dispatch mode that sees every ATen call, however the network was written.

As a module, a function, a method, in place, or one module used many times: below them all there
are about a dozen calls.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.weak import WeakTensorKeyDictionary

from cnnwidgets.graph.axes import Axes, after_known, after_unknown, standard
from cnnwidgets.graph.conditions import draws, random_state_as_found
from cnnwidgets.graph.naming import call_kind
from cnnwidgets.graph.operations import Operation, SeenCall, Unknown, read
from cnnwidgets.graph.operations.base import Pointwise, bind
from cnnwidgets.graph.operations.joining import Addition
from cnnwidgets.graph.operations.linear import Linear
from cnnwidgets.graph.operations.padding import Padding
from cnnwidgets.graph.operations.rectifier import Rectifier
from cnnwidgets.graph.operations.scaling import ChannelScaling, Scaling
from cnnwidgets.graph.operations.shaping import Identity
from cnnwidgets.graph.records import LOST, Call, ValueRef
from cnnwidgets.graph.tape import Tape
from cnnwidgets.graph.twin import Twin
from cnnwidgets.graph.windows import Shape

# Calls that take no more than the shape of the value they are given.
_FILLED_LIKE = {
    "zeros_like",
    "ones_like",
    "full_like",
    "new_zeros",
    "new_ones",
    "new_full",
}
# Operations that do not mind what the first dimension stands for.
_ANY_FIRST = (Identity, Addition, Rectifier, Scaling, ChannelScaling, Linear, Padding)
WholeReader = Callable[[str, SeenCall], Operation | None]


class WritesItsOwn(BaseException):
    """The network writes a tensor of its own; no handler of the network's shall catch this."""


class Recorder(TorchDispatchMode):
    """Writes every primitive call that depends on the picture to a tape."""

    def __init__(self, tape: Tape, fed: Tensor, twin: Twin) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._tape, self._twin = tape, twin
        self._values: WeakTensorKeyDictionary = WeakTensorKeyDictionary()
        self._reader: WholeReader | None = None
        # Storages that were constant until a value was written there.
        self._filled: dict[int, Tensor] = {}
        self._remember(fed, 0, fed._version)

    def value_of(self, tensor: Any) -> int | None:
        """Give a tensor's value; None: none of the picture's; LOST: an alias was written."""
        if not isinstance(tensor, Tensor):
            return None
        found = self._values.get(tensor)
        if found is None:
            return LOST if self._filled and _storage(tensor) in self._filled else None
        return found[0] if tensor._version == found[1] else LOST

    def _remember(self, tensor: Tensor, value: int, version: int) -> None:
        self._values[tensor] = (value, version)

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        tensors = _tensors_in([*args, *kwargs.values()])
        inputs = [(t, v) for t in tensors if (v := self.value_of(t)) is not None]
        arguments = bind(func, args, kwargs)
        filled = [t for t in _written(func, arguments) if self.value_of(t) is None]
        if sum(self._twin.keep_own(tensor) for tensor in filled):
            raise WritesItsOwn
        if not inputs or func.overloadpacket.__name__ in _FILLED_LIKE:
            return self._run(func, args, kwargs)
        shapes = [tuple(t.shape) for t, _ in inputs]
        refs = [_referred(argument, self.value_of) for argument in args]
        named_refs = {name: _referred(argument, self.value_of) for name, argument in kwargs.items()}
        varying = {id(t) for t, _ in inputs}
        result = self._run(func, args, kwargs)
        outputs = _tensors_in([result])
        self._filled |= {_storage(tensor): tensor for tensor in filled}
        if not outputs:
            return result
        seen = SeenCall(arguments, outputs[0], outputs, shapes, lambda t: _varies(t, varying))
        numbers = tuple(value for _, value in inputs)
        name = func.overloadpacket.__name__
        kind = call_kind(name)
        operation = None
        if LOST not in numbers:
            plain = name.rstrip("_") if func._schema.is_mutable else name
            operation = (self._reader and self._reader(plain, seen)) or read(plain, seen)
        if any(shape[:1] != (1,) for shape in shapes) and not isinstance(operation, _ANY_FIRST):
            operation = None  # what stands first is not the picture
        tape = self._tape
        parent = tape.parents[-1][0] if tape.parents else ""
        operation, axes = self._placed(func, arguments, numbers, shapes, outputs, operation)
        made = tuple(map(tape.add_value, outputs, axes))
        call_name = tape.counted.next(f"{parent}:{kind}")
        tape.add_call(
            Call(call_name, func, tuple(refs), named_refs, numbers, made, operation), kind
        )
        for tensor, value in zip(outputs, made, strict=True):
            self._remember(tensor, value, _version_after(func, arguments, tensor))
        if any(read_out.at == call_name for read_out in tape.read_outs):
            # An in-place call's new version counts only once this handler has returned.
            copied = outputs[0].clone()
            self._remember(copied, made[0], copied._version)
            with self:
                tape.read_out(call_name, copied, self.value_of)
        return result

    @contextmanager
    def whole_function(self, reader: WholeReader) -> Iterator[None]:
        """Let a function that ATen sees in pieces read its own operation off one of them."""
        outer, self._reader = self._reader, reader
        try:
            yield
        finally:
            self._reader = outer

    def _run(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        if not draws(func, args, kwargs):
            return func(*args, **kwargs)
        self._tape.draws = True
        with random_state_as_found(self._tape.picture.device):
            return func(*args, **kwargs)

    def _placed(
        self,
        func: Any,
        arguments: Mapping[str, Any],
        numbers: Sequence[int],
        shapes: Sequence[Shape],
        outputs: Sequence[Tensor],
        operation: Operation | None,
    ) -> tuple[Operation, list[Axes | None]]:
        """Give the operation, and what the dimensions of each output stand for."""
        known = [
            standard(shape) if v == LOST else self._tape.axes[v]
            for v, shape in zip(numbers, shapes, strict=True)
        ]
        after = [tuple(output.shape) for output in outputs]
        if operation is not None:
            pointwise = isinstance(operation, Pointwise)
            return operation, [
                after_known(known[0], shapes[0], shape, pointwise=pointwise) for shape in after
            ]
        name = func.overloadpacket.__name__
        name = name.rstrip("_") if func._schema.is_mutable else name
        pointwise = torch.Tag.pointwise in func.tags
        befores = list(zip(known, shapes, strict=True))
        found = [after_unknown(name, arguments, pointwise, befores, shape) for shape in after]
        in_place = all(stay for _, stay in found) and LOST not in numbers
        return Unknown(str(func), in_place), [axes for axes, _ in found]


def _written(func: Any, arguments: Mapping[str, Any]) -> list[Tensor]:
    """Give the tensors that a call writes."""
    if arguments.get("training") and "running_mean" in arguments:  # which ATen does not declare
        written = [arguments["running_mean"], arguments["running_var"]]
    elif func._schema.is_mutable:
        written = [arguments[a.name] for a in func._schema.arguments if a.is_write]
    else:
        return []
    return _tensors_in(written)


def _storage(tensor: Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)


def _tensors_in(arguments: Iterable[Any]) -> list[Tensor]:
    found = []
    for argument in arguments:
        if isinstance(argument, Tensor):
            found.append(argument)
        elif isinstance(argument, list | tuple):
            found += _tensors_in(argument)
    return found


def _referred(argument: Any, value_of: Any) -> Any:
    if isinstance(argument, list | tuple):
        return [_referred(part, value_of) for part in argument]
    value = value_of(argument)
    return argument if value is None else ValueRef(value)


def _varies(argument: Any, varying: set[int]) -> bool:
    return isinstance(argument, Tensor) and id(argument) in varying


def _version_after(func: Any, arguments: Mapping[str, Any], output: Tensor) -> int:
    """Give the version that an output will have once the handler has returned.

    Only then does torch count what an in-place call wrote, and let a view share its base's version.
    """
    schema = func._schema
    if schema.is_mutable:
        return output._version + 1
    viewed = [arguments[a.name] for a in schema.arguments if a.alias_info is not None]
    return viewed[0]._version if viewed and isinstance(viewed[0], Tensor) else output._version
