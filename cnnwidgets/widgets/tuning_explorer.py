"""The tuning explorer: gratings on a screen, a unit in the network, and its tuning curves."""

from __future__ import annotations

import time
from typing import Any

from cnnwidgets.data import ImageSet
from cnnwidgets.engines.gratings import Tuning
from cnnwidgets.models import VisionModel
from cnnwidgets.widgets.best_grating import BestGrating
from cnnwidgets.widgets.checkpoint_slider import starting_point
from cnnwidgets.widgets.explorer import STOP, Job
from cnnwidgets.widgets.grating_drift import Drift
from cnnwidgets.widgets.grating_look import GratingLook, GratingQuestion, look_at
from cnnwidgets.widgets.grating_series import SeriesAtRest
from cnnwidgets.widgets.layer_sweep import LayerSweep
from cnnwidgets.widgets.population_strip import PopulationStrip
from cnnwidgets.widgets.scheduler import Lane, Stopped, process_lane
from cnnwidgets.widgets.selection import Selection, first_convolution, new_or_shared, of_selection
from cnnwidgets.widgets.tuning_choices import TuningChoices
from cnnwidgets.widgets.tuning_controls import TuningControls
from cnnwidgets.widgets.tuning_exports import TuningExports
from cnnwidgets.widgets.tuning_panels import TuningPanels
from cnnwidgets.widgets.tuning_traits import MOVED, STIMULUS, TuningTraits
from cnnwidgets.widgets.tuning_words import measuring_words, status_words

CHOSEN = ("layer", "unit", "position")
SELECTED = ["model", *CHOSEN]


