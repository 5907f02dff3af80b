"""The quick way of many positions is as right as one grating a call, in networks of all sorts."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from cnnwidgets.engines.gratings import Tuning, TuningAccumulator, tuning
from tests.engines.planted_units import MEAN, STD, wrapped
from tests.engines.slow_gratings import harmonics, middle_responses
from tests.graph.networks import small

FREQUENCIES = np.geomspace(1 / 64, 0.45, 5).tolist()


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
            assert float((ours - theirs).abs().max()) < 0.02 * float(theirs.max()) + 1e-3
            if float(theirs.max()) < 0.05 * float(f0.max()):
                continue  # hardly ever answers
            assert float(torch.corrcoef(torch.stack([ours, theirs]))[0, 1]) > 0.999
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


def test_a_first_look_is_coarser_and_takes_fewer_pictures() -> None:
    model, grid = wrapped(network(), 96), {"orientations": 4, "frequencies": FREQUENCIES}
    fine, coarse = (
        TuningAccumulator(model, ["3", "6"], **grid, phase_gap=gap) for gap in (1 / 32, 1 / 6)
    )
    work = [sum(h * w * n for h, w, n in sweep.pictures) for sweep in (fine, coarse)]
    assert work[1] < work[0] / 3
    for sweep in (fine, coarse):
        sweep.update(range(len(sweep)))
    for name, one in fine.result().items():
        other = coarse.result()[name]
        assert float((one.f0 - other.f0).abs().max()) < 0.15 * float(one.f0.max())
        assert (one.f0 - other.f0).abs().mean() < 0.02 * one.f0.mean()


class Forked(nn.Module):
    """Two branches whose maps are of one size for even pictures only."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.left = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 5, 2, stride=2)
        self.right, self.last = nn.Conv2d(4, 5, 1, stride=2), nn.Conv2d(5, 3, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        return self.last(self.left(x) + self.right(x))


def test_branches_that_fit_each_other_in_some_pictures_only() -> None:
    layers, grid = ["last", "left"], {"orientations": 4, "frequencies": FREQUENCIES}
    module = Forked().eval()
    sweep = TuningAccumulator(wrapped(module, 64, mean=MEAN, std=STD), layers, **grid)
    # Whole passes over odd pictures would end in maps that cannot be added.
    assert 1 in {side % 2 for height, width, _ in sweep.pictures for side in (height, width)}
    sweep.update(range(len(sweep)))
    found = sweep.result()
    assert_as_the_slow_way(found, slow(module, layers, found["last"], 64))


def test_a_vector_layer_of_a_small_network() -> None:
    """A recorded view takes the channels first."""
    settings = {"orientations": 2, "frequencies": [0.1, 0.2], "rectified": False}
    found = tuning(wrapped(small(), 32), ["7", "0"], **settings)
    assert found["7"].padded and not found["0"].padded
    assert list(found) == ["7", "0"] and found["7"].f0.shape == (2, 2, 7)
