"""The class board's two matrices as a picture."""

from __future__ import annotations

from math import ceil

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from cnnwidgets.results import versions
from cnnwidgets.views import figure, words
from cnnwidgets.views.display import VIRIDIS
from cnnwidgets.widgets.triplets.class_look import BoardLook
from cnnwidgets.widgets.triplets.class_words import correlation
from cnnwidgets.widgets.triplets.words import spoken

LEFT = 96
"""Pixels for the names."""
LINE = 6
INK, HATCH = "#212121", "#9e9e9e"


def board_figure(look: BoardLook) -> bytes:
    """Draw both matrices as a PNG file.

    Raises
    ------
    RuntimeError
        There are no answers yet.
    """
    if not look.names:
        raise RuntimeError("there are no answers yet that could be exported")
    found = look.question.reading.merged.sittings
    answers = sum(len(sitting.answers) for sitting in found)
    said = f"{len(found)} sittings, {answers} answers"
    panels = [figure.Panel("The class", said, _pixels(look, look.similarity))]
    made = ["".join(one["text"] for one in correlation(look))]
    if look.network is not None:
        name = spoken(look.question.network)
        setting = look.question.setting
        panels.append(figure.Panel(name, setting.layer, _pixels(look, look.network)))
        made += [setting.layer, setting.measure] if setting.layer else []
    low, high = look.limits
    made += [f"colours from {low:g} (dark) to {high:g} (light), hatched: never asked"]
    made += [f"objects {look.order}", f"cnnwidgets {versions()['cnnwidgets']}"]
    return figure.compose(panels, " · ".join(made))


def _pixels(look: BoardLook, matrix: Tensor) -> NDArray[np.uint8]:
    """Give the cells with names at their left and beneath them: uint8 [448, 448, 3]."""
    n, (low, high) = len(look.names), look.limits
    picture = Image.new("RGB", (figure.SIDE, figure.SIDE), "white")
    draw = ImageDraw.Draw(picture)
    edges = np.linspace(0, figure.SIDE - LEFT, n + 1).round().astype(int).tolist()
    font = ImageFont.load_default(min(11, max(6, (figure.SIDE - LEFT) / n - 1)))
    for row in range(n):
        middle = (edges[row] + edges[row + 1]) / 2
        name = words.shortened(spoken(look.names[row]), 16)
        draw.text((LEFT - 6, middle), name, fill=INK, font=font, anchor="rm")
        below = _upright(name, font)
        picture.paste(below, (round(LEFT + middle - below.width / 2), edges[-1] + 6))
        for column in range(n):
            box = (LEFT + edges[column], edges[row], LEFT + edges[column + 1], edges[row + 1])
            value = float(matrix[row, column])
            if row != column and np.isfinite(value):
                level = round(255 * min(1.0, max(0.0, (value - low) / (high - low))))
                inner = (box[0], box[1], box[2] - 1, box[3] - 1)
                draw.rectangle(inner, fill=tuple(VIRIDIS[level].tolist()))
            elif row != column:
                _hatch(picture, box)
    return np.asarray(picture)


def _upright(name: str, font: figure.Font) -> Image.Image:
    """Draw a name that is read from below."""
    _, _, right, bottom = font.getbbox(name)
    strip = Image.new("RGB", (ceil(right) + 1, ceil(bottom) + 1), "white")
    ImageDraw.Draw(strip).text((0, 0), name, fill=INK, font=font)
    return strip.rotate(90, expand=True)


def _hatch(picture: Image.Image, box: tuple[int, int, int, int]) -> None:
    left, top, right, bottom = box
    cell = Image.new("RGB", (right - left, bottom - top), "white")
    draw = ImageDraw.Draw(cell)
    for at in range(-cell.height, cell.width, LINE):
        draw.line((at, 0, at + cell.height, cell.height), fill=HATCH)
    picture.paste(cell, (left, top))
