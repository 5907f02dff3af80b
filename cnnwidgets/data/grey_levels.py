"""What the numbers of a grey picture stand for, where Pillow gives them as they lie in the file."""

from typing import NamedTuple

from PIL import Image

_BITS, _PHOTOMETRIC = 258, 262  # tags of TIFF
_STEPS = {"L;2": 85, "L;4": 17}  # what Pillow makes of 1 in grey of 2 and 4 bits
_DEEP_COLOURS = "RGB;16B"


class GreyLevels(NamedTuple):
    """What the numbers stand for.

    Attributes
    ----------
    largest : the most that a whole number can be.
    inverted : 0 is white, and the most is black.
    clear : the number that is transparent, where Pillow would not find it.
    """

    largest: int = 65535
    inverted: bool = False
    clear: int | None = None


def grey_levels(image: Image.Image) -> GreyLevels:
    """Ask a picture, before it is loaded, what its grey levels stand for.

    Raises
    ------
    ValueError
        Pillow takes half of each number away, and of the transparent colour none.
    """
    raw = {str(tile.args) for tile in getattr(image, "tile", ())}
    key = image.info.get("transparency")
    if _DEEP_COLOURS in raw and key is not None:
        raise ValueError("has 16-bit colours, one of them transparent; save it with 8 bits")
    if image.mode == "L" and isinstance(key, int):
        step = next((_STEPS[mode] for mode in raw if mode in _STEPS), 0)
        return GreyLevels(clear=key * step if step else None)
    if image.mode != "F" and not image.mode.startswith("I;16"):
        return GreyLevels()
    tags = getattr(image, "tag_v2", None)
    if tags is None:
        return GreyLevels(clear=key if isinstance(key, int) else None)
    bits = tags.get(_BITS, (16,))[0]
    return GreyLevels(2 ** min(bits, 16) - 1, tags.get(_PHOTOMETRIC, 0) == 0)
