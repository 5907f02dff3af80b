"""How all convolutions are tuned: measured in the background, frequency by frequency."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

from cnnwidgets.engines.gratings import Population, Tuning, TuningAccumulator, by_layer
from cnnwidgets.graph import StaleRecordError
from cnnwidgets.models import VisionModel
from cnnwidgets.results import Progress

KEPT = 3
"""Networks and colours that one goes back to without measuring them again."""


@dataclass(frozen=True, eq=False)
class PopulationLook:
    """What is known of all layers.

    Attributes
    ----------
    tunings : by layer, of the frequencies that were shown; `population` : their summary.
    done, total : gratings.
    """

    tunings: Mapping[str, Tuning]
    population: Population
    done: int
    total: int

    @property
    def complete(self) -> bool:
        """Whether all gratings were shown."""
        return self.done == self.total


class PopulationSweep:
    """The tuning of all convolutions of a network, while it is measured and after.

    Only the scheduler's worker calls `build`; all else may be read from anywhere.

    Attributes
    ----------
    look : what there is so far, or None. Only whole frequencies are in it.
    """

    def __init__(self, model: VisionModel, colour: str) -> None:
        self._model, self._colour = model, colour
        self.look: PopulationLook | None = None
        self._sweep: TuningAccumulator | None = None

    def build(self, progress: Progress) -> PopulationLook:
        """Measure, or go on: the middle frequency first, then its neighbours.

        Raises
        ------
        ValueError, MemoryError
            As `TuningAccumulator`.
        StaleRecordError
            The weights changed meanwhile; the next time it begins anew.
        """
        try:
            return self._built(progress)
        except StaleRecordError:
            raise StaleRecordError(
                f"the weights of {self._model.name} changed while its layers were measured; "
                "choose a unit or Measure, and they are measured anew"
            ) from None

    @property
    def count(self) -> int:
        """How many gratings were shown to all layers."""
        return self._sweep.count if self._sweep is not None else 0

    def is_current(self) -> bool:
        """Tell whether what there is belongs to the weights as they are."""
        sweep = self._sweep
        return sweep is None or sweep.is_current()

    def _built(self, progress: Progress) -> PopulationLook:
        if self._sweep is None or not self._sweep.is_current():
            self._sweep = self.look = None  # also where the new one is refused
            self._sweep = TuningAccumulator(self._model, colour=self._colour)
        sweep, total = self._sweep, len(self._sweep)
        count = len(sweep.frequencies)

        def tell(*_: int) -> None:
            progress(sweep.count, total)

        tell()
        for column in sorted(range(count), key=lambda number: abs(number - count // 2)):
            sweep.update(range(column, total, count), between=tell)
            if self.look is not None and self.look.done == sweep.count:
                continue  # it was in the look before
            tunings = sweep.result()
            population = by_layer(tunings, progress=tell)
            self.look = PopulationLook(tunings, population, sweep.count, total)
            tell()
        assert self.look is not None
        return self.look


class PopulationSweeps:
    """The sweeps that were asked for last."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[VisionModel, str], PopulationSweep] = OrderedDict()

    def of(self, model: VisionModel, colour: str) -> PopulationSweep:
        """Give the sweep of a network; it is measured by whoever asks for it."""
        # Read-outs are no convolutions, and would hide that it is the same network.
        key = model.plain, colour
        found = self._kept.pop(key, None) or PopulationSweep(*key)
        self._kept[key] = found
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return found

    def forget(self) -> None:
        """Let go of everything."""
        self._kept.clear()
