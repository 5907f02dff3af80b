"""Sittings as they are read from files, with what there is to tell of them."""

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from cnnwidgets.data.sittings import lines
from cnnwidgets.data.sittings.lines import Answer

FAST_MS = 300
"""Who answers faster has hardly looked."""
MOST_BYTES = 64 * 2**20


class Share(NamedTuple):
    """How many of how many."""

    hits: int
    of: int


@dataclass(frozen=True)
class Sitting:
    """One sitting.

    Attributes
    ----------
    id : random hexadecimal digits; "#2" behind it tells another sitting of the same id.
    started : UTC in ISO form.
    set_id : what tells the pictures or words from others.
    names : of the objects; any text, whoever wrote the file.
    answers : in the order they came, without those taken back.
    remarks : what of the file was not used.
    language, device : as recorded, or empty.
    lines : how many whole lines the file had.
    """

    id: str
    started: str
    set_id: str
    names: tuple[str, ...]
    answers: tuple[Answer, ...]
    remarks: tuple[str, ...] = ()
    language: str = ""
    device: str = ""
    lines: int = 0

    def triplets(
        self, *, catch: bool = False, fast: bool = True, repeats: bool = True
    ) -> np.ndarray:
        """Give the answers as rows, the odd one last.

        Parameters
        ----------
        catch : whether catch trials are among them.
        fast : whether answers faster than `FAST_MS` are.
        repeats : whether repeats are, and later answers to a triplet that has a row already. A
            ceiling takes one answer of each person to a triplet, so it goes without them.

        Returns
        -------
        int32 [m, 3], numbers into `names`
        """
        rows = []
        before = set()
        for answer in self.answers:
            if (answer.kind == "catch" and not catch) or (answer.rt_ms < FAST_MS and not fast):
                continue
            triplet = frozenset(answer.shown)
            if repeats or (answer.kind != "repeat" and triplet not in before):
                rows.append([*(one for one in answer.shown if one != answer.odd), answer.odd])
                before.add(triplet)
        return np.array(rows, np.int32).reshape(-1, 3)

    @property
    def reaction_times(self) -> np.ndarray:
        """In milliseconds, int32 [answers]."""
        return np.array([answer.rt_ms for answer in self.answers], np.int32)

    @property
    def fast(self) -> np.ndarray:
        """Which answers came faster than `FAST_MS`, bool [answers]."""
        return self.reaction_times < FAST_MS

    @cached_property
    def catches(self) -> Share:
        """How many catch trials were passed, of how many."""
        asked = [answer for answer in self.answers if answer.kind == "catch"]
        return Share(sum(answer.odd == answer.expected for answer in asked), len(asked))

    @cached_property
    def repeats(self) -> Share:
        """How many repeats were answered as the same triplet was before, of how many.

        Not those in the order `MISTAKES`, nor what follows: the right answer was shown in between.
        """
        before: dict[frozenset[int], int] = {}
        told = set()
        hits = of = 0
        for answer in self.answers:
            triplet = frozenset(answer.shown)
            if answer.order == lines.MISTAKES:
                told.add(triplet)
            if answer.kind == "repeat" and triplet in before and triplet not in told:
                of += 1
                hits += before[triplet] == answer.odd
            if answer.kind != "catch":
                before[triplet] = answer.odd
        return Share(hits, of)


def read(source: str | os.PathLike[str] | bytes, *, name: str | None = None) -> Sitting:
    """Read a sitting.

    A file that ends in mid-line, after a power cut as a rule, is read up to there; lines that make
    no sense are left out. Both stand in `remarks`.

    Parameters
    ----------
    source : a path, or what the file holds: bytes, or a text that begins with "{".
    name : what sentences call it; None takes the file's name.

    Raises
    ------
    FileNotFoundError, OSError
        The file cannot be read.
    ValueError
        It is no sitting, or one of a later version.
    """
    if isinstance(source, bytes) or (isinstance(source, str) and source.lstrip().startswith("{")):
        content = source.encode("utf-8", "replace") if isinstance(source, str) else source
        return _sitting(content, name or "the file")
    path = Path(source).expanduser()
    name = name or path.name
    if path.stat().st_size > MOST_BYTES:
        raise ValueError(f"'{name}' is no sitting: it is larger than {MOST_BYTES >> 20} MiB")
    return _sitting(path.read_bytes(), name)


