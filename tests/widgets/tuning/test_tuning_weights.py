"""The tuning explorer where others move its selection, exchange its network, write its weights."""

from math import degrees

import pytest
import torch

from cnnwidgets.engines.gratings import phase_tuning
from cnnwidgets.widgets import Selection, TuningExplorer, UnitExplorer
from tests.widgets.tiny import pictures
from tests.widgets.tuning import rig


def best_angle(explorer):
    return round(degrees(explorer.orientation))


def test_one_selection_moves_both_explorers(inline):
    model, images = rig.network(), pictures()
    units = UnitExplorer(model, images, layer="0", unit=3, lane=inline)
    explorer = TuningExplorer(model, selection=units.selection, lane=inline)
    rig.settle(explorer)
    assert (explorer.layer, explorer.unit, best_angle(explorer)) == ("0", 3, 135)
    units._controls.slider.set_state({"value": 2})
    rig.settle(explorer)
    assert (explorer._shown.question.unit, best_angle(explorer)) == (2, 90)
    explorer._controls.selected.number.set_state({"value": 0})
    rig.settle(explorer)
    assert units.result.units[0][0] == 0 and units._controls.slider.value == 0
    with pytest.raises(ValueError, match="the shared selection is of Planted"):
        TuningExplorer(rig.network(), selection=units.selection, lane=inline)
    explorer.close()
    units.unit = 1  # which the closed one does not hear
    rig.settle(explorer)
    assert units.result.units[0][0] == 1 and explorer._shown.question.unit != 1
    units.close()


def test_another_network_of_the_selection_is_measured_anew(inline):
    selection = Selection(rig.network(), pictures(), layer="0", unit=1)
    explorer = TuningExplorer(selection.model, selection=selection, lane=inline)
    rig.settle(explorer)
    first = explorer.result
    selection.model = rig.network(angles=(60, 60, 60, 60))
    rig.settle(explorer)
    assert best_angle(explorer) == 60
    assert explorer.result.provenance.weights != first.provenance.weights
    rig.assert_shows_what_is_asked(explorer)
    explorer.close()


def test_a_checkpoint_of_the_shared_selection_stays_and_is_followed(inline):
    model, other = rig.network(), rig.network(angles=(60, 60, 60, 60))
    states = {"start": model.module.state_dict(), "end": other.module.state_dict()}
    start = {"checkpoints": states, "checkpoint": 0, "layer": "0", "unit": 1}
    units = UnitExplorer(model, pictures(), lane=inline, **start)
    explorer = TuningExplorer(model, selection=units.selection, lane=inline)
    rig.settle(explorer)
    assert units.checkpoint == 0 and best_angle(explorer) == 30
    units.checkpoint = 1
    rig.settle(explorer)
    assert best_angle(explorer) == 60
    assert 'cw.load_checkpoints(model, states)["end"]' in explorer.code()
    explorer.close()
    units.close()


def test_changed_weights_are_measured_anew(explorer):
    module, before = explorer.selection.model.module, explorer.result
    phases = list(explorer._panels.phase.y)
    with torch.no_grad():
        module[0].weight.copy_(2 * module[0].weight.roll(1, 0))
    explorer.unit = 3
    explorer.unit = 1
    rig.settle(explorer)
    assert explorer.result.provenance.weights != before.provenance.weights
    assert best_angle(explorer) == 0  # the filter that stood before it
    rig.assert_shows_what_is_asked(explorer)
    wanted = phase_tuning(explorer.selection.model, "0", rig.grating(explorer, phase=0.0))
    assert explorer._panels.phase.y[:-1] == pytest.approx(wanted.f0[:, 1].tolist())
    assert max(explorer._panels.phase.y) > 1.9 * max(phases)


def test_weights_that_change_under_the_same_grating_leave_no_curve_of_before(explorer):
    explorer.frequency = 0.1
    rig.settle(explorer)
    shown = max(explorer._panels.phase.y)
    with torch.no_grad():
        explorer.selection.model.module[0].weight.mul_(2)
    explorer.phase += 1
    rig.settle(explorer)
    assert max(explorer._panels.phase.y) == pytest.approx(2 * shown, rel=1e-4)
