"""Phase, contrast and size of the grating that is shown, varied one after the other at rest."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from math import degrees
from typing import Any

from cnnwidgets.engines.gratings import (
    Grating,
    Series,
    contrast_response,
    phase_tuning,
    size_tuning,
)
from cnnwidgets.models import VisionModel
from cnnwidgets.widgets.at_rest import AtRest
from cnnwidgets.widgets.explorer import Job
from cnnwidgets.widgets.frequency_units import Axis
from cnnwidgets.widgets.grating_look import GratingLook, GratingQuestion
from cnnwidgets.widgets.scheduler import Lane, Stopped
from cnnwidgets.widgets.tuning_panels import TuningPanels

MEASURED_BY = {"phase": phase_tuning, "contrast": contrast_response, "diameter": size_tuning}
KEPT = 60
"""Series that one goes back to without measuring them again: some numbers a unit each."""

Key = tuple[Any, ...]


class SeriesAtRest:
    """Measures the three series of a question, one after the other, and keeps them.

    A series is of all units of the layer, so another unit costs nothing.

    Parameters
    ----------
    lane : the worker.
    drawn : called when one is there.
    refuse : called with the sentence when one cannot be had.
    """

    def __init__(
        self, lane: Lane, drawn: Callable[[], None], refuse: Callable[[str], None]
    ) -> None:
        self._drawn, self._refuse = drawn, refuse
        self._kept: OrderedDict[Key, Series] = OrderedDict()
        self._weights: dict[VisionModel, Any] = {}  # what the kept ones were measured with
        self._drawn_of: Key = ()
        self._rest = AtRest(lane, self._job, self._show, self._fail)

    def ask(self, question: GratingQuestion) -> None:
        """Measure what is missing for a question, after a moment's rest."""
        self._forget_stale(question.model)
        if all(self.of(question, varied) for varied in MEASURED_BY):
            self._rest.leave()
            self._rest.question = question
            self._drawn()
        else:
            self._rest.ask(question)

    def leave(self) -> None:
        """Measure no more: another question is being answered."""
        self._rest.leave()

    def wait(self, timeout: float | None = None) -> None:
        """Block until all are there."""
        self._rest.wait(timeout)

    def close(self) -> None:
        """End everything and free what was kept; twice is harmless."""
        self._rest.close()
        self._kept.clear()
        self._weights.clear()

    def of(self, question: GratingQuestion, varied: str) -> Series | None:
        """Give a series of a question, if it is there."""
        return self._kept.get(_key(question, varied))

    def sizes(self, question: GratingQuestion) -> Series | None:
        """Give the size tuning of a question, if it is there."""
        return self.of(question, "diameter")

    def best_phase(self, question: GratingQuestion) -> float | None:
        """Give the phase (radians) that the unit answers most, if it is known."""
        series = self.of(question, "phase")
        if series is None or not bool(series.f0[:, question.unit].any()):
            return None
        return float(series.values[series.f0[:, question.unit].argmax()])

    def draw(self, look: GratingLook, panels: TuningPanels, axis: Axis) -> None:
        """Draw those that are there; of the others nothing."""
        q, box = look.question, look.box
        at = f"{degrees(q.grating.orientation):.0f}°, {axis.number(q.grating.frequency)}"
        for varied in MEASURED_BY:
            if series := self.of(q, varied):
                panels.draw_series(
                    series, q.unit, q.grating, at, max(box[2] - box[0], box[3] - box[1])
                )

    def mark(self, look: GratingLook, panels: TuningPanels, axis: Axis) -> None:
        """Move the marks on what is drawn; of another unit draw its own, or nothing yet."""
        q = look.question
        if (of := (q.model, q.layer, q.unit, q.position)) != self._drawn_of:
            self._drawn_of = of
            panels.forget_series()
            self.draw(look, panels, axis)
        panels.mark_grating(q.grating)

    def _forget_stale(self, model: VisionModel) -> None:
        """Let go of what was measured with other weights than a network has now."""
        weights = model.twin.state()
        if self._weights.setdefault(model, weights) != weights:
            self._weights[model] = weights
            for key in [key for key in self._kept if key[1] is model]:
                del self._kept[key]

    def _job(self, question: GratingQuestion) -> Job | None:
        missing = next((v for v in MEASURED_BY if self.of(question, v) is None), None)
        if missing is None:
            return None
        stimulus = _base(question.grating, missing)
        measure: Any = MEASURED_BY[missing]

        def job(progress: Callable[[int, int], None], _: bool) -> tuple[Key, Series]:
            series = measure(
                question.model, question.layer, stimulus, position=question.position,
                progress=progress,
            )  # fmt: skip
            return _key(question, missing), series

        return job

    def _show(self, answer: tuple[Key, Series], _: bool) -> None:
        key, series = answer
        self._kept[key] = series
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        self._drawn()
        self._rest.next()

    def _fail(self, error: BaseException) -> None:
        if not isinstance(error, Stopped):
            self._refuse(str(error) or type(error).__name__)


def _base(grating: Grating, varied: str) -> Grating:
    """Give the grating without what a series of it does not depend on."""
    plain = replace(grating, phase=0.0)
    if varied == "contrast":
        return replace(plain, contrast=1.0)
    if varied == "diameter":
        return replace(plain, diameter=None, centre=None)
    return plain


def _key(question: GratingQuestion, varied: str) -> Key:
    q = question
    return varied, q.model, q.layer, q.position, _base(q.grating, varied)