class TuningExplorer(TuningTraits, TuningExports):
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
    population : the `PopulationStrip` beneath, with all layers once it is open.
    """

    layer = of_selection("layer")
    unit = of_selection("unit")
    position = of_selection("position")

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
        self._best = BestGrating(self, not set(MOVED) & set(state))
        self._sweep = LayerSweep(worker, self._draw_tuning, self._measuring, self._measured)
        self._drift = Drift(self)
        self._controls = TuningControls(found, self, self._refuse, self._best.leave, self.show_best)
        self._panels = TuningPanels(self._controls.sliders)
        self._series = SeriesAtRest(worker, self._series_drawn, self._refuse)
        self.population = PopulationStrip(
            found, worker, self._unit_chosen, self._refuse, self._status.offer
        )
        self._choices = TuningChoices(self, self._panels, self._best.leave)
        self._assemble(self._controls.row, self._panels.main, self.population.view)
        found.observe(self._selected, SELECTED)
        self.observe(self._stimulus_changed, STIMULUS)
        self.observe(self._shown_otherwise, ["measure", "frequency_in", "viewing_distance"])
        self.observe(self._drift_or_rest, "drift")
        self._selected()
        self._drift_or_rest()

    @property
    def result(self) -> Tuning | None:
        """The tuning of the layer that is looked at, once all its gratings were shown."""
        return self._sweep.result(self.measure)

    def show_best(self) -> None:
        """Show each unit the grating that it answers most, until the grating is moved by hand."""
        self._best.follows = True
        self._go_to_best()

    def wait(self, timeout: float | None = None) -> None:
        """Block until the response and all curves are there: for scripts and cells.

        The population has a `wait` of its own.

        Raises
        ------
        TimeoutError
            They are not there after `timeout` seconds; the work goes on.
        """
        end = None if timeout is None else time.monotonic() + timeout
        for _ in range(3):  # the best grating, and its best phase, are shown when they are known
            for wait in (super().wait, self._sweep.wait, self._series.wait):
                wait(None if end is None else max(0.0, end - time.monotonic()))

    def stop(self) -> None:
        """End what runs, also the drift and the population; what is there stays."""
        self.drift = 0.0
        self._sweep.stop()
        self.population.stop()
        self._series.leave()
        super().stop()

    def close(self) -> None:
        """Stop, leave the selection, and free everything; twice is harmless."""
        if not self._closed and hasattr(self, "_choices"):
            self.selection.unobserve(self._selected, SELECTED)
            self._drift.close()
            self._sweep.close()
            self._series.close()
            self.population.close()
        super().close()

    # What is asked

    def _question(self) -> GratingQuestion:
        s = self.selection
        model = s.model.for_layer(s.layer)
        return GratingQuestion(model, s.layer, s.unit, s.position, self.stimulus())

    def _job(self, question: GratingQuestion) -> Job:
        return lambda progress, _: look_at(question, progress)

    def _ask(self, question: GratingQuestion) -> None:
        self._series.leave()
        super()._ask(question)

    def _stimulus_changed(self, change: Any) -> None:
        if change["name"] in MOVED:
            self._best.leave()
        else:
            self._ask_population()
        self._request()
        self._controls.follow()

    def _selected(self, _: Any = None) -> None:
        self._go_to_best()
        self._request()
        self._controls.follow()
        self._ask_population()

    def _unit_chosen(self, layer: str, unit: int) -> None:
        """Look at a unit of the population, with the grating that it answers most."""
        self._best.follows = True
        self.selection.choose(layer=layer, unit=unit)
        self._go_to_best()  # also where it is the same unit

    def _ask_population(self) -> None:
        s = self.selection
        self.population.ask(s.model, s.layer, s.unit, self.colour, self._axis())

    def _go_to_best(self) -> None:
        """Move the grating to the unit's best, where that is wanted and known."""
        known = self._sweep.of(self._question())
        if known.complete and (tuning := known.by(self.measure)) is not None:
            self._best.lead(tuning, self.selection.unit)

    def _drift_or_rest(self, _: Any = None) -> None:
        self._controls.follow()
        self._drift.start()
        if not self.drift and self._shown is not None and not self.busy:
            self._say_shown()

    # What is drawn

    def _draw(self, answer: GratingLook, preview: bool) -> None:
        self._panels.draw_look(answer, moving=preview)
        self._draw_tuning()

    def _show(self, answer: GratingLook, preview: bool) -> None:
        super()._show(answer, preview)
        if not preview:  # last: either may ask for another grating, the best one
            self._series.ask(answer.question)
            self._sweep.ask(answer.question)

    def _draw_tuning(self) -> None:
        """Draw what is measured so far, beside the grating that is shown."""
        look: GratingLook | None = self._shown
        if look is not None:
            axis, sizes = self._axis(), self._series.sizes(look.question)
            tuning = self._sweep.of(look.question).by(self.measure)
            self._panels.draw_tuning(tuning, look, axis, sizes)
            self._series.mark(look, self._panels, axis)
            self._still_picture.renew()

    def _series_drawn(self) -> None:
        """Draw the series of the unit that are there."""
        if self._shown is not None:
            self._series.draw(self._shown, self._panels, self._axis())
            self._draw_tuning()
            self._best.lead_phase(self._series.best_phase(self._shown.question))

    def _shown_otherwise(self, _: Any = None) -> None:
        self._controls.follow()
        self._series_drawn()
        self._ask_population()

    # What is measured

    def _measuring(self, done: int, total: int) -> None:
        """Tell how far it is, unless the line says more; a grating that drifts does."""
        if self._shown is not None and not (self.busy or self.error or self.drift):
            self._status.show(**measuring_words(done, total), buttons=[STOP])

    def _measured(self, error: BaseException | None) -> None:
        if error is None:
            if self._shown is not None and not (self.busy or self.error):
                self._say_shown()
            self._go_to_best()
        elif not (isinstance(error, Stopped) and self.busy):  # what was asked since will be shown
            self._fail(error)

    def _doing(self, question: GratingQuestion) -> str:
        return f"unit {question.unit}"

    def _headline(self, answer: GratingLook, preview: bool) -> dict[str, Any]:
        said = status_words(answer)
        drifts = {"headline": "Drifting", "buttons": [STOP, *self.exports]}
        return said | drifts if self.drift else said
