"""Sinusoidal gratings as they are shown to a network: full field or in a round patch.

Conventions, everywhere in this package: the orientation is the direction of the wave vector,
counter-clockwise as seen on the screen, 0 = vertical bars, in radians. (Neuroscience often gives
the direction of the bars instead, a quarter turn more.) Frequencies are cycles per pixel. Rows run
down. A pixel's middle lies at its index + 1/2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, isfinite, sin
from types import MappingProxyType

import torch
from torch import Tensor

COLOURS = MappingProxyType(
    {
        "grey": (1.0, 1.0, 1.0),
        "red-green": (1.0, -1.0, 0.0),
        "blue-yellow": (-1.0, -1.0, 1.0),
        "red": (1.0, 0.0, 0.0),
        "green": (0.0, 1.0, 0.0),
        "blue": (0.0, 0.0, 1.0),
    }
)
"""How far each of red, green and blue goes up and down with the wave, by name."""

NYQUIST = 0.5
"""Cycles per pixel beyond which a grating cannot be shown: it would look like a coarser one."""


@dataclass(frozen=True)
class Grating:
    """One stimulus.

    Attributes
    ----------
    orientation : radians, direction of the wave vector, counter-clockwise, 0 = vertical bars.
    frequency : cycles per pixel, 0 to 1/2.
    phase : radians, of the wave at `centre`; 0 is brightest there.
    contrast : 0 to 1 (Michelson), around mid-grey in stored (sRGB) values.
    diameter : px of a round patch on mid-grey; None covers the whole picture.
    centre : (y, x) px of patch and phase; None is the picture's centre.
    colour : a name in `COLOURS`.

    Raises
    ------
    ValueError
        Something is out of its range.
    """

    orientation: float = 0.0
    frequency: float = 0.1
    phase: float = 0.0
    contrast: float = 1.0
    diameter: float | None = None
    centre: tuple[float, float] | None = None
    colour: str = "grey"

    def __post_init__(self) -> None:
        if not 0 <= self.frequency <= NYQUIST:
            raise ValueError(
                f"a grating's frequency is 0 to {NYQUIST} cycles per pixel (beyond that, pixels "
                f"cannot show it), got {self.frequency}"
            )
        if not 0 <= self.contrast <= 1:
            raise ValueError(f"a grating's contrast is 0 to 1, got {self.contrast}")
        if self.diameter is not None and not self.diameter >= 0:
            raise ValueError(f"a patch's diameter is 0 px or more, got {self.diameter}")
        if not (isfinite(self.orientation) and isfinite(self.phase)):
            raise ValueError("a grating's orientation and phase are finite angles in radians")
        if self.centre is not None and not all(map(isfinite, self.centre)):
            raise ValueError(f"a grating's centre is (y, x) in pixels, got {self.centre}")
        if self.colour not in COLOURS:
            raise ValueError(
                f"a grating's colour is one of {', '.join(COLOURS)}, got {self.colour!r}"
            )


def grating(height: int, width: int, *, channels: int = 3, **parameters: object) -> Tensor:
    """Give one grating as a picture.

    Parameters
    ----------
    height, width : px.
    channels : 3, or any other number for grey gratings.
    parameters : of `Grating`.

    Returns
    -------
    float32 [channels, height, width] in 0..1, not normalised: what a picture file would hold.
    """
    return render([Grating(**parameters)], channels, height, width)[0]  # type: ignore[arg-type]


def render(gratings: Sequence[Grating], channels: int, height: int, width: int) -> Tensor:
    """Give gratings as pictures, float32 [N, channels, height, width] in 0..1.

    With y and x from the grating's centre, y down, each pixel is
    1/2 + contrast/2 cos(2 pi f (x cos(orientation) - y sin(orientation)) + phase).

    Raises
    ------
    ValueError
        A coloured grating is asked of other than three channels.
    """
    waves = torch.stack([_wave(one, height, width) for one in gratings])
    strength = torch.tensor([_strengths(one, channels) for one in gratings])
    return strength[:, :, None, None].mul(waves[:, None]).add_(0.5)


def _wave(one: Grating, height: int, width: int) -> Tensor:
    """Give the wave, -1..1 [height, width], within its patch.

    cos(a + b) = cos a cos b - sin a sin b, so that only rows and columns take a cosine each.
    """
    y0, x0 = one.centre or (height / 2, width / 2)
    y = torch.arange(height, dtype=torch.float64) + 0.5 - y0
    x = torch.arange(width, dtype=torch.float64) + 0.5 - x0
    turns = 2 * torch.pi * one.frequency
    a = turns * cos(one.orientation) * x + one.phase
    b = -turns * sin(one.orientation) * y
    rows = torch.stack([b.cos(), -b.sin()], 1).float()
    wave = rows @ torch.stack([a.cos(), a.sin()]).float()
    if one.diameter is not None:
        distance = (y.square()[:, None] + x.square()).sqrt().float()
        # The edge is one pixel wide, as a circle drawn smoothly is.
        wave *= (one.diameter / 2 + 0.5 - distance).clamp(0, 1) * (one.diameter > 0)
    return wave


def check_colour(colour: str, channels: int) -> None:
    """Refuse a coloured grating for a network of another number of channels than three."""
    if channels != 3 and colour != "grey":
        raise ValueError(
            f"a {colour} grating takes a network with 3 input channels, this one has {channels}; "
            "take colour='grey'"
        )


def _strengths(one: Grating, channels: int) -> list[float]:
    check_colour(one.colour, channels)
    shares = COLOURS[one.colour] if channels == 3 else (1.0,) * channels
    return [one.contrast / 2 * share for share in shares]
