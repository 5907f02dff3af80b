"""A network at several moments of its training, each a network of its own."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import overload
from weakref import WeakValueDictionary

import torch
from torch import Tensor, nn

from cnnwidgets.graph import ReadOut, Record, check_weights, closest_name
from cnnwidgets.models.named_states import NamedState, States, in_code, named_states
from cnnwidgets.models.states import Skeleton, State, bare_state, places_of
from cnnwidgets.models.vision_model import VisionModel

KEPT = 4
"""Checkpoints that are held in memory beside those in use, so that one can go back and forth."""


class Checkpoints(Sequence[VisionModel]):
    """A network at several moments of its training. By `load_checkpoints`.

    ``checkpoints[3]`` and ``checkpoints["epoch3"]`` are one network, ready to be looked into, and
    ``checkpoints[::2]`` are fewer. Files are read when a network is first run; a few are kept.

    Attributes
    ----------
    model : the network; nothing is ever written into its module.
    names : one each, in order; `trust` : whether files may run code when they are read.
    source : the argument of `load_checkpoints`, as it stands in code, or None.
    device, dtype : the network's, when the checkpoints were made.
    """

    def __init__(
        self,
        model: VisionModel,
        states: Sequence[NamedState],
        source: str | None = None,
        skeleton: Skeleton | None = None,
    ) -> None:
        self.model, self.source = model, source
        self.names = tuple(state.name for state in states)
        self.trust = any(state.trust for state in states)
        self._states = tuple(states)
        self._skeleton = skeleton or Skeleton(model.module, model.name)
        self.device, self.dtype = model.device, model.dtype
        self._alive: WeakValueDictionary[int, Checkpoint] = WeakValueDictionary()
        self._last: deque[Checkpoint] = deque(maxlen=KEPT)

    def __repr__(self) -> str:
        shown = ", ".join(self.names[:3]) + ", ..." * (len(self) > 3)
        return f"Checkpoints({len(self)} of {self.model.name}: {shown})"

    def __len__(self) -> int:
        return len(self._states)

    @overload
    def __getitem__(self, key: int | str) -> VisionModel: ...
    @overload
    def __getitem__(self, key: slice) -> Checkpoints: ...
    def __getitem__(self, key: int | str | slice) -> VisionModel | Checkpoints:
        if isinstance(key, slice):
            return Checkpoints(self.model, self._states[key], self.source, self._skeleton)
        number = self._number(key)
        found = self._alive.get(number)
        if found is None:
            found = self._alive[number] = Checkpoint(self, number)
        if found in self._last:
            self._last.remove(found)
        self._last.append(found)
        return found.with_read_outs(self.model.read_outs)

    def number_of(self, model: VisionModel) -> int | None:
        """Give the number of the checkpoint that a network is, or None."""
        plain = model.plain
        return plain.number if isinstance(plain, Checkpoint) and plain.of is self else None

    def filled(self, number: int) -> nn.Module:
        """Give a new copy of the network's module that holds a state.

        Raises
        ------
        ValueError, OSError
            It cannot be read, or is none of this network.
        """
        state = self._states[number]
        return self._skeleton.filled(state.read(), state.called)

    def _number(self, key: int | str) -> int:
        if isinstance(key, str):
            if key not in self.names:
                near = closest_name(key, self.names) or "."
                raise KeyError(f"no checkpoint is named {key!r}{near}")
            return self.names.index(key)
        if not -len(self) <= key < len(self):
            raise IndexError(
                f"there are {len(self)} checkpoints, 0 to {len(self) - 1}; {key} was asked"
            )
        return range(len(self))[key]


class Checkpoint(VisionModel):
    """A network with the weights of one checkpoint, which are read when they are first needed.

    Its layers are told by the network that it is of: so it can be chosen before it is read.
    """

    def __init__(self, of: Checkpoints, number: int, read_outs: Sequence[ReadOut] = ()) -> None:
        self.of, self.number, self.checkpoint = of, number, of.names[number]
        self._like = of.model.with_read_outs(read_outs)
        self._filled: nn.Module | None = None
        super().__init__(
            of.model.module,
            input_shape=self._like.input_shape,
            mean=self._like.mean,
            std=self._like.std,
            labels=self._like.labels,
            name=f"{of.model.name} ({self.checkpoint})",
            headless=self._like.headless,
            output=self._like.twin.answer,
            read_outs=read_outs,
        )

    @property
    def module(self) -> nn.Module:
        """A copy of the network's module, with this checkpoint's weights."""
        if self._filled is None:
            plain = self.plain
            self._filled = self.of.filled(self.number) if plain is self else plain.module
        return self._filled

    @property
    def device(self) -> torch.device:
        """Where the weights are, also before they are read."""
        return self.of.device

    @property
    def dtype(self) -> torch.dtype:
        """The number type of the weights, also before they are read."""
        return self.of.dtype

    @property
    def origin(self) -> VisionModel:
        """The network that this is a checkpoint of."""
        return self._like.origin

    def _reading(self, read_outs: Sequence[ReadOut]) -> VisionModel:
        return Checkpoint(self.of, self.number, read_outs)

    def _description(self) -> Record:
        return self._like._description()


def load_checkpoints(model: VisionModel, states: States, *, trust: bool = False) -> Checkpoints:
    """Give a network at several moments of its training, to watch its features form.

    The states go into copies; the network itself is not touched and may be trained meanwhile.

    Parameters
    ----------
    model : the network, from `load_model` or `wrap_model`.
    states : a list of state dicts or of files, a mapping of names to them, or a folder, of which
        all ``.safetensors``, ``.pt``, ``.pth`` and ``.ckpt`` files are taken in natural order
        (epoch2 before epoch10). What scripts wrap around a state is taken off: a dict with the
        state under "state_dict" or "model", a prefix of all names such as "module.". Keep copies
        while training: ``{k: v.clone() for k, v in model.state_dict().items()}``.
    trust : also read files that run code of their own when they are read, as pickles of whole
        networks do. Only for files of people you know; by default they are refused.

    Returns
    -------
    Checkpoints
        Named by the mapping, or by the files; else "checkpoint 0", "checkpoint 1", ... A state
        that does not fit is told when its network is first run.

    Raises
    ------
    TypeError
        The model is no `VisionModel`, or a state no dict of tensors.
    ValueError
        There are no states, several of them are one and the same memory, or the network itself
        has no weights yet.
    FileNotFoundError, NotADirectoryError
        There is no such file or folder.
    """
    if not isinstance(model, VisionModel):
        raise TypeError(
            "model must be a VisionModel, from load_model or wrap_model, "
            f"got {type(model).__name__}"
        )
    listed = named_states(states, trust=trust)
    if not listed:
        raise ValueError("checkpoints need at least one state, got none")
    check_weights(model.name, model.module)
    own = bare_state(model.module.state_dict(), "the network's own state")
    _check_apart(listed, own)
    return Checkpoints(model, _apart_from(own, listed), in_code(states))


def _check_apart(states: Sequence[NamedState], own: State) -> None:
    """Refuse states that are one: state_dict() gives the network's own tensors, not copies."""
    by_place: dict[frozenset[int], list[str]] = {}
    for state in states:
        if not isinstance(state.content, Path):
            by_place.setdefault(places_of(state.content), []).append(state.name)
    for place, names in by_place.items():
        if place and len(names) > 1:
            shown = ", ".join(names[:3]) + ", ..." * (len(names) > 3)
            whose = " with the model's own weights" if place == places_of(own) else ""
            raise ValueError(
                f"{shown} all share memory{whose}, so they are all the same; keep copies: "
                "{k: v.clone() for k, v in model.state_dict().items()}"
            )


def _apart_from(own: State, states: Sequence[NamedState]) -> list[NamedState]:
    """Copy what is the network's own memory, once: it would go on with the training."""
    places, copies = places_of(own), dict[int, Tensor]()

    def apart(tensor: Tensor) -> Tensor:
        place = next(iter(places_of({"": tensor})), 0)
        if place in places and place not in copies:
            copies[place] = tensor.clone()
        return copies.get(place, tensor)

    return [
        state
        if isinstance(state.content, Path)
        else NamedState(state.name, {name: apart(t) for name, t in state.content.items()})
        for state in states
    ]
