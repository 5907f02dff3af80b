"""What the charts draw and what a click or a key chooses, seen from Python."""

from collections.abc import Iterator
from typing import Any

import ipywidgets
import numpy as np
import pytest
from ipywidgets.widgets import widget as registry
from traitlets import TraitError

from cnnwidgets.views import Curve, HeatMap, Histogram, Polar, Scatter
from cnnwidgets.views.span import Span, span, words

CHARTS = [Curve, Polar, HeatMap, Scatter, Histogram]
DECADES = {"x": [0.01, 0.1, 1], "y": [0, 5, 20], "log_x": True, "limits": [0, 20]}
CELLS = [[0, 1, 2], [3, np.nan, 8]]


@pytest.fixture(autouse=True)
def _nothing_stays() -> Iterator[None]:
    before = set(registry._instances)
    yield
    left = [registry._instances[key] for key in set(registry._instances) - before]
    for widget in left:
        widget.close()


def drawn(mark: Any) -> list[list[float]]:
    """Give the points of a mark as [x, y] shares of the plot area."""
    return np.round(np.transpose([mark.x, mark.y]), 3).tolist()


def click(chart: Any, x: float, y: float) -> dict[str, Any]:
    """Click as the browser tells it."""
    count = chart.caption.pointed.get("count", 0) + 1
    chart.caption.set_state({"pointed": {"x": x, "y": y, "count": count}})
    return dict(chart.chosen)


def press(chart: Any, key: str) -> dict[str, Any]:
    count = chart.caption.pressed.get("count", 0) + 1
    chart.caption.set_state({"pressed": {"key": key, "count": count}})
    return dict(chart.chosen)


def labels(chart: Any, axis: str) -> dict[str, float]:
    """Give each label's place on an axis, found as the browser finds it."""
    made = chart._axes[axis]
    return {made.tick_labels[f"{place:g}"]: float(place) for place in made.tick_values}


@pytest.mark.parametrize("kind", CHARTS)
def test_an_unknown_name_is_refused_and_nothing_is_left_behind(kind: Any) -> None:
    with pytest.raises(TypeError, match=f"{kind.__name__} has no trait titel"):
        kind(titel="Orientation")
    before = set(registry._instances)
    chart = kind(title="Orientation", alt="a chart")
    with pytest.raises(TypeError, match="has no trait limitz"):
        chart.show(limitz=[0, 1])
    assert "a chart" in repr(chart)
    chart.close()
    chart.close()
    assert set(registry._instances) == before


@pytest.mark.parametrize("kind", CHARTS)
def test_an_empty_chart_chooses_nothing(kind: Any) -> None:
    chart = kind()
    assert click(chart, 0.5, 0.8) == press(chart, "ArrowRight") == press(chart, "End") == {}


@pytest.mark.parametrize("kind", CHARTS)
def test_words_reach_the_caption(kind: Any) -> None:
    chart = kind(title="Orientation", notes=["at .28"])
    chart.show(reading="peak 19.7", alt="Orientation tuning")
    got = chart.caption
    assert (got.title, got.notes, got.reading) == ("Orientation", ["at .28"], "peak 19.7")
    chart.alt = "changed alone"
    assert got.alt == "changed alone"


@pytest.mark.parametrize("kind", CHARTS)
def test_colours_are_the_page_s_own(kind: Any) -> None:
    for mark in kind().figure.marks:
        colours = [*getattr(mark, "colors", []), getattr(mark, "stroke", None)]
        for colour in filter(None, colours):
            assert colour.startswith("var(--cw-") or colour in ("white", "transparent")


def test_a_curve_stands_on_its_axes_with_a_gap_where_nothing_was_measured() -> None:
    curve = Curve(**DECADES)
    assert drawn(curve._curve) == [[0, 0], [0.5, 0.25], [1, 1]]
    curve.show(log_x=False, x=[0, 1, 4], y=[10, np.nan, 30])
    assert np.allclose(curve._curve.x, [0, 0.25, 1])
    assert np.allclose(curve._curve.y, [0.5, np.nan, 1], equal_nan=True)  # 30 stands at the edge
    assert drawn(curve._points) == [[0, 0.5], [1, 1]]


