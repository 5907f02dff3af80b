"""Choices of the odd one out of three, in the one form that everything here takes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True, eq=False, repr=False)
class TripletSet:
    """Choices of the odd one out of three.

    Attributes
    ----------
    triplets : int32 [m, 3], object numbers from 0; the odd one is last.
    objects : how many objects there are, of which some may not occur.
    names : of the objects, or None.
    people : int32 [m], who chose, numbered from 0; or None.
    split : "train" or "test" where it is such a part, else None.
    test_from : the row at which the test part begins, where both parts are here; else None.
    remarks : what was found out, assumed and left out when this was read.
    """

    triplets: np.ndarray
    objects: int
    names: tuple[str, ...] | None = None
    people: np.ndarray | None = None
    split: str | None = None
    test_from: int | None = None
    remarks: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.triplets)

    def __repr__(self) -> str:
        people = "" if self.people is None else f" by {len(np.unique(self.people))} people"
        return f"TripletSet({len(self):,} choices among {self.objects:,} objects{people})"

    @property
    def train(self) -> "TripletSet":
        """The part to train on; all, where there are no parts."""
        return self if self.test_from is None else self._rows(slice(0, self.test_from), "train")

    @property
    def test(self) -> "TripletSet":
        """The part that is held out; all, where there are no parts."""
        return self if self.test_from is None else self._rows(slice(self.test_from, None), "test")

    def _rows(self, rows: slice, split: str) -> "TripletSet":
        people = None if self.people is None else self.people[rows]
        return replace(
            self, triplets=self.triplets[rows], people=people, split=split, test_from=None
        )


def joined(train: TripletSet, test: TripletSet) -> TripletSet:
    """Give both parts as one set; without people, as their numbers are each part's own."""
    return TripletSet(
        np.concatenate([train.triplets, test.triplets]),
        max(train.objects, test.objects),
        train.names,
        test_from=len(train),
        remarks=_each_once([*train.remarks, *test.remarks]),
    )


def _each_once(remarks: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(remarks))
