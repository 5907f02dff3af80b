"""The checkpoint slider: each frame is that of a plain network with that state."""

import copy
import gc
import io
import threading

import numpy as np
import psutil
import pytest
import torch
from ipywidgets.widgets.widget import _instances  # Widget.widgets warns
from PIL import Image
from traitlets import TraitError

from cnnwidgets.engines.deconv import reconstruct
from cnnwidgets.engines.top_images import top_images
from cnnwidgets.graph import record
from cnnwidgets.models import load_checkpoints, wrap_model
from cnnwidgets.widgets import Selection, UnitExplorer, picture_pass, unit_index, unit_look
from cnnwidgets.widgets.scheduler import Lane
from tests.as_found import model_as_found
from tests.widgets.owner import PATIENCE
from tests.widgets.tiny import network, pictures


def trained(model, count):
    """Give copies of states on a way that leads from the network's own to another."""
    module = copy.deepcopy(model.module)
    far = network().module
    torch.manual_seed(3)
    for weight in far.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    states = []
    for step in range(count):
        with torch.no_grad():
            for weight, goal in zip(module.parameters(), far.parameters(), strict=True):
                weight.lerp_(goal, 0.3 if step else 0.0)
        states.append({n: t.clone() for n, t in module.state_dict().items()})
    return states


def plain(state):
    """The network as anybody would load it."""
    model = network()
    model.module.load_state_dict(state)
    return model


@pytest.fixture
def inline():
    """A lane on which every move but the first is a preview, until `rest()`."""
    return Lane(inline=True, clock=lambda: 0.0)


@pytest.fixture
def model():
    return network()


@pytest.fixture
def states(model):
    return trained(model, 5)


@pytest.fixture
def explorer(model, states, inline):
    explorer = UnitExplorer(
        model, pictures(4), checkpoints=states, layer="4", unit=2, picture=1, lane=inline
    )
    yield explorer
    explorer.close()


def slide(explorer, number):
    """Move the slider as the browser does."""
    explorer._controls.checkpoints.slider.set_state({"value": number})


def assert_shows(explorer, state):
    """Compare with the network that a plain load gives."""
    s, other = explorer.selection, plain(state)
    recorded = record(other, other.preprocess([s.images.images[s.picture]]))
    wanted = reconstruct(recorded, s.layer, [(s.unit, *(s.position or ()))], rule=explorer.rule)
    assert explorer.result.units == wanted.units
    assert torch.equal(explorer.result.images, wanted.images)
    assert explorer._panels.picture.position == list(wanted.units[0][1:])
    scores = other.run(recorded.picture, "6")["6"].softmax(1)[0].sort(descending=True).values
    assert explorer._panels.says.values == pytest.approx(scores.tolist(), abs=1e-6)


def test_it_starts_with_the_last_and_every_checkpoint_is_the_plain_network_s(
    explorer, states, inline
):
    assert explorer.checkpoint == 4 and len(explorer.checkpoints) == 5
    slider = explorer._controls.checkpoints.slider
    assert (slider.min, slider.max, slider.value, slider.step) == (0, 4, 4, 1)
    assert_shows(explorer, states[4])
    seen = {explorer.result.units[0]}
    for number in (0, 3, 1, 4, 2):
        slide(explorer, number)
        inline.rest()
        assert explorer.checkpoint == number and not explorer.error
        assert_shows(explorer, states[number])
        seen.add(explorer.result.units[0])
    assert len(seen) > 1  # the unit moves to its strongest place under each


def test_the_trait_moves_the_slider_and_the_selection(explorer, states, inline):
    explorer.checkpoint = 1
    inline.rest()
    assert explorer._controls.checkpoints.slider.value == 1
    assert explorer._controls.checkpoints.name.value == "checkpoint 1"
    assert explorer.selection.model is explorer.checkpoints[1]
    assert_shows(explorer, states[1])
    explorer.selection.model = explorer.checkpoints[3]
    inline.rest()
    assert explorer.checkpoint == explorer._controls.checkpoints.slider.value == 3


def test_a_chosen_position_is_compared_at_one_place(explorer, states, inline):
    explorer.position = (7, 9)
    for number in (0, 2):
        slide(explorer, number)
        inline.rest()
        assert explorer.result.units == ((2, 7, 9),)
        assert_shows(explorer, states[number])


