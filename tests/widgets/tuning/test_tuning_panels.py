"""The tuning explorer's charts: what they show, where the marks stand, what a click chooses."""

from math import degrees, pi, radians

import numpy as np
import pytest
import torch

from cnnwidgets.engines.gratings import contrast_response, phase_tuning, tuning
from tests.widgets.tuning import rig

UNIT = 1
THIN = "\N{THIN SPACE}"


@pytest.fixture
def explorer(measured):
    measured.unit, measured.measure, measured.frequency_in = UNIT, "f0", "cycles / px"
    measured.viewing_distance = 2.8
    measured.show_best()
    rig.settle(measured)
    return measured


@pytest.fixture(scope="module")
def wanted(measured):
    return tuning(measured.selection.model, "0")["0"]


def best(tuned, unit=UNIT):
    return tuned.best[unit].tolist()


def test_each_curve_is_the_engines(explorer, wanted):
    panels, (row, column) = explorer._panels, best(wanted)
    response = wanted.response[:, :, UNIT].numpy()
    assert panels.orientation.angles == pytest.approx(np.degrees(wanted.orientations.numpy()))
    assert panels.orientation.radii == pytest.approx(response[:, column])
    assert panels.frequency.x == pytest.approx(wanted.frequencies.numpy())
    assert panels.frequency.y == pytest.approx(response[row])
    assert np.allclose(panels.joint.values, response.T)
    top = float(wanted.peak[UNIT])
    assert panels.orientation.limit == panels.frequency.limits[1] == panels.joint.limits[1] == top
    model, stimulus = explorer.selection.model, rig.grating(explorer)
    for chart, series in (
        (panels.phase, phase_tuning(model, "0", stimulus)),
        (panels.contrast, contrast_response(model, "0", stimulus)),
    ):
        responses = series.f0[:, UNIT].tolist()
        assert chart.y[: len(responses)] == pytest.approx(responses, rel=1e-5)
    assert panels.phase.y[-1] == panels.phase.y[0] and panels.phase.x[-1] == 360
    assert panels.phase.level == pytest.approx(float(np.mean(panels.phase.y[:-1])))
    assert panels.contrast.x == pytest.approx([0, 3, 6, 12, 25, 50, 75, 100])


def test_the_cuts_go_through_the_grating_that_is_shown(explorer, wanted):
    frequency = float(wanted.frequencies[3])
    explorer.orientation, explorer.frequency = radians(61), frequency * 1.1
    rig.settle(explorer)
    panels, response = explorer._panels, wanted.response[:, :, UNIT].numpy()
    assert panels.orientation.radii == pytest.approx(response[:, 3])
    assert panels.frequency.y == pytest.approx(response[4])
    assert panels.frequency.reading == "at 60°"


def test_marks_stand_where_the_grating_does(explorer, wanted):
    explorer.orientation, explorer.frequency = radians(88), float(wanted.frequencies[6])
    explorer.phase, explorer.contrast, explorer.diameter = radians(100), 0.3, 7.0
    rig.settle(explorer)
    panels = explorer._panels
    assert panels.orientation.marker == pytest.approx(88)
    assert panels.frequency.marker == pytest.approx(float(wanted.frequencies[6]))
    assert panels.joint.marker == (6, 6)
    assert panels.phase.marker == pytest.approx(100)
    assert panels.contrast.marker == pytest.approx(30)
    assert panels.diameter.marker == 7
    explorer.diameter, explorer.orientation = None, radians(179)
    rig.settle(explorer)
    assert panels.diameter.marker == panels.diameter.x[-1]
    assert panels.joint.marker == (6, 0)  # 179° is next to 0°


