"""The eight rules as a user meets them, in a real JupyterLab: opened, chosen, both themes.

With `CNNWIDGETS_SCREENSHOTS` naming a folder, the pictures that are taken are kept there.
"""

import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.browser.test_top_nine import drawn
from tests.browser.test_unit_explorer import ROOT, handle, settle

CELL = """
import cnnwidgets as cw
explorer = cw.UnitExplorer(cw.load_model("squeezenet1_1"), "photos", layer="features.9", unit=311)
explorer
"""
GRID = ".cw-tile-strip.cw-single"
TILE = f"{GRID} .cw-tile"
RULES = ["deconvnet", "saliency", "guided", "FTF", "FFT", "TFF", "TFT", "FFF"]
CALM = f"() => !document.querySelector('{GRID}').hasAttribute('data-old')"


@pytest.fixture(scope="module")
def notebook(lab, chromium):
    name = lab.write("rule_grid.ipynb", [CELL])
    with lab.open(chromium, name, size=(1400, 2000)) as opened:
        opened.run_all()
        yield opened
        assert opened.errors == []


@pytest.fixture
def explorer(notebook):
    """The explorer at rest on unit 311 of chelsea under deconvnet, its grid open and complete."""
    notebook.ask("explorer.selection.choose(picture=0, layer='features.9', unit=311)")
    notebook.ask("setattr(explorer, 'rule', 'deconvnet')")
    notebook.ask("setattr(explorer.rule_grid.view, 'opened', True)")
    complete(notebook)
    return notebook


def complete(notebook):
    """Wait until all eight tiles of the explorer's place are on the screen."""
    settle(notebook)
    assert notebook.ask("[explorer.rule_grid.wait(60), len(explorer.rule_grid.results)][1]") == 8
    notebook.page.wait_for_function(
        f"() => document.querySelectorAll('{TILE}:not(.cw-void)').length === 8"
    )
    notebook.page.wait_for_function(CALM)
    notebook.evaluate("() => new Promise(done => requestAnimationFrame(() => setTimeout(done)))")


def sent(notebook, number):
    """Give the pixels of a tile as the kernel has them, their box, and the tile's window."""
    tile = f"explorer.rule_grid.view.tile_{number + 1}"
    names = ("data", "height", "width", "box")
    data, height, width, box = notebook.ask(f"[{tile}['seen'][k] for k in {names}]")
    pixels = np.frombuffer(data, np.uint8).reshape(height, width, 3)
    return pixels, box, notebook.ask(f"{tile}['window']")


def chosen(notebook):
    """Give the name of the rule whose tile is marked."""
    marked = notebook.page.locator(f"{TILE}[aria-selected='true']")
    assert marked.count() == 1
    return marked.locator(".cw-tile-words span").inner_text()


def test_it_is_folded_and_its_caption_opens_it_by_mouse_and_by_key(notebook):
    settle(notebook)
    caption = notebook.find(f"{GRID} .cw-caption")
    tiles = notebook.page.locator(f"{GRID} .cw-tiles")
    assert not tiles.is_visible() and "every mix of mask, switch" in caption.inner_text()
    assert notebook.ask("list(explorer.rule_grid.results)") == ["deconvnet"]
    caption.click()
    tiles.wait_for(state="visible")
    complete(notebook)
    notebook.wait_text(f"{GRID} .cw-caption", "each on its own scale")
    caption.focus()
    notebook.page.keyboard.press("Enter")
    tiles.wait_for(state="hidden")
    notebook.wait_text(f"{GRID} .cw-caption", "every mix of mask, switch")
    notebook.page.keyboard.press("Enter")
    tiles.wait_for(state="visible")
    notebook.wait_text(f"{GRID} .cw-caption", "each on its own scale")
    assert notebook.ask("explorer.rule_grid.view.opened") is True


def test_each_tile_is_its_own_rule_s_reconstruction(explorer):
    names = explorer.page.locator(f"{TILE} .cw-tile-words span").all_inner_texts()
    assert names == RULES
    squares = [sent(explorer, number) for number in range(8)]
    window = explorer.ask("explorer._panels.seen.window")
    for number in range(8):
        shown = explorer.pixels(f"{TILE} canvas", number)[..., :3].astype(float)
        differences = [np.abs(shown - drawn(*square, shown.shape[0])).mean() for square in squares]
        assert np.argmin(differences) == number and differences[number] < 12, RULES[number]
        assert squares[number][2] == window


