"""The charts as a user meets them, in a real JupyterLab: seen, clicked, stepped, both themes.

With `CNNWIDGETS_SCREENSHOTS` naming a folder, the pictures that are taken are kept there.
"""

import os
from pathlib import Path

import numpy as np
import pytest

CELL = """
import ipywidgets
import numpy as np
from cnnwidgets.views import Curve, HeatMap, Histogram, Polar, Scatter

angles, frequencies = np.arange(0, 180, 10.0), np.geomspace(0.02, 0.45, 10)
tuned = 20 * np.exp(-((((angles - 30 + 90) % 180) - 90) / 20) ** 2)
passed = 20 * np.exp(-np.log(frequencies / 0.28) ** 2 / 0.2)
joint = np.outer(passed, tuned) / 20
joint[0] = np.nan
polar = Polar(title="Orientation", reading="peak 20", alt="Orientation tuning: best 30 degrees.",
              angles=angles, radii=tuned, limit=20, marker=30)
curve = Curve(title="Frequency", notes=["c/px, log"], reading="at 30°", alt="Frequency tuning.",
              x=frequencies, y=passed, log_x=True, limits=[0, 20], ticks=[0.02, 0.1, 0.45],
              marker=frequencies[8], level=7, level_label="mean 7", bound=0.1, bound_label="field")
heat = HeatMap(title="Joint tuning", alt="Joint tuning.", values=joint, limits=[0, 20],
               row_labels=[f"{f:.2f}"[1:] for f in frequencies],
               column_labels=[f"{a:.0f}" if a % 60 == 0 else "" for a in angles], marker=(8, 3))
scatter = Scatter(title="Units", alt="Units.", x=[0.1, 0.2, 0.8], y=[0.5, 0.9, 0.1],
                  names=["unit 7", "unit 8", "unit 9"], limits_x=[0, 1], limits_y=[0, 1],
                  label_x="OSI", label_y="share", picked=[1], marker=2)
histogram = Histogram(title="OSI", alt="Histogram.", counts=[4, 8, 2, 6], edges=[0, 1, 2, 3, 4],
                      median=1.5, median_label="median 1.5", label_x="OSI", label_y="units")
charts = ipywidgets.Box([polar, curve, heat, scatter, histogram])
charts.layout = ipywidgets.Layout(
    display="grid", grid_template_columns="repeat(3, minmax(0, 1fr))", grid_gap="10px 20px"
)
root = ipywidgets.VBox([charts])
root.add_class("cw")
root
"""
ROOT = ".cw:not(.cw-view)"
NAMES = ["polar", "curve", "heat", "scatter", "histogram"]
BOXES = """() => [...document.querySelectorAll(".cw-chart")].map((chart) => {
  const edges = ({ left, top, right, bottom }) => [left, top, right, bottom];
  const words = [...chart.querySelectorAll("svg text")].filter(
    (text) => text.textContent && text.checkVisibility() && !text.closest("[display=none]"));
  return {
    chart: edges(chart.getBoundingClientRect()),
    figure: edges(chart.querySelector(".bqplot").getBoundingClientRect()),
    area: edges(chart.querySelector(".plotarea_events").getBoundingClientRect()),
    words: words.map((text) => [text.textContent, ...edges(text.getBoundingClientRect())]),
  };
})"""
DOT = """(number) => {
  const dots = document.querySelectorAll(".cw-chart")[number].querySelectorAll(".dot");
  const { left, top, width, height } = dots[dots.length - 1].getBoundingClientRect();
  return [left + width / 2, top + height / 2];
}"""
# The polar plot is as wide as it is high; bqplot lays out only what is on the screen.
SETTLED = """(zoom) => [...document.querySelectorAll(".cw-chart")].slice(1, 3).every((chart, n) => {
  const figure = chart.querySelector(".bqplot");
  const area = chart.querySelector(".plotarea_events").getBoundingClientRect();
  return figure.currentCSSZoom === zoom &&
    Math.abs(area.width / zoom + [30, 40][n] + 12 - figure.offsetWidth) < 2;
})"""
FILLS = """(selector) => [...document.querySelectorAll(selector)].map(
  (shape) => getComputedStyle(shape).fill)"""


