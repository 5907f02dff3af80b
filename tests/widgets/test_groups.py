"""Groups and directions of units become layers: from the field, from code, at every checkpoint."""

import threading

import numpy as np
import pytest
import torch
from ipywidgets.widgets.widget import _instances  # Widget.widgets warns

from cnnwidgets.data import load_images
from cnnwidgets.engines.deconv import reconstruct
from cnnwidgets.engines.top_images import TopImagesAccumulator
from cnnwidgets.graph import record
from cnnwidgets.widgets import UnitExplorer
from cnnwidgets.widgets.scheduler import Lane
from tests.as_found import model_as_found
from tests.widgets.owner import PATIENCE
from tests.widgets.test_checkpoint_slider import slide, tile_names, trained
from tests.widgets.tiny import network, pictures

NAME = "4[2 + 0.5·6 − 1]"
WEIGHTS = {2: 1.0, 6: 0.5, 1: -1.0}


@pytest.fixture
def inline():
    return Lane(inline=True, clock=lambda: 0.0)


@pytest.fixture
def explorer(inline):
    explorer = UnitExplorer(network(), pictures(12), layer="4", unit=2, lane=inline)
    yield explorer
    explorer.close()


def enter(explorer, text):
    """Write a text into the field and press Enter, as the browser does."""
    field = explorer._groups.field
    count = field.entered.get("count", 0) + 1
    field.set_state({"entered": {"text": text, "count": count}})


def seen_by_hand(model, images, picture, weights, place):
    """Give the group's map, and the gradient of its value at a place, without any of ours."""
    net, weights = model.module, torch.tensor([weights.get(unit, 0.0) for unit in range(8)])
    x = model.preprocess([images.images[picture]]).requires_grad_()
    plane = (net[:5](x)[0] * weights[:, None, None]).sum(0)
    return plane.detach(), torch.autograd.grad(plane[place], x)[0]


def assert_shows_the_group(explorer, weights, name):
    s = explorer.selection
    assert (s.layer, s.unit) == (name, 0)
    (_, row, column) = explorer.result.units[0]
    plane, gradient = seen_by_hand(s.model.plain, s.images, s.picture, weights, (row, column))
    assert float(plane.max()) == pytest.approx(float(plane[row, column]), abs=1e-5)
    assert float(explorer.result.responses[0]) == pytest.approx(float(plane.max()), abs=1e-5)
    recorded = record(s.model, s.model.preprocess([s.images.images[s.picture]]))
    saliency = reconstruct(recorded, name, [(0, row, column)], rule="saliency")
    assert torch.allclose(saliency.images, gradient, atol=1e-6)
    wanted = reconstruct(recorded, name, [(0, row, column)], rule=explorer.rule)
    assert torch.equal(explorer.result.images, wanted.images)


def test_a_text_and_enter_make_the_group_a_layer_and_select_it(explorer, inline):
    enter(explorer, "2 + 0.5*6 - 1")
    inline.rest()
    assert_shows_the_group(explorer, WEIGHTS, NAME)
    labels = {name: label for label, name in explorer._controls.layer.options}
    assert labels[NAME] == f"{NAME} · read-out · 1 × 16 × 16"
    assert [*labels].index(NAME) == [*labels].index("4") + 1
    assert explorer._controls.layer.value == NAME
    assert explorer._controls.slider.max == 0 and explorer._controls.number.value == 0
    assert explorer.error == "" and explorer._status.text.startswith("unit 0 at row ")


def test_a_list_is_the_mean(explorer, inline):
    enter(explorer, "2, 6, 1")
    inline.rest()
    assert_shows_the_group(explorer, dict.fromkeys((2, 6, 1), 1 / 3), "4[mean of 2, 6, 1]")


def test_the_same_text_again_just_selects_it(explorer, inline):
    enter(explorer, "2 + 0.5*6 - 1")
    explorer.layer = "1"
    inline.rest()
    made = explorer.selection.model
    explorer.layer = "4"
    for text in ("2 + 0.5*6 - 1", "2+.5·6−1"):
        enter(explorer, text)
        inline.rest()
        assert explorer.layer == NAME and explorer.selection.model is made
    assert len(made.read_outs) == 1


