"""Where things stand: labels above controls, the control row, the grids of the explorers.

Built from ipywidgets boxes with the classes of `style.css`; sizes live there, not here.
"""

from collections.abc import Sequence
from typing import Any

import ipywidgets

PROJECTOR = "cw-big"
"""Class on an explorer's root that shows it twice as large: `root.add_class(PROJECTOR)`."""

NO_MATHS = "mathjax_ignore"
"""MathJax's own class for what is no mathematics."""

LABELLED_BY_THEMSELVES = (ipywidgets.Dropdown, ipywidgets.BoundedIntText, ipywidgets.Text)


def plain(text: str = "") -> ipywidgets.Label:
    """Words that hold names: Jupyter would take dollar signs in a label for mathematics."""
    label = ipywidgets.Label(text)
    label.add_class(NO_MATHS)
    return label


def labelled(
    text: str, *controls: ipywidgets.Widget, flex: str = "1 1 0", wide: bool = False
) -> ipywidgets.Widget:
    """One field of the control row: `text` above one control, or above several in a row.

    Parameters
    ----------
    text
        The label. A lone control with a description takes it as its own, so that it stays tied
        to its input; else the label stands above, and inputs take its words as their name.
    controls
        One control, or a slider and its number field.
    flex
        CSS grow, shrink and basis in the row ("0 1 120px").
    wide
        Take a row of its own, below the others, where the explorer is narrow.
    """
    first = controls[0]
    if len(controls) == 1 and isinstance(first, LABELLED_BY_THEMSELVES):
        first.description = text
        field = first
    else:
        body = first if len(controls) == 1 else ipywidgets.HBox(controls)
        field = ipywidgets.VBox([ipywidgets.Label(text), body])
    field.add_class("cw-field")
    if wide:
        field.add_class("cw-wide")
    elif flex.startswith("0 0"):
        field.add_class("cw-fixed")
    field.layout.flex = flex
    return field


def named(label: str, name: str) -> ipywidgets.VBox:
    """A field that only says a name, such as the model's: as wide as its words."""
    words = plain(name)
    words.add_class("cw-name")
    return labelled(label, words, flex="0 0 auto")


def controls_row(*fields: ipywidgets.Widget) -> ipywidgets.HBox:
    """The row at the top that reads as a sentence."""
    return _box(ipywidgets.HBox, fields, "cw-controls")


def columns_row(*fields: ipywidgets.Widget) -> ipywidgets.HBox:
    """A second row of controls, on the columns of the pictures beneath it."""
    return _box(ipywidgets.HBox, fields, "cw-columns")


def unit_main(
    picture: ipywidgets.Widget,
    crop: ipywidgets.Widget,
    seen: ipywidgets.Widget,
    active: ipywidgets.Widget,
    says: ipywidgets.Widget,
) -> ipywidgets.Box:
    """The unit explorer's grid: the picture, the crop, what is seen there, most active, network."""
    areas = {"picture": picture, "crop": crop, "seen": seen, "active": active, "says": says}
    for area, view in areas.items():
        view.add_class(f"cw-area-{area}")
    return _box(ipywidgets.Box, areas.values(), "cw-main-unit")


def slider_row(label: str, slider: ipywidgets.Widget, reading: ipywidgets.Label) -> ipywidgets.Box:
    """One quantity in a row: its name, its slider, and its value in words at the right.

    Parameters
    ----------
    label
        The name, which the slider's handle takes too.
    slider
        A FloatSlider, IntSlider or SelectionSlider; its own number is put away.
    reading
        The value in words; whoever owns the slider writes them.
    """
    slider.readout = False
    row = _box(ipywidgets.Box, [ipywidgets.Label(label), slider, reading], "cw-slider-row")
    row.add_class("cw-field")
    return row


