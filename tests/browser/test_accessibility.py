"""All four explorers for those who use the keyboard, a screen reader, large text, few colours.

With `CNNWIDGETS_SCREENSHOTS` naming a folder, the pictures that are taken are kept there.
"""

import contextlib
import os
import time
from pathlib import Path

import numpy as np
import pytest

import cnnwidgets.data
from cnnwidgets.views.sitting_page import sitting_page
from tests.browser import accessibility as a11y

SETUP = """
import numpy as np, torch
from torch import nn
import cnnwidgets as cw
from cnnwidgets.data.sittings import Answer, SittingLog
from cnnwidgets.engines import choices

def network(seed):
    torch.manual_seed(seed)
    first, second = nn.Conv2d(3, 8, 7, stride=2, padding=3), nn.Conv2d(8, 12, 3, padding=1)
    layers = [first, nn.ReLU(), second, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*layers, nn.Linear(12, 5)).eval()

def wrapped():
    return cw.wrap_model(network(9), input_shape=(3, 64, 64), mean=(0.5,) * 3, std=(0.25,) * 3,
                         labels=["cat", "dog", "bus", "bee", "cup"], name="Tiny")
"""
UNIT = """
states = {f"epoch {n}": network(n).state_dict() for n in range(3)}
unit = cw.UnitExplorer(wrapped(), cw.load_images("photos"), layer="2", unit=4, checkpoints=states)
unit.rule_grid.view.opened = True
unit
"""
TUNING = """
tuning = cw.TuningExplorer(wrapped(), layer="2", unit=4)
tuning
"""
TRIPLET = """
names = ["lemon", "balloon", "taxi", "dog", "chair", "guitar"]
rng = np.random.default_rng(0)
features = {name: rng.random((6, 8)) for name in ("early network", "late network")}
triplet = cw.TripletStepper(features, names, people=None, sittings="accessible_kept", seed=2,
                            order="random")
triplet
"""
BOARD = """
made = ["bee", "bus", "ambulance", "airplane", "apple", "banana", "bread", "cat", "dog", "lemon"]
planted = rng.gamma(0.5, 1.5, (10, 4))
board = cw.ClassBoard("accessible", {"planted network": planted}, made, people=None, measure="dot",
                      every=0.3)
log = SittingLog("accessible", set_id=board._parties.objects.set_id, names=made)
for row in choices.sample(10, 60, generator=torch.Generator().manual_seed(0)).tolist():
    log.record(Answer(tuple(row), row[0], 1500))
board
"""
EXPLORERS = ["unit", "tuning", "triplet", "board"]
ROOT = {name: f".cw:not(.cw-view):has(.cw-main-{name})" for name in EXPLORERS}
TURN = ".cw-chart-caption > .cw-turn"
CELLS = """() => window.jupyterapp.shell.currentWidget.content.widgets
    .map(cell => cell.model.type + cell.model.sharedModel.source)"""
HEAR = """handle => {
    window.cwHeard = [];
    const heard = () => window.cwHeard.push(handle.ariaValueText);
    new MutationObserver(heard).observe(handle, { attributeFilter: ["aria-valuetext"] });
}"""
REST = 800  # ms, after which what follows an answer stands


@pytest.fixture(scope="module")
def page(lab, chromium):
    """All explorers beneath each other, every strip open, everything measured."""
    name = lab.write("all.ipynb", [SETUP, UNIT, TUNING, TRIPLET, BOARD])
    with lab.open(chromium, name, size=(1400, 5200)) as notebook:
        notebook.run_all()
        for root in ROOT.values():
            notebook.find(root)
        for row in notebook.page.locator(".cw-fold .cw-caption").all():
            row.focus()
            notebook.page.keyboard.press("Enter")
        notebook.wait_text(".cw-fold .cw-caption", "20 units of 2 layers")
        notebook.page.wait_for_function(
            "() => document.querySelectorAll('.cw-chart .bqplot[role=img]').length === 10"
            " && document.querySelectorAll('.cw-tile[aria-label]:not(.cw-void)').length >= 17"
        )
        notebook.wait_idle()
        notebook.page.wait_for_timeout(REST)
        yield notebook
        assert notebook.errors == []


def picture(page, name):
    """Take a picture of each explorer, where somebody wants it."""
    if folder := os.environ.get("CNNWIDGETS_SCREENSHOTS"):
        for explorer, root in ROOT.items():
            page.screenshot(root, Path(folder) / f"accessible_{explorer}_{name}.png")


