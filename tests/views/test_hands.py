"""What hands, keys and readers of screens meet: on a bare page, without Jupyter."""

import numpy as np
import pytest

from cnnwidgets.views import BarRows, BarStrip, Picture, StatusLine, encoding
from tests.views.page import ViewPage

pytestmark = pytest.mark.browser

FRAME = encoding.raw(np.zeros((56, 56, 3), np.uint8))
GRID = {"rows": 5, "columns": 7, "start": [4, 6], "jump": [10, 8]}
STEPS = [
    ("ArrowRight", [2, 4]),
    ("ArrowDown", [3, 4]),
    ("Shift+ArrowUp", [0, 4]),
    ("Shift+ArrowRight", [0, 6]),
    ("ArrowLeft", [0, 5]),
    ("Enter", None),
    ("Escape", [2, 3]),
]


def positions(page: ViewPage) -> list:
    return [choice["position"] for choice in page.saved("view", "chosen")]


def test_arrow_keys_choose_positions_and_other_keys_pass(page: ViewPage) -> None:
    page.mount("view", Picture(frame=FRAME, grid=GRID, position=[2, 3], alt="chelsea"))
    page.page.evaluate(
        "document.addEventListener('keydown', (e) => (globalThis.heard ??= []).push(e.key), true)"
    )
    page.page.locator(".cw-frame").focus()
    for key, _ in STEPS:
        page.page.keyboard.press(key)
    assert positions(page) == [position for _, position in STEPS]
    page.page.keyboard.press("a")
    page.page.keyboard.press("Control+ArrowLeft")
    assert len(positions(page)) == len(STEPS)
    assert page.page.evaluate("heard") == ["Shift", "Shift", "a", "Control", "ArrowLeft"]
    counts = [choice["count"] for choice in page.saved("view", "chosen")]
    assert counts == list(range(1, len(STEPS) + 1))


def test_keys_go_on_from_the_hand_while_the_kernel_lags(page: ViewPage) -> None:
    page.mount("view", Picture(frame=FRAME, grid=GRID, position=[0, 0]))
    page.page.evaluate("() => { globalThis.now = 1000; performance.now = () => now; }")
    page.page.locator(".cw-frame").focus()
    page.page.keyboard.press("ArrowRight")
    page.page.keyboard.press("ArrowRight")
    page.tell("view", position=[0, 1])
    page.page.keyboard.press("ArrowRight")
    assert positions(page)[-1] == [0, 3]
    page.page.evaluate("now += 700")
    page.tell("view", position=[4, 4])
    page.page.keyboard.press("ArrowRight")
    assert positions(page)[-1] == [4, 5]


def test_a_click_chooses_the_nearest_position(page: ViewPage) -> None:
    page.mount("view", Picture(frame=FRAME, grid=GRID, extent=[56, 56]))
    box = page.page.locator(".cw-frame").bounding_box()
    for y, x in [(4, 6), (14 + 4.6, 14 - 3.6), (55, 55), (0, 0), (34, 30)]:
        page.page.mouse.click(box["x"] + 5 * x, box["y"] + 5 * y)
    assert positions(page) == [[0, 0], [1, 1], [4, 6], [0, 0], [3, 3]]


def test_without_a_grid_a_picture_is_only_seen(page: ViewPage) -> None:
    page.mount("view", Picture(frame=FRAME, alt="the crop"))
    frame = page.page.locator(".cw-frame")
    assert frame.get_attribute("role") == "img" and frame.get_attribute("tabindex") is None
    assert frame.evaluate("(e) => e.ariaLabel") == "the crop"
    frame.click()
    assert positions(page) == []
    page.tell("view", grid=GRID)
    assert frame.get_attribute("role") == "application"
    assert frame.get_attribute("tabindex") == "0"


def test_the_strength_is_sent_when_the_hand_rests(page: ViewPage) -> None:
    page.mount("view", Picture(frame=FRAME, adjustable=True, strength=0.8))
    slider = page.page.locator("input[type=range]")
    slider.focus()
    page.page.keyboard.press("ArrowLeft")
    assert page.saved("view", "strength") == [0.79]
    page.page.wait_for_function(
        "document.querySelector('.cw-strength span').textContent[1] === '9'"
    )
    slider.evaluate("(e) => { e.value = 40; e.dispatchEvent(new Event('input')); }")
    assert page.saved("view", "strength") == [0.79]


