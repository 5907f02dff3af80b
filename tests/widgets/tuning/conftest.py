from collections.abc import Iterator

import pytest

from cnnwidgets.widgets import TuningExplorer
from cnnwidgets.widgets.scheduler import Lane
from tests.widgets.tiny import pictures
from tests.widgets.tuning import rig


@pytest.fixture
def inline() -> Lane:
    """A lane on which every move but the first is a preview, until `rig.settle`."""
    return Lane(inline=True, clock=lambda: 0.0)


@pytest.fixture
def explorer(inline: Lane) -> Iterator[TuningExplorer]:
    explorer = TuningExplorer(rig.network(), pictures(), unit=1, lane=inline)
    rig.settle(explorer)
    yield explorer
    explorer.close()


@pytest.fixture(scope="module")
def measured() -> Iterator[TuningExplorer]:
    """One explorer for many values: a sweep each would be most of the time."""
    explorer = TuningExplorer(
        rig.network(), pictures(), unit=1, lane=Lane(inline=True, clock=lambda: 0.0)
    )
    yield explorer
    explorer.close()
