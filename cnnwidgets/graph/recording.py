"""Recording one forward pass as primitive calls.

A dispatch mode sees every ATen call, however the network was written: as a module, a function, a
method, in place, or one module used many times.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.weak import WeakTensorKeyDictionary

from cnnwidgets.graph.fields import Field
from cnnwidgets.graph.naming import PLUMBING, Counted, call_kind
from cnnwidgets.graph.operations import SeenCall, Unknown, read
from cnnwidgets.graph.operations.base import bind
from cnnwidgets.graph.prepared import PreparedWeights, state_of
from cnnwidgets.graph.records import Call, Layer, Record, ValueRef, field_of
from cnnwidgets.graph.replay import replay
from cnnwidgets.graph.twin import ReadOut, Twin, snapshot
from cnnwidgets.graph.windows import Shape

_ATTEMPTS = 3  # at weights that stand still, before a snapshot of them is taken


def record(model: nn.Module | Any, picture: Tensor) -> Record:
    """Run one picture through a network once and keep what questions about it need.

    The network is left as found: a structural copy in eval mode is run, which shares its weights.

    Parameters
    ----------
    model : an `nn.Module`, or anything with one as `.module` (a `VisionModel`).
    picture : [1, C, H, W], normalised as the network wants it. N pictures are N records.

    Raises
    ------
    ValueError
        The picture has another shape, or the network answers it with NaN.
    RuntimeError
        The network writes tensors where torch cannot see it.
    """
    if not isinstance(picture, Tensor) or picture.dim() != 4 or len(picture) != 1:
        got = list(picture.shape) if isinstance(picture, Tensor) else type(picture).__name__
        raise ValueError(f"picture must be a tensor [1, channels, height, width], got {got}")
    twin = getattr(model, "twin", None) or Twin(model)
    for _ in range(_ATTEMPTS):
        before = twin.state()
        made = _record(twin, twin.module, picture, follows=True)
        if twin.state() == before:
            return made
    return _record(twin, snapshot(twin.module), picture, follows=False)


def _record(twin: Twin, module: nn.Module, picture: Tensor, *, follows: bool) -> Record:
    with as_in_eval(picture.device.type):
        tape = Tape(picture.detach().clone(memory_format=torch.contiguous_format), twin.read_outs)
        fed = tape.picture.clone()  # the network may overwrite what it is given
        with _named(module, tape), Recorder(tape, fed) as recorder:
            output = _one_tensor(module(fed))
            if output is not None and (value := recorder.value_of(output)) is not None and value >= 0:
                tape.name_value("", value, type(module).__name__)
            else:
                output = None
        made = tape.finish(twin, module, output, follows)
        _check_finite(made, module)
        shape = tuple(picture.shape)
        if shape not in twin.checked:
            _check_complete(made)
            twin.checked.add(shape)
    return made


@contextmanager
def as_in_eval(device: str) -> Iterator[None]:
    """Give a pass plain conditions whatever the caller's: no grad, no inference mode, no autocast."""
    with ExitStack() as modes:
        modes.enter_context(torch.inference_mode(False))
        modes.enter_context(torch.no_grad())
        modes.enter_context(torch.autocast(device, enabled=False))
        yield


