"""The tuning explorer while it runs: stopped, hurried, drifting, closed."""

import asyncio
import gc
import threading
import weakref
from itertools import count
from math import pi
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from ipywidgets.widgets.widget import _instances  # Widget.widgets warns

from cnnwidgets.engines.gratings import tuning
from cnnwidgets.widgets import TuningExplorer, grating_drift, tuning_explorer
from cnnwidgets.widgets.layer_tunings import LayerTuning
from cnnwidgets.widgets.scheduler import Lane
from tests.as_found import model_as_found
from tests.widgets.tiny import pictures
from tests.widgets.tuning import rig


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


@pytest.mark.parametrize("how", ["go on", "another grating"])
def test_stop_keeps_what_is_there_and_it_goes_on(lane, monkeypatch, how):
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
    with pytest.raises(RuntimeError, match="the layer is not measured yet"):
        explorer.csv()
    assert 12 <= known < 120
    if how == "go on":
        explorer._status.set_state({"pressed": {"name": "go on", "count": 2}})
    else:
        explorer._controls.contrast.set_state({"value": 50})
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
        monkeypatch.setattr(grating_drift, "time", SimpleNamespace(monotonic=lambda: clock.now))
        monkeypatch.setattr(grating_drift, "FRAME", 0.005)
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


@pytest.mark.parametrize("drift", [0.0, 1.0])
def test_a_grating_that_drifts_has_the_status_line_while_its_layer_is_measured(drift):
    moments = count()
    lane = Lane(inline=True, clock=lambda: float(next(moments)))  # every report is told
    explorer = TuningExplorer(rig.network(), pictures(), unit=1, lane=lane)
    rig.settle(explorer)
    explorer.drift, told = drift, []
    explorer._status.observe(lambda change: told.append(change["new"]), "headline")
    explorer.layer = "3"
    rig.settle(explorer)
    assert explorer.result.layer == "3"
    assert ("Measuring" in told) == (not drift)
    explorer.contrast = 0.5
    rig.settle(explorer)
    assert explorer._status.headline == ("Drifting" if drift else "Ready")
    explorer.close()


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
    dead = weakref.ref(explorer)
    del explorer, controls, panels
    gc.collect()
    assert dead() is None


def test_the_network_is_left_as_found(inline):
    model = rig.network()
    model.module.train()
    with model_as_found(model.module):
        explorer = TuningExplorer(model, pictures(), lane=inline)
        rig.settle(explorer)
        explorer.layer = rig.VECTOR
        rig.settle(explorer)
        explorer.close()
