"""The unit explorer's five drawings, and how an answer is drawn on them."""

from __future__ import annotations

from typing import Any

from cnnwidgets.views import BarRows, BarStrip, Picture, encoding, layout, words
from cnnwidgets.views.display import levels
from cnnwidgets.widgets.unit_look import UnitLook
from cnnwidgets.widgets.unit_words import (
    picture_alt,
    places,
    reconstruction_alt,
    refused_words,
    strip_alt,
)

MOST_ACTIVE = 12  # bars in the strip


class UnitPanels:
    """Picture with map, crop, reconstruction, most active units, best classes.

    Everything is drawn from the answer alone: by then the controls may have moved on.
    """

    def __init__(self) -> None:
        self._sent: tuple[int, bool] | None = None  # the picture the views have; whether exactly
        self.picture = Picture(title="Picture", smooth=True, adjustable=True)
        self.crop = Picture(title="What it looks at", smooth=True)
        self.seen = Picture(title="What it sees there", smooth=True)
        self.active = BarStrip(title="Most active here")
        self.says = BarRows(title="The network says")
        self.main = layout.unit_main(self.picture, self.crop, self.seen, self.active, self.says)

    def draw(self, look: UnitLook, preview: bool) -> None:
        """Assign an answer to the views."""
        photograph = self._photograph(look, preview)
        self._draw_field(look, photograph, preview)  # first: it is what one waits for
        self._draw_picture(look, photograph)
        self._draw_most_active(look)
        self._draw_classes(look)

    def _photograph(self, look: UnitLook, preview: bool) -> dict[str, Any]:
        """Give the pixels, unless the views have them: JPEG while dragging, exact at rest."""
        picture = look.question.picture
        if self._sent in ((picture, True), (picture, not preview)):
            return {}
        self._sent = (picture, not preview)
        return {"frame": (encoding.jpeg if preview else encoding.raw)(look.shown)}

    def _draw_picture(self, look: UnitLook, photograph: dict[str, Any]) -> None:
        place, field = look.place, look.layer.field
        grid, free, cell = places(look.layer)
        marks = [{"kind": "free", "box": free}] if free else []
        if not field.whole:
            marks.append({"kind": "field", "box": look.box})
        overlay: dict[str, Any] = {}
        if grid and place is not None and look.activation is not None:
            marks.append({"kind": "cell", "box": cell(*place)})
            shades = levels(look.activation, look.scales.response)
            overlay = encoding.overlay(shades, grid["start"], grid["jump"])
        legend = ["□ field"] if not field.whole else []
        self.picture.show(
            **photograph,
            notes=[*legend, "⬚ no padding"] if free else legend,
            extent=look.shown.shape[:2],
            overlay=overlay,
            limits=["0", words.response(look.scales.response)]
            if overlay and not look.silent
            else [],
            marks=marks,
            grid=grid,
            position=place or [],
            alt=picture_alt(look),
        )

    def _draw_field(self, look: UnitLook, photograph: dict[str, Any], preview: bool) -> None:
        """Draw crop and reconstruction: the same box at the same scale, always."""
        top, left, bottom, right = look.box
        shared = {"window": [top, left, bottom, right], "extent": look.shown.shape[:2]}
        size = words.size(right - left, bottom - top)
        number = look.question.unit
        message: list[str] = []
        if look.silent:
            message = [
                f"Unit {number} is silent in this picture.",
                "Choose another unit or picture.",
            ]
        elif look.refusal:
            message = refused_words(look)
        edge = " ▫" if look.overhang else ""
        response = f"response {words.response(look.value)}{edge}"
        self.seen.show(
            **shared,
            frame=encoding.raw(look.tones, look.seen),
            reading="silent" if look.silent else response,
            tag="preview" if preview else "",
            message=message,
            alt=reconstruction_alt(look),
        )
        self.crop.show(
            **photograph,
            **shared,
            reading=f"{size}{words.THIN}px",
            alt=f"The part of {look.name} that it looks at, {size} pixels.",
        )

    def _draw_most_active(self, look: UnitLook) -> None:
        best = look.response.order[:MOST_ACTIVE]
        units, peaks = best.tolist(), look.response.peaks[best].tolist()
        chosen, count = look.question.unit, look.layer.units
        self.active.show(
            values=peaks,
            labels=[str(unit) for unit in units],
            readings=[words.response(peak) for peak in peaks],
            selected=units.index(chosen) if chosen in units else -1,
            reading=f"of {count} unit{'s' * (count != 1)}",
            alt=strip_alt(units, peaks),
        )

    def _draw_classes(self, look: UnitLook) -> None:
        classes, model = look.classes, look.question.model
        if classes is None:
            plain = f"{model.origin.name} does not answer with one score a class."
            sentence = model.headless or plain
            nothing: dict[str, list[Any]] = {"labels": [], "values": [], "readings": []}
            self.says.show(message=[sentence], **nothing, reading="no head", alt=sentence)
            return
        shares = classes.probabilities.tolist()
        readings = [words.probability(share) for share in shares]
        said = [f"{name} {read}" for name, read in zip(classes.labels, readings, strict=True)]
        self.says.show(
            message=[],
            labels=list(classes.labels),
            values=shares,
            readings=readings,
            reading=f"best {len(shares)} of {classes.count}",
            alt=f"The network says: {words.listing(said)}.",
        )
