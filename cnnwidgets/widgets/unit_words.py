"""What the unit explorer says: labels, alternative texts, the status, the script of a result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from cnnwidgets.data import ImageSet
from cnnwidgets.graph import Layer
from cnnwidgets.graph.naming import is_plumbing
from cnnwidgets.views import words
from cnnwidgets.views.display import blend_overlay, levels
from cnnwidgets.views.figure import Panel, compose
from cnnwidgets.widgets.model_lines import model_lines, quoted
from cnnwidgets.widgets.unit_look import UnitLook
from cnnwidgets.widgets.unit_question import Question

Box = tuple[float, float, float, float]


def layer_label(layer: Layer) -> str:
    """Say a layer's name, kind and size: "features.9 · Fire · 384 × 13 × 13"."""
    kind = "read-out" if layer.kind == "ReadOut" else layer.kind
    return f"{layer.name} · {kind} · {words.size(*layer.shape)}"


def places(layer: Layer) -> tuple[dict[str, Any], Box | None, Callable[[int, int], Box]]:
    """Give where a layer's positions lie in the picture.

    Returns
    -------
    grid : rows, columns, start and jump of the positions, {} if all see the whole picture;
    free : the box of the cells whose fields touch no padding, or None; cell : a position's own box.
    """
    field = layer.field

    def cell(row: int, column: int) -> Box:
        (y, x), (dy, dx) = field.centre(row, column), field.jump
        return y - dy / 2, x - dx / 2, y + dy / 2, x + dx / 2

    if not layer.spatial or field.whole:
        return {}, None, cell
    rows, columns = layer.shape[1:]
    grid = {"rows": rows, "columns": columns, "start": field.centre(0, 0), "jump": field.jump}
    positions = field.free_positions(rows, columns)
    if positions is None:
        return grid, None, cell
    top, left, bottom, right = positions
    return grid, (*cell(top, left)[:2], *cell(bottom - 1, right - 1)[2:]), cell


def status_unit(question: Question) -> str:
    """Say which unit it is: "epoch 3 · unit 311"."""
    checkpoint = question.model.checkpoint
    return f"{checkpoint} · unit {question.unit}" if checkpoint else f"unit {question.unit}"


def file_name(look: UnitLook, ending: str) -> str:
    """Give a name for a file of what is shown, that every system takes."""
    q = look.question
    parts = [look.name, q.model.checkpoint, q.layer, f"unit{q.unit}", q.rule]
    return words.file_name(*parts, ending=ending)


def status_words(look: UnitLook, preview: bool) -> dict[str, Any]:
    """Say what is shown, exactly or not, and whether the unit sees padding."""
    place = f" at row {look.place[0]}, column {look.place[1]}" if look.place else ""
    unit = f"{status_unit(look.question)}{place}"
    precision = look.provenance.precision
    if preview:
        return {"text": f"{unit} · preview, {precision}; exact follows"}
    if look.refusal:
        return {"state": "refused", "headline": f"{look.refusal}.", "text": unit}
    milliseconds = max(1, round(1000 * look.seconds))
    text = f"{unit} · exact, {precision}{_autograd(look)} · {milliseconds}{words.THIN}ms"
    if not look.overhang:
        return {"text": text}
    sides = words.listing(
        f"{pixels}{words.THIN}px past the picture at the {side}" for side, pixels in _sides(look)
    )
    return {"state": "warning", "text": f"{unit} · field reaches {sides}; that part sees padding"}


def _autograd(look: UnitLook) -> str:
    """Say how many calls autograd reversed, but for those that only lay values out anew."""
    calls = look.reconstruction.by_autograd if look.reconstruction else ()
    count = sum(not is_plumbing(call) for call in calls)
    return f" · {count} call{'s' * (count > 1)} by autograd" if count else ""


def refused_words(look: UnitLook) -> list[str]:
    """Say in the place of a reconstruction that the network refuses the rule."""
    other = "Choose saliency." if "'saliency'" in look.refusal else "Choose a layer before it."
    return [f"The rule {look.question.rule} is not defined for this network.", other]