@pytest.fixture(scope="module")
def notebook(lab, chromium):
    name = lab.write("charts.ipynb", [CELL])
    with lab.open(chromium, name, size=(1400, 1200)) as opened:
        opened.run_all()
        opened.page.wait_for_function(
            "() => document.querySelectorAll('.cw-chart .bqplot[role=img]').length === 5"
        )
        opened.set_width(ROOT, 960)
        opened.page.wait_for_function(SETTLED, arg=1)
        yield opened
        assert opened.errors == []


def place(notebook, name, x, y):
    """Give the point of the page at shares of a chart's plot area, from its lower left."""
    left, top, right, bottom = notebook.evaluate(BOXES)[NAMES.index(name)]["area"]
    return left + x * (right - left), bottom - y * (bottom - top)


@pytest.mark.parametrize(
    ("name", "at", "first", "key", "second"),
    [
        ("polar", (0.5, 0.85), {"index": 9}, "ArrowUp", {"index": 4}),
        ("curve", (0.0, 0.9), {"index": 0}, "ArrowLeft", {"index": 7}),
        ("heat", (0.5, 0.25), {"row": 2, "column": 9}, "ArrowDown", {"row": 7, "column": 3}),
        ("scatter", (0.21, 0.88), {"index": 1}, "ArrowLeft", {"index": 1}),
        ("histogram", (0.9, 0.9), {"index": 3}, "ArrowLeft", {"index": 2}),
    ],
)
def test_a_click_chooses_and_a_key_steps(notebook, name, at, first, key, second):
    x, y = place(notebook, name, *at)
    notebook.page.mouse.click(x, y)
    notebook.wait_for(f"{name}.chosen", first | {"count": 1})
    focused = notebook.evaluate(
        "() => [document.activeElement.getAttribute('role'), document.activeElement.ariaLabel]"
    )
    assert focused == ["img", notebook.ask(f"{name}.alt")]
    notebook.page.keyboard.press(key)
    notebook.wait_for(f"{name}.chosen", second | {"count": 2})


def test_a_drag_brushes_and_chooses_nothing(notebook):
    before = notebook.ask("[scatter.chosen, histogram.chosen]")
    for name in ("scatter", "histogram"):
        notebook.page.mouse.move(*place(notebook, name, 0.05, 0.4))
        notebook.page.mouse.down()
        notebook.page.mouse.move(*place(notebook, name, 0.2, 0.7), steps=3)
        notebook.page.mouse.move(*place(notebook, name, 0.5, 0.97), steps=3)
        notebook.page.mouse.up()
    notebook.wait_for("scatter.brushed.get('indices')", [0, 1])
    ends = "[round(histogram.brushed.get(end, -1), 1) for end in ('low', 'high')]"
    notebook.wait_for(ends, [0.2, 2.0])
    assert notebook.ask("[scatter.chosen, histogram.chosen]") == before


def test_the_pointer_over_a_point_tells_its_name(notebook):
    notebook.page.mouse.move(*place(notebook, "scatter", 0.8, 0.12))
    title = "() => document.querySelectorAll('.cw-chart > .bqplot')[3].title"
    assert notebook.evaluate(title) == "unit 9"
    notebook.page.mouse.move(*place(notebook, "scatter", 0.5, 0.5))
    assert notebook.evaluate(title) == ""


def test_the_marker_moves_to_where_it_is_told(notebook):
    for index in (2, 8):
        notebook.ask(f"curve.show(marker=frequencies[{index}])")
        share = float(notebook.ask(f"float(passed[{index}] / 20)"))
        x, y = place(notebook, "curve", index / 9, share)
        notebook.page.wait_for_function(f"() => Math.abs(({DOT})(1)[0] - {x}) < 1")
        assert notebook.evaluate(DOT, 1) == pytest.approx([x, y], abs=1)


