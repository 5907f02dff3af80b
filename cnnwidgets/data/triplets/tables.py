"""What stands in a file of choices: numbers as they are, and what its columns are."""

import hashlib
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cnnwidgets import cache

if TYPE_CHECKING:
    import pandas

TEXT = (".txt", ".tsv", ".csv")
SUFFIXES = (".npy", *TEXT)
_KEPT_FROM = 2**20  # bytes of text from which the numbers are kept in the cache
_KEPT_FILES = 8

_OBJECTS = (
    ("i", "j", "odd"),
    ("trip1", "trip2", "trip3"),  # THINGS-data
    ("id1", "id2", "id3"),
    ("i", "j", "k"),
)
_CHOICE = ("choice", "position")
_PEOPLE = ("participant", "participantid", "subject", "subjectid", "person", "sitting")


@dataclass(frozen=True, eq=False)
class Table:
    """A file's choices, not yet interpreted.

    Attributes
    ----------
    numbers : int32 [m, 3], as in the file.
    position : int8 [m], which of the three was chosen, from 0; or None.
    people : int32 [m] from 0, or None.
    own : whether the columns are those that we write: from 0, odd one last.
    """

    numbers: np.ndarray
    position: np.ndarray | None = None
    people: np.ndarray | None = None
    own: bool = False


def read_table(path: Path) -> Table:
    """Read a file; a large text is read once, and then from the cache until it changes.

    Raises
    ------
    FileNotFoundError, OSError
        It cannot be read.
    ValueError
        It holds no choices: too few columns, no numbers, gaps.
    """
    if path.suffix == ".npy":
        return _of_array(path)
    about = path.stat()
    if about.st_size < _KEPT_FROM:
        return _of_text(path)
    key = f"{path.resolve()}\n{about.st_size}\n{about.st_mtime_ns}"
    kept = cache.folder() / "triplets" / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.npz"
    with suppress(OSError, ValueError, KeyError, EOFError):
        return _from_cache(kept)
    table = _of_text(path)
    with suppress(OSError):  # a cache that cannot be written costs seconds only
        _to_cache(table, kept)
    return table


