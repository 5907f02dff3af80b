"""The sitting beneath the triplets: where answers are kept, files down and up, the class's."""

from __future__ import annotations

import os
from collections.abc import Callable
from math import comb
from typing import Any

import ipywidgets
import numpy as np
from numpy.typing import NDArray

from cnnwidgets.data import sittings
from cnnwidgets.data.sittings import Answer, Merged, Sitting, SittingLog
from cnnwidgets.engines import choices
from cnnwidgets.engines.choices import Ceiling
from cnnwidgets.views import Fold, layout, words
from cnnwidgets.views.sitting_page import sitting_page
from cnnwidgets.widgets.triplets.objects import Objects
from cnnwidgets.widgets.triplets.pictures import TripletPictures
from cnnwidgets.widgets.triplets.uploads import uploaded

CONSENT = (
    "Each answer is kept with its time in milliseconds and a random number, and nothing else: no "
    "name, nothing about you. Who answers agrees to that."
)
BUTTONS = [
    {"name": "lines", "label": "Answers"},
    {"name": "vice", "label": "VICE"},
    {"name": "page", "label": "Page for phones"},
    {"name": "forget", "label": "Forget my answers"},
]
SURE = [{"name": "really", "label": "Yes, for good"}, {"name": "keep", "label": "Keep them"}]
PAGE_TRIALS = 40
PAGE_TRIPLETS = 200
"""So few that a class answers each several times, which a ceiling needs."""
FEW = 20
"""Resamples of the ceiling's interval, which is not shown here."""

REPEATED = 5
"""Triplets with repeats from which a ceiling is told."""


