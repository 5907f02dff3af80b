"""The views of the odd-one-out explorer as a user meets them, in a real JupyterLab, both themes.

With `CNNWIDGETS_SCREENSHOTS` naming a folder, the pictures that are taken are kept there.
"""

import os
from pathlib import Path

import pytest

CELL = """
import ipywidgets
import numpy as np
from pathlib import Path
import cnnwidgets.data
from cnnwidgets.views import DimensionRows, Triplet, Verdict
from cnnwidgets.views.sprite import packed, tiny_tops

folder = Path(cnnwidgets.data.__file__).parent / "objects"
files = {path.stem: path.read_bytes() for path in folder.glob("*.webp")}
names = ["lemon", "balloon", "taxi"]
pictures = {f"picture_{n}": packed(files[name]) for n, name in enumerate(names, 1)}
words = lambda values: [f"{value:.2f}"[1:] for value in values]
agent = lambda name, values: {"name": name, "kind": name, "values": values,
                              "readings": words(values), "takes": int(np.argmax(values))}
agents = [agent("people", [.21, .09, .70]), agent("network", [.13, .78, .09])]
triplet = Triplet(names=names, trial=1, **pictures)
verdict = Verdict()
labels = ["round, voluminous", "food, eating, drinking, cooking", "plants, green",
          "transport, motor", "metal, hard", "sport, recreation", "tools", "colourful", "long"]
kinds = ["visual", "semantic", "mixed", "semantic", "mixed", "semantic", "unclear", "", "visual"]
tops = [["peach", "melon", "basketball", "egg"], ["croissant", "pie", "french_fries", "bread"],
        ["rose", "pear", "bouquet", "broccoli"], ["bus", "ambulance", "police_car", "taxi"],
        ["hammer", "scissors", "hook1", "gear"], ["basketball", "baseball", "skateboard"]]
tiny = tiny_tops(range(6), tops, files)
def products(odd, seed):
    drawn = np.random.default_rng(seed)
    made = drawn.gamma(.4, .12, (3, 9))
    made[odd, :3] += [.9, .7, .4]
    return made
people = DimensionRows(agent="people", labels=labels, kinds=kinds, limit=.3)
network = DimensionRows(agent="network", labels=labels[::-1], limit=.3)
heard = []
people.observe(lambda change: heard.append([people.off, people.probabilities]), "probabilities")
def answer():
    told = triplet.answered["index"]
    triplet.show(chosen=told, locked=True, agents=agents,
                 alts=["lemon, key 1.", "balloon, key 2.", "taxi, key 3, your odd one out."])
    verdict.show(parts=[{"text": text, "role": role} for text, role in [
        ("You", "you"), (" and the ", ""), ("model of people", "people"), (" take out the ", ""),
        ("taxi", "strong"), ("; the ", ""), ("network", "network"), (" takes out the ", ""),
        ("balloon", "strong"), (".", "")]])
    people.show(title="Why the model of people takes out the taxi", odd=2, odd_name="taxi",
                tops=tiny, products=products(2, 1))
    network.show(title="Why the network takes out the balloon", odd=1, odd_name="balloon",
                 products=products(1, 2))
triplet.observe(lambda change: answer(), "answered")
why = ipywidgets.Box([people, network])
why.add_class("cw-why")
root = ipywidgets.VBox([triplet, verdict, why])
root.add_class("cw")
root
"""
ROOT = ".cw:not(.cw-view)"
DRAWN = "() => document.querySelectorAll('.cw-view[data-drawn]').length === 4"


@pytest.fixture(scope="module")
def notebook(lab, chromium):
    name = lab.write("triplets.ipynb", [CELL])
    with lab.open(chromium, name, size=(1400, 1200)) as opened:
        opened.run_all()
        opened.page.wait_for_function(DRAWN)
        opened.set_width(ROOT, 960)
        yield opened
        assert opened.errors == []


def wait_for(notebook, code, wanted):
    for _ in range(200):
        if (got := notebook.ask(code)) == wanted:
            return
        notebook.page.wait_for_timeout(50)
    assert got == wanted


def height(notebook):
    return notebook.evaluate("() => document.querySelector('.cw-triplet').offsetHeight")


def picture(notebook, name):
    if folder := os.environ.get("CNNWIDGETS_SCREENSHOTS"):
        notebook.page.wait_for_timeout(500)  # the theme's colours fade in
        notebook.screenshot(ROOT, Path(folder) / f"triplet_{name}.png")


def test_an_answer_by_key_brings_what_others_take_out(notebook):
    picture(notebook, "before")
    before = height(notebook)
    text = notebook.evaluate(f"() => document.querySelector('{ROOT}').textContent")
    assert "people" not in text and "network" not in text
    notebook.page.locator(".cw-odd-picture").nth(0).focus()
    notebook.page.keyboard.press("3")
    notebook.wait_text(".cw-takes em", ".78")
    assert notebook.ask("[triplet.answered[name] for name in ('index', 'trial', 'count')]") == [
        2,
        1,
        1,
    ]
    assert 0 <= notebook.ask("triplet.answered['rt_ms']") < 600_000
    assert height(notebook) == before
    assert notebook.evaluate("() => document.activeElement.className") == "cw-odd-picture"
    notebook.page.keyboard.press("n")
    notebook.page.keyboard.press("u")
    wait_for(notebook, "triplet.pressed", {"name": "undo", "trial": 1, "count": 2})


def test_a_dimension_off_moves_both_views_and_tells_the_kernel(notebook):
    box = notebook.find(".cw-dim input")
    before = notebook.find(".cw-odd-agent em", 4).inner_text()
    box.click()
    notebook.page.wait_for_function(
        "was => document.querySelectorAll('.cw-odd-agent em')[4].textContent !== was", arg=before
    )
    expected = notebook.ask(
        "(lambda z: [float(v) for v in np.exp(z) / np.exp(z).sum()])"
        "(np.delete(people.products, people.off, axis=1).sum(1))"
    )
    heard = notebook.ask("heard")
    assert len(heard) == 1 and len(heard[0][0]) == 1
    assert heard[0][1] == pytest.approx(expected, abs=1e-5)
    picture(notebook, "off")
    box.click()
    wait_for(notebook, "people.off", [])


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [960, 640, 420])
def test_both_themes_and_widths(notebook, dark, width):
    notebook.set_theme(dark)
    notebook.set_width(ROOT, width)
    notebook.page.wait_for_timeout(100)
    assert notebook.overflowing(ROOT) == []
    tops = notebook.page.locator(".cw-odd-picture").evaluate_all(
        "all => all.map(e => Math.round(e.getBoundingClientRect().top))"
    )
    assert len(set(tops)) == 1  # three across at any width
    picture(notebook, f"{'dark' if dark else 'light'}_{width}")


def test_on_a_projector(notebook):
    notebook.set_width(ROOT, 960)
    notebook.ask("str(root.add_class('cw-big'))")
    try:
        notebook.page.wait_for_timeout(200)
        assert notebook.overflowing(ROOT) == []
        picture(notebook, "projector")
    finally:
        notebook.ask("str(root.remove_class('cw-big'))")
