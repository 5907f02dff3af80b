"""The unit explorer without a browser: controls are driven as the browser does, by `set_state`."""

import asyncio
import gc
import io
import threading
import weakref

import numpy as np
import psutil
import pytest
import torch
from ipywidgets.widgets.widget import _instances  # Widget.widgets warns
from PIL import Image
from traitlets import TraitError

from cnnwidgets.data import load_images
from cnnwidgets.engines import deconv
from cnnwidgets.engines.deconv import reconstruct
from cnnwidgets.engines.responses import layer_response
from cnnwidgets.graph import RULES, record
from cnnwidgets.models import wrap_model
from cnnwidgets.widgets import Selection, UnitExplorer, unit_look
from cnnwidgets.widgets.scheduler import Lane, Slot
from tests.as_found import model_as_found
from tests.widgets.tiny import network, pictures


@pytest.fixture
def inline():
    """A lane on which every move but the first is a preview, until `rest()`."""
    return Lane(inline=True, clock=lambda: 0.0)


@pytest.fixture
def explorer(inline):
    explorer = UnitExplorer(network(), pictures(), layer="4", unit=2, lane=inline)
    yield explorer
    explorer.close()


def expected(explorer, **unit):
    s = explorer.selection
    recorded = record(s.model, s.model.preprocess([s.images.images[s.picture]]))
    where = (s.unit, *(s.position or ()))
    return reconstruct(recorded, s.layer, [where], rule=explorer.rule), recorded


def assert_shows_what_the_engine_gives(explorer):
    result, recorded = expected(explorer)
    assert torch.equal(explorer.result.images, result.images)
    assert explorer.result.units == result.units
    _, row, column = result.units[0]
    assert explorer._panels.picture.position == [row, column]
    assert explorer._panels.seen.window == result.boxes[0].tolist()
    order = layer_response(recorded, explorer.layer).order[:12].tolist()
    assert explorer._panels.active.labels == [str(unit) for unit in order]


def test_first_picture_stands_at_once(explorer):
    assert_shows_what_the_engine_gives(explorer)
    assert explorer._status.state in ("ready", "warning")
    assert "exact, float32" in explorer._status.text or "padding" in explorer._status.text
    assert not explorer.busy


def test_every_control_is_followed(explorer, inline):
    explorer._controls.slider.set_state({"value": 4})
    explorer._controls.picture.set_state({"index": 1})
    explorer._controls.layer.set_state(
        {"index": [n for _, n in explorer._controls.layer.options].index("1")}
    )
    explorer._controls.rule.set_state({"index": 2})
    inline.rest()
    assert (explorer.unit, explorer.picture, explorer.layer, explorer.rule) == (4, 1, "1", "guided")
    assert explorer._controls.slider.max == 5
    assert explorer._controls.number.value == 4
    assert_shows_what_the_engine_gives(explorer)


def test_a_click_and_a_bar_choose(explorer, inline):
    explorer._panels.picture.set_state({"chosen": {"position": [3, 9], "count": 1}})
    inline.rest()
    assert explorer.result.units == ((2, 3, 9),)
    explorer._panels.picture.set_state({"chosen": {"position": None, "count": 2}})
    inline.rest()
    assert explorer.position is None
    explorer._panels.active.set_state({"chosen": {"index": 1, "count": 1}})
    inline.rest()
    assert explorer.unit == int(explorer._panels.active.labels[1])
    assert explorer._panels.active.selected == 1
    assert_shows_what_the_engine_gives(explorer)


def test_the_field_the_cell_and_the_map_lie_where_the_layer_says(explorer, inline):
    explorer.selection.choose(layer="4", unit=2, position=(3, 9))
    inline.rest()
    view, field = explorer._panels.picture, explorer.selection.current_layer.field
    marks = {mark["kind"]: mark["box"] for mark in view.marks}
    assert marks["field"] == list(field.box(3, 9))
    y, x = field.centre(3, 9)
    assert marks["cell"] == [y - 1, x - 1, y + 1, x + 1]
    top, left, bottom, right = field.free_positions(16, 16)
    assert marks["free"] == [
        field.centre(top, 0)[0] - 1,
        field.centre(0, left)[1] - 1,
        field.centre(bottom - 1, 0)[0] + 1,
        field.centre(0, right - 1)[1] + 1,
    ]
    _, recorded = expected(explorer)
    activation = recorded.activation("4")[0, 2].numpy()
    levels = np.frombuffer(view.overlay["data"], np.uint8).reshape(16, 16)
    assert np.allclose(levels / 255, activation / activation.max(), atol=1 / 255)
    assert view.overlay["start"] == list(field.centre(0, 0))


