"""What one forward pass leaves behind: the calls, the layers among them, signs and switches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from cnnwidgets.graph.conditions import plain_conditions
from cnnwidgets.graph.fields import Field
from cnnwidgets.graph.naming import closest_name
from cnnwidgets.graph.operations import Operation, Unknown
from cnnwidgets.graph.prepared import PreparedWeights
from cnnwidgets.graph.twin import Twin
from cnnwidgets.graph.windows import Shape

LOST = -1  # the number of a value that was overwritten through a view: nobody knows what it holds


class StaleRecordError(RuntimeError):
    """The network's weights changed after the picture was recorded."""


@dataclass(frozen=True)
class ValueRef:
    """Stands in a call's arguments for a value that depends on the picture."""

    value: int


@dataclass(frozen=True, eq=False)
class Call:
    """One primitive call of the pass.

    Attributes
    ----------
    name : "features.3:cat"; for calls inside a leaf module "features.0:conv2d".
    function : the ATen function; `args`, `kwargs` : its arguments, with a `ValueRef` for each value
        that depends on the picture.
    inputs, outputs : the values it takes and makes.
    operation : what it does, for geometry and reversal.
    apart : whether it treats positions as the operation's geometry says; else its units may see
        anything.
    """

    name: str
    function: Any
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    operation: Operation
    apart: bool


