"""The handle of a folded strip: opened by pointer and keys, its words pressed, its body hidden."""

import ipywidgets
import pytest
from ipywidgets.widgets import widget as registry
from traitlets import TraitError

from cnnwidgets.views import Fold, NumberRow, layout
from tests.views.page import ViewPage

BUTTONS = [{"name": "stop", "label": "Stop"}, {"name": "csv", "label": "CSV"}]
STATE = {
    "title": "Population",
    "notes": ["all units"],
    "buttons": BUTTONS,
    "done": 34,
    "total": 120,
}


@pytest.mark.browser
def test_a_click_enter_and_space_open_and_fold_it(page: ViewPage) -> None:
    page.mount("fold", Fold(**STATE))
    handle = page.page.get_by_role("button", name="Population")
    assert handle.get_attribute("aria-expanded") == "false"
    assert not page.page.get_by_text("Stop").count()
    turns = [handle.click, lambda: handle.press("Enter"), lambda: handle.press("Space")]
    for number, turn in enumerate(turns):
        turn()
        opened = number % 2 == 0
        page.page.wait_for_function(
            f"fold.el.querySelector('[aria-expanded=\"{str(opened).lower()}\"]')"
        )
    assert page.saved("fold", "opened") == [True, False, True]
    assert page.page.get_by_role("progressbar").get_attribute("aria-valuenow") == "34"
    page.tell("fold", opened=False)
    assert handle.get_attribute("aria-expanded") == "false"


@pytest.mark.browser
def test_its_words_are_pressed_and_the_focus_stays(page: ViewPage) -> None:
    page.mount("fold", Fold(**STATE, opened=True))
    page.page.get_by_role("button", name="Stop").press("Enter")
    assert page.saved("fold", "pressed") == [{"name": "stop", "count": 1}]
    assert page.saved("fold", "opened") == []
    page.tell("fold", buttons=[{"name": "measure", "label": "Go on"}], total=0)
    assert page.page.evaluate("document.activeElement.textContent") == "Go on"
    assert not page.page.get_by_role("progressbar").count()
    page.tell("fold", buttons=[])
    assert page.page.evaluate("document.activeElement.ariaExpanded") == "true"


@pytest.mark.browser
def test_folded_its_neighbour_has_no_height_and_no_focus_but_its_width(page: ViewPage) -> None:
    page.mount("fold", Fold(**STATE))
    page.page.evaluate(
        """() => {
          const body = document.createElement("div");
          body.id = "body";
          body.innerHTML = "<button>inside</button>";
          fold.el.after(body);
        }"""
    )
    inside = """() => {
      const visible = body.firstChild.checkVisibility({ visibilityProperty: true });
      return [body.offsetHeight, body.offsetWidth, visible];
    }"""
    assert page.page.evaluate(inside) == [0, 280, False]
    page.tell("fold", opened=True)
    height, width, visible = page.page.evaluate(inside)
    assert height > 10 and width == 280 and visible


def test_the_boxes_of_a_strip_and_their_end() -> None:
    before = set(registry._instances)
    charts = [NumberRow(), NumberRow()]
    body = layout.population_body(
        [layout.labelled("index", ipywidgets.Dropdown())], charts, ipywidgets.Label("none")
    )
    strip = layout.folded_strip(Fold(), body)
    boxes = [box._dom_classes[0] for box in (strip, body, *body.children)]
    names = ["folded-strip", "population", "controls", "population-charts", "population-words"]
    assert boxes == [f"cw-{name}" for name in names]
    assert all(f".{name}" in Fold._css for name in boxes)
    assert body.children[1].children == tuple(charts)
    layout.close_tree(strip)
    assert set(registry._instances) == before


def test_buttons_have_names_and_labels() -> None:
    before = set(registry._instances)
    fold = Fold()
    with pytest.raises(TraitError, match="a button holds name and label"):
        fold.buttons = [{"name": "stop"}]
    with pytest.raises(TypeError, match="Fold has no trait titel"):
        fold.show(titel="Population")
    fold.close()
    assert set(registry._instances) == before
