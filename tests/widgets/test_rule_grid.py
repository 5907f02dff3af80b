"""The eight rules beneath the explorer: the right pictures, at rest, only while they are open."""

import asyncio
import gc
import threading

import numpy as np
import pytest
import torch
from torch import nn

from cnnwidgets.engines.deconv import reconstruct
from cnnwidgets.graph import RULES, record
from cnnwidgets.models import wrap_model
from cnnwidgets.views import words
from cnnwidgets.views.display import grey_contrast, salient_contrast
from cnnwidgets.widgets import UnitExplorer, at_rest, rule_words, unit_look
from cnnwidgets.widgets.rule_words import rule_label
from cnnwidgets.widgets.scheduler import Lane
from tests.as_found import model_as_found
from tests.widgets.owner import PATIENCE, Gate, Owner
from tests.widgets.tiny import network, pictures

NAMES = list(RULES)


@pytest.fixture
def inline():
    return Lane(inline=True)


@pytest.fixture
def folded(inline):
    explorer = UnitExplorer(network(), pictures(), layer="4", unit=2, lane=inline)
    yield explorer
    explorer.close()


@pytest.fixture
def explorer(folded):
    """An explorer whose grid is open."""
    opened(folded)
    return folded


def opened(explorer, is_open=True):
    explorer.rule_grid.view.set_state({"opened": is_open})


def tiles(explorer):
    """Give the tiles by the names of their rules."""
    view = explorer.rule_grid.view
    found = [getattr(view, f"tile_{number}") for number in range(1, 9)]
    assert [tile["name"] for tile in found] == NAMES
    return {tile["name"]: tile for tile in found}


def there(explorer):
    """Give the names of the rules whose pictures are there."""
    return [name for name, tile in tiles(explorer).items() if tile["window"]]


def asked(monkeypatch):
    """Write down the rules of all walks."""
    walks, true = [], unit_look.reconstruct

    def walk(recorded, layer, units, *, rule, **other):
        walks.append(rule)
        return true(recorded, layer, units, rule=rule, **other)

    monkeypatch.setattr(unit_look, "reconstruct", walk)
    return walks


def assert_right(explorer):
    """Each tile is its rule's reconstruction of the explorer's unit, on its own scale."""
    s = explorer.selection
    shown = s.model.crop([s.images.images[s.picture]])[0]
    made = record(s.model, s.model.preprocess([shown]))
    unit = explorer.result.units[0]
    contrast = salient_contrast if explorer.colour else grey_contrast
    for name, tile in tiles(explorer).items():
        result = reconstruct(made, s.layer, [unit], rule=RULES[name])
        top, left, bottom, right = tile["window"]
        assert tile["window"] == result.boxes[0].tolist() == explorer._panels.seen.window
        rows, columns = slice(max(0, int(top)), int(bottom)), slice(max(0, int(left)), int(right))
        tones, limit = contrast(result.images[0, :, rows, columns].numpy())
        assert tile["seen"]["data"] == tones.tobytes(), name
        assert tile["seen"]["box"] == explorer._panels.seen.frame["box"]
        assert tile["value"] == f"±{words.response(limit)}"
        assert torch.equal(explorer.rule_grid.results[name].images, result.images)
    view = explorer.rule_grid.view
    assert NAMES[view.selected] == explorer.rule and not view.stale and view.message == []
    assert tiles(explorer)[explorer.rule]["seen"]["data"] == explorer._panels.seen.frame["data"]


def test_all_eight_rules_at_the_explorer_s_place(explorer, inline):
    assert_right(explorer)
    assert len({tile["seen"]["data"] for tile in tiles(explorer).values()}) == 8
    for change in ({"unit": 6}, {"picture": 2}, {"position": (0, 15)}, {"layer": "6", "unit": 1}):
        explorer.selection.choose(**change)
        inline.rest()
        assert_right(explorer)
    explorer.colour = False
    inline.rest()
    assert_right(explorer)