def test_the_photograph_is_sent_exactly_at_rest_and_not_again(explorer, inline):
    shown = explorer.selection.model.crop([explorer.selection.images.images[0]])[0]
    assert (
        explorer._panels.picture.frame["data"]
        == shown.tobytes()
        == explorer._panels.crop.frame["data"]
    )
    for number in (1, 2):
        explorer._controls.picture.set_state({"index": number})
    assert explorer._panels.picture.frame["format"] == "jpeg"
    inline.rest()
    assert explorer._panels.picture.frame["format"] == "rgb"
    sent = explorer._panels.picture.frame
    explorer._controls.slider.set_state({"value": 1})
    assert explorer._panels.picture.frame is sent


def test_scales_stay_while_the_slider_moves(inline):
    moments = iter(np.arange(0, 1, 0.0005))
    lane = Lane(inline=True, clock=lambda: next(moments))
    explorer = UnitExplorer(network(), pictures(), layer="4", unit=0, lane=lane)
    scales = explorer._scales
    for unit in (1, 2, 3):
        explorer._controls.slider.set_state({"value": unit})
    assert explorer._panels.seen.tag == "preview"
    assert explorer._shown.scales == scales
    lane.rest()
    assert explorer._panels.seen.tag == ""
    assert explorer._shown.scales != scales
    assert explorer._scales is explorer._shown.scales


def test_colour_and_grey(explorer, inline):
    pixels = np.frombuffer(explorer._panels.seen.frame["data"], np.uint8).reshape(-1, 3)
    assert (pixels[:, 0] != pixels[:, 1]).any()
    before = explorer.result.images
    explorer._controls.colour.set_state({"index": 1})
    inline.rest()
    pixels = np.frombuffer(explorer._panels.seen.frame["data"], np.uint8).reshape(-1, 3)
    assert (pixels[:, 0] == pixels[:, 1]).all()
    assert torch.equal(explorer.result.images, before)


def test_the_network_says(explorer):
    model = explorer.selection.model
    with torch.no_grad():
        scores = model.module(model.preprocess([explorer.selection.images.images[0]]))[0].softmax(0)
    order = scores.argsort(descending=True)
    assert explorer._panels.says.labels == [model.labels[i] for i in order]
    assert explorer._panels.says.values == pytest.approx(scores[order].tolist(), abs=1e-6)


def test_without_a_head_it_says_so(inline):
    explorer = UnitExplorer(network(head=False), pictures(), lane=inline)
    assert explorer._panels.says.message == ["Tiny does not answer with one score a class."]
    explorer.close()


def test_silent_unit(explorer, inline):
    explorer.unit = 5
    inline.rest()
    assert explorer._panels.seen.message[0] == "Unit 5 is silent in this picture."
    assert explorer._panels.seen.reading == "silent"
    assert "silent" in explorer._panels.picture.alt
    explorer.unit = 2
    inline.rest()
    assert explorer._panels.seen.message == []


def test_vector_layer(explorer, inline):
    explorer.selection.choose(layer="6", unit=1)
    inline.rest()
    assert explorer.result.units == ((1,),)
    assert explorer._panels.picture.overlay == {} == explorer._panels.picture.grid
    assert explorer._panels.crop.window == [0, 0, 32, 32]
    assert explorer._status.state == "ready"


def test_padding_is_told_with_its_side_and_pixels(explorer, inline):
    explorer.selection.choose(layer="4", unit=2, position=(0, 8))
    inline.rest()
    top = explorer.selection.current_layer.field.box(0, 8)[0]
    assert explorer._status.state == "warning"
    assert (
        f"{-top}\N{THIN SPACE}px past the picture at the top; that part sees padding"
        in explorer._status.text
    )
    assert explorer._panels.seen.reading.endswith("▫")