def test_scales_stay_while_the_slider_moves_so_frames_compare(model, states):
    moments = iter(np.arange(0, 1, 0.0005))
    lane = Lane(inline=True, clock=lambda: next(moments))
    explorer = UnitExplorer(
        model, pictures(), checkpoints=states, layer="4", unit=2, checkpoint=2, lane=lane
    )
    scales, limits = explorer._scales, explorer._panels.picture.limits
    for number in (3, 4, 3):
        slide(explorer, number)
        assert explorer._shown.scales == scales and explorer._panels.picture.limits == limits
        assert explorer._panels.seen.tag == "preview"
        assert explorer._shown.question.model is explorer.checkpoints[number]
    lane.rest()
    assert explorer._shown.scales != scales and explorer._panels.seen.tag == ""
    explorer.close()


def test_what_is_shown_names_the_checkpoint(model, states, inline):
    named = dict(zip(("start", "epoch 1", "epoch 2", "a/b", "end"), states, strict=True))
    explorer = UnitExplorer(
        model, pictures(), checkpoints=named, checkpoint=1, layer="4", unit=2, lane=inline
    )
    assert explorer._status.text.startswith("epoch 1 · unit 2 at row ")
    assert explorer._controls.checkpoints.name.value == "epoch 1"
    assert explorer._controls._selected.model.children[1].value == "Tiny"
    assert "map of Tiny (epoch 1) 4 unit 2" in explorer._panels.picture.alt
    assert ", epoch 1, " in explorer._panels.seen.alt
    assert "that epoch 1 4 unit 2 answers" in explorer.top_nine.view.alt
    assert explorer.result.provenance.model == "Tiny (epoch 1)"
    assert explorer._file_name("png") == "picture_1_epoch_1_4_unit2_deconvnet.png"
    assert explorer._doing(explorer._question()) == "epoch 1 · unit 2"
    slide(explorer, 3)
    inline.rest()
    assert explorer._file_name("png") == "picture_1_a_b_4_unit2_deconvnet.png"
    assert Image.open(io.BytesIO(explorer.png())).width > 96
    for view in ("picture", "seen", "crop"):
        assert 0 < len(getattr(explorer._panels, view).alt) <= 200
    explorer.close()


def test_png_captions_name_the_checkpoint(explorer, monkeypatch):
    captions = []
    monkeypatch.setattr(
        "cnnwidgets.widgets.unit_words.compose", lambda panels, caption: captions.append(caption)
    )
    explorer.png()
    assert captions[0].startswith("Tiny (checkpoint 4) 4 unit 2 at row ")


def test_without_checkpoints_there_is_no_slider(inline):
    explorer = UnitExplorer(network(), pictures(), lane=inline)
    assert explorer.checkpoint is None and explorer.checkpoints is None
    assert explorer._controls.checkpoints is None
    assert len(explorer._controls.second.children) == 1
    with pytest.raises(TraitError, match="no checkpoints; checkpoint 2 was asked of an explorer"):
        explorer.checkpoint = 2
    explorer.close()


def test_one_checkpoint_works(model, states, inline):
    explorer = UnitExplorer(model, pictures(), checkpoints=states[:1], layer="4", lane=inline)
    assert explorer.checkpoint == 0 and explorer._controls.checkpoints.slider.max == 0
    assert_shows(explorer, states[0])
    explorer.close()


def test_arguments_that_are_refused_leave_nothing(model, states, inline):
    images, before = pictures(), len(_instances)
    other = load_checkpoints(network(), states)
    for wrong, kind, sentence in (
        ({"checkpoints": states, "checkpoint": 5}, TraitError, "5 checkpoints, 0 to 4; 5 was"),
        ({"checkpoints": states, "checkpoint": -1}, TraitError, "0 to 4; -1 was asked"),
        ({"checkpoint": 1}, TraitError, "there are no checkpoints"),
        ({"checkpoints": []}, ValueError, "at least one state"),
        ({"checkpoints": [model.module.state_dict()] * 2}, ValueError, "all share memory with"),
        ({"checkpoints": other}, ValueError, "the checkpoints are of Tiny, not of this Tiny"),
    ):
        with pytest.raises(kind, match=sentence):
            UnitExplorer(model, images, lane=inline, **wrong)
    assert len(_instances) == before