def test_random_numbers_in_the_engine_s_place_show(inline, monkeypatch):
    true = unit_look.reconstruct

    def guess(*given, rule, **other):
        made = true(*given, rule=rule, **other)
        if rule != "deconvnet":
            made.images.uniform_(-1, 1)
        return made

    monkeypatch.setattr(unit_look, "reconstruct", guess)
    explorer = UnitExplorer(network(), pictures(), layer="4", unit=2, lane=inline)
    opened(explorer)
    monkeypatch.undo()
    with pytest.raises(AssertionError, match="saliency"):
        assert_right(explorer)
    explorer.close()


def test_each_tile_tells_its_three_switches(folded):
    for name, tile in tiles(folded).items():  # also before there are pictures
        switches = list(zip(("mask", "switch", "rectify"), RULES[name], strict=True))
        assert tile["switches"] == [list(switch) for switch in switches]
        said = [f"{word} {'on' if on else 'off'}" for word, on in switches]
        assert tile["alt"] == f"{name}: {', '.join(said)}."
        assert (tile["note"] == "the same in every picture") == (name in ("FFT", "FFF"))
    opened(folded)
    assert all(len(tile["alt"]) <= 200 for tile in tiles(folded).values())
    scale = tiles(folded)["FTF"]["value"]
    assert tiles(folded)["FTF"]["alt"] == f"FTF: mask off, switch on, rectify off; {scale}."
    assert tiles(folded)["FFF"]["alt"].endswith(", the same in every picture.")
    view = folded.rule_grid.view
    assert view.alt == "What 4 unit 2 sees at its place under the eight rules."
    assert "each on its own scale" in view.notes[0] and len(view.foot) == 3


def test_folded_it_costs_nothing_and_opened_it_follows(folded, inline, monkeypatch):
    walks = asked(monkeypatch)
    view = folded.rule_grid.view
    folded.unit = 3
    inline.rest()
    assert "deconvnet" in walks and set(walks) == {"deconvnet"}
    assert there(folded) == [] and not view.opened and "every mix" in view.notes[0]
    walks.clear()
    opened(folded)
    assert walks == NAMES[1:]  # the explorer's own is there already
    assert_right(folded)
    walks.clear()
    opened(folded, False)
    opened(folded)
    assert walks == []
    opened(folded, False)
    folded.unit = 6
    inline.rest()
    assert "saliency" not in walks
    opened(folded)
    assert_right(folded)


def test_a_click_chooses_the_rule_and_draws_no_tile_again(explorer, inline, monkeypatch):
    walks, faded = asked(monkeypatch), []
    explorer.rule_grid.view.observe(faded.append, "stale")
    for index, name in enumerate(NAMES):
        explorer.rule_grid.view.set_state({"chosen": {"index": index, "count": index + 1}})
        inline.rest()
        assert explorer.rule == explorer._controls.rule.value == name
        assert explorer.result.rule == RULES[name]
        assert_right(explorer)
    assert [name for name in NAMES if name in walks] == NAMES[1:]
    assert max(map(walks.count, NAMES)) <= 2  # a preview, perhaps, and the exact one
    explorer.rule_grid.view.set_state({"chosen": {"index": 8, "count": 9}})  # there is none
    assert explorer.rule == "FFF" and explorer.error == "" and faded == []


@pytest.mark.parametrize("name", NAMES)
def test_every_rule_by_name(name, inline):
    explorer = UnitExplorer(network(), pictures(), layer="4", unit=2, rule=name, lane=inline)
    assert explorer.result.rule == RULES[name]
    assert f'rule="{name}")' in explorer.code()
    alt = explorer._panels.seen.alt
    assert alt.startswith(f"{name[0].upper()}{name[1:]} reconstruction of 4 unit 2 at row ")
    assert explorer._file_name("png").endswith(f"_{name}.png")
    assert explorer._status.state in ("ready", "warning")
    assert explorer._status.text.startswith("unit 2 at row ")
    assert explorer.png().startswith(b"\x89PNG")
    assert dict(explorer._controls.rule.options)[rule_label(name)] == name
    explorer.close()


def test_the_rules_are_listed_well_known_ones_first(folded):
    labels = [label for label, _ in folded._controls.rule.options]
    assert labels[:4] == ["deconvnet", "saliency", "guided", "FTF · switch only"]
    assert [name for _, name in folded._controls.rule.options] == NAMES
    folded._controls.rule.set_state({"index": 5})
    assert folded.rule == "TFF"


