"""The strip of single tiles: words before pictures, switches, reasons, a caption that opens it."""

from typing import Any

import numpy as np
import pytest
from traitlets import TraitError

from cnnwidgets.views import TileStrip, encoding
from tests.views.page import ViewPage

RED = np.full((20, 20, 3), (200, 0, 0), np.uint8)
SWITCHES = [["mask", True], ["switch", False], ["rectify", True]]


def tile(name: str, **other: Any) -> dict[str, Any]:
    """Give a tile that has its words and no picture yet."""
    empty = {"crop": {}, "seen": {}, "window": [], "value": "", "beyond": False}
    return {**empty, "name": name, "switches": SWITCHES, "note": "", "alt": f"{name}.", **other}


def drawn(name: str, **other: Any) -> dict[str, Any]:
    return tile(name, seen=encoding.raw(RED), window=[0, 0, 20, 20], value="±3.7", **other)


def strip(*tiles: dict[str, Any], **state: Any) -> TileStrip:
    made = TileStrip(places=4, pairs=False, folds=True, title="Four rules", **state)
    made.show_tiles(list(tiles))
    return made


def test_what_it_takes() -> None:
    made = strip(tile("TFT", message="refused"), drawn("FFF"))
    assert made.tile_1["window"] == [] and made.tile_2["window"] == [0, 0, 20, 20]
    with pytest.raises(ValueError, match="a strip has 4 places; got 5 tiles"):
        made.show_tiles([tile("a")] * 5)
    with pytest.raises(TraitError, match="a tile holds alt, .*; got .*colour"):
        made.tile_1 = tile("a", colour="red")
    with pytest.raises(TraitError):
        TileStrip(places=10)
    made.close()


@pytest.mark.browser
def test_the_caption_opens_and_folds_it(page: ViewPage) -> None:
    page.mount("view", strip(drawn("TFT"), foot=["mask: what it means"], legend="● on"))
    tiles, handle = page.page.locator(".cw-tiles"), page.page.locator(".cw-caption")
    assert not tiles.is_visible() and not page.page.get_by_text("what it means").is_visible()
    assert handle.get_attribute("role") == "button"
    assert handle.get_attribute("aria-expanded") == "false"
    handle.click()
    assert tiles.is_visible() and handle.get_attribute("aria-expanded") == "true"
    assert page.page.get_by_text("what it means").is_visible()
    handle.focus()
    page.page.keyboard.press("Enter")
    assert not tiles.is_visible()
    page.page.keyboard.press(" ")
    assert tiles.is_visible()
    assert page.saved("view", "opened") == [True, False, True]
    page.page.evaluate("view.tell({ opened: false })")  # the kernel, or another view of it
    assert not tiles.is_visible()


@pytest.mark.browser
def test_words_stand_before_pictures_and_nothing_jumps(page: ViewPage) -> None:
    page.mount("view", strip(tile("TFT"), tile("FFF", note="the same"), opened=True))
    places = page.page.locator(".cw-tile")
    before = [place.bounding_box() for place in places.all()]
    assert len(before) == 4
    assert places.nth(0).inner_text().split() == ["TFT", "mask", "switch", "rectify"]
    assert places.nth(1).inner_text().split()[-2:] == ["the", "same"]
    on = page.page.locator(".cw-tile").nth(0).locator(".cw-on")
    assert on.all_inner_texts() == ["mask", "rectify"]
    filled = """(e) => getComputedStyle(e, "::before").backgroundColor !== "rgba(0, 0, 0, 0)" """
    lamps = places.nth(0).locator(".cw-switches span").all()
    assert [lamp.evaluate(filled) for lamp in lamps] == [True, False, True]
    canvas = places.nth(0).locator("canvas")
    assert canvas.count() == 1 and not canvas.is_visible()
    page.tell("view", tile_1=drawn("TFT"))
    assert canvas.is_visible()
    assert places.nth(0).inner_text().split()[:2] == ["±3.7", "TFT"]
    middle = """(c) => [...c.getContext("2d")
        .getImageData(c.width >> 1, c.height >> 1, 1, 1).data].slice(0, 3)"""
    assert canvas.evaluate(middle) == [200, 0, 0]
    assert [place.bounding_box() for place in places.all()] == before


@pytest.mark.browser
def test_half_of_them_stand_in_a_row_where_it_is_narrow(page: ViewPage) -> None:
    page.mount("view", strip(*[drawn(name) for name in "abcd"], opened=True))
    tops = [round(place.bounding_box()["y"]) for place in page.page.locator(".cw-pair").all()]
    assert tops[0] == tops[1] < tops[2] == tops[3]
    page.page.evaluate("document.querySelector('#root').style.width = '900px'")
    page.page.set_viewport_size({"width": 1000, "height": 900})
    pairs = page.page.locator(".cw-pair").all()
    assert len({round(pair.bounding_box()["y"]) for pair in pairs}) == 1
    boxes = [pair.bounding_box() for pair in pairs]
    assert all(abs(box["width"] - box["height"]) < 1 for box in boxes)


@pytest.mark.browser
def test_a_tile_is_chosen_before_its_picture_and_a_refused_one_tells_its_reason(
    page: ViewPage,
) -> None:
    reason = "Net makes a call that only the gradient reverses: <b>gelu</b>"
    made = strip(drawn("saliency"), tile("guided", message=reason), tile("TFT"), opened=True)
    made.selected = 0
    page.mount("view", made)
    places = page.page.locator(".cw-tile")
    assert places.nth(1).locator(".cw-reason").inner_text() == reason
    assert places.nth(1).get_attribute("title") == reason
    assert not places.nth(1).locator("canvas").is_visible()
    for index in (2, 1, 3):
        places.nth(index).click()
    places.nth(1).focus()
    page.page.keyboard.press("ArrowLeft")
    page.page.keyboard.press("Enter")
    assert [choice["index"] for choice in page.saved("view", "chosen")] == [2, 1, 0]
    chosen = page.page.locator(".cw-tile[aria-selected='true']")
    assert chosen.count() == 1 and chosen.evaluate("(e) => e.ariaLabel") == "saliency."


@pytest.mark.browser
def test_a_number_without_room_is_not_half_there(page: ViewPage) -> None:
    long = tile("deconvnet", value="±1.23 × 10⁻⁵", seen=encoding.raw(RED), window=[0, 0, 20, 20])
    page.mount("view", strip(long, drawn("FFF"), opened=True))
    page.page.evaluate("document.querySelector('#root').style.width = '160px'")
    words = page.page.locator(".cw-tile-words").first
    inside = """(words) => {
      const { bottom } = words.getBoundingClientRect();
      return [...words.children].map((e) => e.getBoundingClientRect().top < bottom - 3);
    }"""
    number, name, _ = words.evaluate(inside)
    assert name and not number
    assert page.page.locator(".cw-tile").first.get_attribute("title") == "deconvnet · ±1.23 × 10⁻⁵"
