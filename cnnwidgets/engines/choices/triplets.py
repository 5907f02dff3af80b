"""Triplets and the numbers of their objects: what every engine asks of them at its door."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Array: TypeAlias = Tensor | NDArray[Any]
CHUNK = 1 << 16
"""Triplets worked on at a time, so that what is between stays small."""
MOST_OBJECTS = 2_000_000
"""The codes of triplets of so many objects still fit into 63 bits."""


def tensor(values: Array) -> Tensor:
    """Give a tensor of the same numbers; only a read-only array is copied."""
    if isinstance(values, np.ndarray) and not values.flags.writeable:
        values = values.copy()  # torch warns about one, as it cannot hold a tensor to reading
    return torch.as_tensor(values)


def as_triplets(triplets: Array, objects: int | None = None) -> Tensor:
    """Give triplets as an integer tensor [M, 3] that holds three different objects a row.

    Raises
    ------
    ValueError
        There are none, the shape is another, numbers are no integers or out of 0..objects - 1, or
        a row holds an object twice.
    """
    found = tensor(triplets)
    if found.ndim != 2 or found.shape[1] != 3 or not len(found):
        raise ValueError(
            "triplets are rows of three object numbers, at least one row; got an array of shape"
            f" {list(found.shape)}"
        )
    if found.is_floating_point() or found.is_complex() or found.dtype == torch.bool:
        raise ValueError(f"triplets are integers, got {found.dtype}: convert them first")
    low, high = int(found.min()), int(found.max())
    end = MOST_OBJECTS if objects is None else objects
    if low < 0 or high >= end:
        raise ValueError(
            f"triplets number {end} objects from 0 to {end - 1}, got {low} to {high}: numbers of"
            " another set, or counted from 1"
        )
    a, b, c = found.unbind(1)
    twice = int(((a == b) | (a == c) | (b == c)).sum())
    if twice:
        raise ValueError(
            f"a triplet is three different objects, but {twice} of {len(found)} rows hold one twice"
        )
    return found


def as_embedding(embedding: Array, name: str = "embedding") -> Tensor:
    """Give an embedding as a floating tensor [n, D] of finite numbers, in its own precision.

    Raises
    ------
    ValueError
        It has another shape, or numbers that are NaN or infinite.
    """
    found = tensor(embedding).detach()
    if found.ndim != 2 or not found.numel():
        raise ValueError(
            f"the {name} is a matrix, one row an object, got an array of shape {list(found.shape)}"
        )
    if not found.is_floating_point():
        found = found.double()
    elif found.dtype not in (torch.float32, torch.float64):
        found = found.float()  # sums in half precision would tie
    bad = _not_finite(found)
    if bad:
        raise ValueError(
            f"{bad} of {len(found)} rows of the {name} hold NaN or infinity: leave these objects"
            " out, and their triplets"
        )
    return found


def as_logits(logits: Array, name: str = "logits") -> Tensor:
    """Give numbers [M, 3], one for each column of a triplet, as a floating tensor without NaN.

    Raises
    ------
    ValueError
        There are none, they have another shape, or NaN or infinity is among them.
    """
    found = tensor(logits).detach()
    if found.ndim != 2 or found.shape[1] != 3 or not len(found):
        raise ValueError(
            f"{name} are rows of three numbers, at least one row; got an array of shape"
            f" {list(found.shape)}"
        )
    if not found.is_floating_point():
        found = found.double()
    bad = _not_finite(found)
    if bad:
        raise ValueError(f"{bad} of {len(found)} rows of {name} hold NaN or infinity")
    return found


def _not_finite(matrix: Tensor) -> int:
    """Count the rows that hold NaN or infinity."""
    if bool(matrix.sum().isfinite()):  # at once, as a rule: this is asked at every click
        return 0
    return int((~matrix.isfinite()).any(1).sum())


def as_columns(odd: int | Array, count: int) -> int | Tensor:
    """Give the column of the odd one: an int for all rows, or int64 [count].

    Raises
    ------
    ValueError
        It is none of 0, 1 and 2, or there is not one for each row.
    """
    columns = torch.as_tensor(odd) if isinstance(odd, int) else tensor(odd).long()
    if columns.ndim and columns.shape != (count,):
        raise ValueError(
            f"odd is one column or one for each of {count} triplets, got {list(columns.shape)}"
        )
    if int(columns.min()) < 0 or int(columns.max()) > 2:
        raise ValueError("the odd one is in column 0, 1 or 2 of its triplet")
    return columns if columns.ndim else int(columns)


def as_temperature(temperature: float) -> float:
    """Give a temperature that can divide.

    Raises
    ------
    ValueError
        It is not above 0, or not finite.
    """
    if not 0 < temperature < float("inf"):
        raise ValueError(f"a temperature is above 0 and finite, got {temperature}")
    return temperature


def rows(count: int, size: int = CHUNK) -> Iterator[slice]:
    """Give the slices that cover `count` rows, `size` at a time."""
    return (slice(start, min(start + size, count)) for start in range(0, count, size))


def codes(triplets: Tensor, objects: int) -> Tensor:
    """Give int64 [M]: one number for each set of three objects, whatever their order."""
    low, middle, high = triplets.long().sort(1).values.unbind(1)
    return (low * objects + middle) * objects + high
