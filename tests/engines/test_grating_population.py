"""Shares and medians of planted populations, and their intervals, against slow derivations."""

from dataclasses import fields
from math import isnan, pi
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import binomtest

from cnnwidgets.engines.gratings import Population, Tuning, all_units, by_layer, tuning, wilson
from cnnwidgets.engines.gratings.population import MEDIANS, SHARES
from cnnwidgets.results import Provenance
from tests.engines.planted_units import gabor, planted, wrapped

ORIENTATIONS, FREQUENCIES = 8, 6
FROM = Provenance(model="Planted", weights="0" * 16, device="cpu", precision="float32")


def layer(
    widths: Any, modulations: Any = None, name: str = "layer", provenance: Provenance = FROM
) -> Tuning:
    """Units with orientation curves of these concentrations; 0: untuned, NaN: silent."""
    widths = torch.as_tensor(widths, dtype=torch.float64)
    modulations = torch.ones_like(widths) if modulations is None else torch.tensor(modulations)
    angles = torch.arange(ORIENTATIONS, dtype=torch.float64) * pi / ORIENTATIONS
    frequencies = torch.logspace(-6, -1, FREQUENCIES, 2, dtype=torch.float64)
    best = torch.arange(len(widths)) % FREQUENCIES
    turning = (widths[None] * ((2 * angles).cos()[:, None] - 1)).exp()
    passing = (-((torch.arange(FREQUENCIES)[:, None] - best) ** 2) / 2.0).exp()
    f0 = turning[:, None] * passing[None]
    f0 = f0.where(~widths.isnan(), 0.0)
    return Tuning(
        provenance=provenance,
        layer=name,
        orientations=angles,
        frequencies=frequencies,
        f0=f0,
        f1=f0 * modulations,
        blank=torch.zeros(len(widths), dtype=torch.float64),
    )


SILENT = float("nan")
MIXED = [3.0, 2.0, 0.0, 0.01, SILENT, 5.0, 1.0, SILENT, 0.0, 4.0, 0.7]


def test_planted_shares_are_found() -> None:
    modulations = [1.5, 1.6, 0.2, 0.3, 1.9, 0.1, 1.2, 0.0, 0.4, 0.9, 1.1]
    found = by_layer({"one": layer(MIXED, modulations), "two": layer([2.0, 2.0])})
    assert found.layers == ("one", "two")
    assert found.units.tolist() == [11, 2] and found.responsive.tolist() == [9, 2]
    assert found.silent.tolist() == [2 / 11, 0]
    assert found.tuned.tolist() == [6 / 9, 1]  # among those that answer
    assert found.simple.tolist() == [4 / 9, 0]
    assert not found.padded.any()


def test_a_stricter_criterion_leaves_fewer_tuned() -> None:
    gosi = layer(MIXED).gosi
    for criterion in (0.3, 0.6, 0.8):
        found = by_layer({"one": layer(MIXED)}, criterion=criterion)
        assert float(found.tuned) == sum(g >= criterion for g in gosi.tolist()) / 9
        assert found.criterion == criterion


