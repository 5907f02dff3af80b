"""An explorer on a device with little memory: it takes less at a time, says so, and lives on."""

import threading

import pytest
import torch

from cnnwidgets.engines import strongest
from cnnwidgets.engines.top_images import top_images
from cnnwidgets.graph.operations.convolution import Convolution
from cnnwidgets.widgets import UnitExplorer, top_nine, top_tiles, unit_look
from cnnwidgets.widgets.scheduler import Lane
from cnnwidgets.widgets.top_words import search_words
from tests.widgets.owner import PATIENCE
from tests.widgets.tiny import network, pictures

TOLD = "needs more memory than is free on cpu; take smaller pictures"


def full(*_):
    raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 MiB. GPU 0 has")


@pytest.fixture
def explorer():
    explorer = UnitExplorer(network(), pictures(12), layer="4", unit=2, lane=Lane(inline=True))
    yield explorer
    explorer.close()


def test_a_search_that_has_to_halve_says_so_and_finds_the_same(lane, monkeypatch):
    held, go, true = threading.Event(), threading.Event(), strongest.visit

    def crowded(made, batch, *others):
        if len(batch) > 3:
            full()
        if not go.is_set():
            held.set()
            assert go.wait(PATIENCE)
        true(made, batch, *others)

    monkeypatch.setattr(strongest, "visit", crowded)
    monkeypatch.setattr(top_nine, "LATE", 0)
    model, images, texts = network(), pictures(12), []
    explorer = UnitExplorer(model, images, layer="4", unit=2, lane=lane)
    explorer._status.observe(lambda change: texts.append(change["new"]), "text")
    assert held.wait(PATIENCE)
    go.set()
    explorer.top_nine.wait(PATIENCE)
    short = "of 12 pictures · memory is short: 2 at a time"
    assert [text for text in texts if text.endswith(short)]
    assert explorer.error == "" and explorer.top_nine.result.provenance.at_once == 2
    wanted = top_images(model, images)
    assert torch.equal(explorer.top_nine.result.pictures, wanted.pictures)
    assert torch.allclose(explorer.top_nine.result.values, wanted.values, atol=1e-5)
    assert explorer._status.state in ("ready", "warning")
    explorer.close()


@pytest.mark.parametrize("place", ["pass", "walk"])
def test_what_does_not_fit_is_one_sentence_and_the_next_move_works(explorer, monkeypatch, place):
    before, lane = explorer.result, explorer._slot.lane
    asked = {
        "pass": "a pass of Tiny over one picture of 32 × 32",
        "walk": "one unit of '4' carried back to a picture of 32 × 32",
    }
    owner, name = {"pass": (unit_look, "record"), "walk": (Convolution, "reverse")}[place]
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, full)
        explorer.picture = 1
        lane.rest()
    assert explorer.error == f"{asked[place]} {TOLD}"
    assert explorer._status.headline == f"{explorer.error}." and explorer.result is before
    explorer.picture = 2
    lane.rest()
    assert explorer.error == "" and explorer._shown.name == "picture 3"


def test_a_tile_that_does_not_fit_is_one_sentence(explorer, monkeypatch):
    explorer.top_nine._made.forget()
    monkeypatch.setattr(top_tiles, "record", full)
    explorer.unit = 3
    explorer._slot.lane.rest()
    told = f"a pass of Tiny over one picture of 32 × 32 {TOLD}"
    assert explorer.top_nine.view.message == [told] and explorer.error == ""
    monkeypatch.undo()
    explorer.unit = 2
    explorer._slot.lane.rest()
    assert explorer.top_nine.view.message == [] and explorer.top_nine.view.tile_9


def test_words():
    assert search_words(64, 315, 16)["text"] == "64 of 315 pictures · memory is short: 16 at a time"
    assert search_words(64, 315)["text"] == "64 of 315 pictures"