def test_the_marker_of_a_curve_stands_on_the_line() -> None:
    curve = Curve(**DECADES, marker=0.1 * 10**0.5)
    assert drawn(curve._spot) == [[0.75, 0.625]]
    assert drawn(curve._drop) == [[0.75, 0], [0.75, 0.625]]
    curve.show(y=[0, 5, np.nan])
    assert drawn(curve._spot) == [] and drawn(curve._drop) == [[0.75, 0], [0.75, 1]]
    curve.marker = None
    assert drawn(curve._drop) == []


def test_a_moved_marker_sends_only_the_marker() -> None:
    curve = Curve(**DECADES, marker=0.1, level=5, level_label="mean", ticks=[0.1])
    changed: list[Any] = []
    for widget in (*curve.figure.marks, *curve.figure.axes, curve.figure):
        widget.observe(lambda change: changed.append(change["owner"]))
    curve.show(marker=1.0, **DECADES)
    assert {id(owner) for owner in changed} == {id(curve._drop), id(curve._spot)}


def test_level_and_bound_of_a_curve_stand_with_their_words() -> None:
    curve = Curve(**DECADES, level=15, level_label="mean, F0 15", bound=0.1, bound_label="field")
    assert drawn(curve._level) == [[0, 0.75], [1, 0.75]] and curve._level.line_style == "dashed"
    assert drawn(curve._bound) == [[0.5, 0], [0.5, 1]] and curve._bound.line_style == "dotted"
    assert curve._level_words.text.tolist() == ["mean, F0 15"]
    # The line climbs through 15 in the right half: the words stand left of it.
    assert curve._level_words.x[0] < 0.3
    assert curve._bound_words.align == "start" and curve._bound_words.x[0] == 0.5
    assert curve._bound_words.y[0] < 0.1
    curve.show(y=[0, 0, 0])  # the line would run through words at the bottom
    assert curve._bound_words.y[0] > 0.9
    curve.show(bound=1, level=None)
    assert curve._bound_words.align == "end" and drawn(curve._level) == []
    assert curve._level_words.text.size == 0


def test_ticks_say_what_the_caller_says() -> None:
    curve = Curve(**DECADES, ticks=[0.01, 1], tick_labels=["low", "high"])
    assert labels(curve, "x") == {"low": 0, "high": 1}
    assert labels(curve, "y") == {"0": 0, "10": 0.5, "20": 1}
    with pytest.raises(TraitError, match="2 ticks take as many labels; got 1"):
        curve.show(tick_labels=["low"])


def test_a_click_on_a_curve_takes_the_nearest_point_and_keys_the_next() -> None:
    curve = Curve(**DECADES, marker=0.1)
    assert click(curve, 0.3, 0.9) == {"index": 1, "count": 1}
    assert click(curve, 0.3, 0.9) == {"index": 1, "count": 2}
    assert click(curve, 0.2, 0) == {"index": 0, "count": 3}
    assert press(curve, "ArrowRight")["index"] == 2
    assert press(curve, "ArrowDown")["index"] == 0
    assert press(curve, "Home")["index"] == 0 and press(curve, "End")["index"] == 2
    curve.marker = 1.0
    assert press(curve, "ArrowUp") == {"index": 2, "count": 8}  # the last stays


def test_a_polar_plot_turns_counter_clockwise_and_draws_each_point_twice() -> None:
    polar = Polar(angles=[0, 45, 90], radii=[10, np.nan, 5], limit=10, marker=90)
    right, up, left, down = drawn(polar._points)
    assert right[1] == left[1] == up[0] == down[0] == 0.5
    reach = right[0] - 0.5
    assert 0.3 < reach < 0.45 and left[0] == pytest.approx(0.5 - reach)
    assert up[1] - 0.5 == pytest.approx(reach / 2, abs=2e-3) and down[1] < 0.5
    assert polar._fan.close_path and polar._fan.fill == "inside"
    assert drawn(polar._spot) == [up] and drawn(polar._ray) == [[0.5, 0.5], up]
    polar.marker = 45  # between the two neighbours that are known
    assert np.hypot(*np.subtract(drawn(polar._spot)[0], 0.5)) == pytest.approx(
        0.75 * reach, abs=2e-3
    )


