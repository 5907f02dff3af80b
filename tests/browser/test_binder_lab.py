"""The notebooks as Binder opens them fit into its memory; how long the first picture takes.

The numbers are logged: `make test-slow ARGS="-k binder_lab --log-cli-level=INFO"`.
"""

import logging
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser import binder_image, lab
from tests.browser.notebook import ERRORS

pytestmark = pytest.mark.slow

TOUR, *OTHERS = (f"notebooks/{name}.ipynb" for name in ("00_tour", "01_gratings", "02_odd_one_out"))

KERNEL, ALL = 1.2e9, 2e9
"""Bytes: of the tour's kernel at its highest, and of all processes together."""

RUN = """() => { window.running = window.jupyterapp.commands.execute("notebook:run-all-cells"); }"""
DRAWN = """() => [...document.querySelectorAll(".cw-picture canvas")].some(canvas =>
    canvas.width && canvas.height && canvas.getContext("2d")
        .getImageData(0, 0, canvas.width, canvas.height).data.some(value => value))"""
OPEN = """async path => {
    await window.jupyterapp.commands.execute("docmanager:open", { path });
}"""


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> binder_image.Image:
    pytest.importorskip("repo2docker", reason="repo2docker is not installed")
    if reason := lab.missing():
        pytest.skip(reason)
    return binder_image.build(tmp_path_factory.mktemp("binder"))


@pytest.fixture
def chromium() -> Iterator[object]:
    """A browser, without the Lab of the other tests."""
    with lab.chromium() as browser:
        yield browser


def say(text: str, *numbers: float) -> None:
    logging.getLogger(__name__).info(text, *numbers)


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="needs Linux' /proc")
def test_three_notebooks_fit_into_a_container(image: binder_image.Image, chromium) -> None:
    with binder_image.serve(image) as (server, process), binder_image.Memory(process) as memory:
        begun = time.monotonic()
        with server.open(chromium, TOUR, size=(1400, 1000)) as notebook:
            ready = time.monotonic() - begun
            notebook.evaluate(RUN)
            notebook.page.wait_for_function(DRAWN)
            shown = time.monotonic() - begun
            kernel = binder_image.kernels(server, process)["00_tour"]
            say("the notebook stood %.1f s after its address was opened", ready)
            words = "the first picture %.1f s after it, %.1f s after the kernel's start"
            used = sum(kernel.cpu_times()[:2])
            say(f"{words}, which took %.1f s of a core", shown, binder_image.age(kernel), used)
            notebook.evaluate("() => window.running")
            assert notebook.evaluate(ERRORS) == []
            highest = binder_image.highest(kernel.pid)
            say(
                "tour: its kernel had %.0f MB at most, all %.0f MB",
                highest / 1e6,
                memory.peak / 1e6,
            )
            assert notebook.page.get_by_text("Jupyter news").count() == 0
            assert highest <= KERNEL
            for path in OTHERS:
                notebook.evaluate(OPEN, path)
                notebook.ready(path)
                notebook.run_all()
            shares = memory.now()
            for name, one in binder_image.kernels(server, process).items():
                numbers = shares[one.pid] / 1e6, binder_image.highest(one.pid) / 1e6
                say(f"{name}: %.0f MB now, RSS %.0f MB at most", *numbers)
            say("server: %.0f MB", shares[process.pid] / 1e6)
            say("all: %.0f MB now, %.0f MB at most", sum(shares.values()) / 1e6, memory.peak / 1e6)
            assert len(shares) == 1 + len([TOUR, *OTHERS])
            assert memory.peak <= ALL
