"""From a key press to new pixels, in a real JupyterLab in Chromium: `python -m benchmarks.browser`.

For each network the explorer's unit slider is moved by the right arrow key: single presses at rest,
and the key held down. Times are taken inside the page, from the key event's own time stamp to the
new pixels of the reconstruction. In the same notebook, in turns, the same is done with a bare round
trip: a slider whose callback sends one of 64 finished pictures to a canvas.
"""

import argparse
import os
import platform
import re
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.keys import Control, Held
from cnnwidgets.models.devices import usable_cores
from tests.browser.lab import Lab, chromium, lab, missing
from tests.browser.notebook import Notebook

if TYPE_CHECKING:
    from playwright.sync_api import Browser

NETS = ("squeezenet1_1", "alexnet")
RATES = (30, 60)
"""Key-down events a second while the key is held; systems repeat at about 30."""
WARM_UP = 5
"""Presses that are not counted."""
RECONSTRUCTION = 2
"""The explorer's third picture."""

EXPLORER = """
import ipywidgets, torch
import cnnwidgets as cw
explorer = cw.UnitExplorer(cw.load_model("{net}"), cw.load_images("photos"))
display(ipywidgets.VBox([explorer]).add_class("bench-explorer"))
print(f"layer {{explorer.layer}}, {{torch.get_num_threads()}} threads", end="")
"""
BARE = """
import anywidget, ipywidgets, numpy, traitlets

class Bare(anywidget.AnyWidget):
    frame, unit = traitlets.Bytes().tag(sync=True), traitlets.Int().tag(sync=True)
    _esm = '''
export default { render({ model, el }) {
    el.className = "cw-picture";
    const canvas = el.appendChild(document.createElement("canvas"));
    canvas.width = canvas.height = 224;
    let drawn = 0;
    model.on("change:frame", () => {
        const { buffer, byteOffset, byteLength } = model.get("frame");
        const pixels = new Uint8ClampedArray(buffer, byteOffset, byteLength);
        canvas.getContext("2d").putImageData(new ImageData(pixels, 224, 224), 0, 0);
        canvas.ariaLabel = `unit ${model.get("unit")}`;
        el.dataset.drawn = ++drawn;
    });
} }
'''

noise = numpy.random.default_rng(0).integers(256, size=(224, 224, 4), dtype=numpy.uint8)
noise[..., 3] = 255
frames = [numpy.roll(noise, i, axis=0).tobytes() for i in range(64)]
slider, bare = ipywidgets.IntSlider(max=999, readout=False), Bare()

def show(change):
    with bare.hold_sync():
        bare.frame, bare.unit = frames[change["new"] % len(frames)], change["new"]

slider.observe(show, "value")
display(ipywidgets.VBox([slider, bare]).add_class("bench-bare"))
"""


def measure(notebook: Notebook, names: Sequence[str], presses: int, seconds: float) -> list[str]:
    """Measure the controls of an open notebook in turns; the rows of the table."""
    controls = [Control(notebook, name, RECONSTRUCTION * (name == "explorer")) for name in names]
    times: dict[str, list[float]] = {name: [] for name in names}
    held: dict[str, list[Held]] = {name: [] for name in names}
    for control in controls:
        control.home()
    for _ in range(WARM_UP + presses):
        for control in controls:
            times[control.name].append(control.press())
    for rate in RATES:
        for control in controls:
            held[control.name].append(control.hold(rate, seconds))
    return [_row(name, np.array(times[name][WARM_UP:]), held[name]) for name in names]


def _row(name: str, times: np.ndarray, held: list[Held]) -> str:
    label = "key to new pixels" if name == "explorer" else "bare round trip"
    seen = times[~np.isnan(times)]
    middle, late = np.percentile(seen, [50, 95]) if len(seen) else (np.nan, np.nan)
    row = f"  {label:20}{middle:7.1f}{late:7.1f}{len(seen):7}"
    return row + "".join(f"{h.keys:8.1f}{h.pictures:10.1f}{h.stale:7}" for h in held)


def header() -> str:
    """Head the table."""
    held = "".join(f"{'keys/s':>8}{'pictures/s':>10}{'stale':>7}" for _ in RATES)
    return f"{'':22}{'median':>7}{'95 %':>7}{'n':>7}{held}    (ms; keys: the key is held down)"


def machine(browser: "Browser", load: str) -> str:
    """Say on what was measured."""
    info = Path("/proc/cpuinfo")
    models = re.findall(r"model name\s*: (.*)", info.read_text()) if info.exists() else []
    packages = ("torch", "ipywidgets", "anywidget", "ipykernel", "jupyterlab")
    versions = [f"Python {platform.python_version()}", *(f"{p} {version(p)}" for p in packages)]
    return (
        f"{[*models, platform.processor()][0]}, {usable_cores()} cores, load before: {load}, "
        f"{platform.system()}\n{', '.join(versions)}, Chromium {browser.version} without a GPU"
    )


def run(
    server: Lab, browser: "Browser", net: str | None, presses: int, seconds: float
) -> list[str]:
    """Measure one network and the bare round trip; without a network, only that."""
    cells = [EXPLORER.format(net=net), BARE] if net else [BARE]
    names = ["explorer", "bare"] if net else ["bare"]
    with server.open(
        browser, server.write(f"{net or 'bare'}.ipynb", cells), size=(1400, 1600)
    ) as notebook:
        notebook.run_all()
        rows = measure(notebook, names, presses, seconds)
        if net:
            rows.insert(0, f"{net}: {notebook.printed(0)}")
        return rows + [f"  the page complained: {error}" for error in notebook.errors]


def main() -> None:
    parser = argparse.ArgumentParser(description="Key press to new pixels in a real JupyterLab.")
    parser.add_argument("--nets", nargs="*", default=NETS, help="none: only the bare round trip")
    parser.add_argument("--presses", type=int, default=60, help="single presses that are counted")
    parser.add_argument("--seconds", type=float, default=3, help="for which the key is held")
    asked = parser.parse_args()
    if reason := missing():
        sys.exit(reason)
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    with lab() as server, chromium() as browser:
        print(machine(browser, load), header(), sep="\n", flush=True)
        for net in asked.nets or [None]:
            print(*run(server, browser, net, asked.presses, asked.seconds), sep="\n", flush=True)


if __name__ == "__main__":
    main()