def test_on_a_group_a_text_means_the_units_of_the_layer_that_it_reads(explorer, inline):
    enter(explorer, "2 + 0.5*6 - 1")
    enter(explorer, "3 + 7")
    inline.rest()
    assert_shows_the_group(explorer, {3: 1.0, 7: 1.0}, "4[3 + 7]")
    assert [r.name for r in explorer.selection.model.read_outs] == [NAME, "4[3 + 7]"]
    explorer.layer = NAME
    inline.rest()
    assert_shows_the_group(explorer, WEIGHTS, NAME)


def test_a_group_of_a_vector_layer(explorer, inline):
    explorer.selection.choose(layer="6", unit=1)
    enter(explorer, "0 - 2")
    inline.rest()
    assert explorer.layer == "6[0 − 2]" and explorer.result.units == ((0,),)
    shown = explorer.selection.model.preprocess([explorer.selection.images.images[0]])
    scores = explorer.selection.model.run(shown, "6")["6"][0]
    assert float(explorer.result.responses[0]) == pytest.approx(float(scores[0] - scores[2]))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("eyes", "'eyes' is no group of units; write a sum"),
        ("2 + 8", "4 has 8 units, 0 to 7; 8 was asked"),
        ("2 - 2", "the weights of '2 - 2' cancel out"),
        ("1e300*2", "must be finite"),
        ("", "'' is no group of units"),
    ],
)
def test_a_wrong_text_is_one_sentence_and_nothing_changes(explorer, inline, text, sentence):
    before, model = explorer.result, explorer.selection.model
    enter(explorer, text)
    assert sentence in explorer.error and explorer._status.state == "refused"
    assert explorer._status.text == "Showing unit 2."
    assert explorer.result is before and explorer.selection.model is model
    enter(explorer, "2 + 6")
    inline.rest()
    assert explorer.error == "" and explorer.layer == "4[2 + 6]"


@pytest.mark.parametrize("kind", [np.array, torch.tensor, list])
def test_a_direction_from_code(explorer, inline, kind):
    rng = np.random.default_rng(0)
    direction = rng.normal(size=8)
    explorer.attach("boundary", weight=kind(direction.tolist()))
    inline.rest()
    assert_shows_the_group(explorer, dict(enumerate(direction)), "boundary")
    explorer.layer = "1"
    explorer.attach("boundary", weight=kind(direction.tolist()), at="4")
    assert explorer.layer == "boundary" and len(explorer.selection.model.read_outs) == 1


def test_several_directions_whole_maps_and_a_bias(explorer, inline):
    explorer.attach("two", weight=torch.eye(8)[3:5], bias=[1.0, -2.0])
    explorer.unit = 1
    inline.rest()
    shown = explorer.selection.model.preprocess([explorer.selection.images.images[0]])
    answer = explorer.selection.model.run(shown, "4")["4"][0]
    assert float(explorer.result.responses[0]) == pytest.approx(float(answer[4].max()) - 2)
    enter(explorer, "0 + 2*1")  # of two units, these are the units
    inline.rest()
    assert explorer.layer == "two[0 + 2·1]"
    whole = torch.randn(8, 16, 16)
    explorer.attach("whole", weight=whole, at="4")
    inline.rest()
    assert explorer.result.units == ((0,),)
    assert float(explorer.result.responses[0]) == pytest.approx(float((answer * whole).sum()), 1e-4)


def test_long_names_leave_alternative_texts_and_file_names_short(explorer, inline):
    enter(explorer, " + ".join(f"0.{number}234567*{number % 8}" for number in range(1, 40)))
    inline.rest()
    assert len(explorer.layer) > 400 and explorer.error == ""
    panels = explorer._panels
    for view in (panels.picture, panels.crop, panels.seen, explorer.top_nine.view):
        assert 0 < len(view.alt) <= 200
    assert len(explorer._file_name("png")) < 150 and explorer._file_name("png").endswith(".png")
    explorer.png()


