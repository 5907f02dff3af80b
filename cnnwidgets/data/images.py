"""Sets of pictures: embedded, from a folder, or from a list; decoded when they are looked at."""

import csv
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

from cnnwidgets.data.folders import LeftOut, list_folder
from cnnwidgets.data.names import did_you_mean, label, one_line, unique
from cnnwidgets.data.picture_files import header_fault
from cnnwidgets.data.pictures import PictureSource, RGBPicture, as_path, read_picture
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
    left_out : every file that was found and is not in the set, with the reason. Of a folder of more
        than 2000 pictures no header is looked at, so bad files are in the set, and raise when read.
    """

    names: tuple[str, ...]
    images: Pictures
    categories: tuple[str, ...] | None = None
    source: str | None = None
    left_out: tuple[LeftOut, ...] = ()

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[RGBPicture]:
        return iter(self.images)

    def __contains__(self, name: object) -> bool:
        return name in self._numbers or (isinstance(name, str) and label(name) in self._numbers)

    @overload
    def __getitem__(self, key: int | str) -> RGBPicture: ...
    @overload
    def __getitem__(self, key: slice) -> "ImageSet": ...
    def __getitem__(self, key: int | str | slice) -> "RGBPicture | ImageSet":
        if isinstance(key, slice):
            categories = None if self.categories is None else self.categories[key]
            return ImageSet(self.names[key], self.images[key], categories)
        if isinstance(key, str):
            key = key if key in self._numbers else label(key)
            if key not in self._numbers:
                raise KeyError(f"no picture is named '{key}'{did_you_mean(key, self.names)}.")
            key = self._numbers[key]
        return self.images[key]

    def __add__(self, other: "ImageSet") -> "ImageSet":
        """Both sets after each other; with categories only if both have them."""
        if not isinstance(other, ImageSet):
            return NotImplemented
        categories = None
        if self.categories is not None and other.categories is not None:
            categories = self.categories + other.categories
        names = unique([*self.names, *other.names])
        source = f"{self.source} + {other.source}" if self.source and other.source else None
        left_out = self.left_out + other.left_out
        return ImageSet(names, self.images + other.images, categories, source, left_out)

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
        It holds no pictures, or cannot be opened; an entry of a list cannot be read.

    Warns
    -----
    UserWarning
        Files that cannot be read are left out; the sentence names three at most, and
        `ImageSet.left_out` all. Of a folder of more than 2000 pictures no header is looked at:
        such a file raises its sentence when it is asked for.
    """
    if isinstance(source, str) and source in EMBEDDED:
        return _embedded(source)
    if isinstance(source, str | os.PathLike):
        made, remarks = _from_folder(as_path(source), _loading_line(os.fspath(source)))
        for remark in remarks:
            warnings.warn(remark, stacklevel=2)
        return made
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


def _from_folder(folder: Path, line: str) -> tuple[ImageSet, list[str]]:
    """A set from a folder, and what is to be told of it."""
    _check_folder(folder)
    found = list_folder(folder)
    names = unique([label(os.path.splitext(name)[0]) for name in found.names])
    kinds = None if found.categories is None else tuple(map(label, found.categories))
    pictures = Pictures([Source(file) for file in found.files])
    return ImageSet(names, pictures, kinds, line, found.left_out), found.remarks


def _loading_line(name: str) -> str:
    """The line that loads this again, with quotes and backslashes as Python wants them."""
    quoted = json.dumps(name, ensure_ascii=False) if name == one_line(name) else ascii(name)
    return f"cw.load_images({quoted})"


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
    return ImageSet(unique(names), Pictures(sources))


def _source(entry: PictureSource) -> Source:
    """An entry of a list, checked: a file by its header, anything else by reading it."""
    if not isinstance(entry, str | os.PathLike):
        picture = read_picture(entry)
        picture.flags.writeable = False
        return Source(picture)
    path = as_path(entry)
    if header_fault(path):
        read_picture(path)  # raises the sentence
    return Source(path)


def _name(entry: PictureSource) -> str:
    """The name of an entry's file without suffix, or nothing where it came from no file."""
    file = getattr(entry, "filename", "") if isinstance(entry, Image.Image) else entry
    return label(Path(file).stem) if isinstance(file, str | os.PathLike) else ""


def _check_folder(folder: Path) -> None:
    shown = f"'{one_line(folder)}'"
    try:
        is_folder, there = folder.is_dir(), folder.exists()
        if is_folder:
            os.scandir(folder).close()
    except OSError as error:  # closed to us, or a name that is too long
        raise ValueError(f"{shown} cannot be opened ({error.strerror}).") from error
    if there and not is_folder:
        raise NotADirectoryError(
            f"{shown} is a file; give its folder, or [{shown}] for this one picture."
        )
    if not there:
        near = [*EMBEDDED, *_folders_beside(folder)]
        raise FileNotFoundError(
            f"{shown} is no folder, and no set of the package: these are 'photos' and "
            f"'objects'{did_you_mean(str(folder), near)}."
        )


def _folders_beside(folder: Path) -> list[str]:
    try:
        return [str(entry) for entry in folder.parent.iterdir() if entry.is_dir()]
    except OSError:
        return []