def test_a_number_out_of_range_is_told_and_the_next_move_works(explorer, inline):
    explorer._controls.number.set_state({"value": 900})
    assert explorer._status.state == "refused"
    assert explorer._status.headline == "4 has 8 units, 0 to 7; 900 was asked."
    assert explorer._status.text == "Showing unit 2."
    assert explorer._controls.number.value == explorer.unit == 2
    explorer._controls.number.set_state({"value": 3})
    inline.rest()
    assert explorer.error == "" and explorer.unit == 3
    assert_shows_what_the_engine_gives(explorer)


def test_an_engine_that_raises_shows_its_sentence_and_the_next_move_works(
    explorer, inline, monkeypatch
):
    before = explorer.result

    def broken(*_, **__):
        raise ValueError("the planted engine says no")

    monkeypatch.setattr("cnnwidgets.widgets.unit_look.reconstruct", broken)
    explorer._controls.slider.set_state({"value": 4})
    inline.rest()
    assert explorer.error == "the planted engine says no"
    assert explorer._status.headline == "the planted engine says no."
    assert explorer.result is before and not explorer.busy
    explorer._status.set_state({"pressed": {"name": "details", "count": 1}})
    assert (
        "the planted engine says no" in explorer._status.panel
        and "broken" in explorer._status.panel
    )
    monkeypatch.undo()
    explorer._controls.slider.set_state({"value": 3})
    inline.rest()
    assert explorer.error == "" and explorer._status.state in ("ready", "warning")
    assert_shows_what_the_engine_gives(explorer)


def test_a_layer_behind_an_unknown_call_is_refused_by_name(inline):
    module = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3), torch.nn.GELU(), torch.nn.Conv2d(4, 4, 3), torch.nn.ReLU()
    )
    model = wrap_model(
        module, input_shape=(3, 32, 32), mean=(0, 0, 0), std=(1, 1, 1), name="Smooth"
    )
    explorer = UnitExplorer(model, pictures(), layer="0", lane=inline)
    explorer.layer = "3"
    inline.rest()
    assert "'1:gelu'" in explorer.error and "'3'" in explorer.error
    assert explorer.result is None
    assert explorer._status.state == "refused" and "'1:gelu'" in explorer._status.headline
    panels = explorer._panels
    assert panels.seen.message == [
        "The rule deconvnet is not defined for this network.",
        "Choose saliency.",
    ]
    # All else is shown.
    assert panels.picture.overlay and panels.active.values and panels.crop.window
    assert len(explorer.png()) > 1000
    explorer.rule = "saliency"
    inline.rest()
    assert explorer.error == "" and panels.seen.message == []
    assert_shows_what_the_engine_gives(explorer)
    assert "1 call by autograd" in explorer._status.text
    explorer.rule = "deconvnet"
    explorer.layer = "0"
    inline.rest()
    assert explorer.error == ""
    explorer.close()


def test_a_network_of_which_only_the_gradient_is_defined_opens_with_it(inline):
    module = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3), torch.nn.SiLU(), torch.nn.Conv2d(4, 4, 3), torch.nn.SiLU()
    )
    settings = {"input_shape": (3, 32, 32), "mean": (0, 0, 0), "std": (1, 1, 1)}
    explorer = UnitExplorer(wrap_model(module, **settings), pictures(), layer="3", lane=inline)
    inline.rest()
    assert explorer.rule == "saliency" and explorer.error == ""
    assert explorer.result.rule == RULES["saliency"]
    explorer.rule = "guided"
    inline.rest()
    assert explorer.rule == "guided" and "only the gradient" in explorer.error
    explorer.close()
    # Whoever asks for a rule gets the reason, not another rule.
    asked = UnitExplorer(
        wrap_model(module, **settings), pictures(), layer="3", rule="deconvnet", lane=inline
    )
    inline.rest()
    assert asked.rule == "deconvnet" and "only the gradient" in asked.error
    asked.close()