def test_a_number_that_is_not_there_is_refused(explorer):
    with pytest.raises(TraitError, match="there are 5 checkpoints, 0 to 4; 9 was asked"):
        explorer.checkpoint = 9
    assert explorer.checkpoint == 4


def test_a_bad_state_is_told_the_last_picture_stays_and_the_slider_lives_on(model, states, inline):
    spoilt = {**states[2], "3.bias": torch.full((8,), torch.nan)}
    states = [*states[:2], spoilt, *states[3:]]
    explorer = UnitExplorer(
        model, pictures(), checkpoints=states, layer="4", unit=2, checkpoint=1, lane=inline
    )
    before, frame = explorer.result, explorer._panels.seen.frame
    slide(explorer, 2)
    inline.rest()
    cause = "its training had come apart (8 of 8 numbers)"
    sentence = f"checkpoint 2 holds NaN or infinity in '3.bias'; {cause}"
    assert explorer.error == sentence and explorer._status.state == "error"
    assert explorer._status.text == "Showing checkpoint 1 · unit 2."
    assert explorer.result is before and explorer._panels.seen.frame is frame
    assert explorer._controls.checkpoints.name.value == "checkpoint 2"
    slide(explorer, 3)
    inline.rest()
    assert explorer.error == "" and explorer._status.state in ("ready", "warning")
    assert_shows(explorer, states[3])
    explorer.close()


def test_a_last_state_that_is_bad_is_told_and_the_others_are_shown(model, states, inline, tmp_path):
    for number, state in enumerate(states):
        torch.save(state, tmp_path / f"epoch{number}.pt")
    last = tmp_path / "epoch4.pt"
    last.write_bytes(last.read_bytes()[:300])
    explorer = UnitExplorer(model, pictures(), checkpoints=tmp_path, layer="4", unit=2, lane=inline)
    assert "epoch4.pt' holds no weights that can be read" in explorer.error
    assert explorer.result is None
    slide(explorer, 3)
    inline.rest()
    assert_shows(explorer, states[3])
    explorer.close()


@pytest.mark.parametrize("kind", ["folder", "files", "memory"])
def test_code_makes_the_same_result(states, inline, tmp_path, kind):
    import cnnwidgets as cw

    model = cw.load_model("alexnet")
    own = model.module.state_dict()
    states = [{n: t * scale for n, t in own.items()} for scale in (0.5, 2)]
    for number, state in enumerate(states):
        torch.save(state, tmp_path / f"e{number}.pt")
    given = {"folder": tmp_path, "files": [tmp_path / "e0.pt", tmp_path / "e1.pt"]}
    explorer = UnitExplorer(
        model, checkpoints=given.get(kind, states), checkpoint=0, layer="features.4", lane=inline
    )
    explorer.selection.choose(unit=17, position=(4, 6))
    inline.rest()
    code = explorer.code()
    if kind == "memory":
        assert "states = ...  # your checkpoints: state dicts, files or a folder" in code
        code = code.replace("states = ...", "states = given")
    namespace = {"given": states}
    exec(code, namespace)
    assert torch.equal(namespace["result"].images, explorer.result.images)
    assert namespace["result"].provenance == explorer.result.provenance
    explorer.close()


def test_explorers_that_share_a_selection_follow(model, states, inline):
    images = pictures()
    first = UnitExplorer(model, images, checkpoints=states, layer="4", unit=2, lane=inline)
    second = UnitExplorer(model, selection=first.selection, lane=inline)
    third = UnitExplorer(
        model, selection=first.selection, checkpoints=first.checkpoints, lane=inline
    )
    assert third.checkpoint == 4
    slide(third, 1)
    inline.rest()
    assert first.checkpoint == third.checkpoint == 1 and second.checkpoint is None
    for each in (first, second, third):
        assert_shows(each, states[1])
    assert second._controls._selected.model.children[1].value == "Tiny (checkpoint 1)"
    with pytest.raises(ValueError, match="the shared selection is of Tiny"):
        UnitExplorer(network(), selection=first.selection, lane=inline)
    first.selection.model = model
    inline.rest()
    assert first.checkpoint is None and first._controls.checkpoints.name.value == "Tiny"
    assert torch.equal(first.result.images, second.result.images)
    first.checkpoint = 1
    inline.rest()
    assert_shows(first, states[1])
    for each in (first, second, third):
        each.close()