def test_attach_refuses_what_does_not_fit_and_changes_nothing(explorer):
    explorer.attach("taken", weight=np.ones(8))
    before = dict(explorer.selection.trait_values())
    for arguments, sentence in (
        ({"name": "taken", "weight": np.arange(8.0)}, "'taken' is a layer of Tiny already"),
        ({"name": "1", "weight": np.ones(8), "at": "4"}, "'1' is a layer of Tiny already"),
        ({"name": "x", "weight": np.ones(7)}, r"weight must be \[K, 8\] or \[K, 8, 16, 16\]"),
        ({"name": "x", "weight": np.ones(8), "at": "44"}, "layer '44' is not in Tiny"),
        ({"name": "x", "weight": np.full(8, np.nan)}, "must be finite, got NaN or infinity"),
        ({"name": "x", "weight": np.ones(8), "bias": [1, 2]}, r"bias must be \[1\], got \[2\]"),
    ):
        with pytest.raises(ValueError, match=sentence):
            explorer.attach(**arguments)
        assert explorer.selection.trait_values() == before


# Code


@pytest.mark.parametrize(
    "attach",
    [
        lambda e: enter(e, "311 + 0.1*40 - 12"),
        lambda e: enter(e, "7, 8, 9"),
        lambda e: e.attach("direction", weight=torch.randn(384)),
        lambda e: e.attach('two "of" them', weight=torch.randn(2, 384), bias=[0.5, 0.25]),
        lambda e: e.attach("whole", weight=torch.randn(3, 64, 55, 55)[:1, :1].repeat(1, 64, 1, 1)
                           * (torch.arange(55) == 9), at="features.0"),
    ],
)  # fmt: skip
def test_code_makes_the_same_result(inline, attach):
    import cnnwidgets as cw

    explorer = UnitExplorer(cw.load_model("alexnet"), layer="features.6", lane=inline)
    explorer.attach("another", weight=np.ones(384))  # which the script need not have
    explorer.layer = "features.6"
    attach(explorer)
    inline.rest()
    code = explorer.code()
    assert "another" not in code and max(map(len, code.splitlines())) < 160
    if explorer.layer == "whole":
        assert "weight = ...  # yours, [1, 64, 55, 55]" in code
    else:
        namespace = {}
        exec(code, namespace)
        assert torch.equal(namespace["result"].images, explorer.result.images)
        assert namespace["result"].provenance == explorer.result.provenance
    explorer.close()


def test_code_of_a_group_of_a_group(explorer, inline):
    explorer.attach("two", weight=torch.eye(8)[3:5])
    enter(explorer, "0 - 1")
    inline.rest()
    code = explorer.code()
    assert code.index('model.attach("two"') < code.index('model.attach("two[0 − 1]"')
    namespace = {}
    code = code.replace("model = ...", "model = given").replace("images = ...", "images = shown")
    namespace = {"given": explorer.selection.model.plain, "shown": explorer.selection.images}
    exec(code, namespace)
    assert torch.equal(namespace["result"].images, explorer.result.images)


# With checkpoints, shared selections, the worker


def test_a_group_is_there_at_every_checkpoint(inline):
    model = network()
    explorer = UnitExplorer(
        model, pictures(12), checkpoints=trained(model, 4), layer="4", unit=2, lane=inline
    )
    enter(explorer, "2 + 0.5*6 - 1")
    seen = []
    for number in (3, 0, 2, 1):
        slide(explorer, number)
        inline.rest()
        assert explorer.checkpoint == number
        assert explorer.result.provenance.model == f"Tiny (checkpoint {number})"
        assert_shows_the_group(explorer, WEIGHTS, NAME)
        seen.append(explorer.result.images)
    assert not any(torch.equal(seen[0], other) for other in seen[1:])
    explorer.layer = "4"
    enter(explorer, "0 - 1")
    slide(explorer, 3)
    inline.rest()
    assert_shows_the_group(explorer, {0: 1.0, 1: -1.0}, "4[0 − 1]")
    with model_as_found(model.module):
        slide(explorer, 0)
        inline.rest()
    assert NAME in explorer.selection.model.layers
    explorer.close()


