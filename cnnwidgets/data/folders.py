"""Which pictures lie in a folder, in which order, and to which categories they belong."""

import os
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from cnnwidgets.data.names import at_most_three, one_line
from cnnwidgets.data.picture_files import FORMATS_IN_WORDS, header_fault

SUFFIXES = frozenset(
    (".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".tif", ".tiff", ".gif", ".bmp")
)
OTHER_SUFFIXES = frozenset(
    (".heic", ".heif", ".avif", ".jp2", ".jxl", ".svg", ".psd", ".raw", ".cr2", ".nef", ".dng")
)
"""Pictures that are not read: these are reported, where a text file beside pictures is not."""

_PICTURES = SUFFIXES | OTHER_SUFFIXES

HEADERS_AT_ONCE = 2000
"""Files of a folder whose headers are looked at when it is listed: of more, none is.

A header takes some 40 microseconds on a local disk, and a hundred times that on a slow one.
"""

_LOOKED_AT = 100  # entries of a folder that is not read


class LeftOut(NamedTuple):
    """A file, or folder, that was not read, and why: "is empty"."""

    file: Path
    reason: str


class Listing(NamedTuple):
    """The pictures of a folder.

    Attributes
    ----------
    files, names : of each picture: its file, and where it lies in the folder ("dog/rex.png").
    categories : if it has any.
    left_out : what looks like a picture and is none.
    remarks : what to tell of it.
    """

    files: list[Path]
    names: list[str]
    categories: list[str] | None
    left_out: tuple[LeftOut, ...]
    remarks: list[str]


def list_folder(folder: Path) -> Listing:
    """The readable pictures of a folder in natural order, and their categories.

    Pictures directly in the folder have no categories, and its own folders are not read then.
    Otherwise every folder in it is a category, with all pictures in it however deep. Hidden files
    and folders are passed over. Only headers are looked at, of more than `HEADERS_AT_ONCE` files
    not even these; what cannot be read is left out.

    Raises
    ------
    ValueError
        No picture is left.
    OSError
        The folder cannot be opened.
    """
    shown = f"'{one_line(folder)}'"
    top = _entries(folder)
    faults = top.faults
    names, remarks = top.files, list[str]()
    categories: list[str] | None = None
    if not names:
        names, categories = [], []
        for category in top.folders:
            found = sorted(_walk(folder, category, faults), key=_place)
            names += found
            categories += [category] * len(found)
    elif inside := [name for name in top.folders if _holds_pictures(folder / name)]:
        remarks.append(
            f"{shown} holds pictures beside folders of pictures ({_quoted(inside)}): "
            "only the pictures directly in it are read."
        )

    faults |= _faults(folder, names)
    told = [f"{one_line(Path(folder.name, name).as_posix())} {faults[name]}" for name in faults]
    kept = [number for number, name in enumerate(names) if name not in faults]
    if not kept:
        reason = f" ({at_most_three(told)})" if told else ""
        raise ValueError(f"No pictures in {shown}: {FORMATS_IN_WORDS} are read{reason}.")
    if faults:
        remarks.append(f"{at_most_three(told)}; left out.")

    return Listing(
        files=[folder / names[number] for number in kept],
        names=[names[number] for number in kept],
        categories=None if categories is None else [categories[number] for number in kept],
        left_out=tuple(LeftOut(folder / name, fault) for name, fault in faults.items()),
        remarks=remarks,
    )


def natural_order(name: str) -> list[tuple[int, int, str]]:
    """Sorting key by which ``img2`` stands before ``img10``."""
    parts = re.findall(r"[0-9]+|[^0-9]+", name.casefold())
    return [(0, int(part), "") if part[0] in "0123456789" else (1, 0, part) for part in parts]


class _Entries(NamedTuple):
    """What lies directly in a folder: files that look like pictures, and folders, in order.

    `faults` are those that only look like files; `links` are the folders that are links.
    """

    files: list[str]
    folders: list[str]
    links: set[str]
    faults: dict[str, str]


def _entries(folder: Path) -> _Entries:
    with os.scandir(folder) as found:
        visible = [entry for entry in found if not entry.name.startswith(".")]
    inner = {entry.name: entry for entry in visible if _is_folder(entry)}
    folders = [entry for entry in inner.values() if not _leads_up(entry, folder)]
    files = [entry for entry in visible if _suffix(entry.name) in _PICTURES]
    files = [entry for entry in files if entry.name not in inner]
    odd = [entry.name for entry in files if not _is_file(entry)]
    faults = {name: header_fault(folder / name) or "" for name in sorted(odd, key=_place)}
    return _Entries(
        sorted((entry.name for entry in files if entry.name not in faults), key=_place),
        sorted((entry.name for entry in folders), key=_place),
        {entry.name for entry in folders if entry.is_symlink()},
        faults,
    )


def _walk(folder: Path, category: str, faults: dict[str, str]) -> Iterator[str]:
    """Files that look like pictures in a category and, without following links, inside its folders.

    By their place in the folder; what cannot be opened is added to the faults.
    """
    places = [category]
    while places:
        place = places.pop()
        try:
            found = _entries(folder / place)
        except OSError as error:
            faults[place] = f"cannot be opened ({error.strerror})"
            continue
        faults |= {f"{place}/{name}": fault for name, fault in found.faults.items()}
        places += [f"{place}/{name}" for name in found.folders if name not in found.links]
        yield from (f"{place}/{name}" for name in found.files)


def _holds_pictures(folder: Path) -> bool:
    """Whether pictures lie directly in a folder, as far as its first entries tell.

    Not deeper: the folder around it may be somebody's home.
    """
    try:
        with os.scandir(folder) as found:
            return any(
                _suffix(entry.name) in _PICTURES and not entry.name.startswith(".")
                for entry in islice(found, _LOOKED_AT)
                if _is_file(entry)
            )
    except OSError:
        return False


def _faults(folder: Path, names: list[str]) -> dict[str, str]:
    """What keeps files from being read: by their names, and where they are not many, by headers."""
    other = f"is in a format that is not read ({FORMATS_IN_WORDS} are)"
    faults = {name: other for name in names if _suffix(name) in OTHER_SUFFIXES}
    if len(names) > HEADERS_AT_ONCE:
        return faults
    for name in names:
        fault = faults.get(name) or header_fault(folder / name)
        if fault:
            faults[name] = fault
    return {name: faults[name] for name in names if name in faults}  # in order


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link in a circle, a folder that is closed to us
        return False


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:
        return False


def _leads_up(entry: os.DirEntry[str], folder: Path) -> bool:
    """Whether a link leads to the folder that it lies in, or above: all would come twice."""
    return entry.is_symlink() and folder.resolve().is_relative_to(Path(entry.path).resolve())


def _place(name: str) -> tuple[list[tuple[int, int, str]], str]:
    """Sorting key without the suffix: ``a.png`` before ``a (2).png``."""
    return natural_order(os.path.splitext(name)[0]), name


def _suffix(name: str) -> str:
    return os.path.splitext(name)[1].lower()


def _quoted(names: list[str]) -> str:
    return at_most_three([one_line(name) for name in names])