def test_a_click_in_a_direction_chooses_its_orientation() -> None:
    polar = Polar(angles=[0, 30, 60, 90, 120, 150], radii=[1] * 6, marker=0)
    assert click(polar, 0.5, 0.8)["index"] == click(polar, 0.5, 0.3)["index"] == 3
    assert click(polar, 0.9, 0.48)["index"] == click(polar, 0.1, 0.48)["index"] == 0
    assert click(polar, 0.2, 0.8)["index"] == 4
    count = polar.chosen["count"]
    assert click(polar, 0.5, 0.51)["count"] == count  # the centre has no direction
    assert press(polar, "ArrowUp")["index"] == 1
    assert press(polar, "ArrowRight")["index"] == 5  # around
    assert press(polar, "End")["index"] == 5


def test_the_first_row_of_a_heat_map_is_its_lowest() -> None:
    heat = HeatMap(values=CELLS, row_labels=["low", "high"], column_labels=["0°", "", "60"])
    assert np.allclose(heat._cells.color, np.array(CELLS) / 8, equal_nan=True)
    assert heat._cells.row.tolist() == [0, 0.5, 1] and not heat._scales["y"].reverse
    assert labels(heat, "y") == {"low": 0.25, "high": 0.75}
    assert list(labels(heat, "x")) == ["0°", "60"]
    assert heat.caption.limits == ["0", "8"]
    heat.show(limits=[0, 4], ends=["silent", "4"])
    assert heat._cells.color[1, 2] == 1 and heat.caption.limits == ["silent", "4"]


def test_a_cell_is_chosen_and_outlined() -> None:
    heat = HeatMap(values=CELLS, marker=(1, 2))
    assert drawn(heat._outline) == [[0.667, 0.5], [1, 0.5], [1, 1], [0.667, 1]]
    assert drawn(heat._ground) == drawn(heat._outline)
    assert click(heat, 0.4, 0.2) == {"row": 0, "column": 1, "count": 1}
    assert click(heat, 1, 1) == {"row": 1, "column": 2, "count": 2}
    assert press(heat, "ArrowDown") == {"row": 0, "column": 2, "count": 3}
    assert press(heat, "ArrowLeft") == {"row": 1, "column": 1, "count": 4}
    assert press(heat, "Home") == {"row": 1, "column": 0, "count": 5}
    heat.marker = None
    assert drawn(heat._outline) == []


def test_a_heat_map_of_one_row_or_one_cell_or_none() -> None:
    heat = HeatMap(values=[[1.0, 2.0]])
    assert heat._cells.color.tolist() == [[0.5, 1], [0.5, 1]]
    assert click(heat, 0.9, 0.9) == {"row": 0, "column": 1, "count": 1}
    heat.values = [[3.0]]
    assert heat._cells.color.tolist() == [[1, 1], [1, 1]]
    heat.values = np.empty((0, 0))
    assert np.isnan(heat._cells.color).all()
    with pytest.raises(TraitError, match=r"\[rows, columns\]; got shape \[2\]"):
        heat.values = [1, 2]
    with pytest.raises(TraitError, match="1 cells take as many labels; got 2"):
        heat.show(values=[[3.0]], row_labels=["a", "b"])


POINTS = {"x": [1, 10, 100, 0, 5], "y": [0, 0.5, 1, 0.5, np.nan], "log_x": True}


