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
