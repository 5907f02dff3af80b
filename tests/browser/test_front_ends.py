"""The same notebook in every front end: live, saved, opened again with its kernel and without.

With `CNNWIDGETS_SCREENSHOTS` naming a folder, the pictures that are taken are kept there.
"""

import importlib.util
import os
import re
from pathlib import Path

import nbformat
import numpy as np
import pytest

from cnnwidgets.views.encoding import png_bytes
from cnnwidgets.views.still import still_html
from tests.browser.notebook import PIXELS

ROOT = ".cw:not(.cw-view)"
STILL = "[data-cw-still]"
CELLS = [
    """
import cnnwidgets as cw
model = cw.load_model("squeezenet1_1")
explorer = cw.UnitExplorer(model, cw.load_images("photos"))
explorer.selection.choose(layer="features.9", unit=311)
explorer
""",
    "cw.TuningExplorer(model, layer='features.0', unit=18)",
    "cw.TripletStepper(people=None, sittings=None, order='random')",
    "cw.ClassBoard('nobody', {'planted': [[0, 1], [1, 0], [1, 1]]}, ['a', 'b', 'c'], people=None)",
]
DRAWN_BY = [
    ".cw-picture canvas",
    ".bqplot .lines path, .bqplot path.line",
    ".cw-odd-picture canvas",
    ".cw-board-plan label, .cw-board-plan .widget-label",
]
"""What shows of each explorer that its front end has drawn it."""
SIZE = (1200, 1100)
RECONSTRUCTION_IS_OF = """([root, words]) => {
    const frames = document.querySelectorAll(`${root} .cw-picture .cw-frame`);
    return frames[2]?.ariaLabel.includes(words);
}"""


def keep(page, name):
    if folder := os.environ.get("CNNWIDGETS_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png")


def all_drawn(page):
    for number, selector in enumerate(DRAWN_BY):
        page.locator(ROOT).nth(number).locator(selector).first.wait_for(state="attached")


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
    page.wait_for_function(RECONSTRUCTION_IS_OF, arg=[ROOT, f"unit {unit} "])
    assert seen(page) != before


def stills(page):
    """Count the stills that are there, and those that can be seen."""
    return page.locator(STILL).count(), page.locator(f"{STILL}:visible").count()


def check_dark(page, dark):
    ground = page.evaluate("() => getComputedStyle(document.body).backgroundColor")
    assert (np.mean([int(part) for part in re.findall(r"\d+", ground)[:3]]) < 128) == dark


def need(module):
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{module} is not installed: `pip install cnnwidgets[test]`")


@pytest.mark.parametrize(
    ("editor", "dark"),
    [
        ("notebook", False),
        # The other tests of explorers are in JupyterLab, in both themes.
        pytest.param("lab", False, marks=pytest.mark.slow),
        pytest.param("lab", True, marks=pytest.mark.slow),
        pytest.param("notebook", True, marks=pytest.mark.slow),
    ],
)
def test_all_explorers_are_live_where_cells_are_run(lab, chromium, editor, dark):
    need({"lab": "jupyterlab"}.get(editor, editor))
    name = lab.write(f"live_{editor}.ipynb", CELLS)
    with lab.open(chromium, name, size=SIZE, editor=editor, dark=dark) as notebook:
        notebook.run_all()
        all_drawn(notebook.page)
        move(notebook.page, 312)
        check_dark(notebook.page, dark)
        assert stills(notebook.page) == (4, 0)
        keep(notebook.page, f"{editor}_{'dark' if dark else 'light'}")


