import pytest

from cnnwidgets.widgets.scheduler import Lane


@pytest.fixture
def lane():
    lane = Lane()
    yield lane
    lane.close()
    assert not lane._thread or not lane._thread.is_alive()
