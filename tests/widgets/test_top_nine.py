"""The top nine beneath the explorer: the right pictures, in the background, and kept."""

import asyncio
import gc
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from cnnwidgets.data import load_images
from cnnwidgets.engines import top_images as engine
from cnnwidgets.engines.deconv import reconstruct
from cnnwidgets.engines.top_images import TopImagesAccumulator, top_images
from cnnwidgets.graph import record
from cnnwidgets.models import VisionModel, wrap_model
from cnnwidgets.views.display import salient_contrast
from cnnwidgets.widgets import UnitExplorer, at_rest, picture_pass, unit_index
from cnnwidgets.widgets.scheduler import Lane, Slot
from cnnwidgets.widgets.top_words import search_words, silence, strip_words
from tests.as_found import model_as_found
from tests.widgets.owner import PATIENCE
from tests.widgets.tiny import network, pictures

NAMES = [f"tile_{number}" for number in range(1, 10)]


@pytest.fixture
def inline():
    return Lane(inline=True)


@pytest.fixture
def explorer(inline):
    explorer = UnitExplorer(network(), pictures(12), layer="4", unit=2, lane=inline)
    yield explorer
    explorer.close()


def tiles(explorer):
    """Give the tiles that are there."""
    found = [getattr(explorer.top_nine.view, name) for name in NAMES]
    return [tile for tile in found if tile]


def wanted(explorer):
    """Give [(picture, value, row, column)] of the unit, strongest first: run picture by picture."""
    s = explorer.selection
    answers = []
    for number in range(len(s.images)):
        answer = s.model.run(s.model.preprocess([s.images.images[number]]), s.layer)[s.layer]
        plane = answer[0, s.unit].reshape(-1, answer.shape[-1] if answer.dim() == 4 else 1)
        place = np.unravel_index(int(plane.argmax()), plane.shape)
        answers.append((number, float(plane.max()), *map(int, place)))
    return sorted(answers, key=lambda answer: -answer[1])[:9]


def assert_right(explorer, found=None):
    s, best = explorer.selection, wanted(explorer)
    found = found or tiles(explorer)
    assert [tile["name"] for tile in found] == [s.images.names[n] for n, *_ in best]
    for tile, (number, value, *place) in zip(found, best, strict=True):
        shown = s.model.crop([s.images.images[number]])[0]
        made = record(s.model, s.model.preprocess([shown]))
        spatial = s.current_layer.spatial
        unit = (s.unit, *place) if spatial else (s.unit,)
        result = reconstruct(made, s.layer, [unit], rule=explorer.rule)
        assert float(tile["value"].replace("\N{MINUS SIGN}", "-")) == pytest.approx(value, rel=0.01)
        top, left, bottom, right = tile["window"]
        assert tile["window"] == result.boxes[0].tolist()
        seen = [max(0, top), max(0, left), min(32, bottom), min(32, right)]
        rows, columns = slice(int(seen[0]), int(seen[2])), slice(int(seen[1]), int(seen[3]))
        assert tile["crop"]["data"] == shown[rows, columns].tobytes()
        tones, _ = salient_contrast(result.images[0, :, rows, columns].numpy())
        assert tile["seen"]["data"] == tones.tobytes()
        assert tile["crop"]["box"] == tile["seen"]["box"] == seen
        assert tile["beyond"] == (seen != tile["window"])
        edge = ", field reaches past the picture" if tile["beyond"] else ""
        assert tile["alt"] == f"{tile['name']}, response {tile['value']}{edge}."


def test_the_nine_strongest_pictures_each_with_its_own_reconstruction(explorer):
    assert_right(explorer)
    view = explorer.top_nine.view
    assert view.title == "Top nine of 12 pictures"
    assert view.notes == ["where unit 2 responds most, and what it sees there"]
    assert bool(view.legend) == any(tile["beyond"] for tile in tiles(explorer))
    assert 0 < len(view.alt) <= 200 and tiles(explorer)[0]["name"] in view.alt
    assert explorer._status.state in ("ready", "warning")  # the search is over


