"""The first of the top nine is there long before all pictures have been looked through."""

import threading

from cnnwidgets.engines.top_images import top_images
from cnnwidgets.widgets import UnitExplorer, picture_pass, top_nine, unit_index
from tests.widgets.owner import PATIENCE
from tests.widgets.tiny import network, pictures


def test_the_first_tile_is_there_before_the_search_has_ended(lane, monkeypatch):
    """After the first batch, without waiting for the pace at which later ones are looked at."""
    monkeypatch.setattr(picture_pass, "pictures_at_once", lambda model: 2)
    monkeypatch.setattr(top_nine, "AGAIN", 1000)
    go, there, true = threading.Event(), threading.Event(), unit_index.UnitIndex._shown

    def shown(index, numbers, progress):
        while index.done == 2 and not go.is_set():  # the search goes no further
            progress(index.done, index.total)
            go.wait(0.002)
        return true(index, numbers, progress)

    monkeypatch.setattr(unit_index.UnitIndex, "_shown", shown)
    model, images = network(), pictures(12)
    explorer = UnitExplorer(model, images, layer="4", unit=2, lane=lane)
    nine = explorer.top_nine
    nine.view.observe(lambda change: change["new"] and there.set(), "tile_1")
    assert there.wait(PATIENCE)
    assert nine.state == "looking" and nine.result is None and nine.done == 2
    best = top_images(model, list(images)[:2]).best("4", 2)[0]
    assert nine.view.tile_1["name"] == images.names[best.picture]
    go.set()
    nine.wait(PATIENCE)
    best = top_images(model, images).best("4", 2)[0]
    assert nine.view.tile_1["name"] == images.names[best.picture] and nine.view.tile_9
    explorer.close()
