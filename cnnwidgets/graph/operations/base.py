"""The shape of an operation, and how one is read off a call that was seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

import torch
from torch import Tensor

from cnnwidgets.graph.fields import Field
from cnnwidgets.graph.prepared import PreparedWeights
from cnnwidgets.graph.rules import Rule
from cnnwidgets.graph.windows import Shape, Windows


class Operation(Protocol):
    """One call's part in the geometry and in the reverse walk."""

    def field(self, fields: Sequence[Field], shapes: Sequence[Shape]) -> Field:
        """Give the field of the output, from those (and the shapes) of the inputs."""
        ...

    def reverse(
        self, windows: Windows, shapes: Sequence[Shape], rule: Rule, weights: PreparedWeights
    ) -> Sequence[Windows | None]:
        """Send windows of the output back to each input, whose shapes are given; None: nothing."""
        ...


class Pointwise:
    """Base of operations that leave every position where it is."""

    def field(self, fields: Sequence[Field], shapes: Sequence[Shape]) -> Field:
        """Join the inputs' fields."""
        return join(fields)


@dataclass(frozen=True)
class Unknown:
    """A call without a reversal of ours: the reverse walk takes autograd's, where a rule allows.

    `call` is what it is, for a sentence: "aten.gelu.default".
    """

    call: str

    def field(self, fields: Sequence[Field], shapes: Sequence[Shape]) -> Field:
        """Join the fields: for the recorder found that positions are treated one by one."""
        return join(fields)

    def reverse(
        self, windows: Windows, shapes: Sequence[Shape], rule: Rule, weights: PreparedWeights
    ) -> list[Windows | None]:
        """Never asked: the walk itself sees to such calls (see `fallback`)."""
        raise NotImplementedError(self.call)


@dataclass(frozen=True)
class SeenCall:
    """One ATen call as it was seen: its arguments by name, and what came out."""

    arguments: Mapping[str, Any]
    output: Tensor
    outputs: Sequence[Tensor]
    shapes: Sequence[Shape]
    varies: Callable[[Any], bool]

    def pair(self, name: str) -> tuple[int, int]:
        """Give an argument that torch may write as one number or two."""
        value = list(self.arguments[name])
        return (value[0], value[-1])


# Calls that treat every number alone, though ATen does not say so.
_POINTWISE = {"hardswish", "_prelu_kernel", "log_sigmoid_forward"}


def is_pointwise(func: torch._ops.OpOverload[Any, Any]) -> bool:
    """Tell whether an ATen function treats every number alone."""
    name = func.overloadpacket.__name__.removesuffix("_")
    return torch.Tag.pointwise in func.tags or name in _POINTWISE


Reader = Callable[[SeenCall], "Operation | None"]
_READERS: dict[str, Reader] = {}


def reads(*names: str) -> Callable[[Reader], Reader]:
    """Mark a function that reads an operation off the ATen calls of these names."""

    def register(reader: Reader) -> Reader:
        _READERS.update(dict.fromkeys(names, reader))
        return reader

    return register


def read(name: str, call: SeenCall) -> Operation | None:
    """Give the operation of a call, or None where there is no reversal for it as it was called."""
    reader = _READERS.get(name)
    return reader(call) if reader else None


def bind(
    func: torch._ops.OpOverload[Any, Any], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> dict[str, Any]:
    """Give a call's arguments by their names, defaults filled in."""
    names, defaults = _signature(func)
    return {**defaults, **dict(zip(names, args, strict=False)), **kwargs}


@cache
def _signature(func: torch._ops.OpOverload[Any, Any]) -> tuple[tuple[str, ...], dict[str, Any]]:
    arguments = func._schema.arguments
    defaults = {a.name: a.default_value for a in arguments if a.has_default_value()}
    return tuple(a.name for a in arguments), defaults


def precise(tensor: Tensor) -> Tensor:
    """Give numbers in float64 where the device has it (Apple's has not)."""
    return tensor.float() if tensor.device.type == "mps" else tensor.double()


def join(fields: Sequence[Field]) -> Field:
    """Give the field of a unit that sees what all these see."""
    first, *others = fields
    for other in others:
        first = first.joined(other)
    return first