def test_the_preview_tag_comes_late_and_goes_at_once(page: ViewPage) -> None:
    page.mount("view", Picture(frame=FRAME))
    tag = page.page.locator(".cw-tag")
    shown_at_once = """async () => {
      view.tell({ tag: "preview" });
      await new Promise(requestAnimationFrame);
      await new Promise(requestAnimationFrame);
      return !view.el.querySelector(".cw-tag").hidden;
    }"""
    assert not page.page.evaluate(shown_at_once)
    tag.wait_for(state="visible", timeout=2000)
    page.tell("view", tag="")
    assert not tag.is_visible()


def test_words_are_never_markup(page: ViewPage) -> None:
    bad = "<img src=x onerror=alert(1)>"
    page.mount("view", Picture(frame=FRAME, title=bad, notes=[bad], reading=bad, tag=bad))
    page.mount("strip", BarStrip(title=bad, labels=[bad], readings=[bad], values=[1]))
    page.mount("rows", BarRows(title=bad, labels=[bad], readings=[bad], values=[1]))
    buttons = [{"name": "a", "label": bad}]
    page.mount("line", StatusLine(headline=bad, text=bad, panel=bad, buttons=buttons))
    assert page.page.locator("img").count() == 0
    assert page.page.get_by_text(bad).count() >= 8


def test_bars_have_one_zero_and_are_chosen_by_hand_and_key(page: ViewPage) -> None:
    strip = BarStrip(values=[6, 3, 0, -2], labels=["7", "8", "9", "10"], selected=0)
    page.mount("view", strip)
    boxes = page.page.evaluate(
        "[...view.el.querySelectorAll('.cw-bar i')].map((e) => e.getBoundingClientRect().toJSON())"
    )
    heights = np.array([box["height"] for box in boxes])
    assert heights / heights[0] == pytest.approx([1, 1 / 2, 0, 1 / 3], abs=0.02)
    assert [boxes[0]["bottom"], boxes[1]["bottom"]] == pytest.approx([boxes[3]["top"]] * 2, abs=1)
    page.page.locator(".cw-bar").nth(1).click()
    page.page.keyboard.press("ArrowRight")
    page.page.keyboard.press("ArrowRight")
    page.page.keyboard.press("Enter")
    assert [choice["index"] for choice in page.saved("view", "chosen")] == [1, 3]
    assert page.page.locator(".cw-bar[tabindex='0']").count() == 1


def test_as_many_bars_as_fit(page: ViewPage) -> None:
    strip = BarStrip(values=[1] * 30, labels=["123"] * 30)
    page.mount("view", strip)
    wide = page.page.locator(".cw-bar:visible").count()
    page.page.evaluate("document.querySelector('#root').style.width = '140px'")
    page.page.wait_for_function(
        f"view.el.querySelectorAll('.cw-bar:not([hidden])').length < {wide}"
    )
    narrow = page.page.locator(".cw-bar:visible").count()
    assert 0.4 * wide < narrow < 0.6 * wide
    page.tell("view", values=[1, 2], labels=["1", "2"])
    assert page.page.locator(".cw-bar:visible").count() == 2


def test_rows_are_shares_of_their_track(page: ViewPage) -> None:
    rows = BarRows(labels=["lynx", "cat"], values=[0.25, 1], readings=[".25", "1.00"])
    page.mount("view", rows)
    widths = page.page.evaluate(
        "[...view.el.querySelectorAll('.cw-row i')].map((e) => e.getBoundingClientRect().width)"
    )
    assert widths[0] / widths[1] == pytest.approx(0.25, abs=0.02)
    page.tell("view", labels=[], message=["no head"])
    assert page.page.locator(".cw-row:visible").count() == 0
    assert page.page.locator(".cw-message").inner_text() == "no head"
