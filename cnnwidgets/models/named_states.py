"""What a user gives as checkpoints: a list, a mapping or a folder, as states with names."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from cnnwidgets.models.states import State, bare_state, read_state

ENDINGS = (".safetensors", ".pt", ".pth", ".ckpt")

States = (
    Sequence[Mapping[str, Any] | str | os.PathLike[str]]
    | Mapping[str, Mapping[str, Any] | str | os.PathLike[str]]
    | str
    | os.PathLike[str]
)


@dataclass(frozen=True, eq=False)
class NamedState:
    """A checkpoint's name, and its state or the file that holds it."""

    name: str
    content: State | Path
    trust: bool = False

    @property
    def called(self) -> str:
        """What it is called in a sentence."""
        return self.name if self.name.startswith("checkpoint ") else f"checkpoint {self.name!r}"

    def read(self) -> State:
        """Give the tensors by name."""
        if isinstance(self.content, Path):
            return read_state(self.content, trust=self.trust)
        return self.content


def named_states(states: States, *, trust: bool = False) -> list[NamedState]:
    """Give states with their names; files are not read yet (with `trust`, whatever they run)."""
    return [_named(name, content, trust) for name, content in _listed(states)]


def in_code(states: States) -> str | None:
    """Give files and folders as they stand in a script, None for states in memory."""
    if isinstance(states, str | os.PathLike):
        return repr(os.fspath(states))
    if isinstance(states, Sequence) and all(isinstance(s, str | os.PathLike) for s in states):
        return repr([os.fspath(state) for state in states])  # type: ignore[arg-type]
    return None


def _listed(states: States) -> list[tuple[str, Any]]:
    """Give names and contents: of a folder its files."""
    if isinstance(states, str | os.PathLike):
        path = Path(states).expanduser()
        if not path.is_dir():
            return _by_file([path])
        files = [f for f in path.iterdir() if f.suffix.lower() in ENDINGS and f.name[0] != "."]
        if not files:
            raise ValueError(f"no checkpoints in '{path}': {', '.join(ENDINGS)} files are read")
        return _by_file(sorted(files, key=lambda file: (_natural(file.stem), file.suffix)))
    if isinstance(states, Mapping):
        if any(isinstance(value, torch.Tensor) for value in states.values()):
            raise TypeError(
                "states must be several state dicts, got one; put it into a list: [state]"
            )
        return [(str(name), content) for name, content in states.items()]
    if not isinstance(states, Sequence):
        raise TypeError(
            "states must be a list of state dicts or files, a mapping of names to them, or a "
            f"folder, got {type(states).__name__}"
        )
    if states and all(isinstance(state, str | os.PathLike) for state in states):
        return _by_file([Path(state) for state in states])  # type: ignore[arg-type]
    return [(f"checkpoint {number}", content) for number, content in enumerate(states)]


def _by_file(files: Sequence[Path]) -> list[tuple[str, Any]]:
    """Name files by as little of their path as tells them apart."""
    for name_of in (lambda f: f.stem, lambda f: f.name, lambda f: f.as_posix()):
        names = [name_of(file) for file in files]
        if max(Counter(names).values(), default=1) == 1:
            break
    return list(zip(names, files, strict=True))


def _named(name: str, content: Any, trust: bool) -> NamedState:
    state = NamedState(name, content)
    if isinstance(content, Mapping):
        return NamedState(name, bare_state(content, state.called))
    if not isinstance(content, str | os.PathLike):
        raise TypeError(
            f"{state.called} must be a state dict or a file, got {type(content).__name__}"
        )
    path = Path(content).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"there is no file '{path}' to take {state.called} from")
    if path.suffix.lower() not in ENDINGS:
        raise ValueError(f"'{path.name}' is no checkpoint: {', '.join(ENDINGS)} files are read")
    return NamedState(name, path, trust)


def _natural(name: str) -> list[tuple[int, int, str]]:
    """Sorting key by which epoch2 stands before epoch10."""
    parts = re.findall(r"[0-9]+|[^0-9]+", name.casefold())
    return [(0, int(part), "") if part[0] in "0123456789" else (1, 0, part) for part in parts]
