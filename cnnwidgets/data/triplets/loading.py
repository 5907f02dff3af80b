"""Choices from a file or a folder, told apart by what is in them."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from cnnwidgets.data.triplets import columns
from cnnwidgets.data.triplets.sets import TripletSet, joined
from cnnwidgets.data.triplets.tables import SUFFIXES, read_table

NAMES = "names.txt"
Odd = Literal["auto", "first", "second", "last"]


def load_triplets(
    path: str | os.PathLike[str],
    *,
    odd: Odd = "auto",
    base: Literal["auto", 0, 1] = "auto",
    names: Sequence[str] | None = None,
    reference: np.ndarray | None = None,
    order: np.ndarray | None = None,
) -> TripletSet:
    """Read choices of the odd one out of three.

    Parameters
    ----------
    path : a file, or a folder with one for training and one for testing
        ``.npy``, or text separated by blanks, tabs or commas, with or without a header. Rows hold
        three objects (VICE, SPoSE, object-dimensions, Hebart 2020), or three objects, the position
        1 to 3 of the odd one and a participant (Hebart 2020), or columns named ``trip.1 trip.2
        trip.3 choice`` (THINGS-data) or ``i j odd`` (ours).
    odd : which column holds the odd one, where no column tells its position
        "auto" finds it with a `reference`; without one it takes the last and says so.
    base : the number of the first object. "auto" finds out, and says so.
    names : of all objects.
    reference : of the objects, an embedding [n, d] or similarities [n, n].
    order : where the file numbers objects in another order: the index with which what is sorted in
        the file's order is put into the wanted one, ``wanted = files[order]``; from 0 or 1.

    Returns
    -------
    TripletSet
        With all that was found out, assumed and left out in its `remarks`.

    Raises
    ------
    FileNotFoundError, OSError
        There is no such file.
    ValueError
        It holds no choices, or others than about these names, or no column is clearly the odd one;
        or `odd` or `base` is none of those named.
    """
    place = Path(path).expanduser()
    known = columns.Known(odd, base, names, reference, order)
    if not place.is_dir():
        return _of_file(place, known)
    own = place / NAMES
    if names is None and own.is_file():
        lines = own.read_text(encoding="utf-8").splitlines()
        known = replace(known, names=[line for line in lines if line.strip()])
    train, test = _parts(place)
    if train is None or test is None:
        only = train or test
        if only is None:
            raise FileNotFoundError(
                f"'{place}' holds no choices: train_90 and test_10, or test_triplets, as .npy or "
                ".txt are expected"
            )
        return replace(_of_file(only, known), split="test" if train is None else "train")
    return joined(_of_file(train, known), _of_file(test, known))


def _of_file(path: Path, known: "columns.Known") -> TripletSet:
    if path.suffix not in SUFFIXES:
        raise ValueError(f"'{path}' is in no format that is read: {', '.join(SUFFIXES)} are")
    return columns.interpreted(read_table(path), known, name=path.name)


def _parts(folder: Path) -> tuple[Path | None, Path | None]:
    """Give the files to train and to test with; an array is taken before a text."""
    files = [file for file in folder.iterdir() if file.suffix in SUFFIXES and file.is_file()]
    return _part(files, "train", "train_90"), _part(files, "test", "test_10")


def _part(files: Sequence[Path], word: str, usual: str) -> Path | None:
    fitting = [file for file in files if word in file.stem.lower()]
    if any(file.stem == usual for file in fitting):
        fitting = [file for file in fitting if file.stem == usual]
    if any(file.suffix == ".npy" for file in fitting):
        fitting = [file for file in fitting if file.suffix == ".npy"]
    if len(fitting) > 1:
        listed = ", ".join(sorted(file.name for file in fitting)[:3])
        raise ValueError(f"'{fitting[0].parent}' holds more than one file to {word}: {listed}")
    return fitting[0] if fitting else None
