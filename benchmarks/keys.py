"""A slider under the arrow key, and the pictures that follow it, timed inside the page."""

import time
from typing import NamedTuple

from tests.browser.notebook import Notebook

PAUSE = 0.35
"""Seconds from a picture to the next press: more than the scheduler's rest, so each is exact."""
LOST = 5.0
"""Seconds after which a press has changed nothing: so it is from one silent unit to the next."""

# A picture is new if a small copy of the canvas, or the words that stand in its place, differ.
WATCH = """([name, number]) => {
    const root = document.querySelector(`.bench-${name}`);
    const slider = root.querySelector(".widget-slider");
    const element = root.querySelectorAll(".cw-picture")[number];
    const small = new OffscreenCanvas(24, 24).getContext("2d", { willReadFrequently: true });
    const print = () => {
        small.drawImage(element.querySelector("canvas"), 0, 0, 24, 24);
        const words = element.querySelector(".cw-message")?.textContent ?? "";
        return small.getImageData(0, 0, 24, 24).data.join() + words;
    };
    const unit = () => /unit (\\d+)/.exec(element.querySelector("[aria-label]")?.ariaLabel)?.[1];
    const log = { keys: [], released: 0, pictures: [], print: print(), wake: () => {} };
    slider.addEventListener("keydown", event => log.keys.push(event.timeStamp), true);
    slider.addEventListener("keyup", event => (log.released = event.timeStamp), true);
    new MutationObserver(() => {
        const at = performance.now();
        const now = print();
        if (now === log.print) return;
        log.print = now;
        log.pictures.push({ at, unit: unit() });
        log.wake();
    }).observe(element, { attributes: true, attributeFilter: ["data-drawn"] });
    (window.benchmark ??= {})[name] = log;
}"""
CLEAR = "name => Object.assign(window.benchmark[name], { keys: [], pictures: [], released: 0 })"
READ = """name => {
    const { keys, released, pictures } = window.benchmark[name];
    return { keys, released, pictures };
}"""
ARRIVES = """([name, patience]) => new Promise(done => {
    const log = window.benchmark[name];
    log.wake = done;
    if (log.pictures.length) done();
    setTimeout(done, patience);
})"""


class Held(NamedTuple):
    """What came while the key was held down."""

    keys: float
    """Key-down events a second that reached the page."""
    pictures: float
    """New pictures a second."""
    stale: int
    """Pictures after the release that were not of the last unit."""


class Control:
    """A slider in an open notebook, and the picture that follows it."""

    def __init__(self, notebook: Notebook, name: str, picture: int = 0) -> None:
        self.notebook, self.page, self.name = notebook, notebook.page, name
        notebook.find(f".bench-{name} .cw-picture canvas", picture)
        self.handle = notebook.find(f".bench-{name} .widget-slider .noUi-handle")
        self.handle.scroll_into_view_if_needed()
        self.page.evaluate(WATCH, [name, picture])

    def home(self) -> None:
        """Go to the first unit."""
        self.handle.focus()
        self.page.keyboard.press("Home")
        self.rest()

    def rest(self) -> None:
        """Wait until nothing follows any more."""
        time.sleep(1)
        self.notebook.wait_idle()

    def press(self) -> float:
        """Press the key once: milliseconds to new pixels, or NaN if there were none."""
        self.handle.focus()
        self.page.evaluate(CLEAR, self.name)
        self.page.keyboard.press("ArrowRight")
        self.page.evaluate(ARRIVES, [self.name, LOST * 1000])
        seen = self.page.evaluate(READ, self.name)
        time.sleep(PAUSE)
        return seen["pictures"][0]["at"] - seen["keys"][0] if seen["pictures"] else float("nan")

    def hold(self, rate: int, seconds: float) -> Held:
        """Hold the key down, with this many key-down events a second."""
        self.home()
        self.page.evaluate(CLEAR, self.name)
        start = time.perf_counter()
        for number in range(round(rate * seconds)):
            time.sleep(max(0, start + number / rate - time.perf_counter()))
            self.page.keyboard.down("ArrowRight")  # again while it is down: a repetition
        self.page.keyboard.up("ArrowRight")
        self.rest()
        seen = self.page.evaluate(READ, self.name)
        pictures, over = seen["pictures"], seen["released"]
        took = (over - seen["keys"][0]) / 1000
        return Held(
            len(seen["keys"]) / took,
            sum(picture["at"] <= over for picture in pictures) / took,
            sum(
                picture["at"] > over and picture["unit"] != pictures[-1]["unit"]
                for picture in pictures
            ),
        )