class SittingStrip:
    """Keeps the answers of this sitting, and brings in those of others.

    Parameters
    ----------
    objects : what is answered about; `pictures` : theirs.
    folder : of the files; None keeps answers in memory.
    refused : is told why something cannot be had.
    changed : called when there are other answers than before.
    offered : is given (name, media type, content) of a file for the reader to save.

    Attributes
    ----------
    log : of this sitting; `others` : sittings that were brought in.
    view : the strip.
    """

    def __init__(
        self,
        objects: Objects,
        pictures: TripletPictures,
        folder: str | os.PathLike[str] | None,
        refused: Callable[[str], None],
        changed: Callable[[], None],
        offered: Callable[[str, str, bytes], None],
    ) -> None:
        self._objects, self._pictures, self._folder = objects, pictures, folder
        self._refused, self._changed, self._offered = refused, changed, offered
        self.log = self._new_log()
        self.others: list[Sitting] = []
        self.fold = Fold(title="Sitting", notes=[self._consent])
        self._said = layout.plain()
        self._upload = ipywidgets.FileUpload(
            accept=".jsonl", multiple=True, description="Bring in files"
        )
        self._upload.observe(self._brought_in, "value")
        self.fold.show(buttons=BUTTONS)
        self.fold.observe(self._pressed, "pressed")
        body = layout.strip_body(ipywidgets.Label(CONSENT), self._said, self._upload)
        self.view = layout.folded_strip(self.fold, body)
        self._say()

    @property
    def _consent(self) -> str:
        """What answering agrees to, in a few words; seen before the first answer, and after."""
        if self._folder is None:
            return "who answers agrees: choices and times are kept until the kernel ends, no name"
        return f"who answers agrees: choices and times are kept in '{self._folder}', no name"

    def record(self, answer: Answer) -> None:
        """Keep an answer; where its file cannot be written, this is said and nothing is lost."""
        self._write(lambda: self.log.record(answer))

    def undo(self) -> Answer:
        """Take the last answer back.

        Raises
        ------
        ValueError
            There is none.
        """
        taken: list[Answer] = list(self.log.answers[-1:])
        self._write(self.log.undo)
        return taken[0]

    def merged(self) -> Merged:
        """Give all sittings about these objects: of the folder, brought in, and this one."""
        return self._merge(with_own=True)

    def taken(self) -> NDArray[np.int32]:
        """Give the triplets that others answered, int32 [m, 3], for the choice of the next."""
        return self._merge(with_own=False).triplets()

    def ceiling(self) -> Ceiling | None:
        """Give how well people agree with people, where enough triplets were answered twice."""
        triplets = self.merged().triplets(repeats=False)  # people against other people
        if not len(triplets):
            return None
        found = choices.noise_ceiling(triplets, resamples=FEW)
        return found if found.triplets >= REPEATED else None

    def csv(self) -> str:
        """Give all answers as a table."""
        return sittings.export_csv(self.merged())

    def saved_words(self) -> dict[str, Any]:
        """Give the status line's words after an answer."""
        answers = self.log.answers
        if not answers:
            return {"headline": "Ready", "text": ""}
        last = answers[-1]
        text = (
            f"answer {len(answers)}, {last.rt_ms / 1000:.1f}{words.THIN}s · "
            "untick a dimension to see the choice without it; N for the next"
        )
        if self._folder is None or self.log.unsaved:
            return {"headline": "Kept here", "text": text}
        return {"headline": "Saved", "text": text}

    def page(self) -> str:
        """Give a page that records a sitting in a browser, without a kernel: one HTML file."""
        objects = self._objects
        numbers = list(range(len(objects)))
        files = self._pictures.files(numbers) if objects.images is not None else {}
        count = min(comb(len(numbers), 3), PAGE_TRIPLETS)
        triplets = choices.sample(len(numbers), count)
        return sitting_page(
            "Odd one out",
            objects.names,
            [files.get(number) for number in numbers],
            triplets.numpy(),
            trials=PAGE_TRIALS,
            set_id=objects.set_id,
        )

    def _merge(self, *, with_own: bool) -> Merged:
        folder = self.log.folder
        files = sittings.files(folder) if folder is not None and folder.is_dir() else []
        known: list[Any] = [path for path in files if path != self.log.path]
        known += self.others
        if with_own and self.log.answers:
            known.append(sittings.read(self.log.text()))
        return sittings.merge(known, names=self._objects.names, set_id=self._objects.set_id)

    def _write(self, step: Callable[[], object]) -> None:
        try:
            step()
        except OSError as error:  # nothing is lost: the log keeps it and tries again
            self._refused(str(error))
        self._say()

    def _new_log(self) -> SittingLog:
        objects = self._objects
        return SittingLog(self._folder, set_id=objects.set_id, names=objects.names)

    def _say(self) -> None:
        """Say where the answers are, and what else is here."""
        count = len(self.log.answers)
        if self._folder is None:
            where = "Answers are kept here until the kernel ends: save them with Answers."
        elif not count:
            where = f"The first answer begins the file {self.log.path}."
        else:
            where = f"{count} answer{'s' * (count != 1)} in {self.log.path}."
        merged = [f"{len(self.others)} brought in"] if self.others else []
        self._said.value = " · ".join([where, *merged])

    def _pressed(self, change: Any) -> None:
        does = {
            "lines": lambda: self._offer("jsonl", "application/x-ndjson", self._lines()),
            "vice": lambda: self._offer("zip", "application/zip", self._vice()),
            "page": lambda: self._offer("html", "text/html", self.page().encode()),
            "forget": lambda: self.fold.show(buttons=SURE),
            "really": self.forget,
        }
        if change["new"].get("name") != "forget":
            self.fold.show(buttons=BUTTONS)
        try:
            does.get(change["new"].get("name"), lambda: None)()
        except (OSError, ValueError) as error:
            self._refused(f"{error}")

    def forget(self) -> None:
        """Remove this sitting's file and its answers, and begin another one.

        Raises
        ------
        OSError
            The file cannot be removed; then the answers stay, too.
        """
        if (path := self.log.path) is not None:
            path.unlink(missing_ok=True)
        self.log = self._new_log()
        self._say()
        self._changed()

    def bring_in(self, content: str | bytes | os.PathLike[str], name: str = "") -> Sitting:
        """Take in a sitting of somebody else: for the ceiling, and for what is asked least.

        Raises
        ------
        ValueError, OSError
            It is no file of a sitting, or about other objects.
        """
        found = sittings.read(content, name=name)
        merged = sittings.merge([found], names=self._objects.names, set_id=self._objects.set_id)
        if not merged.sittings:
            raise ValueError(f"{words.shortened(name or found.id)}: {merged.remarks[0]}")
        self.others.append(found)
        self._say()
        self._changed()
        return found

    def _brought_in(self, change: Any) -> None:
        wrong = []
        for name, content in uploaded(change["new"]):
            try:
                self.bring_in(content, name)
            except (ValueError, OSError) as error:
                wrong.append(str(error))
        if change["new"]:
            self._upload.value = ()  # the same file may be chosen again
        if wrong:
            self._refused(words.listing(wrong, most=2))

    def _lines(self) -> bytes:
        if not self.log.answers:
            raise ValueError("there is no answer yet that could be saved.")
        return self.log.text().encode()

    def _vice(self) -> bytes:
        return sittings.export_vice(self.merged())

    def _offer(self, ending: str, kind: str, data: bytes) -> None:
        self._offered(f"sitting-{self.log.id}.{ending}", kind, data)
