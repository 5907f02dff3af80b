"""Display: from a signed picture or an activation map to the colours that stand for it.

Display only: no number that is read off, exported as data or compared passes through here.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Floats = NDArray[np.floating]

SALIENT_QUANTILE = 0.005
"""Share of values darker than the darkest anchor (Mahendran and Vedaldi 2016, their code)."""
NEGLIGIBLE = 1e-5
"""A quantile below this share of the largest value says nothing about the picture."""
OVERLAY_STRENGTH = 0.8
OVERLAY_POWER = 1.1
"""Opacity of an overlay is strength x value ** power, so a silent place shows the photograph."""


def colour_table(anchors: Sequence[str]) -> Bytes:
    """256 colours [256, 3] through evenly spaced `anchors` ("rrggbb"), linear between them."""
    points = np.array([list(bytes.fromhex(anchor)) for anchor in anchors], dtype=float)
    places = np.linspace(0, 255, len(points))
    channels = [np.interp(np.arange(256), places, points[:, channel]) for channel in range(3)]
    return np.rint(np.stack(channels, axis=1)).astype(np.uint8)


# Every eighth colour of viridis (N. Smith and S. van der Walt, CC0); linear between them it is
# never more than 2 of 255 away from the full table.
VIRIDIS = colour_table(
    "440154 470d60 48186a 482374 472d7b 453681 424086 3f4989 3b528b 375a8d 33638d 2f6a8e 2c728e "
    "297a8e 26818e 23898e 21908c 1f988b 1f9f88 21a685 28ae80 31b57b 3ebc74 4cc26c 5dc963 6ece58 "
    "82d34c 96d83f abdc32 c0df24 d5e21a eae51a fde725".split()
)
"""Sequential colours for maps that begin at zero, dark end first [256, 3]."""
DIVERGING = colour_table("0b2d5b 3f6a9c 808080 c9a06b ffe3b0".split())
"""Colours for signed maps with symmetric limits; zero is the mid grey at 128 [256, 3]."""


def contrast_limit(image: Floats) -> float:
    """Magnitude `a` that is drawn as almost black (-a) and almost white (+a).

    Parameters
    ----------
    image
        Signed values of any shape; where only a window of the canvas was computed, that window
        (zeros around it would change the quantile).

    Returns
    -------
    float
        Magnitude of the 0.5 % quantile; where that is negligible or not negative, of the smallest
        value; where nothing is negative, the largest value; 0 for an empty or silent picture.

    Notes
    -----
    The authors' code calls a quantile negligible below 1e-5 on its own scale. Here the threshold
    is relative to the largest magnitude, so that a picture looks the same whether the seed was 1
    or the unit's response (the reconstruction is homogeneous of degree 1 in its seed).

    References
    ----------
    .. [1] A. Mahendran and A. Vedaldi, Salient deconvolutional networks, ECCV 2016, section 4.
    """
    values = np.asarray(image)[np.isfinite(image)]
    if values.size == 0:
        return 0.0
    largest = float(np.abs(values).max())
    quantile = float(np.quantile(values, SALIENT_QUANTILE))
    if quantile < -NEGLIGIBLE * largest:
        return -quantile
    smallest = float(values.min())
    return -smallest if smallest < 0 else largest


def squash(image: Floats, limit: float) -> Floats:
    """Signed values to 0..1: sigmoid(ln 99 * x / limit), so -limit -> .01, 0 -> .5, limit -> .99.

    A limit of 0 gives .5 everywhere: there is nothing to see.
    """
    values = np.asarray(image, dtype=np.float32)
    if limit <= 0:
        return np.full_like(values, 0.5)
    # The sigmoid written with tanh has no exponential that could overflow.
    return 0.5 + 0.5 * np.tanh(np.nan_to_num(values) * float(0.5 * np.log(99.0) / limit))


def salient_contrast(image: Floats, limit: float | None = None) -> tuple[Bytes, float]:
    """A reconstruction as colours: zero mid grey, 0.5 % of the values darker than .01.

    Parameters
    ----------
    image : float [c, h, w]
        One channel is drawn in grey, three as red, green, blue; any other number as their mean.
    limit
        Keep this scale (while a slider moves); by default `contrast_limit(image)`.

    Returns
    -------
    pixels : uint8 [h, w, 3]
    limit : float
        The scale that was used, in the units of `image`.

    Raises
    ------
    ValueError
        If `image` is not [c, h, w].
    """
    image = _planes(image)
    if image.shape[0] not in (1, 3):
        image = image.mean(axis=0, keepdims=True)
    used = contrast_limit(image) if limit is None else float(limit)
    tones = np.rint(255 * squash(image, used)).astype(np.uint8)
    pixels = np.broadcast_to(np.moveaxis(tones, 0, 2), (*tones.shape[1:], 3))
    return np.ascontiguousarray(pixels), used


def grey_contrast(image: Floats, limit: float | None = None) -> tuple[Bytes, float]:
    """As `salient_contrast`, on the mean of the channels: where, without colour."""
    return salient_contrast(_planes(image).mean(axis=0, keepdims=True), limit)


def _planes(image: Floats) -> Floats:
    image = np.asarray(image)
    if image.ndim != 3 or image.shape[0] == 0:
        raise ValueError(f"a picture is [channels, height, width]; got shape {list(image.shape)}.")
    return image


def levels(activation: Floats, limit: float) -> Bytes:
    """An activation map [rows, columns] as bytes: 0 for zero and below, 255 for `limit`.

    NaN counts as zero, and with a limit of 0 all is zero: a silent map is transparent.
    """
    values = np.nan_to_num(np.asarray(activation, dtype=np.float32), nan=0.0)
    if limit <= 0:
        return np.zeros(values.shape, np.uint8)
    return np.rint(255 * np.clip(values / limit, 0, 1)).astype(np.uint8)


def blend_overlay(
    picture: Bytes,
    overlay: Bytes,
    *,
    start: tuple[float, float],
    jump: tuple[float, float],
    strength: float = OVERLAY_STRENGTH,
) -> Bytes:
    """The photograph with the map over it, as the canvas draws it, for export.

    Parameters
    ----------
    picture : uint8 [h, w, 3]
    overlay : uint8 [rows, columns]
        From `levels`.
    start, jump
        (row, column) centre of the first cell and distance between cells, in picture pixels; a
        cell covers half a jump to each side of its centre.
    strength
        0 to 1.
    """
    cells, inside = [], []
    for axis in (0, 1):
        centres = np.arange(picture.shape[axis]) + 0.5
        cell = np.floor((centres - start[axis]) / jump[axis] + 0.5).astype(int)
        inside.append((cell >= 0) & (cell < overlay.shape[axis]))
        cells.append(np.clip(cell, 0, overlay.shape[axis] - 1))
    value = np.where(np.outer(*inside), overlay[np.ix_(*cells)], 0)
    opacity = (strength * (value / 255.0) ** OVERLAY_POWER)[..., None]
    return np.rint((1 - opacity) * picture + opacity * VIRIDIS[value]).astype(np.uint8)
