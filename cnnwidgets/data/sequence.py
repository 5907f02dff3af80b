"""Pictures as a sequence that decodes each one when it is looked at, and keeps the last ones."""

import hashlib
import operator
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

from cnnwidgets.data.pictures import RGBPicture, read_picture

CACHE_BYTES = 64 * 2**20
"""Decoded pictures that are kept, in all sets together; the 305 embedded objects fit."""


@dataclass(frozen=True, eq=False)
class Source:
    """Where one picture comes from: a file, or an array that was read already."""

    content: Path | RGBPicture

    def digest(self) -> bytes:
        """SHA-256 of the file, or of the array and its shape."""
        if isinstance(self.content, Path):
            with self.content.open("rb") as opened:
                return hashlib.file_digest(opened, "sha256").digest()
        shape = repr(self.content.shape).encode()
        return hashlib.sha256(shape + self.content.tobytes()).digest()


class DecodedPictures:
    """The pictures that were looked at last, up to a number of bytes."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.size = 0
        self._kept: OrderedDict[Source, RGBPicture] = OrderedDict()
        self._lock = threading.Lock()

    def read(self, source: Source) -> RGBPicture:
        """The picture, decoded now or earlier; it cannot be written to."""
        if not isinstance(source.content, Path):
            return source.content
        with self._lock:
            if source in self._kept:
                self._kept.move_to_end(source)
                return self._kept[source]
        picture = read_picture(source.content)
        picture.flags.writeable = False
        with self._lock:
            if source not in self._kept:
                self._kept[source] = picture
                self.size += picture.nbytes
            while self.size > self.limit and len(self._kept) > 1:
                self.size -= self._kept.popitem(last=False)[1].nbytes
        return picture


_decoded = DecodedPictures(CACHE_BYTES)


class Pictures(Sequence[RGBPicture]):
    """Pictures [h, w, 3], uint8, read-only, each decoded when it is asked for."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = tuple(sources)

    def __len__(self) -> int:
        return len(self._sources)

    @overload
    def __getitem__(self, key: int) -> RGBPicture: ...
    @overload
    def __getitem__(self, key: slice) -> "Pictures": ...
    def __getitem__(self, key: int | slice) -> "RGBPicture | Pictures":
        if isinstance(key, slice):
            return Pictures(self._sources[key])
        number = operator.index(key)
        if not -len(self) <= number < len(self):
            raise IndexError(
                f"picture {number} does not exist: there are {len(self)}, counted from 0."
            )
        return _decoded.read(self._sources[number])

    def __add__(self, other: "Pictures") -> "Pictures":
        return Pictures(self._sources + other._sources)

    def __repr__(self) -> str:
        return f"Pictures({len(self)})"

    def file(self, number: int) -> Path | None:
        """Where a picture is read from; None where it was given as an array."""
        content = self._sources[number].content
        return content if isinstance(content, Path) else None

    def digest(self) -> Iterator[bytes]:
        """SHA-256 of every picture's content, in order."""
        return (source.digest() for source in self._sources)
