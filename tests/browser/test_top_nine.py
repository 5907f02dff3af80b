"""The top nine as a user meets them, in a real JupyterLab: the search, tiles, clicks, both themes.

With `CNNWIDGETS_SCREENSHOTS` naming a folder, the pictures that are taken are kept there.
"""

import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.browser.test_unit_explorer import ROOT, handle, settle

CELL = """
import cnnwidgets as cw
images = cw.load_images("photos") + cw.load_images("objects")
explorer = cw.UnitExplorer(cw.load_model("squeezenet1_1"), images, layer="features.9", unit=311)
explorer
"""
TILE = ".cw-pairs .cw-tile:not(.cw-void)"
DONE = "() => document.querySelector('.cw-pairs b').textContent === 'Top nine of 315 pictures'"
SEES = """words => {
    const frame = document.querySelectorAll(".cw-picture")[2].querySelector(".cw-frame");
    return frame.ariaLabel.includes(words);
}"""
ALL = f"() => document.querySelectorAll('{TILE}').length === 9"


@pytest.fixture(scope="module")
def opened(lab, chromium):
    """An explorer of all embedded pictures, whose search has just begun."""
    name = lab.write("top_nine.ipynb", [CELL])
    with lab.open(chromium, name, size=(1400, 1100)) as notebook:
        notebook.run_all()
        yield notebook
        assert notebook.errors == []


@pytest.fixture
def explorer(opened):
    """The explorer at rest on unit 311 in chelsea, with its nine tiles."""
    go_on = "explorer.top_nine.go_on()"
    opened.ask(f"[{go_on}, explorer.selection.choose(picture=0, layer='features.9', unit=311)][1]")
    opened.page.wait_for_function(DONE, timeout=120_000)
    settle(opened)
    opened.ask("explorer.top_nine.wait(60)")
    opened.page.wait_for_function(ALL)
    return opened


def names(notebook):
    """Give the names under the tiles."""
    return [tile.inner_text() for tile in notebook.page.locator(f"{TILE} span").all()]


def half(notebook, number, which):
    """Read a tile's crop (0) or reconstruction (1): [rows, columns, 3]."""
    return notebook.pixels(f"{TILE} canvas", 2 * number + which)[..., :3].astype(float)


def sent(notebook, number, which):
    """Give the pixels of a tile as the kernel has them, within the tile's window."""
    tile = f"explorer.top_nine.view.tile_{number + 1}"
    names = ("data", "height", "width", "box")
    data, height, width, box = notebook.ask(f"[{tile}['{which}'][k] for k in {names}]")
    return (
        np.frombuffer(data, np.uint8).reshape(height, width, 3),
        box,
        notebook.ask(f"{tile}['window']"),
    )


def drawn(pixels, box, window, side):
    """Draw a frame as the browser should: smoothed, in its window, grey beyond."""
    scale = side / (window[2] - window[0])
    top, left, bottom, right = (
        round((b - w) * scale) for b, w in zip(box, window[:2] * 2, strict=True)
    )
    square = Image.new("RGB", (side, side), (128, 128, 128))
    frame = Image.fromarray(pixels).resize((right - left, bottom - top), Image.Resampling.BOX)
    square.paste(frame, (left, top))
    return np.asarray(square).astype(float)


def test_the_search_is_told_lets_the_slider_through_stops_and_goes_on(opened):
    status = f"{ROOT} .cw-status"
    opened.wait_text(status, "Looking for the top nine")
    opened.find(f"{status} [role=progressbar]")
    before = opened.ask("explorer.top_nine.done")
    handle(opened).focus()
    opened.page.keyboard.press("ArrowRight")
    opened.page.wait_for_function(SEES, arg="unit 312")
    assert opened.ask("(explorer.unit, explorer.top_nine.state)") == (312, "looking")
    assert before <= opened.ask("explorer.top_nine.done") < 315
    opened.wait_text(status, "Looking for the top nine")
    opened.find(f"{status} button:has-text('Stop')").click()
    opened.wait_text(status, "Stopped")
    opened.wait_text(status, "of 315 pictures; what is there is kept")
    opened.wait_text(".cw-pairs", "pictures so far")
    done = opened.ask("explorer.top_nine.done")
    opened.find(f"{status} button:has-text('Go on')").click()
    opened.page.wait_for_function(DONE, timeout=120_000)
    assert 0 < done < 315 == opened.ask("explorer.top_nine.result.count")


def test_each_tile_is_its_own_picture_and_reconstruction(explorer):
    best = explorer.ask("[p[0] for p in explorer.top_nine.result.best('features.9', 311)]")
    assert names(explorer) == explorer.ask(f"[images.names[n] for n in {best}]")
    squares = [sent(explorer, number, "crop") for number in range(9)]
    for number in range(9):
        for which, name in enumerate(("crop", "seen")):
            shown = half(explorer, number, which)
            wanted = drawn(*sent(explorer, number, name), shown.shape[0])
            assert np.abs(shown - wanted).mean() < 12, (number, name)
        others = [drawn(*square, shown.shape[0]) for square in squares]
        differences = [np.abs(half(explorer, number, 0) - other).mean() for other in others]
        assert np.argmin(differences) == number


