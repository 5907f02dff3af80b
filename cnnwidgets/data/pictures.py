"""One picture from anywhere as RGB, uint8, [height, width, 3], or a sentence that says why not."""

import os
import struct
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageFile, UnidentifiedImageError

RGBPicture = npt.NDArray[np.uint8]
PictureSource = str | os.PathLike[str] | Image.Image | np.ndarray

FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "GIF", "BMP")
FORMATS_IN_WORDS = "PNG, JPEG, WebP, TIFF, GIF and BMP"

PIXEL_LIMIT = 80_000_000
"""Most pixels that a picture may have: a small file can unpack to more than the memory holds."""

_SIGNATURES = (b"\x89PNG", b"\xff\xd8", b"RIFF", b"II*\x00", b"MM\x00*", b"GIF8", b"BM")

# What Pillow's decoders raise on damaged files; seen in a test that cuts and scrambles files.
_DECODER_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    RuntimeError,
    LookupError,
    TypeError,
    ArithmeticError,
    struct.error,
    zlib.error,
)

_decoding = threading.Lock()


def read_picture(source: PictureSource) -> RGBPicture:
    """One picture as RGB, whatever it was.

    The first frame of an animation; turned as its EXIF orientation says; transparency on white;
    grey as three equal channels; 16 bits scaled to 8. Colour profiles are not applied. A picture is
    read whole or not at all.

    Parameters
    ----------
    source : path, PIL image, or array
        An array is [h, w, 3], [h, w, 4] (alpha last), [h, w] or [h, w, 1], and uint8, uint16 (all
        65536 values), bool, or floating point in 0..1.

    Returns
    -------
    array [h, w, 3], uint8
        A copy: writing to it changes nothing else.

    Raises
    ------
    FileNotFoundError, IsADirectoryError
        There is no such file.
    ValueError
        The file is no picture, is cut short or damaged, or has more than `PIXEL_LIMIT` pixels; the
        array has another shape or range.
    TypeError
        The source is none of these things, or the array has another type of number.
    """
    if isinstance(source, np.ndarray):
        return _from_array(source)
    if isinstance(source, Image.Image):
        return _from_image(source, "the picture")
    if isinstance(source, str | os.PathLike):
        return _from_file(Path(source).expanduser())
    raise TypeError(
        "a picture is a path, a PIL image or a numpy array [height, width, 3]; "
        f"got {type(source).__name__}."
    )


def header_fault(path: Path) -> str | None:
    """What keeps a file from being read as far as its header tells ("is empty"), or None."""
    try:
        with Image.open(path, formats=FORMATS) as image:
            return _size_fault(image)
    except UnidentifiedImageError:
        return _content_fault(path)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return f"is too large: at most {PIXEL_LIMIT // 1_000_000} million pixels are read"
    except OSError as error:
        if error.strerror:
            return f"cannot be opened ({error.strerror})"
        return "is cut short or damaged"
    except _DECODER_ERRORS:
        return "is cut short or damaged"


def _size_fault(image: Image.Image) -> str | None:
    """What is wrong with a picture's size, or None."""
    width, height = image.size
    if width * height == 0:
        return f"has no pixels ({width} x {height})"
    if width * height > PIXEL_LIMIT:
        limit = f"at most {PIXEL_LIMIT // 1_000_000} million pixels are read"
        return f"is too large ({width} x {height}): {limit}"
    return None


def _content_fault(path: Path) -> str:
    """Why Pillow did not recognize a file: nothing in it, its beginning alone, or another thing."""
    with path.open("rb") as opened:
        beginning = opened.read(8)
    if not beginning:
        return "is empty"
    if beginning.startswith(_SIGNATURES):
        return "is cut short or damaged"
    return f"is no picture that can be read ({FORMATS_IN_WORDS} are)"


def _from_file(path: Path) -> RGBPicture:
    if path.is_dir():
        raise IsADirectoryError(f"'{path}' is a folder; load_images reads folders.")
    if not path.exists():
        raise FileNotFoundError(f"'{path}' does not exist; give the path of a picture.")
    fault = header_fault(path)
    if fault:
        raise ValueError(f"'{path}' {fault}.")
    with Image.open(path, formats=FORMATS) as image:
        return _from_image(image, f"'{path}'")


