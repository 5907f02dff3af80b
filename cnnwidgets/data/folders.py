"""Which pictures lie in a folder, in which order, and to which categories they belong."""

import os
import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from cnnwidgets.data.pictures import FORMATS_IN_WORDS, header_fault

SUFFIXES = frozenset(
    (".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".tif", ".tiff", ".gif", ".bmp")
)
OTHER_SUFFIXES = frozenset(
    (".heic", ".heif", ".avif", ".jp2", ".jxl", ".svg", ".psd", ".raw", ".cr2", ".nef", ".dng")
)
"""Pictures that are not read: these are reported, where a text file beside pictures is not."""


class Listing(NamedTuple):
    """The pictures of a folder: files, their categories if it has any, and what to tell of it."""

    files: list[Path]
    categories: list[str] | None
    remarks: list[str]


def list_folder(folder: Path) -> Listing:
    """The readable pictures of a folder in natural order, and their categories.

    Pictures directly in the folder have no categories, and its own folders are not read then.
    Otherwise every folder in it is a category, with all pictures in it however deep. Hidden files
    and folders are passed over. Only headers are looked at; what cannot be read is left out and
    named in a remark.

    Raises
    ------
    ValueError
        No picture is left.
    """
    files, folders = _entries(folder)
    inside = {inner.name: _walk(inner) for inner in folders}
    inside = {name: pictures for name, pictures in inside.items() if pictures}
    remarks: list[str] = []
    categories: list[str] | None = None
    if not files:
        files = [file for pictures in inside.values() for file in pictures]
        categories = [name for name, pictures in inside.items() for _ in pictures]
    elif inside:
        remarks.append(
            f"'{folder}' holds pictures beside folders of pictures ({_at_most_three(inside)}): "
            "only the pictures directly in it are read."
        )

    with warnings.catch_warnings(action="ignore"):  # Pillow's: one sentence of ours says it all
        faults = {file: fault for file in files if (fault := _fault(file))}
    told = [f"{folder.name}/{_inside(folder, file)} {fault}" for file, fault in faults.items()]
    if len(faults) == len(files):
        reason = f" ({_at_most_three(told)})" if told else ""
        raise ValueError(f"No pictures in '{folder}': {FORMATS_IN_WORDS} are read{reason}.")
    if faults:
        remarks.append(f"{_at_most_three(told)}; left out.")

    kept = [number for number, file in enumerate(files) if file not in faults]
    if categories is not None:
        categories = [categories[number] for number in kept]
    return Listing([files[number] for number in kept], categories, remarks)


def natural_order(name: str) -> list[tuple[int, int, str]]:
    """Sorting key by which ``img2`` stands before ``img10``."""
    parts = re.findall(r"[0-9]+|[^0-9]+", name.casefold())
    return [(0, int(part), "") if part[0] in "0123456789" else (1, 0, part) for part in parts]


def _entries(folder: Path) -> tuple[list[Path], list[Path]]:
    """Files that look like pictures, and folders, that lie directly in a folder, in order."""
    visible = [entry for entry in folder.iterdir() if not entry.name.startswith(".")]
    visible.sort(key=_place)
    files = [e for e in visible if e.suffix.lower() in SUFFIXES | OTHER_SUFFIXES and e.is_file()]
    return files, [entry for entry in visible if entry.is_dir()]


def _walk(folder: Path) -> list[Path]:
    """Files that look like pictures in a folder and, without following links, inside its own."""
    found: list[Path] = []
    for place, inner, _ in os.walk(folder):
        inner[:] = [name for name in inner if not name.startswith(".")]
        found += _entries(Path(place))[0]
    return sorted(found, key=lambda file: _place(file.relative_to(folder)))


def _place(path: Path) -> tuple[list[tuple[int, int, str]], str]:
    """Sorting key without the suffix: ``a.png`` before ``a (2).png``."""
    return natural_order(path.with_suffix("").as_posix()), path.as_posix()


def _fault(file: Path) -> str | None:
    """What keeps a file from being read, by its name or its header."""
    if file.suffix.lower() in OTHER_SUFFIXES:
        return f"is in a format that is not read ({FORMATS_IN_WORDS} are)"
    return header_fault(file)


def _inside(folder: Path, file: Path) -> str:
    return file.relative_to(folder).as_posix()


def _at_most_three(names: Sequence[str] | dict[str, list[Path]]) -> str:
    """At most three of the names, and how many more there are."""
    listed = list(names)
    if len(listed) <= 3:
        return ", ".join(listed)
    return f"{', '.join(listed[:3])} and {len(listed) - 3} more"