def answer(page):
    """Answer the triplet by key, and wait for the reasons."""
    root = ROOT["triplet"]
    if page.page.locator(f"{root} [role=radio][aria-checked=true]").count():
        return
    page.find(f"{root} .cw-odd-picture").focus()
    page.page.keyboard.press("2")
    page.find(f"{root} .cw-dim")
    page.wait_text(f"{root} .cw-odd-yours.cw-on", "your odd one out")
    page.page.wait_for_timeout(REST)


def check(page, explorer):
    """Look for everything that may be wrong in an explorer as it stands."""
    root = ROOT[explorer]
    assert a11y.faults(page.page, root) == []
    element = page.page.locator(root)
    assert element.evaluate(a11y.FAINT) == []
    assert element.evaluate(a11y.SILENT_DRAWINGS) == []
    labels = element.evaluate(a11y.LABELS)
    assert [label for label in labels if not 0 < len(label[1]) <= 200] == []
    path, taken = a11y.tab_through(page.page, root)
    names = [one["name"] for one in path]
    assert [names[now["at"]] if now["at"] >= 0 else now["html"] for now in taken] == names
    assert [one["name"] for one in path if not one["says"]] == []
    assert a11y.backwards(path) == []
    assert a11y.unmarked(path, taken) == []


@pytest.mark.parametrize("explorer", EXPLORERS)
def test_it_can_be_read_and_walked_through(page, explorer):
    check(page, explorer)


@pytest.mark.slow
def test_an_answered_triplet_and_its_code_can_be_read_too(page):
    answer(page)
    root = ROOT["triplet"]
    code = page.find(f"{root} .cw-status button:has-text('Code')")
    code.focus()
    page.page.keyboard.press("Enter")
    page.find(f"{root} pre")
    check(page, "triplet")
    page.find(f"{root} .cw-text-panel button:has-text('Close')").focus()
    page.page.keyboard.press("Enter")
    page.page.locator(f"{root} pre").wait_for(state="hidden")
    assert code.evaluate("button => button === document.activeElement")


def test_words_are_said_for_a_slider_s_value(page):
    handle = page.find(f"{ROOT['tuning']} .cw-slider-row .noUi-handle", 1)
    said = page.ask("tuning._controls.readings['frequency'].value")
    assert [handle.get_attribute("aria-label"), handle.get_attribute("aria-valuetext")] == [
        "frequency",
        said,
    ]
    handle.focus()
    handle.evaluate(HEAR)
    page.page.keyboard.press("ArrowRight")
    page.page.wait_for_function(
        """([handle, said]) => !["", said].includes(handle.ariaValueText)
            && handle.ariaValueText.includes("c/px")""",
        arg=[handle.element_handle(), said],
    )
    heard = page.evaluate("() => window.cwHeard")
    assert said not in heard, "the words of the value before were said for this one"
    page.page.keyboard.press("ArrowLeft")
    page.page.wait_for_function(
        "handle => handle.ariaValueText.includes('c/px')", arg=handle.element_handle()
    )
    words = page.ask("tuning._controls.readings['frequency'].value")
    assert handle.get_attribute("aria-valuetext") == words


def type_in_a_dropdown(notebook):
    """Type what cuts, inserts and deletes cells in command mode; they stay what they are."""
    before = notebook.evaluate(CELLS)
    menu = notebook.find(f"{ROOT['tuning']} select")
    menu.focus()
    for key in ("x", "d", "d", "a", "b", "c", "v", "z", "Shift+M", "0", "0"):
        notebook.page.keyboard.press(key)
    assert menu.evaluate("menu => menu === document.activeElement")
    assert menu.get_attribute("data-lm-suppress-shortcuts") is None
    assert notebook.evaluate(CELLS) == before


def test_letters_choose_in_a_dropdown_and_do_not_reach_the_notebook(page):
    type_in_a_dropdown(page)
    page.page.keyboard.press("2")  # the layer that was chosen before


@pytest.mark.slow
def test_letters_in_a_dropdown_do_not_reach_notebook_7_either(lab, chromium):
    name = lab.write("letters.ipynb", [SETUP, TUNING, "1"])
    with lab.open(chromium, name, editor="notebook") as notebook:
        notebook.run_all()
        type_in_a_dropdown(notebook)


