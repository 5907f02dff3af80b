"""Files of pictures: which are read, what keeps one from being read, and Pillow kept in order."""

import os
import stat
import struct
import threading
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from PIL import Image, ImageFile, UnidentifiedImageError

FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "GIF", "BMP")
FORMATS_IN_WORDS = "PNG, JPEG, WebP, TIFF, GIF and BMP"

PIXEL_LIMIT = 80_000_000
"""Most pixels that a picture may have: a small file can unpack to more than the memory holds."""

FILE_LIMIT = 2**30
"""Most bytes that a file may have: some formats are read into memory whole to see their header."""

DAMAGED = "is cut short or damaged"

_SIGNATURES = (b"\x89PNG", b"\xff\xd8", b"RIFF", b"II*\x00", b"MM\x00*", b"GIF8", b"BM")

# What Pillow's decoders raise on damaged files; seen in a test that cuts and scrambles files.
DECODER_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    RuntimeError,
    LookupError,
    TypeError,
    ArithmeticError,
    MemoryError,  # a header that asks for more than there is
    struct.error,
    zlib.error,
)

_decoding = threading.RLock()
_readers: list[int] = []  # the thread that is in the block below, as often as it entered


class _WhileReading:
    """Stands in a filter of warnings where a pattern of modules would: Pillow's, while we read."""

    def match(self, module: str) -> bool:
        """Tell whether the filter holds for a warning of a module."""
        return module.startswith("PIL.") and threading.get_ident() in _readers


_SILENCE = ("ignore", None, Warning, _WhileReading(), 0)


@contextmanager
def pillow_in_order() -> Iterator[None]:
    """Have Pillow refuse files that are cut short, and say nothing: one sentence of ours says all.

    Whatever other code in the process told it, and until the block ends.
    """
    with _decoding:
        _stand_in_front()
        _readers.append(threading.get_ident())
        before = ImageFile.LOAD_TRUNCATED_IMAGES
        ImageFile.LOAD_TRUNCATED_IMAGES = False
        try:
            yield
        finally:
            ImageFile.LOAD_TRUNCATED_IMAGES = before
            _readers.pop()


def _stand_in_front() -> None:
    """Put our filter before the others, and leave it there: it holds only while we read.

    To take it away, or to put back the filters of before as `warnings.catch_warnings` does, would
    undo what another thread does to them meanwhile, for good.
    """
    filters: list[Any] = warnings.filters  # type: ignore[assignment]
    if filters[:1] != [_SILENCE]:
        with suppress(ValueError):
            filters.remove(_SILENCE)
        filters.insert(0, _SILENCE)


def header_fault(path: Path) -> str | None:
    """What keeps a file from being read as far as its header tells ("is empty"), or None."""
    fault = _entry_fault(path)
    if fault:
        return fault
    try:
        with pillow_in_order(), Image.open(path, formats=FORMATS) as image:
            return size_fault(*image.size)
    except UnidentifiedImageError:
        return _content_fault(path)
    except Image.DecompressionBombError:
        return _bomb_fault()
    except OSError as error:
        return _not_opened(error) if error.strerror else DAMAGED
    except DECODER_ERRORS:
        return DAMAGED


def size_fault(width: int, height: int) -> str | None:
    """What is wrong with a picture's size, or None."""
    if width * height == 0:
        return f"has no pixels ({width} x {height})"
    if width * height > PIXEL_LIMIT:
        limit = f"at most {PIXEL_LIMIT // 1_000_000} million pixels are read"
        return f"is too large ({width} x {height}): {limit}"
    return None


def _bomb_fault() -> str:
    """What Pillow found too large before we could look: by its limit, which the user may change."""
    own = Image.MAX_IMAGE_PIXELS
    if own is not None and 2 * own < PIXEL_LIMIT:
        return f"is too large: PIL.Image.MAX_IMAGE_PIXELS is {own}, and twice as many are read"
    return f"is too large: at most {PIXEL_LIMIT // 1_000_000} million pixels are read"


def _entry_fault(path: Path) -> str | None:
    """What is wrong with a file before it is opened: to open a pipe is to wait for its writer."""
    try:
        found = path.stat()
    except (FileNotFoundError, ValueError):  # a name that no file can have
        return "is a link that leads nowhere" if path.is_symlink() else "is not there any more"
    except OSError as error:
        return _not_opened(error)
    if not stat.S_ISREG(found.st_mode):
        return "is no file"
    if found.st_size > FILE_LIMIT:
        return f"is too large ({found.st_size / 2**30:.1f} GiB): at most 1 GiB is read"
    return None


def _content_fault(path: Path) -> str:
    """Why Pillow did not recognize a file: nothing in it, its beginning alone, or another thing."""
    try:
        with path.open("rb") as opened:
            beginning = opened.read(8)
    except OSError as error:
        return _not_opened(error)
    if not beginning:
        return "is empty"
    if beginning.startswith(_SIGNATURES):
        return DAMAGED
    return f"is no picture that can be read ({FORMATS_IN_WORDS} are)"


def _not_opened(error: OSError) -> str:
    return f"cannot be opened ({os.strerror(error.errno) if error.errno else error.strerror})"