def test_without_mask_and_switches_every_picture_gives_the_same(inline):
    module, around = network().module, {"mean": (0.5, 0.5, 0.5), "std": (0.2, 0.2, 0.2)}
    model = wrap_model(module, input_shape=(3, 32, 32), **around)
    explorer = UnitExplorer(model, pictures(), layer="3", position=(7, 9), lane=inline)
    opened(explorer)
    before = tiles(explorer)
    for picture in (1, 2):
        explorer.selection.choose(picture=picture, position=(7, 9))
        inline.rest()
        assert_right(explorer)
        same = [n for n, t in tiles(explorer).items() if t["seen"] == before[n]["seen"]]
        assert same == ["FFT", "FFF"]
    explorer.close()


def test_scales_differ_by_orders_of_magnitude_and_every_tile_is_seen(inline):
    module = nn.Sequential(
        *[part for _ in range(4) for part in (nn.Conv2d(3, 3, 3, padding=1), nn.ReLU())]
    )
    with torch.no_grad():
        for weight in module.parameters():
            weight.mul_(20)
    model = wrap_model(module, input_shape=(3, 16, 16), mean=(0, 0, 0), std=(1, 1, 1))
    explorer = UnitExplorer(model, pictures(), layer="6", unit=1, lane=inline)
    opened(explorer)
    limits = {
        name: salient_contrast(result.images[0].numpy())[1]
        for name, result in explorer.rule_grid.results.items()
    }
    assert max(limits.values()) > 3 * min(limits.values()) > 0
    for tile in tiles(explorer).values():
        tones = np.frombuffer(tile["seen"]["data"], np.uint8)
        assert tones.min() < 10 or tones.max() > 245
    explorer.close()


def test_where_nothing_comes_back_the_tile_says_so(inline):
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 2, 3))
    with torch.no_grad():
        module[0].weight.abs_()
        module[2].weight.abs_().neg_()  # what comes back is negative: rectified, it is nothing
    model = wrap_model(module, input_shape=(3, 16, 16), mean=(0, 0, 0), std=(1, 1, 1))
    explorer = UnitExplorer(model, pictures(), layer="2", unit=1, lane=inline)
    opened(explorer)
    for name, tile in tiles(explorer).items():
        empty = RULES[name].rectify
        assert (tile["note"] == "nothing comes back") == empty
        assert (tile["value"] == "") == empty
        assert ("nothing comes back" in tile["alt"]) == empty
    explorer.close()


def test_a_silent_unit_says_so(explorer, inline, monkeypatch):
    walks = asked(monkeypatch)
    explorer.unit = 5
    inline.rest()
    view = explorer.rule_grid.view
    assert view.message == ["Unit 5 is silent in this picture."] and not view.stale
    assert set(walks) == {"deconvnet"}
    explorer.unit = 3
    inline.rest()
    assert_right(explorer)


# Refused


@pytest.fixture
def refusing(monkeypatch):
    """Refuse these rules from here on."""
    true, names = unit_look.reconstruct, set()

    def walk(*given, rule, **other):
        if rule in names:
            raise NotImplementedError(f"GELU is no rectifier, so it has no {rule}")
        return true(*given, rule=rule, **other)

    monkeypatch.setattr(unit_look, "reconstruct", walk)
    return names


def test_a_refused_rule_tells_the_reason_in_its_tile(folded, inline, refusing):
    refusing.update(["guided", "FFT"])
    opened(folded)
    for name, tile in tiles(folded).items():
        if name in refusing:
            assert tile["message"] == f"GELU is no rectifier, so it has no {name}"
            assert tile["alt"].endswith(tile["message"]) and tile["window"] == []
            assert tile["note"] == ""
        else:
            assert tile["window"] and "message" not in tile
    index = NAMES.index("guided")
    folded.rule_grid.view.set_state({"chosen": {"index": index, "count": 1}})
    assert folded.rule == "deconvnet" and "it has no guided" in folded.error
    assert folded._status.state == "refused"
    folded.unit = 3
    inline.rest()
    assert folded.error == ""


