"""The status line, and what the explorer around it shows of its state."""

import numpy as np
import pytest

from cnnwidgets.views import Picture, StatusLine, encoding
from tests.views.page import ViewPage, wired

pytestmark = pytest.mark.browser

STOP = [{"name": "stop", "label": "Stop"}]


def frame(shade: int) -> dict:
    return encoding.raw(np.full((8, 8, 3), shade, np.uint8))


@pytest.fixture
def explorer(page: ViewPage) -> ViewPage:
    page.mount("picture", Picture(frame=frame(1), reading="831", title="What it sees there"))
    page.mount("line", StatusLine(text="unit 311"))
    return page


def root(page: ViewPage, name: str) -> str | None:
    return page.page.locator("#root").get_attribute(f"data-{name}")


def test_pictures_are_stale_when_nothing_is_drawn_for_long(explorer: ViewPage) -> None:
    explorer.page.evaluate(
        """() => {
          const root = document.querySelector("#root");
          globalThis.told = [];
          const note = () => told.push("stale" in root.dataset);
          new MutationObserver(note).observe(root, { attributeFilter: ["data-stale"] });
        }"""
    )
    explorer.tell("line", state="busy", headline="Drawing")
    explorer.page.wait_for_selector("#root[data-stale]")
    assert root(explorer, "state") == "busy"
    shown = "getComputedStyle(document.querySelector('.cw-reading'), '::after').content"
    assert explorer.page.evaluate(shown) == '"…"'
    explorer.page.wait_for_function(
        "getComputedStyle(document.querySelector('canvas')).opacity < .5"
    )
    explorer.tell("picture", frame=frame(2))
    explorer.page.wait_for_function("told.length === 3")
    explorer.tell("line", state="ready")
    explorer.page.wait_for_timeout(300)
    assert explorer.page.evaluate("told") == [True, False, True, False]


def test_the_readers_own_strength_is_no_news(explorer: ViewPage) -> None:
    explorer.tell("line", state="busy")
    explorer.page.wait_for_selector("#root[data-stale]")
    explorer.tell("picture", strength=0.3)
    assert root(explorer, "stale") == ""


def test_an_error_fades_the_pictures_and_joins_its_sentences(explorer: ViewPage) -> None:
    explorer.tell("line", state="error", headline="900 was asked.", text="Showing unit 311.")
    assert explorer.page.locator(".cw-words").inner_text() == "900 was asked. Showing unit 311."
    explorer.page.wait_for_function(
        "getComputedStyle(document.querySelector('canvas')).opacity < .5"
    )
    assert explorer.page.locator(".cw-reading").inner_text() == "831"


def test_stop_is_pressed_by_hand_and_by_its_key(explorer: ViewPage) -> None:
    controls = "<input><button>b</button>"
    explorer.page.locator("#root").evaluate(
        "(e, it) => e.insertAdjacentHTML('beforeend', it)", controls
    )
    explorer.page.locator("#root button:text('b')").focus()
    explorer.page.keyboard.press("s")
    assert explorer.saved("line", "pressed") == []
    explorer.tell("line", state="busy", buttons=STOP)
    explorer.page.keyboard.press("s")
    explorer.page.locator("#root > input").focus()
    explorer.page.keyboard.press("s")
    explorer.page.get_by_text("Stop", exact=True).click()
    pressed = explorer.saved("line", "pressed")
    assert pressed == [{"name": "stop", "count": 1}, {"name": "stop", "count": 2}]


def test_progress_is_a_bar_with_numbers(explorer: ViewPage) -> None:
    bar = explorer.page.locator(".cw-progress")
    assert not bar.is_visible()
    explorer.tell("line", state="busy", done=77, total=308)
    part = bar.locator("i").bounding_box()["width"] / bar.bounding_box()["width"]
    assert part == pytest.approx(0.25, abs=0.01)
    assert bar.evaluate("(e) => [e.ariaValueNow, e.ariaValueMax].join()") == "77,308"


def test_only_the_rest_is_read_out(explorer: ViewPage) -> None:
    live = explorer.page.locator("[aria-live=polite]")
    explorer.tell("line", state="busy", headline="Drawing", text="unit 312")
    explorer.page.wait_for_timeout(900)
    assert live.text_content() == ""
    explorer.tell("line", state="ready", headline="Ready", text="unit 312")
    explorer.page.wait_for_function(
        "document.querySelector('[aria-live]').textContent === 'Ready · unit 312'", timeout=3000
    )


def test_the_panel_copies_and_closes(explorer: ViewPage) -> None:
    explorer.tell("line", panel="import cnnwidgets as cw\n")
    panel = explorer.page.locator(".cw-text-panel")
    assert panel.locator("pre").text_content() == "import cnnwidgets as cw\n"
    panel.get_by_text("Copy").click()
    explorer.page.wait_for_selector("text=Copied")
    panel.get_by_text("Close").click()
    explorer.tell("line", text="drawn again before the kernel has answered")
    assert not panel.is_visible()
    assert explorer.saved("line", "pressed") == [{"name": "close", "count": 1}]
    explorer.tell("line", panel="import cnnwidgets as cw\n")
    assert panel.is_visible()


def test_a_file_is_saved_under_its_name(explorer: ViewPage) -> None:
    offered = {"name": "unit.png", "type": "image/png", "data": b"pixels", "count": 1}
    with explorer.page.expect_download() as caught:
        explorer.page.evaluate("(download) => line.tell({ download })", wired(offered))
    assert caught.value.suggested_filename == "unit.png"
    with open(caught.value.path(), "rb") as saved:
        assert saved.read() == b"pixels"


def test_a_view_alone_carries_the_tokens(page: ViewPage) -> None:
    page.mount("picture", Picture(frame=frame(3)), holder="#alone")
    page.page.wait_for_selector("#alone > .cw.cw-alone")
    assert page.page.locator("#alone canvas").bounding_box()["width"] == 280


def test_a_view_that_leaves_hears_nothing_more(explorer: ViewPage) -> None:
    explorer.tell("line", state="busy", buttons=STOP)
    explorer.page.evaluate("picture.leave(), line.leave()")
    drawn = explorer.page.evaluate("line.el.dataset.drawn")
    explorer.page.evaluate("line.tell({ text: 'late' })")
    explorer.page.locator("#root button").first.focus()
    explorer.page.keyboard.press("s")
    explorer.page.wait_for_timeout(200)
    assert explorer.saved("line", "pressed") == []
    assert explorer.page.evaluate("line.el.dataset.drawn") == drawn
