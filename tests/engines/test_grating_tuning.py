"""What the sweep finds in units whose tuning is known: Gabors, energy, transforms, rotations."""

from math import log, pi
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from cnnwidgets.engines.gratings import Tuning, tuning
from tests.engines.planted_units import MEAN, STD, Energy, gabor, planted, spectrum, wrapped

PLANTED = [
    (0.05, 0.11),
    (0.5, 0.14),
    (1.0, 0.18),
    (1.6, 0.09),
    (2.1, 0.25),
    (2.6, 0.13),
    (3.1, 0.2),
]
ORIENTATION_STEP, FREQUENCY_STEP = pi / 12, log(0.45 * 64) / 9
GABORS = [gabor(21, *one) for one in PLANTED]


def measured(*given: Any, **settings: Any) -> Tuning:
    """The tuning of a network's one layer."""
    [found] = tuning(*given, **settings).values()
    return found


def around(angles: Tensor | float, others: Tensor | float) -> Tensor:
    """How far apart orientations are, at most a right angle."""
    apart = torch.as_tensor(angles - others) % pi
    return torch.minimum(apart, pi - apart)


def assert_planted(found: Tuning, scale: float = 1) -> None:
    orientations, frequencies = torch.tensor(PLANTED, dtype=torch.float64).T
    off = around(found.preferred_orientation, orientations)
    assert float(off.max()) < ORIENTATION_STEP / 2
    off = (found.preferred_frequency / (frequencies / scale)).log().abs()
    assert float(off.max()) < FREQUENCY_STEP / 2
    assert float(found.gosi.min()) > 0.5 and float(found.osi.min()) > 0.9
    assert not found.silent.any() and found.tuned().all()


@pytest.mark.parametrize("stride", [1, 2, 3, 4])
@pytest.mark.parametrize("channels", [1, 3])
def test_gabors_with_strides_and_channels(stride: int, channels: int) -> None:
    model = wrapped(planted(GABORS, channels, stride=stride), channels=channels)
    found = measured(model)
    assert_planted(found)
    assert not found.padded


def test_gabors_with_padding_normalisation_and_pools() -> None:
    net = nn.Sequential(
        planted(GABORS, padding=10), nn.ReLU(), nn.MaxPool2d(3, 2, padding=1), nn.AvgPool2d(2)
    )
    found = tuning(wrapped(net, mean=MEAN, std=STD), list("0123"))
    for layer, one in found.items():
        assert_planted(one)
        assert one.layer == layer and one.units == len(PLANTED) and not one.padded


def test_gabors_of_a_network_that_takes_one_size_only() -> None:
    net = nn.Sequential(planted(GABORS, stride=2), nn.Unflatten(1, (7, 1)), nn.Flatten(1, 2))
    assert_planted(tuning(wrapped(net), "2")["2"])


def test_simple_units_have_a_modulation_of_half_pi() -> None:
    even, odd = [gabor(21, *one) for one in PLANTED], [gabor(21, *one, pi / 2) for one in PLANTED]
    for mean, std in ((None, None), (MEAN, STD)):
        net = nn.Sequential(planted([*even, *odd], bias=0, stride=2), nn.ReLU())
        found = tuning(wrapped(net, mean=mean, std=std))
        if mean is None:
            modulation = found["0"].modulation
            assert float(modulation.min()) > 1.566 and float(modulation.max()) < 1.580
        else:  # the grey of this normalisation is no 0, but these filters answer no grey
            assert float((found["0"].modulation - pi / 2).abs().max()) < 0.01


def test_energy_units_have_none() -> None:
    even, odd = [gabor(21, *one) for one in PLANTED], [gabor(21, *one, pi / 2) for one in PLANTED]
    found = tuning(wrapped(Energy(even, odd)), ":add")[":add"]
    assert_planted(found)
    assert float(found.modulation.max()) < 0.01
    assert float(found.gosi.min()) > 0.5


def test_an_isotropic_unit_has_no_orientation() -> None:
    down, right = np.mgrid[:21, :21] - 10
    squared = down**2 + right**2
    kernel = np.exp(-squared / 8) / 8 - np.exp(-squared / 18) / 18
    kernel -= kernel.mean()
    found = measured(wrapped(planted([torch.from_numpy(kernel)], stride=2)))
    assert float(found.gosi) < 0.02 and float(found.osi) < 0.05
    assert not found.tuned().any() and not found.silent.any()
    assert found.half_width.isnan().all()


