"""The unit explorer as a user meets it: the tour in a real JupyterLab, keys, clicks, both themes.

With `CNNWIDGETS_SCREENSHOTS` naming a folder, the pictures that are taken are kept there.
"""

import io
import os
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.browser.notebook import PANEL

ROOT = ".cw:not(.cw-view)"
PICTURE, CROP, SEEN = range(3)

RECORD_UNITS = """[
    globals().update(moved=[]),
    explorer.selection.observe(lambda c: moved.append(("asked", c["new"])), "unit"),
    explorer._panels.seen.observe(
        lambda c: moved.append(("shown", explorer._shown.unit[0])), "frame"
    ),
][:0]"""
WATCH_UNITS = """([root, number]) => {
    const element = document.querySelectorAll(`${root} .cw-picture`)[number];
    window.unitsDrawn = [];
    new MutationObserver(() => {
        const alt = element.querySelector(".cw-frame").ariaLabel;
        window.unitsDrawn.push(/unit (\\d+)/.exec(alt)[1]);
    }).observe(element, { attributes: true, attributeFilter: ["data-drawn"] });
}"""


@pytest.fixture(scope="module")
def tour(lab, chromium, checkout):
    """The tour, run from top to bottom."""
    name = lab.copy(checkout / "notebooks" / "00_tour.ipynb")
    with lab.open(chromium, name, size=(1400, 1100)) as notebook:
        notebook.run_all()
        notebook.page.locator(f"{ROOT} .cw-picture").first.scroll_into_view_if_needed()
        yield notebook
        assert notebook.errors == []


@pytest.fixture
def explorer(tour):
    """The tour's first explorer, at rest on features.9 unit 100 of the first picture."""
    tour.ask("explorer.selection.choose(picture=0, layer='features.9', unit=100)")
    tour.ask(
        "[setattr(explorer, 'rule', 'deconvnet'), setattr(explorer, 'size', 'normal')] and None",
    )
    settle(tour)
    return tour


def settle(notebook):
    """Wait until what was asked last is on the screen."""
    notebook.wait_idle()
    notebook.page.wait_for_function(
        f"() => !['busy', 'waiting'].includes(document.querySelector('{ROOT}').dataset.state)"
    )
    # The line may go on counting the pictures that are looked through: the newest words count.
    line = notebook.page.locator(f"{ROOT} .cw-status .cw-words").first
    end = time.monotonic() + 60
    while True:
        text = notebook.ask("[explorer.wait(60), explorer._status.text][1]")
        if text in line.inner_text():
            break
        assert time.monotonic() < end, f"{text!r} was said, {line.inner_text()!r} stands there"
        notebook.page.wait_for_timeout(20)
    assert "preview" not in text
    notebook.page.evaluate(
        "() => new Promise(done => requestAnimationFrame(() => setTimeout(done, 50)))"
    )


def shown(notebook, number):
    """Read the n-th picture of the explorer: [rows, columns, 3]."""
    return notebook.pixels(f"{ROOT} .cw-picture canvas", number)[..., :3].astype(float)


def tones(notebook):
    """Give the reconstruction's colours from the kernel, the box they cover, and the window."""
    names = ("data", "height", "width", "box")
    data, height, width, box = notebook.ask(f"[explorer._panels.seen.frame[k] for k in {names}]")
    window = notebook.ask("explorer._panels.seen.window")
    return np.frombuffer(data, np.uint8).reshape(height, width, 3), box, window


def difference(canvas, pixels, box, window):
    """Give the mean difference between a canvas and these pixels, there where they belong."""
    scale = canvas.shape[0] / (window[2] - window[0])
    top, left, bottom, right = (
        round((b - w) * scale) for b, w in zip(box, (window[:2] * 2), strict=True)
    )
    wanted = np.asarray(
        Image.fromarray(pixels).resize((right - left, bottom - top), Image.Resampling.BILINEAR)
    )
    return np.abs(canvas[top:bottom, left:right] - wanted).mean()


def handle(notebook):
    return notebook.find(f"{ROOT} .noUi-handle")


def test_the_tour_runs_and_both_explorers_stand(tour):
    assert tour.page.locator(ROOT).count() == 2
    assert tour.page.locator(f"{ROOT} .cw-picture canvas").count() == 6


