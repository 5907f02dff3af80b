"""Indices of planted curves: widths, cuts, uneven and few stimuli; tables and files."""

from math import cosh, exp, log, pi, sqrt
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from cnnwidgets.engines.gratings import Tuning
from cnnwidgets.results import Provenance

FREQUENCIES = torch.linspace(log(1 / 64), log(0.45), 10, dtype=torch.float64).exp()
EVEN = torch.arange(12, dtype=torch.float64) * pi / 12
UNEVEN = torch.tensor([0.0, 0.2, 0.3, 0.75, 1.0, 1.2, 1.6, 1.9, 2.1, 2.45, 2.6, 2.9]).double()


def of_curves(f0: Tensor, orientations: Tensor = EVEN, **given: Any) -> Tuning:
    """A tuning with these mean responses [O, F, unit]."""
    made = {
        "provenance": Provenance("Planted", "0" * 16, "cpu", "float64"),
        "layer": "planted",
        "orientations": orientations,
        "frequencies": FREQUENCIES,
        "f0": f0.double(),
        "f1": f0.double() * 1.2,
        "blank": torch.zeros(f0.shape[2], dtype=torch.float64),
    }
    return Tuning(**(made | given))


def bell(at: Tensor, concentration: float, centre: float) -> Tensor:
    """A von Mises curve of orientation, 1 at its peak."""
    return (concentration * ((2 * (at - centre)).cos() - 1)).exp()


def hill(at: Tensor, width: float, centre: float) -> Tensor:
    """A Gaussian over log frequency."""
    return (-(((at / centre).log() / width) ** 2) / 2).exp()


def of(centre: float = 1.3, concentration: float = 1.5, orientations: Tensor = EVEN) -> Tuning:
    over = bell(orientations, concentration, centre)
    return of_curves((over[:, None] * hill(FREQUENCIES, 0.5, 0.11))[..., None], orientations)


def crossing(at: np.ndarray, curve: np.ndarray, start: int, step: int) -> float:
    """Where a dense curve first lies at half its value at `start`, going by `step`."""
    number = start
    while curve[number] > curve[start] / 2:
        number += step
    return float(at[number])


@pytest.mark.parametrize("orientations", [EVEN, UNEVEN])
@pytest.mark.parametrize("centre", [0.0, 0.75, 1.2, 2.9, 3.1])
@pytest.mark.parametrize("concentration", [1.0, 2.5])
def test_the_half_width_by_a_dense_curve(
    orientations: Tensor, centre: float, concentration: float
) -> None:
    found = of(centre, concentration, orientations)
    curve = bell(orientations, concentration, centre).numpy()
    around = np.concatenate([orientations.numpy() + k * pi for k in (-1, 0, 1)])
    at = np.linspace(-pi, 2 * pi, 60001)
    dense = np.interp(at, around, np.tile(curve, 3))
    top = int(np.abs(at - around[len(curve) + int(curve.argmax())]).argmin())
    wanted = (crossing(at, dense, top, 1) - crossing(at, dense, top, -1)) / 2
    assert float(found.half_width) == pytest.approx(wanted, abs=2e-4)
    true = np.arccos(1 - log(2) / concentration) / 2
    assert float(found.half_width) == pytest.approx(true, rel=0.25)


@pytest.mark.parametrize("width", [0.3, 0.5, 0.8])
def test_the_bandwidth_by_a_dense_curve(width: float) -> None:
    curve = hill(FREQUENCIES, width, 0.09)
    found = of_curves((bell(EVEN, 2, 1)[:, None] * curve)[..., None])
    at = np.linspace(-6, log(0.45) / log(2), 50001)
    dense = np.interp(at, FREQUENCIES.log2().numpy(), curve.numpy())
    top = int(np.abs(at - float(FREQUENCIES.log2()[curve.argmax()])).argmin())
    low, high = (crossing(at, dense, top, step) for step in (-1, 1))
    assert float(found.bandwidth) == pytest.approx(high - low, abs=5e-4)
    assert [float(cut.log2()) for cut in found.frequency_cuts] == pytest.approx(
        [low, high], abs=3e-4
    )
    true = 2 * width * sqrt(2 * log(2)) / log(2)
    assert float(found.bandwidth) == pytest.approx(true, rel=0.13)
    assert not found.low_pass.any()
    assert float(found.preferred_frequency) == pytest.approx(0.09, rel=1e-9)  # a parabola of logs


def test_low_pass_and_high_pass_units() -> None:
    curves = torch.stack([(-FREQUENCIES / 0.1).exp(), FREQUENCIES, torch.ones(10)], 1)
    found = of_curves(bell(EVEN, 2, 1)[:, None, None] * curves)
    assert found.low_pass.tolist() == [True, False, True]
    low, high = found.frequency_cuts
    assert low.isnan().tolist() == [True, False, True]
    assert high.isnan().tolist() == [False, True, True]
    assert found.bandwidth.isnan().all()
    ends = found.preferred_frequency[:2].tolist()
    assert ends == pytest.approx([1 / 64, 0.45])  # at either end, no parabola