@pytest.mark.parametrize("settings", [{}, {"stride": 3}, {"padding": 4}])
def test_a_linear_units_tuning_is_its_kernels_transform(settings: dict) -> None:
    kernels = torch.randn(5, 9, 9) / 9
    orientations, frequencies = [0.0, 0.3, 1.1, pi / 2, 2.4], [0.02, 0.11, 0.25, 0.37, 0.5]
    std = (0.2, 0.25, 0.5)
    model = wrapped(planted(list(kernels), bias=0.3, **settings), mean=MEAN, std=std)
    found = measured(model, orientations=orientations, frequencies=frequencies, rectified=False)
    factor = 0.5 * sum(1 / one for one in std)  # the wave's amplitude, in all three colours
    wanted = torch.tensor(
        [[[spectrum(k, o, f) for k in kernels] for f in frequencies] for o in orientations]
    )
    error = (found.by("f1").response / factor - wanted).abs() / wanted.amax((0, 1))
    assert float(error.max()) < 1e-5
    assert float((found.f0 - found.blank).abs().max()) < 1e-5 * factor
    assert found.by("f1").by("f0").measure == "f0"


def test_kernels_turned_by_a_right_angle_turn_the_preference() -> None:
    kernels = torch.randn(6, 3, 11, 11)
    conv = nn.Conv2d(3, 6, 11, stride=2)
    turned = nn.Conv2d(3, 6, 11, stride=2)
    with torch.no_grad():
        conv.weight.copy_(kernels)
        turned.weight.copy_(kernels.rot90(1, (2, 3)))  # counter-clockwise
        turned.bias.copy_(conv.bias)  # type: ignore[union-attr, arg-type]
    settings: list[dict[str, Any]] = [{"rectified": False}, {}]
    for given, measure, exact in zip(settings, ("f1", "f0"), (1e-6, 2e-3), strict=True):
        one, other = (
            measured(wrapped(net, mean=MEAN, std=STD), **given).by(measure)
            for net in (conv, turned)
        )
        off = around(other.preferred_orientation - one.preferred_orientation, pi / 2)
        assert float(off.max()) < exact  # the rectified mean is taken at other phases
        assert torch.allclose(other.preferred_frequency, one.preferred_frequency, rtol=exact)
        assert torch.allclose(other.gosi, one.gosi, atol=exact)


def test_a_silent_unit_has_no_indices() -> None:
    kernels = [GABORS[0], torch.zeros(21, 21), GABORS[1], -torch.ones(21, 21)]
    found = tuning(wrapped(nn.Sequential(planted(kernels), nn.ReLU())), "1")["1"]
    assert found.silent.tolist() == [False, True, False, True]
    names = ["preferred_orientation", "preferred_frequency", "osi", "gosi", "half_width"]
    for name in [*names, "bandwidth", "modulation", "peak"]:
        values = getattr(found, name)
        assert values[found.silent].isnan().all(), name
        assert not values[~found.silent].isnan().any(), name
    assert not found.tuned()[found.silent].any() and not found.low_pass[found.silent].any()
    assert (found.f0[..., found.silent] == 0).all()


def test_a_positive_bias_is_the_blanks_answer() -> None:
    """Above it, F0 is what the rectifier cuts off below 0: nothing, where the bias is large."""
    lifted = measured(wrapped(planted(GABORS, bias=1000.0), mean=MEAN, std=STD))
    assert torch.allclose(lifted.blank, torch.full((7,), 1000.0).double())
    assert float((lifted.f0 / 1000 - 1).abs().max()) < 1e-6
    assert_planted(lifted.by("f1"))
    assert lifted.silent.all() and lifted.gosi.isnan().all()  # but for rounding
    assert lifted.preferred_frequency.isnan().all() and lifted.modulation.isnan().all()
    found = measured(wrapped(planted(GABORS, bias=2.0)))
    assert torch.allclose(found.blank, torch.full((7,), 2.0).double(), atol=1e-4)
    assert_planted(found)
    plain = measured(wrapped(planted(GABORS)))
    assert (found.f0 > plain.f0).all() and (found.modulation < plain.modulation).all()
    assert (found.peak < plain.peak).all()