def _from_image(image: Image.Image, name: str) -> RGBPicture:
    """A PIL image, loaded or not, as RGB; `name` stands in the errors."""
    fault = _size_fault(image)
    if fault:
        raise ValueError(f"{name} {fault}.")
    if getattr(image, "tile", None) and getattr(image, "fp", None) is None:
        raise ValueError(f"{name} belongs to a file that is closed; give its path instead.")
    try:
        with _whole_pictures_only():
            image.load()
        # Asked after loading: Pillow turns some formats itself and then takes the tag away.
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    except _DECODER_ERRORS as error:
        raise ValueError(f"{name} is cut short or damaged; save or fetch it again.") from error
    return np.ascontiguousarray(_turned(_rgb(image, name), orientation))


@contextmanager
def _whole_pictures_only() -> Iterator[None]:
    """Have Pillow refuse files that are cut short, whatever other code in the process told it."""
    with _decoding:
        before = ImageFile.LOAD_TRUNCATED_IMAGES
        ImageFile.LOAD_TRUNCATED_IMAGES = False
        try:
            yield
        finally:
            ImageFile.LOAD_TRUNCATED_IMAGES = before


def _rgb(image: Image.Image, name: str) -> RGBPicture:
    """A loaded image of any mode as RGB."""
    if image.mode == "F" or image.mode.startswith("I;16"):
        # Pillow's own conversion cuts these off at 255.
        grey = _eight_bits(np.asarray(image), name)
        return np.repeat(grey[:, :, None], 3, axis=2)
    if image.mode == "I":
        raise ValueError(f"{name} has 32-bit whole numbers; save it with 8 or 16 bits.")
    try:
        if image.has_transparency_data:
            opaque = Image.new("RGBA", image.size, "white")
            opaque.alpha_composite(image.convert("RGBA"))
            image = opaque
        return np.array(image.convert("RGB"))
    except ValueError as error:
        raise ValueError(
            f"{name} has colour mode {image.mode}, which does not turn into RGB; save it as RGB."
        ) from error


def _turned(picture: RGBPicture, orientation: int) -> RGBPicture:
    """A stored picture as it is meant to be seen, by its EXIF orientation 1..8.

    Orientations 5 to 8 have rows and columns exchanged; then some axes run backwards.
    """
    if orientation in (5, 6, 7, 8):
        picture = picture.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        picture = picture[::-1]
    if orientation in (2, 3, 6, 7):
        picture = picture[:, ::-1]
    return picture


def _from_array(array: np.ndarray) -> RGBPicture:
    """An array of any admitted shape and type of number as RGB."""
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 3, 4)):
        turn = array.ndim == 3 and array.shape[0] in (1, 3, 4)
        remedy = "turn its axes with .transpose(1, 2, 0)" if turn else "give it in one of these"
        raise ValueError(
            "a picture is an array [height, width, 3], [height, width, 4] or [height, width]; "
            f"this one has shape {list(array.shape)}: {remedy}."
        )
    if array.size == 0:
        raise ValueError(f"the picture has no pixels (shape {list(array.shape)}).")
    picture = _eight_bits(array, "the picture")
    if picture.ndim == 2:
        picture = picture[:, :, None]
    if picture.shape[2] == 4:
        return _rgb(Image.fromarray(np.ascontiguousarray(picture)), "the picture")
    return np.array(np.broadcast_to(picture, (*picture.shape[:2], 3)))


def _eight_bits(values: np.ndarray, name: str) -> RGBPicture:
    """Pixel values of any admitted type as uint8, black to white."""
    if values.dtype == np.uint8:
        return values
    if values.dtype == bool:
        return values.astype(np.uint8) * np.uint8(255)
    if values.dtype.kind == "u" and values.dtype.itemsize == 2:
        return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)
    if values.dtype.kind != "f":
        raise TypeError(
            f"{name} has numbers of type {values.dtype}; uint8, uint16, bool and floating point "
            "are read, so convert it with .astype('uint8') if it runs from 0 to 255."
        )
    low, high = float(values.min()), float(values.max())  # NaN where any value is NaN
    if not (low >= 0 and high <= 1):
        raise ValueError(
            f"{name} is in floating point, which runs from 0 to 1, but this one runs from "
            f"{low:g} to {high:g}; scale it first."
        )
    return np.rint(values.astype(np.float64) * 255).astype(np.uint8)
