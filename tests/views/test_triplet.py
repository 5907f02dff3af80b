"""The triplet: what it takes, what it sends and when, and that it tells nothing too early."""

from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image
from traitlets import TraitError

from cnnwidgets.views import Triplet, Verdict, encoding
from cnnwidgets.views.sprite import packed, tiny_tops
from tests.views.page import ViewPage

COLOURS = (200, 0, 0), (0, 200, 0), (0, 0, 200)
FRAMES = [encoding.png(np.full((20, 20, 3), colour, np.uint8)) for colour in COLOURS]
AGENTS = [
    {"name": "people", "kind": "people", "values": [0.2, 0.1, 0.7], "readings": list("abc")},
    {"name": "network", "kind": "network", "values": [0.1, 0.8, 0.1], "readings": list("def")},
]
AGENTS = [{**agent, "takes": takes} for agent, takes in zip(AGENTS, (2, 1), strict=True)]
NAMES = ["lemon", "balloon", "taxi"]


def triplet(**other: Any) -> Triplet:
    pictures = {f"picture_{place}": frame for place, frame in enumerate(FRAMES, 1)}
    alts = [f"{name}, key {place}." for place, name in enumerate(NAMES, 1)]
    return Triplet(**{**pictures, "names": NAMES, "alts": alts, "trial": 7, **other})


def painted(page: ViewPage) -> None:
    """Wait until the clock runs: two frames after the pictures were drawn."""
    for _ in range(3):
        page.page.evaluate("() => new Promise(requestAnimationFrame)")


def answers(page: ViewPage) -> list[tuple[int, int]]:
    return [(answer["index"], answer["trial"]) for answer in page.saved("view", "answered")]


def asked(page: ViewPage) -> list[str]:
    return [press["name"] for press in page.saved("view", "pressed")]


def mounted(page: ViewPage, **state: Any) -> None:
    page.mount("view", triplet(**state))
    painted(page)


def test_refusals() -> None:
    view = triplet()
    with pytest.raises(TraitError, match="names of a triplet are 3; got"):
        view.show(names=["lemon"])
    with pytest.raises(TraitError, match="a picture of a triplet holds box, data, .*; got data"):
        view.show(picture_2={"data": b"12"})
    with pytest.raises(
        TraitError, match="one of the formats jpeg, png, rgb, webp; got bytes, 'gif'"
    ):
        view.show(picture_2={**FRAMES[0], "format": "gif"})
    with pytest.raises(TraitError, match="an agent's kind is people or network; got 'cat'"):
        view.show(agents=[{**AGENTS[0], "kind": "cat"}])
    with pytest.raises(TraitError, match="probabilities from 0 to 1"):
        view.show(agents=[{**AGENTS[0], "values": [1.2, 0, 0]}])
    with pytest.raises(TraitError, match="an agent holds kind, name, readings, .*; got name"):
        view.show(agents=[{"name": "people"}])
    with pytest.raises(TypeError, match="Triplet has no trait picture_4"):
        view.show(picture_4={})
    with pytest.raises(TraitError, match="a part of a sentence holds text and role"):
        Verdict(parts=[{"text": "a", "role": "cat"}])
    with pytest.raises(ValueError, match="a packed frame is a JPEG, PNG or WebP file; got none"):
        packed(b"no picture")
    view.close()


def test_a_file_travels_as_it_is() -> None:
    data = encoding.jpeg(np.zeros((10, 30, 3), np.uint8))["data"]
    frame = packed(data)
    assert frame["data"] is data and frame["format"] == "jpeg"
    assert (frame["height"], frame["width"]) == (10, 30) and frame["box"] == [0, 0, 10, 30]


def test_tiny_pictures_lie_in_a_grid_row_by_row() -> None:
    files = {name: frame["data"] for name, frame in zip(NAMES, FRAMES, strict=True)}
    tops = tiny_tops([4, 9], [["lemon", "taxi"], ["balloon"]], files, side=16)
    assert tops["dims"] == [4, 9] and tops["names"] == [["lemon", "taxi"], ["balloon"]]
    assert (tops["frame"]["height"], tops["frame"]["width"]) == (32, 32)
    with Image.open(BytesIO(tops["frame"]["data"])) as opened:
        sheet = np.asarray(opened.convert("RGBA"), int)
    for (top, left), colour in zip(((8, 8), (24, 8), (8, 24)), COLOURS, strict=True):
        assert np.abs(sheet[top, left] - [*colour, 255]).max() <= 12
    assert sheet[24, 24, 3] == 0
    assert tiny_tops([4], [["lemon", "cloud"]], files)["frame"] == {}


