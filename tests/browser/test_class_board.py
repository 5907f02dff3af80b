"""The class board while a class answers, in a real JupyterLab: files come, the board follows.

With `CNNWIDGETS_SCREENSHOTS` naming a folder, the pictures that are taken are kept there.
"""

import os
from pathlib import Path

import pytest

SETUP = """
import numpy as np
import torch
import cnnwidgets as cw
from cnnwidgets.data.sittings import Answer, SittingLog
from cnnwidgets.engines import choices

hostile = "<img src=x onerror='document.title=1'>"
wanted = ["bee", "bus", "ambulance", "airplane", "apple", "banana", "bread", "cat", "dog",
          "lemon", "hammer", "police_car", "balloon", "bicycle", "candle"]
made = [*wanted, hostile]
rng = np.random.default_rng(0)
planted = rng.gamma(0.5, 1.5, (16, 4))
board = cw.ClassBoard("class", {"planted network": planted + rng.gamma(0.3, 0.6, (16, 4))}, made,
                      people=None, measure="dot", every=0.3)

def person(seed, count):
    log = SittingLog("class", set_id=board._parties.objects.set_id, names=made)
    generator = torch.Generator().manual_seed(seed)
    draw = np.random.default_rng(seed)
    for row in choices.sample(16, count, generator=generator).tolist():
        i, j, k = (planted[n] for n in row)
        drive = np.exp([j @ k, i @ k, i @ j])
        log.record(Answer(tuple(row), row[draw.choice(3, p=drive / drive.sum())], 1500))
"""
ROOT = ".cw:not(.cw-view)"
MATRIX = ".cw-matrix-box"
NUMBER = ".cw-number:has(dt:text-is('{}')) dd b"


@pytest.fixture(scope="module")
def notebook(lab, chromium):
    name = lab.write("class_board.ipynb", [SETUP, "board"])
    with lab.open(chromium, name, size=(1400, 1300)) as opened:
        opened.run_all()
        opened.find(".cw-matrix")
        opened.set_width(ROOT, 960)
        yield opened
        assert opened.errors == []


def number(notebook, label, value):
    notebook.wait_text(NUMBER.format(label), value)


def picture(notebook, name):
    """Take a picture of the board; keep it where somebody wants it."""
    folder = os.environ.get("CNNWIDGETS_SCREENSHOTS")
    notebook.page.wait_for_timeout(300)
    return notebook.screenshot(ROOT, Path(folder) / f"board_{name}.png" if folder else None)


def test_the_board_follows_three_sittings_while_it_is_open(notebook):
    number(notebook, "sittings", "0")
    picture(notebook, "empty")
    answers = 0
    for seed, count in enumerate((12, 110, 140)):
        notebook.ask(f"person({seed}, {count})")
        answers += count
        number(notebook, "sittings", str(seed + 1))
        number(notebook, "answers", str(answers))
        if not seed:
            notebook.wait_text(".cw-matrix-legend", "never asked")
            notebook.wait_text(".cw-verdict", "no correlation yet")
            picture(notebook, "sparse")
    notebook.wait_text(".cw-verdict", "Class and planted network: r = .")
    assert notebook.ask("board.result.rsa.r") > 0.3


def test_a_cell_is_chosen_by_keys_and_by_a_click(notebook):
    box = notebook.page.locator(MATRIX).first
    box.focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowDown"):
        notebook.page.keyboard.press(key)
    notebook.page.wait_for_function(
        "() => document.querySelectorAll('.cw-matrix-now:not([hidden])').length === 2"
    )
    notebook.wait_for("board.pair", notebook.ask("[board.result.names[n] for n in (1, 2)]"))
    size = box.bounding_box()
    at = {"x": size["width"] * 10.5 / 16, "y": size["height"] * 4.5 / 16}
    box.click(position=at)
    names = notebook.ask("board.result.names")
    notebook.wait_text(".cw-verdict", f"{names[4].replace('_', ' ')} and ")
    notebook.wait_for("board.pair", [names[4], names[10]])


def test_names_with_html_stay_text(notebook):
    assert notebook.page.locator(f"{ROOT} img").count() == 0
    shown = notebook.page.locator(".cw-matrix-names span").all_inner_texts()
    assert any(text.startswith("<img src=x") for text in shown)


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [640, 960])
def test_it_fits_and_can_be_looked_at(notebook, dark, width):
    notebook.set_theme(dark)
    notebook.set_width(ROOT, width)
    taken = picture(notebook, f"{'dark' if dark else 'light'}_{width}")
    assert taken and notebook.overflowing(ROOT) == []


def test_matrices_hold_colours_and_an_empty_diagonal(notebook):
    notebook.set_theme(False)
    notebook.set_width(ROOT, 960)
    notebook.page.wait_for_timeout(300)
    for which in (0, 1):
        seen = notebook.pixels(f"{MATRIX} canvas", which)
        side = len(seen) / 16
        middle = [int((n + 0.5) * side) for n in range(16)]
        assert all(seen[at, at, 3] == 0 for at in middle)
        colours = {tuple(seen[a, b, :3]) for a in middle for b in middle if a != b}
        assert len(colours) > 20
        assert (seen[middle[2], middle[9]] == seen[middle[9], middle[2]]).all()


def test_the_list_of_sittings_unfolds_and_the_projector_doubles_it(notebook):
    notebook.page.locator(".cw-fold-line .cw-caption").click()
    notebook.find(".cw-table table")
    assert notebook.page.locator(".cw-table tbody tr").count() == 3
    picture(notebook, "unfolded")
    notebook.ask("setattr(board, 'size', 'projector')")
    notebook.page.wait_for_timeout(500)
    picture(notebook, "projector")
    notebook.ask("setattr(board, 'size', 'normal')")
    notebook.page.locator(".cw-fold-line .cw-caption").click()


def test_it_rests_once_it_is_not_displayed_and_goes_on_where_it_comes_back(notebook):
    assert notebook.ask("(board._view_count, board._again.going)") == (1, True)
    command = "name => window.jupyterapp.commands.execute(name)"
    notebook.evaluate(command, "notebook:clear-all-cell-outputs")
    wait_until(notebook, "board._view_count == 0")
    assert not notebook.ask("board._again.going")
    notebook.ask("person(9, 5)")
    notebook.page.wait_for_timeout(1000)
    assert notebook.ask("len(board.result.question.reading.merged.sittings)") == 3
    notebook.evaluate("""() => {
        const { content } = window.jupyterapp.shell.currentWidget;
        content.activeCellIndex = 1;
        return window.jupyterapp.commands.execute("notebook:run-cell");
    }""")
    number(notebook, "sittings", "4")
    notebook.ask("board.close()")
    assert not notebook.ask("board._again.going")


def wait_until(notebook, expression):
    for _ in range(100):
        if notebook.ask(expression):
            return
        notebook.page.wait_for_timeout(100)
    raise AssertionError(f"not within 10 s: {expression}")
