"""The tuning explorer: gratings on a screen, a unit in the network, and its tuning curves."""

from __future__ import annotations

import time
from math import inf, isfinite, pi
from typing import Any, ClassVar

import traitlets as t

from cnnwidgets.data import ImageSet
from cnnwidgets.engines.gratings import COLOURS, NYQUIST, Grating, Tuning
from cnnwidgets.models import VisionModel
from cnnwidgets.views.figure import Panel, compose
from cnnwidgets.widgets.checkpoint_slider import starting_point
from cnnwidgets.widgets.explorer import EXPORTS, STOP, Explorer, Job
from cnnwidgets.widgets.frequency_units import UNITS, factor_of
from cnnwidgets.widgets.grating_look import GratingLook, GratingQuestion, look_at
from cnnwidgets.widgets.grating_series import SeriesAtRest
from cnnwidgets.widgets.layer_tunings import LayerTuning, LayerTunings, SweepQuestion
from cnnwidgets.widgets.scheduler import Lane, Slot, Stopped, kernel_loop, process_lane
from cnnwidgets.widgets.selection import Selection, new_or_shared, of_selection
from cnnwidgets.widgets.tuning_choices import TuningChoices
from cnnwidgets.widgets.tuning_controls import FASTEST, TuningControls
from cnnwidgets.widgets.tuning_panels import Axis, TuningPanels
from cnnwidgets.widgets.tuning_words import file_name, script, status_words, tuning_pixels

CHOSEN = ("layer", "unit", "position")
SELECTED = ["model", *CHOSEN]
STIMULUS = ("orientation", "frequency", "phase", "contrast", "diameter", "centre", "colour")
MOVED = STIMULUS[:-1]
"""What shows that the grating is moved by hand: its best is sought in any colour."""
FRAME = 0.06
"""Seconds between the frames of a drifting grating."""


