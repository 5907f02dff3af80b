"""What the dimensions of a value stand for, followed through calls that only lay it out anew.

Networks lay maps out as [1, H, W, C] or split their channels into groups, and back. Followed
through that, a value keeps its units' fields, and one knows whether its dimensions are channels,
rows and columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

Atom = tuple[str, int]  # ("batch" | "channel" | "row" | "column", size)
Axes = tuple[
    tuple[Atom, ...], ...
]  # for each dimension, what is laid out along it, outermost first
Shape = tuple[int, ...]


def standard(shape: Shape) -> Axes | None:
    """Give the axes of a map [1, C, H, W] or a vector [1, F]; None for other numbers of axes."""
    names = {4: ("batch", "channel", "row", "column"), 2: ("batch", "channel")}.get(len(shape))
    return (
        tuple(((name, size),) for name, size in zip(names, shape, strict=True)) if names else None
    )


def after_unknown(
    name: str,
    arguments: Mapping[str, Any],
    pointwise: bool,
    befores: Sequence[tuple[Axes | None, Shape]],
    after: Shape,
) -> tuple[Axes | None, bool]:
    """Give the axes after a call without a reversal of ours, and whether positions stay in place.

    Parameters
    ----------
    befores : axes and shape of every input that depends on the picture; `after` : the output's
        shape.
    """
    first, shape = befores[0]
    if pointwise:
        same = [axes for axes, taken in befores if taken == after]
        return (same[0] if same else None), len(same) == len(befores)
    followed = follow(name, arguments, first, shape, after) if first and len(befores) == 1 else None
    if followed is not None:
        return followed, True
    maps = all(axes is not None and is_map(axes, taken) for axes, taken in befores)
    # Resampled, normalised over positions, turned over: still a map, but who sees what?
    return (standard(after) if maps or len(after) == 2 else None), False


def after_known(before: Axes | None, shape: Shape, after: Shape, *, pointwise: bool) -> Axes | None:
    """Give the axes after a call with a reversal of ours: these take and make maps and vectors."""
    if pointwise and shape == after:
        return before
    if before is not None and len(shape) == len(after) == 2:  # the rows of a matrix stay
        return before[0], (("channel", after[1]),)
    return standard(after)


def follow(
    name: str, arguments: Mapping[str, Any], before: Axes, shape: Shape, after: Shape
) -> Axes | None:
    """Give the axes after a call that treats every position alone; None: it does not, or who knows.

    Parameters
    ----------
    name, arguments : of the ATen call.
    before, shape : the axes and the shape of the value it takes; `after` : the shape it gives.
    """
    if name in ("permute", "transpose", "t"):
        return tuple(before[i] for i in _order(name, arguments, len(shape)))
    if name in ("view", "_unsafe_view", "reshape", "flatten", "unflatten", "squeeze", "unsqueeze"):
        return _laid_out(before, after)
    if name in ("native_layer_norm", "_softmax", "_log_softmax"):
        count = len(arguments.get("normalized_shape", ()))
        touched = range(len(shape) - count, len(shape)) if count else [arguments["dim"]]
        return before if all(map(_of_channels, (before[i] for i in touched))) else None
    if name in ("split", "split_with_sizes", "slice") and len(shape) == len(after):
        dim = arguments["dim"] % len(shape)
        return _resized(before, dim, after) if _of_channels(before[dim]) else None
    if name in ("channel_shuffle", "native_channel_shuffle"):
        return before if is_map(before, shape) else None
    if name in ("mm", "addmm") and _of_channels(before[-1]):
        return _resized(before, len(shape) - 1, after)
    return None


def _order(name: str, arguments: Mapping[str, Any], count: int) -> list[int]:
    if name == "permute":
        return [dim % count for dim in arguments["dims"]]
    one, other = (0, 1) if name == "t" else (arguments["dim0"] % count, arguments["dim1"] % count)
    order = list(range(count))
    order[one], order[other] = other, one
    return order


def _of_channels(atoms: Sequence[Atom]) -> bool:
    return all(name == "channel" or size == 1 for name, size in atoms)


def _resized(before: Axes, dim: int, after: Shape) -> Axes:
    return (*before[:dim], (("channel", after[dim]),), *before[dim + 1 :])


def _laid_out(before: Axes, after: Shape) -> Axes | None:
    """Deal the atoms out to new dimensions in their order; only channels may be split."""
    atoms = [atom for axis in before for atom in axis if atom[1] > 1]
    axes: list[tuple[Atom, ...]] = []
    for size in after:
        taken: list[Atom] = []
        while prod(length for _, length in taken) < size:
            if not atoms:
                return None
            missing = size // prod(length for _, length in taken)
            name, length = atoms.pop(0)
            if length > missing:
                if name != "channel" or length % missing:
                    return None
                atoms.insert(0, (name, length // missing))
                length = missing
            taken.append((name, length))
        if prod(length for _, length in taken) != size:
            return None
        axes.append(tuple(taken))
    return None if atoms else tuple(axes)


def is_map(axes: Axes, shape: Shape) -> bool:
    """Tell whether these are the axes of a map [1, C, H, W] or of a vector [1, F]."""
    wanted = standard(shape)
    if wanted is None or shape[0] != 1:
        return False
    if len(shape) == 2:
        return True
    return [_names(axis) for axis in _without_ones(axes)] == [
        _names(axis) for axis in _without_ones(wanted)
    ]


def _without_ones(axes: Axes) -> list[tuple[Atom, ...]]:
    return [tuple(atom for atom in axis if atom[1] > 1) for axis in axes]


def _names(axis: Sequence[Atom]) -> set[str]:
    return {name for name, _ in axis}
