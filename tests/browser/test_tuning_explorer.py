"""The tuning explorer as a user meets it, in a real JupyterLab: keys, clicks, both themes.

With `CNNWIDGETS_SCREENSHOTS` naming a folder, the pictures that are taken are kept there.
"""

import io
import os
from math import radians
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cnnwidgets.engines.gratings import grating

CELLS = [
    """
import cnnwidgets as cw
model = cw.load_model("alexnet")
explorer = cw.TuningExplorer(model, unit=18)
explorer
""",
    """
units = cw.UnitExplorer(model, selection=explorer.selection)
units
""",
]
ROOT = ".cw:not(.cw-view):has(.cw-main-tuning)"
UNITS = ".cw:not(.cw-view):has(.cw-main-unit)"
SIDE = 224
POLAR, JOINT = 0, 2
NEXT_FRAME = "() => new Promise(done => requestAnimationFrame(() => setTimeout(done, 50)))"


@pytest.fixture(scope="module")
def opened(lab, chromium):
    name = lab.write("tuning.ipynb", CELLS)
    with lab.open(chromium, name, size=(1400, 1200)) as notebook:
        notebook.run_all()
        notebook.find(f"{ROOT} .cw-picture canvas").scroll_into_view_if_needed()
        notebook.set_width(ROOT, 960)
        yield notebook
        assert notebook.errors == []


@pytest.fixture
def explorer(opened):
    """The explorer, at rest on the best grating of features.0 unit 18."""
    opened.ask("[explorer.selection.choose(layer='features.0', unit=18), explorer.show_best()][0]")
    settle(opened)
    return opened


def settle(notebook):
    """Wait until what was asked last is on the screen."""
    notebook.wait_idle()
    said = notebook.ask("[explorer.wait(60), explorer._panels.picture.reading][1]")
    notebook.wait_text(f"{ROOT} .cw-picture .cw-reading", said)
    notebook.evaluate(NEXT_FRAME)


def stimulus(notebook):
    """Give orientation in radians, frequency, phase and centre, as they stand."""
    names = "('orientation', 'frequency', 'phase')"
    values = notebook.ask(f"{{n: getattr(explorer, n) for n in {names}}}")
    return values | {"centre": notebook.ask("explorer._shown.centre")}


def difference(notebook, **asked):
    """Give how far the canvas is from a grating, in 0..255."""
    canvas = notebook.pixels(f"{ROOT} .cw-picture canvas")[..., :3].astype(float)
    top, left, bottom, right = map(round, notebook.ask("explorer._panels.picture.window"))
    whole = grating(SIDE, SIDE, **asked).mul(255).byte().permute(1, 2, 0).numpy()
    wanted = Image.fromarray(whole[top:bottom, left:right]).resize(
        (canvas.shape[1], canvas.shape[0]), Image.Resampling.BILINEAR
    )
    inside = slice(canvas.shape[0] // 8, -canvas.shape[0] // 8)
    return np.abs(canvas - np.asarray(wanted))[inside, inside].mean()


def test_the_orientation_moved_by_keyboard_shows_that_grating(explorer):
    before = stimulus(explorer)
    said = explorer.find(f"{ROOT} .cw-picture .cw-reading").inner_text()
    drawn = difference(explorer, **before)
    handle = explorer.find(f"{ROOT} .cw-slider-row .noUi-handle")
    handle.focus()
    explorer.page.keyboard.press("PageUp")
    explorer.page.keyboard.press("ArrowRight")
    settle(explorer)
    after = stimulus(explorer)
    turned = round(np.degrees(after["orientation"] - before["orientation"]) % 180)
    assert turned > 1 and after["frequency"] == before["frequency"]
    # The field's mark and the smoothing are the rest.
    assert difference(explorer, **after) < 15 and drawn < 15
    assert difference(explorer, **before) > 2 * difference(explorer, **after)
    degrees = f"{np.degrees(after['orientation']):.0f}°"
    explorer.wait_text(f"{ROOT} .cw-slider-row", degrees)
    assert explorer.find(f"{ROOT} .cw-picture .cw-reading").inner_text() != said
    meter = explorer.find(f"{ROOT} .cw-meter")
    alt = explorer.ask("explorer._panels.meter.alt")
    assert alt.startswith("Response of unit 18: ")
    assert (
        meter.locator(f'[aria-label="{alt}"]').count() or meter.get_attribute("aria-label") == alt
    )


def test_a_click_on_the_joint_tuning_sets_orientation_and_frequency(explorer):
    area = explorer.find(f"{ROOT} .cw-chart >> nth={JOINT} >> .plotarea_events").bounding_box()
    row, column = 6, 9
    explorer.page.mouse.click(
        area["x"] + (column + 0.5) / 12 * area["width"],
        area["y"] + (1 - (row + 0.5) / 10) * area["height"],
    )
    settle(explorer)
    at = stimulus(explorer)
    assert at["orientation"] == pytest.approx(radians(135))
    assert at["frequency"] == explorer.ask("float(explorer.result.frequencies[6])")
    explorer.wait_text(f"{ROOT} .cw-slider-row", "135°")
    explorer.wait_text(
        f"{ROOT} .cw-slider-row", explorer.ask("explorer._controls.readings['frequency'].value")
    )
    explorer.wait_text(f"{ROOT} .cw-chart .cw-reading", "at 135°")
    assert difference(explorer, **at) < 15


def test_arrow_keys_turn_the_grating_on_the_polar_plot(explorer):
    start = round(np.degrees(stimulus(explorer)["orientation"]))
    explorer.find(f"{ROOT} .cw-chart >> nth={POLAR} >> .bqplot").focus()
    for presses in (1, 2):
        explorer.page.keyboard.press("ArrowUp")
        settle(explorer)
        at = np.degrees(stimulus(explorer)["orientation"])
        assert round(at) == (start + 15 * presses) % 180


def test_the_unit_of_one_explorer_stands_in_the_other(explorer):
    slider = explorer.find(f"{UNITS} .cw-controls .noUi-handle")
    slider.scroll_into_view_if_needed()
    slider.focus()
    explorer.page.keyboard.press("ArrowRight")
    explorer.wait_text(f"{ROOT} .cw-status", "unit 19 ")
    settle(explorer)
    best = explorer.ask("float(explorer.result.orientations[explorer.result.best[19, 0]])")
    assert stimulus(explorer)["orientation"] == pytest.approx(best)
    number = explorer.find(f"{ROOT} input[type=number]")
    number.fill("7")
    number.press("Enter")
    explorer.wait_text(f"{UNITS} .cw-status", "unit 7 ")
    assert explorer.ask("[units.wait(60), units.result.units[0][0]][1]") == 7
    explorer.find(f"{ROOT} .cw-picture canvas").scroll_into_view_if_needed()


@pytest.mark.parametrize("dark", [False, True])
def test_it_stands_in_both_themes(explorer, dark, tmp_path):
    folder = Path(os.environ.get("CNNWIDGETS_SCREENSHOTS", tmp_path))
    path = folder / f"tuning_explorer_{'dark' if dark else 'light'}.png"
    explorer.set_theme(dark)
    picture = np.asarray(
        Image.open(io.BytesIO(explorer.screenshot(ROOT, path))).convert("L"), dtype=float
    )
    explorer.set_theme(False)
    ground = np.median(picture[:, :8])
    assert ground < 40 if dark else ground > 240
    root = explorer.find(ROOT)
    assert root.evaluate("root => root.scrollWidth - root.clientWidth") <= 0
    assert explorer.page.locator(f"{ROOT} .cw-chart").count() == 6
    assert explorer.errors == []
