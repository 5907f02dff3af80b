"""The population beneath the tuning explorer: folded, opened, chosen from, stopped, closed."""

import io
from math import degrees

import pandas
import pytest
import torch
from ipywidgets.widgets.widget import _instances  # Widget.widgets warns

from cnnwidgets.engines.gratings import tuning
from cnnwidgets.widgets import TuningExplorer, population_sweep
from cnnwidgets.widgets.population_words import COURSES, INDICES
from tests.widgets.tiny import pictures
from tests.widgets.tuning import rig

CONVOLUTIONS = ["0", "3", "5"]


@pytest.fixture
def opened(explorer):
    explorer.population.open()
    rig.settle(explorer)
    return explorer


def panels(explorer):
    return explorer.population._charts.panels


def click(explorer, unit):
    """Choose a square of the mosaic as the browser tells it."""
    mosaic = panels(explorer).mosaic
    mosaic.set_state({"chosen": {"index": unit, "count": mosaic.chosen.get("count", 0) + 1}})
    rig.settle(explorer)


def test_folded_it_costs_nothing(explorer, monkeypatch):
    def never(*_, **__):
        raise AssertionError("it was measured")

    monkeypatch.setattr(population_sweep, "TuningAccumulator", never)
    standing = len(_instances)
    for unit, colour in ((2, "red"), (3, "grey")):
        explorer.unit, explorer.colour = unit, colour
        rig.settle(explorer)
    assert explorer.population.state == "idle" and explorer.population.result is None
    assert explorer.error == "" and len(_instances) == standing
    *_, main, strip, status = explorer.children
    assert strip is explorer.population.view
    assert (main, status) == (explorer._panels.main, explorer._status)


def test_opened_it_measures_all_layers_and_follows(opened):
    strip = opened.population
    assert strip.state == "done" and list(strip.result) == CONVOLUTIONS
    wanted = tuning(opened.selection.model)
    assert torch.allclose(strip.result["3"].f0, wanted["3"].f0, atol=1e-5)
    assert panels(opened).mosaic.selected == 1 and panels(opened).curve.marker == 1
    opened._controls.selected.slider.set_state({"value": 3})
    rig.settle(opened)
    assert panels(opened).mosaic.selected == 3
    opened.layer = "3"
    rig.settle(opened)
    assert len(panels(opened).mosaic.states) == 4 and panels(opened).curve.marker == 2
    opened.colour = "red-green"
    rig.settle(opened)
    assert strip.state == "done" and strip.result["0"].colour == "red-green"


def test_a_unit_that_is_chosen_is_shown_with_its_best_grating(opened):
    opened._controls.orientation.set_state({"value": 77})  # by hand
    rig.settle(opened)
    click(opened, 3)
    assert (opened.unit, round(degrees(opened.orientation))) == (3, 135)
    rig.assert_shows_what_is_asked(opened)
    opened._controls.orientation.set_state({"value": 77})
    click(opened, 3)  # the same once more
    assert round(degrees(opened.orientation)) == 135
    click(opened, 0)
    assert (opened.unit, round(degrees(opened.orientation))) == (0, 0)
    rig.assert_shows_what_is_asked(opened)
    assert panels(opened).mosaic.selected == opened._controls.selected.slider.value == 0


def test_a_layer_that_is_chosen_has_the_last_unit_it_can(opened):
    opened.unit = 5
    rig.settle(opened)
    curve = panels(opened).curve
    curve.chosen = {"index": 1, "count": 1}
    rig.settle(opened)
    assert (opened.layer, opened.unit) == ("3", 3) and opened.result.layer == "3"
    assert opened.error == "" and opened._shown.question.unit == 3
    rig.assert_shows_what_is_asked(opened)


def test_curves_are_of_the_unit_that_is_shown_while_another_layer_is_chosen(opened):
    """Unit 5 is of this layer only: what is drawn must not ask another layer for it."""
    opened.unit = 5
    rig.settle(opened)
    opened.selection.choose(layer="3", unit=0)
    rig.settle(opened)
    opened.selection.choose(layer="0", unit=5)
    rig.settle(opened)
    shown = opened._panels.joint.values
    with opened.selection.hold_trait_notifications():
        opened.selection.choose(layer="3", unit=0)
        opened._draw_tuning()
        assert (opened._panels.joint.values == shown).all()
    rig.settle(opened)
    assert opened.error == ""


def test_frequencies_are_in_the_readers_unit(opened):
    charts, found = opened.population._charts, opened.population.result["0"]
    charts.index.value = INDICES[2]
    charts.course.value = next(c for c in COURSES if c.index is INDICES[2])
    here, low = float(found.preferred_frequency[1]), panels(opened).histogram.edges[0]
    middle = panels(opened).curve.y[0]
    bars, charts.picked = panels(opened).histogram.counts, [1]
    for unit, factor, short in (("image", rig.SIDE, "c/image"), ("px", 1, "c/px")):
        opened.frequency_in = f"cycles / {unit}"
        assert panels(opened).scatter.x[1] == pytest.approx(here * factor)
        assert panels(opened).scatter.label_x == f"best frequency, {short}"
        assert panels(opened).histogram.edges[0] == pytest.approx(low * factor)
        assert panels(opened).histogram.counts == pytest.approx(bars)
        assert panels(opened).curve.y[0] == pytest.approx(middle * factor)
        assert charts.said.value.endswith(short) and charts.picked == [1]
        assert panels(opened).scatter.y[1] == pytest.approx(here * factor)


def test_its_table_is_offered_in_the_status_line(opened):
    files = []
    opened._status.observe(lambda change: files.append(change["new"]), "download")
    opened.population.fold.set_state({"pressed": {"name": "csv", "count": 1}})
    table = pandas.read_csv(io.BytesIO(bytes(files[0]["data"])))
    assert files[0]["name"] == "Planted_population.csv" and len(table) == 6 + 4 + 3


def test_closing_frees_all(inline):
    before = len(_instances)
    explorer = TuningExplorer(rig.network(), pictures(), unit=1, lane=inline)
    explorer.population.open()
    rig.settle(explorer)
    standing = len(_instances)
    for unit in range(6):
        click(explorer, unit)
    assert len(_instances) == standing > before
    explorer.close()
    explorer.close()
    assert len(_instances) == before
    explorer.selection.unit = 2  # heard by nobody
    assert not explorer.busy