def test_where_the_chosen_rule_is_refused_the_others_are_shown(inline, refusing):
    refusing.update(["deconvnet", "guided"])
    explorer = UnitExplorer(network(), pictures(), layer="4", unit=2, lane=inline)
    assert "it has no deconvnet" in explorer.error
    opened(explorer)
    assert there(explorer) == [name for name in NAMES if name not in refusing]
    assert tiles(explorer)["deconvnet"]["message"] == "GELU is no rectifier, so it has no deconvnet"
    explorer.rule_grid.view.set_state({"chosen": {"index": 1, "count": 1}})
    inline.rest()
    assert explorer.error == "" and explorer.result.rule == RULES["saliency"]
    explorer.close()


def test_a_long_reason_is_cut_in_the_alternative_text_only():
    tile = rule_words.refused_tile("TFT", "long " * 100)
    assert len(tile["alt"]) == 200 and tile["alt"].endswith("…")
    assert tile["message"] == "long " * 100


def test_one_reason_for_all_rules_is_told_once(explorer, inline, monkeypatch):
    def walk(*given, **other):
        raise NotImplementedError("nothing reverses this call")

    with monkeypatch.context() as patch:
        patch.setattr(unit_look, "reconstruct", walk)
        explorer.unit = 3
        inline.rest()
    assert explorer.rule_grid.view.message == ["nothing reverses this call"]
    assert explorer.error == "nothing reverses this call" and there(explorer) == []
    explorer.unit = 6
    inline.rest()
    assert_right(explorer)


# In the background


def test_no_tile_is_drawn_while_a_slider_moves(monkeypatch):
    moments = [0.0]
    lane = Lane(inline=True, clock=lambda: moments[0])
    explorer = UnitExplorer(network(), pictures(), layer="4", unit=0, lane=lane)
    opened(explorer)
    lane.rest()
    walks, before = asked(monkeypatch), tiles(explorer)
    for unit in (1, 2, 3, 4):
        moments[0] += 0.03
        explorer._controls.slider.set_state({"value": unit})
    moved = [rule for rule in walks if rule != "deconvnet"]
    assert len(moved) <= 7  # the first move comes after a rest, and is one
    if not moved:
        assert tiles(explorer) == before and explorer.rule_grid.view.stale
    lane.rest()
    assert walks[-7:] == NAMES[1:]
    assert_right(explorer)
    explorer.close()


def test_tiles_come_one_by_one_and_a_move_ends_them(lane, monkeypatch):
    explorer = UnitExplorer(network(), pictures(), layer="4", unit=2, lane=lane)
    explorer.wait(PATIENCE)
    explorer.rule_grid.view.opened = True
    explorer.rule_grid.wait(PATIENCE)
    assert_right(explorer)
    seen, true = [], unit_look.reconstruct
    entered, leave = threading.Event(), threading.Event()

    def walk(recorded, layer, units, *, rule, **other):
        if rule != "deconvnet":
            seen.append((units[0][0], len(there(explorer))))
        if seen and seen[-1][0] == 3 and len(seen) == 4:
            entered.set()
            assert leave.wait(PATIENCE)
        return true(recorded, layer, units, rule=rule, **other)

    def drawn(change):
        if not change["new"]:
            units.append({result.units[0][0] for result in explorer.rule_grid.results.values()})

    monkeypatch.setattr(unit_look, "reconstruct", walk)
    units: list[set[int]] = []
    explorer.rule_grid.view.observe(drawn, "stale")
    explorer.unit = 3
    assert entered.wait(PATIENCE)
    assert [count for _, count in seen] == [8, 2, 3, 4]  # the old eight, then one by one
    explorer.unit = 6
    leave.set()
    explorer.wait(PATIENCE)
    explorer.rule_grid.wait(PATIENCE)
    assert [unit for unit, _ in seen] == [3] * 4 + [6] * 7
    assert units == [{3}, {6}]  # what came too late is not shown, and lets nothing look new
    assert_right(explorer)
    explorer.close()


