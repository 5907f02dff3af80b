"""All units of all layers beneath the explorer: folded, and measured once it is open."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from cnnwidgets.data.sittings.exports import harmless
from cnnwidgets.engines.gratings import Population, Tuning, all_units
from cnnwidgets.models import VisionModel
from cnnwidgets.views import layout, words
from cnnwidgets.views.fold import Fold
from cnnwidgets.widgets.frequency_units import PER_PIXEL, Axis
from cnnwidgets.widgets.population_charts import PopulationCharts
from cnnwidgets.widgets.population_sweep import PopulationLook, PopulationSweep, PopulationSweeps
from cnnwidgets.widgets.population_words import FOLDED, measured_words
from cnnwidgets.widgets.scheduler import Lane, Slot, Stopped
from cnnwidgets.widgets.selection import Selection

STOP = {"name": "stop", "label": "Stop"}
GO_ON = {"name": "measure", "label": "Go on"}
MEASURE = {"name": "measure", "label": "Measure"}
CLEAR = {"name": "clear", "label": "Pick none"}
CSV = {"name": "csv", "label": "CSV"}


class _Now(NamedTuple):
    """What the explorer looks at."""

    model: VisionModel
    layer: str
    unit: int
    colour: str
    axis: Axis


class PopulationStrip:
    """The strip of the whole network: folded, and once it is open it measures all convolutions.

    That is long work, which lets every other question through. What was measured stays, also when
    it is stopped, folded, or the explorer looks at another network for a while.

    Parameters
    ----------
    selection : what is looked at until `ask` says it.
    worker : measures.
    choose : called with a layer and a unit when the reader chooses them.
    refuse : called with a sentence when the measurement fails.
    offer : called with name, media type and content of a file that the reader wants, if there is
        one; `StatusLine.offer`.

    Attributes
    ----------
    view : the strip, to be put into the explorer; its end is the strip's.
    state : "idle", "measuring", "stopped", "failed" or "done".
    """

    def __init__(
        self,
        selection: Selection,
        worker: Lane,
        choose: Callable[[str, int], None],
        refuse: Callable[[str], None],
        offer: Callable[[str, str, bytes], None] | None = None,
    ) -> None:
        self._choose, self._refuse, self._offer = choose, refuse, offer
        self._now = _Now(selection.model, selection.layer, selection.unit, "grey", PER_PIXEL)
        self._sweeps = PopulationSweeps()
        self._sweep: PopulationSweep | None = None
        self._drawn: PopulationLook | None = None
        self._charts: PopulationCharts | None = None
        self._measuring = Slot(worker, self._measured, self._ended, self._report, long=True)
        self.state, self._error, self._closed = "idle", "", False
        self._done, self._total = 0, 0
        self.fold = Fold(title="Population", notes=FOLDED)
        self.fold.observe(self._turned, "opened")
        self.fold.observe(self._pressed, "pressed")
        self.view = layout.folded_strip(self.fold)

    @property
    def opened(self) -> bool:
        """Whether it is not folded."""
        return bool(self.fold.opened)

    @property
    def result(self) -> Mapping[str, Tuning] | None:
        """What is measured so far, by layer; None if nothing is."""
        look = self._sweep.look if self._sweep else None
        return look.tunings if look else None

    @property
    def population(self) -> Population | None:
        """The summary of `result`."""
        look = self._sweep.look if self._sweep else None
        return look.population if look else None

    def open(self) -> None:
        """Unfold it; what is not measured yet is."""
        self.fold.opened = True

    def ask(
        self, model: VisionModel, layer: str, unit: int, colour: str, axis: Axis = PER_PIXEL
    ) -> None:
        """Show where the unit stands among all; folded, it waits until it is opened.

        Another network or colour is measured, and one whose weights have changed. Frequencies are
        in the unit of `axis`, but for the table's.
        """
        self._now = _Now(model, layer, unit, colour, axis)
        if self.opened:
            self._follow()

    def measure(self) -> None:
        """Measure, or go on; anew where the weights have changed."""
        sweep = self._sweep = self._sweeps.of(self._now.model, self._now.colour)
        self.state, self._error = "measuring", ""
        self._done = self._total = 0
        self._say()
        self._measuring.submit(lambda progress, _: (sweep, sweep.build(progress)))

    def stop(self) -> None:
        """End what runs; what was measured stays, and is shown."""
        self._measuring.stop()

    def wait(self, timeout: float | None = None) -> None:
        """Block until all is measured, if the strip is open: for scripts and tests.

        Raises
        ------
        TimeoutError
            It is not measured after `timeout` seconds; the work goes on.
        """
        self._measuring.wait(timeout)

    def csv(self) -> str:
        """Give the indices of all units of all layers as a table.

        Raises
        ------
        RuntimeError
            Nothing is measured yet.
        """
        if (found := self.result) is None:
            raise RuntimeError("no layer is measured yet; open the population and wait() for it")
        units = all_units(found)  # a layer has the name that whoever built the network gave it
        return str(units.assign(layer=units["layer"].map(harmless)).to_csv(index=False))

    def close(self) -> None:
        """End everything and free what was kept; twice is harmless."""
        if self._closed:
            return
        self._closed = True
        self._measuring.close()
        self._sweeps.forget()
        self._sweep = self._drawn = None
        layout.close_tree(self.view)

    # What is measured

    def _follow(self) -> None:
        """Show the explorer's unit, in its own network, and measure what is not known of that."""
        sweep = self._sweeps.of(self._now.model, self._now.colour)
        other = sweep is not self._sweep
        complete = sweep.look is not None and sweep.look.complete
        if not sweep.is_current() or (not complete if other else self.state == "idle"):
            self.measure()
        elif other:
            if self.state == "measuring":
                self._measuring.submit(lambda *_: None)  # takes the place of what runs
            self._sweep, self.state, self._error = sweep, "done", ""
        self._draw()

    def _report(self, done: int, total: int) -> None:
        self._done, self._total = done, total
        self._say()
        if self._sweep is not None and self._sweep.look is not self._drawn:
            self._draw()

    def _measured(self, answer: tuple[PopulationSweep, PopulationLook] | None, _: bool) -> None:
        if answer is not None and answer[0] is self._sweep:
            self.state = "done"
            self._draw()

    def _ended(self, error: BaseException) -> None:
        if self.state == "measuring":  # and not folded meanwhile
            stopped = isinstance(error, Stopped)
            self.state = "stopped" if stopped else "failed"
            self._error = "" if stopped else str(error) or type(error).__name__
            self._done = self._sweep.count if self._sweep else 0  # the last report was held back
        self._draw()
        if self._error:
            self._refuse(self._error)

    # What is shown

    def _draw(self) -> None:
        look = self._sweep.look if self._sweep else None
        if self.opened and (self._charts is not None or look is not None):
            self._drawn, built = look, self._charts is not None
            charts = self._charts = self._charts or PopulationCharts(self._choose, self._say)
            charts.draw(look, self._now.layer, self._now.unit, self._now.axis)
            if not built:  # once, with something in them: empty charts say nothing
                self.view.children = (self.fold, charts.body)
        self._say()

    def _say(self) -> None:
        look, busy = (self._sweep.look if self._sweep else None), self.state == "measuring"
        counted = f"{self._done} of {self._total} gratings"
        notes = {
            "idle": FOLDED,
            "measuring": [counted if self._total else "measuring"],
            "stopped": [f"stopped, {counted}", "what is there is kept"],
            "failed": [self._error],
            "done": measured_words(look) if look else FOLDED,
        }[self.state]
        buttons = [{"measuring": STOP, "stopped": GO_ON}.get(self.state, MEASURE)]
        if self._charts is not None and self._charts.picked:
            buttons.append(CLEAR)
        if self._offer is not None and look is not None:
            buttons.append(CSV)
        self.fold.show(
            notes=notes,
            done=self._done if busy else 0,
            total=self._total if busy else 0,
            buttons=buttons,
        )

    def _turned(self, _: Any) -> None:
        if self._closed:
            return
        if not self.opened:
            if self.state == "measuring":
                self.state = "idle"
                self.stop()
            self._say()
            return
        self._follow()

    def _pressed(self, change: Any) -> None:
        actions: dict[str, Callable[[], None]] = {
            "measure": self.measure,
            "stop": self.stop,
            "clear": self._charts.clear if self._charts else lambda: None,
            "csv": self._save,
        }
        actions.get(change["new"].get("name", ""), lambda: None)()

    def _save(self) -> None:
        if self._offer is not None and self.result is not None:
            name = words.file_name(self._now.model.plain.name, "population", ending="csv")
            self._offer(name, "text/csv", self.csv().encode())
