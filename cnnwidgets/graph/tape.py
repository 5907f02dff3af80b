"""What a recording writes down while the pass runs: the calls, and the names of their values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from cnnwidgets.graph.axes import Axes, is_map, standard
from cnnwidgets.graph.fields import Field
from cnnwidgets.graph.naming import PLUMBING, Counted
from cnnwidgets.graph.read_out import ReadOut
from cnnwidgets.graph.records import Call, Layer, Record, field_of
from cnnwidgets.graph.twin import Twin
from cnnwidgets.graph.windows import Shape


class Tape:
    """The calls of one pass, in order, and which names stand for which of their values."""

    def __init__(self, picture: Tensor, read_outs: Sequence[ReadOut] = ()) -> None:
        self.picture = picture
        self.read_outs = read_outs
        self.calls: list[Call] = []
        self.shapes: list[Shape] = [tuple(picture.shape)]
        self.dtypes: list[torch.dtype] = [picture.dtype]
        self.axes: list[Axes | None] = [standard(tuple(picture.shape))]
        self.draws = self.reads = False
        self.makers: list[int] = [-1]
        self.names: dict[str, int] = {}
        self.kinds: dict[str, str] = {}
        self.listed: list[str] = []
        self.parents: list[tuple[str, bool]] = []  # (name, is a leaf module), innermost last
        self.failed: tuple[BaseException | None, str] = (None, "")  # what, and in which module
        self.counted = Counted()

    def add_value(self, tensor: Tensor, axes: Axes | None) -> int:
        """Give a new value its number."""
        self.shapes.append(tuple(tensor.shape))
        self.dtypes.append(tensor.dtype)
        self.axes.append(axes)
        self.makers.append(len(self.calls))
        return len(self.shapes) - 1

    def add_call(self, call: Call, kind: str) -> None:
        """Write a call down; outside leaf modules it is a layer of its own."""
        self.calls.append(call)
        self.name_value(call.name, call.outputs[0], kind)
        if kind not in PLUMBING and not (self.parents and self.parents[-1][1]):
            self.listed.append(call.name)

    def list_entry(self, name: str, value: int) -> None:
        """Name one entry of what a module gives; list it unless a layer stands for it already."""
        if value not in {self.names[listed] for listed in self.listed}:
            self.listed.append(name)
        self.name_value(name, value, "entry")

    def name_value(self, name: str, value: int, kind: str) -> None:
        """Let a name stand for a value."""
        self.names[name], self.kinds[name] = value, kind

    def leave(self, name: str, kind: str, value: int, *, leaf: bool, last: int | None) -> None:
        """Name a module's output; list it if it is a leaf's, or not simply its last child's."""
        self.name_value(name, value, kind)
        if leaf or value != last:
            if not leaf:  # a block stands for the call that ends it
                ended_by = f"{name}:"
                self.listed = [
                    n for n in self.listed if self.names[n] != value or not n.startswith(ended_by)
                ]
            self.listed.append(name)

    def read_out(
        self, layer: str, activation: Tensor, value_of: Callable[[Any], int | None]
    ) -> None:
        """Let the read-outs of a layer that was just made follow it, as layers of their own."""
        for read_out in self.read_outs:
            if read_out.at == layer:
                self.parents.append((read_out.name, True))
                answer = read_out(activation)
                self.parents.pop()
                self.name_value(read_out.name, value_of(answer) or 0, "ReadOut")
                self.listed.append(read_out.name)
                self.read_out(read_out.name, answer, value_of)

    def finish(
        self, twin: Twin, state: tuple[Any, ...], output: Tensor | None, answer: str
    ) -> Record:
        """Give the finished record."""
        fields: list[Field] = [Field.of_pixels((self.shapes[0][2], self.shapes[0][3]))]
        for call in self.calls:
            fields += [field_of(call, fields, self.shapes)] * len(call.outputs)
        maps = {
            value
            for value, (axes, shape) in enumerate(zip(self.axes, self.shapes, strict=True))
            if axes is not None and is_map(axes, shape)
        }
        layers = {
            name: Layer(
                name, self.kinds[name], self.shapes[self.names[name]][1:], fields[self.names[name]]
            )
            for name in self.listed
            if self.names[name] in maps
        }
        return Record(
            picture=self.picture,
            output=output,
            calls=tuple(self.calls),
            layers=layers,
            maps=frozenset(maps),
            answer=answer,
            draws=self.draws,
            reads=self.reads,
            shapes=self.shapes,
            dtypes=self.dtypes,
            makers=self.makers,
            values=self.names,
            kinds=self.kinds,
            value_fields=fields,
            twin=twin,
            state=state,
        )
