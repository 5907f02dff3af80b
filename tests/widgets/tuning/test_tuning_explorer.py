"""The tuning explorer without a browser: gratings, answers, curves and what they are kept for."""

import io
from itertools import count
from math import degrees, pi, radians

import numpy as np
import pytest
import torch
from PIL import Image

import cnnwidgets as cw
from cnnwidgets.engines.gratings import size_tuning, tuning
from cnnwidgets.widgets import TuningExplorer
from cnnwidgets.widgets.layer_tunings import LayerTuning, SweepQuestion
from cnnwidgets.widgets.scheduler import Lane
from tests.widgets.tiny import pictures
from tests.widgets.tuning import rig


def at(explorer):
    """Orientation in degrees and frequency, as they stand."""
    return round(degrees(explorer.orientation)), explorer.frequency


def test_it_starts_at_the_first_convolution_with_each_units_best_grating(explorer):
    assert (explorer.layer, explorer.unit) == ("0", 1)
    frequencies = explorer.result.frequencies
    nearest = frequencies[(frequencies / rig.FREQUENCY).log().abs().argmin()]
    for unit, angle in enumerate(rig.ANGLES):
        explorer._controls.selected.slider.set_state({"value": unit})
        rig.settle(explorer)
        assert at(explorer) == (angle, pytest.approx(float(nearest)))
        rig.assert_shows_what_is_asked(explorer)
        others = [rig.response(explorer, rig.grating(explorer, phase=k * pi / 12)) for k in (6, 12)]
        assert explorer._shown.value > max(others)
    assert "silent" not in explorer._panels.numbers.alt


def test_a_grating_moved_by_hand_stays_until_the_best_one_is_asked(explorer):
    explorer._controls.orientation.set_state({"value": 77})
    explorer.unit = 2
    rig.settle(explorer)
    assert at(explorer)[0] == 77
    explorer._controls.best.click()
    rig.settle(explorer)
    assert at(explorer)[0] == 90
    explorer.unit = 3
    rig.settle(explorer)
    assert at(explorer)[0] == 135
    explorer.frequency = 0.05  # a hand, too
    explorer.unit = 0
    rig.settle(explorer)
    assert at(explorer) == (135, 0.05)
    explorer.show_best()
    rig.settle(explorer)
    assert at(explorer)[0] == 0


def test_a_grating_given_at_the_start_is_kept(inline):
    explorer = TuningExplorer(rig.network(), pictures(), orientation=1.0, phase=7.0, lane=inline)
    rig.settle(explorer)
    assert (explorer.orientation, explorer.phase) == (1.0, pytest.approx(7.0 - 2 * pi))
    rig.assert_shows_what_is_asked(explorer)
    explorer.close()


@pytest.mark.parametrize(
    ("slider", "value", "trait", "wanted", "reading"),
    [
        ("orientation", 45, "orientation", radians(45), "45°"),
        ("frequency", 0, "frequency", 1 / 128, ".0078\N{THIN SPACE}c/px"),
        ("frequency", 48, "frequency", 0.5, ".5\N{THIN SPACE}c/px"),
        ("phase", 90, "phase", pi / 2, "90°"),
        ("contrast", 40, "contrast", 0.4, "40\N{THIN SPACE}%"),
        ("contrast", 0, "contrast", 0.0, "0\N{THIN SPACE}%"),
        ("diameter", 9, "diameter", 9.0, "9\N{THIN SPACE}px"),
        ("diameter", rig.SIDE, "diameter", rig.SIDE, "48\N{THIN SPACE}px"),
        ("drift", 6, "drift", 1.5, "1.5\N{THIN SPACE}c/s"),
        ("distance", 57, "viewing_distance", 5.7, "5.7 widths"),
    ],
)
def test_each_slider_sets_its_trait_and_the_grating_is_shown(
    measured, slider, value, trait, wanted, reading
):
    explorer = measured
    explorer.drift, explorer.viewing_distance = 0.0, 2.8
    explorer.show_best()
    rig.settle(explorer)
    before = rig.pixels(explorer)
    getattr(explorer._controls, slider).set_state({"value": value})
    assert getattr(explorer, trait) == pytest.approx(wanted)
    rig.settle(explorer)
    rig.assert_shows_what_is_asked(explorer)
    name = {"diameter": "size"}.get(slider, slider)
    assert explorer._controls.readings[name].value == reading
    moved = slider not in ("drift", "distance")
    assert (rig.pixels(explorer) != before).any() == moved


def test_the_last_step_of_the_size_is_the_full_field(explorer):
    explorer._controls.diameter.set_state({"value": 20})
    explorer._controls.diameter.set_state({"value": rig.SIDE + 1})
    rig.settle(explorer)
    assert explorer.diameter is None
    assert explorer._controls.readings["size"].value == "full field"
    rig.assert_shows_what_is_asked(explorer)


def test_sliders_follow_the_traits_and_angles_come_round(explorer):
    explorer.orientation, explorer.phase = radians(190), -pi / 2
    explorer.contrast, explorer.frequency, explorer.diameter = 0.25, 1 / 32, 12
    controls = explorer._controls
    assert (explorer.orientation, explorer.phase) == pytest.approx((radians(10), 1.5 * pi))
    sliders = (controls.orientation, controls.phase, controls.contrast, controls.frequency)
    assert [slider.value for slider in sliders] == [10, 270, 25, 16]
    assert controls.diameter.value == 12
    rig.settle(explorer)
    rig.assert_shows_what_is_asked(explorer)