def table(page, number):
    """Turn the n-th chart to its numbers by key; give its cells."""
    root = ROOT["tuning"]
    page.find(f"{root} .cw-chart >> nth={number} >> .bqplot").focus()
    page.page.keyboard.press("t")
    shown = f"{root} .cw-chart >> nth={number} >> .cw-figures"
    page.find(f"{shown} td")
    cells = page.page.locator(f"{shown} tr").evaluate_all(
        "rows => rows.map((row) => [...row.cells].map((cell) => cell.textContent))"
    )
    page.find(shown).focus()
    page.page.keyboard.press("Escape")
    page.page.locator(shown).wait_for(state="hidden")
    focused = page.evaluate("() => document.activeElement.className")
    assert "cw-turn" in focused
    return cells


def test_every_chart_turns_to_its_numbers_and_back_by_key(page):
    heads, *rows = table(page, 0)  # polar
    angles, radii = page.ask(
        "[list(tuning._panels.orientation.angles), list(tuning._panels.orientation.radii)]"
    )
    assert heads == ["Orientation, °", "Response"]
    assert [float(row[0]) for row in rows] == pytest.approx(angles)
    assert [float(row[1]) for row in rows] == pytest.approx(radii, rel=0.01, abs=1e-4)
    heads, *rows = table(page, 2)  # joint tuning
    values = page.ask("tuning._panels.joint.values.tolist()")
    assert len(heads) == 13 and heads[1:3] == ["0°", "15°"]
    got = [[float(cell) for cell in row[1:]] for row in rows]
    assert got == [pytest.approx(row, rel=0.01, abs=1e-4) for row in values]
    counts = page.page.locator(f"{ROOT['tuning']} {TURN}").count()
    assert counts == page.page.locator(f"{ROOT['tuning']} .cw-chart").count() == 10


def test_what_a_brush_picks_can_be_picked_by_keys(page):
    scatter = page.find(f"{ROOT['tuning']} .cw-chart >> nth=8 >> .bqplot")
    scatter.focus()
    page.page.keyboard.press("Space")
    page.wait_for("tuning.population._charts.picked", [4])
    page.page.keyboard.press("ArrowRight")  # to the next unit along the axis
    page.page.wait_for_timeout(REST)
    page.page.keyboard.press("Space")
    page.wait_for("len(tuning.population._charts.picked)", 2)
    page.page.keyboard.press("Space")
    page.wait_for("tuning.population._charts.picked", [4])
    page.ask("tuning.population._charts.clear()")


def test_a_matrix_turns_to_its_numbers(page):
    root = ROOT["board"]
    page.find(f"{root} .cw-matrix-box").focus()
    page.page.keyboard.press("t")
    page.find(f"{root} .cw-figures td")
    rows = page.page.locator(f"{root} .cw-matrix >> nth=0 >> .cw-figures tr")
    cells = rows.evaluate_all("rows => rows.map((r) => [...r.cells].map((c) => c.textContent))")
    assert cells[0][1:] == [row[0] for row in cells[1:]]
    names, values = page.ask("[board._panels.matrices[0].names, board._panels.matrices[0].values]")
    assert cells[0][1:] == names
    n = len(names)
    for row in range(n):
        for column in set(range(n)) - {row}:
            value, said = values[row * n + column], cells[row + 1][column + 1]
            assert said == "never asked" if value != value else abs(float(said) - value) < 0.006
    assert a11y.faults(page.page, root) == []
    page.find(f"{root} .cw-figures").focus()
    page.page.keyboard.press("t")
    page.page.locator(f"{root} .cw-figures").first.wait_for(state="hidden")


@pytest.mark.slow
@pytest.mark.parametrize("explorer", EXPLORERS)
def test_it_can_be_read_and_walked_through_in_the_dark(page, explorer):
    answer(page)
    page.set_theme(True)
    try:
        check(page, explorer)
        picture(page, "dark")
        # What the page lays out anew while the theme changes is whole again.
        assert page.page.locator(f"{ROOT['unit']} .cw-bar:visible").count() == 12
        ticks = page.page.locator(f"{ROOT['tuning']} .cw-heatmap .tick text").all_text_contents()
        assert ticks[:2] == ["0°", "30"]
    finally:
        page.set_theme(False)


@contextlib.contextmanager
def projected(page, root):
    """The explorer's own way: `size="projector"`."""
    page.find(root).evaluate("root => root.classList.add('cw-big')")
    try:
        page.set_width(root, 1280)
        yield
    finally:
        page.find(root).evaluate("root => root.classList.remove('cw-big')")
        page.set_width(root, 960)


