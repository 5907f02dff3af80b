"""The files of THINGS, under the names that their authors gave them in several releases."""

import csv
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cnnwidgets import cache

OBJECTS = 1854
IDS = ("unique_id.txt",)
WORDS = ("item_names.tsv", "items1854names.tsv", "things_concepts.tsv")
ORDER = ("sortindex", "sortindex.txt", "sortind.txt", "sortind.mat")
CATEGORIES = ("category_mat_manual.tsv",)
TRIALS = ("human_trials_half.tsv", "triplets_noiseceiling.csv", "triplets_noiseceiling.txt")

_INSIDE = ("", "data", "variables")  # folders of the releases
_HOW = (
    "the command 'cnnwidgets things get' (or cnnwidgets.data.download_things()) fetches them from "
    "osf.io/z2784, or put them into a folder yourself and give it, or name it in CNNWIDGETS_DATA"
)


def downloaded() -> Path:
    """Give the folder that fetched files are kept in; it need not be there yet."""
    return cache.folder() / "things"


def embedding_name(dimensions: int) -> str:
    """Give the name of an embedding's file, the same in all releases."""
    return f"spose_embedding_{dimensions}d_sorted.txt"


def find_file(folder: Path, *names: str) -> Path | None:
    """Give the first of these files that is there, or None."""
    paths = (folder / inside / name for name in names for inside in _INSIDE)
    return next((path for path in paths if path.is_file()), None)


def find_folder(folder: str | os.PathLike[str] | None, dimensions: int) -> Path:
    """Give the folder that holds an embedding and its ids.

    Raises
    ------
    FileNotFoundError
        There is none; the sentence says how to get one.
    """
    named = os.environ.get("CNNWIDGETS_DATA", "").strip()
    places = [Path(folder)] if folder is not None else [Path(named)] if named else []
    places = [inner for place in places for inner in (place.expanduser(), place / "things")]
    if folder is None:
        places.append(downloaded())
    for place in places:
        if find_file(place, embedding_name(dimensions)) and find_file(place, *IDS):
            return place
    where = f"'{folder}'" if folder is not None else " or ".join(f"'{place}'" for place in places)
    raise FileNotFoundError(
        f"THINGS' files ({embedding_name(dimensions)} and {IDS[0]}) are not in {where}: {_HOW}"
    )


def read_embedding(folder: Path, dimensions: int) -> np.ndarray:
    """Give the embedding, float32 [objects, dimensions]."""
    path = _there(folder, embedding_name(dimensions))
    found = _numbers(path)
    if found.shape != (OBJECTS, dimensions):
        raise _wrong(path, f"{OBJECTS} x {dimensions} numbers", " x ".join(map(str, found.shape)))
    if not np.isfinite(found).all():
        raise ValueError(f"'{path}' has gaps: NaN or infinity stands among its numbers")
    return found.astype(np.float32)


def read_ids(folder: Path) -> tuple[str, ...]:
    """Give the objects' ids in the embedding's order."""
    path = _there(folder, *IDS)
    ids = tuple(line.strip() for line in _lines(path))
    if len(ids) != OBJECTS or len(set(ids)) != OBJECTS:
        raise _wrong(path, f"{OBJECTS} different ids", f"{len(set(ids))}")
    return ids


def read_words(folder: Path, ids: Sequence[str]) -> tuple[str, ...]:
    """Give a word for each id, no word twice; from the ids where there is no table."""
    path = find_file(folder, *WORDS)
    known = {name: name.replace("_", " ") for name in ids} if path is None else _words(path)
    missing = next((name for name in ids if name not in known), None)
    if missing is not None:
        raise ValueError(f"'{path}' should name all {OBJECTS} objects, and lacks '{missing}'")
    often = Counter(known[name] for name in ids)
    return tuple(known[name] if often[known[name]] == 1 else name for name in ids)


