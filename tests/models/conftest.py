"""Stand-ins for the places that weights come from; nothing here reaches out."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stand_in import StandInServer, keep_to_this_machine


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, no proxy and no package index; gives the folder of weights."""
    keep_to_this_machine(tmp_path, monkeypatch)
    return tmp_path / "cache" / "weights"


@pytest.fixture
def server() -> Iterator[StandInServer]:
    """A server on 127.0.0.1 that tests teach what to answer."""
    with StandInServer() as running:
        yield running
