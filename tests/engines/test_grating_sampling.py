"""Which phases are seen, and whether the quick way is as right as one grating a call."""

from collections.abc import Sequence
from math import pi

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from cnnwidgets.engines.gratings import Tuning, TuningAccumulator, tuning
from cnnwidgets.engines.gratings.sampling import (
    LARGEST_GAP,
    plan,
    spacing,
    spots_together,
    wave_vector,
    weights_of,
)
from cnnwidgets.graph import Field
from tests.engines.planted_units import MEAN, STD, wrapped
from tests.engines.slow_gratings import harmonics, middle_responses
from tests.graph.networks import small

FREQUENCIES = np.geomspace(1 / 64, 0.45, 7).tolist()


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


def largest_gap(phases: np.ndarray) -> float:
    ordered = np.sort(phases.ravel() % 1)
    return float(np.diff(ordered, append=ordered[0] + 1).max())


@pytest.mark.parametrize("seed", range(12))
def test_no_gap_between_phases_is_larger_than_allowed(seed: int) -> None:
    dice = np.random.default_rng(seed)
    fields = random_group(dice)
    orientations = [0.0, pi / 4, pi / 2, *sorted(dice.uniform(0, pi, 2))]
    # The last ones fit the map's spacing: all positions of the map see one phase.
    step = spacing(fields)
    frequencies = sorted([*dice.uniform(0.01, 0.5, 3), min(0.5, 1 / step[0]), 0.5])
    grid = [(o, f) for o in orientations for f in frequencies]
    showings = plan(fields, orientations, frequencies, resizable=bool(seed % 3))
    assert len(showings) == len(grid)
    for (orientation, frequency), showing in zip(grid, showings, strict=True):
        if not seed % 3:
            assert (showing.height, showing.width) == fields[0].extent
        for field in fields:
            # A map of more positions than there can be: the engine must leave out padded ones.
            shape = (showing.height // field.jump[0] + 9, showing.width // field.jump[1] + 9)
            wave = wave_vector(orientation, frequency)
            spots = spots_together(field, shape, step, [showing], [wave])
            top, left, bottom, right = seen(field, shape, spots.rows, spots.columns)
            assert top.min() >= 0 and left.min() >= 0
            assert bottom.max() <= showing.height and right.max() <= showing.width
            along = ((left + right - showing.width) * np.cos(orientation)) / 2 - (
                (top + bottom - showing.height) * np.sin(orientation)
            ) / 2
            phases = np.add.outer(showing.phases, frequency * along)
            assert largest_gap(phases) <= LARGEST_GAP + 1e-9
            assert spots.weights.shape == (*phases.shape, 3)
            answers = 3 + 2 * np.cos(2 * pi * phases - 0.7)  # what a linear unit would say
            mean, cosine, sine = np.tensordot(answers, spots.weights.double().numpy(), 2)
            assert mean == pytest.approx(3, abs=1e-5)
            assert [cosine, sine] == pytest.approx([2 * np.cos(0.7), 2 * np.sin(0.7)], abs=1e-5)


def test_a_period_that_fits_the_maps_spacing_takes_more_pictures() -> None:
    field = Field((8, 8), (4, 4), (0, 0), (96, 96))
    fitting, other = plan([field], [0.0], [0.25, 0.23], resizable=False)
    assert len(fitting.phases) == 24 and len(other.phases) < 4
    slanted = plan([field], [pi / 5], [0.25], resizable=False)[0]
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


def network() -> nn.Sequential:
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Conv2d(3, 8, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2, 2),
        nn.Conv2d(8, 10, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(3, 2),
        nn.Conv2d(10, 12, 3, padding=1),
    ).eval()


def slow(module: nn.Module, layers: Sequence[str], found: Tuning, size: int) -> dict:
    """F0 and F1 [O, F, unit] of each layer, one grating a call."""
    grid = [(o, f) for o in found.orientations.tolist() for f in found.frequencies.tolist()]
    answers = middle_responses(module, layers, grid, 32, size=size, mean=MEAN, std=STD)
    shape = (len(found.orientations), len(found.frequencies), -1)
    return {name: [part.view(shape) for part in harmonics(one)] for name, one in answers.items()}


def assert_as_the_slow_way(found: dict[str, Tuning], wanted: dict[str, list[Tensor]]) -> None:
    for name, (f0, f1) in wanted.items():
        one = found[name]
        for unit in range(one.units):
            ours, theirs = one.f0[..., unit].flatten(), f0[..., unit].flatten()
            assert float(torch.corrcoef(torch.stack([ours, theirs]))[0, 1]) > 0.999
            assert float((ours - theirs).abs().max()) < 0.01 * float(theirs.max())
            best = int(theirs.argmax())
            ratio = (f1[..., unit].flatten() / f0[..., unit].flatten())[best]
            quick = (one.f1[..., unit].flatten() / ours)[best]
            assert float((quick - ratio).abs()) < 0.05


def test_the_quick_way_is_as_right_as_one_grating_a_call() -> None:
    module, layers = network(), ["0", "2", "3", "6"]
    found = tuning(
        wrapped(module, 96, mean=MEAN, std=STD), layers, orientations=4, frequencies=FREQUENCIES
    )
    assert list(found) == layers and not any(one.padded for one in found.values())
    assert_as_the_slow_way(found, slow(network(), layers, found["0"], 96))


def test_layers_without_a_free_position_are_measured_alone_in_the_middle() -> None:
    """Layer "6" of a small picture sees padding everywhere; "8" is the whole field's vector."""

    def build() -> nn.Sequential:
        return nn.Sequential(*network(), nn.AdaptiveAvgPool2d(1), nn.Flatten()).eval()

    layers = ["3", "6", "7"]
    model = wrapped(build(), 24, mean=MEAN, std=STD)
    found = tuning(model, [*layers, "8"], orientations=3, frequencies=[0.05, 0.1, 0.23])
    assert {name: one.padded for name, one in found.items()} == {
        "3": False,
        "6": True,
        "7": True,
        "8": True,
    }
    assert_as_the_slow_way(found, slow(build(), layers, found["3"], 24))
    assert torch.equal(found["7"].f0, found["8"].f0)  # a map of one position, and the vector of it


class Reading(nn.Module):
    """The same network, seen through a view that fits one size of picture only."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body, self.head = body, nn.Linear(8 * 48 * 48, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.body[2](self.body[1](self.body[0](x.view(len(x), 3, 96, 96))))
        self.body[6](self.body[5](self.body[4](self.body[3](x))))
        return self.head(x.flatten(1))


def test_a_network_of_one_size_gives_the_same_numbers() -> None:
    layers = ["0", "3", "6"]
    free = wrapped(network(), 96, mean=MEAN, std=STD)
    fixed = wrapped(Reading(network()), 96, mean=MEAN, std=STD)
    settings = {"orientations": 4, "frequencies": FREQUENCIES}
    sweep = TuningAccumulator(fixed, [f"body.{name}" for name in layers], **settings)
    assert {size[:2] for size in sweep.pictures} == {(96, 96)}
    assert {size[:2] for size in TuningAccumulator(free, layers, **settings).pictures} != {(96, 96)}
    sweep.update(range(len(sweep)))
    theirs, ours = sweep.result(), tuning(free, layers, **settings)
    for name in layers:
        one, other = ours[name], theirs[f"body.{name}"]
        assert not one.padded and not other.padded
        assert float((one.f0 - other.f0).abs().max()) < 5e-3 * float(one.f0.max())
        assert float((one.f1 - other.f1).abs().max()) < 1e-2 * float(one.f1.max())


def test_a_vector_layer_of_a_small_network() -> None:
    found = tuning(wrapped(small(), 32), ["7", "0"], orientations=2, frequencies=[0.1, 0.2])
    assert found["7"].padded and not found["0"].padded
    assert list(found) == ["7", "0"] and found["7"].f0.shape == (2, 2, 7)
