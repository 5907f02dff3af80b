"""The strip of tiles: what it takes, what it sends, and what stands on a bare page."""

from typing import Any

import numpy as np
import pytest
from traitlets import TraitError

from cnnwidgets.views import TileStrip, encoding
from tests.views.page import ViewPage
from tests.views.test_views import sent

RED, BLUE = (np.full((20, 20, 3), colour, np.uint8) for colour in ((200, 0, 0), (0, 0, 200)))


def tile(name: str = "tractor", **other: Any) -> dict[str, Any]:
    frames = {"crop": encoding.raw(RED), "seen": encoding.raw(BLUE), "window": [0, 0, 20, 20]}
    words = {"value": "763", "name": name, "beyond": False, "alt": f"{name}, response 763."}
    return {**frames, **words, **other}


def test_each_tile_travels_once(monkeypatch: pytest.MonkeyPatch) -> None:
    strip = TileStrip()
    messages = sent(strip, monkeypatch)
    first, second = tile("cat"), tile("dog")
    strip.show_tiles([first], title="Top two of 10 pictures")
    strip.show_tiles([first, second], title="Top two of 10 pictures")
    assert [set(message["state"]) for message in messages] == [{"tile_1", "title"}, {"tile_2"}]
    assert [len(message["buffers"]) for message in messages] == [2, 2]
    strip.show_tiles([second])
    assert set(messages[-1]["state"]) == {"tile_1", "tile_2"}
    assert messages[-1]["state"]["tile_2"] == {} and strip.tile_2 == {}
    strip.close()


def test_refusals() -> None:
    strip = TileStrip()
    with pytest.raises(TraitError, match="a tile holds alt, beyond, crop, .*; got name"):
        strip.show(tile_3={"name": "cat"})
    with pytest.raises(TraitError, match="the seen of a tile is a raw frame"):
        strip.show(tile_3=tile(seen=encoding.jpeg(RED)))
    with pytest.raises(TraitError, match="the window of a tile takes 4 numbers"):
        strip.show(tile_3=tile(window=[0, 1]))
    with pytest.raises(ValueError, match="a strip has 9 places; got 10 tiles"):
        strip.show_tiles([tile()] * 10)
    with pytest.raises(TypeError, match="TileStrip has no trait tile_10"):
        strip.show(tile_10=tile())
    strip.close()


def test_a_picture_for_a_small_place() -> None:
    stripes = np.zeros((30, 60, 3), np.uint8)
    stripes[:, ::2] = 200
    small = encoding.shrunk(stripes, 20)
    assert small.shape == (10, 20, 3)
    assert np.abs(small.astype(int) - 100).max() <= 34  # averaged, not picked out
    assert encoding.shrunk(stripes, 60) is stripes
    assert encoding.shrunk(stripes[:1], 10).shape == (1, 10, 3)


def canvases(page: ViewPage) -> list[np.ndarray]:
    """Give the middle pixel of every canvas that can be seen, in order."""
    found = page.page.evaluate(
        """() => {
          const seen = (canvas) => canvas.checkVisibility({ visibilityProperty: true });
          return [...view.el.querySelectorAll("canvas")].filter(seen).map((c) => {
            const spot = [c.width >> 1, c.height >> 1, 1, 1];
            return [...c.getContext("2d").getImageData(...spot).data].slice(0, 3);
          });
        }"""
    )
    return [np.array(pixel) for pixel in found]


@pytest.mark.browser
def test_tiles_come_one_by_one_and_nothing_jumps(page: ViewPage) -> None:
    page.mount("view", TileStrip(title="Top nine of 10 pictures"))
    places = page.page.locator(".cw-tile")
    before = [place.bounding_box() for place in places.all()]
    assert len(before) == 9 and len({round(box["width"]) for box in before}) == 1
    assert canvases(page) == []
    page.tell("view", tile_1=tile("cat"))
    assert [pixel.tolist() for pixel in canvases(page)] == [[200, 0, 0], [0, 0, 200]]
    page.tell("view", tile_2=tile("dog", crop=encoding.raw(BLUE)))
    assert [pixel.tolist() for pixel in canvases(page)][2:] == [[0, 0, 200]] * 2
    page.tell("view", tile_1=tile("ant", crop=encoding.raw(BLUE), beyond=True))
    page.page.wait_for_timeout(200)  # its words may be drawn a frame before its pixels
    assert [pixel.tolist() for pixel in canvases(page)][:1] == [[0, 0, 200]]
    assert places.nth(0).inner_text().split() == ["763", "ant", "▫"]
    page.tell("view", message=["Unit 5 is silent in all 10 pictures."])
    assert page.page.locator(".cw-message").inner_text() == "Unit 5 is silent in all 10 pictures."
    assert [place.bounding_box() for place in places.all()] == before


