"""Names of files, labels, layers and sittings that try to run on the page: all stay text."""

import numpy as np
import pytest

from cnnwidgets.views.sitting_page import sitting_page
from tests.browser import hostile

ROOTS = ".cw:not(.cw-view)"
HURT = """() => [typeof window.hurt, [...document.querySelectorAll("mjx-container, .hurt")]
    .map(element => element.parentElement.parentElement.outerHTML.slice(0, 300))]"""
FOREIGN = f"""() => [...document.querySelectorAll(
    "{ROOTS} :is(img, script, iframe, a, u, [onclick], [onerror], [onfocus], [onmouseover])")]
    .map(element => element.outerHTML)"""
TEXTS = f"""() => [...document.querySelectorAll("{ROOTS}")].map(root => [root.textContent,
    ...[...root.querySelectorAll("*")].flatMap(element =>
        [element.title, element.ariaLabel, element.value])].join(" | "))"""
TOUCH = f"""async () => {{
    for (const element of document.querySelectorAll("{ROOTS} *")) {{
        for (const kind of ["pointerover", "mouseover", "mouseenter", "mousemove"])
            element.dispatchEvent(new MouseEvent(kind, {{ bubbles: true }}));
        element.focus?.({{ preventScroll: true }});
    }}
    await new Promise(done => setTimeout(done, 300));
}}"""


@pytest.fixture(scope="module")
def opened(lab, chromium):
    name = lab.write("hostile.ipynb", hostile.CELLS)
    with lab.open(chromium, name, size=(1400, 3000)) as notebook:
        notebook.run_all()
        for explorer in ("units", "tuning", "stepper", "pictured"):
            notebook.ask(f"{explorer}.wait(100)")
        yield notebook


def unharmed(notebook):
    """Touch everything; nothing has run, and nothing was taken for markup or for mathematics."""
    notebook.evaluate(TOUCH)
    assert notebook.evaluate(HURT) == ["undefined", []]
    assert notebook.evaluate(FOREIGN) == []


def texts(notebook):
    return notebook.evaluate(TEXTS)


def test_every_explorer_shows_names_as_text(opened):
    for column, explorer in enumerate(("stepper", "pictured")):
        opened.ask(f"{explorer}.take_out({column})")
    opened.ask("[units.rule_grid.view.set_trait('opened', True), tuning.population.open()][:0]")
    opened.ask("[e.fold.set_trait('opened', True) for e in (stepper.sitting, pictured.sitting)]")
    opened.ask("board._panels.fold.set_trait('opened', True)")
    opened.ask("[units.wait(60), units.rule_grid.wait(60), tuning.wait(60)]")
    opened.wait_text(f"{ROOTS} .cw-status", f"{hostile.FILES[0]}.png")  # cannot be read
    opened.wait_idle()
    opened.page.wait_for_timeout(1500)
    unharmed(opened)
    unit, tuned, words, pictures, board, lost = texts(opened)
    for text in (unit, tuned, board, lost):
        assert hostile.NAMES[7] in text and hostile.NAMES[0] in text
    assert hostile.FILES[3] in unit and hostile.NAMES[7] in words and hostile.FILES[0] in words
    assert hostile.NAMES[8] in pictures
    offered = opened.evaluate(
        "() => [...document.querySelectorAll('datalist option')].map(o => o.value)"
    )
    kinds = [hostile.FILES[0], hostile.FILES[1], *hostile.NAMES[7:9]]
    assert opened.ask("[*pictured._parties.objects.categories]") == sorted(kinds)
    assert {*kinds} <= {*offered} and f"{hostile.FILES[0]}/" in pictures


def test_panels_errors_and_groups_show_them_as_text(opened):
    opened.ask("units._status.set_state({'pressed': {'name': 'code', 'count': 1}})")
    opened.wait_text(f"{ROOTS} pre, {ROOTS} .cw-panel", "load_checkpoints")
    opened.ask(f"units._groups.field.set_state({{'entered': {{'text': {hostile.NAMES[0]!r}}}}})")
    opened.wait_text(f"{ROOTS} .cw-status", "<img src=x")
    unharmed(opened)
    opened.ask("[setattr(cw, 'hurting', True), setattr(units, 'unit', 5), units.stop()][:0]")
    opened.ask("units._looks.forget()")
    opened.ask("units.set_trait('checkpoint', 0)")
    opened.wait_text(f"{ROOTS} .cw-status", hostile.NAMES[0])
    opened.ask("units._status.set_state({'pressed': {'name': 'details', 'count': 2}})")
    opened.wait_text(f"{ROOTS} .cw-status", "Traceback")
    unharmed(opened)
    opened.ask("setattr(cw, 'hurting', False)")


def test_the_still_of_a_saved_notebook_shows_them_as_text(opened, lab, chromium):
    opened.ask("[e._still_picture._update() for e in (units, tuning, stepper, pictured, board)]")
    opened.page.wait_for_timeout(1000)
    opened.save()
    opened.shut_down()
    with lab.open(chromium, "hostile.ipynb", size=(1400, 3000)) as again:
        again.find("[data-cw-still]")
        alts = again.evaluate(
            "() => [...document.querySelectorAll('[data-cw-still]')]"
            ".map(still => still.textContent + (still.querySelector('img')?.alt ?? ''))"
        )
        assert len(alts) == 6 and any(hostile.NAMES[7] in alt for alt in alts)
        again.evaluate(TOUCH)
        assert again.evaluate(HURT) == ["undefined", []]
        assert again.page.locator("[data-cw-still] a, [data-cw-still] script").count() == 0


def test_the_page_for_phones_shows_them_as_text(chromium, tmp_path):
    names, (title, consent) = hostile.NAMES[:3], hostile.NAMES[5:7]
    made = sitting_page(
        title,
        names,
        [None] * 3,
        np.array([[0, 1, 2]]),
        trials=1,
        set_id=hostile.NAMES[12],
        language=hostile.NAMES[1],
        consent=consent,
    )
    (tmp_path / "page.html").write_text(made, encoding="utf-8")
    page = chromium.new_page()
    page.goto((tmp_path / "page.html").as_uri())
    assert page.title() == title and page.get_by_text(consent, exact=True).count() == 1
    page.locator("#begin").click()
    page.locator(".thing", has_text=names[0]).wait_for(state="visible")
    assert {*page.locator(".thing span").all_inner_texts()} == {*names}
    page.locator(".thing").first.hover()
    page.locator(".thing").first.click()
    page.locator("#download").wait_for(state="visible")
    assert page.evaluate("() => [typeof window.hurt, document.scripts.length]") == ["undefined", 2]
    assert page.locator("svg, iframe, img[onerror]").count() == 0
    page.close()
