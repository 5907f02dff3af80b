"""The mosaic of units: which colour stands where, and how one is chosen."""

from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image
from traitlets import TraitError

from cnnwidgets.views import UnitMosaic
from cnnwidgets.views.unit_mosaic import TWILIGHT
from tests.views.page import ViewPage
from tests.views.test_views import sent

NAN = float("nan")
GREY = (128, 128, 128)


def expected(degrees: float) -> np.ndarray:
    """Give the colour of an orientation, by numpy."""
    anchors = [list(bytes.fromhex(colour[1:])) for colour in TWILIGHT]
    places = np.arange(7) * 30
    return np.array(
        [np.interp(degrees, places, [a[part] for a in (*anchors, anchors[0])]) for part in range(3)]
    )


def layout(page: ViewPage) -> tuple[int, int]:
    """Give how many columns and rows the mosaic has."""
    ratio = page.page.evaluate("view.el.querySelector('.cw-mosaic').style.aspectRatio")
    columns, rows = ratio.split("/")
    return int(columns), int(rows)


def square(page: ViewPage, index: int) -> np.ndarray:
    """Give the pixel in the middle of a unit's square, RGBA."""
    columns, rows = layout(page)
    share = [(index % columns + 0.45) / columns, (index // columns + 0.45) / rows]
    pixel = page.page.evaluate(
        """([x, y]) => {
          const canvas = view.el.querySelector("canvas");
          const at = [Math.floor(x * canvas.width), Math.floor(y * canvas.height), 1, 1];
          return [...canvas.getContext("2d").getImageData(...at).data];
        }""",
        share,
    )
    return np.array(pixel)


def words(page: ViewPage) -> str:
    tip = page.page.locator(".cw-tip")
    return tip.inner_text() if tip.is_visible() else ""


def where(page: ViewPage, index: int) -> tuple[float, float]:
    box = page.page.locator(".cw-mosaic").bounding_box()
    columns, rows = layout(page)
    x = box["x"] + box["width"] * (index % columns + 0.5) / columns
    return x, box["y"] + box["height"] * (index // columns + 0.5) / rows


def test_orientations_travel_without_nan(monkeypatch: pytest.MonkeyPatch) -> None:
    mosaic = UnitMosaic()
    messages = sent(mosaic, monkeypatch)
    mosaic.show(orientations=np.array([30, NAN], np.float32), states=["tuned", "silent"])
    assert messages[0]["state"]["orientations"] == [30.0, None]
    assert np.isnan(mosaic.orientations[1])
    mosaic.picked = np.array([3, 1, 3])
    assert mosaic.picked == [1, 3]
    mosaic.close()


def test_refusals() -> None:
    mosaic = UnitMosaic()
    for angle in (180, -1, float("inf")):
        with pytest.raises(TraitError, match=r"in \[0, 180\) degrees, or NaN; got"):
            mosaic.show(orientations=[30, angle])
    with pytest.raises(TraitError, match="a unit is tuned, untuned or silent; got 'dead'"):
        mosaic.show(states=["dead"])
    with pytest.raises(TraitError, match="picked takes 1 numbers"):
        mosaic.show(picked=["first"])
    mosaic.close()


@pytest.mark.browser
def test_each_unit_has_the_colour_of_its_orientation(page: ViewPage) -> None:
    angles = [0, 30, 45, 90, 150, 179, 20, NAN, 75]
    states = ["tuned"] * 6 + ["untuned", "tuned", "silent"]
    page.mount("view", UnitMosaic(orientations=angles, states=states))
    for index, angle in enumerate(angles[:6]):
        assert np.abs(square(page, index)[:3] - expected(angle)).max() <= 1, angle
    assert np.abs(expected(179) - expected(0)).max() < 4  # cyclic, and so is the drawing
    for index in (6, 7):
        assert tuple(square(page, index)) == (*GREY, 255)
    assert 20 < square(page, 8)[3] < 40  # a tint, which the ground shines through
    assert square(page, 9)[3] == 0
    page.tell("view", orientations=[75, None, *angles[6::-1]], states=[])
    assert np.abs(square(page, 8)[:3] - expected(0)).max() <= 1
    assert tuple(square(page, 1)) == (*GREY, 255)


@pytest.mark.browser
@pytest.mark.parametrize("count", [1, 64, 512, 2048])
def test_squares_fill_the_width(page: ViewPage, count: int) -> None:
    rng = np.random.default_rng(0)
    angles = rng.uniform(0, 180, count)
    page.mount("view", UnitMosaic(orientations=angles))
    columns, rows = layout(page)
    assert 8 <= 280 / columns < 26 and columns * (rows - 1) < count <= columns * rows
    box = page.page.locator(".cw-mosaic canvas").bounding_box()
    assert box["width"] == 280 and box["height"] == pytest.approx(280 * rows / columns, abs=1)
    for index in rng.integers(0, count, 20):
        assert np.abs(square(page, int(index))[:3] - expected(angles[index])).max() <= 1
    page.page.evaluate("document.querySelector('#root').style.width = '560px'")
    page.page.wait_for_function("view.el.querySelector('canvas').width === 560")
    assert 8 <= 560 / layout(page)[0] < 26
    assert np.abs(square(page, count - 1)[:3] - expected(angles[-1])).max() <= 1


@pytest.mark.browser
def test_picked_units_are_marked_and_the_others_dimmed(page: ViewPage) -> None:
    page.mount("view", UnitMosaic(orientations=[60] * 40, picked=[3, 30]))
    alphas = [square(page, index)[3] for index in range(40)]
    assert [index for index, alpha in enumerate(alphas) if alpha == 255] == [3, 30]
    assert max(alpha for alpha in alphas if alpha < 255) < 100
    white = page.page.evaluate(
        """() => {
          const { width, height } = view.el.querySelector("canvas");
          const context = view.el.querySelector("canvas").getContext("2d");
          const { data } = context.getImageData(0, 0, width, height);
          let count = 0;
          for (let at = 0; at < data.length; at += 4) {
            count += Math.min(...data.subarray(at, at + 4)) === 255;
          }
          return count;
        }"""
    )
    assert white > 2 * 40
    page.tell("view", picked=[])
    assert {square(page, index)[3] for index in range(40)} == {255}


@pytest.mark.browser
def test_the_selected_unit_is_framed(page: ViewPage) -> None:
    page.mount("view", UnitMosaic(orientations=[60] * 40, selected=14))
    frame = page.page.locator(".cw-mosaic-now")
    box = frame.bounding_box()
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert middle == pytest.approx(where(page, 14), abs=0.1)
    shadow = frame.evaluate("(e) => getComputedStyle(e).boxShadow")
    assert "rgb(255, 255, 255)" in shadow and "rgb(25, 118, 210)" in shadow
    page.tell("view", selected=-1)
    assert not frame.is_visible()
    page.tell("view", selected=40)
    assert not frame.is_visible()


@pytest.mark.browser
def test_a_unit_is_chosen_by_click_and_by_keys(page: ViewPage) -> None:
    states = ["tuned"] * 63 + ["silent"]
    angles = [*(2.0 * index for index in range(63)), NAN]
    page.mount("view", UnitMosaic(orientations=angles, states=states, selected=18, alt="64 units"))
    columns, _ = layout(page)

    def focused() -> Any:
        return page.page.evaluate(
            """() => {
              const { ariaLabel, ariaPosInSet, ariaSetSize, role } = document.activeElement;
              return [ariaLabel, ariaPosInSet, ariaSetSize, role];
            }"""
        )

    page.page.keyboard.press("Tab")
    assert focused() == ["unit 18, 36°", "19", "64", "option"]
    assert words(page) == "unit 18, 36°"
    page.page.keyboard.press("ArrowDown")
    page.page.keyboard.press("ArrowRight")
    assert focused()[0] == words(page) == f"unit {19 + columns}, {2 * (19 + columns)}°"
    page.page.keyboard.press("Enter")
    page.page.keyboard.press("End")
    assert focused()[0] == words(page) == "unit 63, silent"
    page.page.keyboard.press("ArrowRight")  # there is none
    page.page.keyboard.press(" ")
    page.page.keyboard.press("Home")
    page.page.keyboard.press("ArrowUp")
    assert focused()[0] == "unit 0, 0°"
    page.page.mouse.click(*where(page, 40))
    assert focused()[0] == "unit 40, 80°"
    assert page.saved("view", "chosen") == [
        {"index": index, "count": count} for count, index in enumerate((19 + columns, 63, 40), 1)
    ]
    assert page.page.locator(".cw-mosaic [tabindex='0']:visible").count() == 1
    assert page.page.locator("[role=listbox]").get_attribute("aria-label") == "64 units"


@pytest.mark.browser
def test_the_pointer_is_told_what_is_under_it(page: ViewPage) -> None:
    page.mount("view", UnitMosaic(orientations=[30.4, NAN, 179.6] * 20))
    for index, told in ((0, "30°"), (1, "untuned"), (59, "0°")):
        page.page.mouse.move(*where(page, index))
        assert words(page) == f"unit {index}, {told}"
        tip = page.page.locator(".cw-tip").bounding_box()
        assert tip["x"] >= 0 and tip["x"] + tip["width"] <= 281
    page.page.mouse.move(*where(page, 60))  # beyond the last
    assert words(page) == ""
    page.page.mouse.move(*where(page, 3))
    page.page.mouse.move(500, 500)
    assert words(page) == ""


@pytest.mark.browser
def test_the_wheel_has_its_zero_at_the_right_and_runs_counter_clockwise(page: ViewPage) -> None:
    page.mount("view", UnitMosaic(orientations=[0]))
    drawn = page.page.locator(".cw-half-turn").screenshot(type="png")
    image = np.asarray(Image.open(BytesIO(drawn)).convert("RGB")).astype(float)
    height, width = image.shape[:2]
    for degrees in (15, 45, 75, 105, 135, 165):
        radius, angle = 0.8 * height, np.radians(degrees)
        pixel = image[int(height - radius * np.sin(angle)), int(width / 2 + radius * np.cos(angle))]
        assert np.abs(pixel - expected(degrees)).max() < 22, degrees


@pytest.mark.browser
def test_a_message_stands_in_place_of_the_squares(page: ViewPage) -> None:
    page.mount("view", UnitMosaic(message=["No unit of features.0 has been measured."]))
    message = page.page.locator(".cw-message")
    assert message.inner_text() == "No unit of features.0 has been measured."
    assert page.page.locator(".cw-mosaic [tabindex]:visible").count() == 0
