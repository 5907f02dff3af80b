"""Choices for other programs."""

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
    seed : of the shuffling that holds a tenth out, where the set has no two parts of its own.

    Returns
    -------
    Path
        The folder, or the table.

    Raises
    ------
    ValueError
        There are fewer than two choices to share between two parts.
    OSError
        The folder cannot be written.
    """
    place = Path(folder).expanduser()
    place.mkdir(parents=True, exist_ok=True)
    if format == "csv":
        return _save_table(triplets, place / _TABLE)
    if format != "vice":
        raise ValueError(f"choices are written as 'vice' or 'csv', not {format!r}")
    if len(triplets) < 2:
        raise ValueError(f"two parts take two choices at least, not {len(triplets)}")
    rows = triplets.triplets.astype(np.int64)
    test_from = triplets.test_from
    if test_from is None:
        rows = np.random.default_rng(seed).permutation(rows)
        test_from = len(rows) - max(1, round(_HELD_OUT * len(rows)))
    np.save(place / "train_90.npy", rows[:test_from])
    np.save(place / "test_10.npy", rows[test_from:])
    if triplets.names is not None:
        text = "".join(" ".join(name.split()) + "\n" for name in triplets.names)
        (place / NAMES).write_text(text, encoding="utf-8")
    return place


def _save_table(triplets: TripletSet, path: Path) -> Path:
    columns, head = triplets.triplets, "i,j,odd"
    if triplets.people is not None:
        columns, head = np.column_stack([columns, triplets.people]), head + ",participant"
    np.savetxt(path, columns, "%d", ",", header=head, comments="")
    return path
