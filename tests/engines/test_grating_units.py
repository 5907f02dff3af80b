"""The units of one position, shown gratings one by one: as at the rig."""

from math import pi
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from cnnwidgets.engines.gratings import (
    Grating,
    Series,
    contrast_response,
    phase_tuning,
    render,
    respond,
    size_tuning,
    tuning,
)
from cnnwidgets.graph import StaleRecordError
from cnnwidgets.models import VisionModel
from tests.as_found import model_as_found
from tests.engines.planted_units import MEAN, STD, gabor, planted, spectrum, wrapped
from tests.graph.networks import small

STIMULI = [
    Grating(orientation=0.4, frequency=0.13, phase=1.1),
    Grating(orientation=2.2, frequency=0.3, contrast=0.4, diameter=9),
    Grating(frequency=0.07, colour="red-green", diameter=15.5, phase=-2),
    Grating(orientation=1, frequency=0, contrast=0.3),
]


def body() -> nn.Sequential:
    torch.manual_seed(2)
    return nn.Sequential(
        nn.Conv2d(3, 6, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, padding=1),
        nn.Conv2d(6, 8, 3, padding=1),
    ).eval()


def shown_whole(
    model: VisionModel, layer: str, stimuli: list[Grating], position: tuple[int, int]
) -> Tensor:
    """The plain way: whole pictures with the grating about the field's middle, one pass each."""
    top, left, bottom, right = model.layer(layer).field.box(*position)
    middle = ((top + bottom) / 2, (left + right) / 2)
    about = [Grating(**{**vars(one), "centre": one.centre or middle}) for one in stimuli]
    channels, height, width = model.input_shape
    pictures = model.normalize(render(about, channels, height, width))
    return torch.stack([model.run(one[None], layer)[layer][0, :, *position] for one in pictures])


@pytest.mark.parametrize(
    ("layer", "position"), [("0", (20, 31)), ("2", (9, 11)), ("3", (14, 8)), ("3", (9, 9))]
)
def test_a_small_picture_gives_what_the_whole_one_gives(
    layer: str, position: tuple[int, int]
) -> None:
    model = wrapped(body(), 48, mean=MEAN, std=STD)
    elsewhere = [Grating(**{**vars(one), "centre": (21.5, 17.25)}) for one in STIMULI]
    for stimuli in (STIMULI, elsewhere):
        found = respond(model, layer, stimuli, position=position, rectified=False)
        wanted = shown_whole(model, layer, stimuli, position)
        assert found.dtype == torch.float64 and found.shape == wanted.shape
        assert float((found - wanted).abs().max()) < 5e-6
        rectified = respond(model, layer, stimuli, position=position)
        assert torch.equal(rectified, found.clamp_min(0))
        assert layer == "2" or (found < 0).any()


@pytest.mark.parametrize(
    ("layer", "position"), [("0", (0, 0)), ("0", (47, 3)), ("3", (0, 23)), ("3", (23, 23))]
)
def test_positions_that_see_padding(layer: str, position: tuple[int, int]) -> None:
    model = wrapped(body(), 48, mean=MEAN, std=STD)
    found = respond(model, layer, STIMULI, position=position, rectified=False)
    assert float((found - shown_whole(model, layer, STIMULI, position)).abs().max()) < 5e-6
    assert phase_tuning(model, layer, STIMULI[0], position=position, phases=4).padded


def test_the_middle_position_is_taken_unless_told_and_vectors_have_none() -> None:
    model = wrapped(small(), 32)
    assert model.layer("3").field.free_positions(7, 7) == (2, 2, 6, 6)
    given = respond(model, "3", STIMULI, position=(4, 4), rectified=False)
    found = phase_tuning(model, "3", STIMULI[0], phases=4)
    assert not found.padded and found.position == (4, 4)
    assert torch.equal(respond(model, "3", STIMULI, rectified=False), given)
    pictures = model.normalize(render(STIMULI, 3, 32, 32))
    answers = respond(model, "9", STIMULI, rectified=False)
    assert torch.allclose(answers, model.run(pictures, "9")["9"].double(), atol=1e-5)
    vector = phase_tuning(model, "9", STIMULI[0], phases=4, rectified=False)
    assert vector.position == () and vector.padded and vector.responses.shape == (4, 1, 5)


def simple() -> VisionModel:
    kernels = [gabor(15, 0.5, 0.15), gabor(15, 2, 0.2, pi / 2), gabor(15, 1, 0.1, 1)]
    return wrapped(nn.Sequential(planted(kernels, stride=2), nn.ReLU()), 48)


@pytest.mark.parametrize("rectified", [True, False])
def test_the_phase_curve_has_the_sweeps_harmonics(rectified: bool) -> None:
    model = simple()
    stimulus = Grating(orientation=0.5, frequency=0.15)
    found = phase_tuning(model, "0", stimulus, rectified=rectified, phases=48)
    sweep = tuning(model, "0", orientations=[0.5], frequencies=[0.15], rectified=rectified)["0"]
    scale = float(sweep.f1.max())
    assert torch.allclose(found.f1, sweep.f1[0, 0], atol=5e-3 * scale)
    assert torch.allclose(found.f0.mean(0), sweep.f0[0, 0], atol=5e-3 * scale)
    assert torch.allclose(found.values, torch.arange(48).double() * 2 * pi / 48)
    if not rectified:  # an even filter answers most at phase 0 of its field's middle
        wanted = 1.5 * spectrum(gabor(15, 0.5, 0.15), 0.5, 0.15) * found.values.cos()
        assert torch.allclose(found.responses[:, 0, 0], wanted, atol=1e-5 * scale)
        assert torch.allclose(found.f1, sweep.f1[0, 0], atol=1e-5 * scale)