def picture_alt(look: UnitLook) -> str:
    """Describe the picture with the map over it."""
    q = look.question
    unit = f"{words.shortened(q.model.name)} {words.shortened(q.layer)} unit {q.unit}"
    if look.place is None:
        return f"{look.name}; {unit} answers {words.response(look.value)} to the whole picture."
    if look.silent:
        return f"{look.name}; {unit} is silent in this picture."
    top, left, bottom, right = look.box
    return (
        f"{look.name} with the map of {unit}; {words.response(look.value)} at row {look.place[0]}, "
        f"column {look.place[1]}; its field is {bottom - top} by {right - left} pixels "
        f"from row {_signed(top)}, column {_signed(left)}."
    )


def reconstruction_alt(look: UnitLook) -> str:
    """Describe the reconstruction."""
    q = look.question
    if look.silent:
        return f"{words.shortened(q.layer)} unit {q.unit} is silent in this picture."
    top, left, bottom, right = look.box
    place = f" at row {look.place[0]}, column {look.place[1]}" if look.place else ""
    if look.refusal:
        return " ".join(refused_words(look))
    when = f"{words.shortened(q.model.checkpoint)}, " if q.model.checkpoint else ""
    unit = f"{words.shortened(q.layer)} unit {q.unit}{place}"
    return (
        f"{q.rule[0].upper()}{q.rule[1:]} reconstruction of {unit}, {when}"
        f"{bottom - top} by {right - left} pixels; response {words.response(look.value)}."
    )


def strip_alt(units: Sequence[int], peaks: Sequence[float]) -> str:
    """Describe the most active units."""
    named = [f"{unit} {words.response(peak)}" for unit, peak in zip(units, peaks, strict=True)]
    return f"Most active units here: {words.listing(named, most=3)}."


def script(images: ImageSet, look: UnitLook) -> str:
    """Give the lines that make a look's reconstruction without a widget."""
    q, unit = look.question, look.unit
    loaded = images.source or "...  # your pictures: cw.load_images"
    made = model_lines(q.model)
    return "\n".join(
        [
            *(["import torch", ""] if any("torch." in line for line in made) else []),
            "import cnnwidgets as cw",
            "",
            *made,
            f"images = {loaded}",
            f"record = cw.graph.record(model, model.preprocess([images[{quoted(look.name)}]]))",
            "result = cw.engines.deconv.reconstruct("
            f"record, {quoted(q.layer)}, [{unit}], rule={quoted(q.rule)})",
        ]
    )


def unit_figure(look: UnitLook, strength: float) -> bytes:
    """Draw picture, crop and reconstruction side by side, with where they come from, as PNG."""
    q, pixels = look.question, look.shown
    grid, _, _ = places(look.layer)
    if grid and look.activation is not None:
        shades = levels(look.activation, look.scales.response)
        pixels = blend_overlay(
            pixels, shades, start=grid["start"], jump=grid["jump"], strength=strength
        )
    top, left, bottom, right = look.seen
    panels = [
        Panel(look.name, f"map of unit {q.unit}", pixels, [look.seen]),
        Panel(
            "What it looks at",
            words.size(right - left, bottom - top),
            look.shown[top:bottom, left:right],
        ),
    ]
    if look.reconstruction is not None:
        response = f"response {words.response(look.value)}"
        panels.append(Panel("What it sees there", response, look.tones))
    place = f" at row {look.place[0]}, column {look.place[1]}" if look.place else ""
    source = look.provenance
    caption = (
        f"{source.model} {q.layer} unit {q.unit}{place}, {q.rule}, {source.precision}; "
        f"weights {source.weights}, cnnwidgets {source.versions['cnnwidgets']}"
    )
    return compose(panels, caption)


def _sides(look: UnitLook) -> list[tuple[str, int]]:
    return list(look.overhang.items())


def _signed(number: int) -> str:
    return f"{words.MINUS}{-number}" if number < 0 else str(number)
