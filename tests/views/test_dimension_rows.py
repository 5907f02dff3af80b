"""Rows of dimensions: switching them off is right, at once, told to whom it concerns."""

import base64

import numpy as np
import pytest
from traitlets import TraitError

from cnnwidgets.views import DimensionRows, Triplet, encoding
from cnnwidgets.views.sprite import tiny_tops
from tests.views.page import ViewPage

GENERATOR = np.random.default_rng(5)
PRODUCTS = (GENERATOR.gamma(0.7, 1.0, (3, 9)) * (GENERATOR.random((3, 9)) < 0.7)).astype("f4")
LABELS = [f"dimension {letter}" for letter in "abcdefghi"]
KINDS = ["semantic", "visual", "mixed", "unclear", "", "semantic", "visual", "", ""]


def chance(on: list[int]) -> np.ndarray:
    """Shares of e to the sums, one object after the other."""
    raised = [np.exp(sum(float(PRODUCTS[a, d]) for d in on)) for a in range(3)]
    return np.array([value / sum(raised) for value in raised])


def relevance(d: int, on: list[int], odd: int) -> float:
    return float(chance(on)[odd] - chance([other for other in on if other != d])[odd])


def rows(**other: object) -> DimensionRows:
    state = {"labels": LABELS, "kinds": KINDS, "products": PRODUCTS, "odd": 1, "count": 4}
    return DimensionRows(odd_name="taxi", **{**state, "title": "Why", **other})


def words(value: float) -> str:
    if abs(value) < 0.005:
        return "0" if abs(value) < 1e-6 else "<\u2009.01"
    return ("+" if value > 0 else "−") + f"{abs(value):.2f}".removeprefix("0")


def shown(page: ViewPage) -> list[tuple[str, str]]:
    visible = page.page.locator(".cw-dim:visible")
    names = visible.locator(".cw-dim-name").all_inner_texts()
    return list(zip(names, visible.locator("em").all_inner_texts(), strict=True))


def ranked(odd: int) -> list[int]:
    everything = list(range(9))
    return sorted(everything, key=lambda d: -abs(relevance(d, everything, odd)))


def test_refusals() -> None:
    with pytest.raises(
        TraitError, match=r"products are finite numbers \[3, dimensions\]; got \[2, 4\]"
    ):
        DimensionRows(products=np.zeros((2, 4)))
    with pytest.raises(TraitError, match="products are finite numbers"):
        DimensionRows(products=np.full((3, 1), np.nan))
    with pytest.raises(TraitError, match="tops hold dims, frame, names, side"):
        DimensionRows(tops={"dims": [1]})
    with pytest.raises(TypeError, match="DimensionRows has no trait label"):
        DimensionRows(label="a")
    view = DimensionRows(products=PRODUCTS.astype(float))
    assert view.products.dtype == np.float32 and np.array_equal(view.products, PRODUCTS)
    view.close()


@pytest.mark.browser
def test_rows_stand_in_order_with_their_relevance(page: ViewPage) -> None:
    page.mount("view", rows())
    everything = list(range(9))
    expected = [(LABELS[d], words(relevance(d, everything, 1))) for d in ranked(1)]
    assert shown(page) == expected[:4]
    more = page.page.locator(".cw-dims-more")
    assert more.inner_text() == "5 more"
    more.click()
    page.page.wait_for_function("view.get('opened')")
    page.page.locator(".cw-dim").nth(8).wait_for()
    assert shown(page) == expected
    first = ranked(1)[0]
    label = page.page.locator(".cw-dim input").nth(0).evaluate("e => e.ariaLabel")
    parts = [LABELS[first], KINDS[first], f"{expected[0][1]} for taking out taxi"]
    assert label == ", ".join(part for part in parts if part)
    page.tell("view", opened=False, order=[3, 0, 7], odd=2)
    page.page.wait_for_function("view.el.querySelectorAll('.cw-dim:not([hidden])').length === 3")
    assert [name for name, _ in shown(page)] == [LABELS[d] for d in (3, 0, 7)]