def test_explorers_that_share_a_selection_get_the_group(explorer, inline):
    second = UnitExplorer(explorer.selection.model, selection=explorer.selection, lane=inline)
    enter(second, "2 + 6")
    inline.rest()
    for each in (explorer, second):
        assert each._controls.layer.value == "4[2 + 6]"
        assert_shows_the_group(each, {2: 1.0, 6: 1.0}, "4[2 + 6]")
    second.close()


def test_a_network_with_read_outs_of_its_own_keeps_them(inline):
    model = network().attach("own", at="4", weight=torch.ones(2, 8))
    explorer = UnitExplorer(model, pictures(), layer="own", unit=1, lane=inline)
    assert explorer.result.units[0][0] == 1
    enter(explorer, "0 + 1")
    inline.rest()
    assert explorer.layer == "own[0 + 1]"
    assert {"own", "own[0 + 1]"} <= explorer.selection.model.layers.keys()
    explorer.close()


def test_the_pass_that_a_new_layer_needs_is_the_worker_s(lane, monkeypatch):
    model, passes = network(), []
    model.module[0].register_forward_hook(lambda *_: passes.append(threading.current_thread()))
    explorer = UnitExplorer(model, pictures(), layer="4", unit=2, lane=lane)
    explorer.wait(PATIENCE)
    explorer.top_nine.wait(PATIENCE)
    passes.clear()
    enter(explorer, "2 + 6")
    explorer.wait(PATIENCE)
    assert explorer.layer == "4[2 + 6]" and explorer.result.units[0][0] == 0
    assert passes and threading.current_thread() not in passes
    explorer.close()


def test_closing_frees_the_group(inline):
    before = len(_instances)
    explorer = UnitExplorer(network(), pictures(), layer="4", lane=inline)
    enter(explorer, "2 + 6")
    explorer.close()
    assert len(_instances) == before


# The top nine


def test_the_group_s_top_pictures_and_no_second_search_for_the_other_layers(
    explorer, inline, monkeypatch
):
    looked, true = [], TopImagesAccumulator.update

    def update(found, batch, numbers=None, **options):
        looked.append((found._layers, list(numbers)))
        true(found, batch, numbers, **options)

    monkeypatch.setattr(TopImagesAccumulator, "update", update)
    plain = explorer.top_nine.result
    enter(explorer, "2 + 0.5*6 - 1")
    inline.rest()
    images, model = explorer.selection.images, explorer.selection.model.plain
    peaks = [
        float(seen_by_hand(model, images, number, WEIGHTS, (0, 0))[0].max()) for number in range(12)
    ]
    best = sorted(range(12), key=lambda number: -peaks[number])[:9]
    assert tile_names(explorer) == [images.names[number] for number in best]
    assert {tuple(layers) for layers, _ in looked} == {(NAME,)}
    assert explorer.top_nine.result.layers == (NAME,)
    looked.clear()
    for layer in ("4", "1"):
        explorer.layer = layer
        inline.rest()
        assert explorer.top_nine.result is plain
    explorer.layer = NAME
    inline.rest()
    assert looked == [] and explorer.top_nine.result.layers == (NAME,)


def test_the_group_s_top_pictures_are_kept_for_the_next_session(inline, monkeypatch):
    def session():
        explorer = UnitExplorer(network(), pictures(12), layer="4", unit=2, lane=inline)
        enter(explorer, "2 + 6")
        inline.rest()
        names = tile_names(explorer)
        explorer.close()
        return names

    names = session()
    monkeypatch.setattr(TopImagesAccumulator, "update", None)  # nothing is looked through
    assert session() == names and len(names) == 9


def test_pictures_of_one_channel_and_names_of_layers_with_brackets(inline):
    images = load_images([np.full((20, 20, 3), shade, np.uint8) for shade in (10, 99)])
    explorer = UnitExplorer(network(), images, layer="1", unit=0, lane=inline)
    enter(explorer, "0, 1, 2")
    inline.rest()
    assert explorer.error == "" and explorer.layer == "1[mean of 0, 1, 2]"
    assert explorer._file_name("png") == "picture_1_1[mean_of_0,_1,_2]_unit0_deconvnet.png"
    explorer.close()
