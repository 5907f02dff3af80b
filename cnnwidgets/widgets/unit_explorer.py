"""The unit explorer: one unit in one picture, live while the slider moves."""

from __future__ import annotations

from typing import Any

import ipywidgets
import traitlets as t

from cnnwidgets.data import ImageSet, load_images
from cnnwidgets.engines.deconv import Reconstruction
from cnnwidgets.graph import RULES
from cnnwidgets.models import VisionModel
from cnnwidgets.views import BarRows, BarStrip, Picture, encoding, layout, words
from cnnwidgets.views.display import levels
from cnnwidgets.widgets.explorer import Explorer, Job
from cnnwidgets.widgets.scheduler import Lane
from cnnwidgets.widgets.selection import Selection
from cnnwidgets.widgets.unit_look import Question, Scales, UnitLook, UnitLooks
from cnnwidgets.widgets.unit_words import (
    layer_label,
    picture_alt,
    places,
    reconstruction_alt,
    script,
    status_words,
    strip_alt,
    unit_figure,
)

MOST_ACTIVE = 12  # bars in the strip


def _of_selection(name: str) -> property:
    """Give a property that stands for a trait of the explorer's `selection`."""

    def read(self: UnitExplorer) -> Any:
        return getattr(self.selection, name)

    def write(self: UnitExplorer, value: Any) -> None:
        setattr(self.selection, name, value)

    return property(read, write, doc=f"The selection's {name}, see `Selection.{name}`.")


