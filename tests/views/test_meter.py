"""The meter: where its bar ends, what it says beyond its scale, and to those who only hear."""

import numpy as np
import pytest
from traitlets import TraitError

from cnnwidgets.views import Meter, View
from tests.views.page import ViewPage

HEIGHT = 200


def tall(page: ViewPage, meter: View) -> None:
    page.mount("view", meter)
    page.page.evaluate(f"view.el.style.height = '{HEIGHT}px'")


def measured(page: ViewPage, part: str) -> tuple[float, float]:
    """Give where a part of the meter begins and ends, in shares of the track from its foot."""
    top, bottom = page.page.evaluate(
        """(part) => {
          const track = view.el.querySelector(".cw-meter-track").getBoundingClientRect();
          const box = view.el.querySelector(part).getBoundingClientRect();
          return [track.bottom - box.top, track.bottom - box.bottom];
        }""",
        part,
    )
    return bottom / HEIGHT, top / HEIGHT


def test_it_takes_numbers_only() -> None:
    meter = Meter(value=np.float32(2.5), top=np.int64(4), peak=float("nan"))
    assert (meter.value, meter.top, meter.peak) == (2.5, 4.0, None)
    assert type(meter.value) is float
    for top in (0, -1, float("nan"), float("inf")):
        with pytest.raises(TraitError, match="the top of a meter is a number above 0; got"):
            meter.top = top
    meter.value = float("nan")
    assert meter.value is None
    meter.close()


@pytest.mark.browser
def test_the_bar_ends_at_the_value(page: ViewPage) -> None:
    tall(page, Meter(value=15, top=60, peak=45, reading="15.0", alt="Response of unit 18."))
    assert measured(page, ".cw-meter-fill") == pytest.approx((0, 0.25), abs=0.01)
    assert np.mean(measured(page, ".cw-meter-peak")) == pytest.approx(0.75, abs=0.01)
    track = page.page.locator(".cw-meter-track")
    names = ("role", "aria-label", "aria-valuemin", "aria-valuemax", "aria-valuenow")
    said = [track.get_attribute(name) for name in (*names, "aria-valuetext")]
    assert said == ["meter", "Response of unit 18.", "0", "60", "15", "15.0"]
    page.tell("view", value=30, top=40, reading="30.0", peak=None)
    assert measured(page, ".cw-meter-fill") == pytest.approx((0, 0.75), abs=0.01)
    assert not page.page.locator(".cw-meter-peak").is_visible()
    assert track.get_attribute("aria-valuetext") == "30.0"


@pytest.mark.browser
def test_it_ends_with_its_scale_and_says_so(page: ViewPage) -> None:
    tall(page, Meter(value=60, top=60))
    marked = "getComputedStyle(view.el.querySelector('.cw-meter-track'), '::after').content"
    assert page.page.evaluate(marked) == "none"
    page.tell("view", value=61, peak=70)
    assert page.page.evaluate(marked) != "none"
    assert measured(page, ".cw-meter-fill") == pytest.approx((0, 1), abs=0.01)
    assert np.mean(measured(page, ".cw-meter-peak")) == pytest.approx(1, abs=0.01)
    assert page.page.locator(".cw-meter-track").get_attribute("aria-valuenow") == "60"
    page.tell("view", value=-5)
    assert page.page.evaluate(marked) != "none"
    assert measured(page, ".cw-meter-fill") == pytest.approx((0, 0), abs=0.01)
    page.tell("view", value=None)
    assert page.page.evaluate(marked) == "none"
    assert page.page.locator(".cw-meter-track").get_attribute("aria-valuenow") is None


@pytest.mark.browser
def test_it_is_as_high_as_its_cell_and_does_not_move_by_itself(page: ViewPage) -> None:
    page.mount("view", Meter(value=1, top=2))
    style = "display: grid; padding: 0; width: 10px; height: 300px"
    page.page.evaluate(f"view.el.parentElement.style.cssText = '{style}'")
    track = page.page.locator(".cw-meter-track")
    assert track.bounding_box()["height"] == pytest.approx(300)
    moving = track.locator(".cw-meter-fill").evaluate(
        "(bar) => [getComputedStyle(bar).transitionDuration, getComputedStyle(bar).animationName]"
    )
    assert moving == ["0s", "none"]
