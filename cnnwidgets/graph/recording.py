"""Recording one forward pass as primitive calls.

A copy of the network runs under a dispatch mode that writes the calls down, and hooks on the copy
tell which module each call belongs to.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from cnnwidgets.graph.conditions import plain_conditions
from cnnwidgets.graph.failures import check_finite, check_number_type, failure
from cnnwidgets.graph.outputs import chosen_entry, entries
from cnnwidgets.graph.recorder import Recorder, WritesItsOwn
from cnnwidgets.graph.records import LOST, Record
from cnnwidgets.graph.replay import PICTURE, replay
from cnnwidgets.graph.tape import Tape
from cnnwidgets.graph.twin import Twin
from cnnwidgets.graph.whole_functions import SeesWholeFunctions

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
    if not picture.is_floating_point():
        raise ValueError(
            f"picture must be normalised floating point numbers, got {picture.dtype}; "
            "see preprocess"
        )
    found = getattr(model, "twin", None)
    twin = found if isinstance(found, Twin) else Twin(model)
    for _ in range(_ATTEMPTS):
        made = _record(twin, picture)
        if made.state[0] is twin.built and twin.written() == made.state[1:]:
            break
    else:
        made = _record(twin.snapshot(), picture)
    if picture.shape not in made.twin.checked:
        _check_complete(made)
        made.twin.checked.add(tuple(picture.shape))
    return made


def _record(twin: Twin, picture: Tensor) -> Record:
    while True:
        state = twin.state()
        check_number_type(twin.name, twin.original, picture)
        try:
            with plain_conditions(picture.device):
                return _one_pass(twin, state, picture)
        except WritesItsOwn:  # and has its own copy now: once more
            continue


def _one_pass(twin: Twin, state: tuple[Any, ...], picture: Tensor) -> Record:
    with twin.passing() as module:
        return _written_down(twin, state, picture, module)


def _written_down(twin: Twin, state: tuple[Any, ...], picture: Tensor, module: nn.Module) -> Record:
    tape = Tape(picture.detach().clone(), twin.read_outs)
    fed = tape.picture.clone()  # the network may overwrite what it is given
    recorder = Recorder(tape, fed, twin, module)
    with _named(module, tape, recorder), recorder:
        with SeesWholeFunctions(recorder):
            given = _run(module, fed, twin.name, tape)
        answer, output = chosen_entry(given, twin.answer, twin.name)
        value = recorder.value_of(output)
        if output is not None and value is not None and value != LOST:
            tape.name_value("", value, type(module).__name__)
            tape.read_out("", output, recorder.value_of)
        else:
            output = None
    made = tape.finish(twin, state, output, answer)
    check_finite(made.model_name, made.output, made.picture, module)
    return made


def _run(module: nn.Module, fed: Tensor, network: str, tape: Tape) -> Any:
    try:
        return module(fed)
    except (MemoryError, torch.OutOfMemoryError):
        raise  # they are met elsewhere
    except Exception as error:
        where = tape.failed[1] if tape.failed[0] is error else ""
        raise failure(error, network, where, tape.picture) from error


@contextmanager
def _named(module: nn.Module, tape: Tape, recorder: Recorder) -> Iterator[None]:
    """Keep the tape told which module is running, in this thread."""
    thread, handles = threading.get_ident(), list[RemovableHandle]()
    last_child: list[int | None] = [None]
    # The parts that run, and what somebody had caught when each began.
    running: list[tuple[nn.Module, BaseException | None]] = []

    def enter(part: nn.Module, name: str, leaf: bool) -> None:
        if threading.get_ident() == thread:
            tape.parents.append((tape.counted.next(name) if name else "", leaf))
            last_child.append(None)
            running.append((part, sys.exception()))

    def leave(part: nn.Module, leaf: bool, output: Any) -> None:
        if threading.get_ident() != thread or not running or running[-1][0] is not part:
            return  # another hook failed before it began
        name, _ = tape.parents.pop()
        error, before = sys.exception(), running.pop()[1]
        if error is not before and error is not tape.failed[0]:
            tape.failed = (error, name)
        last = last_child.pop()
        if not name:
            return
        given = {
            entry: (tensor, value)
            for entry, tensor in entries(output).items()
            if (value := recorder.value_of(tensor)) is not None and value != LOST
        }
        if "" in given:
            tensor, value = given[""]
            last_child[-1] = value
            tape.leave(name, type(part).__name__, value, leaf=leaf, last=last)
            tape.read_out(name, tensor, recorder.value_of)
            return
        last_child[-1] = None
        for entry, (_, value) in given.items():
            tape.list_entry(f"{name}[{entry}]", value)

    def attach(name: str, part: nn.Module) -> None:
        leaf = bool(name) and not any(part.children())  # a network of functions only has layers
        before = part.register_forward_pre_hook(lambda p, _: enter(p, name, leaf))
        # Also where a part fails: the network may catch that and go on.
        after = part.register_forward_hook(
            lambda p, _, output: leave(p, leaf, output), always_call=True
        )
        handles.extend((before, after))

    try:
        for name, part in module.named_modules():
            attach(name, part)
        yield
    finally:
        for handle in handles:
            handle.remove()


def _check_complete(made: Record) -> None:
    """Replay the record once: writes that torch could not see (.numpy(), .data) show here."""
    if made.output is None or any(LOST in call.inputs for call in made.calls):
        return
    value = made.values[""]
    if made.draws:
        return
    with plain_conditions(made.picture.device):
        again = replay(made.calls, {PICTURE: made.picture}, [value])[value]
    largest = float(made.output.abs().max()) if made.output.numel() else 0.0
    close = torch.allclose(again, made.output, rtol=1e-4, atol=1e-5 * largest + 1e-30)
    if not close and made.is_current():
        raise RuntimeError(
            f"{made.model_name} changes tensors where torch cannot see it (through .numpy() or "
            ".data), so its calls cannot be walked back; write the change as a torch call"
        )