def test_cells_are_coloured_from_the_bottom_and_what_was_not_measured_is_empty(notebook):
    # The rows stand in the page as in the values.
    fills = np.reshape(notebook.evaluate(FILLS, ".heatmapcell"), (10, 18))
    assert set(fills[0]) == {fills[0, 0]} and fills[0, 0].startswith("color(srgb")  # the tint
    assert fills[1, 17] == "rgb(68, 1, 84)"
    box = notebook.page.locator(".heatmapcell").nth(0).bounding_box()
    assert abs(box["y"] + box["height"] - place(notebook, "heat", 0, 0)[1]) < 1


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [960, 640])
def test_charts_side_by_side_in_both_themes(notebook, dark, width):
    notebook.set_theme(dark)
    notebook.set_width(ROOT, width)
    notebook.page.wait_for_function(SETTLED, arg=1)
    boxes = notebook.evaluate(BOXES)
    for box in boxes:
        left, top, right, bottom = box["figure"]
        assert bottom - top == pytest.approx(196, abs=1)
        for text, *word in box["words"]:
            assert word[0] >= left - 1 and word[2] <= right + 1, text
            assert word[1] >= top - 1 and word[3] <= bottom + 1, text
    first, second = boxes[0]["chart"], boxes[1]["chart"]
    assert first[2] < second[0] and first[1] == second[1]
    ink = notebook.evaluate(
        "() => getComputedStyle(document.querySelectorAll('.cw-chart')[1]"
        ".querySelector('.line[style*=\"cw-ink\"]')).stroke"
    )
    assert ink.startswith("rgba(255, 255, 255" if dark else "rgba(0, 0, 0") or ink == (
        "rgb(255, 255, 255)" if dark else "rgb(0, 0, 0)"
    )
    if folder := os.environ.get("CNNWIDGETS_SCREENSHOTS"):
        notebook.page.wait_for_timeout(500)  # the theme's colours fade in
        theme = "dark" if dark else "light"
        notebook.screenshot(ROOT, Path(folder) / f"charts_{theme}_{width}.png")


def test_on_a_projector_charts_keep_their_shape_and_follow_the_pointer(notebook):
    notebook.set_width(ROOT, 960)
    notebook.ask("str(root.add_class('cw-big'))")
    try:
        notebook.page.wait_for_function(SETTLED, arg=2)
        _, top, _, bottom = notebook.evaluate(BOXES)[NAMES.index("curve")]["area"]
        assert bottom - top == pytest.approx(2 * (196 - 28), abs=2)
        count = notebook.ask("curve.chosen['count']")
        notebook.page.mouse.click(*place(notebook, "curve", 5 / 9, 0.5))
        notebook.wait_for("curve.chosen", {"index": 5, "count": count + 1})
    finally:
        notebook.ask("str(root.remove_class('cw-big'))")
    notebook.page.wait_for_function(SETTLED, arg=1)


def test_a_chart_outside_an_explorer_has_its_colours(notebook):
    code = "Curve(x=[0, 1], y=[0, 1], alt='Alone.')"
    notebook.evaluate(
        """async (code) => {
          const panel = window.jupyterapp.shell.currentWidget.content;
          await window.jupyterapp.commands.execute("notebook:insert-cell-below");
          panel.activeCell.model.sharedModel.setSource(code);
          await window.jupyterapp.commands.execute("notebook:run-cell");
        }""",
        code,
    )
    line = "[aria-label='Alone.'] .line[style*='cw-ink']"
    notebook.page.locator(line).wait_for(state="attached")
    assert (
        notebook.evaluate(f'() => getComputedStyle(document.querySelector("{line}")).stroke')
        != "none"
    )
