"""What all explorers share: a question that is asked in the background, a status line, closing."""

from __future__ import annotations

import math
import time
import traceback
import uuid
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import ipywidgets
import traitlets as t

from cnnwidgets.views import StatusLine, View
from cnnwidgets.views.layout import PROJECTOR, close_tree, explorer_root
from cnnwidgets.widgets.citations import Citation
from cnnwidgets.widgets.scheduler import Lane, Slot, Stopped, kernel_loop, process_lane
from cnnwidgets.widgets.still_picture import StillPicture

STOP = {"name": "stop", "label": "Stop"}
GO_ON = {"name": "go on", "label": "Go on"}
DETAILS = {"name": "details", "label": "Details"}
EXPORTS = [{"name": "png", "label": "PNG"}, {"name": "code", "label": "Code"}]

LATE = 0.15
"""Seconds after which an answer that is not there yet is told to be on its way."""

Job = Callable[[Callable[[int, int], None], bool], Any]


class Explorer(ipywidgets.VBox):
    """Base of the explorers.

    A subclass builds its views once, calls `_assemble`, and gives `_question` (from its controls),
    `_job` (what is to be computed) and `_draw` (the answer to its views). Nothing is computed in a
    callback: a change asks, the worker answers, the answer is drawn.
    """

    size = t.Enum(("normal", "projector"), "normal")
    """"projector" shows everything twice as large."""
    still = t.Bool(True)
    """The notebook keeps a still picture of what is shown, for readers without a kernel."""
    busy = t.Bool(False, read_only=True)
    """An answer is on its way."""
    error = t.Unicode("", read_only=True)
    """The sentence of the last error, "" once something is shown again."""

    exports: ClassVar[list[dict[str, str]]] = EXPORTS
    """What can be exported, as buttons of the status line."""

    _closed = False  # also of one whose arguments were refused: the collector closes it, too

    def __init__(self, *, lane: Lane | None = None, **state: Any) -> None:
        unknown = sorted(set(state) - set(self.trait_names()))
        if unknown:
            raise TypeError(f"{type(self).__name__} has no trait {', '.join(unknown)}")
        super().__init__(**state)
        key, name = uuid.uuid4().hex, type(self).__name__
        self._still_picture = StillPicture(key, name, self._still, lambda: not self.busy)
        self._status = StatusLine(buttons=self.exports, still=key)
        self._status.observe(self._pressed, "pressed")
        self._slot = Slot(
            lane or process_lane(), self._show, self._fail, self._report, self._wait_for_cell
        )
        self._asked: Any = None
        self._shown: Any = None
        self._drawn_at, self._looks_back = -math.inf, False
        self._trace = ""

    def wait(self, timeout: float | None = None) -> None:
        """Block until what was asked last is shown exactly: for scripts and cells.

        Raises
        ------
        TimeoutError
            It is not there after `timeout` seconds; the work goes on.
        """
        self._slot.wait(timeout)

    def stop(self) -> None:
        """End what runs; what is shown stays."""
        self._slot.stop()

    def code(self) -> str:
        """Give the few lines that make the result that is shown in a script."""
        raise NotImplementedError

    def cite(self) -> Citation:
        """Give what to cite for what is shown: it prints as text, and has ``bibtex``."""
        raise NotImplementedError

    def png(self) -> bytes:
        """Give what is shown as a PNG file."""
        raise NotImplementedError

    def close(self) -> None:
        """Stop, and free every widget, hook and record; twice is harmless."""
        self._closed = True
        self.set_trait("busy", False)
        if slot := getattr(self, "_slot", None):
            self._still_picture.close()
            slot.close()
        if self.children:
            for child in self.children:
                close_tree(child)
            self.set_trait("children", ())
            self.layout.close()
        super().close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}: {next(iter(self._words()), 'nothing is shown yet')}"

    def _repr_mimebundle_(self, **options: Any) -> dict[str, Any]:
        if self.still:
            self._still_picture.follow()
        name = type(self).__name__
        return {**super()._repr_mimebundle_(**options), "text/plain": f"{name}, live with a kernel"}

    def _words(self) -> list[str]:
        """Say what is shown, for those who do not see it: the main thing first."""
        return [view.alt for view in _views(self) if view.alt]

    def _still(self) -> tuple[bytes, list[str]]:
        """Give what stands in a saved notebook without a kernel: a PNG file, and its words."""
        return (self.png(), self._words()) if self._shown is not None else (b"", [])

    def _assemble(self, *rows: ipywidgets.Widget) -> None:
        explorer_root(self, *rows, self._status)
        self._apply_size()

    def _question(self) -> Any:
        """Give what is asked now, from the controls; it equals the same question asked before."""
        raise NotImplementedError

    def _job(self, question: Any) -> Job:
        """Give the work that answers a question: ``job(progress, preview)``."""
        raise NotImplementedError

    def _draw(self, answer: Any, preview: bool) -> None:
        """Assign an answer to the views; from it alone, since the controls may have moved on."""
        raise NotImplementedError

    def _headline(self, answer: Any, preview: bool) -> dict[str, Any]:
        """Give the status line's state for an answer."""
        raise NotImplementedError

    def _doing(self, question: Any) -> str:
        """Say what is being drawn."""
        raise NotImplementedError

    def _request(self, _: Any = None) -> None:
        if self._closed:
            return
        question = self._question()
        if question != self._asked:
            self._ask(question)

    def _ask(self, question: Any) -> None:
        self._asked = question
        self.set_trait("busy", True)
        self._slot.submit(self._job(question))
        if self.busy and not self._looks_back and (loop := kernel_loop()):
            self._looks_back = True
            loop.call_soon_threadsafe(loop.call_later, LATE, self._say_busy_if_late)

    def _say_busy_if_late(self) -> None:
        """Say that something is being drawn, once nothing was for a while: most is quick."""
        self._looks_back = self.busy
        if not self.busy or (loop := kernel_loop()) is None:
            return
        if time.monotonic() - self._drawn_at >= LATE and self._asked is not None:
            text = self._doing(self._asked)
            self._status.show(state="busy", headline="Drawing", text=text, buttons=[STOP])
        loop.call_later(LATE, self._say_busy_if_late)

    def _show(self, answer: Any, preview: bool) -> None:
        self._shown, self._drawn_at = answer, time.monotonic()
        self._draw(answer, preview)
        self.set_trait("error", "")
        if not preview:
            self.set_trait("busy", False)
            self._still_picture.renew()
        self._say_shown(preview)

    def _say_shown(self, preview: bool = False) -> None:
        """Say in the status line what is shown."""
        plain = {"state": "ready", "headline": "Ready", "done": 0, "total": 0}
        plain["buttons"] = self.exports
        self._status.show(**{**plain, **self._headline(self._shown, preview)})

    def _fail(self, error: BaseException) -> None:
        self.set_trait("busy", False)
        if isinstance(error, Stopped):
            self._status.show(
                state="stopped", headline="Stopped", text="what is there is kept", buttons=[GO_ON]
            )
            return
        trace = "".join(traceback.format_exception(error))
        known = isinstance(error, ValueError | OSError | RuntimeError | MemoryError)
        sentence = str(error) if known and str(error) else f"{type(error).__name__}: {error}"
        self._say_error(sentence, trace)

    def _refuse(self, sentence: str) -> None:
        """Say why a choice cannot be had; what is shown is still true."""
        self._say_error(sentence, state="refused")

    def _say_error(self, sentence: str, trace: str = "", *, state: str = "error") -> None:
        """Show a sentence in the status line, with details if there are; what is shown stays."""
        self._trace = trace
        self.set_trait("error", sentence)
        self._asked = None  # the same question may be asked again
        shown = f"Showing {self._doing(self._shown.question)}." if self._shown is not None else ""
        ended = sentence if sentence.endswith((".", "?")) else f"{sentence}."
        self._status.show(
            state=state,
            headline=ended,
            text=shown,
            done=0,
            total=0,
            buttons=[DETAILS] if self._trace else self.exports,
        )

    def _report(self, done: int, total: int) -> None:
        """Show the progress of work that takes long enough to have one."""

    def _wait_for_cell(self) -> None:
        self._status.show(
            state="waiting",
            headline="Waiting",
            text="a cell is running; the picture follows when it ends",
        )

    def _pressed(self, change: Any) -> None:
        name = change["new"].get("name")
        try:
            self._actions().get(name, lambda: None)()
        except (OSError, RuntimeError, ValueError) as error:  # an export before the first picture
            self._refuse(str(error))

    def _actions(self) -> dict[str, Callable[[], None]]:
        """Give what each button of the status line does."""
        return {
            "stop": self.stop,
            "go on": lambda: self._ask(self._question()),
            "details": lambda: self._status.show(panel=self._trace),
            "code": lambda: self._status.show(panel=self.code()),
            "png": lambda: self._status.offer(self._file_name("png"), "image/png", self.png()),
        }

    def _file_name(self, ending: str) -> str:
        return f"cnnwidgets.{ending}"

    @t.observe("size")
    def _apply_size(self, _: Any = None) -> None:
        (self.add_class if self.size == "projector" else self.remove_class)(PROJECTOR)


def _views(box: ipywidgets.Widget) -> Iterator[View]:
    """Give the views in a tree of boxes, in reading order."""
    for child in getattr(box, "children", ()):
        if isinstance(child, View):
            yield child
        yield from _views(child)