def test_a_network_that_stands_in_a_selection_gets_checkpoints(model, states, inline):
    selection = Selection(model, pictures(), layer="4", unit=6)
    explorer = UnitExplorer(model, selection=selection, checkpoints=states, lane=inline)
    assert selection.model is explorer.checkpoints[4]
    assert (explorer.unit, explorer.layer) == (6, "4")
    assert_shows(explorer, states[4])
    explorer.close()


def test_the_user_s_module_is_as_found_and_may_be_trained_meanwhile(model, states, inline):
    model.module.train()
    images = pictures()
    with model_as_found(model.module):
        explorer = UnitExplorer(model, images, checkpoints=states, layer="4", unit=2, lane=inline)
        for number in range(5):
            slide(explorer, number)
        inline.rest()
    optimiser = torch.optim.SGD(model.module.parameters(), lr=0.1)
    for number in range(5):
        model.module(torch.randn(2, 3, 32, 32)).square().sum().backward()
        optimiser.step()
        slide(explorer, number)
        inline.rest()
        assert not explorer.error
    explorer.close()
    trained_one = UnitExplorer(
        wrap_model(model.module, input_shape=(3, 32, 32), mean=(0,) * 3, std=(1,) * 3),
        images,
        checkpoints=states,
        layer="4",
        unit=2,
        lane=inline,
    )
    for number, state in enumerate(states):
        trained_one.checkpoint = number
        inline.rest()
        assert_shows(trained_one, state)
    trained_one.close()


def test_nothing_is_read_or_run_in_the_callback(model, states, lane, monkeypatch, tmp_path):
    for number, state in enumerate(states):
        torch.save(state, tmp_path / f"{number}.pt")
    threads, here = [], threading.current_thread()
    model.module[0].register_forward_hook(lambda *_: threads.append(threading.current_thread()))
    explorer = UnitExplorer(model, pictures(), checkpoints=tmp_path, layer="4", unit=2, lane=lane)
    explorer.wait(PATIENCE)
    explorer.top_nine.wait(PATIENCE)
    threads.clear()
    true = torch.load
    monkeypatch.setattr(
        torch, "load", lambda *a, **k: threads.append(threading.current_thread()) or true(*a, **k)
    )
    for number in (0, 2, 1):
        slide(explorer, number)
        explorer.wait(PATIENCE)
        assert explorer.result.provenance.model == f"Tiny ({number})"
    assert threads and here not in threads
    explorer.close()


def test_many_moves_at_once_are_answered_for_the_last(model, states, lane, monkeypatch):
    explorer = UnitExplorer(model, pictures(), checkpoints=states, layer="4", unit=2, lane=lane)
    explorer.wait(PATIENCE)
    answered, held, true = [], threading.Event(), explorer._looks.answer

    def counted(question, scales, progress):
        answered.append(question.model)
        held.wait(10)
        return true(question, scales, progress)

    monkeypatch.setattr(explorer._looks, "answer", counted)
    for move in range(100):
        slide(explorer, move % 5)
    held.set()
    explorer.wait(PATIENCE)
    assert len(answered) <= 3 and answered[-1] is explorer.checkpoints[4]
    assert_shows(explorer, states[4])
    explorer.close()


def test_moves_leave_nothing_behind(model, states, inline, monkeypatch):
    monkeypatch.setattr(
        unit_look, "SLOW", float("inf")
    )  # else a busy machine prepares more weights
    explorer = UnitExplorer(model, pictures(), checkpoints=states, layer="4", lane=inline)
    explorer.attach("pair", weight=torch.eye(8)[:2])

    def move(count):
        for step in range(count):
            slide(explorer, step % 5)
            if step % 10 == 0:
                explorer.selection.choose(layer="pair" if step % 20 else "4", unit=1)
                inline.rest()
        slide(explorer, 0)
        inline.rest()
        gc.collect()
        hooks = sum(len(part._forward_hooks) for part in model.module.modules())
        return len(_instances), _tensors(), hooks, psutil.Process().memory_info().rss

    # What is kept is bounded, but what of it is there when it is counted may differ (an index built
    # here, or read from the disk). A leak grows from round to round all the same.
    first, second, third, fourth = (move(100) for _ in range(4))
    assert fourth[0] == third[0] == second[0] == first[0]
    assert min(third[1], fourth[1]) <= max(first[1], second[1])
    assert fourth[2] == 0
    assert fourth[3] - first[3] <= 40e6
    explorer.close()


