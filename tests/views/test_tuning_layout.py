"""The tuning explorer's grid: what stands where, and what closing leaves."""

import ipywidgets
import pytest
from ipywidgets.widgets import widget as registry

from cnnwidgets.views import Meter, NumberRow, Picture, UnitMosaic, View, layout


@pytest.mark.parametrize(
    "slider",
    [ipywidgets.FloatSlider, ipywidgets.IntSlider, lambda: ipywidgets.SelectionSlider(options=[1])],
)
def test_a_slider_s_row_says_its_name_and_its_value(slider) -> None:
    control, reading = slider(), ipywidgets.Label("30°")
    row = layout.slider_row("orientation", control, reading)
    assert [child.value for child in (row.children[0], row.children[2])] == ["orientation", "30°"]
    assert row.children[1] is control and not control.readout
    assert {"cw-field", "cw-slider-row"} <= set(row._dom_classes)  # the first names the handle
    layout.close_tree(row)


def test_the_grid_and_its_end() -> None:
    before = len(registry._instances)
    stimulus, meter, numbers = Picture(), Meter(), NumberRow()
    charts = [UnitMosaic() for _ in range(6)]
    names = ("orientation", "frequency", "phase")
    rows = [layout.slider_row(n, ipywidgets.FloatSlider(), ipywidgets.Label()) for n in names]
    main = layout.tuning_main(stimulus, meter, rows, charts, numbers)
    left, plots, last = main.children
    shown, sliders = left.children
    assert last is numbers and shown.children == (stimulus, meter)
    assert sliders.children == tuple(rows) and plots.children == tuple(charts)
    boxes = [box._dom_classes[0] for box in (main, left, shown, sliders, plots)]
    assert boxes == ["cw-main-tuning", "cw-left", "cw-stimulus", "cw-sliders", "cw-plots"]
    assert all(f".{name}" in View._css for name in boxes)
    layout.close_tree(main)
    assert len(registry._instances) == before


@pytest.mark.parametrize("kind", [Meter, NumberRow, UnitMosaic])
def test_the_views_are_strict_and_their_scripts_travel_as_text(kind: type[View]) -> None:
    with pytest.raises(TypeError, match=f"{kind.__name__} has no trait titel"):
        kind(titel="Picture")
    view = kind()
    assert "export default" in view._esm and "innerHTML" not in view._esm
    view.close()
