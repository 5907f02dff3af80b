"""Take the README's pictures in a real JupyterLab: `python -m scripts.take_screenshots`."""

from pathlib import Path

from tests.browser.lab import Notebook, chromium, lab

TOP = Path(__file__).resolve().parents[1]
ROOT = ".cw:not(.cw-view)"
CELL = """
import cnnwidgets as cw
explorer = cw.UnitExplorer(cw.load_model("squeezenet1_1"), "photos", layer="features.9", unit=311)
explorer
"""
ALL_THERE = """() => {
    const strip = [...document.querySelectorAll(".cw-tile-strip")].at(-1);
    const tiles = strip.querySelectorAll(".cw-tile:not(.cw-void)");
    return tiles.length === 9 && !strip.querySelector("b").textContent.endsWith("so far");
}"""
TUNING = """
import cnnwidgets as cw
explorer = cw.TuningExplorer(cw.load_model("alexnet"), layer="features.0", unit=18)
explorer
"""
TRIPLETS = """
import cnnwidgets as cw
stepper = cw.TripletStepper(people=None, sittings=None, seed=5)
stepper
"""
CLASS = """
from functools import reduce
from operator import add
import numpy as np
import torch
import cnnwidgets as cw
from cnnwidgets.data.sittings import Answer, SittingLog
from cnnwidgets.engines import choices

shown = ["cat", "dog", "horse", "cow", "banana", "bread", "lemon", "pizza",
         "airplane", "ambulance", "train", "bus"]
drawn = cw.load_images("objects")
places = [drawn.names.index(name) for name in shown]
objects = reduce(add, [drawn[place:place + 1] for place in places])
board = cw.ClassBoard("class", cw.load_model("squeezenet1_1"), objects, people=None)

def person(seed, count=60):
    # Nine times in ten somebody takes out the one of another kind, where there is one.
    log = SittingLog("class", set_id=objects.fingerprint, names=objects.names)
    draw = np.random.default_rng(seed)
    sampled = choices.sample(12, count, generator=torch.Generator().manual_seed(seed))
    for row in sampled.tolist():
        kind = [n // 4 for n in row]
        alone = [n for n, k in zip(row, kind) if kind.count(k) == 1]
        known = len(alone) == 1 and draw.random() < 0.9
        log.record(Answer(tuple(row), alone[0] if known else int(draw.choice(row)), 1500))

for seed in range(3):
    person(seed)
board
"""
MEASURED = """() => {
    const root = document.querySelector(".cw:not(.cw-view)");
    return root.dataset.state === "ready" && root.innerText.includes("field 11");
}"""
CHECKPOINTS = TOP / "notebooks" / "03_training.ipynb"


def main() -> None:
    with lab() as server, chromium() as browser:
        explorers = {
            "unit_explorer": (server.write("screenshots.ipynb", [CELL]), 0),
            "checkpoints": (server.copy(CHECKPOINTS), 12),
        }
        for shown, (name, steps_back) in explorers.items():
            with server.open(browser, name, size=(1400, 1000)) as notebook:
                notebook.run_all()
                notebook.wait_text(ROOT, "exact, float32")
                if steps_back:
                    go_back(notebook, steps_back)
                notebook.page.wait_for_timeout(1000)  # the search begins
                notebook.page.wait_for_function(ALL_THERE)
                take(notebook, shown)
        name = server.write("tuning.ipynb", [TUNING])
        with server.open(browser, name, size=(1400, 1000)) as notebook:
            notebook.run_all()
            notebook.page.wait_for_function(MEASURED)
            notebook.page.wait_for_timeout(2000)  # the last series is drawn
            take(notebook, "tuning_explorer")
        name = server.write("triplets.ipynb", [TRIPLETS])
        with server.open(browser, name, size=(1400, 1200)) as notebook:
            notebook.run_all()
            notebook.ask("[stepper.wait(300), stepper.next(), stepper.wait(60)][0]")
            notebook.find(f"{ROOT} .cw-odd-picture", 1).click()
            notebook.wait_text(f"{ROOT} .cw-status", "answer 1,")
            take(notebook, "triplet_stepper")
        name = server.write("class.ipynb", [CLASS])
        with server.open(browser, name, size=(1400, 1300)) as notebook:
            notebook.run_all()
            notebook.wait_text(".cw-verdict", "r = ")
            notebook.wait_text(ROOT, "180")
            take(notebook, "class_board")


def go_back(notebook: Notebook, steps: int) -> None:
    """Move the checkpoint slider."""
    notebook.find(f"{ROOT} .noUi-handle", 1).focus()
    for _ in range(steps):
        notebook.page.keyboard.press("ArrowLeft")
    notebook.wait_text(ROOT, "exact, float32")
    notebook.page.evaluate("() => document.activeElement.blur()")


def take(notebook: Notebook, shown: str) -> None:
    """Take the explorer, 960 px wide, in both themes."""
    notebook.set_width(ROOT, 960)
    for dark in (False, True):
        notebook.set_theme(dark)
        notebook.page.wait_for_timeout(500)  # the theme's colours fade in
        theme = "dark" if dark else "light"
        notebook.screenshot(ROOT, TOP / "docs" / f"{shown}_{theme}.png")


if __name__ == "__main__":
    main()
