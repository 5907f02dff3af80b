"""The numbers of a chart as a table: sent only while they are read, and what Space picks."""

import numpy as np

from cnnwidgets.views import Curve, HeatMap, Histogram, IntervalCurve, Scatter


def turn(chart, shown=True):
    """Do what the page does when the reader turns a chart to its numbers, or back."""
    chart.caption.set_state({"tabled": shown})
    return chart.caption.heads, chart.caption.rows


def test_numbers_are_sent_only_while_they_are_read() -> None:
    chart = Curve(title="Size", notes=["px"], x=[1, 2, 4], y=[0.5, np.nan, 1234])
    assert chart.caption.rows == []
    heads, rows = turn(chart)
    assert heads == ["Size, px", "Response"]
    assert rows == [["1", ".5"], ["2", "not measured"], ["4", "1\u2009234"]]
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
    points = Scatter(title="Units", x=[1, 2], y=[3, 4], names=["a, OSI 1", "b"])
    assert [row[0] for row in turn(points)[1]] == ["0", "1"]
    points.show(called=["unit 0", "unit 1"], picked=[1])
    assert turn(points)[1] == [["unit 0", "1", "3"], ["unit 1, picked", "2", "4"]]
    for chart in (cells, bars, points):
        chart.close()


def test_a_value_that_is_not_there_is_no_end_beyond_the_axis():
    known = {"title": "Layers", "x": [1, 2], "y": [3, np.nan]}
    chart = IntervalCurve(**known, low=[-np.inf, np.nan], high=[4, np.nan])
    assert turn(chart)[1] == [["1", "3", "beyond", "4"], ["2", *["not measured"] * 3]]
    chart.close()


def test_numbers_come_with_the_words_above_them(monkeypatch):
    chart = Curve(title="Size", x=[1, 2], y=[3, 4])
    turn(chart)
    sent = []
    monkeypatch.setattr(chart.caption.comm, "send", lambda data, **_: sent.append(data["state"]))
    chart.show(reading="7", y=[5, 6])
    assert sent == [{"reading": "7", "rows": [["1", "5"], ["2", "6"]]}]
    chart.close()


def test_space_picks_the_point_at_the_marker_and_lets_it_go() -> None:
    points = Scatter(x=[1, 2, 3], y=[3, 4, 5], picked=[0], marker=2)
    told = []
    points.observe(lambda change: told.append(change["new"]["indices"]), "brushed")

    def press() -> None:
        count = points.caption.pressed.get("count", 0) + 1
        points.caption.set_state({"pressed": {"key": " ", "count": count}})

    press()
    points.picked = points.brushed["indices"]
    press()
    points.picked = [0, 2]  # by something else, and once more let go by Space
    press()
    assert told == [[0, 2], [0], [0]] and points.chosen == {}
    points.close()