@pytest.mark.parametrize("dark", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_all_explorers_are_live_in_voila(lab, chromium, dark):
    need("voila")
    with lab.render(chromium, lab.write("voila.ipynb", CELLS), dark=dark, size=SIZE) as page:
        all_drawn(page)
        move(page, 312)
        check_dark(page, dark)
        assert stills(page)[1] == 0
        keep(page, f"voila_{'dark' if dark else 'light'}")


@pytest.mark.slow  # three kernels each; the quick tests beneath see the same still
@pytest.mark.parametrize("editor", ["lab", "notebook"])
def test_a_saved_notebook_shows_a_still_until_it_is_run_again(lab, chromium, editor):
    need({"lab": "jupyterlab"}.get(editor, editor))
    name = lab.write(f"still_{editor}.ipynb", CELLS[:1])
    with lab.open(chromium, name, size=SIZE, editor=editor) as notebook:
        notebook.run_all()
        notebook.ask("explorer.wait(60)")
        move(notebook.page, 312)
        renewed = notebook.page.locator(f"{STILL} img[alt*='unit 312']")
        renewed.wait_for(state="attached")  # at rest
        notebook.save()
        notebook.reload(name)  # the same kernel: live as it was
        notebook.page.wait_for_function(RECONSTRUCTION_IS_OF, arg=[ROOT, "unit 312 "])
        move(notebook.page, 313)
        assert stills(notebook.page) == (1, 0)
    with lab.open(chromium, name, size=SIZE, editor=editor) as notebook:
        picture = notebook.find(f"{STILL} img")
        assert picture.evaluate("one => one.naturalWidth") > 1000
        assert "features.9 unit 312" in picture.get_attribute("alt")
        assert "still of UnitExplorer" in notebook.find(f"{STILL} figcaption").inner_text()
        lost = notebook.page.get_by_text("model not found")
        lost.first.wait_for(state="attached")  # the widget manager looks for two seconds
        assert lost.locator("visible=true").count() == 0
        assert notebook.page.locator(ROOT).count() == 0
        keep(notebook.page, f"{editor}_saved")
        notebook.run_all()
        notebook.ask("explorer.wait(60)")
        move(notebook.page, 312)
        assert stills(notebook.page) == (1, 0)


@pytest.mark.parametrize("editor", ["lab", pytest.param("notebook", marks=pytest.mark.slow)])
def test_a_notebook_of_somebody_else_shows_the_still_too(lab, chromium, editor):
    """It is not trusted: attributes, styles and scripts are taken out of its outputs."""
    widget = {"model_id": "gone", "version_major": 2, "version_minor": 0}
    still = still_html("key", png_bytes(np.full((40, 60, 3), 90, np.uint8)), "unit 312", "A still.")
    outputs = [
        nbformat.v4.new_output("display_data", data)
        for data in (
            {"application/vnd.jupyter.widget-view+json": widget, "text/plain": "UnitExplorer"},
            {"text/html": still, "text/plain": "unit 312"},
        )
    ]
    cell = nbformat.v4.new_code_cell("...", outputs=outputs, execution_count=1)
    name = lab.put("others.ipynb", nbformat.v4.new_notebook(cells=[cell]))
    with lab.open(chromium, name, size=SIZE, editor=editor) as notebook:
        picture = notebook.find("figure img[alt='unit 312']")
        assert picture.evaluate("one => one.naturalWidth") == 60
        assert notebook.page.get_by_text("model not found").count() == 0


def test_an_executed_notebook_is_exported_with_its_stills(checkout, monkeypatch):
    """As `jupyter nbconvert --execute --to html` does it, and tools that build books."""
    nbclient, nbconvert = pytest.importorskip("nbclient"), pytest.importorskip("nbconvert")
    monkeypatch.setenv("PYTHONPATH", str(checkout))
    cells = [*CELLS[:1], "explorer.wait(60)\nexplorer.close()"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbclient.NotebookClient(notebook, timeout=100, kernel_name="python3").execute()
    live, still = (output["data"] for output in notebook["cells"][0]["outputs"])
    assert "application/vnd.jupyter.widget-view+json" in live
    assert "unit 311" in still["text/plain"] and len(still["text/plain"]) <= 200
    assert 10_000 < len(still["text/html"]) < 300_000
    page, _ = nbconvert.HTMLExporter().from_notebook_node(notebook)
    assert 'alt="chelsea with the map of SqueezeNet 1.1 features.9 unit 311' in page
