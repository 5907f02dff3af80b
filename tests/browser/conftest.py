"""One JupyterLab a session, one Chromium a module, one kernel a notebook."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser import lab as real

if TYPE_CHECKING:
    from playwright.sync_api import Browser


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def lab() -> Iterator[real.Lab]:
    """JupyterLab on an empty folder."""
    if reason := real.missing():
        pytest.skip(reason)
    with real.lab() as server:
        yield server


@pytest.fixture(scope="module")
def chromium(lab: real.Lab) -> "Iterator[Browser]":
    """A browser. No longer than a module: Playwright leaves its event loop running meanwhile."""
    with real.chromium() as browser:
        yield browser
