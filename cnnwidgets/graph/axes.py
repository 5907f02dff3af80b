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
    """Give the axes after a call without a reversal of ours, and whether positions stay apart.

    Parameters
    ----------
    befores : axes and shape of every input that depends on the picture; `after` : the output's
        shape.
    """
    if pointwise:
        return after_pointwise(befores, after)
    first, shape = befores[0]
    followed = follow(name, arguments, first, shape, after) if first and len(befores) == 1 else None
    if followed is not None:
        return followed, True
    # Resampled, normalised over positions, turned over: still a map, but who sees what?
    return (standard(after) if _are_maps(befores) or len(after) == 2 else None), False


def after_pointwise(
    befores: Sequence[tuple[Axes | None, Shape]], after: Shape
) -> tuple[Axes | None, bool]:
    """Give the axes after a call that treats every number alone, and whether positions stay apart.

    Where inputs are laid out differently, other positions meet.
    """
    same = [axes for axes, shape in befores if shape == after]
    if not same or not _alike(same):
        return None, False
    return same[0], len(same) == len(befores)


def after_matrix(before: Axes | None, shape: Shape, after: Shape) -> tuple[Axes | None, bool]:
    """Give the axes after a matrix on the last dimension, and whether positions stay apart."""
    if before is None or not _of_channels(before[-1]):
        return None, False
    return _resized(before, len(shape) - 1, after), True


def after_map(
    befores: Sequence[tuple[Axes | None, Shape]], after: Shape
) -> tuple[Axes | None, bool]:
    """Give the axes after what takes maps for what they are: convolutions, pools, flattening."""
    return standard(after), _are_maps(befores)


def _are_maps(befores: Sequence[tuple[Axes | None, Shape]]) -> bool:
    return all(axes is not None and is_map(axes, shape) for axes, shape in befores)


def _alike(these: Sequence[Axes | None]) -> bool:
    """Tell whether values are known to be laid out in the same way."""
    if any(axes is None for axes in these):
        return False
    forms = [
        [(_names(axis), prod(size for _, size in axis)) for axis in _without_ones(axes)]
        for axes in these
        if axes is not None
    ]
    return all(form == forms[0] for form in forms)


def follow(
    name: str, arguments: Mapping[str, Any], before: Axes, shape: Shape, after: Shape
) -> Axes | None:
    """Give the axes after a call that treats every position alone; None: it does not, or who knows.

    Parameters
    ----------
    name, arguments : of the ATen call.
    before, shape : the axes and the shape of the value it takes; `after` : the shape it gives.
    """
    if name in ("permute", "transpose") or (name == "t" and len(shape) == 2):
        return tuple(before[i] for i in _order(name, arguments, len(shape)))
    if name in ("view", "_unsafe_view", "squeeze", "unsqueeze"):
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
    if name in ("mm", "addmm"):  # with weights that depend on the picture, or scaled
        return after_matrix(before, shape, after)[0]
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
