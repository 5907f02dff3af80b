from collections import OrderedDict

import pytest
import torch
from torch import nn
from traitlets import TraitError

from cnnwidgets.engines.responses import layer_response
from cnnwidgets.graph import record
from cnnwidgets.models import load_checkpoints
from cnnwidgets.widgets import Selection
from cnnwidgets.widgets.selection import default_layer
from tests.models.hearing import wrapped
from tests.widgets.tiny import network, pictures


@pytest.fixture
def selection():
    return Selection(network(), pictures(), layer="4", unit=2)


def heard(selection):
    """What an explorer that listens would see at each notification."""
    seen = []
    names = ["picture", "layer", "unit", "position"]
    selection.observe(lambda _: seen.append(tuple(getattr(selection, n) for n in names)), names)
    return seen


def test_starts_at_the_most_active_unit_of_the_picture():
    model, images = network(), pictures()
    for picture in range(3):
        selection = Selection(model, images, layer="4", picture=picture)
        shown = model.preprocess([images.images[picture]])
        assert selection.unit == int(model.run(shown, "4")["4"].amax((0, 2, 3)).argmax())
        assert selection.unit == layer_response(record(model, shown), "4").order[0]


def test_a_new_unit_or_picture_stands_at_its_strongest_place(selection):
    selection.position = (3, 4)
    selection.unit = 1
    assert selection.position is None
    selection.position = (3, 4)
    selection.picture = 2
    assert selection.position is None


def test_a_new_layer_keeps_the_unit_where_it_can(selection):
    selection.unit = 7
    selection.layer = "1"
    assert (selection.layer, selection.unit) == ("1", 5)
    selection.layer = "4"
    assert selection.unit == 5


def test_choose_is_one_step(selection):
    seen = heard(selection)
    selection.choose(layer="1", unit=3, position=(10, 20), picture=1)
    assert set(seen) == {(1, "1", 3, (10, 20))}


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"picture": 3}, "there are 3 pictures, 0 to 2; 3 was asked"),
        ({"layer": "44"}, "layer '44' is not in Tiny; did you mean '4'?"),
        ({"unit": 8}, "4 has 8 units, 0 to 7; 8 was asked"),
        ({"unit": -1}, "4 has 8 units, 0 to 7; -1 was asked"),
        ({"position": (16, 0)}, "4 has 16 rows, 0 to 15; 16 was asked"),
        ({"position": (0, 99)}, "4 has 16 columns, 0 to 15; 99 was asked"),
        ({"layer": "1", "unit": 6}, "1 has 6 units, 0 to 5; 6 was asked"),
        ({"layer": "6", "position": (0, 0)}, "6 is a vector, its units have no position"),
    ],
)
def test_what_does_not_exist_changes_nothing(selection, wrong, sentence):
    before = dict(selection.trait_values())
    with pytest.raises(TraitError, match=sentence.replace("?", r"\?")):
        selection.choose(**wrong)
    assert selection.trait_values() == before
    selection.choose(unit=3, position=(1, 2))
    assert (selection.unit, selection.position) == (3, (1, 2))


def test_unknown_keyword():
    with pytest.raises(TypeError, match="Selection has no trait layr"):
        Selection(network(), pictures(), layr="4")


def test_choose_refuses_unknown_names(selection):
    with pytest.raises(TypeError, match="Selection has no trait unti"):
        selection.choose(unti=5)


# The network may be exchanged


def grown(model, seed=1):
    """Give the same network with other weights, as a checkpoint."""
    torch.manual_seed(seed)
    state = {n: torch.randn_like(t) for n, t in model.module.state_dict().items()}
    return load_checkpoints(model, [state])[0]


def test_another_model_keeps_layer_unit_and_position(selection):
    selection.position = (3, 4)
    seen = heard(selection)
    selection.model = other = grown(selection.model)
    assert (selection.layer, selection.unit, selection.position) == ("4", 2, (3, 4))
    assert seen == []
    assert selection.current_layer == other.layer("4")


def test_choose_takes_the_model_in_the_same_step(selection):
    attached = selection.model.attach("pair", at="4", weight=torch.ones(2, 8))
    steps = []
    selection.observe(
        lambda _: steps.append((selection.model, selection.layer)), ["model", "layer"]
    )
    selection.choose(model=attached, layer="pair", unit=1)
    assert set(steps) == {(attached, "pair")} and selection.unit == 1
    with pytest.raises(TraitError, match="layer 'pair' is not in Tiny"):
        selection.choose(model=network(), layer="pair")
    assert selection.model is attached


def test_a_model_without_the_layer_gets_one_of_its_own(selection):
    selection.position = (15, 15)
    small = wrapped(nn.Sequential(OrderedDict(a=nn.Conv2d(3, 2, 3), b=nn.ReLU())), 32)
    selection.model = small
    assert selection.layer == default_layer(small)
    assert (selection.unit, selection.position) == (1, None)
    selection.model = network()
    assert selection.unit == 1


def test_a_smaller_layer_of_the_same_name_leaves_a_place_that_it_does_not_have(selection):
    selection.choose(layer="4", unit=7, position=(15, 15))
    small = wrapped(
        nn.Sequential(*[nn.Conv2d(3, 3, 3, padding=1, stride=s) for s in (1, 1, 1, 1, 4)])
    )
    selection.model = small
    assert (selection.layer, selection.unit, selection.position) == ("4", 2, None)


def test_a_model_that_does_not_fit_changes_nothing(selection):
    before = dict(selection.trait_values())
    wide = wrapped(nn.Conv2d(3, 2, 3), 40)
    for refused, sentence in (
        (wide, r"Conv2d takes pictures \[3, 40, 40\], where Tiny takes \[3, 32, 32\]"),
        ("alexnet", "model.* a VisionModel, .*str"),
        (None, "model.* a VisionModel, .*NoneType"),
    ):
        with pytest.raises(TraitError, match=sentence):
            selection.model = refused
        with pytest.raises(TraitError, match=sentence):
            selection.choose(model=refused, unit=5)
        assert selection.trait_values() == before