def test_points_are_drawn_where_they_are_known() -> None:
    scatter = Scatter(**POINTS, limits_y=[0, 1], picked=[1, 3], marker=2, names=list("abcde"))
    assert drawn(scatter._points) == [[0, 0], [1, 1]]
    assert drawn(scatter._picks) == [[0.5, 0.5]] and drawn(scatter._spot) == [[1, 1]]
    assert scatter.caption.spots == [[0, 0, "a"], [0.5, 0.5, "b"], [1, 1, "c"]]
    assert click(scatter, 0.49, 0.52) == {"index": 1, "count": 1}
    assert click(scatter, 0.3, 0.8) == {"index": 1, "count": 1}  # nothing is there
    assert press(scatter, "ArrowLeft")["index"] == 1 and press(scatter, "Home")["index"] == 0
    with pytest.raises(TraitError, match="of one length; got 5 and 2"):
        scatter.show(y=[1, 2])


def test_a_brush_takes_the_points_in_it_once_it_rests() -> None:
    scatter = Scatter(**POINTS, limits_y=[0, 1])
    box = {"selected_x": np.array([0.6, 0.0]), "selected_y": np.array([0.0, 0.6])}
    scatter.brush.set_trait("brushing", True)
    for name, value in box.items():
        scatter.brush.set_trait(name, value)
    assert scatter.brushed == {}
    scatter.brush.set_trait("brushing", False)
    assert scatter.brushed["indices"] == [0, 1]
    scatter.brush.selected_x = None
    assert scatter.brushed == {}


def test_a_histogram_draws_each_count_between_its_edges() -> None:
    histogram = Histogram(counts=[4, 8], edges=[1, 10, 100], log_x=True, marker=1, median=10)
    assert drawn(histogram._bars) == [[0, 0], [0, 0.5], [0.5, 0.5], [0.5, 0]]
    assert drawn(histogram._bar) == [[0.5, 0], [0.5, 1], [1, 1], [1, 0]]
    assert drawn(histogram._middle) == [[0.5, 0], [0.5, 1]]
    assert click(histogram, 0.49, 0.9)["index"] == 0 and click(histogram, 1, 0)["index"] == 1
    assert press(histogram, "ArrowLeft")["index"] == 0
    with pytest.raises(TraitError, match="2 counts take 3 edges; got 2"):
        histogram.show(edges=[1, 2])


def test_a_brushed_interval_is_in_the_units_of_the_edges() -> None:
    histogram = Histogram(counts=[4, 8], edges=[1, 10, 100], log_x=True)
    histogram.brush.selected = np.array([0.5, 1.0])
    assert histogram.brushed == {"low": pytest.approx(10), "high": pytest.approx(100), "count": 1}
    histogram.brush.selected = None
    assert histogram.brushed == {}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (lambda: Curve(x=[1, 2], y=[1]), "x and y of a curve are of one length; got 2 and 1"),
        (lambda: Curve(x=[1], y=[1], limits=[3, 1]), "limits of the y axis are two ascending"),
        (lambda: Scatter(log_x=True, limits_x=[0, 1]), "ascending numbers above zero; got 0 and 1"),
        (lambda: Polar(angles=[1, 2], radii=[1]), "angles and radii are of one length"),
    ],
)
def test_values_that_do_not_fit_are_refused_in_one_sentence(given: Any, said: str) -> None:
    with pytest.raises(TraitError, match=said):
        given()


def test_shares_values_and_ticks_agree() -> None:
    for axis in (Span(0.02, 0.45, True), Span(-3, 22), Span(0, 1e-3)):
        for tick in axis.ticks():
            share = float(axis.share(tick))
            assert 0 <= share <= 1 and axis.value(share) == pytest.approx(tick, abs=2e-3)
        assert 2 <= len(axis.ticks()) <= 6
    assert Span(0, 60).ticks(4) == [0, 20, 40, 60]
    assert span([], [np.nan, 4.0, 9.0]) == (4, 9, False)
    assert span([], []) == (0, 1, False) and span([], [5, 5], True) == (5, 10, True)
    assert [words(value) for value in (0.05, 0, 10, -2.5, 1200)] == [
        ".05",
        "0",
        "10",
        "\N{MINUS SIGN}2.5",
        "1\N{THIN SPACE}200",
    ]


def test_charts_are_boxes_of_a_caption_and_a_figure() -> None:
    curve = Curve()
    assert isinstance(curve, ipywidgets.VBox) and curve.children == (curve.caption, curve.figure)