def test_a_tile_that_waits_when_the_unit_changes_is_not_made(lane, monkeypatch):
    explorer = UnitExplorer(network(), pictures(), layer="4", unit=2, lane=lane)
    explorer.wait(PATIENCE)
    explorer.top_nine.wait(PATIENCE)
    walks, gate = asked(monkeypatch), Gate()
    busy = Owner(lane)
    busy.slot.submit(gate)
    gate.entered()
    explorer.rule_grid.view.opened = True
    explorer.unit = 3
    gate.open()
    explorer.wait(PATIENCE)
    assert walks[0] == "deconvnet"
    explorer.rule_grid.wait(PATIENCE)
    assert_right(explorer)
    explorer.close()


def test_in_a_kernel_they_wait_for_a_rest_and_do_not_when_opened(monkeypatch):
    monkeypatch.setattr(at_rest, "PAUSE", 1000)

    async def scenario():
        lane = Lane()
        explorer = UnitExplorer(network(), pictures(), layer="4", unit=2, lane=lane)
        grid = explorer.rule_grid

        async def shown():
            while explorer.busy:
                await asyncio.sleep(0.001)

        await shown()
        opened(explorer)
        while len(there(explorer)) < 8:
            await asyncio.sleep(0.001)
        assert_right(explorer)
        explorer.unit = 3
        assert grid.view.stale
        await shown()
        await asyncio.sleep(0.05)
        assert grid.view.stale and list(grid.results) == ["deconvnet"]
        explorer.unit = 2
        explorer.unit = 3  # away and back
        await shown()
        grid.wait(PATIENCE)
        assert_right(explorer)
        explorer.unit = 6
        explorer.unit = 3
        await shown()
        assert not grid.view.stale
        assert_right(explorer)
        explorer.close()
        lane.close()

    asyncio.run(asyncio.wait_for(scenario(), PATIENCE))


def test_weights_that_change_are_followed(explorer, inline):
    with torch.no_grad():
        explorer.selection.model.module[0].weight.mul_(-1)
    explorer.rule = "FFF"  # the same place: the other tiles would be of the old weights
    inline.rest()
    assert_right(explorer)
    found = explorer.rule_grid.results.values()
    assert len({result.provenance.weights for result in found}) == 1


def test_two_explorers_of_one_selection_have_a_rule_each(inline):
    first = UnitExplorer(network(), pictures(), layer="4", unit=2, lane=inline)
    second = UnitExplorer(first.selection.model, selection=first.selection, lane=inline)
    opened(first)
    opened(second)
    second.rule_grid.view.set_state({"chosen": {"index": 3, "count": 1}})
    first.unit = 6
    inline.rest()
    assert (first.rule, second.rule) == ("deconvnet", "FTF")
    assert_right(first)
    assert_right(second)
    second.close()
    first.close()


def test_a_tile_is_no_larger_than_a_screen_shows(monkeypatch, inline):
    monkeypatch.setattr(rule_words, "SIDE", 8)
    explorer = UnitExplorer(network(), pictures(), layer="6", unit=1, lane=inline)
    opened(explorer)
    for tile in tiles(explorer).values():
        assert (tile["seen"]["height"], tile["seen"]["width"]) == (8, 8)
        assert tile["seen"]["box"] == tile["window"] == [0, 0, 32, 32]
    explorer.close()


def test_closing_in_the_middle_frees_everything(lane, monkeypatch):
    gc.collect()
    before = _tensors()
    model = network()
    explorer = UnitExplorer(model, pictures(), layer="4", unit=2, lane=lane)
    explorer.wait(PATIENCE)
    entered, leave, true = threading.Event(), threading.Event(), unit_look.reconstruct

    def walk(*given, rule, **other):
        if rule == "TFF":
            entered.set()
            assert leave.wait(PATIENCE)
        return true(*given, rule=rule, **other)

    monkeypatch.setattr(unit_look, "reconstruct", walk)
    with model_as_found(model.module):
        explorer.rule_grid.view.opened = True
        assert entered.wait(PATIENCE)
        explorer.close()
        leave.set()
        explorer.close()
        lane.close()
    assert explorer.rule_grid.results == {}
    del explorer, model
    gc.collect()
    assert _tensors() <= before


def _tensors():
    return sum(issubclass(type(o), torch.Tensor) for o in gc.get_objects())
