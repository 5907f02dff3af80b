"""The sweep in parts: any split, order and merge; cancelled, stale, unfinished; what is refused."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from cnnwidgets.engines.gratings import Tuning, TuningAccumulator, tuning
from cnnwidgets.graph import StaleRecordError
from cnnwidgets.models import VisionModel, wrap_model
from tests.as_found import model_as_found
from tests.engines.planted_units import MEAN, STD, gabor, planted, wrapped
from tests.graph.networks import small
from tests.widgets.tiny import network

LAYERS = ["0", "1", "3", "6"]  # three maps, and a vector
GRID: dict[str, Any] = {"orientations": 4, "frequencies": [0.03, 0.1, 0.22]}


def double() -> VisionModel:
    """In float64, so that a batch of any size computes the same."""
    torch.manual_seed(3)
    return wrapped(small().double(), 32, mean=MEAN, std=STD)


def difference(one: dict[str, Tuning], other: dict[str, Tuning]) -> float:
    assert list(one) == list(other)
    apart = [
        (getattr(one[name], part) - getattr(other[name], part)).abs().max()
        for name in one
        for part in ("f0", "f1", "blank")
    ]
    return float(torch.stack(apart).max())


def test_any_split_order_and_merge_gives_the_same() -> None:
    model = double()
    whole = TuningAccumulator(model, LAYERS, **GRID)
    whole.update(range(12))
    dice = np.random.default_rng(0)
    single = TuningAccumulator(model, LAYERS, **GRID)
    for number in dice.permutation(12):
        single.update([number, number])
    assert single.count == 12 == len(single)
    assert difference(single.result(), whole.result()) < 1e-12
    for count in (2, 3, 5):
        parts = []
        for numbers in np.array_split(dice.permutation(12), count):
            part = TuningAccumulator(model, LAYERS, **GRID)
            part.update([*numbers.tolist(), 5])  # 5 is in all of them: it counts once
            parts.append(part)
        first, *others = [parts[i] for i in dice.permutation(count)]
        for other in others:
            first.merge(other)
        assert difference(first.result(), whole.result()) < 1e-12
        assert first.done.all()
    empty = TuningAccumulator(model, LAYERS, **GRID)
    empty.merge(whole)
    whole.merge(TuningAccumulator(model, LAYERS, **GRID))
    assert difference(empty.result(), whole.result()) == 0


def test_in_float32_a_split_changes_rounding_only() -> None:
    model = wrapped(small(), 32, mean=MEAN, std=STD)
    whole, parts = (TuningAccumulator(model, ["0", "3"], **GRID) for _ in range(2))
    whole.update(range(12))
    for numbers in ([11, 2], range(0, 12, 2), range(12)):
        parts.update(numbers)
    assert difference(whole.result(), parts.result()) < 1e-6


def test_merging_something_else_is_refused() -> None:
    model = double()
    found = TuningAccumulator(model, ["0"], **GRID)
    found.update([0])
    other_weights = double()
    with torch.no_grad():
        other_weights.module[0].weight.mul_(1.01)
    others = [
        TuningAccumulator(model, ["1"], **GRID),
        TuningAccumulator(model, ["0"], orientations=4, frequencies=[0.03, 0.1, 0.23]),
        TuningAccumulator(model, ["0"], **GRID, contrast=0.5),
        TuningAccumulator(model, ["0"], **GRID, colour="red"),
        TuningAccumulator(model, ["0"], **GRID, rectified=False),
        TuningAccumulator(other_weights, ["0"], **GRID),
        TuningAccumulator(wrapped(model.module, 32), ["0"], **GRID),  # other mean and std
    ]
    for other in others:
        with pytest.raises(
            ValueError, match="^only accumulators of the same network, weights, layers and grat"
        ):
            found.merge(other)
    assert found.count == 1


class Stop(Exception):
    pass


def test_cancelling_leaves_it_usable_and_the_model_as_found() -> None:
    model = double()
    whole = TuningAccumulator(model, LAYERS, **GRID)
    whole.update(range(12))
    found, calls = TuningAccumulator(model, LAYERS, **GRID), 0

    def between() -> None:
        nonlocal calls
        calls += 1
        if calls in (2, 9, 17, 30):
            raise Stop

    with model_as_found(model.module):
        stops = 0
        while found.count < 12:
            try:
                found.update(range(12), between=between)
            except Stop:
                stops += 1
        assert stops >= 2
    assert difference(found.result(), whole.result()) < 1e-12


def test_progress_may_cancel_and_the_model_is_left_as_found() -> None:
    model, reports = network(), []

    def stop(done: int, total: int) -> None:
        reports.append((done, total))
        if len(reports) == 3:
            raise Stop

    with model_as_found(model.module):
        with pytest.raises(Stop):
            tuning(model, **GRID, progress=stop)
        reports.clear()
        found = tuning(model, **GRID, progress=lambda *step: reports.append(step))
    assert list(found) == ["0", "3"]  # every convolution
    assert reports[-1] == (12, 12) and reports == sorted(reports)
    model.module.train()
    with model_as_found(model.module):
        assert difference(tuning(model, **GRID), found) == 0


def test_weights_that_change_meanwhile_are_told() -> None:
    model = double()
    found = TuningAccumulator(model, LAYERS, **GRID)
    found.update(range(3))
    with torch.no_grad():
        model.module[0].weight[0].mul_(2)
    with pytest.raises(StaleRecordError):
        found.update([4])
    fresh, calls = TuningAccumulator(model, LAYERS, **GRID), []

    def writing() -> None:
        calls.append(0)
        if len(calls) == 2:
            with torch.no_grad():
                model.module[3].weight.mul_(2)

    with pytest.raises(StaleRecordError):
        fresh.update(range(12), between=writing)
    assert not fresh.done.all()


def test_what_was_not_shown_yet_is_nan_and_so_are_indices_that_need_it() -> None:
    model = wrapped(planted([gabor(9, 0.3 * k, 0.15) for k in range(4)]), 32)
    found = TuningAccumulator(model, **GRID)
    with pytest.raises(ValueError, match="^a tuning needs at least one grating, got none$"):
        found.result()
    numbers = [0, 3, 4, 6, 9, 11]
    found.update(numbers)
    [partly] = found.result().values()
    wanted = torch.zeros(12, dtype=torch.bool)
    wanted[numbers] = True
    assert torch.equal(found.done.flatten(), wanted) and found.count == 6
    assert torch.equal(~partly.f0.isnan().any(-1).flatten(), wanted)
    assert torch.equal(partly.f0.isnan(), partly.f1.isnan())
    found.update(range(12))
    [whole] = found.result().values()
    shown = partly.f0.isfinite()
    assert torch.allclose(partly.f0[shown], whole.f0[shown], atol=1e-6)
    peak = (whole.f0 - whole.blank).where(shown, 0).flatten(0, 1).amax(0)
    assert torch.allclose(partly.peak, peak, atol=1e-6)
    assert partly.osi.isnan().all() and partly.gosi.isnan().all()  # no frequency is complete
    assert whole.osi.isfinite().all()
    assert whole.f0.isfinite().all() and not whole.silent.any()


def test_the_result_tells_where_it_is_from(tmp_path) -> None:
    model = network()
    found = tuning(model, "3", **GRID, contrast=0.5, colour="red-green")["3"]
    assert (found.layer, found.contrast, found.colour) == ("3", 0.5, "red-green")
    assert found.rectified and found.units == 8
    assert found.provenance.model == "Tiny" and found.provenance.weights == (
        model.structure.fingerprint
    )
    assert found.silent[5] and found.to_frame()["silent"][5]  # planted there
    loaded = Tuning.load(found.save(tmp_path / "t.safetensors"))
    assert torch.equal(loaded.f0, found.f0) and loaded.provenance == found.provenance


@pytest.mark.parametrize(
    ("layers", "settings", "sentence"),
    [
        ("nope", {}, "^layer 'nope' is not in Sequential"),
        ([], {}, "^tuning needs at least one layer of Sequential, got none$"),
        ("0", {"frequencies": [0.1, 0.6]}, r"^a frequency of 0\.6 cycles .* is 0\.5 \(Nyquist\)$"),
        ("0", {"frequencies": [0.2, 0.1]}, r"^frequencies ascend above 0, .* got \[0\.2, 0\.1\]$"),
        ("0", {"frequencies": [0.0, 0.1]}, r"^frequencies ascend above 0, .* got \[0\.0, 0\.1\]$"),
        ("0", {"frequencies": [float("nan")]}, r"^frequencies ascend above 0, .* got \[nan\]$"),
        ("0", {"frequencies": 0}, "^tuning takes at least one frequency, got 0$"),
        ("0", {"orientations": 0}, "^tuning takes at least one orientation, got 0$"),
        ("0", {"orientations": [0, 3.2]}, r"^orientations ascend within 0 to pi .* \[0\.0, 3\.2\]"),
        ("0", {"orientations": [-0.1, 1]}, "^orientations ascend within 0 to pi"),
        ("0", {"orientations": [1, 1]}, "^orientations ascend within 0 to pi"),
        ("0", {"orientations": [float("nan")]}, "^orientations are one or more finite angles"),
        ("0", {"orientations": []}, "^orientations are one or more finite angles"),
        ("0", {"contrast": 2}, "^a grating's contrast is 0 to 1, got 2$"),
        ("0", {"colour": "mauve"}, "^a grating's colour is one of grey"),
    ],
)
def test_bad_input_is_told_in_one_sentence(layers: Any, settings: dict, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence) as raised:
        tuning(wrapped(small(), 32), layers, **settings)
    assert "\n" not in str(raised.value)


def test_other_bad_input() -> None:
    grey = wrapped(nn.Conv2d(1, 2, 3), 16, 1)
    with pytest.raises(ValueError, match="^a blue grating takes .* 3 input channels, this one has"):
        tuning(grey, colour="blue")
    found = TuningAccumulator(grey, **GRID)
    for number in (12, -1):
        with pytest.raises(
            ValueError, match=f"^there are 12 gratings, 0 to 11; {number} was asked$"
        ):
            found.update([3, number])
    assert found.count == 0
    module = nn.Sequential(nn.Conv2d(3, 3, 1), nn.Flatten(2))
    rows = wrap_model(module, input_shape=(3, 8, 8), mean=(0,) * 3, std=(1,) * 3, name="Rows")
    with pytest.raises(ValueError, match=r"of Rows has shape \[3, 64\]; tuning takes maps"):
        tuning(rows, "1")