@pytest.mark.browser
def test_a_field_beyond_the_picture_is_grey_there(page: ViewPage) -> None:
    """The window is the whole field, and both frames lie in it where they belong."""
    part = encoding.raw(RED[:10], [10, 0, 20, 20])
    page.mount("view", TileStrip(tile_1=tile(crop=part, seen={}, window=[0, 0, 20, 20])))
    column = page.page.evaluate(
        """() => {
          const canvas = view.el.querySelector("canvas");
          const spot = [canvas.width >> 1, 0, 1, canvas.height];
          const { data } = canvas.getContext("2d").getImageData(...spot);
          return [...data].filter((_, i) => i % 4 === 0);
        }"""
    )
    half = len(column) // 2
    assert set(column[: half - 1]) == {128} and set(column[half + 1 :]) == {200}
    assert [pixel.tolist() for pixel in canvases(page)][1] == [128, 128, 128]


@pytest.mark.browser
def test_a_tile_is_chosen_by_click_and_by_keys(page: ViewPage) -> None:
    strip = TileStrip(selected=1, alt="The strongest pictures of unit 311.")
    strip.show_tiles([tile(name) for name in ("cat", "dog", "ant")])
    page.mount("view", strip)
    page.page.locator(".cw-tile").nth(2).click()
    page.page.keyboard.press("ArrowLeft")
    page.page.keyboard.press("ArrowLeft")
    page.page.keyboard.press("Enter")
    page.page.keyboard.press("End")
    page.page.keyboard.press(" ")
    page.page.locator(".cw-tile").nth(6).click()  # an empty place
    assert [choice["index"] for choice in page.saved("view", "chosen")] == [2, 0, 2]
    assert page.page.locator(".cw-tile[tabindex='0']").count() == 1
    chosen = page.page.locator(".cw-tile[aria-selected='true']")
    assert chosen.count() == 1 and chosen.evaluate("(e) => e.ariaLabel") == "dog, response 763."
    line = chosen.evaluate("(e) => getComputedStyle(e, '::before').height")
    assert line == "3px"
    options = page.page.locator("[role=listbox] > [role=option]:not([aria-hidden])")
    assert options.count() == 3


@pytest.mark.browser
def test_in_a_low_window_the_caption_opens_the_strip(page: ViewPage) -> None:
    strip = TileStrip(title="Top nine of 315 pictures", tile_1=tile())
    page.mount("view", strip)
    tiles, handle = page.page.locator(".cw-tiles"), page.page.locator(".cw-caption")
    assert tiles.is_visible() and handle.get_attribute("role") is None
    handle.click()
    assert tiles.is_visible()
    page.page.set_viewport_size({"width": 600, "height": 700})
    tiles.wait_for(state="hidden")
    assert handle.get_attribute("role") == "button"
    assert handle.get_attribute("aria-expanded") == "false"
    handle.click()
    assert tiles.is_visible() and handle.get_attribute("aria-expanded") == "true"
    assert [pixel.tolist() for pixel in canvases(page)] == [[200, 0, 0], [0, 0, 200]]
    handle.focus()
    page.page.keyboard.press("Enter")
    assert not tiles.is_visible()
    page.page.set_viewport_size({"width": 600, "height": 900})
    tiles.wait_for(state="visible")
    assert handle.get_attribute("tabindex") is None


@pytest.mark.browser
def test_old_tiles_fade_and_words_are_never_markup(page: ViewPage) -> None:
    bad = "<img src=x onerror=alert(1)>"
    page.mount("view", TileStrip(title=bad, legend=bad, tile_1=tile(bad, value=bad, alt=bad)))
    assert page.page.locator("img").count() == 0 and page.page.get_by_text(bad).count() == 4
    page.tell("view", stale=True)
    page.page.wait_for_function(
        "getComputedStyle(view.el.querySelector('canvas')).opacity === '0.45'"
    )