def _of_array(path: Path) -> Table:
    try:
        array = np.load(path, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise ValueError(f"'{path}' is no array of numbers that numpy has saved") from error
    if not isinstance(array, np.ndarray) or array.ndim != 2 or array.shape[1] < 3:
        shape = list(getattr(array, "shape", []))
        raise ValueError(f"'{path}' should hold rows of three objects, and has the shape {shape}")
    if array.dtype.kind not in "iuf":
        raise ValueError(f"'{path}' should hold numbers, not {array.dtype}")
    if not len(array):
        raise ValueError(f"'{path}' holds no choices: {_expected()}")
    return _by_place([array[:, column] for column in range(array.shape[1])], path)


def _of_text(path: Path) -> Table:
    with path.open("rb") as opened:
        head = opened.read(1 << 16).removeprefix(b"\xef\xbb\xbf")
    first = next((line for line in head.splitlines() if line.strip()), b"")
    if not first:
        raise ValueError(f"'{path}' is empty: rows of three objects are expected")
    words = [word for word in re.split(rb"[\s,;]+", first.strip()) if word]
    named = not all(_is_number(word) for word in words)
    frame = _frame(path, _separator(first), named=named)
    if frame.empty:
        raise ValueError(f"'{path}' holds no choices: {_expected()}")
    if named:
        table = _by_name(frame, path)
        if table is not None:
            return table
    return _by_place([frame[column].to_numpy() for column in frame.columns], path)


def _frame(path: Path, separator: str, *, named: bool) -> "pandas.DataFrame":
    import pandas

    try:
        return pandas.read_csv(
            path,
            sep=separator,
            header=0 if named else None,
            dtype={"sitting": str},  # 12e456789012 is no number
            low_memory=False,
            encoding="utf-8-sig",
        )
    except pandas.errors.EmptyDataError as error:
        raise ValueError(f"'{path}' is empty: rows of three objects are expected") from error
    except (pandas.errors.ParserError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split()).removeprefix("Error tokenizing data. C error: ")
        raise ValueError(f"'{path}' is no table of choices: {reason}") from error


def _separator(line: bytes) -> str:
    return next((mark for mark in ",;" if mark.encode() in line), r"\s+")


def _is_number(word: bytes) -> bool:
    try:
        float(word.strip(b'"'))
    except ValueError:
        return False
    return True


def _by_name(frame: "pandas.DataFrame", path: Path) -> Table | None:
    """Give the columns that are known by name, or None where they are not."""
    known = {re.sub(r"[^a-z0-9]", "", str(name).lower()): name for name in frame.columns}
    names = next((names for names in _OBJECTS if known.keys() >= set(names)), None)
    if names is None:
        return None
    columns = [frame[known[name]].to_numpy() for name in names]
    choice = next((known[name] for name in _CHOICE if name in known), None)
    people = next((known[name] for name in _PEOPLE if name in known), None)
    position = None
    if choice is not None:
        position = _position(_whole(frame[choice].to_numpy(), f"column '{choice}'", path), path)
    return Table(
        _together(columns, path),
        position,
        None if people is None else _numbered(frame[people].to_numpy()),
        own="odd" in names,
    )


def _by_place(columns: Sequence[np.ndarray], path: Path) -> Table:
    """Give three columns of objects, then the position of the chosen one, then the participant."""
    if len(columns) < 3:
        raise ValueError(
            f"'{path}' should have three columns of objects, and has {len(columns)}: {_expected()}"
        )
    position = people = None
    if len(columns) >= 4:
        position = _position(_whole(columns[3], "column 4", path), path)
    if len(columns) >= 5:
        people = _numbered(columns[4])
    return Table(_together(columns[:3], path), position, people)


def _together(columns: Sequence[np.ndarray], path: Path) -> np.ndarray:
    whole = [_whole(column, f"column {n}", path) for n, column in enumerate(columns, 1)]
    return np.stack(whole, 1)


def _whole(column: np.ndarray, name: str, path: Path) -> np.ndarray:
    """Give a column as int32, or say what in it is no object's number."""
    if column.dtype.kind not in "iuf":
        wrong = next((str(entry) for entry in column if not _is_number(str(entry).encode())), "")
        raise ValueError(
            f"'{path}', {name}: '{wrong[:40]}' is no number of an object; {_expected()}"
        )
    fits = (column >= 0) & (column < 2**31)  # no comparison holds for NaN
    if column.dtype.kind == "f":
        fits &= column == np.floor(column)
    if not fits.all():
        row = int(np.argmin(fits))
        what = "nothing" if column[row] != column[row] else f"{column[row]}"
        raise ValueError(
            f"'{path}', {name}: {what} stands in row {row + 1}, where a whole number from 0 on is "
            "expected"
        )
    return column.astype(np.int32)


def _position(column: np.ndarray, path: Path) -> np.ndarray:
    """Give which of the three was chosen, counted from 0."""
    lowest, highest = (int(column.min()), int(column.max())) if len(column) else (1, 3)
    if highest > 3 or (lowest < 1 and highest == 3):
        raise ValueError(
            f"'{path}': the column of choices should hold 1, 2 or 3, the position of the odd one; "
            f"its values go from {lowest} to {highest}"
        )
    return (column - (0 if lowest == 0 else 1)).astype(np.int8)


def _numbered(column: np.ndarray) -> np.ndarray:
    """Give people as numbers from 0, whatever they are called."""
    plain = column if column.dtype.kind in "iu" else column.astype(str)
    return np.unique(plain, return_inverse=True)[1].astype(np.int32)


def _expected() -> str:
    return "rows hold three objects, or three objects, the position of the odd one and a person"


def _from_cache(path: Path) -> Table:
    with np.load(path, allow_pickle=False) as found:
        there = {name: found[name] for name in found.files}
    return Table(there["numbers"], there.get("position"), there.get("people"), bool(there["own"]))


def _to_cache(table: Table, path: Path) -> None:
    arrays = {"numbers": table.numbers, "own": np.array(table.own)}
    optional = {"position": table.position, "people": table.people}
    arrays |= {name: array for name, array in optional.items() if array is not None}
    with cache.writing(path) as unfinished, unfinished.open("wb") as opened:
        np.savez(opened, allow_pickle=False, **arrays)
    newest = sorted(path.parent.glob("*.npz"), key=lambda file: -file.stat().st_mtime)
    for file in newest[_KEPT_FILES:]:
        file.unlink(missing_ok=True)