def test_the_slider_moved_by_keyboard_draws_the_next_unit(explorer):
    before = shown(explorer, SEEN)
    handle(explorer).focus()
    explorer.page.keyboard.press("ArrowRight")
    explorer.wait_text(f"{ROOT} .cw-status", "unit 101")
    settle(explorer)
    assert explorer.ask("explorer.result.units[0][0]") == 101
    after = shown(explorer, SEEN)
    pixels, box, window = tones(explorer)
    drawn = difference(after, pixels, box, window)
    assert drawn < 4
    assert (
        difference(before, pixels, box, window) > 3 * drawn
    )  # another unit's picture is told apart
    for key, unit in (
        ("PageUp", 111),
        ("ArrowLeft", 110),
        ("PageDown", 100),
        ("End", 383),
        ("Home", 0),
    ):
        explorer.page.keyboard.press(key)
        settle(explorer)
        assert explorer.ask("explorer.unit") == unit, key


def test_a_key_held_down_shows_pictures_on_the_way_and_the_last_at_rest(explorer):
    handle(explorer).focus()
    drawn = f"() => Number(document.querySelectorAll('{ROOT} .cw-picture')[{SEEN}].dataset.drawn)"
    start = explorer.evaluate(drawn)
    explorer.evaluate(WATCH_UNITS, [ROOT, SEEN])
    explorer.ask(RECORD_UNITS)
    for _ in range(40):
        explorer.page.keyboard.down("ArrowRight")  # again and again: a repeat
    explorer.page.keyboard.up("ArrowRight")
    settle(explorer)
    assert explorer.evaluate("() => window.unitsDrawn")[-1] == "140"
    # The kernel hears of the last key while a message is on its way: from there on it counts.
    moved = explorer.ask("moved")
    after = moved[moved.index(("asked", 140)) :]
    late = [unit for what, unit in after if what == "shown" and unit != 140]
    assert len(late) <= 1, "once the last is asked for there is one stale picture at most"
    assert sum(what == "shown" for what, _ in moved) >= 3
    assert explorer.ask("explorer.result.units[0][0]") == 140
    assert explorer.evaluate(drawn) - start >= 3
    pixels, box, window = tones(explorer)
    assert difference(shown(explorer, SEEN), pixels, box, window) < 4


def test_the_photograph_is_exact_at_rest(explorer):
    canvas = shown(explorer, CROP)
    data, window = explorer.ask(
        "[explorer._panels.crop.frame['data'], explorer._panels.crop.window]"
    )
    photo = np.frombuffer(data, np.uint8).reshape(224, 224, 3)
    top, left, bottom, right = (max(0, min(224, round(edge))) for edge in window)
    assert difference(canvas, photo[top:bottom, left:right], [top, left, bottom, right], window) < 4


def test_a_click_on_the_map_and_the_arrow_keys_choose_the_position(explorer):
    canvas = explorer.find(f"{ROOT} .cw-picture canvas")
    box = canvas.bounding_box()
    start, jump = explorer.ask("[explorer._panels.picture.grid[k] for k in ('start', 'jump')]")
    row, column = 7, 4
    canvas.click(
        position={
            "x": (start[1] + column * jump[1]) / 224 * box["width"],
            "y": (start[0] + row * jump[0]) / 224 * box["height"],
        }
    )
    settle(explorer)
    assert explorer.ask("explorer.result.units[0]") == (100, row, column)
    explorer.page.keyboard.press("ArrowRight")
    explorer.page.keyboard.press("Shift+ArrowUp")
    settle(explorer)
    assert explorer.ask("explorer.result.units[0]") == (100, row - 4, column + 1)
    explorer.page.keyboard.press("Enter")
    settle(explorer)
    assert explorer.ask("explorer.position") is None


def test_a_bar_is_chosen_by_click(explorer):
    units = explorer.ask("explorer._panels.active.labels")
    explorer.find(f"{ROOT} .cw-area-active button, {ROOT} .cw-area-active [role=option]", 3).click()
    settle(explorer)
    assert explorer.ask("explorer.unit") == int(units[3])


def test_a_rule_is_chosen_and_drawn(explorer):
    deconvnet = explorer.ask("float(explorer.result.images.abs().sum())")
    explorer.find(f"{ROOT} select", 2).select_option("saliency")
    settle(explorer)
    assert explorer.ask("tuple(explorer.result.rule)") == (True, True, False)
    assert explorer.ask("float(explorer.result.images.abs().sum())") != deconvnet
    pixels, box, window = tones(explorer)
    assert difference(shown(explorer, SEEN), pixels, box, window) < 4


