"""What the tuning explorer says: numbers, alternative texts, the script of a result."""

from __future__ import annotations

from math import degrees, isnan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnwidgets.engines.gratings import Series, Tuning
from cnnwidgets.views import words
from cnnwidgets.views.display import VIRIDIS, levels
from cnnwidgets.views.figure import Panel, compose
from cnnwidgets.widgets.frequency_units import number
from cnnwidgets.widgets.grating_look import GratingLook, GratingQuestion
from cnnwidgets.widgets.model_lines import model_lines, quoted

CONVENTION = "orientation: wave vector, counter-clockwise, 0° = vertical bars"
NONE = "–"


def index_words(
    tuning: Tuning | None, unit: int, size: Series | None, factor: float, short: str
) -> list[dict[str, str]]:
    """Give the eight numbers of a unit, as `NumberRow` takes them.

    Parameters
    ----------
    size : the unit's size tuning, where it is there.
    factor, short : of the unit of frequency.
    """

    def one(name: str) -> float:
        return float("nan") if tuning is None else float(getattr(tuning, name)[unit])

    silent = tuning is not None and bool(tuning.silent[unit])
    low_pass = tuning is not None and bool(tuning.low_pass[unit])
    simple = one("modulation")
    kind = "" if isnan(simple) else (", simple" if simple > 1 else ", complex")
    suppression = float("nan") if size is None else float(size.suppression[unit])
    measure = "F1" if tuning is not None and tuning.measure == "f1" else "F0 above the blank's"
    rows = [
        (_angle(one("preferred_orientation")), "°", "orientation, mean",
         "Half the angle of the vector sum over orientations at the best frequency"),
        (_frequency(one("preferred_frequency") * factor), short, "best frequency",
         "Peak of a parabola through the logarithms of the three largest responses"),
        (_index(one("osi")), "", "OSI", "(best - orthogonal) / (best + orthogonal) orientation"),
        (_index(one("gosi")), "", f"gOSI, 1 {words.MINUS} CV",
         "Length of the vector sum over the sum: 1 minus the circular variance"),
        (_angle(one("half_width")), "°", "half width",
         "Half the width of the orientation curve at half its height"),
        ("low-pass" if low_pass else _plain(one("bandwidth")), "" if low_pass else "oct",
         "bandwidth", "Octaves between the frequencies at half height"),
        (_index(simple), "", f"F1/F0{kind}",
         "First harmonic over mean response at the best grating; above 1 is called simple"),
        (_index(suppression), "", "suppression",
         "(peak - largest size) / peak of the size curve, of the grating that is shown"),
    ]  # fmt: skip
    note = f"; of {measure}"
    return [
        {
            "value": "silent" if silent and i == 0 else value,
            "unit": "" if value == NONE else mark,
            "label": label,
            "title": title + (note if i < 6 else ""),
        }
        for i, (value, mark, label, title) in enumerate(rows)
    ]


def picture_alt(look: GratingLook) -> str:
    """Describe the grating and what the unit answers."""
    q, g = look.question, look.question.grating
    patch = "full field" if g.diameter is None else f"a patch of {g.diameter:.0f} pixels"
    return words.shortened(
        f"Grating of {degrees(g.orientation):.0f} degrees, {number(g.frequency)} cycles per pixel, "
        f"contrast {words.share(g.contrast)}, {patch}; {q.layer} unit {q.unit} answers "
        f"{words.response(look.value)}.",
        200,
    )


def tuning_alt(tuning: Tuning, unit: int, frequency: str) -> str:
    """Describe the orientation tuning."""
    if bool(tuning.silent[unit]):
        return f"{tuning.layer} unit {unit} is silent for gratings."
    best = tuning.orientations[tuning.best[unit, 0]].rad2deg()
    return words.shortened(
        f"Orientation tuning of {tuning.layer} unit {unit}: best {best:.0f} degrees at "
        f"{frequency}, {words.response(float(tuning.peak[unit]))}; half width "
        f"{_angle(float(tuning.half_width[unit]))} degrees; OSI {_index(float(tuning.osi[unit]))}.",
        200,
    )


def status_words(look: GratingLook) -> dict[str, Any]:
    """Say what is shown, and whether the unit sees padding."""
    place = f" at row {look.position[0]}, column {look.position[1]}" if look.position else ""
    unit = f"unit {look.question.unit}{place}"
    if look.padded:
        return {
            "state": "warning",
            "text": f"{unit} · its field reaches past the picture: it sees padding",
        }
    if look.layer.field.whole:
        return {"text": f"{unit} · sees the whole picture · {CONVENTION}"}
    return {"text": f"{unit} · {CONVENTION}"}


def measuring_words(done: int, total: int) -> dict[str, Any]:
    """Say how far the sweep of the layer is."""
    text = f"{done} of {total} gratings"
    return {
        "state": "working", "headline": "Measuring", "text": text, "done": done, "total": total
    }  # fmt: skip


def file_name(question: GratingQuestion, ending: str) -> str:
    """Give a name for a file of what is shown."""
    parts = [question.model.name, question.layer, f"unit{question.unit}", "gratings"]
    return words.file_name(*parts, ending=ending)


def script(question: GratingQuestion) -> str:
    """Give the lines that measure the layer's tuning without a widget."""
    q = question
    made = model_lines(q.model)
    colour = f", colour={quoted(q.grating.colour)}" if q.grating.colour != "grey" else ""
    return "\n".join(
        [
            *(["import torch", ""] if any("torch." in line for line in made) else []),
            "import cnnwidgets as cw",
            "",
            *made,
            f"layer = {quoted(q.layer)}",
            f"tuning = cw.engines.gratings.tuning(model, layer{colour})[layer]",
            f"tuning.to_frame().loc[{q.unit}]",
        ]
    )


def tuning_figure(look: GratingLook, tuning: Tuning | None) -> bytes:
    """Draw the grating, and the joint tuning where there is one, side by side as PNG."""
    q = look.question
    panels = [Panel("Grating", f"response {look.value:.3g}", look.shown, [look.box])]
    caption = f"{q.model.name} {q.layer} unit {q.unit}"
    if tuning is not None:
        panels.append(Panel("Joint tuning", "0 to 180° × c/px", tuning_pixels(tuning, q.unit)))
        caption += f"; weights {tuning.provenance.weights}"
    return compose(panels, caption)


def tuning_pixels(tuning: Tuning, unit: int) -> NDArray[np.uint8]:
    """Draw a unit's joint tuning as cells in viridis, [frequency, orientation, 3], lowest below."""
    response = tuning.response[:, :, unit].nan_to_num(0).T.flip(0).numpy()
    return VIRIDIS[levels(response, float(response.max()))]


def _angle(radians_: float) -> str:
    return NONE if isnan(radians_) else f"{degrees(radians_) % 180:.0f}"


def _index(value: float) -> str:
    if isnan(value):
        return NONE
    text = f"{abs(value):.2f}"
    sign = words.MINUS if value < 0 and text != "0.00" else ""
    return sign + text.removeprefix("0")


def _frequency(value: float) -> str:
    return NONE if isnan(value) else number(value)


def _plain(value: float) -> str:
    return NONE if isnan(value) else f"{value:.1f}"
