"""One picture from anywhere as RGB, uint8, [height, width, 3], or a sentence that says why not."""

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image

from cnnwidgets.data.grey_levels import GreyLevels, grey_levels
from cnnwidgets.data.names import one_line
from cnnwidgets.data.picture_files import (
    DAMAGED,
    DECODER_ERRORS,
    FORMATS,
    header_fault,
    pillow_in_order,
    size_fault,
)

RGBPicture = npt.NDArray[np.uint8]
PictureSource = str | os.PathLike[str] | Image.Image | np.ndarray

_AT_ONCE = 2**20
"""Pixels that are converted together, so that what is made on the way stays small."""


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
        The file is no picture, is cut short or damaged, or has more than 80 million pixels; the
        array has another shape or range.
    TypeError
        The source is none of these things, or the array has another type of number.
    """
    if isinstance(source, np.ndarray):
        return _from_array(source)
    if isinstance(source, Image.Image):
        return _from_image(source, "the picture")
    if isinstance(source, str | os.PathLike):
        return _from_file(as_path(source))
    raise TypeError(
        "a picture is a path, a PIL image or a numpy array [height, width, 3]; "
        f"got {type(source).__name__}."
    )


def as_path(source: str | os.PathLike[str]) -> Path:
    """A path as it was given, with ~ as the user's folder where there is one."""
    try:
        return Path(source).expanduser()
    except RuntimeError:  # "~somebody", whom the system does not know
        return Path(source)


def _from_file(path: Path) -> RGBPicture:
    name = f"'{one_line(path)}'"
    try:
        folder, there = path.is_dir(), path.exists() or path.is_symlink()
    except OSError as error:  # a name that is too long, a folder that is closed to us
        raise ValueError(f"{name} cannot be opened ({error.strerror}).") from error
    if folder:
        raise IsADirectoryError(f"{name} is a folder; load_images reads folders.")
    if not there:
        raise FileNotFoundError(f"{name} does not exist; give the path of a picture.")
    fault = header_fault(path)
    if fault:
        raise ValueError(f"{name} {fault}.")
    with pillow_in_order():
        try:
            image = Image.open(path, formats=FORMATS)
        except DECODER_ERRORS as error:
            raise ValueError(f"{name} changed while it was read; try again.") from error
        with image:
            return _from_image(image, name)


def _from_image(image: Image.Image, name: str) -> RGBPicture:
    """A PIL image, loaded or not, as RGB; `name` stands in the errors."""
    fault = size_fault(*image.size)
    if fault:
        raise ValueError(f"{name} {fault}.")
    if getattr(image, "tile", None) and getattr(image, "fp", None) is None:
        raise ValueError(f"{name} belongs to a file that is closed; give its path instead.")
    try:
        levels = grey_levels(image)
    except ValueError as error:
        raise ValueError(f"{name} {error}.") from None
    try:
        with pillow_in_order():
            image.load()
            # Asked after loading: Pillow turns some formats itself and then takes the tag away.
            orientation = _orientation(image)
    except MemoryError as error:
        raise ValueError(f"{name} does not fit into memory; make it smaller.") from error
    except DECODER_ERRORS as error:
        raise ValueError(f"{name} {DAMAGED}; save or fetch it again.") from error
    return np.ascontiguousarray(_turned(_rgb(image, name, levels), orientation))


def _orientation(image: Image.Image) -> object:
    """What EXIF says of how a picture lies; as it is where the picture is whole and EXIF is not."""
    try:
        return image.getexif().get(ExifTags.Base.Orientation, 1)
    except DECODER_ERRORS:
        return 1


def _rgb(image: Image.Image, name: str, levels: GreyLevels) -> RGBPicture:
    """A loaded image of any mode as RGB."""
    if image.mode == "I":
        raise ValueError(f"{name} has 32-bit whole numbers; save it with 8 or 16 bits.")
    width, height = image.size
    picture = np.empty((height, width, 3), np.uint8)
    rows = max(1, _AT_ONCE // width)
    for top in range(0, height, rows):
        part = image.crop((0, top, width, min(top + rows, height))) if rows < height else image
        picture[top : top + rows] = _part_as_rgb(part, name, levels)
    return picture


def _part_as_rgb(image: Image.Image, name: str, levels: GreyLevels) -> RGBPicture:
    if image.mode == "F" or image.mode.startswith("I;16") or levels.clear is not None:
        # Pillow's own conversion cuts these off at 255.
        values = np.asarray(image)
        grey = _eight_bits(values, name, levels.largest)
        grey = 255 - grey if levels.inverted else grey
        grey = (
            grey if levels.clear is None else np.where(values == levels.clear, np.uint8(255), grey)
        )
        return grey[:, :, None]
    try:
        if image.has_transparency_data:
            opaque = Image.new("RGBA", image.size, "white")
            opaque.alpha_composite(image.convert("RGBA"))
            image = opaque
        return np.asarray(image.convert("RGB"))
    except ValueError as error:
        raise ValueError(
            f"{name} has colour mode {image.mode}, which does not turn into RGB; save it as RGB."
        ) from error


def _turned(picture: RGBPicture, orientation: object) -> RGBPicture:
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
    array = np.asarray(array)  # a matrix would stay flat, and a masked array keep its mask
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 3, 4)):
        turn = array.ndim == 3 and array.shape[0] in (1, 3, 4)
        remedy = "turn its axes with .transpose(1, 2, 0)" if turn else "give it in one of these"
        raise ValueError(
            "a picture is an array [height, width, 3], [height, width, 4] or [height, width]; "
            f"this one has shape {list(array.shape)}: {remedy}."
        )
    if array.size == 0:
        raise ValueError(f"the picture has no pixels (shape {list(array.shape)}).")
    fault = size_fault(array.shape[1], array.shape[0])
    if fault:
        raise ValueError(f"the picture {fault}.")
    picture = _eight_bits(array, "the picture")
    if picture.ndim == 2:
        picture = picture[:, :, None]
    if picture.shape[2] == 4:
        return _rgb(Image.fromarray(np.ascontiguousarray(picture)), "the picture", GreyLevels())
    return np.array(np.broadcast_to(picture, (*picture.shape[:2], 3)))


def _eight_bits(values: np.ndarray, name: str, largest: int = 65535) -> RGBPicture:
    """Pixel values of any admitted type as uint8, black to white."""
    if values.dtype == np.uint8:
        return values
    if values.dtype == bool:
        return values.astype(np.uint8) * np.uint8(255)
    if values.dtype.kind == "u" and values.dtype.itemsize == 2:
        return ((values.astype(np.uint32) * 255 + largest // 2) // largest).astype(np.uint8)
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
