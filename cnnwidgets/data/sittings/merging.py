"""Many sittings as one set of choices: from a folder that a class writes to, or from files."""

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from cnnwidgets.data.sittings.lines import Answer
from cnnwidgets.data.sittings.reading import Share, Sitting, read

SUFFIX = ".jsonl"
AnySitting = Sitting | str | os.PathLike[str]


@dataclass(frozen=True)
class Merged:
    """Sittings about the same objects.

    Attributes
    ----------
    names : of the objects.
    sittings : with numbers into `names`, each once, in the order they were started.
    remarks : what was left out, and why.
    """

    names: tuple[str, ...]
    sittings: tuple[Sitting, ...]
    remarks: tuple[str, ...] = ()

    def triplets(
        self, *, catch: bool = False, fast: bool = True, repeats: bool = True
    ) -> np.ndarray:
        """Give all answers as rows, the odd one last: int32 [m, 3]; see `Sitting.triplets`."""
        rows = [one.triplets(catch=catch, fast=fast, repeats=repeats) for one in self.sittings]
        return np.concatenate(rows) if rows else np.zeros((0, 3), np.int32)

    def people(self, *, catch: bool = False, fast: bool = True, repeats: bool = True) -> np.ndarray:
        """Give the number of the sitting of each row of `triplets`: int32 [m]."""
        rows = [one.triplets(catch=catch, fast=fast, repeats=repeats) for one in self.sittings]
        return np.repeat(np.arange(len(rows), dtype=np.int32), [len(some) for some in rows])

    @property
    def catches(self) -> Share:
        """How many catch trials were passed, of how many."""
        return _sum(sitting.catches for sitting in self.sittings)

    @property
    def repeats(self) -> Share:
        """How many repeats were answered as before by the same person, of how many."""
        return _sum(sitting.repeats for sitting in self.sittings)


def files(folder: str | os.PathLike[str]) -> list[Path]:
    """Give the files of a folder that may be sittings: ``.jsonl``, none hidden, sorted.

    Raises
    ------
    FileNotFoundError, OSError
        It is not there, or cannot be looked into.
    """
    inside = Path(folder).expanduser().iterdir()
    return sorted(file for file in inside if file.suffix == SUFFIX and file.name[0] != ".")


def merge(
    source: str | os.PathLike[str] | Sequence[AnySitting],
    *,
    names: Sequence[str] | None = None,
    set_id: str | None = None,
) -> Merged:
    """Put sittings together.

    A file that stands twice, or once more as it was earlier, counts once. Two sittings that happen
    to have one id are both kept. Objects are joined by their names, so a sitting about some of
    them fits, in whatever order; one about others is left out. It may be called every second: a
    file is read again only when it has changed.

    Parameters
    ----------
    source : a folder, whose ``.jsonl`` files are taken, or a list of paths and sittings. A folder
        that is not there yet holds no sittings.
    names : of the objects; None takes those that most of the sittings fit.
    set_id : what tells the pictures from others; sittings of another are told of. None takes that
        of the first that has exactly these names, or else of the first that fits.

    Returns
    -------
    Merged
        With a remark for each file that cannot be read, and for all else that was left out.
    """
    found, remarks = _read_all(source)
    found, said = _each_once(found)
    remarks += said + [remark for sitting in found for remark in sitting.remarks]
    common = tuple(names) if names is not None else _common_names(found)
    numbers = {name: number for number, name in enumerate(common)}
    fitting = [sitting for sitting in found if numbers.keys() >= set(sitting.names)]
    if set_id is None and fitting:
        set_id = next((one for one in fitting if one.names == common), fitting[0]).set_id
    for sitting in found:
        if not numbers.keys() >= set(sitting.names):
            other = next(name for name in sitting.names if name not in numbers)
            remarks.append(f"sitting {sitting.id} is about other objects ({other[:80]}); left out")
        elif sitting.set_id != set_id:
            showed = "other pictures" if sitting.names == common else "another set of pictures"
            remarks.append(f"sitting {sitting.id} showed {showed} of the same names; used")
    joined = [_joined(sitting, common, numbers) for sitting in fitting]
    return Merged(common, tuple(joined), tuple(remarks))


