"""The whole network beneath the explorer: measured once it is open, drawn as it is, picked from."""

import io
import threading

import numpy as np
import pandas
import pytest
import torch
from ipywidgets.widgets import widget as registry
from traitlets import TraitError

from cnnwidgets.engines.gratings import by_layer, tuning
from cnnwidgets.graph import StaleRecordError
from cnnwidgets.views.fold import Fold
from cnnwidgets.widgets import population_sweep
from cnnwidgets.widgets.population_strip import PopulationStrip
from cnnwidgets.widgets.population_words import COURSES, HINT, INDICES
from cnnwidgets.widgets.scheduler import Lane
from cnnwidgets.widgets.selection import Selection
from tests.widgets.owner import PATIENCE
from tests.widgets.tiny import network, pictures

LAYERS = ["0", "3"]
GRATINGS = 120


class Explorer:
    """What stands around the strip: it does what is chosen, and writes down the rest."""

    def __init__(self, lane, **chosen):
        self.selection = Selection(network(), pictures(1), **({"layer": "0", "unit": 1} | chosen))
        self.chosen, self.refused, self.files = [], [], []
        self.strip = PopulationStrip(
            self.selection,
            lane,
            self.choose,
            self.refused.append,
            lambda *file: self.files.append(file),
        )

    def choose(self, layer, unit):
        self.chosen.append((layer, unit))
        self.selection.choose(layer=layer, unit=unit)
        self.ask()

    def ask(self, colour="grey"):
        s = self.selection
        self.strip.ask(s.model, s.layer, s.unit, colour)

    @property
    def charts(self):
        return self.strip._charts

    @property
    def panels(self):
        return self.strip._charts.panels


@pytest.fixture
def before():
    return set(registry._instances)


@pytest.fixture
def explorer(before):
    made = Explorer(Lane(inline=True))
    yield made
    made.strip.close()


@pytest.fixture
def opened(explorer):
    explorer.strip.open()
    return explorer


def press(explorer, name):
    count = explorer.strip.fold.pressed.get("count", 0) + 1
    explorer.strip.fold.set_state({"pressed": {"name": name, "count": count}})


def buttons(explorer):
    return [button["label"] for button in explorer.strip.fold.buttons]


def click(chart, **where):
    """Choose as the browser tells it: a square of the mosaic, or what a click on a chart gives."""
    chart.chosen = {**where, "count": chart.chosen.get("count", 0) + 1}


def brush(explorer, x, y):
    """Drag a rectangle over the scatter, in shares of its plot area."""
    made = explorer.panels.scatter.brush
    made.set_state({"brushing": True})
    made.selected_x, made.selected_y = np.array(x), np.array(y)
    made.set_state({"brushing": False})


def measured(explorer, **settings):
    return tuning(explorer.selection.model, **settings)


def same(one, other):
    """Whether two tunings are the same but for rounding: batches differ."""
    return torch.allclose(one.f0, other.f0, atol=1e-6) and torch.allclose(
        one.f1, other.f1, atol=1e-6
    )


def counted(monkeypatch):
    """Write down every frequency that is summarised."""
    made, true = [], population_sweep.by_layer

    def summarise(tunings, **other):
        made.append(len(tunings))
        return true(tunings, **other)

    monkeypatch.setattr(population_sweep, "by_layer", summarise)
    return made


def test_folded_it_does_nothing(explorer, before, monkeypatch):
    made = counted(monkeypatch)
    explorer.ask()
    explorer.ask("red-green")
    explorer.strip.wait(1)
    assert made == [] and explorer.strip.state == "idle" and not explorer.strip.opened
    assert explorer.strip.result is explorer.strip.population is None
    assert len(set(registry._instances) - before) <= 4  # caption, box and their layouts
    assert "measures the whole network once" in explorer.strip.fold.notes[0]
    with pytest.raises(RuntimeError, match="no layer is measured yet; open the population"):
        explorer.strip.csv()


def test_opening_measures_every_convolution(opened, monkeypatch):
    strip, wanted = opened.strip, measured(opened)
    assert strip.state == "done" and opened.refused == []
    assert list(strip.result) == LAYERS == list(wanted)
    for layer, found in strip.result.items():
        assert same(found, wanted[layer])
    ends = strip.population.tuned_interval
    assert torch.equal(ends, by_layer(strip.result).tuned_interval)
    assert torch.allclose(ends, by_layer(wanted).tuned_interval)
    assert strip.fold.notes == ["14 units of 2 layers, 120 gratings"]
    assert strip.fold.total == 0 and buttons(opened) == ["Measure", "CSV"]
    made = counted(monkeypatch)
    strip.fold.set_state({"opened": False})
    assert strip.result is not None
    strip.fold.set_state({"opened": True})
    opened.ask()
    press(opened, "measure")
    assert made == []  # it is known


def test_what_is_drawn_is_what_was_measured(opened):
    panels, found = opened.panels, measured(opened)["0"]
    assert panels.mosaic.states == [
        "silent" if quiet else "tuned" if sharp else "untuned"
        for quiet, sharp in zip(found.silent.tolist(), found.tuned().tolist(), strict=True)
    ]
    degrees = found.preferred_orientation.rad2deg() % 180
    assert np.allclose(
        panels.mosaic.orientations, degrees.where(found.tuned(), torch.nan), equal_nan=True
    )
    assert panels.mosaic.selected == panels.scatter.marker == 1
    osi = found.osi.numpy()
    osi = osi[np.isfinite(osi)]
    wanted = np.histogram(osi, bins=12, range=(0, 1))[0] * 100 / found.units
    assert np.allclose(panels.histogram.counts, wanted)
    assert panels.histogram.median == pytest.approx(np.median(osi))
    assert np.allclose(panels.scatter.x, found.osi, equal_nan=True)
    assert np.allclose(panels.scatter.y, found.preferred_frequency, equal_nan=True)
    assert panels.scatter.log_y and not panels.scatter.log_x
    summary = opened.strip.population
    assert np.allclose(panels.curve.y, 100 * summary.tuned)
    assert np.allclose([panels.curve.low, panels.curve.high], 100 * summary.tuned_interval.T)
    assert panels.curve.marker == 1 and panels.curve.tick_labels == LAYERS


def test_the_layer_beside_has_the_same_bars(opened):
    panels, charts = opened.panels, opened.charts
    found = measured(opened)["3"]
    assert list(charts.other.options) == ["3"] and panels.beside.title == "3"
    for index in INDICES:
        charts.index.value = index
        assert panels.beside.edges == panels.histogram.edges
        assert panels.beside.limit == panels.histogram.limit
        assert panels.beside.log_x == (index.name == "preferred_frequency")
        values = index.of(found)
        known = np.isfinite(values).sum()
        assert sum(panels.beside.counts) == pytest.approx(100 * known / found.units)
        assert panels.beside.label_x == panels.histogram.label_x == index.axis
        assert (panels.beside.median is not None) == bool(index.median and known)
    opened.choose("3", 2)
    assert panels.histogram.title == "3" and panels.beside.title == "0"


@pytest.mark.parametrize("course", COURSES, ids=lambda course: course.name)
def test_every_number_over_the_layers(opened, course):
    curve, summary = opened.panels.curve, opened.strip.population
    opened.charts.course.value = course
    factor = 100 if course.index is None else 180 / np.pi if course.name == "half_width" else 1
    assert np.allclose(curve.y, factor * getattr(summary, course.name), equal_nan=True)
    ends = factor * getattr(summary, f"{course.name}_interval")
    assert np.allclose([curve.low, curve.high], ends.T, equal_nan=True)
    assert course.label in curve.notes[0] and course.label in curve.alt
    assert "0 " in curve.alt and "3 " in curve.alt and len(curve.alt) <= 200


def test_every_chart_says_its_numbers(opened):
    panels, summary = opened.panels, opened.strip.population
    states = panels.mosaic.states
    assert f"of the 6 units of 0: {states.count('tuned')} tuned" in panels.mosaic.alt
    low, high = (f"{end:.2f}".removeprefix("0") for end in summary.osi_interval[0].tolist())
    assert panels.histogram.reading.endswith(f"({low}–{high})")
    assert panels.histogram.reading in panels.histogram.alt
    opened.charts.index.value = INDICES[2]  # its unit is said where there is no axis beside it
    assert "c/px" in panels.histogram.alt and "c/px" not in panels.histogram.reading
    opened.charts.index.value = INDICES[0]
    assert "OSI of 6 of 6 units of 0" in panels.histogram.alt
    assert "of 6 units of 0; unit 1, OSI" in panels.scatter.alt
    share, ends = float(summary.tuned[0]), summary.tuned_interval[0].tolist()
    said = f"{100 * share:.0f}\N{THIN SPACE}% ({100 * ends[0]:.0f}–{100 * ends[1]:.0f})"
    assert panels.curve.reading == f"0 {said}" and said in panels.curve.alt
    for chart in panels.charts:
        assert 0 < len(chart.alt) <= 200


def test_a_click_chooses_a_unit_or_a_layer(opened):
    panels = opened.panels
    panels.mosaic.set_state({"chosen": {"index": 4, "count": 1}})
    assert opened.chosen == [("0", 4)] and panels.mosaic.selected == 4
    click(panels.scatter, index=2)
    assert opened.chosen[-1] == ("0", 2) and panels.scatter.marker == 2
    click(panels.curve, index=1)
    assert opened.chosen[-1] == ("3", 2) and panels.curve.marker == 2
    assert len(panels.mosaic.states) == 8 and panels.mosaic.states[5] == "silent"
    panels.mosaic.set_state({"chosen": {"index": 7, "count": 2}})
    click(panels.curve, index=0)  # the first layer has no unit 7
    assert opened.chosen[-2:] == [("3", 7), ("0", 5)] and panels.mosaic.selected == 5
    panels.mosaic.set_state({"chosen": {"index": 6, "count": 3}})  # there is none
    assert opened.chosen[-1] == ("0", 5)


def test_the_brush_picks_units(opened):
    panels, charts, places = opened.panels, opened.charts, opened.panels.scatter._places()
    unit = int(np.nanargmax(places[0]))
    x, y = places[:, unit]
    brush(opened, [x - 0.001, x + 0.001], [y - 0.001, y + 0.001])
    assert charts.picked == panels.mosaic.picked == panels.scatter.picked == [unit]
    assert charts.said.value.startswith(f"1 of 6 units picked: {unit} · median OSI ")
    assert buttons(opened) == ["Measure", "Pick none", "CSV"]
    brush(opened, [0, 1], [0, 1])
    assert charts.picked == np.flatnonzero(np.isfinite(places[0])).tolist()
    press(opened, "clear")
    assert charts.picked == panels.mosaic.picked == [] and charts.said.value == HINT
    assert panels.scatter.brush.selected_x is None and panels.scatter.brushed == {}
    assert buttons(opened) == ["Measure", "CSV"]


def test_bars_and_intervals_of_the_histogram_pick_units(opened):
    panels, charts = opened.panels, opened.charts
    osi = measured(opened)["0"].osi.numpy()
    bar = int(12 * osi[3])
    click(panels.histogram, index=bar)
    assert charts.picked == np.flatnonzero((12 * osi).astype(int) == bar).tolist()
    assert 3 in charts.picked and panels.histogram.marker == bar
    brush(opened, [0, 1], [0, 1])
    assert panels.histogram.marker == int(12 * osi[1])  # that of the unit which is looked at
    made, middle = panels.histogram.brush, float(np.median(osi))
    made.set_state({"brushing": True})
    made.selected = np.array([0.0, middle])
    made.set_state({"brushing": False})
    assert charts.picked == np.flatnonzero(osi <= middle).tolist() != []
    assert panels.scatter.brush.selected_x is None  # only one brush is there at a time
    charts.index.value = INDICES[3]
    assert charts.picked == np.flatnonzero(osi <= middle).tolist() and made.selected is None
    opened.choose("0", 2)
    assert charts.picked != []
    opened.choose("3", 2)
    assert charts.picked == panels.mosaic.picked == []


def test_a_layer_that_is_not_measured_leaves_the_one_before(opened):
    opened.choose("3", 2)
    opened.choose("4", 6)  # a rectifier
    panels = opened.panels
    assert panels.mosaic.selected == -1 and panels.scatter.marker is None
    assert panels.scatter.notes == ["3"] and panels.curve.marker == 2
    click(panels.scatter, index=1)
    assert opened.chosen[-1] == ("3", 1) and panels.mosaic.selected == 1


class Pause:
    """Stops the worker after some whole frequencies, until it is told to go on."""

    def __init__(self, monkeypatch, after):
        self.reached, self.on, self.done = threading.Event(), threading.Event(), 0
        true = population_sweep.by_layer

        def summarise(tunings, **other):
            if self.done == after:
                self.reached.set()
                assert self.on.wait(PATIENCE)
            self.done += 1
            return true(tunings, **other)

        monkeypatch.setattr(population_sweep, "by_layer", summarise)


@pytest.fixture
def threaded(lane):
    made = Explorer(lane)
    yield made
    made.strip.close()


def test_stop_keeps_what_is_there_and_it_goes_on(threaded, monkeypatch):
    pause, strip = Pause(monkeypatch, after=3), threaded.strip
    strip.open()
    assert pause.reached.wait(PATIENCE)
    assert strip.state == "measuring" and buttons(threaded)[0] == "Stop"
    press(threaded, "stop")
    pause.on.set()
    strip.wait(PATIENCE)
    assert strip.state == "stopped" and threaded.refused == []
    found = strip.result["3"]
    shown = (~found.f0.isnan()).all(0).all(-1)
    assert shown.sum() == 3 and strip.population.units.tolist() == [6, 8]
    assert strip.fold.notes == ["stopped, 48 of 120 gratings", "what is there is kept"]
    assert buttons(threaded) == ["Go on", "CSV"]
    assert len(threaded.panels.mosaic.states) == 6  # it is drawn, too
    threaded.ask()  # asks for nothing that was stopped
    assert strip.state == "stopped"
    press(threaded, "measure")
    strip.wait(PATIENCE)
    assert strip.state == "done" and pause.done == 3 + 1 + 7  # one was ended
    assert same(strip.result["3"], measured(threaded)["3"])


def test_folding_ends_it_and_opening_goes_on(threaded, monkeypatch):
    pause, strip = Pause(monkeypatch, after=2), threaded.strip
    strip.open()
    assert pause.reached.wait(PATIENCE)
    strip.fold.set_state({"opened": False})
    pause.on.set()
    strip.wait(PATIENCE)
    assert strip.state == "idle" and pause.done <= 3
    strip.open()
    strip.wait(PATIENCE)
    assert strip.state == "done"


def test_progress_is_told(explorer):
    told = []
    explorer.strip.fold.observe(lambda change: told.append(change["new"]), "notes")
    explorer.strip.open()
    counts = [int(notes[0].split()[0]) for notes in told if "of 120 gratings" in notes[0]]
    assert counts == sorted(counts) and len(counts) > 1


def test_weights_that_change_are_measured_anew(opened):
    before = opened.strip.result["0"].f0
    with torch.no_grad():
        opened.selection.model.module[0].weight.mul_(2)
    opened.ask()
    assert opened.strip.state == "done"
    found = opened.strip.result["0"]
    assert same(found, measured(opened)["0"]) and not torch.allclose(found.f0, before)
    with torch.no_grad():
        opened.selection.model.module[0].weight.mul_(0.5)
    press(opened, "measure")
    assert torch.allclose(opened.strip.result["0"].f0, before)


def test_weights_that_change_meanwhile_are_told(explorer, monkeypatch):
    strip, true, done = explorer.strip, population_sweep.by_layer, []

    def summarise(tunings, **other):
        done.append(len(done))
        if len(done) == 2:
            with torch.no_grad():
                explorer.selection.model.module[0].weight.mul_(3)
        return true(tunings, **other)

    monkeypatch.setattr(population_sweep, "by_layer", summarise)
    strip.open()
    assert strip.state == "failed" and len(explorer.refused) == 1
    assert "weights of Tiny changed while its layers were measured" in explorer.refused[0]
    assert strip.fold.notes == explorer.refused and buttons(explorer)[0] == "Measure"
    explorer.ask()
    assert strip.state == "done"
    assert same(strip.result["0"], measured(explorer)["0"])


def test_another_network_and_another_colour_are_measured_and_kept(opened, monkeypatch):
    made = counted(monkeypatch)
    first = opened.strip.result
    opened.ask("red-green")
    assert len(made) == 10 and opened.strip.result["0"].colour == "red-green"
    with torch.random.fork_rng():
        other = network()
    opened.strip.ask(other, "3", 2, "grey")
    assert len(made) == 20 and opened.strip.result["0"].provenance.model == "Tiny"
    opened.ask()
    assert opened.strip.result is first and len(made) == 20 and opened.strip.state == "done"


def test_a_colour_the_network_cannot_see_is_told(opened):
    opened.ask("purple")
    assert opened.strip.state == "failed" and "purple" in opened.refused[0]
    assert opened.strip.result is None and opened.panels.mosaic.states == []
    assert opened.panels.curve.x == [] and opened.panels.histogram.counts == []
    opened.ask("purple")  # not tried again and again
    assert len(opened.refused) == 1
    opened.ask()
    assert opened.strip.state == "done" and len(opened.panels.mosaic.states) == 6


def test_the_table_has_a_row_a_unit(opened):
    table = pandas.read_csv(io.StringIO(opened.strip.csv()))
    assert len(table) == 14 and table.layer.unique().tolist() == [0, 3]
    assert np.allclose(table.osi[:6], measured(opened)["0"].osi)
    press(opened, "csv")
    [(name, kind, content)] = opened.files
    assert name == "Tiny_population.csv" and kind == "text/csv"
    assert content.decode() == opened.strip.csv()


def test_closing_frees_every_widget(explorer, before):
    explorer.strip.open()
    for unit in range(6):  # no widget is made anew
        opened = set(registry._instances)
        explorer.choose("0", unit)
        explorer.charts.index.value = INDICES[unit]
        assert set(registry._instances) == opened
    assert len(opened - before) > 50
    explorer.strip.close()
    explorer.strip.close()
    assert set(registry._instances) == before
    explorer.strip.open()
    explorer.ask()
    assert explorer.strip.result is None


def test_a_fold_s_buttons_have_names_and_labels():
    with pytest.raises(TraitError, match="a button holds name and label"):
        Fold(buttons=[{"name": "stop"}])
    assert issubclass(StaleRecordError, RuntimeError)
