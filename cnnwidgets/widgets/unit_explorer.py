"""The unit explorer: one unit in one picture, live while the slider moves."""

from __future__ import annotations

from typing import Any

import traitlets as t

from cnnwidgets.data import ImageSet
from cnnwidgets.engines.deconv import Reconstruction
from cnnwidgets.graph import RULES
from cnnwidgets.models import Checkpoints, VisionModel
from cnnwidgets.widgets.checkpoint_slider import CheckpointSlider, check_number, starting_point
from cnnwidgets.widgets.citations import Citation, of_unit
from cnnwidgets.widgets.explorer import EXPORTS, GO_ON, Explorer, Job
from cnnwidgets.widgets.group_field import GroupField, Numbers
from cnnwidgets.widgets.rule_grid import RuleGrid
from cnnwidgets.widgets.scheduler import Lane, process_lane
from cnnwidgets.widgets.selection import Selection, new_or_shared, of_selection
from cnnwidgets.widgets.top_nine import TopNine
from cnnwidgets.widgets.top_words import search_words
from cnnwidgets.widgets.unit_choices import UnitChoices
from cnnwidgets.widgets.unit_controls import UnitControls
from cnnwidgets.widgets.unit_look import Question, Scales, UnitLook, UnitLooks
from cnnwidgets.widgets.unit_panels import UnitPanels
from cnnwidgets.widgets.unit_words import (
    file_name,
    script,
    status_unit,
    status_words,
    unit_figure,
)

CHOSEN = ("picture", "layer", "unit", "position")
SELECTED = ["model", *CHOSEN]


