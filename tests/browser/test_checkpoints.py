"""Checkpoints and groups of units as a user meets them, in a real JupyterLab: keys, text, pixels.

With `CNNWIDGETS_SCREENSHOTS` naming a folder, the pictures that are taken are kept there.
"""

import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.browser.test_unit_explorer import ROOT, SEEN, settle, shown, tones

CELL = """
import torch
from torch import nn
import cnnwidgets as cw

def network(seed):
    torch.manual_seed(seed)
    first, second = nn.Conv2d(3, 8, 7, stride=2, padding=3), nn.Conv2d(8, 12, 3, padding=1)
    return nn.Sequential(first, nn.ReLU(), second, nn.ReLU()).eval()

def plain(seed, **arguments):
    return cw.wrap_model(network(seed), input_shape=(3, 64, 64), mean=(0.5,) * 3, std=(0.25,) * 3)

def wanted(seed):  # what a plain network of these weights sees
    q = explorer.selection
    model = plain(seed)
    for read_out in q.model.read_outs:
        model = model.attach(read_out.name, at=read_out.at, weight=read_out.weight)
    record = cw.graph.record(model, model.preprocess([images.images[q.picture]]))
    return cw.engines.deconv.reconstruct(record, q.layer, [q.unit]).images

states = {f"epoch {seed}": network(seed).state_dict() for seed in range(15)}
states["epoch 5"]["2.bias"][0] = torch.nan
images = cw.load_images("photos")
explorer = cw.UnitExplorer(plain(99), images, checkpoints=states, layer="3", unit=4)
explorer
"""
STATUS = f"{ROOT} .cw-status"
RIGHT = "torch.equal(explorer.result.images, wanted(explorer.checkpoint))"


@pytest.fixture(scope="module")
def opened(lab, chromium):
    with lab.open(chromium, lab.write("checkpoints.ipynb", [CELL]), size=(1400, 1100)) as notebook:
        notebook.run_all()
        yield notebook
        assert notebook.errors == []


@pytest.fixture
def explorer(opened):
    """The explorer at rest on unit 4 of layer 3 at epoch 14."""
    opened.ask("explorer.selection.choose(picture=0, layer='3', unit=4)")
    opened.ask("explorer.set_trait('checkpoint', 14)")
    settle(opened)
    return opened


def slider(notebook):
    """Give the handle of the checkpoint slider, with the focus."""
    handle = notebook.find(f"{ROOT} .noUi-handle", 1)
    handle.focus()
    return handle


def assert_right(notebook):
    """Compare kernel with plain network, and canvas with kernel."""
    assert notebook.ask(RIGHT)
    pixels, box, window = tones(notebook)
    canvas = shown(notebook, SEEN)
    scale = canvas.shape[0] / (window[2] - window[0])
    top, left, bottom, right = (
        round((b - w) * scale) for b, w in zip(box, (window[:2] * 2), strict=True)
    )
    part = canvas[top:bottom, left:right]
    size = part.shape[1::-1]  # the canvas may be a pixel off a square
    wanted = Image.fromarray(pixels).resize(size, Image.Resampling.BILINEAR)
    assert np.abs(part - np.asarray(wanted)).mean() < 4


def test_the_slider_moved_by_keyboard_draws_another_checkpoint(explorer):
    before = shown(explorer, SEEN)
    assert_right(explorer)
    assert slider(explorer).get_attribute("aria-label") == "checkpoint"
    explorer.page.keyboard.press("ArrowLeft")
    explorer.wait_text(STATUS, "epoch 13 · unit 4")
    settle(explorer)
    assert explorer.ask("explorer.checkpoint") == 13
    assert_right(explorer)
    assert np.abs(shown(explorer, SEEN) - before).mean() > 2
    assert explorer.find(f"{ROOT} .cw-beside").inner_text() == "epoch 13"


def test_pages_and_ends(explorer):
    for key, number in (("Home", 0), ("PageUp", 10), ("ArrowUp", 11), ("End", 14), ("PageDown", 4)):
        slider(explorer)
        explorer.page.keyboard.press(key)
        explorer.wait_text(STATUS, f"epoch {number} · unit 4")
        settle(explorer)
        assert_right(explorer)


def test_a_held_key_ends_at_the_last_and_draws_on_the_way(explorer):
    slider(explorer)
    explorer.page.keyboard.press("Home")
    settle(explorer)
    explorer.evaluate(
        """root => {
            const element = document.querySelectorAll(`${root} .cw-picture`)[0];
            window.epochs = [];
            new MutationObserver(() => {
                const alt = element.querySelector(".cw-frame").ariaLabel;
                window.epochs.push(/epoch \\d+/.exec(alt)?.[0]);
            }).observe(element, { attributes: true, attributeFilter: ["data-drawn"] });
        }""",
        ROOT,
    )
    for _ in range(4):  # as far as the bad one
        explorer.page.keyboard.down("ArrowRight")
    explorer.page.keyboard.up("ArrowRight")
    explorer.wait_text(STATUS, "epoch 4 · unit 4")
    settle(explorer)
    assert_right(explorer)
    epochs = explorer.evaluate("() => window.epochs")
    assert epochs[-1] == "epoch 4"
    assert epochs == sorted(epochs)


