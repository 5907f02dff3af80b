"""Sets of pictures: embedded, from a folder, or from a list; decoded when they are looked at."""

import csv
import difflib
import hashlib
import json
import os
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import overload

import numpy as np
from PIL import Image

from cnnwidgets.data.folders import list_folder
from cnnwidgets.data.pictures import PictureSource, RGBPicture, header_fault, read_picture
from cnnwidgets.data.sequence import Pictures, Source

EMBEDDED = ("photos", "objects")


@dataclass(frozen=True, eq=False, repr=False)
class ImageSet:
    """Pictures with their names and, where there are any, their categories.

    ``images[3]`` and ``images["chelsea"]`` are one picture, ``images[:5]`` is a set,
    ``images + more`` is both sets after each other.

    Attributes
    ----------
    names : no name occurs twice.
    images : uint8 [h, w, 3] each, of any size, read-only; decoded when asked for.
    categories : one for each picture, or None.
    source : the line of code that makes the set, or None.
    """

    names: tuple[str, ...]
    images: Pictures
    categories: tuple[str, ...] | None = None
    source: str | None = None

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[RGBPicture]:
        return iter(self.images)

    def __contains__(self, name: object) -> bool:
        return name in self._numbers

    @overload
    def __getitem__(self, key: int | str) -> RGBPicture: ...
    @overload
    def __getitem__(self, key: slice) -> "ImageSet": ...
    def __getitem__(self, key: int | str | slice) -> "RGBPicture | ImageSet":
        if isinstance(key, slice):
            categories = None if self.categories is None else self.categories[key]
            return ImageSet(self.names[key], self.images[key], categories)
        if isinstance(key, str):
            if key not in self._numbers:
                raise KeyError(f"no picture is named '{key}'{_did_you_mean(key, self.names)}.")
            key = self._numbers[key]
        return self.images[key]

    def __add__(self, other: "ImageSet") -> "ImageSet":
        """Both sets after each other; with categories only if both have them."""
        if not isinstance(other, ImageSet):
            return NotImplemented
        categories = None
        if self.categories is not None and other.categories is not None:
            categories = self.categories + other.categories
        names = _unique([*self.names, *other.names])
        source = f"{self.source} + {other.source}" if self.source and other.source else None
        return ImageSet(names, self.images + other.images, categories, source)

    def __repr__(self) -> str:
        count = f"{len(self)} picture{'s' * (len(self) != 1)}"
        if self.categories is not None:
            count += f" in {len(set(self.categories))} categories"
        shown = ", ".join(self.names[:3]) + ", ..." * (len(self) > 3)
        return f"ImageSet({count}: {shown})" if self.names else "ImageSet(0 pictures)"

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of names, categories and contents (a file's bytes, an array's values), in hex."""
        labels = hashlib.sha256(repr((self.names, self.categories)).encode())
        for digest in self.images.digest():
            labels.update(digest)
        return labels.hexdigest()

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self.names)}


def load_images(source: str | os.PathLike[str] | Sequence[PictureSource] | np.ndarray) -> ImageSet:
    """A set of pictures from the package, a folder or a list.

    Parameters
    ----------
    source : "photos", "objects", a folder, or a list
        "photos" are ten photographs; "objects" are 305 named things on white, with groups as
        categories. A folder whose pictures lie in folders has these as categories; a flat one has
        none (see `cnnwidgets.data.folders`). A folder that is itself named "photos" is "./photos".
        A list holds PIL images, arrays or paths, as `read_picture` takes them; an array
        [n, h, w, 3] is a list, too.

    Returns
    -------
    ImageSet
        In the order of the list, or in natural order (2 before 10). Names are the files' names
        without suffix, behind their category's ("dog/rex"), or "picture 1", "picture 2", ...; one
        that was there already gets "#2".

    Raises
    ------
    FileNotFoundError, NotADirectoryError
        There is no such folder or set.
    ValueError, TypeError
        It holds no pictures; an entry of a list cannot be read.

    Warns
    -----
    UserWarning
        Files that cannot be read are left out; the sentence names three at most.
    """
    if isinstance(source, str) and source in EMBEDDED:
        return _embedded(source)
    if isinstance(source, str | os.PathLike):
        folder = Path(source).expanduser()
        _check_folder(folder)
        found, categories, remarks = list_folder(folder)
        for remark in remarks:
            warnings.warn(remark, stacklevel=2)
        names = [file.relative_to(folder).with_suffix("").as_posix() for file in found]
        pictures = Pictures([Source(file) for file in found])
        kinds = None if categories is None else tuple(categories)
        return ImageSet(_unique(names), pictures, kinds, _loading_line(os.fspath(source)))
    if isinstance(source, list | tuple) or (isinstance(source, np.ndarray) and source.ndim == 4):
        return _listed(list(source))
    raise TypeError(
        "pictures come from 'photos', 'objects', a folder, or a list of PIL images, arrays or "
        f"paths; got {type(source).__name__}."
    )


def _embedded(name: str) -> ImageSet:
    """A set that lies in the package, in the order of its table."""
    folder = Path(str(files("cnnwidgets.data") / name))
    with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as opened:
        rows = list(csv.DictReader(opened))
    if name == "photos":
        pictures = Pictures([Source(folder / row["file"]) for row in rows])
        return ImageSet(tuple(row["name"] for row in rows), pictures, source=_loading_line(name))
    # THINGS' own names, so that its human choices can be joined.
    names = tuple(row["things_uniqueID"] for row in rows)
    pictures = Pictures([Source(folder / f"{name}.webp") for name in names])
    groups = tuple(row["group"] for row in rows)
    return ImageSet(names, pictures, groups, _loading_line(name))


def _loading_line(name: str) -> str:
    """The line that loads this again, with quotes and backslashes as Python wants them."""
    return f"cw.load_images({json.dumps(name, ensure_ascii=False)})"


def _listed(entries: Sequence[PictureSource]) -> ImageSet:
    """A set from a list; all but files are read, and so copied, at once."""
    if not entries:
        raise ValueError("No pictures: the list is empty.")
    sources: list[Source] = []
    names: list[str] = []
    for number, entry in enumerate(entries, start=1):
        try:
            sources.append(_source(entry))
        except (ValueError, TypeError) as error:
            raise type(error)(f"entry {number} of the list: {error}") from error
        names.append(_name(entry) or f"picture {number}")
    return ImageSet(_unique(names), Pictures(sources))


def _source(entry: PictureSource) -> Source:
    """An entry of a list, checked: a file by its header, anything else by reading it."""
    if not isinstance(entry, str | os.PathLike):
        picture = read_picture(entry)
        picture.flags.writeable = False
        return Source(picture)
    path = Path(entry).expanduser()
    if not path.is_file() or header_fault(path):
        read_picture(path)  # raises the sentence
    return Source(path)


def _name(entry: PictureSource) -> str:
    """The name of an entry's file without suffix, or nothing where it came from no file."""
    file = getattr(entry, "filename", "") if isinstance(entry, Image.Image) else entry
    return Path(file).stem if isinstance(file, str | os.PathLike) else ""


def _check_folder(folder: Path) -> None:
    if folder.is_file():
        raise NotADirectoryError(
            f"'{folder}' is a file; give its folder, or ['{folder}'] for this one picture."
        )
    if not folder.exists():
        beside = folder.parent.iterdir() if folder.parent.is_dir() else ()
        near = [*EMBEDDED, *(str(entry) for entry in beside if entry.is_dir())]
        raise FileNotFoundError(
            f"'{folder}' is no folder, and no set of the package: these are 'photos' and "
            f"'objects'{_did_you_mean(str(folder), near)}."
        )


def _unique(names: Sequence[str]) -> tuple[str, ...]:
    """The names, with "#2", "#3", ... behind those that stood there before."""
    unique: dict[str, None] = {}  # a set that keeps its order
    for name in names:
        candidate, count = name, 1
        while candidate in unique:
            count += 1
            candidate = f"{name}#{count}"
        unique[candidate] = None
    return tuple(unique)


def _did_you_mean(name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean '{near[0]}'?" if near else ""