def test_every_unit_layer_and_rule_has_its_own(explorer, inline):
    for unit in (0, 7):
        explorer.unit = unit
        inline.rest()
        assert_right(explorer)
    explorer.selection.choose(layer="1", unit=3)
    inline.rest()
    assert_right(explorer)
    explorer.selection.choose(layer="4", unit=3)
    inline.rest()
    before = tiles(explorer)
    explorer.rule = "saliency"
    inline.rest()
    assert_right(explorer)
    assert [t["crop"] for t in tiles(explorer)] == [t["crop"] for t in before]
    assert [t["seen"] for t in tiles(explorer)] != [t["seen"] for t in before]


def test_a_vector_layer_shows_whole_pictures(explorer, inline):
    explorer.selection.choose(layer="6", unit=1)
    inline.rest()
    assert tiles(explorer)[0]["window"] == [0, 0, 32, 32]
    assert_right(explorer)
    explorer.top_nine.view.set_state({"chosen": {"index": 2, "count": 1}})
    inline.rest()
    assert explorer.picture == wanted(explorer)[2][0] and explorer.position is None


def test_a_container_that_is_not_listed_has_the_tiles_of_its_last_child(inline):
    body = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
    module = nn.Sequential(body, nn.Conv2d(4, 2, 3))
    model = wrap_model(module, input_shape=(3, 32, 32), mean=(0, 0, 0), std=(1, 1, 1))
    assert "0" not in model.layers
    explorer = UnitExplorer(model, pictures(5), layer="0", unit=1, lane=inline)
    assert_right(explorer)
    explorer.close()


def test_a_click_on_a_tile_makes_its_picture_current(explorer, inline):
    number, _, row, column = wanted(explorer)[4]
    explorer.top_nine.view.set_state({"chosen": {"index": 4, "count": 1}})
    inline.rest()
    assert (explorer.picture, explorer.position) == (number, (row, column))
    assert explorer.result.units == ((2, row, column),)
    assert explorer._panels.picture.position == [row, column]
    assert explorer.top_nine.view.selected == 4
    explorer.top_nine.view.set_state({"chosen": {"index": 30, "count": 2}})  # there is none
    assert explorer.picture == number


def test_the_current_picture_s_tile_is_marked(explorer, inline):
    order = [number for number, *_ in wanted(explorer)]
    for picture in range(12):
        explorer.picture = picture
        inline.rest()
        place = order.index(picture) if picture in order else -1
        assert explorer.top_nine.view.selected == place


def test_another_picture_or_place_draws_no_tile_again(explorer, inline, monkeypatch):
    calls = []
    true = explorer.top_nine._made.tile
    monkeypatch.setattr(explorer.top_nine._made, "tile", lambda *a: calls.append(1) or true(*a))
    explorer.picture = 5
    explorer.position = (3, 3)
    inline.rest()
    assert calls == [] and explorer.top_nine.view.stale is False
    explorer.unit = 3
    inline.rest()
    assert len(calls) == 9


def test_a_silent_unit_says_so(explorer, inline):
    explorer.unit = 5
    inline.rest()
    assert explorer.top_nine.view.message == ["Unit 5 is silent in all 12 pictures."]
    assert tiles(explorer) == [] and explorer.top_nine.view.selected == -1
    explorer.unit = 2
    inline.rest()
    assert explorer.top_nine.view.message == []
    assert_right(explorer)


def test_pictures_in_which_a_unit_is_silent_are_not_among_its_strongest(inline):
    module = nn.Sequential(nn.Conv2d(3, 1, 1, bias=False), nn.ReLU())
    nn.init.constant_(module[0].weight, 1.0)
    model = wrap_model(module, input_shape=(3, 8, 8), mean=(0.5,) * 3, std=(1, 1, 1))
    shades = [np.full((8, 8, 3), shade, np.uint8) for shade in (10, 200, 30, 250, 40)]
    explorer = UnitExplorer(model, load_images(shades), layer="1", lane=inline)
    assert [tile["name"] for tile in tiles(explorer)] == ["picture 4", "picture 2"]
    assert explorer.top_nine.view.title == "Top two of 5 pictures"
    explorer.layer = "0"  # before the rectifier all count
    inline.rest()
    assert len(tiles(explorer)) == 5
    explorer.close()