def test_the_interval_of_a_share_is_wilson_s() -> None:
    for n in (1, 2, 7, 64, 513):
        for k in {0, 1, n // 3, n - 1, n}:
            wanted = binomtest(k, n).proportion_ci(method="wilson")
            assert np.allclose(wilson(k, n), [wanted.low, wanted.high], atol=1e-12)
    assert wilson([0, 2], [0, 4])[0].isnan().all()
    found = by_layer({"one": layer(MIXED)})
    for name, k, n in (("silent", 2, 11), ("tuned", 6, 9), ("simple", 0, 9)):
        wanted = binomtest(k, n).proportion_ci(method="wilson")
        ends = getattr(found, f"{name}_interval")[0]
        assert np.allclose(ends, [wanted.low, wanted.high]), name


@pytest.mark.parametrize("count", [9, 10])
def test_medians_and_their_intervals_are_those_of_a_slow_loop(count: int) -> None:
    one = layer([SILENT, *np.linspace(0.1, 4, count)], np.linspace(0.1, 1.7, count + 1).tolist())
    found = by_layer({"one": one}, resamples=60, seed=3)
    for name, index in MEDIANS.items():
        values = np.sort([v for v in getattr(one, index).tolist() if not isnan(v)])
        assert len(values) <= count
        generator = torch.Generator().manual_seed(3)
        drawn = torch.randint(len(values), (60, len(values)), generator=generator).tolist()
        medians = [np.median([values[place] for place in row]) for row in drawn]
        assert float(getattr(found, name)) == pytest.approx(np.median(values)), name
        ends = getattr(found, f"{name}_interval")[0]
        assert np.allclose(ends, np.percentile(medians, [2.5, 97.5])), name


def test_the_interval_covers_the_median_that_was_planted() -> None:
    """Of 200 samples of a known population 95 % should: between 180 and 200 of them."""
    covered = 0
    for seed in range(200):
        drawn = torch.rand(41, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        found = by_layer({"one": layer([1.0] * 41, (2 * drawn).tolist())}, resamples=200)
        low, high = found.modulation_interval[0].tolist()
        covered += low <= 1 <= high
    assert 180 <= covered <= 199


def test_a_layer_s_intervals_do_not_depend_on_its_neighbours() -> None:
    one, other = layer(MIXED), layer(np.linspace(0, 5, 30))
    alone, beside = by_layer({"b": one}), by_layer({"a": other, "b": one})
    for name in (*SHARES, *MEDIANS):
        ends = f"{name}_interval"
        assert torch.equal(getattr(alone, ends)[0], getattr(beside, ends)[1]), name
    again, elsewhere = by_layer({"b": other}), by_layer({"b": other}, seed=1)
    assert torch.equal(again.osi_interval[0], beside.osi_interval[0])
    assert not torch.equal(again.osi_interval, elsewhere.osi_interval)


def test_a_silent_layer_has_no_medians_and_a_lone_unit_has_its_own() -> None:
    found = by_layer({"silent": layer([SILENT] * 3), "lone": layer([2.0]), "empty": layer([])})
    assert found.silent[:2].tolist() == [1, 0] and isnan(found.silent[2])
    assert isnan(found.tuned[0]) and found.tuned_interval[0].isnan().all()
    for name in MEDIANS:
        values, ends = getattr(found, name), getattr(found, f"{name}_interval")
        assert values[[0, 2]].isnan().all() and ends[[0, 2]].isnan().all(), name
    assert found.osi_interval[1].tolist() == [float(layer([2.0]).osi)] * 2
    assert found.responsive.tolist() == [0, 1, 0]


def test_one_orientation_tells_nothing_about_tuning() -> None:
    whole = layer(MIXED)
    one = Tuning(
        provenance=FROM,
        layer="layer",
        orientations=whole.orientations[:1],
        frequencies=whole.frequencies,
        f0=whole.f0[:1],
        f1=whole.f1[:1],
        blank=whole.blank,
    )
    found = by_layer({"one": one})
    assert isnan(found.tuned) and isnan(found.gosi) and not isnan(found.frequency)


def test_what_cannot_be_summarised_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one layer, got none"):
        by_layer({})
    with pytest.raises(ValueError, match="at least one layer, got none"):
        all_units({})
    with pytest.raises(ValueError, match="at least one resample, got 0"):
        by_layer({"one": layer(MIXED)}, resamples=0)
    other = Provenance(model="Planted", weights="1" * 16, device="cpu", precision="float32")
    with pytest.raises(ValueError, match="one network with the same weights"):
        by_layer({"one": layer(MIXED), "two": layer(MIXED, provenance=other)})


def test_progress_is_told_and_ends_it() -> None:
    told: list[tuple[int, int]] = []
    two = {"one": layer(MIXED), "two": layer(MIXED)}
    by_layer(two, progress=lambda *how: told.append(how))
    assert told == [(0, 2), (1, 2), (2, 2)]

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        by_layer(two, progress=stop)


def test_tables_and_files(tmp_path: Any) -> None:
    two = {"one": layer(MIXED, name="one"), "two": layer([2.0, 2.0], name="two")}
    found = by_layer(two)
    table = found.to_frame()
    assert table.layer.tolist() == ["one", "two"] and table.units.tolist() == [11, 2]
    assert table.tuned_low[0] == float(found.tuned_interval[0, 0])
    assert table.half_width_deg[0] == pytest.approx(np.degrees(float(found.half_width[0])))
    assert not set(table.columns) & {"half_width", "half_width_low"}
    again = Population.load(found.save(tmp_path / "population.safetensors"))
    for item in fields(Population):
        one, other = getattr(found, item.name), getattr(again, item.name)
        same = torch.equal(one.nan_to_num(-1), other.nan_to_num(-1)) if item.name in (
            Population.axes
        ) else one == other  # fmt: skip
        assert same, item.name
    units = all_units(two)
    assert units.layer.tolist() == ["one"] * 11 + ["two"] * 2
    assert units.unit.tolist() == [*range(11), 0, 1]
    assert units.silent.sum() == 2 and units.gosi.notna().sum() == 11


def test_as_xarray() -> None:
    pytest.importorskip("xarray")
    found = by_layer({"one": layer(MIXED), "two": layer([2.0])}).to_xarray()
    assert dict(found.sizes) == {"layer": 2, "end": 2}
    assert found.tuned.dims == ("layer",) and found.tuned_interval.dims == ("layer", "end")


def test_a_measured_network() -> None:
    """Four Gabors and an isotropic blob beside a silent unit, in one layer."""
    down, right = np.mgrid[:21, :21] - 10
    blob = np.exp(-(down**2 + right**2) / 8.0)
    kernels = [gabor(21, angle, 0.14) for angle in (0.2, 0.9, 1.7, 2.6)]
    kernels += [torch.from_numpy(blob - blob.mean()), torch.zeros(21, 21)]
    found = by_layer(tuning(wrapped(planted(kernels, stride=4)), frequencies=6))
    assert found.silent.tolist() == [1 / 6] and found.tuned.tolist() == [4 / 5]
    assert abs(np.log(float(found.frequency) / 0.14)) < np.log(0.45 * 64) / 5 / 2  # half a step