@pytest.mark.parametrize(
    ("name", "place", "trait", "value"),
    [
        ("orientation", (0.5, 0.9), "orientation", pi / 2),
        ("orientation", (0.9, 0.5), "orientation", 0.0),
        ("orientation", (0.3, 0.7), "orientation", 0.75 * pi),
        ("frequency", (0.0, 0.5), "frequency", 1 / 64),
        ("frequency", (1.0, 0.5), "frequency", 0.45),
        ("phase", (0.251, 0.5), "phase", pi / 2),
        ("phase", (1.0, 0.5), "phase", 0.0),
        ("contrast", (0.5, 0.5), "contrast", 0.5),
        ("contrast", (0.0, 0.5), "contrast", 0.0),
        ("diameter", (0.5, 0.1), "diameter", 9.75),
    ],
)
def test_a_click_on_a_chart_sets_the_grating(explorer, name, place, trait, value):
    chart = getattr(explorer._panels, name)
    click(chart, *place)
    assert getattr(explorer, trait) == pytest.approx(value)
    rig.settle(explorer)
    rig.assert_shows_what_is_asked(explorer)
    assert explorer.orientation != radians(30) or trait != "orientation"
    stays = explorer.unit, getattr(explorer, trait)
    explorer.unit = 2  # moved by hand: the other unit's best is not sought
    rig.settle(explorer)
    assert (explorer.unit, getattr(explorer, trait)) == (2, stays[1])


def click(chart, x, y):
    count = chart.caption.pointed.get("count", 0) + 1
    chart.caption.set_state({"pointed": {"x": x, "y": y, "count": count}})


def press(chart, key):
    count = chart.caption.pressed.get("count", 0) + 1
    chart.caption.set_state({"pressed": {"key": key, "count": count}})


def test_a_click_on_the_joint_tuning_sets_both(explorer, wanted):
    click(explorer._panels.joint, 9.5 / 12, 2.5 / 10)
    assert explorer.orientation == pytest.approx(radians(135))
    assert explorer.frequency == pytest.approx(float(wanted.frequencies[2]))
    rig.settle(explorer)
    assert explorer._panels.joint.marker == (2, 9)
    rig.assert_shows_what_is_asked(explorer)


def test_keys_step_from_where_the_marks_stand(explorer, wanted):
    panels, (row, column) = explorer._panels, best(wanted)
    press(panels.orientation, "ArrowUp")
    assert degrees(explorer.orientation) == pytest.approx(15 * (row + 1))
    rig.settle(explorer)
    press(panels.frequency, "ArrowLeft")
    assert explorer.frequency == pytest.approx(float(wanted.frequencies[column - 1]))
    rig.settle(explorer)
    press(panels.contrast, "Home")
    assert explorer.contrast == 0


def test_a_click_on_the_picture_moves_the_stimulus(explorer):
    picture = explorer._panels.picture
    picture.set_state({"chosen": {"position": [10, 31], "count": 1}})
    assert explorer.centre == (10.5, 31.5)
    assert explorer.diameter == 13  # a full field becomes a patch as large as the field
    rig.settle(explorer)
    assert picture.position == [10, 31]
    rig.assert_shows_what_is_asked(explorer)
    picture.set_state({"chosen": {"position": None, "count": 2}})
    rig.settle(explorer)
    assert explorer.centre is None and explorer.diameter == 13
    rig.assert_shows_what_is_asked(explorer)


def test_the_numbers_are_the_indices(explorer, wanted):
    def shown():
        return [(n["value"], n["unit"]) for n in explorer._panels.numbers.numbers]

    def short(value):
        return f"{value:.2f}".removeprefix("0")

    assert shown()[:7] == [
        (f"{degrees(wanted.preferred_orientation[UNIT]):.0f}", "°"),
        (f"{wanted.preferred_frequency[UNIT]:.2g}".removeprefix("0"), "c/px"),
        (short(wanted.osi[UNIT]), ""),
        (short(wanted.gosi[UNIT]), ""),
        (f"{degrees(wanted.half_width[UNIT]):.0f}", "°"),
        (f"{wanted.bandwidth[UNIT]:.1f}", "oct"),
        (short(wanted.modulation[UNIT]), ""),
    ]
    assert shown()[7][0] == short(explorer._series.sizes(explorer._shown.question).suppression[1])
    explorer.unit = rig.LOW_PASS
    rig.settle(explorer)
    assert bool(wanted.low_pass[rig.LOW_PASS]) and shown()[5] == ("low-pass", "")
    explorer.unit = rig.SILENT
    rig.settle(explorer)
    assert shown() == [("silent", "")] + [("–", "")] * 7
    assert "is silent" in explorer._panels.orientation.alt