def tuning_main(
    stimulus: ipywidgets.Widget,
    meter: ipywidgets.Widget,
    sliders: Sequence[ipywidgets.Widget],
    charts: Sequence[ipywidgets.Widget],
    numbers: ipywidgets.Widget,
) -> ipywidgets.Box:
    """The tuning explorer's grid.

    Parameters
    ----------
    stimulus, meter
        The grating as a `Picture`, whose caption reaches over the meter beside it.
    sliders
        Rows from `slider_row`, below the picture; where the explorer is narrow, beside it.
    charts
        Three in a row.
    numbers
        A `NumberRow` beneath everything.
    """
    shown = _box(ipywidgets.Box, [stimulus, meter], "cw-stimulus")
    left = _box(ipywidgets.Box, [shown, _box(ipywidgets.Box, sliders, "cw-sliders")], "cw-left")
    plots = _box(ipywidgets.Box, charts, "cw-plots")
    return _box(ipywidgets.Box, [left, plots, numbers], "cw-main-tuning")


def folded_strip(fold: ipywidgets.Widget, *body: ipywidgets.Widget) -> ipywidgets.Box:
    """A strip beneath the main part: a `Fold`, and what it opens, which may be put in later."""
    return _box(ipywidgets.Box, [fold, *body], "cw-folded-strip")


def population_body(
    controls: Sequence[ipywidgets.Widget],
    charts: Sequence[ipywidgets.Widget],
    said: ipywidgets.Widget,
) -> ipywidgets.Box:
    """What the population strip opens: fields, charts in three columns, a line of words.

    Parameters
    ----------
    controls
        Fields from `labelled`.
    charts
        The last one takes two columns.
    said
        A Label.
    """
    drawn = _box(ipywidgets.Box, charts, "cw-population-charts")
    words = _box(ipywidgets.Box, [said], "cw-population-words")
    return _box(ipywidgets.Box, [controls_row(*controls), drawn, words], "cw-population")


def strip_body(*parts: ipywidgets.Widget) -> ipywidgets.Box:
    """What a strip opens, where it is lines of words and controls one above the other."""
    return _box(ipywidgets.VBox, parts, "cw-strip-body")


def triplet_main(
    tally: ipywidgets.Widget,
    bounds: ipywidgets.Widget,
    triplet: ipywidgets.Widget,
    verdict: ipywidgets.Widget,
    reasons: Sequence[ipywidgets.Widget],
) -> ipywidgets.Box:
    """The triplet stepper's column.

    Parameters
    ----------
    tally, bounds
        The counts, and at their right what limits them.
    triplet, verdict
        The three objects, and a sentence about them.
    reasons
        `DimensionRows` side by side; where the explorer is narrow, one above the other.
    """
    counted = _box(ipywidgets.Box, [tally, bounds], "cw-tally")
    why = _box(ipywidgets.Box, reasons, "cw-why")
    return _box(ipywidgets.Box, [counted, triplet, verdict, why], "cw-main-triplet")


def board_main(
    plan: ipywidgets.Widget,
    numbers: Sequence[ipywidgets.Widget],
    matrices: Sequence[ipywidgets.Widget],
    verdict: ipywidgets.Widget,
    pair: ipywidgets.Widget,
) -> ipywidgets.Box:
    """The class board's column.

    Parameters
    ----------
    plan
        A Label: what so many people and trials come to.
    numbers
        Rows of numbers, one above the other.
    matrices
        Two, side by side; where the explorer is narrow, one above the other.
    verdict, pair
        How the two agree, and what they say of the pair that is chosen.
    """
    said = _box(ipywidgets.Box, [plan], "cw-board-plan")
    both = _box(ipywidgets.Box, matrices, "cw-board-pair")
    return _box(ipywidgets.Box, [said, *numbers, both, verdict, pair], "cw-main-board")


def explorer_root(box: ipywidgets.Box, *rows: ipywidgets.Widget) -> None:
    """Make `box` an explorer's root: controls, main, strip, status from top to bottom."""
    box.children = rows
    box.add_class("cw")


def close_tree(widget: ipywidgets.Widget) -> None:
    """Close a widget and everything that only it holds: children, layout, style."""
    for child in getattr(widget, "children", ()):
        close_tree(child)
    for part in ("layout", "style"):
        owned = getattr(widget, part, None)
        if isinstance(owned, ipywidgets.Widget):
            owned.close()
    widget.close()


def _box(kind: type[ipywidgets.Box], children: Any, name: str) -> ipywidgets.Box:
    box = kind(list(children))
    box.add_class(name)
    return box