@pytest.mark.parametrize("kind", ["name", "set", "folder"])
def test_code_makes_the_same_result(inline, tmp_path, kind):
    import cnnwidgets as cw

    folder = tmp_path / "holi\"day's"
    folder.mkdir()
    Image.new("RGB", (30, 20), "red").save(folder / "a.png")
    images = {"name": "photos", "set": cw.load_images("photos"), "folder": folder}[kind]
    explorer = UnitExplorer(cw.load_model("alexnet"), images, layer="features.7", lane=inline)
    explorer.rule = "guided"
    explorer.selection.choose(unit=17, position=(4, 6))
    inline.rest()
    explorer._status.set_state({"pressed": {"name": "code", "count": 1}})
    namespace = {}
    exec(explorer._status.panel, namespace)
    assert torch.equal(namespace["result"].images, explorer.result.images)
    assert namespace["result"].provenance == explorer.result.provenance
    explorer.close()


def test_png_holds_the_pixels_that_are_shown(explorer):
    explorer._status.set_state({"pressed": {"name": "png", "count": 1}})
    figure = np.asarray(Image.open(io.BytesIO(explorer.png())).convert("RGB"))
    assert figure.shape[1] > 3 * 32
    tones = explorer._shown.tones
    assert (
        len({tuple(p) for p in tones.reshape(-1, 3)} & {tuple(p) for p in figure.reshape(-1, 3)})
        > 3
    )


def test_shared_selection_moves_both(inline):
    model, images = network(), pictures()
    first = UnitExplorer(model, images, lane=inline)
    second = UnitExplorer(model, images, selection=first.selection, layer="4", unit=1, lane=inline)
    assert (first.layer, first.unit) == ("4", 1)
    second._controls.slider.set_state({"value": 6})
    inline.rest()
    assert first.unit == 6 and first._controls.slider.value == 6
    assert torch.equal(first.result.images, second.result.images)
    second.close()
    first.unit = 3
    inline.rest()
    assert first.result.units[0][0] == 3
    with pytest.raises(ValueError, match="the shared selection is of Tiny"):
        UnitExplorer(network(), selection=first.selection, lane=inline)
    with pytest.raises(ValueError, match="has pictures of its own; leave out images"):
        UnitExplorer(model, pictures(), selection=first.selection, lane=inline)
    first.close()


def test_a_smaller_layer_of_a_shared_selection_keeps_the_chosen_unit(inline):
    explorer = UnitExplorer(network(), pictures(), layer="4", unit=7, lane=inline)
    other = UnitExplorer(explorer.selection.model, selection=explorer.selection, lane=inline)
    explorer.selection.choose(layer="1", unit=1, position=(2, 2))
    inline.rest()
    for each in (explorer, other):
        assert (each.layer, each.unit, each.position) == ("1", 1, (2, 2))
        assert each.result.units == ((1, 2, 2),)
        assert (each._controls.slider.max, each._controls.slider.value) == (5, 1)
        each.close()


def test_wrong_arguments(inline):
    model, images = network(), pictures()
    with pytest.raises(TypeError, match="UnitExplorer has no trait layr"):
        UnitExplorer(model, images, layr="4", lane=inline)
    with pytest.raises(
        TypeError,
        match="model must be a VisionModel, from load_model or wrap_model, got Sequential",
    ):
        UnitExplorer(model.module, images, lane=inline)
    with pytest.raises(TraitError, match="layer '9' is not in Tiny"):
        UnitExplorer(model, images, layer="9", lane=inline)
    with pytest.raises(TraitError, match="rule"):
        UnitExplorer(model, images, rule="gradient", lane=inline)


def test_the_model_is_left_as_found(inline):
    model = network()
    model.module.train()
    with model_as_found(model.module):
        explorer = UnitExplorer(model, pictures(), layer="4", lane=inline)
        for unit in range(8):
            explorer._controls.slider.set_state({"value": unit})
        inline.rest()
        explorer.close()


