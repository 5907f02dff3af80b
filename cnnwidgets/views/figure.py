"""The picture that is exported: panels side by side on white, their captions, and the source."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from cnnwidgets.views.encoding import png_bytes

SIDE = 448  # px of a panel
TEXT = 15
GAP, MARGIN, CAPTION, LINE = 32, 24, 32, 22
INK, SOFT, GREY = "#212121", "#666666", "#808080"
BOLD = ("DejaVuSans-Bold.ttf", "LiberationSans-Bold.ttf", "Arial Bold.ttf", "arialbd.ttf")
PLAIN_FONTS = (
    "DejaVuSans.ttf",
    "LiberationSans-Regular.ttf",
    "Arial.ttf",
    "arial.ttf",
    "Helvetica.ttc",
)
# Signs that the font which comes with Pillow does not hold.
PLAIN = {"×": "x", "·": "-", "–": "-", "−": "-", "▫": "", "…": "...", "\u2009": " "}

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


class Panel(NamedTuple):
    """One picture of a figure.

    `title` and `reading` stand at its upper left and right; `pixels` is uint8 [h, w, 3]; `boxes`,
    (top, left, bottom, right) in its pixels, are framed in white.
    """

    title: str
    reading: str
    pixels: NDArray[np.uint8]
    boxes: Sequence[Sequence[float]] = ()


def compose(panels: Sequence[Panel], caption: str) -> bytes:
    """A PNG file of panels side by side.

    Parameters
    ----------
    panels
        Each is enlarged, smoothly as on the screen, until its longer side is the panel's.
    caption
        Where the figure comes from (model, weights, layer, unit, versions); broken into lines.

    Raises
    ------
    ValueError
        Without panels.
    """
    if not panels:
        raise ValueError("a figure takes at least one panel; got none.")
    font, bold = _font(PLAIN_FONTS), _font(BOLD + PLAIN_FONTS)
    width = 2 * MARGIN + len(panels) * SIDE + (len(panels) - 1) * GAP
    lines = _broken(caption, font, width - 2 * MARGIN)
    height = 2 * MARGIN + CAPTION + SIDE + 12 + LINE * len(lines)
    figure = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(figure)
    for index, panel in enumerate(panels):
        left = MARGIN + index * (SIDE + GAP)
        _words(draw, (left, MARGIN), panel.title, INK, bold)
        _words(draw, (left + SIDE, MARGIN), panel.reading, SOFT, font, anchor="ra")
        figure.paste(_fitted(panel), (left, MARGIN + CAPTION))
    for index, line in enumerate(lines):
        top = MARGIN + CAPTION + SIDE + 12 + index * LINE
        _words(draw, (MARGIN, top), line, SOFT, font)
    return png_bytes(np.asarray(figure))


def _fitted(panel: Panel) -> Image.Image:
    picture = Image.fromarray(np.ascontiguousarray(panel.pixels))
    scale = SIDE / max(picture.size)
    width, height = (max(1, round(scale * length)) for length in picture.size)
    square = Image.new("RGB", (SIDE, SIDE), GREY)
    corner = ((SIDE - width) // 2, (SIDE - height) // 2)
    square.paste(picture.resize((width, height), Image.Resampling.BICUBIC), corner)
    draw = ImageDraw.Draw(square)
    for top, left, bottom, right in panel.boxes:
        sides = [corner[0] + scale * left, corner[1] + scale * top]
        sides += [corner[0] + scale * right, corner[1] + scale * bottom]
        draw.rectangle(sides, outline="black", width=4)
        draw.rectangle(
            [sides[0] + 1, sides[1] + 1, sides[2] - 1, sides[3] - 1], outline="white", width=2
        )
    return square


def _font(names: Sequence[str]) -> Font:
    for name in names:
        try:
            return ImageFont.truetype(name, TEXT)
        except OSError:
            continue
    return ImageFont.load_default(TEXT)


def _plain(text: str, font: Font) -> str:
    missing = bytes(font.getmask("\uffff"))
    for sign, plain in PLAIN.items():
        if sign in text and bytes(font.getmask(sign)) == missing:
            text = text.replace(sign, plain)
    return text


def _words(
    draw: ImageDraw.ImageDraw,
    place: tuple[int, int],
    text: str,
    colour: str,
    font: Font,
    anchor: str = "la",
) -> None:
    draw.text(place, _plain(text, font), fill=colour, font=font, anchor=anchor)


def _broken(text: str, font: Font, width: float) -> list[str]:
    lines: list[str] = []
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and font.getlength(_plain(longer, font)) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines
