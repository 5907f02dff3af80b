"""The tuning explorer at its limits: odd layers, wrong values, errors, stopping, drift, closing."""

import asyncio
import gc
import threading
from math import nan, pi
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from ipywidgets.widgets.widget import _instances  # Widget.widgets warns
from traitlets import TraitError

from cnnwidgets.engines.gratings import tuning
from cnnwidgets.widgets import TuningExplorer, grating_series, tuning_explorer
from cnnwidgets.widgets.layer_tunings import LayerTuning
from cnnwidgets.widgets.scheduler import Lane
from tests.as_found import model_as_found
from tests.widgets import rig
from tests.widgets.tiny import pictures


@pytest.fixture
def inline():
    return Lane(inline=True, clock=lambda: 0.0)


@pytest.fixture
def explorer(inline):
    explorer = TuningExplorer(rig.network(), pictures(), unit=1, lane=inline)
    rig.settle(explorer)
    yield explorer
    explorer.close()


def test_layers_that_see_padding_or_the_whole_picture_live_on(explorer):
    model, panels = explorer.selection.model, explorer._panels
    for layer, state, words in (
        (rig.PADDED, "warning", "it sees padding"),
        (rig.WHOLE, "ready", "sees the whole picture"),
        (rig.VECTOR, "ready", "sees the whole picture"),
        ("0", "ready", "0° = vertical bars"),
    ):
        explorer.layer = layer
        rig.settle(explorer)
        assert (explorer.error, explorer._status.state) == ("", state)
        assert words in explorer._status.text
        wanted = tuning(model, layer)[layer]
        assert torch.equal(explorer.result.f0, wanted.f0)
        assert wanted.padded == (layer != "0")
        side = explorer._shown.box[2] - explorer._shown.box[0]
        assert panels.diameter.bound == side == {"0": 13, rig.PADDED: 52}.get(layer, rig.SIDE)
        assert panels.picture.window == [0, 0, rig.SIDE, rig.SIDE]
        assert ("▫" in panels.picture.reading) == (layer == rig.PADDED)
        if layer in ("0", rig.PADDED):
            rig.assert_shows_what_is_asked(explorer)


def test_a_unit_at_the_edge_says_that_it_sees_padding(explorer):
    explorer.selection.choose(layer="3", unit=1, position=(0, 0))
    rig.settle(explorer)
    assert explorer._status.state == "warning" and "▫" in explorer._panels.picture.reading
    rig.assert_shows_what_is_asked(explorer)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("frequency", 0.6),
        ("frequency", 0.0),
        ("frequency", nan),
        ("orientation", nan),
        ("phase", float("inf")),
        ("contrast", 2),
        ("contrast", nan),
        ("diameter", -1),
        ("diameter", float("inf")),
        ("centre", (1.0,)),
        ("centre", (nan, 3.0)),
        ("colour", "mauve"),
        ("drift", 30),
        ("measure", "f2"),
        ("frequency_in", "furlongs"),
        ("viewing_distance", 0),
        ("layer", "99"),
        ("unit", 6),
        ("position", (40, 0)),
    ],
)
def test_wrong_values_are_refused_and_nothing_is_lost(explorer, name, value):
    before, shown = getattr(explorer, name), explorer._shown
    with pytest.raises(TraitError) as refused:
        setattr(explorer, name, value)
    assert "\n" not in str(refused.value) and len(str(refused.value)) > 20
    assert getattr(explorer, name) == before and explorer._shown is shown
    explorer._controls.orientation.set_state({"value": 12})
    rig.settle(explorer)
    rig.assert_shows_what_is_asked(explorer)


def test_wrong_arguments_leave_nothing(inline):
    model = rig.network()
    widgets = len(_instances)
    with pytest.raises(TypeError, match="TuningExplorer has no trait orientatoin"):
        TuningExplorer(model, pictures(), orientatoin=1, lane=inline)
    with pytest.raises(TypeError, match="must be a VisionModel.*got Sequential"):
        TuningExplorer(model.module, pictures(), lane=inline)
    for wrong in ({"layer": "9"}, {"unit": 99}, {"frequency": 3}, {"phase": nan}):
        with pytest.raises(TraitError):
            TuningExplorer(model, pictures(), lane=inline, **wrong)
    with pytest.raises(TraitError, match="takes 1 input channels, so its gratings are grey; red"):
        TuningExplorer(rig.network(1), pictures(), colour="red", lane=inline)
    assert len(_instances) == widgets


def test_a_network_of_one_channel_takes_grey_gratings_only(inline):
    explorer = TuningExplorer(rig.network(1), pictures(), unit=2, lane=inline)
    rig.settle(explorer)
    assert [*explorer._controls.colour.options] == ["grey"]
    assert explorer.orientation == pytest.approx(pi / 2)
    rig.assert_shows_what_is_asked(explorer)
    with pytest.raises(TraitError, match="takes 1 input channels"):
        explorer.colour = "blue"
    assert explorer.colour == "grey"
    explorer.close()


def test_a_unit_out_of_range_typed_in_is_told(explorer):
    explorer._controls.selected.number.set_state({"value": 900})
    assert explorer.error == "0 has 6 units, 0 to 5; 900 was asked"
    assert explorer._controls.selected.number.value == 1
    explorer._controls.selected.number.set_state({"value": 3})
    rig.settle(explorer)
    assert explorer.error == "" and explorer._shown.question.unit == 3


@pytest.mark.parametrize(
    ("where", "name"),
    [(tuning_explorer, "look_at"), (LayerTuning, "build"), (grating_series, "MEASURED_BY")],
)
def test_an_error_is_told_and_gone_with_the_next_grating(explorer, monkeypatch, where, name):
    def broken(*_, **__):
        raise ValueError("planted")

    replaced = (
        broken if name != "MEASURED_BY" else dict.fromkeys(grating_series.MEASURED_BY, broken)
    )
    with model_as_found(explorer.selection.model.module):
        monkeypatch.setattr(where, name, replaced)
        explorer.layer, explorer.orientation = "3", 1.0
        rig.settle(explorer)
        assert "planted" in explorer.error and "planted" in explorer._status.headline
        assert not explorer.busy
        monkeypatch.undo()
        explorer._controls.orientation.set_state({"value": 10})
        rig.settle(explorer)
    assert explorer.result.layer == "3" and explorer._panels.phase.x
    rig.assert_shows_what_is_asked(explorer)


def test_exports_before_there_is_anything_say_so(lane, monkeypatch):
    go_on = threading.Event()
    true_look = tuning_explorer.look_at

    def held(*arguments):
        assert go_on.wait(30)
        return true_look(*arguments)

    monkeypatch.setattr(tuning_explorer, "look_at", held)
    explorer = TuningExplorer(rig.network(), pictures(), lane=lane)
    for export in (explorer.png, explorer.csv):
        with pytest.raises(RuntimeError, match="wait"):
            export()
    explorer._status.set_state({"pressed": {"name": "csv", "count": 1}})
    assert "not measured yet" in explorer.error
    go_on.set()
    explorer.wait(60)
    assert explorer.error == "" and explorer.csv() and explorer.png()
    explorer.close()


def test_stop_keeps_what_is_there_and_go_on_goes_on(lane, monkeypatch):
    explorer = TuningExplorer(rig.network(), pictures(), unit=1, lane=lane)
    explorer.wait(60)
    entered, go_on, true_build = threading.Event(), threading.Event(), LayerTuning.build

    def build(self, frequency, progress):
        def paused(done, total):
            if done >= 24:
                entered.set()
                assert go_on.wait(30)
            progress(done, total)

        return true_build(self, frequency, paused)

    monkeypatch.setattr(LayerTuning, "build", build)
    explorer.layer = "3"
    assert entered.wait(60)
    explorer._status.set_state({"pressed": {"name": "stop", "count": 1}})
    go_on.set()
    explorer.wait(60)
    known = np.isfinite(explorer._panels.joint.values).sum()
    assert explorer._status.state == "stopped" and explorer.result is None
    assert 12 <= known < 120
    explorer._status.set_state({"pressed": {"name": "go on", "count": 2}})
    explorer.wait(60)
    assert explorer._status.state == "ready"
    assert torch.equal(explorer.result.f0, tuning(explorer.selection.model, "3")["3"].f0)
    explorer.close()


def test_a_thousand_slider_events_at_once_run_few_looks(lane, monkeypatch):
    explorer = TuningExplorer(rig.network(), pictures(), unit=1, lane=lane)
    explorer.wait(60)
    answered, held, true_look = [], threading.Event(), tuning_explorer.look_at

    def counted(question, progress):
        answered.append(question.grating.orientation)
        held.wait(10)
        return true_look(question, progress)

    monkeypatch.setattr(tuning_explorer, "look_at", counted)
    for move in range(1000):
        explorer._controls.orientation.set_state({"value": (7 * move + 1) % 180})
    held.set()
    explorer.wait(60)
    assert len(answered) <= 4
    assert answered[-1] == explorer.orientation == pytest.approx(np.radians(6994 % 180))
    rig.assert_shows_what_is_asked(explorer)
    explorer.close()


def test_the_phase_drifts_by_the_time_that_went_by_until_it_is_stopped(monkeypatch):
    async def scenario():
        clock = SimpleNamespace(now=0.0)
        monkeypatch.setattr(tuning_explorer, "time", SimpleNamespace(monotonic=lambda: clock.now))
        monkeypatch.setattr(tuning_explorer, "FRAME", 0.005)
        lane = Lane()
        explorer = TuningExplorer(rig.network(), pictures(), orientation=0.5, lane=lane)

        async def until(condition):
            while not condition():
                await asyncio.sleep(0.005)

        await until(lambda: explorer.result is not None and not explorer.busy)
        explorer.drift = 0.5
        for moment in (0.25, 1.0, 2.75):
            clock.now = moment
            wanted = 2 * pi * 0.5 * moment % (2 * pi)
            await until(lambda wanted=wanted: abs(explorer.phase - wanted) < 1e-9)
        await until(lambda: explorer._shown.question.grating.phase == explorer.phase)
        assert explorer._status.headline == "Drifting"
        explorer._status.set_state({"pressed": {"name": "stop", "count": 1}})
        assert explorer.drift == 0 == explorer._controls.drift.value
        clock.now = 100.3
        stood = explorer.phase
        await asyncio.sleep(0.05)
        assert explorer.phase == stood
        explorer.drift = 1.0  # starts from now, not from when it last stood
        clock.now += 0.25
        await until(lambda: explorer.phase != stood)
        assert explorer.phase == pytest.approx((stood + pi / 2) % (2 * pi))
        stood = explorer.phase
        explorer.close()
        clock.now += 0.3
        await asyncio.sleep(0.05)
        assert explorer.phase == stood
        lane.close()

    asyncio.run(asyncio.wait_for(scenario(), 50))


def test_moves_make_no_widgets_and_closing_frees_all(inline):
    gc.collect()
    before, model = len(_instances), rig.network()
    explorer = TuningExplorer(model, pictures(), lane=inline)
    rig.settle(explorer)
    standing = len(_instances)
    controls, panels = explorer._controls, explorer._panels
    for move in range(30):
        controls.orientation.set_state({"value": 5 * move})
        controls.selected.slider.set_state({"value": move % 6})
        panels.picture.set_state({"chosen": {"position": [move, 20], "count": move + 1}})
        explorer.layer = ("0", rig.PADDED, rig.VECTOR)[move % 3]
        if move % 10 == 0:
            rig.settle(explorer)
    rig.settle(explorer)
    assert len(_instances) == standing > before
    explorer.close()
    explorer.close()
    assert len(_instances) == before
    explorer.orientation = 1.2  # heard by nobody
    assert not explorer.busy


def test_the_network_is_left_as_found(inline):
    model = rig.network()
    model.module.train()
    with model_as_found(model.module):
        explorer = TuningExplorer(model, pictures(), lane=inline)
        rig.settle(explorer)
        explorer.layer = rig.VECTOR
        rig.settle(explorer)
        explorer.close()
