"""What the tuning explorer gives away: a figure, a table, a script."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from cnnwidgets.widgets.citations import Citation, of_tuning
from cnnwidgets.widgets.explorer import EXPORTS, Explorer
from cnnwidgets.widgets.grating_look import GratingQuestion
from cnnwidgets.widgets.layer_sweep import LayerSweep
from cnnwidgets.widgets.population_strip import PopulationStrip
from cnnwidgets.widgets.tuning_words import file_name, script, tuning_figure


class TuningExports(Explorer):
    """An explorer of which PNG, CSV and code can be had.

    A subclass gives `_question`, the sweep of its layer, and the population.
    """

    measure: str
    population: PopulationStrip
    _sweep: LayerSweep
    exports: ClassVar[list[dict[str, str]]] = [
        EXPORTS[0],
        {"name": "csv", "label": "CSV"},
        EXPORTS[1],
    ]

    def code(self) -> str:
        """Give the few lines that measure the layer's tuning in a script."""
        return script(self._question())

    def cite(self) -> Citation:
        """Give what to cite for what is shown: it prints as text, and has ``bibtex``."""
        asked = self._shown.question if self._shown is not None else self._question()
        return of_tuning(
            asked.model,
            measured=self._sweep.of(asked).by(self.measure) is not None,
            population=self.population.opened and self.population.population is not None,
        )

    def png(self) -> bytes:
        """Give the grating and the joint tuning side by side as a PNG file.

        Raises
        ------
        RuntimeError
            Nothing is shown yet.
        """
        if self._shown is None:
            raise RuntimeError("nothing is shown yet that could be exported; wait() for it")
        tuning = self._sweep.of(self._shown.question).by(self.measure)
        return tuning_figure(self._shown, tuning)

    def csv(self) -> str:
        """Give the indices of all units of the layer as a table.

        Raises
        ------
        RuntimeError
            They are not measured yet.
        """
        known = self._sweep.of(self._question())
        if (tuning := known.by(self.measure)) is None or not known.complete:
            raise RuntimeError("the layer is not measured yet; wait() for its tuning")
        return str(tuning.to_frame().to_csv(index=False))

    def _question(self) -> GratingQuestion:
        raise NotImplementedError

    def _actions(self) -> dict[str, Callable[[], None]]:
        def save() -> None:
            self._status.offer(self._file_name("csv"), "text/csv", self.csv().encode())

        return {**super()._actions(), "csv": save}

    def _file_name(self, ending: str) -> str:
        return file_name(self._question(), ending)
