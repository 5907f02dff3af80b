"""Whose pictures are shown, and under which licence."""

import csv
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path

from cnnwidgets.data.images import ImageSet

OBJECTS = "Pictures of objects: Fluent Emoji, Microsoft Corporation, MIT."


def credits_of(images: ImageSet, numbers: Iterable[int] | None = None) -> tuple[str, ...]:
    """Give a line for each picture that comes with cnnwidgets, and one for all others.

    Parameters
    ----------
    numbers : of the pictures; None takes all.
    """
    shown = range(len(images)) if numbers is None else numbers
    return tuple(dict.fromkeys(_credits(images, shown)))


def _credits(images: ImageSet, numbers: Iterable[int]) -> Iterator[str]:
    home = Path(str(files("cnnwidgets.data")))
    for number in numbers:
        path = images.images.file(number)
        if path is not None and path.parent == home / "photos" and path.name in _photos():
            yield _photos()[path.name]
        elif path is not None and path.parent == home / "objects":
            yield OBJECTS
        else:
            yield "Pictures of your own: name whose they are."


@cache
def _photos() -> dict[str, str]:
    table = Path(str(files("cnnwidgets.data"))) / "photos" / "photos.csv"
    with table.open(encoding="utf-8", newline="") as opened:
        rows = list(csv.DictReader(opened))
    return {
        row["file"]: f"Picture: {row['title']}. {row['author']}, {row['licence']}. {row['source']}."
        for row in rows
    }