def test_a_click_and_the_keys_choose_the_rule(explorer):
    explorer.find(TILE, 6).click()
    explorer.page.wait_for_function(
        "() => [...document.querySelectorAll('.cw-picture .cw-frame')]"
        ".some(frame => frame.ariaLabel.startsWith('TFT reconstruction of features.9 unit 311'))"
    )
    settle(explorer)
    assert explorer.ask("(explorer.rule, tuple(explorer.result.rule))") == (
        "TFT",
        (True, False, True),
    )
    assert chosen(explorer) == "TFT"
    select = explorer.find(f"{ROOT} select", 2)
    label = select.evaluate("e => e.selectedOptions[0].textContent")
    assert label.replace("\xa0", " ") == "TFT · no switch"
    explorer.page.keyboard.press("ArrowRight")
    explorer.page.keyboard.press("Enter")
    settle(explorer)
    assert explorer.ask("explorer.rule") == chosen(explorer) == "FFF"
    select.select_option("TFF · mask only")
    settle(explorer)
    assert explorer.ask("explorer.rule") == chosen(explorer) == "TFF"
    explorer.find(f"{ROOT} .cw-status button:has-text('Code')").click()
    explorer.wait_text(f"{ROOT} .cw-text-panel", 'rule="TFF"')
    explorer.find(f"{ROOT} .cw-text-panel button:has-text('Close')").click()


def test_it_follows_the_slider_at_rest_and_the_old_tiles_fade_meanwhile(explorer):
    before = explorer.pixels(f"{TILE} canvas", 7)[..., :3].astype(float)
    explorer.evaluate(
        f"""() => {{
            const grid = document.querySelector("{GRID}");
            window.faded = new Promise(done => new MutationObserver(
                () => grid.hasAttribute("data-old") && done(true)
            ).observe(grid, {{ attributes: true }}));
        }}"""
    )
    handle(explorer).focus()
    for _ in range(20):
        explorer.page.keyboard.down("ArrowLeft")
    explorer.page.keyboard.up("ArrowLeft")
    assert explorer.evaluate("() => window.faded")
    complete(explorer)
    assert explorer.ask("explorer.result.units[0][0]") == 291
    label = explorer.page.locator(f"{GRID} [role=listbox]").evaluate("e => e.ariaLabel")
    assert "features.9 unit 291" in label
    after = explorer.pixels(f"{TILE} canvas", 7)[..., :3].astype(float)
    assert np.abs(after - before).mean() > 5


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [960, 640])
def test_it_looks_as_it_should(explorer, dark, width, tmp_path):
    folder = Path(os.environ.get("CNNWIDGETS_SCREENSHOTS", tmp_path))
    explorer.set_theme(dark)
    explorer.set_width(ROOT, width)
    path = folder / f"rule_grid_{'dark' if dark else 'light'}_{width}.png"
    picture = Image.open(io.BytesIO(explorer.screenshot(ROOT, path))).convert("L")
    explorer.set_theme(False)
    ground = np.median(np.asarray(picture)[:, :8])
    assert ground < 40 if dark else ground > 240
    overflow = explorer.find(ROOT).evaluate("root => root.scrollWidth - root.clientWidth")
    assert overflow <= 0
    boxes = [tile.bounding_box() for tile in explorer.page.locator(f"{TILE} .cw-pair").all()]
    rows = sorted({round(box["y"]) for box in boxes})
    assert len(rows) == (1 if width == 960 else 2)
    assert all(abs(box["height"] - box["width"]) < 2 for box in boxes)
    right = boxes[len(boxes) // len(rows) - 1]
    status = explorer.find(f"{ROOT} .cw-status").bounding_box()
    assert (boxes[0]["x"], right["x"] + right["width"]) == pytest.approx(
        (status["x"], status["x"] + status["width"]), abs=1
    )
    cut = explorer.page.locator(f"{TILE} .cw-tile-words > :not(:empty)").evaluate_all(
        "words => words.filter(word => word.scrollWidth > word.clientWidth + 1).length"
    )
    assert cut == 0
    texts = [tile.evaluate("e => e.ariaLabel") for tile in explorer.page.locator(TILE).all()]
    assert all("mask o" in text and len(text) <= 200 for text in texts)
    explorer.set_width(ROOT, 960)
