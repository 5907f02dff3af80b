"""At which phases one grating is seen by the units of a map, and in how small a picture.

Away from padding all positions of a map compute the same function, so a unit at (row, column) tells
what the unit would answer if the grating were shifted: one picture holds as many phases as the map
has positions free of padding. On a large picture these are many, but a large picture is dear; and
where the grating's period fits the map's spacing, many positions see the same phase. So size and
number of pictures are chosen for each grating by the gaps between the phases that are really seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, cos, lcm, sin

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cnnwidgets.graph import Field

Pair = tuple[int, int]
Wave = NDArray[np.float64]

PHASE_GAP = 1 / 48
"""Cycles between neighbouring phases, unless another gap is asked for: see `plan`."""
_COUNTS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32)  # positions along an axis that are tried
_HARMONICS = 6
_LARGEST_ENLARGEMENT = 1.5  # of the network's own picture


@dataclass(frozen=True)
class Showing:
    """How one grating is shown, and read.

    Attributes
    ----------
    height, width : px of its pictures.
    rows, columns : how many positions of every layer are read, a step apart: see `spacing`.
    phases : cycles of the picture's middle, one a picture.
    """

    height: int
    width: int
    rows: int
    columns: int
    phases: tuple[float, ...]


def spacing(fields: Sequence[Field]) -> Pair:
    """Give (rows, columns) px between the positions that are read of all these layers."""
    return lcm(*(field.jump[0] for field in fields)), lcm(*(field.jump[1] for field in fields))


def plan(
    fields: Sequence[Field],
    orientations: Sequence[float],
    frequencies: Sequence[float],
    *,
    resizable: bool,
    phase_gap: float,
) -> list[Showing]:
    """Choose, for each orientation and frequency, the cheapest pictures with phases close enough.

    Parameters
    ----------
    fields : of the layers, each with a position free of padding at the network's own size.
    resizable : whether pictures of another size may be shown.
    phase_gap : cycles between neighbouring phases at most, in the mean that counts: the root of the
        mean square over the circle, (sum gap^3)^(1/2), which the error of a mean over uneven phases
        goes with. Of even phases it is their gap.

    Returns
    -------
    For each orientation, for each frequency in it.
    """
    step, extent = spacing(fields), fields[0].extent
    sizes = [_sizes(fields, axis, step[axis]) if resizable else [extent[axis]] for axis in (0, 1)]
    counts = [[_least(fields, axis, step, size) for size in sizes[axis]] for axis in (0, 1)]
    grids = [
        (height, width, rows, columns)
        for height, rows in zip(sizes[0], counts[0], strict=True)
        for width, columns in zip(sizes[1], counts[1], strict=True)
    ]
    waves = _wave_vectors(orientations, frequencies) * np.array(step)  # cycles a step
    costs, found = [], []
    for height, width, rows, columns in grids:
        found.append(_copies(_gaps(waves, rows, columns), phase_gap))
        costs.append(found[-1][0] * _work(fields, height, width))
    showings = []
    for number, best in enumerate(np.stack(costs, 1).argmin(1)):
        copies, gap = (float(values[number]) for values in found[best])
        phases = tuple(k * gap / copies for k in range(round(copies)))
        height, width, rows, columns = grids[best]
        showings.append(Showing(height, width, rows, columns, phases))
    return showings


def shown_alone(extent: Sequence[int], count: int, phase_gap: float) -> list[Showing]:
    """Give the pictures of gratings of which only one position is read: all phases one by one.

    These pictures are dear: half as many phases must do.
    """
    number = ceil(0.5 / phase_gap)
    phases = tuple(k / number for k in range(number))
    height, width = extent
    return [Showing(height, width, 1, 1, phases)] * count


def positions(
    field: Field, showing: Showing, step: Pair, corner: Pair = (0, 0)
) -> tuple[slice, slice]:
    """Give the rows and columns of a layer's map that are read: free of padding, a step apart.

    Parameters
    ----------
    corner : the first position of the part of the map that is there.
    """
    counts = (showing.rows, showing.columns)
    found = []
    for axis in (0, 1):
        first, stride = _first_and_stride(field, axis, step)
        start = first - corner[axis]
        found.append(slice(start, start + counts[axis] * stride, stride))
    return found[0], found[1]


def middle(shape: Sequence[int]) -> Pair:
    """Give the middle position of a map of so many rows and columns; (0, 0) in a vector."""
    rows, columns = shape or (1, 1)
    return rows // 2, columns // 2


def weights(showings: Sequence[Showing], waves: Sequence[Wave], step: Pair) -> Tensor:
    """Give what each answer adds to its grating's mean response and first harmonic.

    The same for all layers: their positions lie alike, so that their phases differ by one shift,
    which the harmonic's amplitude does not know.

    Parameters
    ----------
    showings : of one size and as many positions.
    waves : of each showing's grating, see `wave_vector`.
    step : px between positions.

    Returns
    -------
    float32 [pictures, positions, 3]: mean, cosine, sine.
    """
    found = []
    for showing, wave in zip(showings, waves, strict=True):
        down = wave[0] * step[0] * np.arange(showing.rows)
        across = wave[1] * step[1] * np.arange(showing.columns)
        found.append(weights_of(np.add.outer(showing.phases, np.add.outer(down, across).ravel())))
    return torch.from_numpy(np.concatenate(found)).float()


def weights_of(phases: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the weights [..., 3] of answers at these phases (cycles): mean, cosine, sine.

    By least squares, each phase weighted by half the gaps beside it: exact for answers without
    harmonics above the sixth, however uneven the phases are. Where a gap reaches 1/12 of a cycle,
    fewer harmonics can be told apart.
    """
    flat = phases.ravel() % 1
    order = flat.argsort()
    gaps = np.diff(flat[order], append=flat[order[0]] + 1)
    share = np.empty_like(flat)
    share[order] = (gaps + np.roll(gaps, 1)) / 2
    harmonics = min(_HARMONICS, max(1, ceil(0.5 / gaps.max() - 1e-9) - 1))
    turns = 2 * np.pi * flat[:, None] * np.arange(1, harmonics + 1)
    waves = np.concatenate([np.ones((len(flat), 1)), np.cos(turns), np.sin(turns)], 1)
    shared = waves * share[:, None]
    fitted = np.asarray(np.linalg.solve(waves.T @ shared, shared.T), np.float64)
    return fitted[[0, 1, 1 + harmonics]].T.reshape(*phases.shape, 3)


