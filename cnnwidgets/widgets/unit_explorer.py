"""The unit explorer: one unit in one picture, live while the slider moves."""

from __future__ import annotations

from typing import Any

import traitlets as t

from cnnwidgets.data import ImageSet, load_images
from cnnwidgets.engines.deconv import Reconstruction
from cnnwidgets.engines.top_images import Peak
from cnnwidgets.graph import RULES
from cnnwidgets.models import VisionModel
from cnnwidgets.widgets.explorer import EXPORTS, GO_ON, Explorer, Job
from cnnwidgets.widgets.scheduler import Lane, process_lane
from cnnwidgets.widgets.selection import Selection
from cnnwidgets.widgets.top_nine import TopNine
from cnnwidgets.widgets.top_words import search_words
from cnnwidgets.widgets.unit_controls import UnitControls
from cnnwidgets.widgets.unit_look import Question, Scales, UnitLook, UnitLooks
from cnnwidgets.widgets.unit_panels import UnitPanels
from cnnwidgets.widgets.unit_words import script, status_words, unit_figure

SELECTED = ("picture", "layer", "unit", "position")


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
    images : an `ImageSet`, or what `load_images` takes ("photos", "objects", a folder, a list);
        by default "photos", or those of the shared selection.
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
    top_nine : the `TopNine` strip: its `result` holds the top pictures of all units.
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
        images: ImageSet | Any = None,
        *,
        selection: Selection | None = None,
        lane: Lane | None = None,
        **state: Any,
    ) -> None:
        chosen: dict[str, Any] = {name: state.pop(name) for name in SELECTED if name in state}
        # Before any widget is made: what is wrong here leaves nothing behind.
        found = _selection(model, images, selection, chosen)
        super().__init__(lane=lane, **state)
        self.selection = found
        self.result: Reconstruction | None = None
        self._looks = UnitLooks(model, found.images)
        self._scales: Scales | None = None
        self._panels = UnitPanels(model)
        self._panels.picture.observe(self._position_chosen, "chosen")
        self._panels.active.observe(self._bar_chosen, "chosen")
        self._controls = UnitControls(found, self, self._refuse)
        self.top_nine = TopNine(
            model, found.images, lane or process_lane(), self._tile_chosen, self._searched
        )
        self._assemble(self._controls.row, self._panels.main, self.top_nine.view)
        found.observe(self._selected, list(SELECTED))
        self.observe(self._request, ["rule", "colour"])
        self._request()

    def stop(self) -> None:
        """End what runs, also the search for the top pictures; what is there stays."""
        super().stop()
        self.top_nine.stop()

    def code(self) -> str:
        """Give the few lines that make `result` in a script."""
        look: UnitLook | None = self._shown
        if look is None:
            return "# Nothing is shown yet."
        return script(self.selection.model, self.selection.images, look)

    def png(self) -> bytes:
        """Give picture, crop and reconstruction side by side as a PNG file.

        Raises
        ------
        RuntimeError
            Nothing is shown yet.
        """
        if self._shown is None:
            raise RuntimeError(
                "nothing is shown yet that could be exported; wait() for the first picture"
            )
        return unit_figure(self._shown, self._panels.picture.strength)

    def close(self) -> None:
        """Stop, leave the selection, and free everything; twice is harmless."""
        if not self._closed and hasattr(self, "_controls"):
            self.selection.unobserve(self._selected, list(SELECTED))
            self._looks.forget()
            self.top_nine.close()
        super().close()

    def _selected(self, _: Any) -> None:
        self._request()  # first: the worker computes while the controls follow
        self._controls.follow()

    def _position_chosen(self, change: Any) -> None:
        position = change["new"]["position"]
        self._choose(position=tuple(map(int, position)) if position is not None else None)

    def _bar_chosen(self, change: Any) -> None:
        index, labels = change["new"]["index"], self._panels.active.labels
        if index < len(labels):
            self._choose(unit=int(labels[index]))

    def _choose(self, **choice: Any) -> None:
        """Take a choice made on a drawing, unless that is still of another layer."""
        if self._shown is None or self._shown.question.layer != self.selection.layer:
            return
        try:
            for name, value in choice.items():
                setattr(self.selection, name, value)
        except t.TraitError as error:
            self._refuse(str(error))

    def _tile_chosen(self, question: Question, peak: Peak) -> None:
        spatial = self.selection.model.layer(question.layer).spatial
        self.selection.choose(
            layer=question.layer,
            unit=question.unit,
            picture=peak.picture,
            position=peak.position if spatial else None,
        )

    def _searched(self) -> None:
        """Tell how far the search for the top pictures is, unless the line says more."""
        nine = self.top_nine
        if self.busy or self.error or self._shown is None:
            return
        if nine.state == "stopped":
            text = f"{nine.done} of {nine.total} pictures; what is there is kept"
            told = {"headline": "Stopped", "text": text, "done": 0, "total": 0}
            self._status.show(state="stopped", buttons=[GO_ON], **told)
        else:
            self._say_shown()

    def _pressed(self, change: Any) -> None:
        if change["new"].get("name") == "go on":
            self.top_nine.go_on()
        super()._pressed(change)

    def _question(self) -> Question:
        s = self.selection
        return Question(s.picture, s.layer, s.unit, s.position, self.rule, self.colour)

    def _ask(self, question: Question) -> None:
        self.top_nine.leave(question)
        super()._ask(question)

    def _job(self, question: Question) -> Job:
        looks, scales = self._looks, self._scales
        return lambda progress, preview: looks.answer(
            question, scales if preview else None, progress
        )

    def _doing(self, question: Question) -> str:
        return f"unit {question.unit}"

    def _headline(self, answer: UnitLook, preview: bool) -> dict[str, Any]:
        said, nine = status_words(answer, preview), self.top_nine
        if preview:
            return said
        if nine.state == "stopped":
            return {**said, "buttons": [GO_ON, *EXPORTS]}
        return search_words(nine.done, nine.total) if nine.late else said

    def _draw(self, answer: UnitLook, preview: bool) -> None:
        if not preview:
            self.result, self._scales = answer.reconstruction, answer.scales
        self._panels.draw(answer, preview)
        if not preview:
            self.top_nine.ask(answer.question)

    def _file_name(self, ending: str) -> str:
        if self._shown is None:
            return super()._file_name(ending)
        q = self._shown.question
        return f"{self._shown.name}_{q.layer}_unit{q.unit}_{q.rule}.{ending}".replace(
            "/", "_"
        ).replace(":", "_")


def _selection(
    model: Any, images: Any, shared: Selection | None, chosen: dict[str, Any]
) -> Selection:
    """Give the shared selection, moved to what is chosen, or a new one."""
    if not isinstance(model, VisionModel):
        raise TypeError(
            "model must be a VisionModel, from load_model or wrap_model, "
            f"got {type(model).__name__}"
        )
    if shared is None:
        loaded = images if isinstance(images, ImageSet) else load_images(images or "photos")
        return Selection(model, loaded, **chosen)
    if images is not None and images is not shared.images:
        raise ValueError("the shared selection has pictures of its own; leave out images")
    if shared.model is not model:
        raise ValueError(
            f"the shared selection is of {shared.model.name}, not of this {model.name}"
        )
    if chosen:
        shared.choose(**chosen)
    return shared