def test_one_picture_works(inline):
    explorer = UnitExplorer(network(), pictures(1), layer="4", unit=2, lane=inline)
    assert_right(explorer)
    assert explorer.top_nine.view.title == "Top one of 1 picture"
    explorer.unit = 5
    inline.rest()
    assert explorer.top_nine.view.message == ["Unit 5 is silent in the picture."]
    explorer.close()


def test_grey_pictures_for_a_network_of_one_channel(inline):
    module = nn.Sequential(nn.Conv2d(1, 3, 5), nn.ReLU())
    model = wrap_model(module, input_shape=(1, 16, 16), mean=(0,), std=(1,))
    explorer = UnitExplorer(model, pictures(3), layer="1", unit=0, lane=inline)
    crop = tiles(explorer)[0]["crop"]
    assert len(crop["data"]) == crop["height"] * crop["width"] * 3
    explorer.close()


def test_the_result_is_the_engine_s(explorer):
    s = explorer.selection
    result = top_images(s.model, s.images)
    for name in ("values", "pictures", "positions"):
        assert torch.equal(getattr(explorer.top_nine.result, name), getattr(result, name))
    assert explorer.top_nine.result.layers == tuple(s.model.layers)


def test_the_engine_is_what_is_drawn(inline, monkeypatch):
    """Random numbers of the right shape in the engine's place must show."""
    true = engine.LayerPeaks.take_in

    def shuffled(self, pictures, numbers, between):
        true(self, torch.rand_like(pictures), numbers, between)

    monkeypatch.setattr(engine.LayerPeaks, "take_in", shuffled)
    explorer = UnitExplorer(network(), pictures(12), layer="4", unit=2, lane=inline)
    monkeypatch.undo()
    with pytest.raises(AssertionError, match="picture"):
        assert_right(explorer)
    explorer.close()


# Unreadable pictures, changed weights


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "pictures"
    place.mkdir()
    rng = np.random.default_rng(1)
    for number in range(11):
        pixels = rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(place / f"{number:02}.png")
    return place


def test_pictures_that_cannot_be_read_are_left_out(folder, inline):
    images = load_images(folder)
    for name in ("02", "10"):
        path = folder / f"{name}.png"
        path.write_bytes(path.read_bytes()[:900])
    explorer = UnitExplorer(network(), images, layer="4", unit=2, lane=inline)
    nine = explorer.top_nine
    assert len(tiles(explorer)) == 9 and nine.result.count == 9
    assert not {"02", "10"} & {tile["name"] for tile in tiles(explorer)}
    assert nine.view.title == "Top nine of 9 pictures"
    assert nine.view.notes[1] == "2 could not be read"
    assert sorted(nine._index.left_out) == [2, 10]
    assert "cut short" in nine._index.left_out[2] or "02" in nine._index.left_out[2]
    explorer.close()


def test_weights_that_change_are_followed(explorer, inline):
    before = explorer.top_nine.result
    with torch.no_grad():
        explorer.selection.model.module[0].weight.mul_(-1)
    explorer.unit = 3
    explorer.unit = 2
    inline.rest()
    assert_right(explorer)
    assert explorer.top_nine.result.provenance.weights != before.provenance.weights


def test_weights_that_change_meanwhile_are_told_and_looked_through_at_the_next_move(
    inline, monkeypatch
):
    model, trained = network(), []
    true = TopImagesAccumulator.update

    def update(self, batch, numbers=None, *, between):
        if not trained:
            trained.append(1)
            with torch.no_grad():
                model.module[0].weight.mul_(-1)
        true(self, batch, numbers, between=between)

    monkeypatch.setattr(TopImagesAccumulator, "update", update)
    explorer = UnitExplorer(model, pictures(12), layer="4", unit=2, lane=inline)
    assert explorer.top_nine.state == "failed" and tiles(explorer) == []
    assert "weights of Tiny changed" in explorer.top_nine.view.message[0]
    assert explorer._status.state in ("ready", "warning") and explorer.error == ""
    explorer.unit = 3
    inline.rest()
    assert explorer.top_nine.state == "idle"
    assert_right(explorer)
    explorer.close()


