"""How whole layers are tuned, measured in the background and kept."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from cnnwidgets.engines.gratings import Tuning, TuningAccumulator
from cnnwidgets.models import VisionModel
from cnnwidgets.results import Progress

QUICK = 1 / 6
"""Cycles between phases for the first look."""
KEPT = 12
"""Tunings of layers that one goes back to without measuring them again."""


@dataclass(frozen=True)
class SweepQuestion:
    """A layer, and the colour of the gratings it is shown: what a sweep depends on."""

    model: VisionModel
    layer: str
    colour: str


class LayerTuning:
    """The tuning of one layer, while it is measured and after.

    Only the scheduler's worker calls `build`; all else may be read from anywhere.

    Attributes
    ----------
    tuning : what there is so far, or None; NaN where a grating was not shown yet.
    complete : whether all gratings were shown; `done`, `total` : how many.
    """

    def __init__(self, question: SweepQuestion) -> None:
        self.question = question
        self.tuning: Tuning | None = None
        self.done, self.total, self.complete = 0, 0, False
        self._sweep: TuningAccumulator | None = None
        self._by: Tuning | None = None

    def by(self, measure: str) -> Tuning | None:
        """Give what there is by "f0" or "f1": the same one each time, with the indices it has."""
        found, last = self.tuning, self._by
        if found is None or found.measure == measure:
            return found
        if last is None or last.f0 is not found.f0 or last.measure != measure:
            last = self._by = found.by(measure)
        return last

    def build(self, frequency: float, progress: Progress) -> Tuning:
        """Measure, or go on: first a quick look at one frequency, then all, from there outwards.

        Parameters
        ----------
        frequency : cycles per pixel, near the one to begin with.

        Raises
        ------
        ValueError, MemoryError, StaleRecordError
            As `TuningAccumulator`; it begins anew where the weights have changed.
        """
        q = self.question
        if self._sweep is None or not self._sweep.is_current():
            self.tuning, self.complete = None, False
            self._sweep = TuningAccumulator(q.model, [q.layer], colour=q.colour)
        sweep = self._sweep
        self.total, count = len(sweep), len(sweep.frequencies)
        ratios = (sweep.frequencies / frequency).log().abs()
        nearest = int(ratios.argmin())
        if self.tuning is None:
            self._look_quickly(nearest, progress)
        for column in sorted(range(count), key=lambda number: abs(number - nearest)):
            numbers = range(column, self.total, count)
            sweep.update(numbers, between=lambda: progress(sweep.count, self.total))
            self.tuning, self.done = sweep.result()[q.layer], sweep.count
            progress(self.done, self.total)
        self.complete = True
        assert self.tuning is not None
        return self.tuning

    def _look_quickly(self, column: int, progress: Progress) -> None:
        """Measure one frequency at few phases, to show an orientation curve at once."""
        q = self.question
        quick = TuningAccumulator(q.model, [q.layer], colour=q.colour, phase_gap=QUICK)
        numbers = range(column, len(quick), len(quick.frequencies))
        quick.update(numbers, between=lambda: progress(0, self.total))
        self.tuning, self.done = quick.result()[q.layer], 0
        progress(0, self.total)

    def is_current(self) -> bool:
        """Tell whether what there is belongs to the weights as they are."""
        return self._sweep is None or self._sweep.is_current()


class LayerTunings:
    """The tunings that were asked last."""

    def __init__(self) -> None:
        self._kept: OrderedDict[SweepQuestion, LayerTuning] = OrderedDict()

    def of(self, question: SweepQuestion) -> LayerTuning:
        """Give the tuning of a layer; it is measured by whoever asks for it."""
        found = self._kept.pop(question, None) or LayerTuning(question)
        self._kept[question] = found
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return found

    def forget(self) -> None:
        """Let go of everything."""
        self._kept.clear()
