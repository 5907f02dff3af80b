"""State dicts: taken out of what training scripts wrap around them, and put into copies."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from cnnwidgets.graph import Twin, closest_name
from cnnwidgets.graph.failures import not_finite
from cnnwidgets.models.weights_file import UntrustedError, read_file

State = Mapping[str, Tensor]

_WRAPPINGS = ("state_dict", "model_state_dict", "model", "net", "network")
_COMPILED = re.compile(r"(^|\.)_orig_mod\.")  # what torch.compile puts into the names of its parts
_EXTRA = "_extra_state"  # what a module saves that is no tensor
_COUNTER = "num_batches_tracked"  # which old states lack, and which no pass in eval mode reads


def read_state(path: Path, *, trust: bool = False) -> State:
    """Read a state from a file: safetensors, or torch's own with nothing in it but tensors.

    Parameters
    ----------
    trust : also read files that run code, as pickles of whole networks do.

    Raises
    ------
    ValueError
        It is broken, or reading it would run code.
    """
    try:
        content = read_file(path, trust=trust)
    except UntrustedError as error:
        raise ValueError(
            f"{error}; keep model.state_dict() alone, with torch.save or safetensors, or pass "
            "trust=True if you know who made it: what is in it is run"
        ) from error
    except ValueError as error:
        raise ValueError(f"{error}; save or fetch it again") from error
    return bare_state(content, f"'{path}'")


def bare_state(content: Any, what: str) -> State:
    """Give the tensors by name that a dict holds, or holds under one of the usual names.

    Raises
    ------
    ValueError
        It holds something else; `what` it is called is told.
    """
    state = _bare(content)
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
        if isinstance(value, np.ndarray):
            value = _from_numpy(value, f"{what} holds {name!r}")
        tensors[str(name)] = value.detach()
    return tensors


def _from_numpy(array: np.ndarray, found: str) -> Tensor:
    """Give an array as a tensor, which shares its numbers where torch can take them as they lie."""
    expected = f"{found} as {array.dtype}, where a tensor is expected; convert it first"
    if array.dtype.kind not in "biufc":
        raise ValueError(expected)
    try:
        return torch.as_tensor(np.require(array, array.dtype.newbyteorder("="), ["C", "W", "E"]))
    except TypeError as error:  # a number that torch does not have
        raise ValueError(expected) from error


def _bare(content: Any) -> Any:
    """Take off what stands around a state; of a whole network take its state."""
    seen = set[int]()  # what holds itself is no state
    while isinstance(content, Mapping) and id(content) not in seen:
        seen.add(id(content))
        inside = (content.get(name) for name in _WRAPPINGS)
        inner = next((part for part in inside if isinstance(part, Mapping | nn.Module)), None)
        content = content if inner is None else inner
    return content.state_dict() if isinstance(content, nn.Module) else content


def places_of(state: State) -> frozenset[int]:
    """Give where in memory a state's numbers lie: the same for two states that are one."""
    return frozenset(
        tensor.data_ptr()
        for tensor in state.values()
        if tensor.layout == torch.strided and not tensor.is_meta and tensor.numel()
    )


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
        given = _completed(_without_prefix(state, {name for name, *_ in slots}), slots)
        _check(given, {name: tensor for name, _, _, tensor in slots}, called, self._network)
        given = {name: _as_in(self._places[name], t, name, called) for name, t in given.items()}
        _check_finite(given, called)
        put: dict[int, Tensor] = {}
        # Not by load_state_dict: it may run hooks that hold the user's module, or swap its tensors.
        for name, part, attribute, old in slots:
            if id(old) not in put:
                new = given[name] if name in given else old.clone().to(*self._places[name])
                put[id(old)] = nn.Parameter(new, False) if isinstance(old, nn.Parameter) else new
            setattr(part, attribute, put[id(old)])
        for part in copied.modules():
            for attribute in part._non_persistent_buffers_set:
                if (buffer := part._buffers.get(attribute)) is not None:
                    part._buffers[attribute] = buffer.clone()
        return copied


Place = tuple[torch.device, torch.dtype]
Slot = tuple[str, nn.Module, str, Tensor]


def _slots(module: nn.Module) -> Iterator[Slot]:
    """Give what a state fills: its name in there, the part, its attribute, what stands there."""
    for prefix, part in module.named_modules(remove_duplicate=False):
        for attribute, tensor in [*part._parameters.items(), *part._buffers.items()]:
            if tensor is not None and attribute not in part._non_persistent_buffers_set:
                yield f"{prefix}.{attribute}".removeprefix("."), part, attribute, tensor


def _without_prefix(state: State, known: Iterable[str]) -> State:
    """Take off what a wrapper around the network put before all names, or around its parts."""
    known = set(known)
    bare = {n if n in known else _COMPILED.sub(r"\1", n): t for n, t in state.items()}
    inner = bare
    while inner and not known & inner.keys():
        prefixes = {name.partition(".")[0] for name in inner}
        if len(prefixes) > 1 or not all("." in name for name in inner):
            return bare  # no such prefix: the names are told as they are
        inner = {name.partition(".")[2]: tensor for name, tensor in inner.items()}
    return inner


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
        if got.layout != torch.strided:  # which a file can let point anywhere in memory
            raise ValueError(
                f"{called} holds {name!r} as a sparse tensor; save it dense, by .to_dense()"
            )
        if got.shape != tensor.shape:
            raise ValueError(
                f"{called} holds {name!r} as {list(got.shape)}, where {network} has "
                f"{list(tensor.shape)}"
            )
        if got.is_meta:
            raise ValueError(f"{called} holds {name!r} without its numbers (on the meta device)")
        if tensor.is_floating_point() and not got.is_floating_point():
            raise ValueError(
                f"{called} holds {name!r} as {got.dtype}, where {network} has {tensor.dtype}; "
                "convert it first"
            )


def _as_in(place: Place, given: Tensor, name: str, called: str) -> Tensor:
    """Give a tensor as the network has it; the same where it is so already."""
    brought = given.to(*place)
    narrower = brought.dtype.itemsize < given.dtype.itemsize and given.is_floating_point()
    if narrower and not torch.isfinite(brought).all() and torch.isfinite(given).all():
        raise ValueError(
            f"{called} holds numbers in {name!r} that are too large for {brought.dtype}, "
            f"got {given.dtype}; convert the network, by .to({given.dtype})"
        )
    return brought


def _check_finite(state: State, called: str) -> None:
    if broken := not_finite(state):
        (name, count), *others = broken.items()
        more = f", and more in {len(others)} of its other tensors" * bool(others)
        raise ValueError(
            f"{called} holds NaN or infinity in {name!r}; its training had come apart "
            f"({count} of {state[name].numel()} numbers{more})"
        )