# Kept between sessions


def searched(monkeypatch):
    """Count the batches that are looked through."""
    batches, true = [], TopImagesAccumulator.update

    def update(self, batch, numbers=None, **options):
        batches.append(list(numbers))
        true(self, batch, numbers, **options)

    monkeypatch.setattr(TopImagesAccumulator, "update", update)
    return batches


def opened(model: VisionModel | None = None, images=None):
    explorer = UnitExplorer(
        model or network(),
        pictures(12) if images is None else images,
        layer="4",
        unit=2,
        lane=Lane(inline=True),
    )
    assert_right(explorer)
    explorer.close()


def kept(tmp_path: Path) -> list[Path]:
    return list((tmp_path / "cache" / "results").iterdir())


def test_the_same_network_and_pictures_are_looked_through_once(monkeypatch, tmp_path):
    batches = searched(monkeypatch)
    opened()
    assert [number for batch in batches for number in batch] == list(range(12))
    batches.clear()
    opened()
    assert batches == [] and len(kept(tmp_path)) == 1


def test_anything_else_is_looked_through_anew(monkeypatch, tmp_path):
    batches = searched(monkeypatch)
    opened()
    trained, capped = network(), network()
    with torch.no_grad():
        trained.module[3].weight[1, 0, 0, 0] += 0.01
    capped.module[1] = nn.ReLU6()  # the same weights, another network
    shifted = wrap_model(
        network().module, input_shape=(3, 32, 32), mean=(0.1, 0, 0), std=(1, 1, 1), name="Tiny"
    )
    for model in (trained, capped, shifted):
        batches.clear()
        opened(model)
        assert batches, model
    batches.clear()
    opened(images=pictures(11))
    assert batches and len(kept(tmp_path)) == 5


def test_a_broken_file_is_replaced(monkeypatch, tmp_path):
    opened()
    (path,) = kept(tmp_path)
    content = path.read_bytes()
    for broken in (content[:-100], b"", content.replace(b'"pictures"', b'"pictured"')):
        path.write_bytes(broken)
        batches = searched(monkeypatch)
        opened()
        assert batches and path.read_bytes() == content
        monkeypatch.undo()
        monkeypatch.setenv("CNNWIDGETS_CACHE", str(tmp_path / "cache"))


