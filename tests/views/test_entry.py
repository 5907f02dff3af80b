"""The line of text: told on Enter only, also the same again, and no key is stolen from it."""

import pytest

from cnnwidgets.views import Entry
from tests.views.page import ViewPage

pytestmark = pytest.mark.browser


def test_a_text_is_told_on_enter_also_the_same_again(page: ViewPage) -> None:
    page.mount("view", Entry(title="group of units", example="311 + 40"))
    field = page.page.get_by_label("group of units")
    field.press_sequentially("3 - 1")
    assert page.saved("view", "entered") == []
    field.press("Enter")
    field.press("Enter")
    field.press("Backspace")
    field.press("Shift+Enter")
    field.blur()
    assert page.saved("view", "entered") == [
        {"text": "3 - 1", "count": 1},
        {"text": "3 - 1", "count": 2},
    ]


def test_only_enter_is_kept_from_the_notebook(page: ViewPage) -> None:
    page.mount("view", Entry(title="group of units"))
    page.page.evaluate(
        "document.addEventListener('keydown', (e) => (globalThis.heard ??= []).push(e.key), true)"
    )
    field = page.page.get_by_label("group of units")
    for key in ("1", "ArrowLeft", "Enter", "s", "Home"):
        field.press(key)
    assert page.page.evaluate("heard") == ["1", "ArrowLeft", "s", "Home"]
    assert field.input_value() == "s1"


def test_the_kernel_sets_the_text_and_the_example_is_shown(page: ViewPage) -> None:
    page.mount("view", Entry(title="group of units", example="311 + <b>40</b>"))
    field = page.page.get_by_label("group of units")
    assert field.get_attribute("placeholder") == "311 + <b>40</b>"
    page.tell("view", text="7 + 8")
    assert field.input_value() == "7 + 8"
    field.fill("7 + 9")
    page.tell("view", title="units")
    assert page.page.get_by_label("units").input_value() == "7 + 9"
