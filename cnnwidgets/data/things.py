"""THINGS: 1854 objects, what people find alike among them, and the dimensions behind it."""

import csv
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from cnnwidgets.data import things_files as stored
from cnnwidgets.data.triplets import TripletSet, load_triplets

OBJECTS = stored.OBJECTS
KINDS = ("semantic", "mixed", "visual", "unclear")
RATINGS = "dim_labels.csv"
SOURCE = "Hebart, Zheng, Pereira & Baker, Nature Human Behaviour 2020 (osf.io/z2784)"
SOURCE_66 = "Hebart et al., THINGS-data, eLife 2023 (osf.io/f5rn6)"
LICENCE = "CC BY 4.0"

_QUALITY = {"1": "visual", "2": "semantic", "3": "mixed", "4": "unclear"}


class Categories(NamedTuple):
    """To which categories each object belongs: `members` is bool [objects, categories]."""

    names: tuple[str, ...]
    members: np.ndarray


@dataclass(frozen=True, eq=False, repr=False)
class Things:
    """THINGS' objects with the human model of their similarity.

    All arrays are in one order, that of `ids`.

    Attributes
    ----------
    names : words to show; where a word has several meanings, the id ("bat1").
    ids : THINGS' own, each once; those of ``load_images("objects")`` are among them.
    embedding : float32 [1854, dimensions], not negative; the similarity of two objects is the
        product of their rows.
    labels : of the dimensions, or "dimension 1", ... where the folder has none.
    kinds : semantic, mixed, visual or unclear, for each dimension. Our own judgement of the label;
        a file ``dim_labels.csv`` in the folder (dim from 1, rater, quality: 1 visual, 2 semantic,
        3 mixed, 4 unclear) takes its place by majority, and a tie is mixed.
    categories : 27 of them, or none where the folder has no such file.
    trials : choices of people, triplets repeated about 20 times; None where the folder has none.
    folder : where this was read.
    source, licence : to be shown with it.
    """

    names: tuple[str, ...]
    ids: tuple[str, ...]
    embedding: np.ndarray
    labels: tuple[str, ...]
    kinds: tuple[str, ...]
    categories: Categories
    trials: TripletSet | None
    folder: Path = field(default_factory=Path)
    source: str = SOURCE
    licence: str = LICENCE

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        return f"Things({len(self):,} objects, {len(self.labels)} dimensions)"

    def rows_of(self, ids: Sequence[str]) -> np.ndarray:
        """Give the rows of objects: ``embedding[rows_of(load_images("objects").names)]``.

        Returns
        -------
        int64 [len(ids)]

        Raises
        ------
        ValueError
            Some are no ids of THINGS.
        """
        missing = [name for name in ids if name not in self._rows]
        if missing:
            raise ValueError(
                f"{len(missing)} of {len(ids)} are no ids of THINGS, the first is '{missing[0]}'"
            )
        return np.array([self._rows[name] for name in ids], np.int64)

    @cached_property
    def _rows(self) -> Mapping[str, int]:
        return {name: row for row, name in enumerate(self.ids)}


def load_things(
    folder: str | os.PathLike[str] | None = None, dimensions: Literal[49, 66] = 49
) -> Things:
    """Read THINGS' human embedding, names, categories and choices.

    Parameters
    ----------
    folder : with the files under the names that their authors gave them; it, or a folder "things"
        in it. None looks in the folder that ``CNNWIDGETS_DATA`` names, then among what
        `download_things` has fetched.
    dimensions : 49 is the embedding of 2020, 66 that of 2023, from more choices.

    Raises
    ------
    FileNotFoundError
        The files are not there; the sentence says how to get them.
    ValueError
        A file has another shape than it should.
    """
    if dimensions not in (49, 66):
        raise ValueError(f"the embeddings of THINGS have 49 or 66 dimensions, not {dimensions}")
    place = stored.find_folder(folder, dimensions)
    ids = stored.read_ids(place)
    words = stored.read_words(place, ids)
    return Things(
        words,
        ids,
        stored.read_embedding(place, dimensions),
        stored.read_labels(place, dimensions),
        _kinds(place, dimensions),
        Categories(*stored.read_categories(place)),
        _trials(place, words),
        place,
        SOURCE if dimensions == 49 else SOURCE_66,
    )


def _trials(folder: Path, words: Sequence[str]) -> TripletSet | None:
    """Give people's choices, in the order of the embedding; None without that order."""
    path, order = stored.find_file(folder, *stored.TRIALS), stored.read_order(folder)
    if path is None or order is None:
        return None
    return load_triplets(path, base=1, order=order, names=words)


def _kinds(folder: Path, dimensions: int) -> tuple[str, ...]:
    """Give the kinds that raters in the folder, or else we, found."""
    with Path(str(files("cnnwidgets.data") / "things_kinds.csv")).open(encoding="utf-8") as opened:
        rows = [row for row in csv.DictReader(opened) if row["dimensions"] == str(dimensions)]
    kinds = [row["kind"] for row in rows]
    path = folder / RATINGS
    if path.is_file():
        for dimension, votes in _votes(path, dimensions).items():
            (first, most), *others = votes.most_common(2)
            kinds[dimension - 1] = "mixed" if others and others[0][1] == most else first
    return tuple(kinds)


def _votes(path: Path, dimensions: int) -> dict[int, Counter[str]]:
    """Give how often each kind was chosen for a dimension."""
    votes: dict[int, Counter[str]] = {}
    with path.open(encoding="utf-8-sig", newline="") as opened:
        for number, row in enumerate(csv.DictReader(opened), start=2):
            dimension, quality = (row.get("dim") or "").strip(), (row.get("quality") or "").strip()
            if not dimension.isdecimal() or not 1 <= int(dimension) <= dimensions:
                raise ValueError(
                    f"'{path}', line {number}: dim should be 1 to {dimensions}, not '{dimension}'"
                )
            if quality not in _QUALITY:
                raise ValueError(
                    f"'{path}', line {number}: quality should be 1 (visual), 2 (semantic), 3 "
                    f"(mixed) or 4 (unclear), not '{quality}'"
                )
            votes.setdefault(int(dimension), Counter())[_QUALITY[quality]] += 1
    return votes