def test_without_a_cache_it_works_too(monkeypatch, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("CNNWIDGETS_CACHE", str(blocked))
    opened()


def test_what_has_holes_is_not_kept(folder, tmp_path, inline):
    images = load_images(folder)
    (folder / "02.png").write_bytes(b"\x89PNG")
    UnitExplorer(network(), images, layer="4", unit=2, lane=inline).close()
    assert not (tmp_path / "cache").exists()


# In the background


class Held:
    """A search that goes on by one step at a time, at the lane's own `progress`."""

    def __init__(self, monkeypatch, at: int) -> None:
        self.steps, self.reached, self.go = [], threading.Event(), threading.Event()
        true = unit_index.UnitIndex._shown
        held = self

        def shown(index, numbers, progress):
            if index.done >= at and not held.go.is_set():
                held.reached.set()
                while not held.go.is_set():
                    progress(index.done, index.total)
                    held.steps.append(1)
                    held.go.wait(0.002)
            return true(index, numbers, progress)

        monkeypatch.setattr(unit_index.UnitIndex, "_shown", shown)


@pytest.fixture
def small_batches(monkeypatch):
    monkeypatch.setattr(picture_pass, "pictures_at_once", lambda model: 2)


def test_moves_pass_before_the_search_and_the_best_so_far_is_shown(
    lane, monkeypatch, small_batches
):
    held = Held(monkeypatch, at=6)
    explorer = UnitExplorer(network(), pictures(12), layer="4", unit=2, lane=lane)
    explorer.wait(PATIENCE)
    assert held.reached.wait(PATIENCE)
    for unit in (3, 6, 1, 4):
        before = len(held.steps)
        explorer.unit = unit
        explorer.wait(PATIENCE)
        assert explorer.result.units[0][0] == unit
        assert len(held.steps) - before <= 50  # not after the search
    _until(lambda: len(tiles(explorer)) == 6)
    assert explorer.top_nine.view.title == "Top six of 6 pictures so far"
    assert {tile["name"] for tile in tiles(explorer)} == {f"picture {n}" for n in range(1, 7)}
    assert explorer.top_nine.state == "looking" and explorer.top_nine.result is None
    held.go.set()
    explorer.top_nine.wait(PATIENCE)
    assert_right(explorer)
    explorer.close()


def test_stop_keeps_what_there_is_and_go_on_goes_on(lane, monkeypatch, small_batches):
    batches, held = searched(monkeypatch), Held(monkeypatch, at=6)
    model = network()
    explorer = UnitExplorer(model, pictures(12), layer="4", unit=2, lane=lane)
    explorer.wait(PATIENCE)
    assert held.reached.wait(PATIENCE)
    status = explorer._status
    _until(lambda: status.text == "6 of 12 pictures")
    assert (status.state, status.headline) == ("working", "Looking for the top nine")
    assert (status.done, status.total, status.buttons[0]["name"]) == (6, 12, "stop")
    with model_as_found(model.module):
        status.set_state({"pressed": {"name": "stop", "count": 1}})
        _until(lambda: status.state == "stopped")
    assert status.text == "6 of 12 pictures; what is there is kept"
    explorer.top_nine.wait(PATIENCE)
    assert len(tiles(explorer)) == 6
    explorer.unit = 3  # the search rests until it is asked to go on
    explorer.wait(PATIENCE)
    explorer.top_nine.wait(PATIENCE)
    assert explorer.top_nine.state == "stopped" and len(tiles(explorer)) == 6
    assert status.buttons[0]["name"] == "go on" and status.state in ("ready", "warning")
    held.go.set()
    status.set_state({"pressed": {"name": "go on", "count": 2}})
    explorer.wait(PATIENCE)
    explorer.top_nine.wait(PATIENCE)
    assert_right(explorer)
    assert batches == [[n, n + 1] for n in range(0, 12, 2)]  # each picture once
    explorer.close()


def test_no_tile_is_drawn_while_a_slider_moves(monkeypatch):
    moments = [0.0]
    lane = Lane(inline=True, clock=lambda: moments[0])
    explorer = UnitExplorer(network(), pictures(12), layer="4", unit=0, lane=lane)
    calls, true = [], explorer.top_nine._made.tile

    def tile(question, peak, progress):
        calls.append(question.unit)
        return true(question, peak, progress)

    monkeypatch.setattr(explorer.top_nine._made, "tile", tile)
    before = tiles(explorer)
    for unit in (1, 2, 3, 4):
        moments[0] += 0.03
        explorer._controls.slider.set_state({"value": unit})
        assert explorer._panels.seen.tag == "preview" or unit == 1
    assert [unit for unit in calls if unit != 1] == []
    if not calls:
        assert tiles(explorer) == before and explorer.top_nine.view.stale
    lane.rest()
    assert calls[-9:] == [4] * 9 and not explorer.top_nine.view.stale
    assert_right(explorer)
    explorer.close()


def test_tiles_come_one_by_one_and_a_move_ends_them(lane, monkeypatch):
    explorer = UnitExplorer(network(), pictures(12), layer="4", unit=2, lane=lane)
    explorer.wait(PATIENCE)
    explorer.top_nine.wait(PATIENCE)
    seen, true = [], explorer.top_nine._made.tile
    entered, leave = threading.Event(), threading.Event()

    def tile(question, peak, progress):
        seen.append((question.unit, len(tiles(explorer))))
        if question.unit == 3 and len(seen) == 4:
            entered.set()
            leave.wait(PATIENCE)
        return true(question, peak, progress)

    monkeypatch.setattr(explorer.top_nine._made, "tile", tile)
    explorer.unit = 3
    assert entered.wait(PATIENCE)
    assert [count for _, count in seen] == [9, 1, 2, 3]  # the old nine, then one by one
    explorer.unit = 6
    leave.set()
    explorer.wait(PATIENCE)
    explorer.top_nine.wait(PATIENCE)
    assert [unit for unit, _ in seen] == [3] * 4 + [6] * 9
    assert_right(explorer)
    explorer.close()


def test_in_a_kernel_tiles_wait_for_a_rest_and_a_cell_that_waits_does_not(monkeypatch):
    monkeypatch.setattr(at_rest, "PAUSE", 1000)

    async def scenario():
        lane = Lane()
        explorer = UnitExplorer(network(), pictures(12), layer="4", unit=2, lane=lane)
        while explorer.busy:
            await asyncio.sleep(0.001)
        explorer.unit = 3
        while explorer.busy:
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.05)
        assert explorer.top_nine.state == "idle" and tiles(explorer) == []
        explorer.top_nine.wait(PATIENCE)
        assert_right(explorer)
        monkeypatch.setattr(at_rest, "PAUSE", 0.01)
        explorer.unit = 6
        while len(tiles(explorer)) < 9 or explorer.top_nine._answer.question.unit != 6:
            await asyncio.sleep(0.001)
        explorer.top_nine.wait(PATIENCE)
        assert_right(explorer)
        explorer.close()
        lane.close()

    asyncio.run(asyncio.wait_for(scenario(), PATIENCE))


