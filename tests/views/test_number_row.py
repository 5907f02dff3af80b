"""The row of numbers: what it takes, how it is read, where it wraps."""

import pytest
from traitlets import TraitError

from cnnwidgets.views import NumberRow
from tests.views.page import ViewPage

NUMBERS = [
    {"value": "27", "unit": "°", "label": "orientation, mean", "title": "vector mean"},
    {"value": ".28", "unit": "c/px", "label": "best frequency"},
    {"value": ".99", "label": "OSI", "unit": ""},
    *({"value": f".{index}", "label": f"other {index}"} for index in range(5)),
]


def test_a_number_holds_words() -> None:
    row = NumberRow(numbers=NUMBERS)
    assert row.numbers == NUMBERS
    with pytest.raises(TraitError, match="and may hold title and unit; got value"):
        row.numbers = [{"value": "27"}]
    with pytest.raises(TraitError, match="got label, units, value"):
        row.numbers = [{"value": "27", "label": "OSI", "units": "°"}]
    with pytest.raises(TraitError, match="numbers"):
        row.numbers = [{"value": 27, "label": "OSI"}]
    assert row.numbers == NUMBERS
    row.close()


@pytest.mark.browser
def test_label_and_number_are_read_together(page: ViewPage) -> None:
    page.mount("view", NumberRow(numbers=NUMBERS, alt="Numbers of unit 18."))
    pairs = page.page.locator("[role=group][aria-label='Numbers of unit 18.'] > dl > div")
    assert pairs.count() == 8
    told = [
        (pair.locator("dt").inner_text(), pair.locator("dd").inner_text()) for pair in pairs.all()
    ]
    assert told[:3] == [
        ("orientation, mean", "27°"),
        ("best frequency", ".28\u2009c/px"),
        ("OSI", ".99"),
    ]
    assert pairs.nth(0).get_attribute("title") == "vector mean"
    assert pairs.nth(0).locator("dd").get_attribute("aria-description") == "vector mean"
    label, number = (pairs.nth(0).locator(part).bounding_box() for part in ("dt", "dd"))
    assert number["y"] + number["height"] <= label["y"] + 1


@pytest.mark.browser
def test_words_change_in_place_and_are_never_markup(page: ViewPage) -> None:
    bad = "<img src=x onerror=alert(1)>"
    page.mount("view", NumberRow(numbers=NUMBERS))
    page.page.evaluate("globalThis.first = view.el.querySelector('dl > div')")
    page.tell("view", numbers=[{"value": bad, "label": bad, "unit": bad, "title": bad}])
    assert page.page.locator("img").count() == 0
    assert page.page.locator("dl > div:visible").count() == 1
    assert page.page.evaluate("first.isConnected && first.querySelector('dt').textContent") == bad
    page.tell("view", numbers=NUMBERS[:2])
    assert page.page.locator("dl > div:visible").count() == 2


@pytest.mark.browser
def test_eight_in_a_row_or_four_in_two(page: ViewPage) -> None:
    page.page.set_viewport_size({"width": 1000, "height": 600})
    page.page.evaluate("document.querySelector('#root').style.width = '960px'")
    page.mount("view", NumberRow(numbers=NUMBERS))
    places = page.page.locator("dl > div")

    def rows() -> list[int]:
        heights = [round(place.bounding_box()["y"]) for place in places.all()]
        return [heights.count(height) for height in sorted(set(heights))]

    assert rows() == [8]
    page.page.evaluate("document.querySelector('#root').style.width = '640px'")
    assert rows() == [4, 4]
    left = [round(place.bounding_box()["x"]) for place in places.all()]
    assert left[:4] == left[4:]
