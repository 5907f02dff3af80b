"""Traits set to anything from the page and from Python: refused or passed over, and it lives on."""

import json

import numpy as np
import pytest
import torch

import cnnwidgets as cw
from cnnwidgets import views
from cnnwidgets.data import sittings
from cnnwidgets.engines import choices
from cnnwidgets.engines.deconv import reconstruct
from cnnwidgets.graph import record
from cnnwidgets.views import event
from cnnwidgets.widgets import TuningExplorer, UnitExplorer
from cnnwidgets.widgets.scheduler import Lane
from tests.widgets import garbage
from tests.widgets.tiny import network, pictures
from tests.widgets.tuning import rig

OURS = {
    UnitExplorer: ["picture", "layer", "unit", "position", "rule", "colour", "checkpoint", "size"],
    TuningExplorer: [
        *("layer", "unit", "orientation", "frequency", "phase", "contrast", "diameter", "centre"),
        *("colour", "drift", "measure", "frequency_in", "viewing_distance", "size"),
    ],
    cw.TripletStepper: [
        *("people", "network", "layer", "measure", "temperature", "order", "wanted", "size"),
    ],
    cw.ClassBoard: ["people", "network", "layer", "measure", "method", "pair", "size"],
}
VIEWS = [getattr(views, name) for name in views.__all__]


def quiet_lane():
    return Lane(inline=True, clock=lambda: 0.0)


def features():
    rng = np.random.default_rng(1)
    return {f"net {n}": rng.gamma(1.0, 1.0, (12, 5)).astype(np.float32) for n in (1, 2)}


@pytest.mark.parametrize("kind", [kind for kind in VIEWS if issubclass(kind, views.View)])
def test_a_view_passes_over_what_no_page_of_ours_would_say(kind):
    if kind is views.View:
        pytest.skip("a base, which draws nothing")
    view = kind(title="kept")
    heard = []
    view.observe(heard.append)
    for state in ({"title": "x"}, {"nonsense": 1}, {"_esm": "alert(1)"}, {"layout": 5}):
        garbage.told(view, state)
    assert view.title == "kept" and heard == []
    garbage.shake_view(view)
    events = [c["new"] for c in heard if isinstance(view.traits()[c["name"]], garbage.Event)]
    assert all({"count"} <= set(event) for event in events if event)
    written = {change["name"] for change in heard if change["name"] != "_property_lock"}
    events = {name for name, trait in view.traits().items() if isinstance(trait, garbage.Event)}
    assert written <= view.moved | events
    view.close()


def test_the_unit_explorer_lives_through_garbage():
    lane = quiet_lane()
    explorer = UnitExplorer(network(), pictures(), layer="4", unit=2, lane=lane)
    garbage.shake(explorer, lane.rest)
    garbage.assign_anything(explorer, OURS[UnitExplorer], lane.rest)
    explorer.rule, explorer.colour = "deconvnet", True
    explorer.selection.choose(layer="4", unit=3, picture=1, position=(5, 6))
    lane.rest()
    recorded = record(
        explorer.selection.model,
        explorer.selection.model.preprocess([explorer.selection.images.images[1]]),
    )
    wanted = reconstruct(recorded, "4", [(3, 5, 6)], rule="deconvnet")
    assert torch.equal(explorer.result.images, wanted.images) and explorer.error == ""
    explorer.close()


def test_the_tuning_explorer_lives_through_garbage():
    lane = quiet_lane()
    explorer = TuningExplorer(rig.network(), layer="0", unit=1, lane=lane)
    garbage.shake(explorer, lane.rest)
    garbage.assign_anything(explorer, OURS[TuningExplorer], lane.rest)
    explorer.drift, explorer.colour, explorer.measure = 0, "grey", "f0"
    explorer.selection.choose(layer="0", unit=2)
    explorer.orientation, explorer.frequency, explorer.phase = 1.5, 0.15, 0.0
    explorer.contrast, explorer.diameter, explorer.centre = 1.0, None, None
    rig.settle(explorer)
    shown = rig.response(explorer, rig.grating(explorer))
    assert explorer._shown.value == pytest.approx(shown, rel=1e-4) and explorer.error == ""
    explorer.close()


