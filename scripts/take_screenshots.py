"""Take the README's pictures in a real JupyterLab: `python -m scripts.take_screenshots`."""

from pathlib import Path

from tests.browser.lab import chromium, lab

DOCS = Path(__file__).resolve().parents[1] / "docs"
ROOT = ".cw:not(.cw-view)"
CELL = """
import cnnwidgets as cw
explorer = cw.UnitExplorer(cw.load_model("squeezenet1_1"), "photos", layer="features.9", unit=311)
explorer
"""


def main() -> None:
    with lab() as server, chromium() as browser:
        name = server.write("screenshots.ipynb", [CELL])
        with server.open(browser, name, size=(1400, 1000)) as notebook:
            notebook.run_all()
            notebook.wait_text(ROOT, "exact, float32")
            notebook.set_width(ROOT, 960)
            for dark in (False, True):
                notebook.set_theme(dark)
                notebook.page.wait_for_timeout(500)  # the theme's colours fade in
                notebook.screenshot(ROOT, DOCS / f"unit_explorer_{'dark' if dark else 'light'}.png")


if __name__ == "__main__":
    main()