@pytest.mark.browser
def test_the_pictures_stand_where_they_belong(page: ViewPage) -> None:
    mounted(page)
    middle = page.page.evaluate(
        """() => [...view.el.querySelectorAll("canvas")].map((c) => {
          const spot = [c.width >> 1, c.height >> 1, 1, 1];
          return [...c.getContext("2d").getImageData(...spot).data].slice(0, 3);
        })"""
    )
    assert [tuple(pixel) for pixel in middle] == list(COLOURS)
    names = page.page.locator(".cw-odd-line b").all_inner_texts()
    assert names == NAMES
    tops = {round(box["y"]) for b in page.page.locator("button").all() if (box := b.bounding_box())}
    assert len(tops) == 1  # side by side, also in 280 px


@pytest.mark.browser
def test_a_click_shows_at_once_is_sent_once_and_ends_the_trial(page: ViewPage) -> None:
    mounted(page)
    page.page.wait_for_timeout(120)
    page.page.locator("button").nth(2).click()
    checked = page.page.locator("button[aria-checked=true]")
    assert checked.count() == 1 and checked.evaluate("e => e.ariaLabel") == "taxi, key 3."
    frame = "e => getComputedStyle(e, '::after').borderTopWidth"
    assert checked.evaluate(frame) == "3px"
    assert page.page.locator(".cw-odd-yours.cw-on").count() == 1
    page.page.locator("button").nth(0).click(force=True)  # it says that it is disabled
    page.page.keyboard.press("1")
    assert answers(page) == [(2, 7)]
    (sent,) = page.saved("view", "answered")
    assert isinstance(sent["rt_ms"], int) and 100 <= sent["rt_ms"] < 20_000
    page.tell("view", trial=8, chosen=-1, agents=[], locked=False)
    painted(page)
    assert checked.count() == 0
    page.page.keyboard.press("1")
    assert answers(page) == [(2, 7), (0, 8)]


@pytest.mark.browser
def test_the_clock_starts_at_the_paint(page: ViewPage) -> None:
    page.page.evaluate("() => { globalThis.now = 1000; performance.now = () => now; }")
    mounted(page)
    page.page.locator("button").nth(0).focus()
    page.page.evaluate("now = 1834.4")
    page.page.keyboard.press("2")
    assert page.saved("view", "answered")[0]["rt_ms"] == 834
    # No answer to pictures that are not there yet: the decode is held back.
    page.page.evaluate(
        """() => {
          const real = createImageBitmap.bind(globalThis);
          globalThis.createImageBitmap = (blob) =>
            new Promise((done) => (globalThis.finish = () => done(real(blob))));
        }"""
    )
    page.page.evaluate(
        "view.tell({ trial: 8, chosen: -1, picture_1: { ...view.get('picture_2') } })"
    )
    painted(page)
    page.page.keyboard.press("3")
    assert answers(page) == [(1, 7)]
    page.page.evaluate("() => { now = 5000; finish(); }")
    page.page.wait_for_function(
        "+view.el.dataset.drawn && !view.el.querySelector('[aria-checked=true]')"
    )
    painted(page)
    painted(page)
    page.page.evaluate("now = 5250")
    page.page.keyboard.press("3")
    assert page.saved("view", "answered")[1] == {"index": 2, "trial": 8, "rt_ms": 250, "count": 2}


@pytest.mark.browser
def test_keys_of_the_pictures(page: ViewPage) -> None:
    mounted(page)
    page.page.locator("button").nth(0).focus()
    page.page.keyboard.press("n")  # nothing is answered yet
    for key in ("ArrowRight", "ArrowRight", "ArrowLeft", "Enter"):
        page.page.keyboard.press(key)
    assert answers(page) == [(1, 7)] and asked(page) == []
    for key in ("Enter", "n", "N", "u"):
        page.page.keyboard.press(key)
    assert asked(page) == ["next", "next", "next", "undo"] and len(answers(page)) == 1
    assert page.saved("view", "pressed")[-1] == {"name": "undo", "trial": 7, "count": 4}
    page.tell("view", trial=8, chosen=-1)
    page.page.keyboard.press("u")  # of the trial that the kernel has told by then
    assert page.saved("view", "pressed")[-1] == {"name": "undo", "trial": 8, "count": 5}
    painted(page)
    page.page.evaluate(
        """() => document.activeElement.dispatchEvent(
          new KeyboardEvent("keydown", { key: "Enter", repeat: true, bubbles: true }))"""
    )
    page.page.evaluate(
        """() => document.activeElement.dispatchEvent(
          new KeyboardEvent("keydown", { key: "1", repeat: true, bubbles: true }))"""
    )
    assert len(answers(page)) == 1  # a key that is held down
    page.page.keyboard.press("Control+1")
    assert len(answers(page)) == 1
    page.tell("view", locked=True)
    page.page.keyboard.press("1")
    assert len(answers(page)) == 1