def test_a_bad_checkpoint_is_told_the_picture_stays_and_the_slider_lives_on(explorer):
    explorer.ask("explorer.set_trait('checkpoint', 6)")
    settle(explorer)
    before = shown(explorer, SEEN)
    slider(explorer)
    explorer.page.keyboard.press("ArrowLeft")
    explorer.wait_text(STATUS, "checkpoint 'epoch 5' holds NaN or infinity in '2.bias'")
    explorer.wait_text(STATUS, "Showing epoch 6 · unit 4.")
    assert np.array_equal(shown(explorer, SEEN), before)
    explorer.page.keyboard.press("ArrowLeft")
    explorer.wait_text(STATUS, "epoch 4 · unit 4")
    settle(explorer)
    assert_right(explorer)


def test_a_group_is_written_entered_and_follows_the_slider(explorer):
    before = shown(explorer, SEEN)
    field = explorer.page.get_by_role("textbox", name="group of units")
    field.fill("4 + 0.5*7 - 2")
    assert explorer.ask("explorer.layer") == "3"  # not before Enter
    field.press("Enter")
    explorer.wait_text(STATUS, "epoch 14 · unit 0")
    settle(explorer)
    name = "3[4 + 0.5·7 − 2]"
    assert explorer.ask("explorer.layer") == name
    chosen = explorer.find(f"{ROOT} select", 1).evaluate("e => e.selectedOptions[0].textContent")
    assert chosen.replace("\N{NO-BREAK SPACE}", " ") == f"{name} · read-out · 1 × 32 × 32"
    assert_right(explorer)
    assert np.abs(shown(explorer, SEEN) - before).mean() > 1
    slider(explorer)
    explorer.page.keyboard.press("ArrowLeft")
    explorer.wait_text(STATUS, "epoch 13 · unit 0")
    settle(explorer)
    assert_right(explorer)
    explorer.find(f"{ROOT} select", 1).select_option(index=1)
    settle(explorer)
    assert explorer.ask("explorer.layer") == "1"
    explorer.ask("explorer.selection.choose(layer='3', unit=4)")
    field.press("Enter")  # the same text again
    explorer.wait_text(STATUS, "unit 0")
    settle(explorer)
    assert explorer.ask("explorer.layer") == name
    assert explorer.ask("len(explorer.selection.model.read_outs)") == 1


def test_a_wrong_text_is_one_sentence(explorer):
    field = explorer.page.get_by_role("textbox", name="group of units")
    field.fill("eyes")
    field.press("Enter")
    explorer.wait_text(STATUS, "'eyes' is no group of units; write a sum")
    explorer.wait_text(STATUS, "Showing epoch 14 · unit 4.")
    field.fill("3, 4")
    field.press("Enter")
    settle(explorer)
    assert explorer.ask("(explorer.layer, explorer.error)") == ("3[mean of 3, 4]", "")
    assert_right(explorer)


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [960, 640])
def test_it_looks_as_it_should(explorer, dark, width, tmp_path):
    folder = Path(os.environ.get("CNNWIDGETS_SCREENSHOTS", tmp_path))
    explorer.set_theme(dark)
    explorer.set_width(ROOT, width)
    path = folder / f"checkpoints_{'dark' if dark else 'light'}_{width}.png"
    picture = Image.open(io.BytesIO(explorer.screenshot(ROOT, path))).convert("L")
    ground = np.median(np.asarray(picture)[:, :8])
    assert ground < 40 if dark else ground > 240
    overflow = explorer.find(ROOT).evaluate("root => root.scrollWidth - root.clientWidth")
    assert overflow <= 0
    boxes = {
        name: explorer.find(f"{ROOT} {selector}", number).bounding_box()
        for name, selector, number in (
            ("slider", ".cw-columns > *", 0),
            ("group", ".cw-columns > *", 1),
            ("picture", ".cw-area-picture", 0),
            ("beside", ".cw-area-crop" if width == 960 else ".cw-area-seen", 0),
            ("controls", ".cw-controls", 0),
        )
    }
    assert boxes["slider"]["x"] == pytest.approx(boxes["picture"]["x"], abs=1)
    assert boxes["slider"]["width"] == pytest.approx(boxes["picture"]["width"], abs=1.5)
    assert boxes["group"]["x"] == pytest.approx(boxes["beside"]["x"], abs=1.5)
    below = boxes["controls"]["y"] + boxes["controls"]["height"]
    assert boxes["slider"]["y"] == pytest.approx(boxes["group"]["y"], abs=1)
    assert below <= boxes["slider"]["y"] + 1 < boxes["picture"]["y"]
    explorer.set_theme(False)
    explorer.set_width(ROOT, 960)