@dataclass(frozen=True)
class Layer:
    """A layer of the network at one picture size.

    Attributes
    ----------
    name : as in `Record.layers`.
    kind : the module's class or the functional call ("Conv2d", "Fire", "cat").
    shape : (channels, rows, columns) of a map, (units,) of a vector.
    field : the receptive field of its units.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    field: Field

    @property
    def units(self) -> int:
        """How many units it has: channels of a map, entries of a vector."""
        return self.shape[0]

    @property
    def spatial(self) -> bool:
        """Whether its units stand at positions of a map."""
        return len(self.shape) == 3


@dataclass(eq=False, repr=False)
class Record:
    """One picture run once through a network. Made by `record`; never written by a user.

    Attributes
    ----------
    picture : [1, C, H, W], as the network was given it.
    output : [1, ...] what the network answered (the tensor, where it answers with one).
    calls : the primitive calls, in order.
    layers : name -> `Layer` in execution order: leaf modules, functional calls, and containers
        whose output is not simply their last child's. Values that are laid out otherwise than
        [1, C, H, W] or [1, F] (tokens, channels last) have no units to point at and are left out.
    answer : which entry `output` is, where the network answers with several; else "".
    draws : whether the network draws random numbers, even in eval mode.
    reads : whether it reads numbers out of the picture (as ``.item()`` does) and goes on by them,
        so that its calls are those of this picture only.
    """

    picture: Tensor
    output: Tensor | None
    calls: tuple[Call, ...]
    layers: Mapping[str, Layer]
    maps: frozenset[int]  # the values whose axes are those of a map or a vector
    answer: str
    draws: bool
    reads: bool
    shapes: Sequence[Shape]
    dtypes: Sequence[torch.dtype]
    makers: Sequence[int]
    values: Mapping[str, int]
    kinds: Mapping[str, str]
    value_fields: Sequence[Field]
    twin: Twin
    state: tuple[Any, ...]  # of the twin, when the record was made
    _kept: dict[str, Tensor] = field(default_factory=dict)
    _inputs: dict[int, Tensor] = field(default_factory=dict)  # of calls that autograd walks back

    def __repr__(self) -> str:
        shape = " × ".join(map(str, self.picture.shape[1:]))
        return f"Record({self.model_name}, {shape}, {len(self.layers)} layers)"

    @property
    def weights(self) -> PreparedWeights:
        """The network's weights as the reverse walk needs them."""
        return self.twin.weights

    @property
    def model_name(self) -> str:
        """What the network is called."""
        return self.twin.name

    @cached_property
    def fingerprint(self) -> str:
        """16 hex digits that tell the network's weights from all others."""
        digest = self.twin.digest(self.state)
        self.check_current()
        return digest

    def is_current(self) -> bool:
        """Tell whether the network's weights and structure are still those of the record."""
        return self.twin.state() == self.state

    def check_current(self) -> None:
        """Refuse to go on with weights that have changed.

        Raises
        ------
        StaleRecordError
            The weights changed since the record was made.
        """
        if not self.is_current():
            raise self._stale()

    def _stale(self) -> StaleRecordError:
        return StaleRecordError(
            f"the weights of {self.model_name} changed after this picture was recorded; "
            "record it again"
        )

    def check_unwritten(self) -> None:
        """Refuse what was made while weights were written: to be asked after, and quick to ask.

        Raises
        ------
        StaleRecordError
            The weights changed since the record was made.
        """
        if self.twin.written() != self.state[1:]:
            raise self._stale()

    def value_of(self, layer: str) -> int:
        """Give the number of a layer's value; any module or call resolves, listed or not.

        Raises
        ------
        ValueError
            There is no such layer.
        """
        if layer not in self.values:
            near = closest_name(layer, self.values) or "."
            raise ValueError(f"layer {layer!r} is not in {self.model_name}{near}")
        return self.values[layer]

    def is_map(self, layer: str) -> bool:
        """Tell whether a layer is laid out as [1, C, H, W], or as a vector [1, F]."""
        return self.value_of(layer) in self.maps

    def layer(self, name: str) -> Layer:
        """Give a layer by its name, also one that `layers` does not list."""
        value = self.value_of(name)
        return Layer(name, self.kinds[name], self.shapes[value][1:], self.value_fields[value])

    def activation(self, layer: str) -> Tensor:
        """Give a layer's activation [1, C, h, w] (or [1, F]) for this picture.

        It is computed again from the picture, up to this layer; the layer asked last is kept.
        """
        from cnnwidgets.graph.capture import capture  # which reads records

        if layer not in self._kept:
            self.check_current()
            with plain_conditions(self.picture.device):
                found = capture(self.twin, self.picture, [layer], self)[layer]
            self.check_unwritten()
            self._kept.clear()
            self._kept[layer] = found
        return self._kept[layer]

    def inputs_of(self, call: Call) -> dict[int, Tensor]:
        """Give the values that a call without a reversal of ours took; they are kept.

        Raises
        ------
        NotImplementedError
            A call before it reads a tensor of which nobody knows what it holds.
        """
        from cnnwidgets.graph.replay import PICTURE, replay  # which reads records

        if missing := set(call.inputs) - set(self._inputs):
            # Most likely those of the other such calls are wanted next: one pass for all.
            before = self.calls[: self.calls.index(call) + 1]
            others = [c for c in before if isinstance(c.operation, Unknown)]
            wanted = missing.union(*(c.inputs for c in others if LOST not in c.inputs))
            given = {PICTURE: self.picture}
            try:
                found = replay(before, given, wanted - set(self._inputs))
            except NotImplementedError:  # not all can be had; perhaps these can
                found = replay(before, given, missing)
            self.check_unwritten()
            self._inputs |= found
        return {value: self._inputs[value] for value in call.inputs}

    @cached_property
    def overwritten(self) -> frozenset[int]:
        """The values that a later call of the pass writes over, itself or through a view."""
        found: set[int] = set()
        sharing: dict[int, list[int]] = {}  # value -> those that lie in the same memory
        for call in self.calls:
            together = sharing.setdefault(call.inputs[0], [call.inputs[0]])
            if call.function._schema.is_mutable:
                found.update(together)
            if any(returned.alias_info is not None for returned in call.function._schema.returns):
                together += call.outputs
                sharing.update(dict.fromkeys(call.outputs, together))
        return frozenset(found)

    @property
    def nbytes(self) -> int:
        """The memory of picture, output, signs, switches and what was kept of them, in bytes."""
        held = [self.picture, self.output, *self._kept.values(), *self._inputs.values()]
        for call in self.calls:
            # Weights belong to the network, not to the record.
            held += [
                getattr(call.operation, name, None)
                for name in ("active", "switches", "share", "normalised")
            ]
        return sum(tensor.nbytes for tensor in held if tensor is not None)


def field_of(call: Call, value_fields: Sequence[Field], shapes: Sequence[Shape]) -> Field:
    """Give the field of a call's output from those of its inputs."""
    if LOST in call.inputs or not call.apart:
        return Field.of_anything(value_fields[0].extent)
    return call.operation.field(
        [value_fields[v] for v in call.inputs], [shapes[v] for v in call.inputs]
    )