class Tape:
    """What a recording writes down while the pass runs."""

    def __init__(self, picture: Tensor, read_outs: Sequence[ReadOut] = ()) -> None:
        self.picture = picture
        self.read_outs = read_outs
        self.calls: list[Call] = []
        self.shapes: list[Shape] = [tuple(picture.shape)]
        self.makers: list[int] = [-1]
        self.constants: dict[int, tuple[Tensor, tuple[int, int]]] = {}
        self.names: dict[str, int] = {}
        self.kinds: dict[str, str] = {}
        self.listed: list[str] = []
        self.parents: list[tuple[str, bool]] = []  # (name, is a leaf module), innermost last
        self.counted = Counted()

    def add_value(self, tensor: Tensor) -> int:
        """Give a new value its number."""
        self.shapes.append(tuple(tensor.shape))
        self.makers.append(len(self.calls))
        return len(self.shapes) - 1

    def add_call(self, call: Call, kind: str) -> None:
        """Write a call down; outside leaf modules it is a layer of its own."""
        self.calls.append(call)
        self.name_value(call.name, call.outputs[0], kind)
        if kind not in PLUMBING and not (self.parents and self.parents[-1][1]):
            self.listed.append(call.name)

    def name_value(self, name: str, value: int, kind: str) -> None:
        """Let a name stand for a value."""
        self.names[name], self.kinds[name] = value, kind

    def leave(self, name: str, kind: str, value: int, *, leaf: bool, last: int | None) -> None:
        """Name a module's output; list it if it is a leaf, or not simply its last child's output."""
        self.name_value(name, value, kind)
        if leaf or value != last:
            if not leaf:  # a block stands for the call that ends it
                self.listed = [other for other in self.listed if self.names[other] != value]
            self.listed.append(name)

    def read_out(self, layer: str, activation: Tensor, value_of: Callable[[Any], int | None]) -> None:
        """Let the read-outs of a layer that was just made follow it, as layers of their own."""
        for read_out in self.read_outs:
            if read_out.at == layer:
                self.parents.append((read_out.name, True))
                answer = read_out(activation)
                self.parents.pop()
                self.name_value(read_out.name, value_of(answer) or 0, "ReadOut")
                self.listed.append(read_out.name)
                self.read_out(read_out.name, answer, value_of)

    def finish(self, twin: Twin, module: nn.Module, output: Tensor | None, follows: bool) -> Record:
        """Give the finished record."""
        fields: list[Field] = [Field.of_pixels((self.shapes[0][2], self.shapes[0][3]))]
        for call in self.calls:
            fields += [field_of(call, fields, self.shapes)] * len(call.outputs)
        values = {name: value for name, value in self.names.items()}
        layers = {
            name: Layer(name, self.kinds[name], self.shapes[values[name]][1:], fields[values[name]])
            for name in self.listed
        }
        return Record(
            picture=self.picture,
            output=output,
            calls=tuple(self.calls),
            layers=layers,
            shapes=self.shapes,
            makers=self.makers,
            values=values,
            kinds=self.kinds,
            value_fields=fields,
            twin=twin,
            module=module,
            weights=twin.weights if follows else PreparedWeights(),
            constants=list(self.constants.values()),
            follows=follows,
        )


class Recorder(TorchDispatchMode):
    """Writes every primitive call that depends on the picture to a tape."""

    def __init__(self, tape: Tape, fed: Tensor) -> None:
        super().__init__()
        self._tape = tape
        self._values: WeakTensorKeyDictionary = WeakTensorKeyDictionary()
        self._remember(fed, 0)

    def value_of(self, tensor: Any) -> int | None:
        """Give a tensor's value; None: it does not depend on the picture; -1: an alias was written."""
        found = self._values.get(tensor) if isinstance(tensor, Tensor) else None
        if found is None:
            return None
        value, version = found
        return int(value) if tensor._version == version else -1

    def _remember(self, tensor: Tensor, value: int, writes: int = 0) -> None:
        self._values[tensor] = (value, tensor._version + writes)

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        tensors = [a for a in _flat([args, list(kwargs.values())]) if isinstance(a, Tensor)]
        inputs = [(t, v) for t in tensors if (v := self.value_of(t)) is not None]
        if not inputs:
            return func(*args, **kwargs)
        shapes = [tuple(t.shape) for t, _ in inputs]
        refs = [_referred(argument, self.value_of) for argument in args]
        named_refs = {name: _referred(argument, self.value_of) for name, argument in kwargs.items()}
        varying = {id(t) for t, _ in inputs}
        arguments = bind(func, args, kwargs)
        with _rng_as_found(func):
            result = func(*args, **kwargs)
        outputs = [part for part in _flat([result]) if isinstance(part, Tensor)]
        if not outputs:
            return result
        seen = SeenCall(arguments, outputs[0], outputs, shapes, lambda t: _varies(t, varying))
        numbers = tuple(value for _, value in inputs)
        name = func.overloadpacket.__name__
        kind = call_kind(name)
        operation = None if -1 in numbers else read(name.rstrip("_") if func._schema.is_mutable else name, seen)
        if operation is None:
            operation = Unknown(_reason(func, -1 in numbers), torch.Tag.pointwise in func.tags)
        tape = self._tape
        for tensor in tensors:
            if id(tensor) not in varying:
                tape.constants.setdefault(id(tensor), (tensor, state_of(tensor)))
        parent = tape.parents[-1][0] if tape.parents else ""
        made = tuple(tape.add_value(tensor) for tensor in outputs)
        call_name = tape.counted.next(f"{parent}:{kind}")
        tape.add_call(Call(call_name, func, tuple(refs), named_refs, numbers, made, operation), kind)
        for tensor, value in zip(outputs, made, strict=True):
            self._remember(tensor, value, int(func._schema.is_mutable))
        if any(read_out.at == call_name for read_out in tape.read_outs):
            # An in-place call's new version counts only once this handler has returned.
            copied = outputs[0].clone()
            self._remember(copied, made[0])
            with self:
                tape.read_out(call_name, copied, self.value_of)
        return result