@pytest.mark.parametrize("error", [ValueError("planted"), KeyboardInterrupt()], ids=str)
def test_the_model_is_left_as_found_after_an_error_in_its_pass(inline, error):
    """Inline, an interrupt of the kernel reaches the pass itself."""
    model, broken = network(), []
    model.module[3].register_forward_hook(lambda *_: _raise(error) if broken else None)
    explorer = UnitExplorer(model, pictures(), layer="4", unit=2, lane=inline)
    with model_as_found(model.module):
        broken.append(True)
        if isinstance(error, KeyboardInterrupt):
            with pytest.raises(KeyboardInterrupt):
                explorer._controls.picture.set_state({"index": 1})
        else:
            explorer._controls.picture.set_state({"index": 1})
            inline.rest()
            assert "fails at '3'" in explorer.error
            assert "(ValueError: planted)" in explorer.error
    broken.clear()
    explorer._controls.picture.set_state({"index": 2})
    inline.rest()
    assert explorer.error == "" and explorer._shown.name == "picture 3"
    assert_shows_what_the_engine_gives(explorer)
    explorer.close()


def _raise(error):
    raise error


def test_weights_that_change_are_followed(explorer, inline):
    before = explorer.result
    with torch.no_grad():
        explorer.selection.model.module[0].weight.mul_(-1)
    explorer._controls.slider.set_state({"value": 3})
    explorer._controls.slider.set_state({"value": 2})
    inline.rest()
    assert explorer.result.provenance.weights != before.provenance.weights
    assert_shows_what_the_engine_gives(explorer)


def test_a_new_picture_costs_three_passes_at_most(explorer, inline):
    passes = []
    model = explorer.selection.model
    model.module[0].register_forward_hook(lambda *_: passes.append(1))
    explorer.unit = 1  # the copy is made anew for the hook
    inline.rest()
    passes.clear()
    explorer._controls.picture.set_state({"index": 1})
    inline.rest()
    assert 1 <= len(passes) <= 3


def test_200_moves_at_once_compute_three_times_at_most(lane, monkeypatch):
    explorer = UnitExplorer(network(), pictures(), layer="4", unit=0, lane=lane)
    explorer.wait(60)
    answered, held = [], threading.Event()
    true_answer = explorer._looks.answer

    def counted(question, scales, progress):
        answered.append(question.unit)
        held.wait(10)
        return true_answer(question, scales, progress)

    monkeypatch.setattr(explorer._looks, "answer", counted)
    for move in range(200):
        explorer._controls.slider.set_state({"value": 1 + move % 7})
    held.set()
    explorer.wait(60)
    assert len(answered) <= 3
    assert answered[-1] == 1 + 199 % 7 == explorer.result.units[0][0]
    explorer.close()


def test_a_planted_long_job_lets_the_slider_through_at_each_batch(lane):
    explorer = UnitExplorer(network(), pictures(), layer="4", unit=0, lane=lane)
    explorer.wait(60)
    steps, seen, done = [], [], threading.Event()

    def build(progress, preview):
        for batch in range(20):
            explorer._controls.slider.set_state({"value": 1 + batch % 7})
            asked = len(steps)
            steps.append(batch)
            progress(batch, 20)  # what was asked in this batch is answered here
            seen.append((explorer._shown.question.unit, 1 + batch % 7, len(steps) - asked))

    Slot(lane, lambda *_: done.set(), lambda error: done.set(), long=True).submit(build)
    assert done.wait(60)
    assert len(seen) == 20
    assert all(shown == wanted and waited == 1 for shown, wanted, waited in seen)
    explorer.close()


def test_stop_keeps_what_is_there_and_goes_on(lane, monkeypatch):
    explorer = UnitExplorer(network(), pictures(), layer="4", unit=0, lane=lane)
    explorer.wait(60)
    entered, go_on, before = threading.Event(), threading.Event(), explorer.result
    true_record = unit_look.record

    def held(*arguments):
        made = true_record(*arguments)
        entered.set()
        assert go_on.wait(30)
        return made  # the next `progress` ends the work, with the picture half done

    with model_as_found(explorer.selection.model.module):
        monkeypatch.setattr(unit_look, "record", held)
        explorer.selection.choose(picture=1, unit=3)
        assert entered.wait(30)
        explorer._status.set_state({"pressed": {"name": "stop", "count": 1}})
        go_on.set()
        explorer.wait(60)
    assert explorer._status.state == "stopped" and explorer.result is before and not explorer.busy
    monkeypatch.undo()
    explorer._status.set_state({"pressed": {"name": "go on", "count": 2}})
    explorer.wait(60)
    assert explorer.result.units[0][0] == 3
    explorer.close()