@pytest.mark.browser
def test_keys_hold_in_the_explorer_but_not_where_one_types(page: ViewPage) -> None:
    page.page.evaluate(
        """() => {
          document.querySelector("#root").insertAdjacentHTML("beforeend",
            "<input id=text><select id=list><option>nn</option></select>" +
            "<div id=slider role=slider tabindex=0></div><input id=tick type=checkbox>");
          document.body.insertAdjacentHTML("beforeend", "<button id=away>away</button>");
          globalThis.heard = [];
          document.addEventListener("keydown", (event) => heard.push(event.key), true);
        }"""
    )
    mounted(page)
    for place in ("text", "list", "slider", "away"):
        page.page.locator(f"#{place}").focus()
        page.page.keyboard.press("2")
        page.page.keyboard.press("u")
    assert answers(page) == [] and asked(page) == []
    assert page.page.evaluate("heard.length") == 8
    page.page.locator("#tick").focus()
    page.page.keyboard.press("2")
    page.page.keyboard.press("u")
    assert answers(page) == [(1, 7)] and asked(page) == ["undo"]
    assert page.page.evaluate("heard.length") == 8  # JupyterLab does not hear them


@pytest.mark.browser
def test_nothing_is_told_before_the_answer_and_nothing_jumps(page: ViewPage) -> None:
    mounted(page)
    before = page.page.locator(".cw-odd").nth(1).bounding_box()
    text = page.page.evaluate("view.el.outerHTML")
    assert "people" not in text and "network" not in text
    page.page.locator("button").nth(2).click()
    page.tell(
        "view", chosen=2, locked=True, agents=AGENTS, alts=["a", "b", "taxi, your odd one out"]
    )
    assert page.page.locator(".cw-odd").nth(1).bounding_box() == before
    bars = page.page.locator(".cw-odd-agent i").evaluate_all("all => all.map(e => e.style.width)")
    assert bars == ["20%", "10%", "10%", "80%", "70%", "10%"]
    bold = page.page.locator(".cw-takes em").all_inner_texts()
    assert bold == ["e", "c"]
    assert page.page.locator("button").nth(2).evaluate("e => e.ariaLabel").startswith("taxi, your")


@pytest.mark.browser
def test_the_kernel_undoes_and_moves_on(page: ViewPage) -> None:
    mounted(page)
    page.page.locator("button").nth(1).click()
    page.tell("view", chosen=1, locked=True, agents=AGENTS)
    page.tell("view", trial=8, chosen=-1, locked=False, agents=[])
    painted(page)
    assert page.page.locator("[aria-checked=true]").count() == 0
    assert page.page.locator(".cw-odd-agent:visible").count() == 0
    page.tell("view", message=["No triplet is left."])
    page.page.keyboard.press("1")
    assert answers(page) == [(1, 7)]
    assert page.page.locator(".cw-message").inner_text() == "No triplet is left."


@pytest.mark.browser
def test_words_where_there_is_no_picture_and_words_are_never_markup(page: ViewPage) -> None:
    bad = "<img src=x onerror=alert(1)>"
    agents = [{**AGENTS[0], "name": bad, "readings": [bad, "", ""]}]
    mounted(page, picture_1={}, names=[bad, "a", "b"], agents=agents, alts=[], message=[])
    page.mount("line", Verdict(parts=[{"text": bad, "role": "you"}, {"text": bad, "role": ""}]))
    assert page.page.locator("img").count() == 0
    assert page.page.locator(".cw-odd-word:visible").all_inner_texts() == [bad]
    assert page.page.locator(".cw-verdict p").inner_text() == bad + bad
    assert page.page.locator(".cw-verdict b").all_inner_texts() == [bad]


@pytest.mark.browser
def test_bars_follow_the_reader_until_the_kernel_has_spoken(page: ViewPage) -> None:
    mounted(page, chosen=2, locked=True, agents=AGENTS)
    page.page.evaluate(
        """() => document.querySelector("#root").dispatchEvent(new CustomEvent("cw-probabilities",
          { detail: { agent: "people", probabilities: [0.5, 0.496, 0.004] } }))"""
    )
    page.page.wait_for_function("view.el.querySelector('.cw-odd-agent i').style.width === '50%'")
    row = page.page.locator(".cw-odd").nth(0).locator(".cw-odd-agent").nth(0)
    assert row.locator("em").inner_text() == ".50" and "cw-takes" in row.get_attribute("class")
    last = page.page.locator(".cw-odd").nth(2).locator(".cw-odd-agent em").nth(0)
    assert last.inner_text() == "<\u2009.01"
    told = [{**AGENTS[0], "values": [0.3, 0.3, 0.4], "takes": 2}, AGENTS[1]]
    page.tell("view", agents=told)
    page.page.wait_for_function("view.el.querySelector('.cw-odd-agent i').style.width === '30%'")
