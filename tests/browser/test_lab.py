"""The harness itself, with the smallest notebook of widgets."""

import io

import numpy as np
import pytest
from PIL import Image

CELLS = [
    """
import ipywidgets
slider, label = ipywidgets.IntSlider(max=100), ipywidgets.Label("not moved")
slider.observe(lambda change: setattr(label, "value", f"moved to {change['new']}"), "value")
label.add_class("moved")
ipywidgets.VBox([slider, label]).add_class("box")
""",
    """
import anywidget, traitlets
class Red(anywidget.AnyWidget):
    _esm = '''
export default { render({ model, el }) {
    const canvas = el.appendChild(document.createElement("canvas"));
    [canvas.width, canvas.height] = [4, 3];
    const context = canvas.getContext("2d");
    context.fillStyle = "#ff8000";
    context.fillRect(1, 0, 3, 3);
} }
'''
Red()
""",
]


@pytest.fixture(scope="module")
def notebook(lab, chromium):
    with lab.open(chromium, lab.write("harness.ipynb", CELLS), dark=True) as opened:
        opened.run_all()
        yield opened
        assert opened.errors == []


def test_a_slider_moved_by_keyboard_changes_a_label(notebook):
    handle = notebook.find(".box .noUi-handle")
    handle.focus()
    for _ in range(3):
        notebook.page.keyboard.press("ArrowRight")
    notebook.wait_text(".moved", "moved to 3")


def test_pixels_of_a_canvas_are_read(notebook):
    pixels = notebook.pixels("canvas")
    assert pixels.shape == (3, 4, 4)
    assert (pixels[:, 1:] == (255, 128, 0, 255)).all()
    assert (pixels[:, 0] == 0).all()


def test_theme_and_width_are_set_and_seen_in_a_screenshot(notebook, tmp_path):
    for width, dark in ((960, True), (640, False)):
        notebook.set_theme(dark)
        notebook.set_width(".box", width)
        made = notebook.screenshot(".box", tmp_path / "box.png")
        assert (tmp_path / "box.png").read_bytes() == made
        picture = np.asarray(Image.open(io.BytesIO(made)).convert("L"))
        assert picture.shape[1] == width
        assert (np.median(picture) < 64) == dark


def test_a_cell_that_raises_and_a_page_that_complains_are_seen(lab, chromium):
    with lab.open(chromium, lab.write("raises.ipynb", ["1 / 0"])) as notebook:
        with pytest.raises(AssertionError, match="ZeroDivisionError"):
            notebook.run_all()
        notebook.evaluate("() => console.error('planted')")
        assert notebook.errors == ["planted"]


def test_a_notebook_of_the_checkout_is_copied_with_a_kernel(lab, tmp_path):
    plain = tmp_path / "plain.ipynb"
    plain.write_text('{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}')
    name = lab.copy(plain)
    assert '"name": "python3"' in (lab.folder / name).read_text()
    assert "kernelspec" not in plain.read_text()
