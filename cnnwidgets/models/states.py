"""State dicts: taken out of what training scripts wrap around them, and put into copies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from cnnwidgets.graph import Twin, closest_name
from cnnwidgets.models.stored_weights import read_file

State = Mapping[str, Tensor]

_WRAPPINGS = ("state_dict", "model_state_dict", "model", "net", "network")
_PREFIXES = ("module.", "_orig_mod.")  # of DataParallel, and of a compiled network
_EXTRA = "_extra_state"  # what a module saves that is no tensor
_COUNTER = "num_batches_tracked"  # which old states lack, and which no pass in eval mode reads


def read_state(path: Path) -> State:
    """Read a state from a file: safetensors, or torch's own with nothing in it but tensors.

    Raises
    ------
    ValueError
        It is broken, or reading it would run code.
    """
    try:
        content = read_file(path)
    except ValueError as error:
        raise ValueError(
            f"{error}; keep model.state_dict() alone, with torch.save or safetensors"
        ) from error
    return unwrapped(content, f"'{path}'")


def unwrapped(content: Any, what: str) -> State:
    """Give the tensors by name that a dict holds, or holds under one of the usual names.

    Raises
    ------
    ValueError
        It holds something else; `what` it is called is told.
    """
    state = content
    while isinstance(state, Mapping):
        inner = next((state[n] for n in _WRAPPINGS if isinstance(state.get(n), Mapping)), None)
        if inner is None:
            break
        state = inner
    if not isinstance(state, Mapping):
        raise ValueError(
            f"{what} must be a dict of tensors, as model.state_dict() gives it, "
            f"got {type(state).__name__}"
        )
    tensors: dict[str, Tensor] = {}
    for name, value in state.items():
        if str(name).endswith(_EXTRA):
            continue
        if not isinstance(value, Tensor | np.ndarray):
            raise ValueError(
                f"{what} holds a {type(value).__name__} under {name!r}, where a tensor is "
                "expected; keep model.state_dict() alone"
            )
        tensors[str(name)] = torch.as_tensor(value).detach()
    return tensors


def places_of(state: State) -> frozenset[int]:
    """Give where in memory a state's numbers lie: the same for two states that are one."""
    return frozenset(tensor.data_ptr() for tensor in state.values() if tensor.numel())


class Skeleton:
    """A network's modules as they are now, to be filled with states.

    Parameters
    ----------
    module : it is never written, and may be moved or taken apart later.
    network : what it is called in an error.
    """

    def __init__(self, module: nn.Module, network: str) -> None:
        self._module, self._network = Twin(module).module, network
        self._places = {
            name: (tensor.device, tensor.dtype) for name, _, _, tensor in _slots(self._module)
        }

    def filled(self, state: State, called: str) -> nn.Module:
        """Give a copy of the modules that holds a state; tensors that fit as they are are shared.

        Device and number type are the module's. What no state holds (buffers that are not saved)
        is copied from the module.

        Parameters
        ----------
        state : tensors by the names of `state_dict()`.
        called : what the state is called in an error.

        Raises
        ------
        ValueError
            A name is missing or too many, a shape is another, or a number is not finite.
        """
        copied = Twin(self._module).module
        slots = list(_slots(copied))
        given = _completed(_without_prefix(state, slots), slots)
        _check(given, {name: tensor for name, _, _, tensor in slots}, called, self._network)
        put: dict[int, Tensor] = {}
        # Not by load_state_dict: it may run hooks that hold the user's module, or swap its tensors.
        for name, part, attribute, old in slots:
            if id(old) not in put:
                new = (given[name] if name in given else old.clone()).to(*self._places[name])
                put[id(old)] = nn.Parameter(new, False) if isinstance(old, nn.Parameter) else new
            setattr(part, attribute, put[id(old)])
        for part in copied.modules():
            for attribute in part._non_persistent_buffers_set:
                if (buffer := part._buffers.get(attribute)) is not None:
                    part._buffers[attribute] = buffer.clone()
        return copied


Slot = tuple[str, nn.Module, str, Tensor]


def _slots(module: nn.Module) -> Iterator[Slot]:
    """Give what a state fills: its name in there, the part, its attribute, what stands there."""
    for prefix, part in module.named_modules(remove_duplicate=False):
        for attribute, tensor in [*part._parameters.items(), *part._buffers.items()]:
            if tensor is not None and attribute not in part._non_persistent_buffers_set:
                yield f"{prefix}.{attribute}".removeprefix("."), part, attribute, tensor


def _without_prefix(state: State, slots: list[Slot]) -> State:
    """Take off what a wrapper around the network put before all names."""
    known = {name for name, *_ in slots}
    for prefix in _PREFIXES:
        if state and not known & state.keys() and all(n.startswith(prefix) for n in state):
            return _without_prefix({n.removeprefix(prefix): t for n, t in state.items()}, slots)
    return state


def _completed(state: State, slots: list[Slot]) -> State:
    """Let tensors that are one in the network (tied) stand for each other if only one is saved."""
    owners = {id(tensor): name for name, _, _, tensor in reversed(slots) if name in state}
    tied = {
        name: state[owners[id(tensor)]]
        for name, _, _, tensor in slots
        if name not in state and id(tensor) in owners
    }
    return {**state, **tied}


def _check(state: State, wanted: State, called: str, network: str) -> None:
    missing = [n for n in wanted if n not in state and not n.endswith(_COUNTER)]
    more = [n for n in state if n not in wanted]
    if missing:
        name = missing[0]
        instead = f" and holds {more[0]!r}, which is not in it" if more else ""
        raise ValueError(
            f"{called} lacks {name!r} {list(wanted[name].shape)} of {network}{instead}"
        )
    if more:
        near = closest_name(more[0], wanted)
        raise ValueError(f"{called} holds {more[0]!r}, which is not in {network}{near}")
    for name, tensor in wanted.items():
        got = state.get(name, tensor)
        if got.shape != tensor.shape:
            raise ValueError(
                f"{called} holds {name!r} as {list(got.shape)}, where {network} has "
                f"{list(tensor.shape)}"
            )
        if not bool(torch.isfinite(got).all()):
            raise ValueError(
                f"{called} holds NaN or infinity in {name!r}; its training had come apart"
            )