def _words(path: Path) -> dict[str, str]:
    """Give the words by id: joined, not by row, as tables come in several orders."""
    with path.open(encoding="utf-8-sig", newline="") as opened:
        table = csv.DictReader(opened, delimiter="\t", quoting=csv.QUOTE_NONE)
        columns = set(table.fieldnames or ())
        if not {"Word", "uniqueID"} <= columns:
            raise _wrong(
                path, "columns Word and uniqueID", ", ".join(sorted(columns)[:6]) or "none"
            )
        return {row["uniqueID"]: row["Word"] for row in table}


def read_labels(folder: Path, dimensions: int) -> tuple[str, ...]:
    """Give the dimensions' labels; numbers where there is no file of them."""
    marked = find_file(folder, *(f"labels_{dimensions}{suffix}" for suffix in (".mat", ".txt")))
    if marked is not None:
        labels = _labels(marked)
        if len(labels) != dimensions:
            raise _wrong(marked, f"{dimensions} labels", f"{len(labels)}")
        return labels
    for name in ("labels.mat", "labels.txt", "labels_short.mat", "labels_short.txt"):
        path = find_file(folder, name)  # of either embedding: the number tells
        labels = () if path is None else _labels(path)
        if len(labels) == dimensions:
            return labels
    return tuple(f"dimension {number}" for number in range(1, dimensions + 1))


def _labels(path: Path) -> tuple[str, ...]:
    if path.suffix != ".mat":
        return tuple(line.strip() for line in _lines(path))
    return tuple(str(np.asarray(entry).ravel()[0]) for entry in _variable(path).ravel())


def read_categories(folder: Path) -> tuple[tuple[str, ...], np.ndarray]:
    """Give the categories' names and bool [objects, categories].

    The rows stand in the order of the ids, as hot-air_balloon, the vehicle among the objects that
    other orders put elsewhere, shows.
    """
    path = find_file(folder, *CATEGORIES)
    if path is None:
        return (), np.zeros((OBJECTS, 0), bool)
    head, *rows = _lines(path) or [""]
    names = tuple(head.split("\t"))
    members = [row.split("\t") for row in rows]
    whole = len(members) == OBJECTS and all(len(row) == len(names) for row in members)
    if not whole or any(set(row) - {"0", "1"} for row in members):
        wanted = f"{OBJECTS} rows of {len(names)} zeros and ones"
        raise _wrong(path, wanted, f"{len(members)} rows or others")
    return names, np.array(members) == "1"


def read_order(folder: Path) -> np.ndarray | None:
    """Give the index that puts what is in the order of the choices into that of the ids."""
    path = find_file(folder, *ORDER)
    if path is None:
        return None
    found = _variable(path) if path.suffix == ".mat" else _numbers(path)
    order = found.ravel().astype(np.int64)
    order -= order.min(initial=OBJECTS)  # counted from 1 in the release
    if not np.array_equal(np.sort(order), np.arange(OBJECTS)):
        raise _wrong(path, f"each number of {OBJECTS} objects once", f"{len(set(order))} numbers")
    return order


def _there(folder: Path, *names: str) -> Path:
    path = find_file(folder, *names)
    if path is None:
        raise FileNotFoundError(f"'{folder}' lacks {names[0]}: {_HOW}")
    return path


def _numbers(path: Path) -> np.ndarray:
    try:
        return np.array([line.split() for line in _lines(path)], np.float64)
    except ValueError as error:
        raise ValueError(f"'{path}' should hold rows of numbers, all of one length") from error


def _lines(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"'{path}' is no text") from error
    return [line for line in text.split("\n") if line.strip()]


def _variable(path: Path) -> np.ndarray:
    """Give the one variable of a file of Matlab."""
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        found = loadmat(path)
    except (MatReadError, ValueError, TypeError, NotImplementedError) as error:
        raise ValueError(f"'{path}' is no file of Matlab that can be read") from error
    variables = [value for name, value in found.items() if not name.startswith("__")]
    if len(variables) != 1:
        raise _wrong(path, "one variable", f"{len(variables)}")
    return np.asarray(variables[0])


def _wrong(path: Path, expected: str, got: str) -> ValueError:
    return ValueError(f"'{path}' should hold {expected}, and holds {got}")
