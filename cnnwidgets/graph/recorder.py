"""The dispatch mode that sees every ATen call, however the network was written.

As a module, a function, a method, in place, or one module used many times: below them all there
are about a dozen calls.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.weak import WeakTensorKeyDictionary

from cnnwidgets.graph.naming import call_kind
from cnnwidgets.graph.operations import SeenCall, Unknown, read
from cnnwidgets.graph.operations.base import bind
from cnnwidgets.graph.records import LOST, Call, ValueRef
from cnnwidgets.graph.tape import Tape
from cnnwidgets.graph.twin import Twin


class WritesItsOwn(BaseException):
    """The network writes a tensor of its own; no handler of the network's shall catch this."""


class Recorder(TorchDispatchMode):
    """Writes every primitive call that depends on the picture to a tape."""

    def __init__(self, tape: Tape, fed: Tensor, twin: Twin) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._tape, self._twin = tape, twin
        self._values: WeakTensorKeyDictionary = WeakTensorKeyDictionary()
        # Storages that were constant until a value was written there.
        self._filled: dict[int, Tensor] = {}
        self._remember(fed, 0)

    def value_of(self, tensor: Any) -> int | None:
        """Give a tensor's value; None: none of the picture's; LOST: an alias was written."""
        if not isinstance(tensor, Tensor):
            return None
        found = self._values.get(tensor)
        if found is None:
            return LOST if self._filled and _storage(tensor) in self._filled else None
        return found[0] if tensor._version == found[1] else LOST

    def _remember(self, tensor: Tensor, value: int, writes: int = 0) -> None:
        self._values[tensor] = (value, tensor._version + writes)

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        tensors = [a for a in _flat([args, list(kwargs.values())]) if isinstance(a, Tensor)]
        inputs = [(t, v) for t in tensors if (v := self.value_of(t)) is not None]
        arguments = bind(func, args, kwargs)
        filled = [t for t in _written(func, arguments) if self.value_of(t) is None]
        if sum(self._twin.keep_own(tensor) for tensor in filled):
            raise WritesItsOwn
        if not inputs:
            return func(*args, **kwargs)
        shapes = [tuple(t.shape) for t, _ in inputs]
        refs = [_referred(argument, self.value_of) for argument in args]
        named_refs = {name: _referred(argument, self.value_of) for name, argument in kwargs.items()}
        varying = {id(t) for t, _ in inputs}
        result = func(*args, **kwargs)
        outputs = [part for part in _flat([result]) if isinstance(part, Tensor)]
        self._filled |= {_storage(tensor): tensor for tensor in filled}
        if not outputs:
            return result
        seen = SeenCall(arguments, outputs[0], outputs, shapes, lambda t: _varies(t, varying))
        numbers = tuple(value for _, value in inputs)
        name = func.overloadpacket.__name__
        kind = call_kind(name)
        operation = (
            None
            if LOST in numbers
            else read(name.rstrip("_") if func._schema.is_mutable else name, seen)
        )
        if operation is None:
            operation = Unknown(_reason(func, LOST in numbers), torch.Tag.pointwise in func.tags)
        tape = self._tape
        parent = tape.parents[-1][0] if tape.parents else ""
        made = tuple(tape.add_value(tensor) for tensor in outputs)
        call_name = tape.counted.next(f"{parent}:{kind}")
        tape.add_call(
            Call(call_name, func, tuple(refs), named_refs, numbers, made, operation), kind
        )
        for tensor, value in zip(outputs, made, strict=True):
            self._remember(tensor, value, int(func._schema.is_mutable))
        if any(read_out.at == call_name for read_out in tape.read_outs):
            # An in-place call's new version counts only once this handler has returned.
            copied = outputs[0].clone()
            self._remember(copied, made[0])
            with self:
                tape.read_out(call_name, copied, self.value_of)
        return result


def _written(func: Any, arguments: Mapping[str, Any]) -> list[Tensor]:
    """Give the tensors that a call writes."""
    if arguments.get("training") and "running_mean" in arguments:  # which ATen does not declare
        written = [arguments["running_mean"], arguments["running_var"]]
    elif func._schema.is_mutable:
        written = [arguments[a.name] for a in func._schema.arguments if a.is_write]
    else:
        return []
    return [part for part in _flat(written) if isinstance(part, Tensor)]


def _storage(tensor: Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)


def _flat(argument: Any) -> Iterator[Any]:
    if isinstance(argument, list | tuple):
        for part in argument:
            yield from _flat(part)
    else:
        yield argument


def _referred(argument: Any, value_of: Any) -> Any:
    if isinstance(argument, list | tuple):
        return [_referred(part, value_of) for part in argument]
    value = value_of(argument)
    return argument if value is None else ValueRef(value)


def _varies(argument: Any, varying: set[int]) -> bool:
    return isinstance(argument, Tensor) and id(argument) in varying


def _reason(func: Any, overwritten: bool) -> str:
    return (
        f"{func}, which reads a tensor that was overwritten through a view"
        if overwritten
        else str(func)
    )
