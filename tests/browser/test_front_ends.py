"""One notebook in every front end: live, saved and opened again, with and without its kernel.

With `CNNWIDGETS_SCREENSHOTS` naming a folder, the pictures that are taken are kept there.
"""

import importlib.util
import json
import os
import re
from pathlib import Path

import numpy as np
import pytest

from tests.browser.notebook import PIXELS

ROOT = ".cw:not(.cw-view)"
STILL = "[data-cw-still]"
CELL = """
import cnnwidgets as cw
explorer = cw.UnitExplorer(cw.load_model("squeezenet1_1"), cw.load_images("photos"))
explorer.selection.choose(layer="features.9", unit=311)
explorer
"""
SIZE = (1200, 1100)
DRAWN = """([root, words]) => {
    const frames = document.querySelectorAll(`${root} .cw-picture .cw-frame`);
    return frames[2]?.ariaLabel.includes(words);
}"""


def keep(page, name):
    if folder := os.environ.get("CNNWIDGETS_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png")


def seen(page):
    """Read the reconstruction's canvas as text: whether it changes is all that is asked."""
    canvas = page.locator(f"{ROOT} .cw-picture canvas").nth(2)
    canvas.wait_for(state="visible")
    return canvas.evaluate(PIXELS)[2]


def move(page, unit):
    """Move the slider one unit up by keyboard, and wait until that is drawn."""
    before = seen(page)
    page.locator(f"{ROOT} .noUi-handle").first.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function(DRAWN, arg=[ROOT, f"unit {unit} "])
    assert seen(page) != before


def stills(page):
    """Count the stills that are there, and those that can be seen."""
    found = page.locator(STILL)
    return found.count(), page.locator(f"{STILL}:visible").count()


@pytest.mark.parametrize("editor", ["lab", "notebook"])
def test_a_saved_notebook_shows_a_still_until_it_is_run_again(lab, chromium, editor):
    if importlib.util.find_spec(editor) is None and editor != "lab":
        pytest.skip(f"{editor} is not installed: `pip install cnnwidgets[test]`")
    name = lab.write(f"still_{editor}.ipynb", [CELL])
    with lab.open(chromium, name, size=SIZE, editor=editor) as notebook:
        notebook.run_all()
        notebook.ask("explorer.wait(60)")
        move(notebook.page, 312)
        said = notebook.page.locator(f"{STILL} img[alt*='unit 312']")
        said.wait_for(state="attached")  # renewed at rest
        assert stills(notebook.page) == (1, 0)
        keep(notebook.page, f"{editor}_live")
        notebook.save()
        notebook.reload(name)  # the same kernel: live as it was
        notebook.wait_text(f"{ROOT} .cw-status", "unit 312")
        move(notebook.page, 313)
        assert stills(notebook.page) == (1, 0)
        notebook.save()
    with lab.open(chromium, name, size=SIZE, editor=editor) as notebook:
        picture = notebook.find(f"{STILL} img")
        assert picture.evaluate("one => one.naturalWidth") > 1000
        assert re.search("features.9 unit 31[23]", picture.get_attribute("alt"))
        assert "still of UnitExplorer" in notebook.find(f"{STILL} figcaption").inner_text()
        assert notebook.page.locator(ROOT).count() == 0
        notebook.page.wait_for_timeout(2500)  # the widget manager gives up looking after two
        lost = notebook.page.get_by_text("model not found")
        assert lost.locator("visible=true").count() == 0
        keep(notebook.page, f"{editor}_saved")
        notebook.run_all()
        notebook.ask("explorer.wait(60)")
        move(notebook.page, 312)
        assert stills(notebook.page) == (1, 0)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_voila_shows_it_live(lab, chromium, dark):
    if importlib.util.find_spec("voila") is None:
        pytest.skip("voila is not installed: `pip install cnnwidgets[test]`")
    with lab.render(chromium, lab.write("voila.ipynb", [CELL]), dark=dark, size=SIZE) as page:
        page.locator(f"{ROOT} .cw-status", has_text="unit 311").wait_for(state="visible")
        move(page, 312)
        page.locator(f"{ROOT} .cw-tile").locator("visible=true").first.wait_for(state="visible")
        ground = page.evaluate("() => getComputedStyle(document.body).backgroundColor")
        assert (np.mean([int(part) for part in re.findall(r"\d+", ground)[:3]]) < 128) == dark
        assert stills(page)[1] == 0
        keep(page, f"voila_{'dark' if dark else 'light'}")


def test_what_is_saved_is_small_and_holds_words(lab, chromium):
    name = lab.write("small.ipynb", [CELL + "explorer.wait(60)\nexplorer"])
    with lab.open(chromium, name) as notebook:
        notebook.run_all()
        notebook.save()
    outputs = json.loads((lab.folder / name).read_text())["cells"][0]["outputs"]
    live, still = (output["data"] for output in outputs)
    assert "still follows" in "".join(live["text/plain"])
    assert "unit 311" in "".join(still["text/plain"])
    assert 10_000 < len("".join(still["text/html"])) < 300_000
