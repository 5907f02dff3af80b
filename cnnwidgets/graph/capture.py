"""One forward pass of N pictures, stopped at the last layer that is asked for."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from cnnwidgets.graph.conditions import random_state_as_found
from cnnwidgets.graph.outputs import entries
from cnnwidgets.graph.records import Record
from cnnwidgets.graph.replay import PICTURE, replay
from cnnwidgets.graph.twin import Twin


class _ReachedLastLayer(BaseException):
    """Ends a pass early; never leaves this file, and no handler of the network's shall catch it."""


def capture(
    twin: Twin, pictures: Tensor, layers: Sequence[str], record: Record
) -> dict[str, Tensor]:
    """Give the activations of layers for N pictures.

    Modules are heard by hooks on the copy, so the network's own code runs; functional calls and
    read-outs have no module to hook and are run by replaying the record's calls.

    Parameters
    ----------
    pictures : [N, C, H, W]; a gradient flows if they ask for one.
    record : of any picture of the same height and width: it knows which layers there are.

    Raises
    ------
    ValueError
        There is no such layer.
    """
    values = {name: record.value_of(name) for name in layers}
    modules = dict(twin.module.named_modules())
    hooked = {name: modules.get(name.split("#")[0]) for name in layers}
    graded = torch.is_grad_enabled() and pictures.requires_grad
    as_found = random_state_as_found(pictures.device) if record.draws else nullcontext()
    with torch.set_grad_enabled(graded), as_found:
        if any(not name or module is None for name, module in hooked.items()):
            if record.reads and pictures is not record.picture:
                return _one_by_one(twin, pictures, layers)
            results = replay(record.calls, {PICTURE: pictures}, set(values.values()))
            return {name: results[value] for name, value in values.items()}
        copied = {name for name, value in values.items() if value in record.overwritten}
        found: dict[str, Tensor] = {}
        with twin.passing() as module:
            parts = dict(module.named_modules())
            hooked = {name: parts[name.split("#")[0]] for name in layers}
            with _listening(hooked, copied, found), suppress(_ReachedLastLayer):
                module(pictures.clone() if PICTURE in record.overwritten else pictures)
    return {name: found[name] for name in layers}


def _one_by_one(twin: Twin, pictures: Tensor, layers: Sequence[str]) -> dict[str, Tensor]:
    """Record every picture anew: what a network reads out of one is not true of another."""
    from cnnwidgets.graph.recording import record  # which reads this

    if pictures.requires_grad and torch.is_grad_enabled():
        raise NotImplementedError(
            f"{twin.name} reads numbers out of the picture (as .item() does) and goes on by them, "
            f"so no gradient flows to {layers[0]!r}; ask for a module's output"
        )
    made = [record(SimpleNamespace(twin=twin), picture[None]) for picture in pictures]
    return {name: torch.cat([single.activation(name) for single in made]) for name in layers}


@contextmanager
def _listening(
    hooked: dict[str, nn.Module | None], copied: set[str], found: dict[str, Tensor]
) -> Iterator[None]:
    """Put what the hooked modules give into `found`, and end the pass when all is there."""
    thread, calls = threading.get_ident(), Counter[int]()
    names: dict[int, list[str]] = {}
    for name, module in hooked.items():
        names.setdefault(id(module), []).append(name)

    def hear(module: nn.Module, _: Any, output: Any) -> None:
        if threading.get_ident() != thread:
            return
        calls[id(module)] += 1
        for name in names[id(module)]:
            if int(name.partition("#")[2] or 1) == calls[id(module)]:
                tensor = entries(output)[""]
                found[name] = tensor.clone() if name in copied else tensor
        if len(found) == len(hooked):
            raise _ReachedLastLayer

    handles = [
        module.register_forward_hook(hear) for module in set(hooked.values()) if module is not None
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