class TuningExplorer(Explorer):
    """Show a unit gratings, and see how it is tuned to them: live, and measured.

    Conventions: the orientation is the direction of the wave vector, counter-clockwise on the
    screen, 0 = vertical bars. Phase 0 is brightest in the middle of the unit's field. The contrast
    is around mid-grey in stored (sRGB) values. Negative responses count as 0.

    Parameters
    ----------
    model : the network, from `load_model` or `wrap_model`.
    images : as for `UnitExplorer`, which a shared selection is for; by default "photos".
    selection : share another explorer's, and both move together.
    lane : the worker; for tests.
    state : values of the traits, and layer, unit and position of the selection. Without a layer it
        starts with the first convolution.

    Raises
    ------
    TypeError
        For a keyword that is no trait, or arguments of the wrong kind.
    ValueError
        The shared selection is of another network, or has pictures of its own.
    TraitError
        For a layer, unit, position or stimulus that does not exist.

    Attributes
    ----------
    result : the layer's `Tuning`, once all its gratings were shown, or None.
    layer, unit, position : of `selection`; they can be read and set here too. Without a position
        it is the middle one of those that see no padding.
    """

    orientation = t.Float(0.0)
    """Radians in [0, pi): direction of the wave vector, counter-clockwise, 0 = vertical bars."""
    frequency = t.Float(0.1, min=1 / 1024, max=NYQUIST)
    """Cycles per pixel."""
    phase = t.Float(0.0)
    """Radians, 0 is brightest at the centre."""
    contrast = t.Float(1.0, min=0, max=1)
    """0 to 1, around mid-grey."""
    diameter = t.Float(None, allow_none=True, min=0)
    """Px of a round patch; None is the full field."""
    centre: Any = t.Tuple(t.Float(), t.Float(), default_value=None, allow_none=True)
    """(y, x) px of patch and phase; None is the middle of the unit's field."""
    colour = t.Enum(tuple(COLOURS), "grey")
    """What goes up and down: one of `cnnwidgets.engines.gratings.COLOURS`."""
    drift = t.Float(0.0, min=0, max=FASTEST)
    """Cycles a second; 0 stands still."""
    measure = t.Enum(("f0", "f1"), "f0")
    """What the curves and numbers are of: the mean response, or its modulation by the phase."""
    frequency_in = t.Enum(UNITS, UNITS[0])
    """The unit in which frequencies are shown."""
    viewing_distance = t.Float(2.8, min=0.1)
    """In widths of the picture, for cycles per degree; 2.8 widths make the picture 20 degrees."""

    layer = of_selection("layer")
    unit = of_selection("unit")
    position = of_selection("position")

    exports: ClassVar[list[dict[str, str]]] = [
        EXPORTS[0],
        {"name": "csv", "label": "CSV"},
        EXPORTS[1],
    ]

    def __init__(
        self,
        model: VisionModel,
        images: ImageSet | Any = None,
        *,
        selection: Selection | None = None,
        lane: Lane | None = None,
        **state: Any,
    ) -> None:
        chosen: dict[str, Any] = {name: state.pop(name) for name in CHOSEN if name in state}
        _, start = starting_point(model, None, None, selection)
        if selection is None:
            chosen.setdefault("layer", first_convolution(start))
        found = new_or_shared(start, images, selection, chosen)
        self.selection, worker = found, lane or process_lane()  # by which colours are judged
        super().__init__(lane=lane, **state)
        self.result: Tuning | None = None
        self._follows_best, self._leading = not set(MOVED) & set(state), False
        self._tunings = LayerTunings()
        self._sweep: LayerTuning | None = None
        self._sweeping = Slot(worker, self._swept, self._not_swept, self._sweep_on, long=True)
        self._drawn: tuple[int, Any] = (-1, None)
        self._drifted_at = -inf
        self._controls = TuningControls(found, self, self._refuse, self._moved, self.show_best)
        self._panels = TuningPanels(self._controls.sliders)
        self._series = SeriesAtRest(worker, self._series_drawn, self._refuse)
        self._choices = TuningChoices(self, self._panels, self._moved)
        self._assemble(self._controls.row, self._panels.main)
        found.observe(self._selected, SELECTED)
        self.observe(self._stimulus_changed, STIMULUS)
        self.observe(self._shown_otherwise, ["measure", "frequency_in", "viewing_distance"])
        self.observe(self._drift_or_rest, "drift")
        self._selected()
        self._drift_or_rest()

    def show_best(self) -> None:
        """Show each unit the grating that it answers most, until the grating is moved by hand."""
        self._follows_best = True
        self._go_to_best()

    def wait(self, timeout: float | None = None) -> None:
        """Block until the response and all curves are there: for scripts and cells.

        Raises
        ------
        TimeoutError
            They are not there after `timeout` seconds; the work goes on.
        """
        end = None if timeout is None else time.monotonic() + timeout
        for _ in range(3):  # the best grating, and its best phase, are shown when they are known
            for wait in (super().wait, self._sweeping.wait, self._series.wait):
                wait(None if end is None else max(0.0, end - time.monotonic()))

    def stop(self) -> None:
        """End what runs, also the drift; what is there stays."""
        self.drift = 0.0
        self._sweeping.stop()
        self._series.leave()
        super().stop()

    def code(self) -> str:
        """Give the few lines that measure the layer's tuning in a script."""
        return script(self._question())

    def png(self) -> bytes:
        """Give the grating and the joint tuning side by side as a PNG file.

        Raises
        ------
        RuntimeError
            Nothing is shown yet.
        """
        look: GratingLook | None = self._shown
        if look is None:
            raise RuntimeError("nothing is shown yet that could be exported; wait() for it")
        q = look.question
        panels = [Panel("Grating", f"response {look.value:.3g}", look.shown, [look.box])]
        caption = f"{q.model.name} {q.layer} unit {q.unit}"
        if (tuning := self._tuning()) is not None:
            panels.append(Panel("Joint tuning", "0 to 180° × c/px", tuning_pixels(tuning, q.unit)))
            caption += f"; weights {tuning.provenance.weights}"
        return compose(panels, caption)

    def csv(self) -> str:
        """Give the indices of all units of the layer as a table.

        Raises
        ------
        RuntimeError
            They are not measured yet.
        """
        if (tuning := self._tuning()) is None or not self._measured().complete:
            raise RuntimeError("the layer is not measured yet; wait() for its tuning")
        return str(tuning.to_frame().to_csv(index=False))

    def close(self) -> None:
        """Stop, leave the selection, and free everything; twice is harmless."""
        if not self._closed and hasattr(self, "_choices"):
            self.selection.unobserve(self._selected, SELECTED)
            self._sweeping.close()
            self._series.close()
            self._tunings.forget()
            self._sweep = None
        super().close()

    @t.validate(*MOVED, "drift", "viewing_distance")
    def _check_finite(self, proposal: Any) -> Any:
        name, value = proposal["trait"].name, proposal["value"]
        if value is None:
            return None
        if not all(map(isfinite, value if name == "centre" else [value])):
            raise t.TraitError(f"{name} takes finite numbers; {value} was asked")
        around = {"orientation": pi, "phase": 2 * pi}.get(name)
        return value if around is None else float(value % around)

    @t.validate("colour")
    def _check_colour(self, proposal: Any) -> str:
        channels = self.selection.model.input_shape[0] if hasattr(self, "selection") else 3
        if channels != 3 and proposal["value"] != "grey":
            raise t.TraitError(
                f"this network takes {channels} input channels, so its gratings are grey; "
                f"{proposal['value']} was asked"
            )
        return str(proposal["value"])

    # What is asked

    def _question(self) -> GratingQuestion:
        s = self.selection
        stimulus = Grating(**{name: getattr(self, name) for name in STIMULUS})
        return GratingQuestion(s.model.for_layer(s.layer), s.layer, s.unit, s.position, stimulus)

    def _job(self, question: GratingQuestion) -> Job:
        return lambda progress, _: look_at(question, progress)

    def _ask(self, question: GratingQuestion) -> None:
        self._series.leave()
        super()._ask(question)

    def _stimulus_changed(self, change: Any) -> None:
        if change["name"] in MOVED and not self._leading:
            self._moved()
        self._request()
        self._controls.follow()

    def _selected(self, _: Any = None) -> None:
        if not self._go_to_best():
            self._request()
        self._controls.follow()

    def _moved(self) -> None:
        self._follows_best = False

    def _go_to_best(self) -> bool:
        """Move the grating to the unit's best, where that is wanted and known."""
        measured, unit = self._measured(), self.selection.unit
        if not self._follows_best or measured.tuning is None or not measured.complete:
            return False
        tuning = measured.tuning.by(self.measure)
        if not bool(tuning.peak[unit] > 0):
            return False
        row, column = tuning.best[unit].tolist()
        self._lead(
            orientation=float(tuning.orientations[row]),
            frequency=float(tuning.frequencies[column]),
            diameter=None,
            centre=None,
            contrast=1.0,
        )
        self._request()
        return True

    def _lead(self, **stimulus: Any) -> None:
        """Move the grating where nobody moves it by hand."""
        self._leading = True
        try:
            with self.hold_trait_notifications():
                for name, value in stimulus.items():
                    setattr(self, name, value)
        finally:
            self._leading = False

    # What is drawn

    def _draw(self, answer: GratingLook, preview: bool) -> None:
        self._panels.draw_look(answer, moving=preview)
        self._draw_tuning(answer)

    def _show(self, answer: GratingLook, preview: bool) -> None:
        super()._show(answer, preview)
        if not preview:  # last: either may ask for another grating, the best one
            self._series.ask(answer.question)
            self._measure(answer)

    def _draw_tuning(self, look: GratingLook) -> None:
        tuning, unit = self._tuning(), look.question.unit
        peak = 0.0
        if tuning is not None:
            peak = float(tuning.response[:, :, unit].max())
            largest = float((tuning.f0 + tuning.f1)[:, :, unit].nan_to_num(0).max())
            q = look.question
            self._panels.expect(largest, (q.model, q.layer, unit, q.grating.colour))
        self._panels.draw_tuning(tuning, look, self._axis(), peak)
        self._panels.draw_numbers(tuning, unit, self._series.sizes(look.question), self._axis())
        self._series.mark(look, self._panels, self._axis())

    def _series_drawn(self) -> None:
        """Draw the series of the unit that are there."""
        look: GratingLook | None = self._shown
        if look is None:
            return
        self._series.draw(look, self._panels, self._axis())
        sizes = self._series.sizes(look.question)
        self._panels.draw_numbers(self._tuning(), look.question.unit, sizes, self._axis())
        best = self._series.best_phase(look.question)
        if self._follows_best and best is not None:
            self._lead(phase=best)

    def _shown_otherwise(self, _: Any = None) -> None:
        self._controls.follow()
        if self.result is not None:
            self.result = self.result.by(self.measure)
        if self._shown is not None:
            self._draw_tuning(self._shown)
            self._series_drawn()

    def _axis(self) -> Axis:
        extent = self.selection.model.input_shape[1:]
        return Axis(self.frequency_in, factor_of(self, extent))

    # What is measured

    def _tuning(self) -> Tuning | None:
        """Give what is measured of the layer so far."""
        found = self._measured().tuning
        return None if found is None else found.by(self.measure)

    def _measured(self) -> LayerTuning:
        s = self.selection
        question = SweepQuestion(s.model.for_layer(s.layer), s.layer, self.colour)
        return self._tunings.of(question)

    def _measure(self, look: GratingLook) -> None:
        """Have the layer measured, unless it is or was."""
        q = look.question
        wanted = self._tunings.of(SweepQuestion(q.model, q.layer, q.grating.colour))
        known = wanted.complete or not self._sweeping.newest.settled
        if wanted is self._sweep and known and wanted.is_current():
            return
        self._sweep = wanted
        if wanted.complete and wanted.is_current():
            self._swept(wanted.tuning, False)
            return
        self.result = None
        frequency = q.grating.frequency
        self._sweeping.submit(lambda progress, _: wanted.build(frequency, progress))

    def _sweep_on(self, done: int, total: int) -> None:
        """Draw what was measured since."""
        if self._shown is None or self._sweep is None:
            return
        state = (self._sweep.done, self._sweep.tuning)
        if state != self._drawn:
            self._drawn = state
            self._draw_tuning(self._shown)
        if not (self.busy or self.error):
            text = f"{done} of {total} gratings"
            self._status.show(
                state="working", headline="Measuring", text=text, done=done, total=total,
                buttons=[STOP],
            )  # fmt: skip

    def _swept(self, tuning: Tuning | None, _: bool) -> None:
        if tuning is None or self._sweep is None:
            return
        if self._sweep.tuning is tuning:
            self.result = tuning.by(self.measure)
        if self._shown is not None:
            self._draw_tuning(self._shown)
            if not (self.busy or self.error):
                self._say_shown()
        self._go_to_best()

    def _not_swept(self, error: BaseException) -> None:
        self._sweep = None
        if not (isinstance(error, Stopped) and self.busy):  # what was asked since will be shown
            self._fail(error)

    # Words

    def _doing(self, question: GratingQuestion) -> str:
        return f"unit {question.unit}"

    def _headline(self, answer: GratingLook, preview: bool) -> dict[str, Any]:
        said = status_words(answer)
        if self.drift:
            return {**said, "headline": "Drifting", "buttons": [STOP, *self.exports]}
        return said

    def _pressed(self, change: Any) -> None:
        if change["new"].get("name") != "csv":
            super()._pressed(change)
            return
        try:
            table = self.csv().encode()
        except RuntimeError as error:
            self._refuse(str(error))
        else:
            self._status.offer(self._file_name("csv"), "text/csv", table)

    def _file_name(self, ending: str) -> str:
        return file_name(self._question(), ending)

    # Drift

    def _drift_or_rest(self, _: Any = None) -> None:
        self._controls.follow()
        loop = kernel_loop()
        if self.drift and self._drifted_at == -inf and loop is not None:
            self._drifted_at = time.monotonic()
            loop.call_soon_threadsafe(loop.call_later, FRAME, self._drift_on)
        elif not self.drift and self._shown is not None and not self.busy:
            self._say_shown()

    def _drift_on(self) -> None:
        """Move the phase by the time that went by; a frame is left out while one is on its way."""
        loop, now = kernel_loop(), time.monotonic()
        if self._closed or not self.drift or loop is None:
            self._drifted_at = -inf
            return
        if not self.busy:
            self.phase += 2 * pi * self.drift * (now - self._drifted_at)
            self._drifted_at = now
        loop.call_later(FRAME, self._drift_on)


def first_convolution(model: VisionModel) -> str:
    """Give the layer to begin with: the first convolution, or the first layer."""
    names = [layer.name for layer in model.layers.values() if layer.kind.startswith("Conv")]
    return (names or [*model.layers])[0]


__all__ = ["TuningExplorer", "first_convolution"]
