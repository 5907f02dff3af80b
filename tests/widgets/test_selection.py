import pytest
from traitlets import TraitError

from cnnwidgets.engines.responses import layer_response
from cnnwidgets.graph import record
from cnnwidgets.widgets import Selection
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