def _sitting(content: bytes, name: str) -> Sitting:
    if not content.strip():
        raise ValueError(f"'{name}' is empty: a sitting begins with a line that tells of it")
    rows = content.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    head = _head(lines.parsed(rows[0]), name)
    faults = _mended(head)
    answers, lost, untimed = _answers(rows[1:], len(head["names"]))
    faults += lost + untimed
    return Sitting(
        head["sitting"],
        head["started"],
        head["set"],
        head["names"],
        answers,
        tuple(f"'{name}': {fault}" for fault in faults),
        head["language"],
        head["device"],
        sum(bool(row.strip()) for row in rows) - len(lost),
    )


def _mended(head: dict[str, Any]) -> list[str]:
    """Put something harmless in place of an id or a time that is none; a sentence for each."""
    remarks = []
    name = head["sitting"]
    if not lines.is_id(name):  # the same for each copy of the file
        head["sitting"] = hashlib.sha256(name.encode()).hexdigest()[:12]
        remarks.append(f"its id is not of hexadecimal digits; it is called {head['sitting']}")
    if not lines.is_time(head["started"]):
        head["started"] = ""
        remarks.append("when it was started is no time; left out")
    return remarks


def _head(found: dict[str, Any] | None, name: str) -> dict[str, Any]:
    """Give the first line's values, checked."""
    remedy = "give a file that a sitting has written"
    if found is None or found.get("line") != "sitting":
        raise ValueError(f"'{name}' is no sitting: its first line does not tell of one; {remedy}")
    if found.get("v") != lines.VERSION:
        raise ValueError(
            f"'{name}' is a sitting of version {str(found.get('v'))[:20]}, and version "
            f"{lines.VERSION} is read: a newer cnnwidgets may read it"
        )
    texts = ("sitting", "started", "set", "language", "device")
    values: dict[str, Any] = {key: found.get(key, "") for key in texts}
    names = found.get("names")
    known = isinstance(names, list) and all(isinstance(entry, str) for entry in names)
    if not known or not all(map(lines.is_text, values.values())) or not values["sitting"]:
        raise ValueError(f"'{name}' is no sitting: its first line lacks id or names; {remedy}")
    values = {key: lines.clean(value) for key, value in values.items()}
    values["names"] = tuple(lines.clean(entry) for entry in names or ())
    try:
        lines.check_names(values["names"])
    except ValueError as error:
        raise ValueError(f"'{name}' is no sitting: {error}") from error
    return values


def _answers(
    rows: Iterable[bytes], objects: int
) -> tuple[tuple[Answer, ...], list[str], list[str]]:
    """Give the answers that stand, what is wrong with the other lines, and with the times."""
    standing: dict[int, Answer] = {}  # in order; an undo takes its trial out
    faults, untimed = [], []
    for number, row in enumerate(rows, start=2):
        if not row.strip():
            continue
        found = lines.parsed(row)
        if found is None:
            faults.append(f"line {number} is cut off or broken; left out")
            continue
        try:
            _take(found, standing, objects)
        except ValueError as error:
            faults.append(f"line {number}: {error}; left out")
            continue
        if not lines.is_time(found.get("time", "")):
            untimed.append(f"line {number}: its time is none; the rest is used")
    return tuple(standing.values()), faults, untimed


def _take(found: dict[str, Any], standing: dict[int, Answer], objects: int) -> None:
    """Let one line do what it says."""
    if found.get("v") != lines.VERSION:
        raise ValueError("it is of another version")
    if found.get("line") == "undo":
        trial = found.get("trial")
        if not isinstance(trial, int) or standing.pop(trial, None) is None:
            raise ValueError("it takes back an answer that is not there")
        return
    if found.get("line") != "answer":
        raise ValueError("it is neither an answer nor an undo")
    answer = lines.answer_of(found, objects)
    if answer.trial in standing:
        raise ValueError(f"trial {answer.trial} was answered before")
    standing[answer.trial] = answer
