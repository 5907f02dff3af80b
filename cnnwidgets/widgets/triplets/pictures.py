"""The objects' pictures on their way to the page: as they are where that is right, else encoded."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import lru_cache
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cnnwidgets.data import ImageSet
from cnnwidgets.views import encoding, sprite

LONGEST = 448
"""Pixels of a picture's longer side: twice what it is drawn at, for fine screens."""

MOST_BYTES = 100_000
"""A file up to this size may travel as it is."""

ORIENTATION = 0x0112
KEPT = 400
"""Pictures of which the encoded form is kept: the embedded objects, and more."""

TINY_KEPT = 4000


class TripletPictures:
    """Frames and small files of a set of pictures.

    Parameters
    ----------
    images : the pictures; None where objects are words: then there are no frames.
    """

    def __init__(self, images: ImageSet | None) -> None:
        self._images = images
        self._kept = lru_cache(KEPT)(self._encoded)
        self._tiny = lru_cache(TINY_KEPT)(self._thumbnail)

    def frame(self, number: int) -> encoding.Frame:
        """Give an object's picture; {} shows its name.

        Raises
        ------
        ValueError, OSError
            It cannot be read.
        """
        return sprite.packed(self.file(number)) if self._images is not None else {}

    def file(self, number: int) -> bytes:
        """Give an object's picture as a file of a few kilobytes: WebP, PNG or JPEG.

        Raises
        ------
        ValueError, OSError
            It cannot be read.
        """
        return self._kept(number)

    def files(self, numbers: Iterable[int]) -> dict[int, bytes]:
        """Give those of several objects that can be read."""
        return self._readable(numbers, self.file)

    def tiny(self, numbers: Iterable[int]) -> dict[int, bytes]:
        """Give the same as PNG files of at most `sprite.SIDE` pixels a side."""
        return self._readable(numbers, self._tiny)

    def _readable(self, numbers: Iterable[int], read: Callable[[int], bytes]) -> dict[int, bytes]:
        found = {}
        for number in numbers if self._images is not None else []:
            with suppress(OSError, ValueError):  # its triplets are left out, and said there
                found[number] = read(number)
        return found

    def pixels(self, number: int) -> NDArray[np.uint8]:
        """Give an object's picture, uint8 [h, w, 3]; of a word a white square."""
        if self._images is None:
            return np.full((8, 8, 3), 255, np.uint8)
        return np.asarray(self._images.images[number])

    def forget(self) -> None:
        """Let go of everything."""
        self._kept.cache_clear()
        self._tiny.cache_clear()

    def _encoded(self, number: int) -> bytes:
        assert self._images is not None
        # Read also where the file itself is sent: a page would show half of a damaged one.
        pixels, file = np.asarray(self._images.images[number]), self._images.images.file(number)
        if file is not None and _travels(file):
            return file.read_bytes()
        small = encoding.shrunk(pixels, LONGEST)
        buffer = BytesIO()
        Image.fromarray(small).save(buffer, "JPEG", quality=90)
        return buffer.getvalue()

    def _thumbnail(self, number: int) -> bytes:
        with Image.open(BytesIO(self.file(number))) as picture:
            small = picture.convert("RGBA")
        small.thumbnail((sprite.SIDE, sprite.SIDE), Image.Resampling.LANCZOS)
        buffer = BytesIO()
        small.save(buffer, "PNG", compress_level=1)
        return buffer.getvalue()


def _travels(file: Path) -> bool:
    """Tell whether a page shows a file as `read_picture` reads it; see-through parts stay so."""
    if file.stat().st_size > MOST_BYTES:
        return False
    with Image.open(file) as picture:
        plain = picture.getexif().get(ORIENTATION, 1) == 1 and getattr(picture, "n_frames", 1) == 1
        return plain and picture.format in ("WEBP", "PNG") and picture.mode in ("RGB", "RGBA")