def test_another_position_and_a_centre_of_its_own(explorer):
    explorer.position = (3, 30)
    rig.settle(explorer)
    assert explorer._shown.position == (3, 30)
    assert explorer._panels.picture.marks == [{"kind": "field", "box": [3, 30, 16, 43]}]
    rig.assert_shows_what_is_asked(explorer)
    best = explorer._shown.value
    explorer.diameter, explorer.centre = 8, [20.0, 10.0]
    rig.settle(explorer)
    rig.assert_shows_what_is_asked(explorer)
    assert explorer._shown.value < 0.01 * best  # the patch lies beside the field


def test_the_result_is_the_engines(explorer):
    wanted = tuning(explorer.selection.model, "0")["0"]
    for name in ("f0", "f1"):
        assert torch.equal(getattr(explorer.result, name), getattr(wanted, name))
    assert explorer.result.provenance.weights == wanted.provenance.weights
    explorer._controls.measure.set_state({"index": 1})
    assert explorer.measure == explorer.result.measure == "f1"


def test_a_first_quick_look_is_replaced_by_the_exact_curve(explorer):
    looks, model = [], explorer.selection.model
    layer = LayerTuning(SweepQuestion(model, "3", "grey"))
    layer.build(0.15, lambda *_: looks.append((layer.done, layer.tuning)))
    exact = tuning(model, "3")["3"]
    quick = next(found for _, found in looks if found is not None)
    assert int((~quick.f0.isnan()).sum()) == 12 * quick.units  # one frequency
    at_it = ~quick.f0.isnan()
    assert not torch.equal(quick.f0[at_it], exact.f0[at_it])
    assert torch.corrcoef(torch.stack([quick.f0[at_it], exact.f0[at_it]]))[0, 1] > 0.99
    assert layer.complete and torch.equal(layer.tuning.f0, exact.f0)
    assert [done for done, _ in looks] == sorted(done for done, _ in looks)


def test_curves_grow_while_the_layer_is_measured():
    moments = count()
    lane = Lane(inline=True, clock=lambda: float(next(moments)))  # every report is told
    explorer = TuningExplorer(rig.network(), pictures(), unit=1, lane=lane)
    seen, told, line = [], [], explorer._panels.frequency._curve
    ends = []  # bqplot cannot place a line that ends in a gap
    line.observe(lambda change: ends.extend(change["new"][-1:]), "y")
    explorer._panels.joint.observe(lambda change: seen.append(change["new"]), "values")
    explorer._status.observe(lambda change: told.append(change["new"]), "text")
    explorer.layer = "3"
    rig.settle(explorer)
    known = [int(np.isfinite(values).sum()) for values in seen if values.size]
    assert known[0] == 12 and known[-1] == 120 and known == sorted(known)
    assert any(text.endswith("of 120 gratings") for text in told)
    assert ends and np.isfinite(ends).all()
    explorer.close()


def test_another_colour_is_another_sweep_that_is_kept(explorer, monkeypatch):
    built, true_build = [], LayerTuning.build

    def counted(self, *arguments):
        built.append(self.question.colour)
        return true_build(self, *arguments)

    monkeypatch.setattr(LayerTuning, "build", counted)
    grey = explorer.result
    colours = explorer._controls.colour.options
    for colour in ("red", "grey", "red"):
        explorer._controls.colour.set_state({"index": colours.index(colour)})
        rig.settle(explorer)
        assert explorer.result.colour == explorer._shown.question.grating.colour == colour
        rig.assert_shows_what_is_asked(explorer)
    assert built == ["red"]
    # A third of the weights sees it: a third of the answer, at the same grating.
    assert torch.allclose(explorer.result.f0, grey.f0 / 3, rtol=1e-4, atol=1e-3)
    assert (rig.pixels(explorer)[..., 1:] == rig.pixels(explorer)[0, 0, 1]).all()
    assert at(explorer)[0] == 30


def test_csv_and_png(explorer):
    lines = explorer.csv().splitlines()
    assert len(lines) == 1 + 6 and lines[0].startswith("layer,unit,preferred_orientation_deg")
    row = dict(zip(lines[0].split(","), lines[2].split(","), strict=True))
    assert abs(float(row["preferred_orientation_deg"]) - 30) < 7.5
    with Image.open(io.BytesIO(explorer.png())) as figure:
        assert figure.format == "PNG" and figure.width > 2 * rig.SIDE
    downloads = []
    explorer._status.observe(lambda change: downloads.append(change["new"]), "download")
    explorer._status.set_state({"pressed": {"name": "csv", "count": 1}})
    offered = downloads[0]
    assert offered["name"] == "Planted_0_unit1_gratings.csv"
    assert bytes(offered["data"]).decode() == explorer.csv()


def test_the_code_gives_the_same_numbers(inline):
    model = cw.load_model("squeezenet1_1", device="cpu")
    explorer = TuningExplorer(model, pictures(), unit=7, colour="red-green", lane=inline)
    rig.settle(explorer)
    names = {}
    exec(explorer.code(), names)
    assert 'tuning(model, layer, colour="red-green")' in explorer.code()
    assert torch.equal(names["tuning"].f0, explorer.result.f0)
    assert names["layer"] == explorer.layer == "features.0"
    assert explorer.code().endswith(".loc[7]")
    explorer.close()


def test_size_tuning_reaches_beyond_the_field(explorer):
    wanted = size_tuning(explorer.selection.model, "0", rig.grating(explorer))
    assert explorer._panels.diameter.x == pytest.approx(wanted.values.tolist())
    assert explorer._panels.diameter.y == pytest.approx(wanted.f0[:, 1].tolist())
    assert explorer._panels.diameter.bound == 13