def test_a_click_makes_the_picture_current_and_its_tile_is_marked(explorer):
    explorer.find(TILE, 5).click()
    settle(explorer)
    peak = explorer.ask("tuple(explorer.top_nine.result.best('features.9', 311)[5])")
    assert explorer.ask("(explorer.picture, explorer.position)") == (peak[0], peak[2])
    chosen = explorer.page.locator(".cw-pairs .cw-tile[aria-selected='true']")
    assert chosen.count() == 1
    assert chosen.evaluate("e => [...e.parentElement.children].indexOf(e)") == 5
    explorer.page.keyboard.press("ArrowLeft")
    explorer.page.keyboard.press("Enter")
    settle(explorer)
    assert explorer.ask("explorer.top_nine.view.selected") == 4
    name = explorer.ask("images.names[explorer.picture]")
    assert names(explorer)[4] == name
    label = explorer.find(f"{ROOT} .cw-picture .cw-frame").evaluate("e => e.ariaLabel")
    assert label.startswith(name)


def test_another_unit_has_other_tiles_at_rest_and_the_old_fade_meanwhile(explorer):
    strip = explorer.page.locator(".cw-pairs")
    before = half(explorer, 0, 0)
    faded = """() => new Promise(done => {
        const strip = document.querySelector(".cw-pairs");
        new MutationObserver(() => strip.hasAttribute("data-old") && done(true))
            .observe(strip, { attributes: true });
    })"""
    explorer.evaluate(f"() => {{ window.faded = ({faded})(); }}")
    handle(explorer).focus()
    for _ in range(30):
        explorer.page.keyboard.down("ArrowLeft")
    explorer.page.keyboard.up("ArrowLeft")
    assert explorer.evaluate("() => window.faded")
    settle(explorer)
    explorer.ask("explorer.top_nine.wait(60)")
    explorer.wait_text(".cw-pairs", "where unit 281 responds most")
    explorer.page.wait_for_function(ALL)
    best = explorer.ask("[p[0] for p in explorer.top_nine.result.best('features.9', 281)]")
    explorer.page.wait_for_function(
        "name => document.querySelector('.cw-pairs .cw-tile span').textContent === name",
        arg=explorer.ask(f"images.names[{best[0]}]"),
    )
    assert strip.get_attribute("data-old") is None
    assert np.abs(half(explorer, 0, 0) - before).mean() > 5


def test_a_low_window_folds_the_strip(explorer):
    tiles = explorer.page.locator(".cw-pairs .cw-tiles")
    height = explorer.find(ROOT).bounding_box()["height"]
    explorer.page.set_viewport_size({"width": 1400, "height": 740})
    tiles.wait_for(state="hidden")
    assert explorer.find(ROOT).bounding_box()["height"] < height - 150
    explorer.find(".cw-pairs .cw-caption").click()
    tiles.wait_for(state="visible")
    explorer.page.set_viewport_size({"width": 1400, "height": 1100})
    tiles.wait_for(state="visible")


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [960, 640])
def test_it_looks_as_it_should(explorer, dark, width, tmp_path):
    folder = Path(os.environ.get("CNNWIDGETS_SCREENSHOTS", tmp_path))
    explorer.set_theme(dark)
    explorer.set_width(ROOT, width)
    path = folder / f"top_nine_{'dark' if dark else 'light'}_{width}.png"
    picture = Image.open(io.BytesIO(explorer.screenshot(ROOT, path))).convert("L")
    explorer.set_theme(False)
    ground = np.median(np.asarray(picture)[:, :8])
    assert ground < 40 if dark else ground > 240
    overflow = explorer.find(ROOT).evaluate("root => root.scrollWidth - root.clientWidth")
    assert overflow <= 0
    boxes = [tile.bounding_box() for tile in explorer.page.locator(f"{TILE} .cw-pair").all()]
    assert len({round(box["y"]) for box in boxes}) == 1  # one row
    assert all(abs(box["height"] - 2 * box["width"]) < 2 for box in boxes)
    left, right = boxes[0]["x"], boxes[-1]["x"] + boxes[-1]["width"]
    status = explorer.find(f"{ROOT} .cw-status").bounding_box()
    assert (left, right) == pytest.approx((status["x"], status["x"] + status["width"]), abs=1)
    texts = [tile.evaluate("e => e.ariaLabel") for tile in explorer.page.locator(TILE).all()]
    assert all("response" in text and len(text) <= 200 for text in texts)
    explorer.set_width(ROOT, 960)