def test_a_linear_unit_follows_contrast() -> None:
    contrasts = [0, 0.1, 0.35, 0.8, 1]
    for rectified in (True, False):
        found = contrast_response(
            simple(), "0", Grating(orientation=0.5, frequency=0.15), contrasts, rectified=rectified
        )
        assert found.varied == "contrast" and found.values.tolist() == contrasts
        wanted = torch.tensor(contrasts)[:, None] * found.f1[-1]
        assert torch.allclose(found.f1, wanted, atol=1e-5 * float(found.f1.max()))
    assert float(found.f0.abs().max()) < 1e-5 * float(found.f1.max())
    assert found.f1.shape == (5, 3)


def test_a_patch_that_covers_the_field_is_as_good_as_a_full_grating() -> None:
    model, stimulus = simple(), Grating(orientation=0.5, frequency=0.15)
    covering = 15 * 2**0.5 + 1
    found = size_tuning(model, "0", stimulus, [0, 4, 9, covering, 30, 1000])
    full = phase_tuning(model, "0", stimulus, phases=16)
    assert torch.allclose(found.f0[3:], full.f0.mean(0).expand(3, -1), rtol=1e-5, atol=1e-6)
    assert float(found.f0[0].abs().max()) < 1e-5 < 0.1 < float(found.f0[1, 0])
    assert float(found.f0[1, 0]) < float(found.f0[2, 0]) < float(found.f0[3, 0])
    assert float(found.suppression[0]) < 0.02
    asked = size_tuning(model, "0", stimulus)
    assert float(asked.values[0]) == 0 and float(asked.values[-1]) == 1.5 * 15
    assert torch.allclose(asked.f0[-1], full.f0.mean(0), rtol=1e-5, atol=1e-6)


def test_a_planted_surround_suppresses() -> None:
    """A centre minus its surround, of one orientation and frequency: a small patch drives best."""
    down, right = np.mgrid[:31, :31] - 15
    squared = torch.from_numpy(right**2 + down**2)
    narrow, wide = (torch.exp(-squared / (2 * s * s)) / (2 * pi * s * s) for s in (3, 7))
    wave = torch.from_numpy(np.cos(2 * pi * 0.15 * right))
    centre = narrow * wave
    model = wrapped(planted([centre - 0.8 * wide * wave, centre, 0 * centre]), 48)
    found = size_tuning(model, next(iter(model.layers)), Grating(frequency=0.15))
    assert float(found.suppression[0]) > 0.5
    assert 0 < int(found.f0[:, 0].argmax()) < 6
    assert abs(float(found.suppression[1])) < 0.02
    assert found.suppression[2].isnan()


def test_a_series_is_saved_and_the_model_left_as_found(tmp_path) -> None:
    model, reports = simple(), []
    with model_as_found(model.module):
        found = phase_tuning(
            model, "1", STIMULI[0], phases=6, progress=lambda *step: reports.append(step)
        )
    assert reports[-1] == (6, 6) and reports == sorted(reports)
    loaded = Series.load(found.save(tmp_path / "series.safetensors"))
    assert torch.equal(loaded.responses, found.responses)
    assert (loaded.position, loaded.varied, loaded.layer) == (found.position, "phase", "1")
    assert (loaded.orientation, loaded.frequency) == (0.4, 0.13)


def test_raising_progress_and_changed_weights_end_it() -> None:
    model = simple()

    def write(done: int, total: int) -> None:
        with torch.no_grad():
            model.module[0].weight.mul_(1.1)
        raise KeyError("enough")

    before = respond(model, "0", STIMULI)
    with pytest.raises(KeyError, match="enough"):
        respond(model, "0", STIMULI, progress=write)
    # The next one sees the new weights.
    assert torch.allclose(respond(model, "0", STIMULI), 1.1 * before, rtol=1e-4, atol=1e-4)


def test_weights_that_change_meanwhile_are_told() -> None:
    model, reports = simple(), []

    def write(done: int, total: int) -> None:
        reports.append(done)
        with torch.no_grad():
            model.module[0].weight.mul_(1.1)

    with pytest.raises(StaleRecordError):
        respond(model, "0", STIMULI * 200, progress=write)
    assert 0 < reports[-1] < 800


@pytest.mark.parametrize(
    ("layer", "given", "sentence"),
    [
        ("nope", {}, "^layer 'nope' is not in Sequential"),
        ("3", {"position": (7, 0)}, r"^3 has 7 rows and 7 columns; position \(7, 0\) was asked$"),
        ("3", {"position": (0, -1)}, r"^3 has 7 rows .* position \(0, -1\) was asked$"),
        ("9", {"position": (0, 0)}, "^9 is a vector, its units have no position$"),
    ],
)
def test_bad_input_is_told_in_one_sentence(
    layer: str, given: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        respond(wrapped(small(), 32), layer, STIMULI, **given)


def test_a_colour_for_a_network_of_one_channel_is_refused() -> None:
    model = wrapped(nn.Sequential(nn.Conv2d(1, 2, 3)), 16, 1)
    with pytest.raises(ValueError, match="^a red-green grating takes a network with 3 input"):
        respond(model, "0", STIMULI)
