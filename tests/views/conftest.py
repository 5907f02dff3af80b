from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser import lab
from tests.views.page import ViewPage


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if reason := lab.missing():
        pytest.skip(reason)
    with lab.chromium() as opened:
        yield opened


@pytest.fixture
def page(browser: Any) -> Iterator[ViewPage]:
    context = browser.new_context(viewport={"width": 600, "height": 900})
    opened = context.new_page()
    opened.set_default_timeout(20_000)
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    yield ViewPage(opened)
    context.close()
    assert not errors, errors
