"""The page without a kernel on a phone: a real Chromium, a file on the disk, touch.

With `CNNWIDGETS_SCREENSHOTS` naming a folder, the pictures that are taken are kept there.
"""

import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cnnwidgets.data
from cnnwidgets.data.sittings import read
from cnnwidgets.views.sitting_page import sitting_page
from tests.browser import lab as real

OBJECTS = Path(cnnwidgets.data.__file__).parent / "objects"
BAD = "<img src=x onerror=alert(1)>"
LONG = "Donaudampfschifffahrtsgesellschaftskapitän"
NAMES = ["lemon", "balloon", "taxi", "dog", "chair", "guitar", BAD, LONG]
ALL = np.array([[a, b, c] for c in range(8) for b in range(c) for a in range(b)])
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
WIDE = """() => Math.max(document.documentElement.scrollWidth, document.body.scrollWidth)
  - document.documentElement.clientWidth"""
TARGETS = """() => [...document.querySelectorAll("button")].filter((b) => b.checkVisibility({
  visibilityProperty: true })).map((b) => b.getBoundingClientRect().height)"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if reason := real.missing():
        pytest.skip(reason)
    with real.chromium() as opened:
        yield opened


@pytest.fixture
def written(tmp_path: Path) -> Path:
    files = [OBJECTS / f"{name}.webp" for name in NAMES[:6]]
    pictures = [path.read_bytes() for path in files] + [None, None]
    path = tmp_path / "sitting.html"
    text = sitting_page(
        f"Objects of {BAD}",
        NAMES,
        pictures,
        ALL,
        trials=6,
        set_id="set-1",
        repeats=0.2,
        catches=0.2,
        catch_triplets=[[0, 1, 2]],
    )
    path.write_text(text, encoding="utf-8")
    return path


class Phone:
    """The page on one device; what it asked of any server, and what went wrong, is noted."""

    def __init__(self, browser: Any, path: Path, **settings: Any) -> None:
        self.context = browser.new_context(accept_downloads=True, **(settings or PHONE))
        self.page = self.context.new_page()
        self.page.set_default_timeout(15_000)
        self.errors: list[str] = []
        self.requests: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("dialog", lambda dialog: self.errors.append(dialog.message))
        self.page.on("console", lambda said: said.type == "error" and self.errors.append(said.text))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(path.as_uri())

    def tap(self, name: str) -> None:
        button = self.page.locator(f"#{name}")
        if self.context.pages and self.page.evaluate("navigator.maxTouchPoints"):
            button.tap()
        else:
            button.click()

    def wait_ready(self, at: int) -> None:
        self.page.locator("#progress", has_text=f"{at} of 6").wait_for()
        for _ in range(300):  # the page's policy lets Playwright itself wait for no function
            if self.page.evaluate("painted !== null"):
                return
            self.page.wait_for_timeout(20)
        raise AssertionError(f"triplet {at} was not painted")

    def take(self, at: int, place: int) -> None:
        self.wait_ready(at)
        self.page.locator(".thing").nth(place).tap()

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.page.evaluate("state.lines")]

    def finish(self) -> None:
        self.context.close()
        assert self.errors == []
        assert all(url.startswith(("file:", "data:", "blob:")) for url in self.requests)


@pytest.fixture
def phone(browser: Any, written: Path) -> Iterator[Phone]:
    opened = Phone(browser, written)
    yield opened
    opened.finish()


def picture(phone: Phone, name: str) -> None:
    if folder := os.environ.get("CNNWIDGETS_SCREENSHOTS"):
        phone.page.screenshot(path=Path(folder) / f"page_{name}.png")


def test_a_whole_sitting(phone: Phone, tmp_path: Path) -> None:
    picture(phone, "start")
    phone.tap("begin")
    for at in (1, 2):
        phone.take(at, at)
    phone.wait_ready(3)
    picture(phone, "trial")
    phone.tap("undo")
    phone.take(2, 0)
    phone.wait_ready(3)
    phone.page.reload()  # in the middle: it goes on where it was, with the same trials
    phone.wait_ready(3)
    shown = phone.page.locator(".thing span").all_inner_texts()
    assert shown == [NAMES[n] for n in phone.page.evaluate("state.plan[2].shown")]
    for at in (3, 4, 5, 6):
        assert phone.page.evaluate(WIDE) <= 0
        assert min(phone.page.evaluate(TARGETS)) >= 44
        phone.take(at, 2)
    phone.page.locator("#download").wait_for()
    assert min(phone.page.evaluate(TARGETS)) >= 44
    picture(phone, "end")
    with phone.page.expect_download() as held:
        phone.tap("download")
    path = tmp_path / held.value.suggested_filename
    held.value.save_as(path)
    sitting = read(path)
    assert path.name == f"sitting-{sitting.id}.jsonl" and len(sitting.id) == 12
    assert int(sitting.id, 16) >= 0 and sitting.remarks == () and sitting.lines == 9
    assert sitting.names == tuple(NAMES) and sitting.set_id == "set-1"
    assert (sitting.device, sitting.language) == ("phone page", "en")
    assert [answer.trial for answer in sitting.answers] == [1, 3, 4, 5, 6, 7]
    places = [answer.shown.index(answer.odd) for answer in sitting.answers]
    assert places == [1, 0, 2, 2, 2, 2]
    kinds = Counter(answer.kind for answer in sitting.answers)
    assert kinds == {"new": 4, "repeat": 1, "catch": 1}
    assert sitting.catches.of == 1 and sitting.repeats.of == 1
    assert all(0 <= answer.rt_ms < 60_000 for answer in sitting.answers)
    assert phone.page.locator("#text").input_value() == path.read_text(encoding="utf-8")
    assert phone.page.locator("img[src=x]").count() == 0
    phone.tap("forget")
    phone.tap("forget")
    phone.page.locator("#begin").wait_for()
    assert phone.page.evaluate("localStorage.length") == 0


def test_devices_draw_their_own_trials_and_repeats_come_later(phone: Phone) -> None:
    plans = phone.page.evaluate("() => Array.from({ length: 200 }, drawPlan)")
    orders = {json.dumps(plan) for plan in plans}
    assert len(orders) == 200
    for plan in plans:
        sets = [frozenset(trial["shown"]) for trial in plan]
        at = [trial["kind"] for trial in plan].index("repeat")
        new = [n for n, trial in enumerate(plan) if trial["kind"] == "new"]
        assert len({sets[n] for n in new}) == 4
        (source,) = [n for n in new if sets[n] == sets[at]]
        assert at - source >= 3
        (caught,) = [trial for trial in plan if trial["kind"] == "catch"]
        assert caught["expected"] == 2 and set(caught["shown"]) == {0, 1, 2}
        assert [t["expected"] for t in plan if t["kind"] != "catch"] == [None] * 5
    firsts = Counter(plan[0]["shown"].index(min(plan[0]["shown"])) for plan in plans)
    assert min(firsts[place] for place in range(3)) > 35  # 67 each; chance of less: 1e-6
    asked = Counter(n for plan in plans for trial in plan for n in trial["shown"] if n > 2)
    assert min(asked.values()) > 0.75 * max(asked.values())


def test_ending_early_keys_and_no_answer_twice(browser: Any, written: Path) -> None:
    desk = Phone(browser, written, viewport={"width": 1280, "height": 720}, color_scheme="dark")
    desk.page.keyboard.press("1")  # nothing is asked yet
    desk.tap("begin")
    desk.wait_ready(1)
    desk.page.keyboard.press("3")
    desk.page.keyboard.press("3")  # while the choice is shown
    desk.wait_ready(2)
    picture(desk, "desk_dark")
    assert desk.page.evaluate(WIDE) <= 0
    tops = desk.page.locator(".thing").evaluate_all(
        "a => a.map(e => e.getBoundingClientRect().top)"
    )
    assert len(set(tops)) == 1
    desk.page.keyboard.press("u")
    desk.wait_ready(1)
    assert [line["line"] for line in desk.lines()] == ["sitting", "answer", "undo"]
    desk.page.keyboard.press("2")
    desk.wait_ready(2)
    desk.tap("stop")
    desk.page.locator("#download").wait_for()
    assert "answered 1 of 6" in desk.page.locator("#answers").inner_text()
    desk.tap("on")
    desk.wait_ready(2)
    assert desk.page.evaluate("state.lines.length") == 4
    desk.finish()


def test_without_storage_it_still_works(browser: Any, written: Path) -> None:
    phone = Phone(browser, written)
    phone.page.add_init_script(
        """Object.defineProperty(window, "localStorage", {
          get() { throw new DOMException("no", "SecurityError"); } });"""
    )
    phone.page.reload()
    phone.tap("begin")
    for at in range(1, 7):
        phone.take(at, 0)
    phone.page.locator("#download").wait_for()
    assert len(phone.lines()) == 7
    phone.finish()


@pytest.mark.parametrize(("width", "height"), [(320, 568), (390, 844), (844, 390)])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_small_screens(
    browser: Any, written: Path, width: int, height: int, scheme: str
) -> None:
    size = {"width": width, "height": height}
    phone = Phone(browser, written, **{**PHONE, "viewport": size, "color_scheme": scheme})
    phone.tap("begin")
    phone.wait_ready(1)
    phone.page.evaluate("() => { state.plan[0].shown = [6, 7, 1]; show(); }")
    phone.wait_ready(1)
    assert phone.page.evaluate(WIDE) <= 0
    low = phone.page.evaluate("document.querySelector('footer').getBoundingClientRect().bottom")
    assert low <= height
    assert phone.page.locator(".thing.named span").nth(0).inner_text() == BAD
    picture(phone, f"words_{scheme}_{width}")
    phone.page.evaluate("() => { state.plan[0].shown = [0, 1, 2]; show(); }")
    phone.wait_ready(1)
    picture(phone, f"pictures_{scheme}_{width}")
    phone.finish()


def second_tab(phone: Phone, path: Path) -> Phone:
    """Open the same file once more on the same device; both note in one list what goes wrong."""
    other = object.__new__(Phone)
    other.context, other.page = phone.context, phone.context.new_page()
    other.page.set_default_timeout(15_000)
    other.errors, other.requests = phone.errors, phone.requests
    other.page.on("pageerror", lambda error: other.errors.append(str(error)))
    other.page.goto(path.as_uri())
    return other


NO_LOCKS = "Object.defineProperty(Navigator.prototype, 'locks', { get: () => undefined })"
NOT_HERE = """Object.defineProperty(Navigator.prototype, 'locks', { get: () => ({
  request: () => Promise.reject(new DOMException("no", "SecurityError")) }) })"""


@pytest.mark.parametrize("script", ["", NO_LOCKS, NOT_HERE])
def test_two_tabs_of_one_file_share_one_sitting(browser: Any, written: Path, script: str) -> None:
    one = Phone(browser, written)
    if script:
        one.context.add_init_script(script)
        one.page.reload()
    two = second_tab(one, written)
    assert one.page.evaluate("Boolean(navigator.locks)") == (script != NO_LOCKS)
    one.tap("begin")
    two.wait_ready(1)  # it goes on where the other has begun
    for at, tab in enumerate((one, two, two, one), 1):
        tab.page.bring_to_front()
        tab.take(at, at % 3)
    for tab in (one, two):
        tab.page.bring_to_front()
        tab.wait_ready(5)
    two.tap("undo")
    one.page.bring_to_front()
    one.take(4, 0)
    one.wait_ready(5)
    assert one.lines() == two.lines() == json_lines(one)
    kinds = [line["line"] for line in one.lines()]
    assert kinds == ["sitting", *["answer"] * 4, "undo", "answer"]
    assert [line["trial"] for line in one.lines()[1:]] == [1, 2, 3, 4, 4, 5]
    assert len({frozenset(line["shown"]) for line in one.lines()[1:4]}) >= 2
    one.finish()


def json_lines(phone: Phone) -> list[dict[str, Any]]:
    """Give what the device keeps."""
    return [json.loads(line) for line in phone.page.evaluate("JSON.parse(localStorage[KEY]).lines")]


def test_an_answer_in_a_tab_that_was_told_of_nothing_overwrites_nothing(
    browser: Any, written: Path
) -> None:
    one = Phone(browser, written)
    one.tap("begin")
    one.wait_ready(1)
    two = second_tab(one, written)
    two.wait_ready(1)
    one.page.bring_to_front()
    for at in (1, 2):
        one.take(at, 0)
    one.wait_ready(3)
    stale = "() => { state = { ...state, trials: [], lines: state.lines.slice(0, 1), last: 0 }; }"
    two.page.bring_to_front()
    two.wait_ready(3)
    two.page.evaluate(stale)  # as if the other's news were late
    two.page.locator(".thing").nth(1).tap()
    two.wait_ready(3)  # this triplet had been answered; the next is put up
    assert [line["line"] for line in json_lines(two)] == ["sitting", "answer", "answer"]
    two.take(3, 1)
    one.page.bring_to_front()
    one.wait_ready(4)
    assert len(json_lines(one)) == 4
    one.finish()
