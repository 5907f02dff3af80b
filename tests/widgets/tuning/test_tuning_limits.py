"""The tuning explorer at its limits: odd layers and networks, wrong values, errors."""

from math import nan, pi

import pytest
import torch
from ipywidgets.widgets.widget import _instances  # Widget.widgets warns
from traitlets import TraitError

from cnnwidgets.engines.gratings import tuning
from cnnwidgets.models import wrap_model
from cnnwidgets.widgets import TuningExplorer, grating_series, tuning_explorer
from cnnwidgets.widgets.layer_tunings import LayerTuning
from tests.as_found import model_as_found
from tests.widgets.tiny import pictures
from tests.widgets.tuning import rig


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
    ("body", "shape"),
    [
        ([torch.nn.Flatten(), torch.nn.Linear(3 * 16 * 16, 4)], (3, 16, 16)),
        ([torch.nn.Conv2d(3, 4, 5), torch.nn.ReLU()], (3, 32, 56)),
        ([torch.nn.Conv2d(3, 4, 5), torch.nn.ReLU()], (3, 56, 32)),
    ],
    ids=["no map", "wide", "high"],
)
def test_networks_without_a_map_or_with_oblong_pictures(inline, body, shape):
    module = torch.nn.Sequential(*body).eval()
    model = wrap_model(module, input_shape=shape, mean=(0, 0, 0), std=(1, 1, 1))
    explorer = TuningExplorer(model, pictures(), lane=inline)
    rig.settle(explorer)
    explorer.frequency_in = "cycles / image"
    assert explorer.error == "" and not explorer.busy and explorer.png() and explorer.csv()
    assert explorer.layer == "0" and explorer._shown.shown.shape == (*shape[1:], 3)
    assert explorer._panels.frequency.x[-1] == pytest.approx(0.45 * shape[2])
    explorer.close()


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
def test_wrong_values_are_refused_and_nothing_is_lost(measured, name, value):
    explorer = measured
    rig.settle(explorer)
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
