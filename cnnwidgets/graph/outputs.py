"""What a module gives: one tensor, or several in tuples and dictionaries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from torch import Tensor


def entries(output: Any) -> dict[str, Tensor]:
    """Give the tensors of an output by name: "" if it is one, "out", "0", or "features.0"."""
    if isinstance(output, Tensor):
        return {"": output}
    found = {}
    for name, part in _parts(output).items():
        for inner, tensor in entries(part).items():
            found[f"{name}.{inner}" if inner else name] = tensor
    return {"": next(iter(found.values()))} if len(found) == 1 else found


def chosen_entry(output: Any, answer: str | None, model: str) -> tuple[str, Tensor | None]:
    """Give the name and the tensor of the entry that is meant: the first, unless one is named.

    Raises
    ------
    ValueError
        There is no such entry; those that there are are told.
    """
    found = entries(output)
    if answer is None or (not answer and "" in found):
        return next(iter(found.items()), ("", None))
    parts = _parts(output)
    if answer in found:
        return answer, found[answer]
    if answer in parts and isinstance(parts[answer], Tensor):  # the only one, by its own name
        return answer, parts[answer]
    names = ", ".join(map(repr, found)) if "" not in found else "one tensor"
    raise ValueError(f"{model} answers with {names}; output {answer!r} is none of these")


def _parts(output: Any) -> dict[str, Any]:
    if isinstance(output, Mapping):
        return {str(name): part for name, part in output.items()}
    if isinstance(output, list | tuple):
        names = getattr(output, "_fields", map(str, range(len(output))))
        return dict(zip(names, output, strict=True))
    if is_dataclass(output):
        return {field.name: getattr(output, field.name) for field in fields(output)}
    return {}