def test_a_silent_unit_is_told_and_left(explorer):
    before = explorer.orientation
    explorer.unit = rig.SILENT
    rig.settle(explorer)
    panels = explorer._panels
    assert explorer.orientation == before and explorer._shown.value == panels.meter.value == 0
    assert "silent" in panels.picture.reading and panels.phase.level is None
    assert not np.any(panels.orientation.radii) and not np.any(panels.joint.values)
    assert explorer.png()
    explorer.unit = 3
    rig.settle(explorer)
    assert degrees(explorer.orientation) == pytest.approx(135)


def test_the_modulated_response_is_another_curve(explorer, wanted):
    explorer._controls.measure.set_state({"index": 1})
    panels, by_f1 = explorer._panels, wanted.by("f1")
    _, column = best(wanted)
    assert panels.orientation.radii == pytest.approx(wanted.f1[:, column, UNIT].numpy())
    assert panels.numbers.numbers[2]["value"] == f"{by_f1.osi[UNIT]:.2f}".removeprefix("0")
    assert explorer.result.measure == "f1" and torch.equal(explorer.result.f1, wanted.f1)


@pytest.mark.parametrize(
    ("index", "factor", "short"), [(0, 1, "c/px"), (1, 48, "c/image"), (2, 48 / 20.25, "c/°")]
)
def test_frequencies_in_each_unit(explorer, wanted, index, factor, short):
    explorer._controls.unit_of_frequency.set_state({"index": index})
    panels, controls = explorer._panels, explorer._controls
    assert panels.frequency.x == pytest.approx(factor * wanted.frequencies.numpy(), rel=1e-3)
    assert panels.frequency.marker == pytest.approx(factor * explorer.frequency, rel=1e-3)
    assert panels.frequency.notes == [f"{short}, log"]
    assert panels.orientation.reading.endswith(f"{THIN}{short}")
    assert controls.readings["frequency"].value.endswith(f"{THIN}{short}")
    assert panels.numbers.numbers[1]["unit"] == short
    assert (controls._by_angle.layout.display == "none") == (index != 2)
    frequency = explorer.frequency
    click(panels.frequency, 0.0, 0.5)  # what is chosen is the same in any unit
    assert frequency != explorer.frequency == pytest.approx(1 / 64)


def test_the_distance_moves_the_axis_and_not_the_grating(explorer):
    explorer._controls.unit_of_frequency.set_state({"index": 2})
    near, frequency = explorer._panels.frequency.x[0], explorer.frequency
    explorer._controls.distance.set_state({"value": 56})
    assert explorer._panels.frequency.x[0] == pytest.approx(2 * near, rel=0.03)
    assert explorer.frequency == frequency


def test_series_of_another_layer_are_not_left_standing(explorer):
    panels = explorer._panels
    assert panels.phase.x
    explorer.layer = "3"  # a preview: its series come at rest
    assert not (panels.phase.x or panels.contrast.x or panels.diameter.x or panels.phase.alt)
    assert not panels.orientation.radii and panels.orientation.alt == ""
    rig.settle(explorer)
    assert panels.phase.x and panels.orientation.radii
    explorer.layer = "0"
    assert panels.orientation.radii  # known: at once
    rig.settle(explorer)


def test_the_meter_keeps_its_scale_while_the_grating_moves(explorer, wanted):
    top = explorer._panels.meter.top
    assert top >= float((wanted.f0 + wanted.f1)[:, :, UNIT].max())
    for value in (0, 45, 90, 30):
        explorer._controls.orientation.set_state({"value": value})
        assert explorer._panels.meter.top == top
        assert 0 <= explorer._panels.meter.value <= top