@pytest.mark.browser
def test_switching_off_is_computed_here_and_sent_once(page: ViewPage) -> None:
    agent = {"name": "people", "kind": "people", "values": [1, 0, 0], "readings": ["", "", ""]}
    frame = encoding.png(np.zeros((4, 4, 3), np.uint8))
    pictures = {f"picture_{place}": frame for place in (1, 2, 3)}
    page.mount("odd", Triplet(names=["a", "b", "c"], agents=[{**agent, "takes": 0}], **pictures))
    page.mount("view", rows())
    gone: list[int] = []
    for place in (1, 0):
        gone.append(ranked(1)[place])
        page.page.locator(".cw-dim").nth(place).click()
        on = [d for d in range(9) if d not in gone]
        assert page.saved("view", "off")[-1] == gone
        sent = page.saved("view", "probabilities")[-1]
        np.testing.assert_allclose(sent, chance(on), atol=1e-6)
        expected = [words(relevance(d, on, 1)) if d in on else "off" for d in ranked(1)[:4]]
        assert [number for _, number in shown(page)] == expected
        page.page.evaluate("() => new Promise(requestAnimationFrame)")
        page.page.evaluate("() => new Promise(requestAnimationFrame)")
        bars = page.page.locator(".cw-odd-agent i").evaluate_all(
            "a => a.map(e => +e.style.width.slice(0, -1))"
        )
        np.testing.assert_allclose(bars, 100 * chance(on), atol=1e-3)
    assert [set(message) for message in page.page.evaluate("view.saved")] == [
        {"off", "probabilities"}
    ] * 2
    ticked = page.page.locator(".cw-dim:visible input").evaluate_all(
        "all => all.map(e => e.checked)"
    )
    assert ticked == [False, False, True, True]
    page.tell("view", off=[])
    everything = list(range(9))
    assert shown(page)[0][1] == words(relevance(ranked(1)[0], everything, 1))
    assert len(page.saved("view", "off")) == 2  # the kernel's word is not sent back


@pytest.mark.browser
def test_bars_have_one_scale_and_a_side(page: ViewPage) -> None:
    page.mount("view", rows(limit=0.5, count=9))
    everything = list(range(9))
    styles = page.page.locator(".cw-dim-bar i").evaluate_all(
        "all => all.map(e => [e.style.left, e.style.width].map(parseFloat))"
    )
    for (left, width), d in zip(styles, ranked(1), strict=True):
        value = max(-1.0, min(1.0, relevance(d, everything, 1) / 0.5))
        assert width == pytest.approx(50 * abs(value), abs=1e-3)
        assert left == pytest.approx(50 + 50 * min(0, value), abs=1e-3)
    assert any(left < 49 for left, _ in styles) and any(left == 50 for left, _ in styles)


@pytest.mark.browser
def test_keys(page: ViewPage) -> None:
    page.mount("view", rows())
    ticks = page.page.locator(".cw-dim input")
    assert page.page.locator(".cw-dim:visible input[tabindex='0']").count() == 1
    ticks.nth(0).focus()
    for key in ("ArrowDown", "ArrowDown", " "):
        page.page.keyboard.press(key)
    assert page.saved("view", "off") == [[ranked(1)[2]]]
    assert page.page.evaluate("document.activeElement.checked") is False
    page.page.keyboard.press(" ")
    assert page.saved("view", "off")[-1] == []


@pytest.mark.browser
def test_nothing_before_the_answer_and_the_place_is_kept(page: ViewPage) -> None:
    page.mount("view", rows(products=np.zeros((3, 0)), title=""))
    height = page.page.evaluate("view.el.offsetHeight")
    assert shown(page) == []
    assert "taking out" not in page.page.evaluate("view.el.outerHTML")
    data = {"bytes": base64.b64encode(PRODUCTS.tobytes()).decode()}
    page.page.evaluate("(data) => view.tell({ products: { data, dimensions: 9 } })", data)
    page.page.locator(".cw-dim").nth(3).wait_for()
    assert page.page.evaluate("view.el.offsetHeight") == height
    page.tell("view", message=["This layer has no dimensions."])
    assert page.page.locator(".cw-message").inner_text() == "This layer has no dimensions."
    assert page.page.evaluate("view.el.offsetHeight") == height


@pytest.mark.browser
def test_tiny_pictures_and_words_that_are_never_markup(page: ViewPage) -> None:
    bad = "<img src=x onerror=alert(1)>"
    colours = {"red": (200, 0, 0), "green": (0, 200, 0), "blue": (0, 0, 200)}
    files = {k: encoding.png(np.full((9, 9, 3), c, np.uint8))["data"] for k, c in colours.items()}
    tops = tiny_tops([2, 5], [["red", "green"], ["blue"]], files)
    page.mount("view", rows(order=[5, 4, 2], tops=tops, labels=[bad] * 9))
    page.page.wait_for_function(
        "view.el.querySelectorAll('.cw-dim canvas:not([hidden])').length === 2"
    )
    seen = page.page.locator(".cw-dim canvas:not([hidden])").evaluate_all(
        """all => all.map(c => [22, c.width - 22].map(
          (x) => [...c.getContext("2d").getImageData(x, 22, 1, 1).data].slice(0, 3)))"""
    )
    expected = [[0, 0, 200]] * 2 + [[200, 0, 0], [0, 200, 0]]
    np.testing.assert_allclose(np.concatenate(seen), expected, atol=12)
    assert page.page.locator("img").count() == 0
    assert page.page.get_by_text(bad).count() == 3
    page.tell("view", tops={**tops, "frame": {}, "names": [[bad], ["blue"]]})
    page.page.wait_for_function("view.el.textContent.includes('blue')")
    assert page.page.locator("img").count() == 0
