"""What a class answers, live: counted, and compared with a network, while thirty people answer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import ipywidgets
import traitlets as t

from cnnwidgets.engines.alignment.rsa import METHODS
from cnnwidgets.views import layout, words
from cnnwidgets.widgets.explorer import Job
from cnnwidgets.widgets.scheduler import Lane, Slot, process_lane
from cnnwidgets.widgets.triplets.agent_controls import AgentControls
from cnnwidgets.widgets.triplets.class_exports import ClassExports
from cnnwidgets.widgets.triplets.class_files import ClassFiles, Folders, Reading
from cnnwidgets.widgets.triplets.class_look import BoardDesk, BoardLook, BoardQuestion
from cnnwidgets.widgets.triplets.class_panels import ClassPanels
from cnnwidgets.widgets.triplets.parties import parties_of
from cnnwidgets.widgets.triplets.repeated_look import RepeatedLook
from cnnwidgets.widgets.triplets.uploads import uploaded

CHOICES = ("people", "network", "layer", "measure", "method")
OFTEN = 0.2
"""Seconds between two looks into the folder, at least."""


class ClassBoard(ClassExports):
    """Follow a class that answers triplets, beside what a network finds alike; to be projected.

    It reads the folder every few seconds while it is displayed, in the background, and draws when
    there is something new.

    Parameters
    ----------
    folder : of the files of sittings, or several; None takes only files that are brought in.
    networks, objects, people : as in `TripletStepper`; the objects are those that people see there.
    trials : planned for each person, for the sentence at the top; None takes the mean so far.
    every : seconds between two looks into the folder, 0.2 or more.
    lane : the worker; for tests.
    state : values of the traits.

    Raises
    ------
    TypeError
        For a keyword that is no trait, or arguments of the wrong kind.
    ValueError, OSError
        For objects, networks or features that do not fit together, or a pause that is too short.

    Attributes
    ----------
    result : the `BoardLook` that is shown: both matrices, counts, agreements, correlation.
    """

    method = t.Enum(METHODS, "pearson")
    """Of the correlation of the two matrices."""
    pair = t.List(t.Unicode())
    """The names of two objects, whose cell is outlined and told; [] for none."""

    def __init__(
        self,
        folder: Folders = "sittings",
        networks: Any = None,
        objects: Any = "objects",
        *,
        people: Any = "auto",
        trials: int | None = None,
        every: float = 2.0,
        lane: Lane | None = None,
        **state: Any,
    ) -> None:
        if not every >= OFTEN:
            raise ValueError(f"every is {OFTEN} seconds or more between two looks; got {every}")
        if trials is not None and trials < 1:
            raise ValueError(f"trials are one or more for each person, or None; got {trials}")
        worker = lane or process_lane()
        super().__init__(parties_of(networks, objects, people), lane=lane, **state)
        self._trials = trials
        self._now: Reading | None = None
        self._files = ClassFiles(folder, self._parties.objects)
        self._desk = BoardDesk(self._parties.objects, self._parties.sources)
        self._panels = ClassPanels()
        self._reading = Slot(worker, self._read, self._fail, rest=0)
        self._again = RepeatedLook(self.look, every)
        self._build_controls()
        for matrix in self._panels.matrices:
            matrix.observe(self._cell_chosen, "chosen")
        self.observe(self._chosen_anew, CHOICES)
        self._view_count = 0  # asks the front end to count where the board is displayed
        self.observe(self._displayed, "_view_count")
        self._chosen_anew()
        self.look()

    def look(self) -> None:
        """Read what is new now; the board does so by itself while it is displayed."""
        if not self._closed:
            self._reading.submit(lambda progress, _: self._files.read())

    def bring_in(self, name: str, content: bytes) -> None:
        """Take in the file of a sitting, say from a phone; what is wrong with it is told."""
        self._files.bring_in(name, content)
        self.look()

    def wait(self, timeout: float | None = None) -> None:
        """Block until what was read last is shown, and the networks have looked at all pictures.

        Raises
        ------
        TimeoutError
            It is not there after `timeout` seconds; the work goes on.
        """
        self._reading.wait(timeout)
        super().wait(timeout)

    def close(self) -> None:
        """Stop looking, and free everything; twice is harmless."""
        if not self._closed and hasattr(self, "_again"):
            self._again.stop()
            self._reading.close()
            self._desk.forget()
        super().close()

    # What is asked

    def _question(self) -> BoardQuestion:
        assert self._now is not None
        first, second = (source is None or source.ready() for source in self._sources())
        other, setting = self._settings()
        return BoardQuestion(
            self.people,
            self.network,
            other,
            setting,
            self.method,
            self._now.serial,
            (first, second),
            self._now,
        )

    def _job(self, question: BoardQuestion) -> Job:
        return lambda progress, _: self._desk.answer(question, progress)

    def _request(self, _: Any = None) -> None:
        if self._now is not None:
            super()._request()

    def _chosen_anew(self, change: Any = None) -> None:
        if change is not None and change["name"] == "network":
            self._match_layer()
        self._controls.follow()
        self._looking.follow()
        self._request()

    def _read(self, reading: Reading, _: bool) -> None:
        """Take what was read: new answers are asked about, another pace is only written."""
        self._now = reading
        if self.result is not None:
            shown = self.result.question
            if shown.serial == reading.serial:
                self._panels.keep_pace(reading)
            ready = zip(shown.ready, self._question().ready, strict=True)
            if any(was and not now for was, now in ready):  # its weights are others: it looks again
                self._looking.follow()
        self._request()

    def _say_busy_if_late(self) -> None:
        """Say nothing while a few answers are added: that comes every other second."""
        shown, asked = self._shown, self._asked
        if shown and asked and replace(asked, serial=0) == replace(shown.question, serial=0):
            self._looks_back = False
        else:
            super()._say_busy_if_late()

    # What is shown

    def _draw(self, look: BoardLook, preview: bool) -> None:
        self.result = look
        self._panels.draw(
            look,
            objects=len(self._parties.objects),
            trials=self._trials,
            waiting=self._missing(),
        )
        self._panels.choose(look, self.pair)

    def _missing(self) -> str:
        source = self._sources()[1]
        if source is None:
            return "No network is chosen."
        return self._why_silent(source)

    def _headline(self, look: BoardLook, preview: bool) -> dict[str, Any]:
        if self._looking.name:
            return self._looking_state("the class is counted meanwhile")
        remarks = look.question.reading.remarks
        if remarks:
            told = words.listing([words.shortened(one, 160) for one in remarks[:2]])
            more = f" (and {len(remarks) - 2} more)" if len(remarks) > 2 else ""
            return {"state": "warning", "headline": "Some was left out", "text": told + more}
        where = words.listing([f"'{folder}'" for folder in self._files.folders], most=2)
        if not where:
            return {"text": "files that are brought in are counted"}
        return {"text": f"{where} is read every {self._again.every:g}{words.THIN}s"}

    def _doing(self, question: BoardQuestion) -> str:
        return "the class"

    # What the teacher does

    def _build_controls(self) -> None:
        self._controls = AgentControls(self, self._parties)
        method = ipywidgets.Dropdown(options=list(METHODS))
        t.link((self, "method"), (method, "value"))
        self._upload = ipywidgets.FileUpload(
            accept=".jsonl", multiple=True, description="Bring in files"
        )
        self._upload.observe(self._brought_in, "value")
        row = layout.controls_row(
            *self._controls.fields,
            layout.labelled("correlation", method, flex="1 1 100px"),
            layout.labelled("\N{NO-BREAK SPACE}", self._upload, flex="0 0 148px"),
        )
        self._assemble(row, self._panels.main, self._panels.strip)

    def _brought_in(self, change: Any) -> None:
        for name, content in uploaded(change["new"]):
            self._files.bring_in(name, content)
        if change["new"]:
            self._upload.value = ()  # the same file may be chosen again
            self.look()

    def _cell_chosen(self, change: Any) -> None:
        look, came = self.result, change["new"]
        places = [int(came.get(name, -1)) for name in ("row", "column")]
        if look is not None and all(0 <= place < len(look.names) for place in places):
            self.pair = [look.names[place] for place in places]

    @t.observe("pair")
    def _pair_chosen(self, _: Any) -> None:
        if self.result is not None:
            self._panels.choose(self.result, self.pair)

    def _displayed(self, change: Any) -> None:
        """Look again and again while somebody sees it, and at once where it comes back."""
        if not change["new"] or self._closed:
            self._again.stop()
        elif not self._again.going:
            self._again.start()
            self.look()