def test_closing_in_the_middle_frees_everything(lane, monkeypatch, small_batches):
    held = Held(monkeypatch, at=4)
    gc.collect()
    before = _tensors()
    model, images = network(), pictures(12)
    explorer = UnitExplorer(model, images, layer="4", unit=2, lane=lane)
    explorer.wait(PATIENCE)
    assert held.reached.wait(PATIENCE)
    with model_as_found(model.module):
        explorer.close()
        ended = threading.Event()  # other long work comes to its turn
        after = Slot(lane, lambda *_: ended.set(), lambda _: None, long=True)
        after.submit(lambda *_: None)
        assert ended.wait(PATIENCE)
    held.go.set()
    explorer.close()
    del explorer, model, images
    gc.collect()
    assert _tensors() <= before


def test_two_explorers_of_one_selection_have_the_same_nine(inline):
    model, images = network(), pictures(12)
    first = UnitExplorer(model, images, layer="4", unit=2, lane=inline)
    second = UnitExplorer(model, selection=first.selection, lane=inline)
    second.unit = 6
    inline.rest()
    for name in NAMES:
        assert getattr(first.top_nine.view, name) == getattr(second.top_nine.view, name)
    assert_right(second)
    second.close()
    first.unit = 1
    inline.rest()
    assert_right(first)
    first.close()


# Words


def test_words():
    tile = {"name": "tractor", "value": "763", "beyond": True}
    said = strip_words("features.9", 311, [tile] * 9, (315, 315, 0))
    assert said == {
        "title": "Top nine of 315 pictures",
        "notes": ["where unit 311 responds most, and what it sees there"],
        "legend": "▫ field reaches past the picture",
        "alt": "The pictures that features.9 unit 311 answers most: tractor 763, tractor 763, "
        "tractor 763 and six more.",
    }
    said = strip_words("features.9", 311, [{}] * 4, (4, 315, 1))
    assert said["title"] == "Top four of 3 pictures so far"
    assert said["notes"][1] == "1 could not be read" and said["legend"] == said["alt"] == ""
    assert strip_words("a", 1, [], (0, 315, 0))["title"] == "Top nine of 315 pictures so far"
    assert silence(5, 3, 9) == ["Unit 5 is silent in 3 pictures so far."]
    assert search_words(1, 1)["text"] == "1 of 1 picture"


def _tensors():
    return sum(issubclass(type(o), torch.Tensor) for o in gc.get_objects())


def _until(holds):
    waiting = threading.Event()
    for _ in range(1000 * PATIENCE // 5):
        if holds():
            return
        waiting.wait(0.005)
    raise AssertionError("it never came true")
