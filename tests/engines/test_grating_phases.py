"""Which phases of a grating are seen by a map's positions, and how they are weighted."""

from collections.abc import Sequence
from math import pi

import numpy as np
import pytest

from cnnwidgets.engines.gratings.sampling import (
    PHASE_GAP,
    plan,
    positions,
    spacing,
    wave_vector,
    weights,
    weights_of,
)
from cnnwidgets.graph import Field


def random_group(dice: np.random.Generator) -> list[Field]:
    """Fields of layers that follow each other, the last with a position free of padding."""
    fields, field = [], Field.of_pixels((int(dice.integers(70, 120)), int(dice.integers(70, 120))))
    for _ in range(3):
        kernel, stride, padding = (
            [int(n) for n in dice.integers(low, high, 2)] for low, high in ((1, 6), (1, 3), (0, 3))
        )
        field = field.through_window(kernel, stride, padding, (1, 1))
        fields.append(field)
    return fields


def seen(field: Field, shape: Sequence[int], rows: slice, columns: slice) -> tuple:
    """The middles (y, x) px of the fields that are read, from the picture's own boxes."""
    boxes = [
        field.box(row, column)
        for row in range(shape[0])[rows]
        for column in range(shape[1])[columns]
    ]
    top, left, bottom, right = np.array(boxes).T
    return top, left, bottom, right


def mean_gap(phases: np.ndarray) -> float:
    """The gap that a point of the circle lies in, in the root of the mean square."""
    ordered = np.sort(phases.ravel() % 1)
    points = (np.arange(20_000) + 0.5) / 20_000
    after = np.searchsorted(ordered, points)
    high = np.append(ordered, ordered[0] + 1)[after]
    low = np.append(ordered[-1] - 1, ordered)[after]
    return float(np.sqrt(np.mean((high - low) ** 2)))


@pytest.mark.parametrize("seed", range(12))
def test_gaps_between_phases_are_not_larger_than_allowed(seed: int) -> None:
    dice = np.random.default_rng(seed)
    fields = random_group(dice)
    orientations = [0.0, pi / 4, pi / 2, *sorted(dice.uniform(0, pi, 2))]
    # The last ones fit the map's spacing: all positions of the map see one phase.
    step = spacing(fields)
    frequencies = sorted([*dice.uniform(0.01, 0.5, 3), min(0.5, 1 / step[0]), 0.5])
    grid = [(o, f) for o in orientations for f in frequencies]
    showings = plan(
        fields, orientations, frequencies, resizable=bool(seed % 3), phase_gap=PHASE_GAP
    )
    assert len(showings) == len(grid)
    for (orientation, frequency), showing in zip(grid, showings, strict=True):
        if not seed % 3:
            assert (showing.height, showing.width) == fields[0].extent
        for field in fields:
            # A map of more positions than there can be: the engine must leave out padded ones.
            shape = (showing.height // field.jump[0] + 9, showing.width // field.jump[1] + 9)
            wave = wave_vector(orientation, frequency)
            top, left, bottom, right = seen(field, shape, *positions(field, showing, step))
            assert top.min() >= 0 and left.min() >= 0
            assert bottom.max() <= showing.height and right.max() <= showing.width
            along = ((left + right - showing.width) * np.cos(orientation)) / 2 - (
                (top + bottom - showing.height) * np.sin(orientation)
            ) / 2
            phases = np.add.outer(showing.phases, frequency * along)
            assert mean_gap(phases) <= PHASE_GAP * 1.001
            assert phases.shape[1] == showing.rows * showing.columns
            shares = weights([showing], [wave], step)
            assert shares.shape == (*phases.shape, 3)
            answers = 3 + 2 * np.cos(2 * pi * phases - 0.7)  # what a linear unit would say
            mean, cosine, sine = np.tensordot(answers, shares.double().numpy(), 2)
            assert mean == pytest.approx(3, abs=1e-5)
            assert np.hypot(cosine, sine) == pytest.approx(2, abs=1e-5)


def test_a_period_that_fits_the_maps_spacing_takes_more_pictures() -> None:
    field = Field((8, 8), (4, 4), (0, 0), (96, 96))
    fitting, other = plan([field], [0.0], [0.25, 0.23], resizable=False, phase_gap=1 / 24)
    assert len(fitting.phases) == 24 and len(other.phases) < 4
    slanted = plan([field], [pi / 5], [0.25], resizable=False, phase_gap=1 / 24)[0]
    assert len(slanted.phases) < 4


@pytest.mark.parametrize("seed", range(5))
def test_weights_integrate_smooth_answers_at_uneven_phases(seed: int) -> None:
    dice = np.random.default_rng(seed)
    phases = (np.arange(30) + dice.uniform(-0.1, 0.1, 30)) / 30 + dice.uniform()
    dice.shuffle(phases)
    weights = weights_of(phases.reshape(5, 6)).reshape(30, 3)
    turns = 2 * pi * phases
    for power in range(7):
        for wave, first in ((np.cos, [0, 1, 0]), (np.sin, [0, 0, 1])):
            wanted = first if power == 1 else [float(power == 0 and wave is np.cos), 0, 0]
            assert wave(power * turns) @ weights == pytest.approx(np.array(wanted), abs=1e-9)
    fine = 2 * pi * np.arange(5000) / 5000
    for answer, error in (
        (lambda t: np.exp(np.cos(t - 1)), 1e-5),
        (lambda t: np.maximum(np.cos(t - 1), 0), 5e-3),
    ):
        wave = np.exp(-1j * fine)
        wanted = [answer(fine).mean(), 2 * abs((answer(fine) * wave).mean())]
        mean, cosine, sine = answer(turns) @ weights
        assert [mean, np.hypot(cosine, sine)] == pytest.approx(wanted, abs=error)
