from pathlib import Path

import pytest

from cnnwidgets.widgets.scheduler import Lane


@pytest.fixture
def lane():
    lane = Lane()
    yield lane
    lane.close()
    assert not lane._thread or not lane._thread.is_alive()


@pytest.fixture(autouse=True)
def _cache_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Explorers keep what they have looked through: not in the user's cache."""
    monkeypatch.setenv("CNNWIDGETS_CACHE", str(tmp_path / "cache"))
