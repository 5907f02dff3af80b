"""The dispatch mode that sees every ATen call, however the network was written.

As a module, a function, a method, in place, or one module used many times: below them all there
are about a dozen calls.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.weak import WeakTensorKeyDictionary

from cnnwidgets.graph.axes import (
    Axes,
    after_map,
    after_matrix,
    after_pointwise,
    after_unknown,
    standard,
)
from cnnwidgets.graph.conditions import draws, random_state_as_found
from cnnwidgets.graph.naming import call_kind
from cnnwidgets.graph.operations import Operation, SeenCall, Unknown, read
from cnnwidgets.graph.operations.base import Pointwise, bind, is_pointwise
from cnnwidgets.graph.operations.joining import Addition, Concatenation
from cnnwidgets.graph.operations.linear import Linear
from cnnwidgets.graph.operations.padding import Padding
from cnnwidgets.graph.operations.rectifier import Rectifier
from cnnwidgets.graph.operations.response_norm import LocalResponseNorm
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

    def __init__(self, tape: Tape, fed: Tensor, twin: Twin, module: nn.Module) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._tape, self._twin, self._module = tape, twin, module
        self._values: WeakTensorKeyDictionary = WeakTensorKeyDictionary()
        self._reader: WholeReader | None = None
        self._own = {_storage(own) for own in twin.own}
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
        if sum(self._twin.keep_own(tensor, self._module) for tensor in filled):
            raise WritesItsOwn
        name = func.overloadpacket.__name__
        if not inputs or name in _FILLED_LIKE:
            return self._run(func, args, kwargs)
        self._tape.reads |= name == "_local_scalar_dense"
        refs = [self._referred(argument) for argument in args]
        named_refs = {name: self._referred(argument) for name, argument in kwargs.items()}
        result = self._run(func, args, kwargs)
        outputs = _tensors_in([result])
        self._filled |= {_storage(tensor): tensor for tensor in filled}
        if outputs:
            call = self._noted(func, arguments, inputs, outputs, (tuple(refs), named_refs))
            self._read_out(call.name, outputs[0], call.outputs[0])
        return result

    def _noted(
        self,
        func: Any,
        arguments: Mapping[str, Any],
        inputs: Sequence[tuple[Tensor, int]],
        outputs: Sequence[Tensor],
        refs: tuple[tuple[Any, ...], Mapping[str, Any]],
    ) -> Call:
        """Write a call down, and what it made."""
        tape, numbers = self._tape, tuple(value for _, value in inputs)
        shapes = [tuple(tensor.shape) for tensor, _ in inputs]
        name = func.overloadpacket.__name__
        plain = name.rstrip("_") if func._schema.is_mutable else name
        operation = None
        if LOST not in numbers:
            varying = {id(tensor) for tensor, _ in inputs}
            seen = SeenCall(arguments, outputs[0], outputs, shapes, lambda t: _varies(t, varying))
            operation = (self._reader and self._reader(plain, seen)) or read(plain, seen)
        if any(shape[:1] != (1,) for shape in shapes) and not isinstance(operation, _ANY_FIRST):
            operation = None  # what stands first is not the picture
        befores = [
            (standard(shape) if v == LOST else tape.axes[v], shape)
            for v, shape in zip(numbers, shapes, strict=True)
        ]
        placed = [
            _placed(operation, func, plain, arguments, befores, tuple(output.shape))
            for output in outputs
        ]
        made = tuple(tape.add_value(t, axes) for t, (axes, _) in zip(outputs, placed, strict=True))
        parent = tape.parents[-1][0] if tape.parents else ""
        kind = call_kind(name)
        call = Call(
            name=tape.counted.next(f"{parent}:{kind}"),
            function=func,
            args=refs[0],
            kwargs=refs[1],
            inputs=numbers,
            outputs=made,
            operation=operation or Unknown(str(func)),
            # Beside its map, a batch norm or a pool of ours gives statistics and places.
            apart=all(apart for _, apart in (placed[:1] if operation else placed)),
        )
        tape.add_call(call, kind)
        versions = _versions_after(func, arguments, outputs)
        for tensor, value, version in zip(outputs, made, versions, strict=True):
            self._remember(tensor, value, version)
        return call

    def _read_out(self, layer: str, activation: Tensor, value: int) -> None:
        """Let read-outs of a call follow it."""
        if any(read_out.at == layer for read_out in self._tape.read_outs):
            # An in-place call's new version counts only once this handler has returned.
            copied = activation.clone()
            self._remember(copied, value, copied._version)
            with self:
                self._tape.read_out(layer, copied, self.value_of)

    def _referred(self, argument: Any) -> Any:
        """Give an argument as it is kept: a value by its number, what the pass writes by a copy."""
        if isinstance(argument, list | tuple):
            return [self._referred(part) for part in argument]
        value = self.value_of(argument)
        if value is not None:
            return ValueRef(value)
        own = isinstance(argument, Tensor) and _storage(argument) in self._own
        return argument.clone() if own else argument

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
    operation: Operation | None,
    func: Any,
    name: str,
    arguments: Mapping[str, Any],
    befores: Sequence[tuple[Axes | None, Shape]],
    after: Shape,
) -> tuple[Axes | None, bool]:
    """Give what an output's dimensions stand for, and whether positions are treated apart."""
    if operation is None:
        return after_unknown(name, arguments, is_pointwise(func), befores, after)
    if isinstance(operation, LocalResponseNorm):
        return after_map(befores[:1], after)
    if isinstance(operation, Linear):
        return after_matrix(*befores[0], after)
    if isinstance(operation, Pointwise) and not isinstance(operation, Concatenation):
        return after_pointwise(befores, after)
    return after_map(befores, after)


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


def _varies(argument: Any, varying: set[int]) -> bool:
    return isinstance(argument, Tensor) and id(argument) in varying


def _versions_after(
    func: Any, arguments: Mapping[str, Any], outputs: Sequence[Tensor]
) -> list[int]:
    """Give the versions that outputs will have once the handler has returned.

    Only then does torch count what an in-place call wrote, and let a view share its base's version.
    """
    schema = func._schema
    returned = [made.alias_info for made in schema.returns if made.alias_info is not None]
    if any(alias.is_write for alias in returned):
        return [output._version + 1 for output in outputs]
    viewed = [arguments[a.name] for a in schema.arguments if _is_viewed(a)]
    base = viewed[0] if viewed and isinstance(viewed[0], Tensor) else None
    return [output._version if base is None else base._version for output in outputs]


def _is_viewed(argument: Any) -> bool:
    return argument.alias_info is not None and not argument.alias_info.is_write
