"""From a key to what it shows, in the odd-one-out explorer: ``python -m benchmarks.triplet_page``.

In a real JupyterLab in Chromium, with both embedded networks on the 305 objects. Times are taken
inside the page, from the key's event to the frame after which the answer stands there: the
agents' bars after an answer, the next three pictures after Next. The order is "most divergent".
"""

import argparse
import statistics

from tests.browser.lab import chromium, lab, missing
from tests.browser.notebook import Notebook

ROOT = ".cw:not(.cw-view)"
ASKED_REVEAL, ASKED_NEXT = 60, 100  # ms
WARM_UP = 3
CELL = """
import cnnwidgets as cw
stepper = cw.TripletStepper(people=None, sittings="sittings", seed=0)
stepper
"""
PRESS = """async ([root, key, revealed]) => {
    const box = document.querySelector(root);
    const pictures = [...box.querySelectorAll(".cw-odd-line b")].map(b => b.textContent).join();
    const there = () => revealed
        ? box.querySelectorAll(".cw-odd-agent:not([hidden]) em").length === 6
        : [...box.querySelectorAll(".cw-odd-line b")].map(b => b.textContent).join() !== pictures;
    const began = performance.now();
    document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
    return await new Promise(done => {
        const look = () => requestAnimationFrame(
            () => (there() ? done(performance.now() - began) : look()));
        look();
    });
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=25)
    asked = parser.parse_args()
    if reason := missing():
        raise SystemExit(reason)
    with lab() as server, chromium() as browser:
        name = server.write("triplets.ipynb", [CELL])
        with server.open(browser, name, size=(1400, 1600)) as notebook:
            notebook.run_all()
            notebook.ask("[stepper.wait(300), stepper.next(), stepper.wait(60)][0]")
            notebook.find(f"{ROOT} .cw-odd-picture").focus()
            reveals, nexts = [], []
            for trial in range(asked.trials + WARM_UP):
                notebook.page.wait_for_timeout(800)  # somebody looks at the pictures
                reveals.append(timed(notebook, str(trial % 3 + 1), revealed=True))
                notebook.page.wait_for_timeout(800)
                nexts.append(timed(notebook, "n", revealed=False))
    for words, times, most in (("Reveal", reveals, ASKED_REVEAL), ("Next", nexts, ASKED_NEXT)):
        counted = sorted(times[WARM_UP:])
        middle, late = statistics.median(counted), counted[int(0.95 * (len(counted) - 1))]
        print(f"{words} after a key: median {middle:.0f} ms, 95 % {late:.0f} ms (asked {most})")


def timed(notebook: Notebook, key: str, *, revealed: bool) -> float:
    """Press a key; give the milliseconds until what it asks for is on the screen."""
    return float(notebook.evaluate(PRESS, [ROOT, key, revealed]))


if __name__ == "__main__":
    main()
