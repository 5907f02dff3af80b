"""The numbers of a chart as a table: sent only while they are read, and what Space picks."""

import numpy as np

from cnnwidgets.views import Curve, HeatMap, Histogram, Scatter


def turn(chart, shown=True):
    """Do what the page does when the reader turns a chart to its numbers, or back."""
    chart.caption.set_state({"tabled": shown})
    return chart.caption.heads, chart.caption.rows


def test_numbers_are_sent_only_while_they_are_read() -> None:
    chart = Curve(title="Size", notes=["px"], x=[1, 2, 4], y=[0.5, np.nan, 1234])
    assert chart.caption.rows == []
    heads, rows = turn(chart)
    assert heads == ["Size, px", "Response"]
    assert rows == [["1", ".5"], ["2", "none"], ["4", "1\u2009234"]]
    chart.y = [3, 2, 1]
    assert [row[1] for row in chart.caption.rows] == ["3", "2", "1"]
    assert turn(chart, shown=False) == ([], [])
    chart.close()


def test_cells_bars_and_points_have_their_names() -> None:
    cells = HeatMap(
        title="Joint", values=[[1, 2], [3, 4]], row_labels=["a", ""], row_names=["a", "b"]
    )
    assert turn(cells) == (["Joint", "0", "1"], [["a", "1", "2"], ["b", "3", "4"]])
    bars = Histogram(counts=[5, 7], edges=[0, 1, 2], label_y="units")
    assert turn(bars) == (["From", "To", "units"], [["0", "1", "5"], ["1", "2", "7"]])
    points = Scatter(title="Units", x=[1, 2], y=[3, 4], names=["unit 0, OSI 1", "unit 1"])
    points.picked = [1]
    assert turn(points)[1] == [["unit 0", "1", "3"], ["unit 1, picked", "2", "4"]]
    for chart in (cells, bars, points):
        chart.close()


def test_space_picks_the_point_at_the_marker_and_lets_it_go() -> None:
    points = Scatter(x=[1, 2, 3], y=[3, 4, 5], picked=[0], marker=2)
    points.caption.set_state({"pressed": {"key": " ", "count": 1}})
    assert points.brushed == [0, 2] and points.chosen == {}
    points.picked = points.brushed
    points.caption.set_state({"pressed": {"key": " ", "count": 2}})
    assert points.brushed == [0]
    told = []
    points.observe(lambda change: told.append(change["new"]), "brushed")
    points.picked = [0, 2]  # by something else, and once more let go by Space
    points.caption.set_state({"pressed": {"key": " ", "count": 3}})
    assert told[-1] == [0] == points.brushed
    points.close()
