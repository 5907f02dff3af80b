"""A sitting as a reader has it, in a real JupyterLab: by keyboard only, reveal, reasons, files.

With `CNNWIDGETS_SCREENSHOTS` naming a folder, the pictures that are taken are kept there.
"""

import json
import os
from pathlib import Path

import pytest

from cnnwidgets.data import sittings

ROOT = ".cw:not(.cw-view)"
VERDICT = f"document.querySelectorAll('{ROOT} .cw-verdict p')[1].textContent"
NAME = "<img src=x onerror=window.hurt=1>"
CELL = """
import cnnwidgets as cw
images = cw.load_images("objects")[:40]
stepper = cw.TripletStepper(objects=images, people=None, sittings="kept", seed=2, order="random")
stepper
"""
HOSTILE = f"""
import numpy as np
names = [{NAME!r}, "<script>window.hurt = 2</script>", "third & last", "fourth"]
rng = np.random.default_rng(0)
features = {{name: rng.random((4, 3)) for name in ("<b>one</b>", "<i>two</i>")}}
cw.TripletStepper(features, names, people=None, sittings=None, seed=0)
"""


@pytest.fixture(scope="module")
def notebook(lab, chromium):
    name = lab.write("triplets.ipynb", [CELL, HOSTILE])
    with lab.open(chromium, name, size=(1400, 2400)) as opened:
        opened.run_all()
        opened.ask("stepper.wait(100)")
        yield opened
        assert opened.errors == []


@pytest.fixture(scope="module")
def folder(lab):
    return lab.folder / "kept"


@pytest.fixture
def stepper(notebook):
    """A triplet that is not answered, with the focus on its first picture."""
    notebook.ask("[stepper.next(), stepper.wait(60)][1]")
    shown(notebook)
    notebook.find(f"{ROOT} .cw-odd-picture").focus()
    return notebook


def shown(notebook):
    """Wait until the kernel's triplet is on the screen."""
    names = notebook.ask("[list(stepper._panels.triplet.names), stepper._chosen][0]")
    notebook.page.wait_for_function(
        """([root, names]) => names.every((name, n) => document.querySelectorAll(
            `${root} .cw-odd-line b`)[n]?.textContent === name)""",
        arg=[ROOT, names],
    )
    notebook.evaluate(
        "() => new Promise(done => requestAnimationFrame(() => setTimeout(done, 60)))"
    )
    return names


def told(notebook):
    return notebook.page.locator(f"{ROOT} .cw-verdict p").nth(1).inner_text()


def answers(notebook):
    return notebook.ask("[(list(a.shown), a.odd, a.rt_ms) for a in stepper.answers]")


def test_a_whole_sitting_by_keyboard_only(stepper, folder):
    before, keys = len(answers(stepper)), ["1", "2", "3", "Enter", "2"]
    for number, key in enumerate(keys):
        trial = stepper.ask("stepper._panels.triplet.trial")
        assert stepper.ask("stepper._panels.triplet.agents") == []
        assert told(stepper) == ""
        assert not stepper.page.locator(f"{ROOT} .cw-odd-agent:not([hidden])").count()
        if key == "Enter":
            stepper.page.keyboard.press("ArrowRight")
        stepper.page.keyboard.press(key)
        stepper.wait_text(f"{ROOT} .cw-status", f"answer {before + number + 1},")
        stepper.page.wait_for_function(f"() => {VERDICT}.endsWith('.')")
        stepper.page.keyboard.press("n")
        stepper.page.wait_for_function(f"() => {VERDICT} === ''")
        assert stepper.ask("stepper._panels.triplet.trial") > trial
        shown(stepper)
    given = answers(stepper)[before:]
    places = [shown.index(odd) for shown, odd, _ in given]
    assert (places[0], places[1], places[2], places[4]) == (0, 1, 2, 1) and len(given) == 5
    assert all(20 < rt_ms < 20_000 for *_, rt_ms in given)
    (path,) = folder.glob("*.jsonl")
    assert [list(a.shown) for a in sittings.read(path).answers[before:]] == [s for s, *_ in given]


def test_a_click_answers_and_the_height_stays(stepper):
    height = stepper.find(f"{ROOT} .cw-main-triplet").bounding_box()["height"]
    stepper.find(f"{ROOT} .cw-odd-picture", 2).click()
    stepper.wait_text(f"{ROOT} .cw-odd-yours.cw-on", "your odd one out")
    stepper.page.wait_for_function(
        f"() => document.querySelectorAll('{ROOT} .cw-dim:not([hidden])').length >= 12"
    )
    names = stepper.ask("list(stepper.result.names)")
    assert names[2].replace("_", " ") in told(stepper)
    numbers = stepper.page.locator(f"{ROOT} .cw-odd-agent em").all_inner_texts()
    assert sorted(numbers) == sorted(
        reading
        for agent in stepper.ask("[a['readings'] for a in stepper._panels.triplet.agents]")
        for reading in agent
    )
    assert abs(stepper.find(f"{ROOT} .cw-main-triplet").bounding_box()["height"] - height) < 30


