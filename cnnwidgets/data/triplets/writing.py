"""Choices for other programs."""

import io
import os
from pathlib import Path
from typing import Literal

import numpy as np

from cnnwidgets.data.triplets.loading import NAMES
from cnnwidgets.data.triplets.sets import TripletSet

_TABLE = "triplets.csv"
_HELD_OUT = 0.1


def save_triplets(
    triplets: TripletSet,
    folder: str | os.PathLike[str],
    *,
    format: Literal["vice", "csv"] = "vice",  # noqa: A002
    seed: int = 0,
) -> Path:
    """Write choices so that `load_triplets`, and VICE, SPoSE or a table program, read them.

    Parameters
    ----------
    folder : created where it is missing.
    format : "vice" gives ``train_90.npy`` and ``test_10.npy``, int64 with the odd one last, and
        ``names.txt`` where there are names; "csv" gives ``triplets.csv`` with the columns i, j and
        odd, and participant where people are told apart.
    seed : of the shuffling that holds a tenth out, where the set has no two parts of its own. All
        choices in one triplet go into the same part.

    Returns
    -------
    Path
        The folder, or the table.

    Raises
    ------
    ValueError
        There are not choices in two triplets at least to share between two parts.
    OSError
        The folder cannot be written.
    """
    place = Path(folder).expanduser()
    place.mkdir(parents=True, exist_ok=True)
    if format == "csv":
        return _save_table(triplets, place / _TABLE)
    if format != "vice":
        raise ValueError(f"choices are written as 'vice' or 'csv', not {format!r}")
    for name, content in vice_files(triplets, seed=seed).items():
        (place / name).write_bytes(content)
    return place


def vice_files(triplets: TripletSet, *, seed: int = 0) -> dict[str, bytes]:
    """Give the contents of the files that `save_triplets` writes for VICE, by their names.

    Raises
    ------
    ValueError
        There are not choices in two triplets at least to share between two parts.
    """
    rows = triplets.triplets.astype(np.int64)
    if triplets.test_from is None:
        random = np.random.default_rng(seed)
        held_out = _held_out(rows, random)
        order = random.permutation(len(rows))
        train, test = (rows[order[which[order]]] for which in (~held_out, held_out))
    else:
        train, test = rows[: triplets.test_from], rows[triplets.test_from :]
    files = {"train_90.npy": _npy(train), "test_10.npy": _npy(test)}
    if triplets.names is not None:
        words = "".join(" ".join(name.split()) + "\n" for name in triplets.names)
        files[NAMES] = words.encode()
    return files


def _held_out(rows: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Give which rows are kept for testing, bool [m]: about a tenth, in whole triplets."""
    which = _numbered(rows)
    counts = np.bincount(which)
    if len(counts) < 2:
        raise ValueError(
            "training and testing take choices in two different triplets at least, and here "
            f"{'is one' if len(counts) else 'is none'}"
        )
    wanted = max(1, round(_HELD_OUT * len(rows)))
    small = np.flatnonzero(counts <= wanted)  # one that many chose in would fill it alone
    small = random.permutation(small) if len(small) else np.array([counts.argmin()])
    taken = int(np.abs(counts[small].cumsum() - wanted).argmin()) + 1
    held_out = np.zeros(len(counts), bool)
    held_out[small[:taken]] = True
    return held_out[which]


def _numbered(rows: np.ndarray) -> np.ndarray:
    """Number the triplets of rows from 0, the same in whatever order their objects are: [m]."""
    ordered = np.sort(rows, axis=1)
    place = np.lexsort(ordered.T)
    differs = (np.diff(ordered[place], axis=0) != 0).any(axis=1)
    numbers = np.zeros(len(rows), np.int64)
    numbers[place[1:]] = np.cumsum(differs)
    return numbers


def _npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def _save_table(triplets: TripletSet, path: Path) -> Path:
    columns, head = triplets.triplets, "i,j,odd"
    if triplets.people is not None:
        columns, head = np.column_stack([columns, triplets.people]), head + ",participant"
    np.savetxt(path, columns, "%d", ",", header=head, comments="")
    return path