def _joined(sitting: Sitting, common: tuple[str, ...], numbers: dict[str, int]) -> Sitting:
    """Give a sitting in the common numbers."""
    if sitting.names == common:
        return sitting
    new = [numbers[name] for name in sitting.names]
    answers = tuple(_renumbered(answer, new) for answer in sitting.answers)
    return replace(sitting, names=common, answers=answers)


def _renumbered(answer: Answer, new: Sequence[int]) -> Answer:
    first, second, third = answer.shown
    expected = None if answer.expected is None else new[answer.expected]
    shown = (new[first], new[second], new[third])
    return replace(answer, shown=shown, odd=new[answer.odd], expected=expected)


def _read_all(
    source: str | os.PathLike[str] | Sequence[AnySitting],
) -> tuple[list[Sitting], list[str]]:
    """Read what can be read; a sentence for each of the others."""
    entries: Sequence[AnySitting]
    if isinstance(source, str | os.PathLike):
        try:
            entries = files(source)
        except OSError as error:
            folder = Path(source).expanduser()
            return [], [f"'{folder}' cannot be looked into ({error.strerror})"]
    else:
        entries = source
    found: list[Sitting] = []
    remarks = []
    for entry in entries:
        if isinstance(entry, Sitting):
            found.append(entry)
            continue
        path = Path(entry).expanduser()
        try:
            about = path.stat()
            one = _read_once(str(path), about.st_size, about.st_mtime_ns)
        except OSError as error:
            one = f"'{path.name}' cannot be read ({error.strerror})"
        if isinstance(one, Sitting):
            found.append(one)
        else:
            remarks.append(f"{one}; left out")
    return found, remarks


@lru_cache(maxsize=4096)
def _read_once(path: str, _size: int, _changed: int) -> Sitting | str:
    """Give the sitting, or what is wrong with the file; size and time tell when to look again."""
    try:
        return read(path)
    except ValueError as error:
        return str(error)


def _each_once(found: Sequence[Sitting]) -> tuple[list[Sitting], list[str]]:
    """Leave out copies, older ones rather than newer, and tell apart those that share an id."""
    kept: dict[str, list[Sitting]] = {}
    remarks = []
    for sitting in found:
        others = kept.setdefault(sitting.id, [])
        same = next((n for n, other in enumerate(others) if _is_copy(sitting, other)), None)
        if same is None:
            others.append(sitting)
        else:
            others[same] = max(others[same], sitting, key=lambda one: one.lines)
            remarks.append(f"sitting {sitting.id} is there twice; it counts once")
    for name, others in kept.items():
        if len(others) > 1:
            remarks.append(f"{len(others)} different sittings have the id {name}; all are used")
            others[1:] = [replace(one, id=f"{name}#{n}") for n, one in enumerate(others[1:], 2)]
    each = [sitting for others in kept.values() for sitting in others]
    return sorted(each, key=lambda one: one.started), remarks


def _is_copy(one: Sitting, other: Sitting) -> bool:
    """Whether both are the same sitting, perhaps at two times: what both have is the same."""
    if (one.started, one.names, one.set_id) != (other.started, other.names, other.set_id):
        return False
    answers = {answer.trial: answer for answer in one.answers}
    return all(answers.get(answer.trial, answer) == answer for answer in other.answers)


def _common_names(found: Sequence[Sitting]) -> tuple[str, ...]:
    """Give the names that most sittings fit into; of several, those that most have exactly."""
    exactly = Counter(sitting.names for sitting in found)
    sets = {names: set(names) for names in exactly}
    fits = {
        names: sum(count for other, count in exactly.items() if sets[other] <= sets[names])
        for names in exactly
    }
    return max(exactly, key=lambda names: (fits[names], exactly[names]), default=())


def _sum(shares: Iterable[Share]) -> Share:
    pairs = list(shares)
    return Share(sum(share.hits for share in pairs), sum(share.of for share in pairs))