def test_a_dimension_is_switched_off_by_space_and_the_bars_move_at_once(stepper):
    stepper.page.keyboard.press("1")
    stepper.page.wait_for_function(
        f"() => document.querySelectorAll('{ROOT} .cw-dim:not([hidden])').length >= 12"
    )
    read = "() => [...document.querySelectorAll('.cw-odd-agent i')].map(bar => bar.style.width)"
    before = stepper.evaluate(read)
    tick = stepper.find(f"{ROOT} .cw-dim input")
    tick.focus()
    stepper.page.keyboard.press("Space")
    stepper.wait_text(f"{ROOT} .cw-dim em", "off")
    stepper.page.wait_for_function(
        f"before => JSON.stringify(({read})()) !== JSON.stringify(before)", arg=before
    )
    stepper.wait_text(f"{ROOT} .cw-verdict", "without one dimension")
    off, chances = stepper.ask(
        "(stepper._panels.rows[0].off, stepper._panels.rows[0].probabilities)"
    )
    left = stepper.ask(
        "[float(c) for c in np.exp(np.delete(stepper.result.agents[0].products,"
        " stepper._panels.rows[0].off, 1).astype(float).sum(1))]"
    )
    assert len(off) == 1
    assert chances == pytest.approx([chance / sum(left) for chance in left], abs=1e-4)
    stepper.page.keyboard.press("Space")
    stepper.page.wait_for_function(f"() => !document.querySelector('{ROOT} .cw-off')")
    stepper.page.wait_for_function(f"() => !{VERDICT}.includes('without')")


def test_undo_by_key_hides_everything_again(stepper):
    stepper.page.keyboard.press("3")
    stepper.wait_text(f"{ROOT} .cw-odd-yours.cw-on", "your odd one out")
    count = len(answers(stepper))
    stepper.page.keyboard.press("u")
    stepper.page.wait_for_function(f"() => !document.querySelector('{ROOT} .cw-odd-yours.cw-on')")
    stepper.wait_text(f"{ROOT} .cw-status", "Which is the odd one out?")
    assert len(answers(stepper)) == count - 1 and told(stepper) == ""


def test_the_strip_gives_the_answers_and_the_page(stepper, tmp_path):
    stepper.page.keyboard.press("1")
    stepper.wait_text(f"{ROOT} .cw-odd-yours.cw-on", "your odd one out")
    stepper.find(f"{ROOT} .cw-folded-strip .cw-caption").click()
    for word, ending in (("Answers", "jsonl"), ("Page for phones", "html")):
        with stepper.page.expect_download() as coming:
            stepper.page.get_by_role("button", name=word, exact=True).first.click()
        path = tmp_path / f"file.{ending}"
        coming.value.save_as(path)
        if ending == "jsonl":
            assert len(sittings.read(path).answers) == len(answers(stepper))
            assert json.loads(path.read_text().splitlines()[0])["line"] == "sitting"
        else:
            assert path.read_text().count("data:image/") == 40
    stepper.find(f"{ROOT} .cw-folded-strip .cw-caption").click()


def test_names_that_are_markup_stay_text(notebook):
    hostile = notebook.page.locator(ROOT).nth(1)
    hostile.locator(".cw-odd-picture").first.wait_for()
    assert NAME in hostile.inner_text() or "<script>" in hostile.inner_text()
    hostile.locator(".cw-odd-picture").first.click()
    notebook.page.wait_for_function(
        "() => document.querySelectorAll('.cw-odd-yours.cw-on').length > 0"
    )
    assert notebook.evaluate("() => window.hurt ?? null") is None
    assert not notebook.page.locator(f"{ROOT} img, {ROOT} script").count()


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [960, 640])
def test_it_looks_as_it_should(stepper, width, dark):
    stepper.set_theme(dark)
    stepper.set_width(ROOT, width)
    stepper.find(f"{ROOT} .cw-odd-picture").focus()
    stepper.page.keyboard.press("2")
    stepper.wait_text(f"{ROOT} .cw-odd-yours.cw-on", "your odd one out")
    stepper.page.wait_for_timeout(400)
    kept = os.environ.get("CNNWIDGETS_SCREENSHOTS")
    path = Path(kept) / f"triplets_{width}_{'dark' if dark else 'light'}.png" if kept else None
    stepper.screenshot(ROOT, path)
    assert stepper.overflowing(ROOT) == []