def wave_vector(orientation: float, frequency: float) -> Wave:
    """Give (rows, columns), the cycles a pixel downwards and to the right."""
    found: Wave = np.array([-frequency * sin(orientation), frequency * cos(orientation)])
    return found


def _wave_vectors(
    orientations: Sequence[float], frequencies: Sequence[float]
) -> NDArray[np.float64]:
    return np.array([wave_vector(o, f) for o in orientations for f in frequencies])


def _first(field: Field, axis: int) -> int:
    """Give the first position whose field does not begin before the picture."""
    return max(0, ceil(-field.start[axis] / field.jump[axis]))


def _first_and_stride(field: Field, axis: int, step: Pair) -> Pair:
    return _first(field, axis), step[axis] // field.jump[axis]


def _least(fields: Sequence[Field], axis: int, step: Pair, size: int) -> int:
    """Give how many positions a step apart see no padding, in the layer that has fewest."""
    found = []
    for field in fields:
        first, stride = _first_and_stride(field, axis, step)
        room = size - field.size[axis] - field.start[axis]
        found.append(len(range(first, room // field.jump[axis] + 1, stride)))
    return min(found)


def _work(fields: Sequence[Field], height: int, width: int) -> int:
    """Give what a picture costs: the positions that see no padding, as the px that they stand for.

    Every layer counts alike: those with coarser maps have more channels.
    """
    return sum(
        (height - field.size[0] + field.jump[0]) * (width - field.size[1] + field.jump[1])
        for field in fields
    )


def _sizes(fields: Sequence[Field], axis: int, step: int) -> list[int]:
    """Give the sizes of pictures that hold so and so many positions of every layer."""
    own = fields[0].extent[axis]
    first = max(
        field.start[axis] + _first(field, axis) * field.jump[axis] + field.size[axis]
        for field in fields
    )
    sizes = [first + (count - 1) * step for count in _COUNTS]
    return [size for size in sizes if size <= _LARGEST_ENLARGEMENT * own] or [own]


def _gaps(waves: NDArray[np.float64], rows: int, columns: int) -> NDArray[np.float64]:
    """Give the gaps (cycles) between the phases of a grid [n, rows x columns], for waves a step."""
    y, x = waves[:, :1, None] * np.arange(rows)[:, None], waves[:, 1:, None] * np.arange(columns)
    phases = np.sort(((y + x) % 1).reshape(len(waves), -1), 1)
    gaps: NDArray[np.float64] = np.diff(phases, append=phases[:, :1] + 1)
    return gaps


def _copies(gaps: NDArray[np.float64], wanted: float) -> tuple[NDArray[np.int_], Wave]:
    """Give how many copies of sets of phases leave gaps that are small enough, and their largest.

    Copies are shifted evenly within a set's largest gap. So they cut every gap into pieces of at
    most that gap divided by their number.
    """
    largest = gaps.max(1)
    copies = np.ones(len(gaps), int)
    for _ in range(ceil(1 / wanted)):
        pieces = np.minimum(gaps, (largest / copies)[:, None])
        mean = np.sqrt((gaps * pieces**2).sum(1))
        if not (wide := mean > wanted * (1 + 1e-9)).any():
            break
        copies += wide
    return copies, largest