def test_closing_frees_everything(inline):
    gc.collect()
    widgets, tensors = len(_instances), _tensors()
    model, images = network(), pictures()
    with_model = _tensors()
    explorer = UnitExplorer(model, images, lane=inline)
    assert len(_instances) > widgets and _tensors() > with_model
    explorer.close()
    explorer.close()
    assert len(_instances) == widgets
    del explorer, model, images
    gc.collect()
    assert _tensors() <= tensors


@pytest.mark.slow
def test_2000_moves_leave_nothing_behind(inline, monkeypatch):
    monkeypatch.setattr(
        unit_look, "SLOW", float("inf")
    )  # else a busy machine prepares more weights
    model = network()
    explorer = UnitExplorer(model, pictures(), layer="4", lane=inline)

    def move(count):
        for step in range(count):
            explorer._controls.slider.set_state({"value": step % 8})
            if step % 50 == 0:
                explorer._controls.picture.set_state({"index": step // 50 % 3})
                inline.rest()
        inline.rest()
        gc.collect()
        return len(_instances), _tensors(), _hooks(model), psutil.Process().memory_info().rss

    settled = move(500)
    after = move(1500)
    assert after[:3] == settled[:3]
    assert after[3] - settled[3] <= 20e6
    explorer.close()


def _tensors():
    return sum(issubclass(type(o), torch.Tensor) for o in gc.get_objects())


def _hooks(model):
    return sum(
        len(part._forward_hooks) + len(part._forward_pre_hooks)
        for module in (model.module, model.twin.module)
        for part in module.modules()
    )


def test_the_engine_is_what_is_drawn(explorer, inline, monkeypatch):
    """Random numbers of the right shape in the engine's place must show."""
    true = deconv.reverse

    def shuffled(*args, **kwargs):
        windows = true(*args, **kwargs)
        return type(windows)(torch.rand_like(windows.values), windows.rows, windows.columns)

    monkeypatch.setattr(deconv, "reverse", shuffled)
    explorer._controls.slider.set_state({"value": 6})
    inline.rest()
    shown = explorer.result
    monkeypatch.undo()
    assert not torch.equal(shown.images, expected(explorer)[0].images)


def test_explorers_that_start_from_one_selection_agree_with_it():
    model, images = network(), pictures()
    selection = Selection(model, images, layer="4", unit=6)
    explorer = UnitExplorer(model, images, selection=selection, lane=Lane(inline=True))
    assert explorer.result.units[0][0] == 6
    explorer.close()


def test_previews_after_a_silent_unit_are_drawn_on_scales_of_their_own(explorer, inline):
    explorer.unit = 5
    inline.rest()
    assert explorer._panels.seen.message
    explorer._controls.slider.set_state({"value": 2})
    assert explorer._panels.seen.tag == "preview"
    tones = np.frombuffer(explorer._panels.seen.frame["data"], np.uint8)
    assert tones.std() > 5
    assert max(explorer._panels.picture.overlay["data"]) == 255
    assert "silent" not in explorer._panels.picture.limits


def test_choices_on_a_drawing_of_another_layer_are_left(explorer, inline):
    explorer.selection.choose(layer="6", unit=1)  # not yet drawn: the preview waits
    explorer._shown = None
    explorer._panels.active.set_state({"chosen": {"index": 0, "count": 7}})
    explorer._panels.picture.set_state({"chosen": {"position": [3, 3], "count": 7}})
    assert (explorer.unit, explorer.position) == (1, None)
    inline.rest()
    explorer._panels.active.set_state({"chosen": {"index": 99, "count": 8}})
    assert explorer.unit == 1


def test_nothing_stays_of_arguments_that_are_refused(inline):
    model, images = network(), pictures()
    widgets = len(_instances)
    for wrong in ({"layer": "9"}, {"unit": 99}, {"picture": "abc"}, {"rule": "gradient"}):
        with pytest.raises(TraitError):
            UnitExplorer(model, images, lane=inline, **wrong)
    assert len(_instances) == widgets


def test_a_picture_that_cannot_be_read_is_told_and_the_next_one_is_shown(inline, tmp_path):
    for name in "ab":
        Image.new("RGB", (30, 20), "red").save(tmp_path / f"{name}.png")
    images = load_images(tmp_path)
    (tmp_path / "a.png").unlink()
    explorer = UnitExplorer(network(), images, layer="4", unit=2, lane=inline)
    assert "a.png" in explorer.error and explorer._status.state == "error"
    explorer._controls.picture.set_state({"index": 1})
    inline.rest()
    assert explorer.error == "" and explorer._shown.name == "b"
    explorer.close()


def test_an_empty_set_is_refused(inline):
    with pytest.raises(ValueError, match="at least one picture"):
        UnitExplorer(network(), pictures()[:0], lane=inline)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_networks_of_other_number_types(inline, dtype):
    model = network()
    model.module.to(dtype)
    explorer = UnitExplorer(model, pictures(), layer="4", unit=2, lane=inline)
    assert explorer.error == "" and explorer.result.images.dtype == torch.float32
    explorer.close()


def test_a_network_of_one_channel(inline):
    module = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.ReLU())
    model = wrap_model(module, input_shape=(1, 24, 24), mean=(0,), std=(1,))
    explorer = UnitExplorer(model, pictures(), layer="1", lane=inline)
    pixels = np.frombuffer(explorer._panels.picture.frame["data"], np.uint8).reshape(-1, 3)
    assert explorer.error == "" and (pixels[:, 0] == pixels[:, 2]).all()
    explorer.close()


def test_slow_layers_have_coarse_previews_and_exact_results(explorer, inline, monkeypatch):
    monkeypatch.setattr(unit_look, "SLOW", 0)
    monkeypatch.setattr(unit_look, "preview_dtype", lambda device: torch.bfloat16)
    explorer.unit = 3
    inline.rest()  # exact, and too slow for a slider
    explorer.unit = 2
    assert explorer._shown.reconstruction.provenance.precision == "bfloat16"
    assert "preview, bfloat16" in explorer._status.text
    coarse = explorer._shown.reconstruction.images
    inline.rest()
    assert explorer.result.provenance.precision == "float32"
    both = torch.stack([coarse.flatten(), explorer.result.images.flatten()])
    assert 0.99 < float(torch.corrcoef(both)[0, 1]) < 1
    assert_shows_what_the_engine_gives(explorer)


def test_closing_while_it_draws_frees_the_explorer():
    """On a loop, as in a kernel: nothing that is due later may hold what was closed."""

    async def scenario():
        lane, entered, go_on = Lane(), threading.Event(), threading.Event()
        explorer = UnitExplorer(network(), pictures(), layer="4", unit=2, lane=lane)

        def held(question, scales, progress):
            entered.set()
            assert go_on.wait(30)

        explorer._looks.answer = held
        explorer.unit = 3
        while not entered.is_set():
            await asyncio.sleep(0.01)
        explorer.close()
        dead = weakref.ref(explorer)
        del explorer, held
        go_on.set()
        await asyncio.sleep(0.4)  # twice as long as it looks back
        lane.close()
        gc.collect()
        assert dead() is None

    asyncio.run(asyncio.wait_for(scenario(), 60))


def test_late_answers_are_told_and_quick_ones_are_not():
    async def scenario():
        lane, go_on = Lane(), threading.Event()
        explorer = UnitExplorer(network(), pictures(), layer="4", unit=2, lane=lane)
        told = []
        explorer._status.observe(lambda change: told.append(change["new"]), "state")
        while explorer.busy:
            await asyncio.sleep(0.01)
        true_answer = explorer._looks.answer

        def held(*arguments):
            assert go_on.wait(30)
            return true_answer(*arguments)

        explorer._looks.answer = held
        explorer.unit = 3
        while explorer._status.state != "busy":
            await asyncio.sleep(0.01)
        assert explorer._status.text == "unit 3"
        go_on.set()
        while explorer.busy:
            await asyncio.sleep(0.01)
        assert explorer._status.state in ("ready", "warning")
        explorer.close()
        lane.close()

    asyncio.run(asyncio.wait_for(scenario(), 60))