@contextmanager
def _named(module: nn.Module, tape: Tape) -> Iterator[None]:
    """Keep the tape told which module is running, in this thread."""
    thread, handles = threading.get_ident(), []
    last_child: list[int | None] = [None]

    def enter(part: nn.Module, name: str, leaf: bool) -> None:
        if threading.get_ident() == thread:
            tape.parents.append((tape.counted.next(name) if name else "", leaf))
            last_child.append(None)

    def leave(part: nn.Module, leaf: bool, output: Any) -> None:
        if threading.get_ident() != thread:
            return
        name, _ = tape.parents.pop()
        last = last_child.pop()
        recorder = torch.utils._python_dispatch._get_current_dispatch_mode()
        tensor = _one_tensor(output)
        value = recorder.value_of(tensor) if isinstance(recorder, Recorder) and tensor is not None else None
        last_child[-1] = value
        if value is not None and value >= 0 and name:
            tape.leave(name, type(part).__name__, value, leaf=leaf, last=last)
            if tape.read_outs and tensor is not None and isinstance(recorder, Recorder):
                tape.read_out(name, tensor, recorder.value_of)

    def attach(name: str, part: nn.Module) -> None:
        leaf = not any(part.children())
        before = part.register_forward_pre_hook(lambda p, _: enter(p, name, leaf))
        after = part.register_forward_hook(lambda p, _, output: leave(p, leaf, output))
        handles.extend((before, after))

    try:
        for name, part in module.named_modules():
            attach(name, part)
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def _rng_as_found(func: Any) -> Iterator[None]:
    """Let a call that draws random numbers leave the generators as they were."""
    with ExitStack() as stack:
        if torch.Tag.nondeterministic_seeded in func.tags:
            stack.enter_context(torch.random.fork_rng())
        yield


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


def _one_tensor(output: Any) -> Tensor | None:
    if isinstance(output, list | tuple) and len(output) == 1:
        output = output[0]
    return output if isinstance(output, Tensor) else None


def _reason(func: Any, overwritten: bool) -> str:
    return f"{func}, which reads a tensor that was overwritten through a view" if overwritten else str(func)


def _check_finite(made: Record, module: nn.Module) -> None:
    if made.output is None or bool(torch.isfinite(made.output).all()):
        return
    broken = [name for name, tensor in module.state_dict().items() if not bool(torch.isfinite(tensor).all())]
    cause = f"its {broken[0]!r} holds NaN or infinity" if broken else "a layer overflows on it"
    raise ValueError(f"{made.model_name} answers this picture with NaN or infinity: {cause}")


def _check_complete(made: Record) -> None:
    """Replay the record once: writes that torch could not see (.numpy(), .data) show here."""
    if made.output is None or any(-1 in call.inputs for call in made.calls):
        return
    value = made.values[""]
    if torch.Tag.nondeterministic_seeded in {tag for call in made.calls for tag in call.function.tags}:
        return
    again = replay(made.calls, {0: made.picture}, [value])[value]
    if not torch.allclose(again, made.output, rtol=1e-4, atol=1e-5 * float(made.output.abs().max() + 1e-30)):
        raise RuntimeError(
            f"{made.model_name} changes tensors where torch cannot see it (through .numpy() or .data), so its "
            "calls cannot be walked back; write the change as a torch call"
        )