def test_a_number_out_of_range_is_told_and_the_explorer_lives_on(explorer):
    number = explorer.find(f"{ROOT} input[type=number]")
    number.fill("900")
    number.press("Enter")
    explorer.wait_text(f"{ROOT} .cw-status", "features.9 has 384 units, 0 to 383; 900 was asked.")
    explorer.wait_text(f"{ROOT} .cw-status", "Showing unit 100.")
    number.fill("7")
    number.press("Enter")
    explorer.wait_text(f"{ROOT} .cw-status", "unit 7 ")
    settle(explorer)
    assert explorer.ask("explorer.error") == ""


def test_a_running_cell_is_told_and_the_picture_follows(explorer):
    start = f"""code => void {PANEL}.sessionContext.session.kernel.requestExecute({{ code }})"""
    explorer.evaluate(start, "import time; time.sleep(4)")
    handle(explorer).focus()
    explorer.page.keyboard.press("ArrowRight")
    explorer.wait_text(f"{ROOT} .cw-status", "a cell is running")
    explorer.wait_text(f"{ROOT} .cw-status", "unit 101")
    settle(explorer)
    assert explorer.ask("explorer.result.units[0][0]") == 101


def test_code_is_shown_and_the_png_comes_down(explorer, tmp_path):
    explorer.find(f"{ROOT} .cw-status button:has-text('Code')").click()
    explorer.wait_text(f"{ROOT} pre", 'cw.load_model("squeezenet1_1")')
    explorer.find(f"{ROOT} button:has-text('Close')").click()
    with explorer.page.expect_download() as download:
        explorer.find(f"{ROOT} .cw-status button:has-text('PNG')").click()
    assert download.value.suggested_filename == "chelsea_features.9_unit100_deconvnet.png"
    download.value.save_as(tmp_path / "figure.png")
    with Image.open(tmp_path / "figure.png") as figure:
        assert figure.width > 600


def test_alternative_texts_say_the_numbers(explorer):
    alts = [
        explorer.find(f"{ROOT} .cw-picture canvas", n).evaluate(
            "c => c.closest('[aria-label]')?.ariaLabel"
        )
        for n in range(3)
    ]
    assert "features.9 unit 100" in alts[0] and "row" in alts[0]
    assert "Deconvnet reconstruction" in alts[2] and "response" in alts[2]
    assert all(0 < len(alt) <= 200 for alt in alts)


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [960, 640])
def test_it_looks_as_it_should(explorer, dark, width, tmp_path):
    folder = Path(os.environ.get("CNNWIDGETS_SCREENSHOTS", tmp_path))
    explorer.set_theme(dark)
    explorer.set_width(ROOT, width)
    path = folder / f"unit_explorer_{'dark' if dark else 'light'}_{width}.png"
    picture = np.asarray(
        Image.open(io.BytesIO(explorer.screenshot(ROOT, path))).convert("L")
    ).astype(float)
    explorer.set_theme(False)
    ground = np.median(picture[:, :8])
    assert ground < 40 if dark else ground > 240
    overflow = explorer.find(ROOT).evaluate("root => root.scrollWidth - root.clientWidth")
    assert overflow <= 0
    boxes = [explorer.find(f"{ROOT} .cw-picture canvas", n).bounding_box() for n in range(3)]
    assert all(abs(box["width"] - box["height"]) < 1.5 for box in boxes)
    if width == 960:  # one row of controls, as in a sentence
        tops = {
            round(explorer.find(f"{ROOT} .cw-controls > *", n).bounding_box()["y"] / 8)
            for n in range(explorer.page.locator(f"{ROOT} >> nth=0 >> .cw-controls > *").count())
        }
        assert len(tops) == 1


def test_projector_is_twice_as_large_and_the_slider_still_follows_the_pointer(explorer):
    small = explorer.find(f"{ROOT} .cw-status").bounding_box()["height"]
    explorer.ask("setattr(explorer, 'size', 'projector')")
    explorer.find(f"{ROOT}.cw-big")
    assert explorer.find(f"{ROOT} .cw-status").bounding_box()["height"] > 1.7 * small
    track = explorer.find(f"{ROOT} .noUi-base").bounding_box()
    explorer.page.mouse.click(track["x"] + track["width"] / 2, track["y"] + track["height"] / 2)
    settle(explorer)
    assert abs(explorer.ask("explorer.unit") - 383 / 2) < 4
    explorer.ask("setattr(explorer, 'size', 'normal')")
