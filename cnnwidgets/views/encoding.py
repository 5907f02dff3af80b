"""Pixels as frames: the bytes of a picture and the part of the picture's coordinates they cover."""

from collections.abc import Sequence
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Bytes = NDArray[np.uint8]
Frame = dict[str, Any]
"""{"data": bytes, "format": "rgb" | "jpeg" | "png", "height", "width", "box"}."""


def raw(image: Bytes, box: Sequence[float] | None = None) -> Frame:
    """Pixels as they are: exact and without an encoder; for small pictures and short wires.

    Parameters
    ----------
    image : uint8 [h, w, 3]
    box
        (top, left, bottom, right) of the picture's coordinates that the pixels cover; by default
        one pixel each from (0, 0).

    Raises
    ------
    ValueError
        If `image` is not uint8 [h, w, 3].
    """
    return _frame(image, box, "rgb", lambda pixels: pixels.tobytes())


def jpeg(image: Bytes, box: Sequence[float] | None = None, quality: int = 85) -> Frame:
    """Photographs while something moves: small and quick, not exact. Parameters as for `raw`."""
    return _frame(image, box, "jpeg", lambda pixels: _encoded(pixels, "JPEG", quality=quality))


def png(image: Bytes, box: Sequence[float] | None = None) -> Frame:
    """Exact and packed, for slow wires. Parameters as for `raw`."""
    return _frame(image, box, "png", png_bytes)


def shrunk(image: Bytes, longest: int) -> Bytes:
    """A picture for a small place: no side has more than `longest` pixels, none is enlarged."""
    height, width = image.shape[:2]
    scale = longest / max(height, width)
    if scale >= 1:
        return image
    size = (max(1, round(scale * width)), max(1, round(scale * height)))
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BOX))


def overlay(levels: Bytes, start: Sequence[float], jump: Sequence[float]) -> dict[str, Any]:
    """A map as an overlay: one byte a cell, coloured and drawn unsmoothed by the canvas.

    Parameters
    ----------
    levels : uint8 [rows, columns]
        From `display.levels`.
    start, jump
        (row, column) centre of the first cell and distance between cells, in picture pixels.
    """
    cells = np.ascontiguousarray(levels, dtype=np.uint8)
    rows, columns = cells.shape
    placed = {"start": list(start), "jump": list(jump)}
    return {"data": cells.tobytes(), "rows": rows, "columns": columns, **placed}


def png_bytes(image: Bytes) -> bytes:
    """A PNG file of uint8 [h, w, 3]; light compression, since time counts more than bytes."""
    return _encoded(np.asarray(image), "PNG", compress_level=1)


def _frame(image: Bytes, box: Sequence[float] | None, kind: str, encode: Any) -> Frame:
    pixels = np.ascontiguousarray(image)
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
        raise ValueError(
            f"a frame is uint8 [height, width, 3]; got {pixels.dtype} {list(pixels.shape)}."
        )
    height, width = pixels.shape[:2]
    covered = [0.0, 0.0, float(height), float(width)] if box is None else [float(b) for b in box]
    return {
        "data": encode(pixels),
        "format": kind,
        "height": height,
        "width": width,
        "box": covered,
    }


def _encoded(pixels: Bytes, kind: str, **options: Any) -> bytes:
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()