class UnitExplorer(Explorer):
    """Look at a unit: where it answers in a picture, what it looks at, what it sees there.

    Parameters
    ----------
    model : the network, from `load_model` or `wrap_model`.
    images : an `ImageSet`, or what `load_images` takes ("photos", "objects", a folder, a list).
    selection : share another explorer's, and both move together.
    lane : the worker; for tests.
    state : values of the traits, and picture, layer, unit and position of the selection.

    Raises
    ------
    TypeError
        For a keyword that is no trait, or arguments of the wrong kind.
    TraitError
        For a picture, layer, unit or rule that does not exist.

    Attributes
    ----------
    result : the `Reconstruction` that was last shown exactly, or None.
    picture, layer, unit, position : of `selection`; they can be read and set here too.
    """

    rule = t.Enum(tuple(RULES), "deconvnet")
    """How rectifiers and pools reverse: "deconvnet", "saliency" or "guided"."""
    colour = t.Bool(True)
    """Draw the reconstruction in colour, or its channels' mean in grey; display only."""

    picture = _of_selection("picture")
    layer = _of_selection("layer")
    unit = _of_selection("unit")
    position = _of_selection("position")

    def __init__(
        self,
        model: VisionModel,
        images: ImageSet | Any = "photos",
        *,
        selection: Selection | None = None,
        lane: Lane | None = None,
        **state: Any,
    ) -> None:
        chosen = {name: state.pop(name) for name in ("picture", "layer", "unit", "position") if name in state}
        self._images_code = f'cw.load_images("{images}")' if isinstance(images, str) else None
        super().__init__(lane=lane, **state)
        self.selection = _selection(model, images, selection, chosen)
        self.result: Reconstruction | None = None
        self._looks = UnitLooks(self.selection.model, self.selection.images)
        self._scales: Scales | None = None
        self._frame: tuple[int, bool] | None = None  # the picture that the views have, and whether exactly
        self._build_views()
        self._build_controls()
        main = layout.unit_main(
            self._picture_view, self._crop_view, self._seen_view, self._active_view, self._says_view
        )
        self._assemble(self._controls, main)
        self.selection.observe(self._selected, ["picture", "layer", "unit", "position"])
        self.observe(self._request, ["rule", "colour"])
        self._request()

    def code(self) -> str:
        """Give the few lines that make `result` in a script."""
        look: UnitLook | None = self._shown
        return script(self.selection.model, self._images_code, look) if look else "# Nothing is shown yet."

    def png(self) -> bytes:
        """Give picture, crop and reconstruction side by side as a PNG file.

        Raises
        ------
        RuntimeError
            Nothing is shown yet.
        """
        if self._shown is None:
            raise RuntimeError("nothing is shown yet that could be exported; wait() for the first picture")
        return unit_figure(self._shown, self._picture_view.strength)

    def close(self) -> None:
        """Stop, leave the selection, and free everything."""
        if selection := getattr(self, "selection", None):
            if selection.has_trait("unit") and not getattr(self, "_left", False):
                self._left = True
                selection.unobserve(self._selected, ["picture", "layer", "unit", "position"])
            self._looks = None  # type: ignore[assignment] - records and activations go with it
        super().close()

    def _build_views(self) -> None:
        self._picture_view = Picture(title="Picture", smooth=True, adjustable=True)
        self._crop_view = Picture(title="What it looks at", smooth=True)
        self._seen_view = Picture(title="What it sees there", smooth=True)
        self._active_view = BarStrip(title="Most active here")
        self._says_view = BarRows(title="The network says")
        self._picture_view.observe(self._position_chosen, "chosen")
        self._active_view.observe(self._bar_chosen, "chosen")

    def _build_controls(self) -> None:
        selection, model = self.selection, self.selection.model
        names = [(name, number) for number, name in enumerate(selection.images.names)]
        self._picture_control = ipywidgets.Dropdown(options=names, value=selection.picture)
        listed = dict(model.layers)
        listed.setdefault(selection.layer, selection.current_layer)
        options = [(layer_label(layer), name) for name, layer in listed.items()]
        self._layer_control = ipywidgets.Dropdown(options=options, value=selection.layer)
        last = selection.current_layer.units - 1
        self._unit_slider = ipywidgets.IntSlider(value=selection.unit, max=last, readout=False)
        self._unit_number = ipywidgets.IntText(value=selection.unit)
        self._rule_control = ipywidgets.Dropdown(options=tuple(RULES), value=self.rule)
        self._colour_control = ipywidgets.Dropdown(options=[("colour", True), ("grey", False)], value=self.colour)
        for control, name in (
            (self._picture_control, "picture"),
            (self._layer_control, "layer"),
            (self._unit_slider, "unit"),
            (self._unit_number, "unit"),
        ):
            control.observe(self._chooser(control, name), "value")
        t.link((self, "rule"), (self._rule_control, "value"))
        t.link((self, "colour"), (self._colour_control, "value"))
        self._controls = layout.controls_row(
            layout.named("model", model.name),
            layout.labelled("picture", self._picture_control, flex="1 1 96px"),
            layout.labelled("layer", self._layer_control, flex="1 1 228px"),
            layout.labelled("unit", self._unit_slider, self._unit_number, flex="6 1 150px", wide=True),
            layout.labelled("reverse rule", self._rule_control, flex="1 1 104px"),
            layout.labelled("shown in", self._colour_control, flex="0 1 84px"),
        )

    def _chooser(self, control: ipywidgets.Widget, name: str) -> Any:
        """Give what carries a control's value to the selection, and says where it cannot."""

        def choose(change: Any) -> None:
            try:
                setattr(self.selection, name, change["new"])
            except t.TraitError as error:
                control.value = getattr(self.selection, name)
                self._trace = ""
                self._say_error(str(error))

        return choose

    def _selected(self, change: Any) -> None:
        """Follow the selection, whoever moved it."""
        selection = self.selection
        if change["name"] == "layer":
            if selection.layer not in {name for _, name in self._layer_control.options}:
                extra = (layer_label(selection.current_layer), selection.layer)
                self._layer_control.options = [*self._layer_control.options, extra]
            self._unit_slider.max = selection.current_layer.units - 1
        self._picture_control.value = selection.picture
        self._layer_control.value = selection.layer
        self._unit_slider.value = self._unit_number.value = selection.unit
        self._request()

    def _position_chosen(self, change: Any) -> None:
        position = change["new"]["position"]
        self.selection.position = tuple(map(int, position)) if position is not None else None

    def _bar_chosen(self, change: Any) -> None:
        self.selection.unit = int(self._active_view.labels[change["new"]["index"]])

    def _question(self) -> Question:
        s = self.selection
        return Question(s.picture, s.layer, s.unit, s.position, self.rule, self.colour)

    def _job(self, question: Question) -> Job:
        looks, scales = self._looks, self._scales
        return lambda progress, preview: looks.answer(question, scales if preview else None, progress)

    def _doing(self, question: Question) -> str:
        return f"unit {question.unit}"

    def _headline(self, answer: UnitLook, preview: bool) -> dict[str, Any]:
        return status_words(answer, preview)

    def _draw(self, answer: UnitLook, preview: bool) -> None:
        if not preview:
            self.result, self._scales = answer.reconstruction, answer.scales
        frame = self._photograph(answer, preview)
        self._draw_picture(answer, frame)
        height, width = answer.shown.shape[:2]
        window = list(answer.box)
        size = words.size(window[3] - window[1], window[2] - window[0])
        edge = " ▫" if answer.overhang else ""
        self._crop_view.show(
            **frame,
            window=window,
            extent=[height, width],
            reading=f"{size}{words.THIN}px",
            alt=f"The part of {answer.name} that it looks at, {size} pixels.",
        )
        silent = [f"Unit {answer.question.unit} is silent in this picture.", "Choose another unit or picture."]
        self._seen_view.show(
            frame=encoding.raw(answer.tones, answer.seen),
            window=window,
            extent=[height, width],
            reading="silent" if answer.silent else f"response {words.response(answer.value)}{edge}",
            tag="preview" if preview else "",
            message=silent if answer.silent else [],
            alt=reconstruction_alt(answer),
        )
        self._draw_most_active(answer)
        self._draw_classes(answer)

    def _photograph(self, answer: UnitLook, preview: bool) -> dict[str, Any]:
        """Give the picture's pixels if the views do not have them yet: JPEG while dragging, exact at rest."""
        if self._frame in ((answer.question.picture, True), (answer.question.picture, not preview)):
            return {}
        self._frame = (answer.question.picture, not preview)
        return {"frame": (encoding.jpeg if preview else encoding.raw)(answer.shown)}

    def _draw_picture(self, answer: UnitLook, frame: dict[str, Any]) -> None:
        place, field = answer.place, answer.layer.field
        grid, free, cell = places(answer.layer)
        marks = [{"kind": "free", "box": free}] if free else []
        if not field.whole:
            marks.append({"kind": "field", "box": answer.box})
        overlay: dict[str, Any] = {}
        if grid and place is not None and answer.activation is not None:
            marks.append({"kind": "cell", "box": cell(*place)})
            shades = levels(answer.activation, answer.scales.response)
            overlay = encoding.overlay(shades, grid["start"], grid["jump"])
        legend = [*(["□ field"] if not field.whole else []), *(["⬚ no padding"] if free else [])]
        self._picture_view.show(
            **frame,
            notes=legend,
            extent=answer.shown.shape[:2],
            overlay=overlay,
            limits=["0", words.response(answer.scales.response)] if overlay else [],
            marks=marks,
            grid=grid,
            position=place or [],
            alt=picture_alt(answer, self.selection.model.name),
        )

    def _draw_most_active(self, answer: UnitLook) -> None:
        best = answer.response.order[:MOST_ACTIVE]
        units, peaks = best.tolist(), answer.response.peaks[best].tolist()
        self._active_view.show(
            values=peaks,
            labels=[str(unit) for unit in units],
            readings=[words.response(peak) for peak in peaks],
            selected=units.index(answer.question.unit) if answer.question.unit in units else -1,
            reading=f"of {answer.layer.units} units",
            alt=strip_alt(units, peaks),
        )

    def _draw_classes(self, answer: UnitLook) -> None:
        classes = answer.classes
        if classes is None:
            model = self.selection.model
            sentence = model.headless or f"{model.name} does not answer with one score a class."
            self._says_view.show(message=[sentence], labels=[], values=[], readings=[], reading="no head", alt=sentence)
            return
        shares = classes.probabilities.tolist()
        readings = [words.probability(share) for share in shares]
        pairs = [f"{label} {reading}" for label, reading in zip(classes.labels, readings, strict=True)]
        self._says_view.show(
            message=[],
            labels=list(classes.labels),
            values=shares,
            readings=readings,
            reading=f"best {words.count(len(shares)) if len(shares) > 12 else len(shares)} of {classes.count}",
            alt=f"The network says: {words.listing(pairs)}.",
        )

    def _file_name(self, ending: str) -> str:
        if self._shown is None:
            return super()._file_name(ending)
        q = self._shown.question
        return f"{self._shown.name}_{q.layer}_unit{q.unit}_{q.rule}.{ending}".replace("/", "_").replace(":", "_")


def _selection(model: Any, images: Any, shared: Selection | None, chosen: dict[str, Any]) -> Selection:
    """Give the shared selection, moved to what is chosen, or a new one."""
    if not isinstance(model, VisionModel):
        raise TypeError(f"model must be a VisionModel, from load_model or wrap_model, got {type(model).__name__}")
    if shared is None:
        return Selection(model, images if isinstance(images, ImageSet) else load_images(images), **chosen)
    if shared.model is not model:
        raise ValueError(f"the shared selection is of {shared.model.name}, not of this {model.name}")
    if chosen:
        shared.choose(**chosen)
    return shared