def test_closing_frees_everything(states, inline):
    gc.collect()
    widgets, tensors = len(_instances), _tensors()
    model, images = network(), pictures()
    explorer = UnitExplorer(model, images, checkpoints=states, lane=inline)
    slide(explorer, 1)
    inline.rest()
    explorer.close()
    assert len(_instances) == widgets
    del explorer, model, images
    gc.collect()
    assert _tensors() <= tensors


def _tensors():
    return sum(issubclass(type(o), torch.Tensor) for o in gc.get_objects())


# The top nine follow


def tile_names(explorer):
    view = explorer.top_nine.view
    tiles = [getattr(view, f"tile_{number}") for number in range(1, 10)]
    return [tile["name"] for tile in tiles if tile]


def test_each_checkpoint_has_its_own_top_pictures(model, states, inline):
    images = pictures(12)
    explorer = UnitExplorer(model, images, checkpoints=states, layer="4", unit=2, lane=inline)
    orders = []
    for number in (4, 0, 2, 4):
        slide(explorer, number)
        assert explorer.top_nine.view.stale == (number != 4 or bool(orders))
        inline.rest()
        wanted = top_images(plain(states[number]), images)
        assert torch.equal(explorer.top_nine.result.values, wanted.values)
        best = [images.names[peak.picture] for peak in wanted.best("4", 2)]
        assert tile_names(explorer) == best
        orders.append(best)
    assert orders[0] == orders[3] != orders[1]
    explorer.close()


def test_no_search_begins_while_the_slider_moves(model, states, monkeypatch):
    begun, moments = [], [0.0]
    true = unit_index.UnitIndex.build
    monkeypatch.setattr(
        unit_index.UnitIndex,
        "build",
        lambda index, progress: begun.append(index.model) or true(index, progress),
    )
    lane = Lane(inline=True, clock=lambda: moments[0])
    explorer = UnitExplorer(
        model, pictures(12), checkpoints=states, layer="4", unit=2, checkpoint=0, lane=lane
    )
    begun.clear()
    for number in (1, 2, 3, 4, 2):
        moments[0] += 0.03
        slide(explorer, number)
    moving = [m for m in begun if m is not explorer.checkpoints[1]]  # the first move is no preview
    assert moving == []
    lane.rest()
    assert begun[-1] is explorer.checkpoints[2]
    explorer.close()


def test_a_search_ends_when_its_checkpoint_is_left_and_goes_on_when_it_is_asked_again(
    model, states, lane, monkeypatch
):
    monkeypatch.setattr(picture_pass, "pictures_at_once", lambda model: 2)
    looked, reached, go = [], threading.Event(), threading.Event()
    true = unit_index.UnitIndex._shown

    def shown(index, numbers, progress):
        name = index.model.checkpoint
        if name == "checkpoint 4" and index.done >= 6 and not go.is_set():
            reached.set()
            while not go.is_set():
                progress(index.done, index.total)  # ends it
                go.wait(0.002)
        looked.append((name, list(numbers)))
        return true(index, numbers, progress)

    monkeypatch.setattr(unit_index.UnitIndex, "_shown", shown)
    explorer = UnitExplorer(model, pictures(12), checkpoints=states, layer="4", unit=2, lane=lane)
    explorer.wait(PATIENCE)
    assert reached.wait(PATIENCE)
    slide(explorer, 1)
    explorer.wait(PATIENCE)
    explorer.top_nine.wait(PATIENCE)
    assert explorer.top_nine.state == "idle"
    assert explorer.top_nine.result.provenance.model == "Tiny (checkpoint 1)"
    assert not go.is_set()
    go.set()
    slide(explorer, 4)
    explorer.wait(PATIENCE)
    explorer.top_nine.wait(PATIENCE)
    assert explorer.top_nine.result.provenance.model == "Tiny (checkpoint 4)"
    numbers = [n for name, batch in looked if name == "checkpoint 4" for n in batch]
    assert numbers == list(range(12))  # each picture once
    explorer.close()