@contextlib.contextmanager
def zoomed(page, root):
    """The browser's way: half as many pixels of the page, each twice as large on the screen."""
    before = page.page.viewport_size
    screen = {"width": 900, "height": before["height"], "deviceScaleFactor": 2, "mobile": False}
    browser = page.page.context.new_cdp_session(page.page)
    browser.send("Emulation.setDeviceMetricsOverride", screen)
    try:
        assert page.evaluate("() => [innerWidth, devicePixelRatio]") == [900, 2]
        page.set_width(root, 640)
        yield
    finally:
        browser.send("Emulation.clearDeviceMetricsOverride")
        page.page.set_viewport_size(before)
        page.set_width(root, 960)


@pytest.mark.slow
@pytest.mark.parametrize("enlarged", [projected, zoomed])
@pytest.mark.parametrize("explorer", EXPLORERS)
def test_at_twice_the_size_nothing_is_cut_or_overlaps(page, explorer, enlarged):
    answer(page)
    root = ROOT[explorer]
    with enlarged(page, root):
        page.evaluate("() => window.dispatchEvent(new Event('resize'))")
        end = time.monotonic() + 20
        while (beyond := page.find(root).evaluate(a11y.BEYOND)) and time.monotonic() < end:
            page.page.wait_for_timeout(REST)  # bqplot lays its charts out in its own time
        assert beyond == []
        assert page.find(root).evaluate("root => root.scrollWidth - root.clientWidth") <= 0
        assert page.find(root).evaluate(a11y.CUT) == []
        picture(page, f"twice_{explorer}")
        path, taken = a11y.tab_through(page.page, root)
        assert {now["at"] for now in taken} == {*range(len(path))}
        assert a11y.backwards([path[now["at"]] for now in taken]) == []


@pytest.mark.slow
def test_marks_and_focus_remain_where_the_system_chooses_the_colours(page):
    answer(page)
    page.page.emulate_media(forced_colors="active")
    try:
        for explorer, root in ROOT.items():
            path, taken = a11y.tab_through(page.page, root)
            assert a11y.unmarked(path, taken) == [], explorer
            assert page.find(root).evaluate(a11y.VANISHED) == [], explorer
        picture(page, "forced")
    finally:
        page.page.emulate_media(forced_colors="none")


def test_nothing_moves_where_the_reader_wants_it_still(page):
    page.page.emulate_media(reduced_motion="reduce")
    try:
        moving = "root => root.getAnimations({ subtree: true }).length"
        times = """root => [...root.querySelectorAll(".cw-view *")].filter((e) =>
            parseFloat(getComputedStyle(e).transitionDuration) > 0).map((e) => e.className)"""
        for root in ROOT.values():
            assert page.find(root).evaluate(moving) == 0
            assert page.find(root).evaluate(times) == []
    finally:
        page.page.emulate_media(reduced_motion="no-preference")


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.slow)])
def test_the_page_for_phones_can_be_read_and_walked_through(chromium, tmp_path, scheme):
    folder = Path(cnnwidgets.data.__file__).parent / "objects"
    names = ["lemon", "balloon", "taxi"]
    pictures = [(folder / f"{name}.webp").read_bytes() for name in names]
    made = sitting_page("Fruit", names, pictures, np.array([[0, 1, 2]]), trials=2, set_id="s")
    path = tmp_path / "sitting.html"
    path.write_text(made, encoding="utf-8")
    phone = {"width": 390, "height": 844}
    context = chromium.new_context(viewport=phone, color_scheme=scheme, bypass_csp=True)
    page = context.new_page()
    page.goto(path.as_uri())
    for step in ("start", "trial", "end"):
        page.locator(f"#{step}").wait_for(state="visible")
        page.wait_for_function("() => trial.hidden || painted !== null")
        assert a11y.faults(page, "html") == [], step
        main = f"#{step}"
        assert page.locator(main).evaluate(a11y.FAINT) == []
        path_, taken = a11y.tab_through(page, main)
        assert [now["at"] for now in taken] == list(range(len(path_)))
        assert a11y.backwards(path_) == [] == a11y.unmarked(path_, taken)
        if step == "start":
            page.locator("#begin").press("Enter")
        elif step == "trial":
            page.locator("#stop").press("Enter")
    context.close()