class UnitExplorer(Explorer):
    """Look at a unit: where it answers in a picture, what it looks at, what it sees there.

    Parameters
    ----------
    model : the network, from `load_model` or `wrap_model`.
    images : an `ImageSet`, or what `load_images` takes ("photos", "objects", a folder, a list);
        by default "photos", or those of the shared selection.
    checkpoints : the network at several moments of its training, as `load_checkpoints` gives or
        takes them: a slider goes from one to the other.
    selection : share another explorer's, and both move together.
    lane : the worker; for tests.
    state : values of the traits, and picture, layer, unit and position of the selection. Without
        a checkpoint it starts with the last.

    Raises
    ------
    TypeError
        For a keyword that is no trait, or arguments of the wrong kind.
    TraitError
        For a picture, layer, unit, checkpoint or rule that does not exist.
    ValueError, OSError
        For checkpoints that `load_checkpoints` refuses.

    Attributes
    ----------
    result : the `Reconstruction` that was last shown exactly, or None.
    picture, layer, unit, position : of `selection`; they can be read and set here too.
    top_nine : the `TopNine` strip: its `result` holds the top pictures of all units.
    rule_grid : the `RuleGrid` strip: its `results` hold the reconstructions under all eight rules.
    """

    checkpoint = t.Int(None, allow_none=True)
    """Number of the checkpoint that is looked at; None where the network is none of them."""
    rule = t.Enum(tuple(RULES), "deconvnet")
    """How rectifiers and pools reverse: one of `cnnwidgets.graph.RULES`."""
    colour = t.Bool(True)
    """Draw the reconstruction in colour, or its channels' mean in grey; display only."""

    picture = of_selection("picture")
    layer = of_selection("layer")
    unit = of_selection("unit")
    position = of_selection("position")

    def __init__(
        self,
        model: VisionModel,
        images: ImageSet | Any = None,
        *,
        checkpoints: Checkpoints | Any = None,
        selection: Selection | None = None,
        lane: Lane | None = None,
        **state: Any,
    ) -> None:
        chosen: dict[str, Any] = {name: state.pop(name) for name in CHOSEN if name in state}
        # Before any widget is made: what is wrong here leaves nothing behind.
        number = state.pop("checkpoint", None)
        self.checkpoints, start = starting_point(model, checkpoints, number, selection)
        found = new_or_shared(start, images, selection, chosen)
        super().__init__(lane=lane, **state)
        self.selection, worker = found, lane or process_lane()
        self.result: Reconstruction | None = None
        self._looks = UnitLooks(found.images)
        self._default_rule = "rule" not in state
        self._scales: Scales | None = None
        self._panels = UnitPanels()
        choices = UnitChoices(found, self._panels, lambda: self._shown, self._refuse)
        self._groups = GroupField(found, worker, self._refuse)
        slider = CheckpointSlider(self.checkpoints, found, self) if self.checkpoints else None
        self._controls = UnitControls(found, self, self._refuse, slider, self._groups.field)
        self.top_nine = TopNine(found.images, worker, choices.tile_chosen, self._searched)
        self.rule_grid = RuleGrid(self._looks, worker, self._rule_chosen, self._refuse)
        strips = (self.rule_grid.view, self.top_nine.view)
        rows = (self._controls.row, self._controls.second)
        self._assemble(*rows, self._panels.main, *strips)
        found.observe(self._selected, SELECTED)
        self.observe(self._request, ["rule", "colour"])
        self._selected()

    def attach(
        self,
        name: str,
        *,
        weight: Numbers,
        at: str | None = None,
        bias: Numbers | None = None,
    ) -> None:
        """Make a weighted direction of units a layer, and look at it; at every checkpoint.

        Parameters
        ----------
        name : of the new layer. The same again selects it.
        weight : a tensor or array: [C] a direction of units, [C, h, w] of a whole map, [K, ...] K
            of them.
        at : the layer it reads; by default the current one (of a group: the one that it reads).
        bias : [K]; none is 0.

        Raises
        ------
        ValueError
            The name is another layer's, the layer is not there, or a shape does not fit.
        """
        self._groups.attach(name, weight, at, bias)

    def wait(self, timeout: float | None = None) -> None:
        """Block until what was asked last is shown exactly: for scripts and cells.

        Raises
        ------
        TimeoutError
            It is not there after `timeout` seconds; the work goes on.
        """
        self._groups.wait(timeout)
        super().wait(timeout)

    def stop(self) -> None:
        """End what runs, also the search for the top pictures; what is there stays."""
        super().stop()
        self.top_nine.stop()

    def code(self) -> str:
        """Give the few lines that make `result` in a script."""
        look: UnitLook | None = self._shown
        if look is None:
            return "# Nothing is shown yet."
        return script(self.selection.images, look)

    def cite(self) -> Citation:
        """Give what to cite for what is shown: it prints as text, and has ``bibtex``."""
        asked = self._shown.question if self._shown is not None else self._question()
        top, eight = self.top_nine.result, self.rule_grid.view.opened
        return of_unit(asked, self.selection.images, top=top, eight=eight)

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
            self.selection.unobserve(self._selected, SELECTED)
            self._looks.forget()
            self.top_nine.close()
            self.rule_grid.close()
            self._groups.close()
        super().close()

    @t.validate("checkpoint")
    def _check_checkpoint(self, proposal: Any) -> int | None:
        number = proposal["value"]
        return None if number is None else check_number(number, self.checkpoints)

    @t.observe("checkpoint")
    def _checkpoint_chosen(self, change: Any) -> None:
        if self.checkpoints and change["new"] is not None:
            chosen = self.checkpoints[change["new"]]
            self.selection.model = chosen.with_read_outs(self.selection.model.read_outs)

    def _selected(self, _: Any = None) -> None:
        self._request()  # first: the worker computes while the controls follow
        if self.checkpoints:
            self.checkpoint = self.checkpoints.number_of(self.selection.model)
        self._controls.follow()

    def _rule_chosen(self, name: str) -> None:
        self.rule = name

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
        # Other read-outs would make another network of it, with nothing known of it yet.
        model = s.model.for_layer(s.layer)
        return Question(model, s.picture, s.layer, s.unit, s.position, self.rule, self.colour)

    def _ask(self, question: Question) -> None:
        self.top_nine.leave(question)
        self.rule_grid.leave(question)
        super()._ask(question)

    def _job(self, question: Question) -> Job:
        looks, scales = self._looks, self._scales
        return lambda progress, preview: looks.answer(
            question, scales if preview else None, progress
        )

    def _doing(self, question: Question) -> str:
        return status_unit(question)

    def _headline(self, answer: UnitLook, preview: bool) -> dict[str, Any]:
        said, nine = status_words(answer, preview), self.top_nine
        if preview:
            return said
        if nine.state == "stopped":
            return {**said, "buttons": [GO_ON, *EXPORTS]}
        return search_words(nine.done, nine.total, nine.at_once) if nine.late else said

    def _draw(self, answer: UnitLook, preview: bool) -> None:
        if not preview:
            self.result, self._scales = answer.reconstruction, answer.scales
        self._panels.draw(answer, preview)
        if not preview:
            self.top_nine.ask(answer.question)
            self.rule_grid.ask(answer)

    def _show(self, answer: UnitLook, preview: bool) -> None:
        super()._show(answer, preview)
        if preview:
            return
        self.set_trait("error", answer.refusal)
        if self._default_rule:
            self._default_rule = False
            if "'saliency'" in answer.refusal:  # that has nothing to say of this network
                self.rule = "saliency"

    def _file_name(self, ending: str) -> str:
        if self._shown is None:
            return super()._file_name(ending)
        return file_name(self._shown, ending)