@pytest.mark.parametrize("orientations", [EVEN, UNEVEN])
@pytest.mark.parametrize("centre", [0.0, 0.33, 1.57, 3.1])
def test_a_bells_centre_and_gosi(orientations: Tensor, centre: float) -> None:
    """The vector sum of a von Mises curve is I1/I0 of its concentration."""
    found = of(centre, 1.5, orientations)
    apart = (float(found.preferred_orientation) - centre + pi / 2) % pi - pi / 2
    even = orientations is EVEN
    assert abs(apart) < (1e-3 if even else 0.05)
    assert 0 <= float(found.preferred_orientation) < pi
    true = float(torch.special.i1(torch.tensor(1.5)) / torch.special.i0(torch.tensor(1.5)))
    assert float(found.gosi) == pytest.approx(true, rel=1e-3 if even else 0.05)
    orthogonal = exp(-2 * 1.5)
    wanted = (1 - orthogonal) / (1 + orthogonal)
    assert float(found.osi) == pytest.approx(wanted, abs=0.03)
    assert wanted == pytest.approx(1 - 1 / (cosh(1.5) * exp(1.5)))


def test_equal_answers_have_no_orientation_also_where_uneven() -> None:
    for orientations in (EVEN, UNEVEN):
        flat = hill(FREQUENCIES, 0.5, 0.1)[None, :, None].expand(12, 10, 1)
        found = of_curves(flat, orientations)
        assert float(found.gosi) < 0.03 and float(found.osi) == pytest.approx(0, abs=1e-12)
        assert found.half_width.isnan().all() and not found.tuned().any()


def test_one_orientation_tells_frequencies_only() -> None:
    found = of_curves(hill(FREQUENCIES, 0.5, 0.09)[None, :, None], EVEN[:1])
    for name in ("preferred_orientation", "osi", "gosi", "half_width"):
        assert getattr(found, name).isnan().all(), name
    assert float(found.preferred_frequency) == pytest.approx(0.09)
    assert float(found.bandwidth) > 1 and not found.silent.any() and not found.tuned().any()
    assert float(found.modulation) == pytest.approx(1.2)
    two = of_curves(bell(EVEN[::6], 2, 0)[:, None, None].expand(2, 10, 1), EVEN[::6])
    assert float(two.osi) == pytest.approx((1 - exp(-4)) / (1 + exp(-4)))
    assert two.half_width.isnan().all()


def test_one_and_two_frequencies() -> None:
    for count in (1, 2):
        f0 = bell(EVEN, 2, 1)[:, None, None].expand(12, count, 1)
        found = of_curves(f0, frequencies=FREQUENCIES[3 : 3 + count])
        assert float(found.preferred_frequency) == pytest.approx(float(FREQUENCIES[3]))
        assert found.bandwidth.isnan().all()
        assert float(found.preferred_orientation) == pytest.approx(1, abs=1e-3)


def test_what_lies_below_the_blank_counts_as_nothing() -> None:
    f0 = bell(EVEN, 2, 1)[:, None, None].expand(12, 10, 1)
    found = of_curves(f0, blank=torch.tensor([0.5], dtype=torch.float64))
    assert float(found.response.min()) == 0
    assert float(found.peak) == pytest.approx(float(f0.max()) - 0.5)
    assert float(found.osi) == 1 and not found.silent.any()  # the orthogonal is below the blank
    assert float(found.modulation) == pytest.approx(1.2)  # F0 is the whole mean there
    below = of_curves(f0, blank=torch.tensor([2.0], dtype=torch.float64))
    assert below.silent.all() and below.osi.isnan().all() and below.modulation.isnan().all()


def test_a_frame_has_a_row_a_unit(tmp_path) -> None:
    f0 = torch.stack([bell(EVEN, 2, 1)[:, None] * hill(FREQUENCIES, 0.4, 0.1), torch.zeros(12, 10)])
    found = of_curves(f0.movedim(0, 2), padded=True)
    frame = found.to_frame()
    assert list(frame["unit"]) == [0, 1] and set(frame["layer"]) == {"planted"}
    assert frame["preferred_orientation_deg"][0] == pytest.approx(np.degrees(1), abs=0.1)
    assert frame["half_width_deg"][0] == pytest.approx(np.degrees(float(found.half_width[0])))
    assert list(frame["silent"]) == [False, True] and frame["padded"].all()
    assert np.isnan(frame["osi"][1]) and frame["blank"][1] == 0
    loaded = Tuning.load(found.by("f1").save(tmp_path / "tuning.safetensors"))
    assert loaded.provenance == found.provenance and loaded.measure == "f1" and loaded.padded
    for name in Tuning.axes:
        assert torch.equal(getattr(loaded, name), getattr(found, name))
    assert torch.equal(loaded.peak[:1], found.by("f1").peak[:1])
    with pytest.raises(ValueError, match=r"^a tuning's measure is 'f0' or 'f1', got 'f2'$"):
        found.by("f2")


def test_an_xarray_has_named_axes() -> None:
    pytest.importorskip("xarray")
    found = of().to_xarray()
    assert found["f0"].dims == ("orientation", "frequency", "unit")
    assert found["f0"].shape == (12, 10, 1)
