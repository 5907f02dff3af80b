"""Files of pictures as frames, and many tiny pictures in one frame: one message, one decode."""

from collections.abc import Sequence
from io import BytesIO
from typing import Any

from PIL import Image

from cnnwidgets.views.encoding import Frame

FORMATS = {"JPEG": "jpeg", "PNG": "png", "WEBP": "webp"}
MOST_WEBP = 16383
SIDE = 44
"""Pixels of a tiny picture: twice the 22 px it is drawn at, for fine screens."""


def packed(data: bytes) -> Frame:
    """A picture file as it is: not decoded here, and what is see-through stays so.

    Parameters
    ----------
    data
        A JPEG, PNG or WebP file.

    Raises
    ------
    ValueError
        If it is none of them.
    """
    try:
        with Image.open(BytesIO(data)) as picture:
            kind, (width, height) = str(picture.format), picture.size
    except OSError:
        kind, width, height = "", 0, 0
    if kind not in FORMATS:
        raise ValueError(f"a packed frame is a JPEG, PNG or WebP file; got {kind or 'none'}.")
    box = [0.0, 0.0, float(height), float(width)]
    return {"data": data, "format": FORMATS[kind], "height": height, "width": width, "box": box}


def tiny_tops(
    dims: Sequence[int],
    names: Sequence[Sequence[str]],
    pictures: dict[str, bytes],
    *,
    side: int = SIDE,
) -> dict[str, Any]:
    """What `DimensionRows.tops` takes: the objects that are high on each dimension, as one frame.

    Parameters
    ----------
    dims
        Dimensions that have a row of tiny pictures.
    names
        For each of them the names of its objects, the highest first.
    pictures
        name -> picture file, for the objects that have one. Where an object has none, all rows
        are words.
    side
        Pixels of a tiny picture in the frame.
    """
    rows = [list(row) for row in names]
    tops: dict[str, Any] = {
        "dims": [int(d) for d in dims],
        "names": rows,
        "side": side,
        "frame": {},
    }
    columns = max(map(len, rows), default=0)
    if not columns or any(name not in pictures for row in rows for name in row):
        return tops
    sheet = Image.new("RGBA", (side * columns, side * len(rows)))
    for top, row in enumerate(rows):
        for left, name in enumerate(row):
            tiny = _tiny(pictures[name], side)
            corner = (
                side * left + (side - tiny.width) // 2,
                side * top + (side - tiny.height) // 2,
            )
            sheet.paste(tiny, corner)
    buffer = BytesIO()
    # WebP is a quarter of PNG's size; beyond its longest side there is only PNG.
    lossy = sheet.height <= MOST_WEBP
    options = {"quality": 85, "method": 0} if lossy else {}
    sheet.save(buffer, "WEBP" if lossy else "PNG", **options)
    return {**tops, "frame": packed(buffer.getvalue())}


def _tiny(data: bytes, side: int) -> Image.Image:
    with Image.open(BytesIO(data)) as picture:
        whole = picture.convert("RGBA")
    whole.thumbnail((side, side), Image.Resampling.LANCZOS)
    return whole
