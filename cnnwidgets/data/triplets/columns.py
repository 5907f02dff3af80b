"""What the columns of a table of choices mean: first object's number, order, odd one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from cnnwidgets.data.triplets.sets import TripletSet
from cnnwidgets.data.triplets.tables import Table

CLEARLY = 0.02
"""By how much the best column must fit the reference better than the second."""

_MANY_ROWS = 100_000  # in so many, an object 0 would occur
_LOOKED_AT = 100_000
_COLUMNS = {"first": 0, "second": 1, "last": 2}


@dataclass(frozen=True, eq=False)
class Known:
    """What the user says of the file; see `load_triplets`."""

    odd: Literal["auto", "first", "second", "last"] = "auto"
    base: Literal["auto", 0, 1] = "auto"
    names: Sequence[str] | None = None
    reference: np.ndarray | None = None
    order: np.ndarray | None = None

    def __post_init__(self) -> None:
        if self.odd not in ("auto", *_COLUMNS):
            raise ValueError(
                f"the odd one is the 'first', 'second' or 'last' of a row, or 'auto' finds it; not "
                f"{self.odd!r}"
            )
        if self.base not in ("auto", 0, 1):
            raise ValueError(
                f"objects are counted from 0 or 1, or 'auto' finds out; not from {self.base!r}"
            )

    @property
    def objects(self) -> int | None:
        """How many there are.

        Raises
        ------
        ValueError
            Names, reference and order are of different numbers of objects.
        """
        each = {"names": self.names, "reference": self.reference, "order": self.order}
        counts = {name: len(value) for name, value in each.items() if value is not None}
        if len(set(counts.values())) > 1:
            listed = ", ".join(f"{count} in {name}" for name, count in counts.items())
            raise ValueError(f"names, reference and order are of the same objects; here {listed}")
        return next(iter(counts.values()), None)


def interpreted(table: Table, known: Known, *, name: str) -> TripletSet:
    """Give the choices with objects from 0 and the odd one last.

    Raises
    ------
    ValueError
        There are other objects than known ones, or no column is clearly the odd one.
    """
    remarks: list[str] = []
    base = _base(table, known, remarks)
    rows = table.numbers - np.int32(base) if base else table.numbers
    highest, count = int(rows.max()), known.objects
    if int(rows.min()) < 0:
        raise ValueError(f"'{name}' holds an object 0, so its objects do not begin with 1")
    if count is not None and highest >= count:
        raise ValueError(
            f"'{name}' holds an object number {highest} counted from 0, and there are {count} "
            "objects; is it about other ones?"
        )
    if known.order is not None:
        rows = _place_of(known.order)[rows]
        remarks.append("objects were put into the wanted order")
    whole = _distinct(rows)
    if not whole.all():
        left = int((~whole).sum())
        remarks.append(f"{left} row{'s' * (left != 1)} with one object twice left out")
        if left == len(rows):
            raise ValueError(f"'{name}' holds one object twice in every row: no choices")
        rows = rows[whole]
    triplets = _odd_last(rows, table, whole, known, remarks)
    people = None if table.people is None else table.people[whole]
    names = None if known.names is None else tuple(known.names)
    said = tuple(f"'{name}': {remark}" for remark in remarks)
    objects = highest + 1 if count is None else count
    return TripletSet(triplets, objects, names, people, remarks=said)


def _base(table: Table, known: Known, remarks: list[str]) -> int:
    """Give the number of the first object."""
    if known.base != "auto":
        return int(known.base)
    lowest, highest = int(table.numbers.min()), int(table.numbers.max())
    if table.own or lowest == 0:
        return 0
    if highest == known.objects:
        told = f"the highest object is {highest} of {known.objects}"
    elif table.position is not None:  # Hebart 2020, THINGS-data
        told = "files that tell the position of the odd one do so"
    elif lowest == 1 and len(table.numbers) > _MANY_ROWS:
        told = f"no object 0 in {len(table.numbers)} rows"
    else:
        remarks.append(f"objects are taken to be counted from 0, though {lowest} is the lowest")
        return 0
    remarks.append(f"objects were counted from 1: {told}")
    return 1


def _place_of(order: np.ndarray) -> np.ndarray:
    """Give where each object of the file's order stands in the wanted one: the order's inverse."""
    order = np.asarray(order).ravel().astype(np.int64)
    order = order - order.min()
    if not np.array_equal(np.sort(order), np.arange(len(order))):
        raise ValueError(
            f"an order holds each of {len(order)} objects' numbers once, from 0 or from 1 on"
        )
    return np.argsort(order).astype(np.int32)


def _distinct(rows: np.ndarray) -> np.ndarray:
    first, second, third = rows.T
    return (first != second) & (first != third) & (second != third)


def _odd_last(
    rows: np.ndarray, table: Table, whole: np.ndarray, known: Known, remarks: list[str]
) -> np.ndarray:
    """Put the odd one into the last column; the other two keep their order."""
    if table.position is not None:
        position = table.position[whole]
        others = np.array([[1, 2, 0], [0, 2, 1], [0, 1, 2]])[position]
        return np.take_along_axis(rows, others, axis=1)
    if known.odd != "auto":
        column = _COLUMNS[known.odd]
    elif known.reference is not None:
        column = _fitting(rows, known.reference, remarks)
    else:
        column = 2
        if not table.own:
            remarks.append("the odd one is taken to be the last; a reference would tell")
    return (
        rows
        if column == 2
        else rows[:, [other for other in range(3) if other != column] + [column]]
    )


def _fitting(rows: np.ndarray, reference: np.ndarray, remarks: list[str]) -> int:
    """Give the column that is the odd one by the similarities of a reference."""
    if len(rows) > _LOOKED_AT:
        rows = rows[np.random.default_rng(0).choice(len(rows), _LOOKED_AT, replace=False)]
    likely = _likeliest(rows, reference)
    shares = np.bincount(likely, minlength=3) / len(rows)
    second, best = np.argsort(shares)[-2:]
    column = int(best)
    listed = ", ".join(f"{share:.1%}" for share in shares)
    if shares[best] - shares[second] < CLEARLY:
        raise ValueError(
            f"no column is clearly the odd one: by the reference, it is the first, second and last "
            f"in {listed} of the rows; is the file about other objects, or in another order?"
        )
    word = next(name for name, number in _COLUMNS.items() if number == column)
    remarks.append(f"the odd one is the {word}: by the reference, {listed} for the three columns")
    return column


def _likeliest(rows: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Give the column whose other two are most alike, [m]."""
    reference = np.asarray(reference, np.float64)
    if reference.ndim != 2 or not np.isfinite(reference).all():
        raise ValueError(
            f"a reference is an embedding [n, d] or similarities [n, n], without gaps; this one "
            f"has the shape {list(reference.shape)}"
        )
    square = reference.shape[0] == reference.shape[1] and np.allclose(reference, reference.T)
    alike = reference if square else reference @ reference.T
    first, second, third = rows.T
    return np.stack(
        [alike[second, third], alike[first, third], alike[first, second]], axis=1
    ).argmax(axis=1)
