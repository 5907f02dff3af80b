"""Gratings where something is odd: places, forks, whole fields, sweeps that are not finished."""

from math import pi

import pytest
import torch
from torch import Tensor, nn

from cnnwidgets.engines.gratings import (
    Grating,
    TuningAccumulator,
    contrast_response,
    phase_tuning,
    render,
    respond,
    showing,
    size_tuning,
    tuning,
)
from cnnwidgets.models import VisionModel, wrap_model
from tests.graph.test_inside import Placed


def wrapped(module: nn.Module, side: int = 32) -> VisionModel:
    return wrap_model(module, input_shape=(3, side, side), mean=[0.5] * 3, std=[0.25] * 3)


def test_units_that_know_their_place_are_measured_in_the_middle() -> None:
    torch.manual_seed(0)
    model = wrapped(Placed())
    found = tuning(model, [":relu", "conv"], orientations=2, frequencies=2)
    by_hand = []
    for k in range(24):
        shown = render(
            [Grating(0, float(found[":relu"].frequencies[1]), 2 * pi * k / 24)], 3, 32, 32
        )
        with torch.no_grad():
            by_hand.append(model.module(model.normalize(shown))[0, :, 15, 15])
    torch.testing.assert_close(
        found[":relu"].f0[0, 1], torch.stack(by_hand).double().mean(0), rtol=1e-4, atol=1e-5
    )


class Fork(nn.Module):
    """Two branches whose maps are of one size only in some pictures."""

    def __init__(self) -> None:
        super().__init__()
        self.wide, self.narrow = nn.Conv2d(3, 4, 5, stride=2, padding=2), nn.Conv2d(3, 4, 1)
        self.pool = nn.MaxPool2d(2)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.wide(x) + self.pool(self.narrow(x)))


def test_a_fork_answers_as_in_the_whole_picture() -> None:
    torch.manual_seed(0)
    model = wrapped(Fork())
    stimulus = Grating(0.4, 0.13, 1.0)
    layer = model.layer(":relu")
    centre = layer.field.centre(8, 8)
    found = respond(model, ":relu", [stimulus], position=(8, 8))
    whole = model.normalize(render([Grating(0.4, 0.13, 1.0, centre=centre)], 3, 32, 32))
    with torch.no_grad():
        wanted = model.module(whole)[0, :, 8, 8]
    torch.testing.assert_close(found[0], wanted.double(), rtol=1e-4, atol=1e-5)
    assert phase_tuning(model, ":relu", stimulus).responses.shape == (24, 1, 4)


@pytest.mark.parametrize("padding", [0, 1])
def test_whole_fields_say_whether_padding_has_a_part(padding: int) -> None:
    module = nn.Sequential(
        nn.Conv2d(3, 2, 3, padding=padding), nn.Flatten(), nn.Linear(2 * (10 + 2 * padding) ** 2, 3)
    )
    model = wrapped(module, 12)
    assert tuning(model, "2", orientations=2, frequencies=2)["2"].padded == bool(padding)
    assert phase_tuning(model, "2", Grating()).padded == bool(padding)


def test_indices_of_an_unfinished_sweep_are_told_or_missing() -> None:
    torch.manual_seed(0)
    model = wrapped(nn.Sequential(nn.Conv2d(3, 12, 7, bias=False), nn.ReLU()))
    sweep = TuningAccumulator(model, "1", orientations=6, frequencies=8)
    sweep.update(range(len(sweep)))
    whole = sweep.result()["1"]
    part = TuningAccumulator(model, "1", orientations=6, frequencies=8)
    part.update([n for n in range(len(part)) if n % 8 in (4, 5, 6)])
    found = part.result()["1"]
    same = whole.best[:, 1] == found.best[:, 1]
    assert same.any()
    for name in ("osi", "gosi", "preferred_orientation", "half_width"):
        torch.testing.assert_close(
            getattr(found, name)[same], getattr(whole, name)[same], equal_nan=True
        )
    known = ~found.bandwidth.isnan() & same
    torch.testing.assert_close(found.bandwidth[known], whole.bandwidth[known])
    assert not found.low_pass.any()  # the lowest frequency was not shown
    one = TuningAccumulator(model, "1", orientations=6, frequencies=8)
    one.update(range(8))
    assert one.result()["1"].osi.isnan().all() and one.result()["1"].gosi.isnan().all()


def test_upright_bars_are_at_0_and_not_at_half_a_turn() -> None:
    x = torch.arange(15.0) - 7
    wave = torch.cos(2 * pi * 0.15 * x) * torch.exp(-((x / 4) ** 2) / 2)
    kernel = (wave[None] * torch.exp(-((x[:, None] / 4) ** 2) / 2)).expand(1, 3, 15, 15)
    module = nn.Sequential(nn.Conv2d(3, 1, 15, bias=False), nn.ReLU())
    module[0].weight.data = kernel.clone()
    found = tuning(wrapped(module, 64), "1")["1"]
    assert float(found.preferred_orientation) == pytest.approx(0, abs=1e-3) or float(
        found.preferred_orientation
    ) == pytest.approx(pi, abs=1e-3)
    assert 0 <= float(found.preferred_orientation) < pi


def test_suppression_is_what_the_largest_size_costs_in_any_order() -> None:
    model = wrapped(nn.Sequential(nn.Conv2d(3, 2, 7), nn.ReLU()))
    sizes = [2.0, 5.0, 12.0]
    up = size_tuning(model, "1", Grating(), sizes).suppression
    down = size_tuning(model, "1", Grating(), sizes[::-1]).suppression
    torch.testing.assert_close(up, down, equal_nan=True)


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        (lambda m: phase_tuning(m, "0", Grating(), phases=2), "at least 3 phases, got 2"),
        (lambda m: size_tuning(m, "0", Grating(), []), "no diameter to show"),
        (lambda m: contrast_response(m, "0", Grating(), []), "no contrast to show"),
        (lambda m: TuningAccumulator(m, "0", phase_gap=0), "phase_gap is above 0"),
        (lambda m: TuningAccumulator(m, "0", phase_gap=0.5), "at most 1/4"),
        (lambda _: Grating(centre=(float("nan"), 1.0)), "centre is"),
    ],
)
def test_bad_input_is_told(wrong, match: str) -> None:
    model = wrapped(nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU()))
    with pytest.raises(ValueError, match=match):
        wrong(model)


def test_no_call_takes_more_pictures_than_make_it_long(monkeypatch) -> None:
    """A grating of many pictures, shown alone or in copies, is shown in parts: sliders wait."""
    torch.manual_seed(0)
    model = wrapped(nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(4 * 30 * 30, 3)))
    whole = tuning(model, ["0", "2"], orientations=2, frequencies=[0.1, 0.25])
    sizes = []

    def counted(stimuli, *size):
        sizes.append(len(stimuli) * size[1] * size[2])
        return render(stimuli, *size)

    monkeypatch.setattr(showing, "pixels_at_once", lambda _: 5 * 32 * 32)
    monkeypatch.setattr(showing, "render", counted)
    parts = tuning(model, ["0", "2"], orientations=2, frequencies=[0.1, 0.25])
    assert max(sizes) <= 5 * 32 * 32 and len(sizes) > 8
    for name, found in parts.items():
        torch.testing.assert_close(found.f0, whole[name].f0, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(found.f1, whole[name].f1, rtol=1e-5, atol=1e-6)
        assert found.provenance.at_once is None  # memory was not short
