"""What a network is given: the checks of shape, mean, deviation and lists of pictures."""

from collections.abc import Sequence

import numpy as np

from cnnwidgets.models.preprocess import Picture


def several(pictures: Sequence[Picture]) -> Sequence[Picture]:
    """Give pictures as a list of at least one; an array [N, h, w, 3] is one, too."""
    if isinstance(pictures, np.ndarray) and pictures.ndim == 4:
        return list(pictures)
    if not isinstance(pictures, list | tuple) or not pictures:
        raise TypeError(
            "pictures must be a list of pictures with at least one in it, "
            f"got {type(pictures).__name__}"
        )
    return pictures


def checked_shape(shape: tuple[int, int, int]) -> tuple[int, int, int]:
    """Give (channels, height, width), or refuse what is none."""
    if len(shape) != 3 or any(not isinstance(n, int) or n < 1 for n in shape):
        raise ValueError(
            f"input_shape must be (channels, height, width), each at least 1, got {shape!r}"
        )
    return (shape[0], shape[1], shape[2])


def per_channel(name: str, values: Sequence[float], channels: int) -> tuple[float, ...]:
    """Give a number for each channel; deviations are above 0."""
    numbers = tuple(map(float, values))
    if len(numbers) != channels or (name == "std" and min(numbers) <= 0):
        above = " above 0" if name == "std" else ""
        raise ValueError(
            f"{name} must have {channels} numbers{above}, one a channel, got {list(numbers)}"
        )
    return numbers
