"""The sittings of a class: from folders that fill while thirty people answer, and from files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from cnnwidgets.data import sittings
from cnnwidgets.data.sittings import Merged, Sitting
from cnnwidgets.views import words
from cnnwidgets.widgets.triplets.objects import Objects

RECENT = 300.0
"""Seconds over which answers a minute are counted."""
AHEAD = 60.0
"""Seconds that a phone's clock may be ahead."""

Folders = str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | None


@dataclass(frozen=True)
class Reading:
    """What a class has answered so far.

    Attributes
    ----------
    merged : its sittings; catch trials are among their answers.
    pace : answers a minute in the last five, or since the first answer where that is less.
    remarks : what was left out, a sentence each.
    serial : grows when there is anything but another pace.
    """

    merged: Merged
    pace: float
    remarks: tuple[str, ...]
    serial: int


class ClassFiles:
    """Reads what there is whenever it is asked; files that have not changed are not read again.

    Parameters
    ----------
    folders : one, several or None; one that is not there yet is empty.
    objects : what the answers are about.
    """

    def __init__(self, folders: Folders, objects: Objects) -> None:
        if folders is None or isinstance(folders, str | os.PathLike):
            folders = [] if folders is None else [folders]
        self.folders = tuple(Path(folder).expanduser() for folder in folders)
        self._objects = objects
        self._brought: list[tuple[str, bytes]] = []
        self._read: list[Sitting] = []
        self._refused: list[str] = []
        self._last: Reading | None = None

    def bring_in(self, name: str, content: bytes) -> None:
        """Put in a file that somebody handed over; it is read with the next reading."""
        self._brought.append((name, content))

    def read(self) -> Reading:
        """Give all sittings as they are now. Only the scheduler's worker calls it."""
        self._read_brought()
        files, remarks = self._files()
        merged = sittings.merge(
            [*files, *self._read], names=self._objects.names, set_id=self._objects.set_id
        )
        said, last = (*remarks, *self._refused, *merged.remarks), self._last
        if last is None or last.merged != merged or last.remarks != said:
            last = Reading(merged, 0, said, last.serial + 1 if last else 1)
        self._last = replace(last, pace=pace(merged))
        return self._last

    def _read_brought(self) -> None:
        while self._brought:
            name, content = self._brought.pop(0)
            try:
                self._read.append(sittings.read(content, name=name))
            except ValueError as error:
                self._refused.append(f"{words.shortened(str(error), 200)}; left out")

    def _files(self) -> tuple[list[Path], list[str]]:
        found: list[Path] = []
        remarks = []
        for folder in self.folders:
            try:
                found += sittings.files(folder)
            except FileNotFoundError:
                continue
            except OSError as error:
                remarks.append(f"'{folder}' cannot be looked into ({error.strerror})")
        return found, remarks


def pace(merged: Merged, now: datetime | None = None) -> float:
    """Give the answers a minute in the last five minutes, or since the first answer."""
    end = (now or datetime.now(UTC)).timestamp()
    ages = [end - at for at in map(_seconds, _times(merged)) if at is not None]
    recent = [age for age in ages if -AHEAD <= age <= RECENT]
    if not recent:
        return 0.0
    return 60 * len(recent) / min(RECENT, max(60.0, *ages))


def _times(merged: Merged) -> list[str]:
    return [answer.time for sitting in merged.sittings for answer in sitting.answers]


def _seconds(time: str) -> float | None:
    """Give a time of a file, which anybody may have written, or None where it is none."""
    try:
        read = datetime.fromisoformat(time)
    except ValueError:
        return None
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()