def test_the_triplet_stepper_keeps_no_answer_that_nobody_gave(tmp_path):
    lane = quiet_lane()
    words = [f"word {n}" for n in range(12)]
    explorer = cw.TripletStepper(
        features(), words, people=None, sittings=tmp_path, seed=4, lane=lane
    )
    recorded = []
    explorer.sitting.record, record_it = (
        lambda answer: (recorded.append(answer), record_it(answer)),
        explorer.sitting.record,
    )
    garbage.shake(explorer, lane.rest)
    garbage.assign_anything(explorer, OURS[cw.TripletStepper], lane.rest)
    assert all(a.odd in a.shown and len({*a.shown}) == 3 and a.rt_ms >= 0 for a in recorded)
    for path in sittings.files(tmp_path):
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        assert sum(line["line"] == "sitting" for line in lines) == 1
        sittings.read(path)
    explorer.people, explorer.network, explorer.measure = "", "net 2", "dot"
    explorer.order, explorer.wanted, explorer.temperature = "random", "", 1.0
    explorer.next()
    lane.rest()
    view, before = explorer._panels.triplet, len(explorer.answers)
    for stale in ({"index": 1}, {"index": 7, "trial": view.trial, "rt_ms": 1}):
        view.set_state({"answered": stale})
    view.set_state({"answered": {"index": 1, "trial": view.trial - 1, "rt_ms": 1, "count": 1}})
    assert len(explorer.answers) == before
    view.set_state({"answered": {"index": 1, "trial": view.trial, "rt_ms": 1, "count": 2}})
    assert len(explorer.answers) == before + 1 and explorer.error == ""
    shown, made = explorer.answers[-1].shown, choices.space(features()["net 2"], measure="dot")
    i, j, k = (made[n].double() for n in shown)
    scale = explorer.result.agents[1].agent.temperature
    drive = torch.stack([j @ k, i @ k, i @ j]) / scale
    assert view.agents[-1]["values"] == pytest.approx(drive.softmax(0).tolist(), abs=1e-4)
    explorer.close()


def test_the_class_board_lives_through_garbage(tmp_path):
    names = [f"word {n}" for n in range(12)]
    board = cw.ClassBoard(tmp_path, features(), names, people=None, lane=Lane(inline=True))
    garbage.shake(board)
    garbage.assign_anything(board, OURS[cw.ClassBoard])
    log = sittings.SittingLog(tmp_path, set_id=board._parties.objects.set_id, names=names)
    for shown in ((0, 1, 2), (3, 4, 5), (0, 3, 6)):
        log.record(sittings.Answer(shown, shown[2], 900))
    board.network, board.pair = "net 2", ["word 0", "word 3"]
    board.look()
    assert [len(one.answers) for one in board.result.question.reading.merged.sittings] == [3]
    assert board.error == "" and "word 0" in board._panels.matrices[0].names
    board.close()


def test_a_slider_that_the_page_has_made_longer_is_refused():
    lane = quiet_lane()
    explorer = TuningExplorer(rig.network(), layer="0", unit=1, lane=lane)
    explorer._controls.contrast.set_state({"max": 900, "value": 900})
    assert explorer.contrast == 1.0 and explorer._controls.contrast.value == 100
    garbage.assert_sentence(explorer.error)
    assert "contrast" in explorer.error
    explorer.close()


@pytest.mark.parametrize("content", [10**15, "text", None, [1, 2], {}])
def test_a_file_without_content_is_passed_over(tmp_path, content):
    words = [f"word {n}" for n in range(12)]
    explorer = cw.TripletStepper(
        features(), words, people=None, sittings=tmp_path, lane=Lane(inline=True)
    )
    file = {"name": "x.jsonl", "type": "", "size": 1, "last_modified": 0, "content": content}
    explorer.sitting._upload.set_state({"value": [file]})
    assert explorer.sitting.others == [] and explorer.error == ""
    assert not explorer.sitting._upload.value
    explorer.close()


@pytest.mark.parametrize("side", [None, [], [0.4], [0.4, float("nan")], ["a", "b"], 5])
def test_a_brush_without_two_ends_is_none(side):
    assert event.span(side) is None and event.span([0.7, 0.2]) == [0.2, 0.7]
