"""A curve of estimates: an upright line through each point, from one end to the other."""

from collections.abc import Iterator

import numpy as np
import pytest
from traitlets import TraitError

from cnnwidgets.views import IntervalCurve

THREE = {"x": [1, 2, 3], "y": [40, 60, 80], "limits": [0, 100]}


@pytest.fixture
def curve() -> Iterator[IntervalCurve]:
    made = IntervalCurve(**THREE, low=[20, 50, 70], high=[60, 90, 120])
    yield made
    made.close()


def lines(curve: IntervalCurve) -> list[list[float]]:
    """Give each upright line as x, low, high, in shares of the plot area."""
    x, y = np.array(curve._whiskers.x), np.array(curve._whiskers.y)
    assert np.isnan(y[2::3]).all() and not np.isnan(np.delete(y, slice(2, None, 3))).any()
    assert np.array_equal(x[::3], x[1::3])
    return np.stack([x[::3], y[::3], y[1::3]], axis=1).tolist()


def test_each_point_has_its_line(curve: IntervalCurve) -> None:
    assert lines(curve) == [[0, 0.2, 0.6], [0.5, 0.5, 0.9], [1, 0.7, 1]]  # 120 is cut off
    assert np.allclose(curve._curve.y, [0.4, 0.6, 0.8])
    curve.show(low=[30, 50, 70], high=[40, 90, 95])
    assert lines(curve)[0] == [0, 0.3, 0.4]


def test_a_point_without_an_interval_has_none(curve: IntervalCurve) -> None:
    curve.show(y=[40, 60, np.nan], low=[20, np.nan, np.nan], high=[60, 70, np.nan])
    assert lines(curve) == [[0, 0.2, 0.6]]
    curve.show(low=[], high=[])
    assert curve._whiskers.x.size == 0
    curve.show(x=[], y=[])
    assert curve._curve.x.size == 0


def test_ends_that_do_not_fit_are_refused(curve: IntervalCurve) -> None:
    with pytest.raises(TraitError, match="lower and upper ends are of one length; got 3 and 2"):
        curve.show(high=[60, 90])
    with pytest.raises(TraitError, match="intervals and points of a curve .* got 2 and 3"):
        curve.show(low=[20, 50], high=[60, 90])
